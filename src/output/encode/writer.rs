//! One column, a row group after the other.

use std::mem;

use parquet::basic::Type;
use parquet::errors::{ParquetError, Result};
use parquet::schema::types::ColumnDescPtr;

use super::Layout;
use super::bits::Bits;
use super::bounds::Bounds;
use super::cells::{Cells, Values};
use super::delta::Delta;
use super::dictionary::{Dictionary, Numbers, Printed};
use super::fronts::Fronts;
use super::hybrid::Runs;
use super::pages::{Encoded, EncodedChunk, Pages};
use super::scratch::{SCRATCH, Scratch};
use super::split::Split;
use super::texts::Print;

/// The values of a page, and what is kept of those before.
enum Encoder {
    Bits(Bits),
    Delta(Box<Delta>),
    Numbers(Box<Dictionary<Numbers>>),
    Split(Split),
    Words(Box<Dictionary<Printed>>),
    Unique(Box<Fronts>),
}

/// Turns cells into pages.
pub(crate) struct ColumnWriter {
    column: ColumnDescPtr,
    encoder: Encoder,
    /// If the column may be null.
    levels: Option<Runs>,
    bounds: Option<Bounds>,
    /// Rows of the page.
    rows: usize,
    nulls: usize,
    pages: Pages,
}

impl ColumnWriter {
    /// `print` says what the keys of a text column read.
    pub(crate) fn new(column: ColumnDescPtr, layout: Layout, print: Print) -> Self {
        let numbers = Numbers {
            is_narrow: column.physical_type() == Type::INT32,
        };
        let has_bounds = matches!(
            layout,
            Layout::Bits | Layout::Delta | Layout::Rare | Layout::Split
        );
        // Packed integers are often as random as they can be, text and the first bytes of fractions
        // never are.
        let is_compressed = match layout {
            Layout::Split | Layout::Words | Layout::Unique => Some(true),
            _ => None,
        };
        Self {
            encoder: match layout {
                Layout::Bits => Encoder::Bits(Bits::default()),
                Layout::Delta => Encoder::Delta(Box::new(Delta::new(numbers.is_narrow))),
                Layout::Rare => Encoder::Numbers(Box::new(Dictionary::new(numbers))),
                Layout::Random => Encoder::Numbers(Box::new(Dictionary::without_list(numbers))),
                Layout::Split => Encoder::Split(Split::default()),
                Layout::Words => Encoder::Words(Box::new(Dictionary::new(Printed { print }))),
                Layout::Unique => Encoder::Unique(Box::new(Fronts::new(print))),
            },
            levels: (column.max_def_level() > 0).then(Runs::default),
            bounds: has_bounds.then(|| Bounds::new(&column)),
            rows: 0,
            nulls: 0,
            pages: Pages::new(is_compressed),
            column,
        }
    }

    /// Adds cells to the page.
    pub(crate) fn write(&mut self, cells: &Cells) -> Result<()> {
        self.rows += cells.rows();
        self.nulls += cells.rows() - cells.present();
        if let Some(levels) = &mut self.levels {
            cells.validity(|valid, rows| levels.push(u32::from(valid), rows));
        }
        match (cells.values(), &mut self.encoder) {
            (Values::Numbers(numbers), encoder) => {
                let times = cells.times(numbers);
                match encoder {
                    Encoder::Bits(bits) => bits.extend(numbers, times),
                    Encoder::Delta(delta) => delta.extend(numbers, times),
                    Encoder::Numbers(dictionary) => {
                        dictionary.extend(numbers, times);
                        if dictionary.is_open() {
                            return Ok(()); // Its list will tell the bounds.
                        }
                    }
                    Encoder::Split(split) => split.extend(numbers, times),
                    Encoder::Words(_) | Encoder::Unique(_) => return Err(of_another_type()),
                }
                if let Some(bounds) = &mut self.bounds {
                    bounds.widen(numbers);
                }
            }
            (Values::Texts(texts), Encoder::Words(words)) => words.extend_texts(texts),
            (Values::Texts(texts), Encoder::Unique(fronts)) => fronts.extend(texts),
            (Values::Texts(_), _) => return Err(of_another_type()),
        }
        Ok(())
    }

    /// Ends the page, if it has rows.
    pub(crate) fn end_page(&mut self) -> Result<()> {
        SCRATCH.with_borrow_mut(|scratch| self.end_page_in(scratch))
    }

    fn end_page_in(&mut self, scratch: &mut Scratch) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let page = scratch.begin();
        if let Some(levels) = &mut self.levels {
            page.extend_from_slice(&[0; 4]);
            levels.finish(1, page);
            let bytes = u32::try_from(page.len() - 4)?;
            page[..4].copy_from_slice(&bytes.to_le_bytes());
        }
        let encoding = match &mut self.encoder {
            Encoder::Bits(bits) => bits.finish(page),
            Encoder::Delta(delta) => delta.finish(page),
            Encoder::Numbers(dictionary) => dictionary.finish(page),
            Encoder::Split(split) => split.finish(page),
            Encoder::Words(dictionary) => dictionary.finish(page),
            Encoder::Unique(fronts) => fronts.finish(page),
        };
        self.pages.push(scratch, self.rows, encoding)?;
        self.rows = 0;
        Ok(())
    }

    /// Ends the column's part of the row group. What follows belongs to the next one, in the memory
    /// of `spare`, which held an earlier one.
    pub(crate) fn end_group(&mut self, spare: Encoded) -> Result<EncodedChunk> {
        SCRATCH.with_borrow_mut(|scratch| self.end_group_in(scratch, spare))
    }

    fn end_group_in(&mut self, scratch: &mut Scratch, spare: Encoded) -> Result<EncodedChunk> {
        self.end_page_in(scratch)?;
        let list = scratch.begin();
        let dictionary = match &mut self.encoder {
            Encoder::Numbers(dictionary) => {
                if let Some(bounds) = &mut self.bounds {
                    bounds.widen(dictionary.values());
                }
                dictionary.end_group(list)
            }
            Encoder::Words(dictionary) => dictionary.end_group(list),
            _ => None,
        };
        let nulls = mem::take(&mut self.nulls) as u64;
        let statistics = self.bounds.as_mut().map(|bounds| bounds.end_group(nulls));
        self.pages
            .end_group(&self.column, scratch, dictionary, statistics, spare)
    }
}

fn of_another_type() -> ParquetError {
    ParquetError::General("cells of another type".to_owned())
}
