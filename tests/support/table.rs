//! A Parquet table as rows of plain cells.

use std::fmt;
use std::fs::File;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Float64Type, Int64Type, SchemaRef, TimeUnit, TimestampNanosecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// One value. All whole numbers, and times in nanoseconds, are [`Cell::Int`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
}

impl Cell {
    /// Whether it says nothing: no value, zero or false.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Self::Null | Self::Bool(false) | Self::Int(0)) || *self == Self::Float(0.0)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => {
                let text = format!("{value:.4}");
                f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
            }
            Self::Text(value) => f.write_str(value),
        }
    }
}

/// All of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    pub(crate) schema: SchemaRef,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) fn read(path: &Path) -> Self {
        let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let schema = builder.schema().clone();
        let batches = builder.build().unwrap();
        let rows = batches.flat_map(|batch| rows_of(&batch.unwrap())).collect();
        Self { schema, rows }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|cells| Row {
            schema: &self.schema,
            cells,
        })
    }

    /// The sum of a column without nulls.
    pub(crate) fn sum(&self, name: &str) -> i128 {
        self.rows().map(|row| row.count(name)).sum()
    }
}

/// One row.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    schema: &'a SchemaRef,
    cells: &'a [Cell],
}

impl<'a> Row<'a> {
    pub(crate) fn cell(self, name: &str) -> &'a Cell {
        let index = self.schema.index_of(name);
        &self.cells[index.unwrap_or_else(|_| panic!("there is no column {name}"))]
    }

    /// Whether the column can be null.
    pub(crate) fn is_nullable(self, name: &str) -> bool {
        self.schema.field_with_name(name).unwrap().is_nullable()
    }

    /// A whole number that may be missing.
    pub(crate) fn int(self, name: &str) -> Option<i128> {
        match self.cell(name) {
            Cell::Null => None,
            Cell::Int(value) => Some(*value),
            other => panic!("{name} is {other:?}"),
        }
    }

    /// A whole number that is always there.
    pub(crate) fn count(self, name: &str) -> i128 {
        self.int(name).unwrap_or_else(|| panic!("{name} is null"))
    }

    pub(crate) fn text(self, name: &str) -> &'a str {
        match self.cell(name) {
            Cell::Text(value) => value,
            other => panic!("{name} is {other:?}"),
        }
    }

    pub(crate) fn float(self, name: &str) -> Option<f64> {
        match self.cell(name) {
            Cell::Null => None,
            Cell::Float(value) => Some(*value),
            other => panic!("{name} is {other:?}"),
        }
    }

    pub(crate) fn bool(self, name: &str) -> bool {
        match self.cell(name) {
            Cell::Bool(value) => *value,
            other => panic!("{name} is {other:?}"),
        }
    }

    /// `client:port > server:port`.
    pub(crate) fn ends(self) -> String {
        let end = |side: &str| {
            let port = self.count(&format!("{side}_port"));
            format!("{}:{port}", self.text(&format!("{side}_ip")))
        };
        format!("{} > {}", end("c"), end("s"))
    }

    /// All columns with their cells.
    pub(crate) fn cells(self) -> impl Iterator<Item = (&'a str, &'a Cell)> {
        let names = self
            .schema
            .fields()
            .iter()
            .map(|field| field.name().as_str());
        names.zip(self.cells)
    }
}

fn rows_of(batch: &RecordBatch) -> Vec<Vec<Cell>> {
    let columns: Vec<Vec<Cell>> = batch.columns().iter().map(|array| cells(array)).collect();
    (0..batch.num_rows())
        .map(|row| columns.iter().map(|column| column[row].clone()).collect())
        .collect()
}

fn cells(array: &dyn Array) -> Vec<Cell> {
    macro_rules! numbers {
        ($kind:ty, $cell:expr) => {
            array
                .as_primitive::<$kind>()
                .iter()
                .map(|value| value.map_or(Cell::Null, $cell))
                .collect()
        };
    }
    match array.data_type() {
        DataType::UInt8 => numbers!(UInt8Type, |value| Cell::Int(value.into())),
        DataType::UInt16 => numbers!(UInt16Type, |value| Cell::Int(value.into())),
        DataType::UInt32 => numbers!(UInt32Type, |value| Cell::Int(value.into())),
        DataType::UInt64 => numbers!(UInt64Type, |value| Cell::Int(value.into())),
        DataType::Int64 => numbers!(Int64Type, |value| Cell::Int(value.into())),
        DataType::Float64 => numbers!(Float64Type, Cell::Float),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            numbers!(TimestampNanosecondType, |value| Cell::Int(value.into()))
        }
        DataType::Boolean => {
            let values = array.as_boolean().iter();
            values
                .map(|value| value.map_or(Cell::Null, Cell::Bool))
                .collect()
        }
        DataType::Utf8 => {
            let values = array.as_string::<i32>().iter();
            values
                .map(|value| value.map_or(Cell::Null, |text| Cell::Text(text.to_owned())))
                .collect()
        }
        other => panic!("no column has the type {other}"),
    }
}
