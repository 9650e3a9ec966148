//! Arrow's columns as the reference's rows.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float64Type, Int64Type, TimeUnit, TimestampNanosecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use crate::reference::{Cell, Row};

/// The rows of a batch.
pub(crate) fn rows(batch: &RecordBatch) -> Vec<Row> {
    let mut rows = vec![Row::new(); batch.num_rows()];
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        for (row, cell) in rows.iter_mut().zip(cells(column)) {
            row.insert(field.name().clone(), cell);
        }
    }
    rows
}

fn cells(column: &dyn Array) -> Vec<Cell> {
    match column.data_type() {
        DataType::UInt8 => numbers::<UInt8Type>(column, |value| Cell::U(value.into())),
        DataType::UInt16 => numbers::<UInt16Type>(column, |value| Cell::U(value.into())),
        DataType::UInt32 => numbers::<UInt32Type>(column, |value| Cell::U(value.into())),
        DataType::UInt64 => numbers::<UInt64Type>(column, Cell::U),
        DataType::Int64 => numbers::<Int64Type>(column, Cell::I),
        DataType::Float64 => numbers::<Float64Type>(column, Cell::F),
        DataType::Timestamp(TimeUnit::Nanosecond, Some(zone)) if &**zone == "UTC" => {
            numbers::<TimestampNanosecondType>(column, Cell::I)
        }
        DataType::Boolean => {
            let values = column.as_boolean();
            values.iter().map(|value| or_null(value, Cell::B)).collect()
        }
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            let text = |text: &str| Cell::S(text.to_owned());
            values.iter().map(|value| or_null(value, text)).collect()
        }
        other => panic!("no column has the type {other}"),
    }
}

fn numbers<T: ArrowPrimitiveType>(column: &dyn Array, cell: fn(T::Native) -> Cell) -> Vec<Cell> {
    let values = column.as_primitive::<T>();
    values.iter().map(|value| or_null(value, cell)).collect()
}

fn or_null<T>(value: Option<T>, cell: impl Fn(T) -> Cell) -> Cell {
    value.map_or(Cell::Null, cell)
}
