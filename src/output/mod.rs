//! Closed flows in, Parquet files out.
//!
//! [`Column`]s come from one list; a [`TableWriter`] turns rows into row groups; the
//! [`OutputFolder`] lets the results appear whole or not at all; [`markdown`] prints the list.

mod columns;
mod document;
mod encode;
mod encoders;
mod file;
mod folder;
mod writer;

/// Level of zstd. More of it costs several times as much and gains a few per cent.
const ZSTD_LEVEL: i32 = 1;

pub use columns::{Column, Row, tcp_batch, tcp_columns, udp_batch, udp_columns};
pub use document::markdown;
pub use encode::Layout;
pub use folder::{Abandon, OutputFolder};
pub use writer::{Ending, TableWriter, Written};
