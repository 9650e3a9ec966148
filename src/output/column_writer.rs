//! One column in one row group, whoever encodes it.

use std::io::Write;
use std::sync::Arc;

use arrow::datatypes::FieldRef;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, compute_leaves};
use parquet::basic::Type;
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::ColumnDescPtr;

use super::columns::{Cells, Layout};
use super::integers::{EncodedChunk, Encoding, IntegerWriter};

/// Writes one column in one row group.
pub(super) enum ColumnWriter {
    Integers(Box<IntegerWriter>),
    Arrays(FieldRef, Box<ArrowColumnWriter>),
}

/// What it makes.
pub(super) enum EncodedColumn {
    Integers(EncodedChunk),
    Arrays(ArrowColumnChunk),
}

impl ColumnWriter {
    /// Our own for integers and booleans, for all else `array`, the parquet crate's.
    pub(super) fn new(
        layout: Layout,
        column: &ColumnDescPtr,
        field: &FieldRef,
        array: ArrowColumnWriter,
    ) -> Self {
        let encoding = match (column.physical_type(), layout) {
            (Type::BOOLEAN, _) => Encoding::Bits,
            (Type::INT32 | Type::INT64, Layout::Rare) => Encoding::Dictionary,
            (Type::INT32 | Type::INT64, Layout::Random) => Encoding::Random,
            (Type::INT32 | Type::INT64, _) => Encoding::Delta,
            _ => return Self::Arrays(Arc::clone(field), Box::new(array)),
        };
        Self::Integers(Box::new(IntegerWriter::new(Arc::clone(column), encoding)))
    }

    pub(super) fn write(&mut self, cells: &Cells) -> Result<(), ParquetError> {
        match (self, cells) {
            (Self::Integers(writer), Cells::Integers(integers)) => {
                writer.write(integers);
                Ok(())
            }
            (Self::Arrays(field, writer), Cells::Array(array)) => {
                let leaves = compute_leaves(field, array)?;
                leaves.iter().try_for_each(|leaf| writer.write(leaf))
            }
            _ => Err(ParquetError::General("cells of another type".to_owned())),
        }
    }

    /// Ends a page of integers; arrays have pages as the parquet crate likes.
    pub(super) fn end_page(&mut self) -> Result<(), ParquetError> {
        match self {
            Self::Integers(writer) => writer.end_page(),
            Self::Arrays(..) => Ok(()),
        }
    }

    pub(super) fn close(self) -> Result<EncodedColumn, ParquetError> {
        Ok(match self {
            Self::Integers(writer) => EncodedColumn::Integers(writer.close()?),
            Self::Arrays(_, writer) => EncodedColumn::Arrays(writer.close()?),
        })
    }
}

impl EncodedColumn {
    pub(super) fn append_to_row_group<W: Write + Send>(
        self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        match self {
            Self::Integers(chunk) => chunk.append_to_row_group(group),
            Self::Arrays(chunk) => chunk.append_to_row_group(group),
        }
    }
}
