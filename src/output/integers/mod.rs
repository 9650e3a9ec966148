//! Columns of integers and booleans, from values to pages.
//!
//! Nearly all columns are such, and Parquet's own encoders treat each cell as if nothing were
//! known of it. Here a chunk of rows that are all alike costs next to nothing, and others are packed
//! as they come: no array and no page of plain values stands between the flows and the packed bytes.
//! Any reader of Parquet reads what comes out; the parquet crate frames the pages.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers are cut to bits whose count is known, which is what packing them is"
)]

mod bits;
mod cells;
mod delta;
mod dictionary;
mod hybrid;
mod pack;
mod pages;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use cells::{Cell, Integers};
pub(crate) use pages::EncodedChunk;
pub(crate) use writer::{Encoding, IntegerWriter};
