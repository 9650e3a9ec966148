//! The way back after damage: the next place from which one plausible record leads to another.
//!
//! Any bytes may look like one record; a chain of them does not come about by chance. A chain found
//! inside the payload of a packet (somebody transferred a capture) must not count: it breaks where
//! that packet ends, so a chain has to be longer than a packet of ordinary size.

use std::ops::Range;

use super::format::{Format, Link};
use super::packet::Era;
use super::pcap::Pcap;

/// Bytes from a candidate on that decide about it. More than [`RECORDS_MIN`] records of the
/// greatest plausible length, so that the verdict does not depend on how much of a stream is in
/// memory.
pub(crate) const LOOK_AHEAD: usize = 2 << 20;

/// Records in a chain, unless it leads exactly to the end.
const RECORDS_MIN: usize = 4;

/// Bytes that a chain spans, unless it leads exactly to the end.
const SPAN_MIN: usize = 4096;

/// So many records are believed whatever they span: it bounds the work for a candidate.
const RECORDS_ENOUGH: usize = 64;

/// The first place in `candidates` where a chain of records or another capture begins. Unless
/// `ended`, there must be [`LOOK_AHEAD`] bytes from each candidate on.
pub(crate) fn find(
    format: &Format,
    bytes: &[u8],
    mut candidates: Range<usize>,
    ended: bool,
    near: Option<Era>,
) -> Option<usize> {
    candidates
        .find(|&at| holds(format, bytes, at, ended, near) || other_holds(bytes, at, ended, near))
}

/// Whether a capture of its own begins at `at`, with a chain of records.
pub(crate) fn other_holds(bytes: &[u8], at: usize, ended: bool, near: Option<Era>) -> bool {
    // The first byte rules out most places at the least cost.
    let possible = matches!(bytes.get(at), Some(0x0a | 0x34 | 0x4d | 0xa1 | 0xd4));
    if !possible || !Pcap::capture_begins(bytes, at) {
        return false;
    }
    let head = bytes.get(at..).unwrap_or_default();
    Format::detect(head)
        .is_some_and(|(other, header_len)| holds(&other, bytes, at + header_len, ended, near))
}

/// Whether a chain of records begins at `at`.
fn holds(format: &Format, bytes: &[u8], at: usize, ended: bool, mut near: Option<Era>) -> bool {
    let mut place = at;
    for records in 0..RECORDS_ENOUGH {
        if records >= RECORDS_MIN && place - at >= SPAN_MIN {
            return true;
        }
        if ended && records > 0 && place == bytes.len() {
            return true;
        }
        match format.link(bytes, place, near) {
            Link::Record { next, time } if next <= bytes.len() => {
                place = next;
                near = time.map(Era::of).or(near);
            }
            // The trace may end inside the last record of the chain, or inside its header.
            Link::Record { .. } => return ended && records >= RECORDS_MIN,
            // Captures that are put together may be short.
            Link::None if records > 0 && Pcap::capture_begins(bytes, place) => return true,
            Link::None => {
                return ended
                    && records >= RECORDS_MIN
                    && bytes.len() - place < format.header_len();
            }
        }
    }
    true
}
