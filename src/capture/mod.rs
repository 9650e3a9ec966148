//! From the traces on the command line to one stream of packets.
//!
//! What comes in: paths of files, folders and pipes ([`Inputs::open`]). What goes out: every packet
//! of every trace, in the order of the traces' first packets ([`Inputs::read`]), and what
//! was found out about each trace, its damage included ([`TraceReport`]).
//!
//! ```text
//! path ── source: what is it, how is it compressed ──┬── map: the file in memory ───────────┬── window
//!                                                    └── feed: a thread that reads ahead ───┘     │
//!                        inputs ── trace ── format: pcap or pcapng, one record at a time ─────────┘
//! ```
//! A format sees only a slice of bytes and a place in it, and says what stands there
//! (`format::Step`). So it is the same code, with the same results, for a mapped file, a pipe and
//! a decompressed stream. A compressed trace is read by a thread of its own, which also looks at
//! each packet on behalf of whoever takes them (`ahead`), several traces side by side. Of a mapped file
//! whoever takes the packets may have stretches read in other threads (`stretch`). Where a record makes
//! no sense, `trace` looks for the next chain of records that does (`chain`), and notes what was lost.
//! Formats and compressions are told by content, never by name.
//!
//! Times are those of spec section 1; a record cut off by the end of the file is no packet (spec
//! section 2).
#![deny(clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::indexing_slicing, reason = "a test may panic"))]

mod ahead;
mod chain;
mod compression;
mod feed;
mod folder;
mod format;
mod inputs;
mod interface;
mod link_names;
#[cfg(target_os = "linux")]
mod lost_pages;
mod map;
mod packet;
mod pcap;
mod pcapng;
mod prefetch;
mod progress;
mod report;
mod scout;
mod source;
mod stop;
mod stretch;
mod trace;
mod walk;
mod window;

pub use ahead::Viewer;
pub use compression::Compression;
pub use inputs::{Inputs, IoMode, ReadOptions, Take, TakeView};
pub use packet::{LinkType, Packet, Timestamp};
pub use progress::Progress;
pub use report::{ByteOrder, CaptureFormat, Damage, DamageReason, Resolution, TraceReport};
pub use stop::Stop;
pub use stretch::{Extent, Here, Next};
pub(crate) use stretch::{State, Stretch};

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod inputs_tests;
#[cfg(test)]
mod pcap_tests;
#[cfg(test)]
mod pcapng_tests;
#[cfg(test)]
mod testing;

/// The longest record or block that is believed. A longer one is damage: no link layer has frames
/// of that size, and it bounds the memory a stream needs.
pub(crate) const MAX_RECORD_LEN: usize = 64 << 20;
