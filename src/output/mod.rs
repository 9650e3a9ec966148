//! Closed flows in, Parquet files out.
//!
//! [`columns`] is the one list of columns; [`writer`] turns rows into row groups; [`folder`] lets
//! the results appear whole or not at all; [`document`] prints the list for people.

mod columns;
mod document;
mod folder;
mod writer;

pub use columns::{Column, Layout, Row, tcp_batch, tcp_columns, udp_batch, udp_columns};
pub use document::markdown;
pub use folder::OutputFolder;
pub use writer::{TableWriter, Written};
