//! Columns from cells to pages.
//!
//! Parquet's own encoders treat each cell as if nothing were known of it. Here rows that are all
//! alike cost next to nothing, numbers are packed as they come, and a text that comes again is made
//! once: no array and no page of plain values stands between the flows and the packed bytes.
//! Any reader of Parquet reads what comes out; the parquet crate frames the pages.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers are cut to bits whose count is known, which is what packing them is"
)]

mod bits;
mod bounds;
mod cells;
mod delta;
mod dictionary;
mod fronts;
mod hybrid;
mod layout;
mod pack;
mod pages;
mod scratch;
mod split;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod text_tests;
mod texts;
mod writer;

pub(crate) use cells::{Cell, Cells};
pub use layout::Layout;
pub(crate) use pages::{Encoded, EncodedChunk};
pub(crate) use texts::{Print, as_it_is};
pub(crate) use writer::ColumnWriter;
