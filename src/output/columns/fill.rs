//! From a function of one row to a column: one builder for each type.

use std::sync::Arc;

use arrow::array::{Float64Array, StringArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, TimeUnit};

use super::{Cells, Column, Fill, Layout};
use crate::config::Group;
use crate::flow::Side;
use crate::output::integers::Cell;

fn column<F>(
    (name, group, unit, doc): Entry,
    data_type: DataType,
    layout: Layout,
    fill: Fill<F>,
) -> Column<F> {
    Column {
        name,
        group,
        unit,
        tstat: "",
        null: "",
        doc,
        data_type,
        layout,
        fill,
    }
}

/// Name, group, unit and meaning of a column.
pub(super) type Entry = (&'static str, Group, &'static str, &'static str);

fn integer<F, T, C: Cell<T>>(
    entry: Entry,
    data_type: DataType,
    get: impl Fn(&F, Side) -> C + Send + Sync + 'static,
) -> Column<F> {
    let fill: Fill<F> = Box::new(move |rows, side| {
        Cells::Integers(C::collect(rows.iter().map(|row| get(row, side))))
    });
    column(entry, data_type, Layout::Delta, fill)
}

pub(super) fn u8<F, C: Cell<u8>>(
    entry: Entry,
    get: impl Fn(&F, Side) -> C + Send + Sync + 'static,
) -> Column<F> {
    integer(entry, DataType::UInt8, get)
}

pub(super) fn u16<F, C: Cell<u16>>(
    entry: Entry,
    get: impl Fn(&F, Side) -> C + Send + Sync + 'static,
) -> Column<F> {
    integer(entry, DataType::UInt16, get)
}

pub(super) fn u32<F, C: Cell<u32>>(
    entry: Entry,
    get: impl Fn(&F, Side) -> C + Send + Sync + 'static,
) -> Column<F> {
    integer(entry, DataType::UInt32, get)
}

pub(super) fn u64<F, C: Cell<u64>>(
    entry: Entry,
    get: impl Fn(&F, Side) -> C + Send + Sync + 'static,
) -> Column<F> {
    integer(entry, DataType::UInt64, get)
}

pub(super) fn i64<F, C: Cell<i64>>(
    entry: Entry,
    get: impl Fn(&F, Side) -> C + Send + Sync + 'static,
) -> Column<F> {
    integer(entry, DataType::Int64, get)
}

pub(super) fn f64<F>(
    entry: Entry,
    get: impl Fn(&F, Side) -> Option<f64> + Send + Sync + 'static,
) -> Column<F> {
    let fill: Fill<F> = Box::new(move |rows, side| {
        let cells: Float64Array = rows.iter().map(|row| get(row, side)).collect();
        Cells::Array(Arc::new(cells))
    });
    column(entry, DataType::Float64, Layout::Split, fill)
}

/// Nanoseconds since 1970 in UTC.
pub(super) fn time<F, C: Cell<i64>>(
    entry: Entry,
    get: impl Fn(&F, Side) -> C + Send + Sync + 'static,
) -> Column<F> {
    let data_type = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    integer(entry, data_type, get)
}

pub(super) fn bool<F>(
    entry: Entry,
    get: impl Fn(&F, Side) -> bool + Send + Sync + 'static,
) -> Column<F> {
    integer(entry, DataType::Boolean, get).layout(Layout::Plain)
}

/// ASCII text that `push` appends for a row; false for null.
pub(super) fn text<F>(
    entry: Entry,
    push: impl Fn(&F, Side, &mut Vec<u8>) -> bool + Send + Sync + 'static,
) -> Column<F> {
    let fill: Fill<F> = Box::new(move |rows, side| {
        let mut text = Vec::with_capacity(rows.len() * 28);
        let mut ends = Vec::with_capacity(rows.len() + 1);
        let mut valid = Vec::with_capacity(rows.len());
        ends.push(0);
        for row in rows {
            valid.push(push(row, side, &mut text));
            ends.push(i32::try_from(text.len()).expect("the cells of a chunk are short"));
        }
        let ends = OffsetBuffer::new(ends.into());
        let nulls = Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0);
        Cells::Array(Arc::new(StringArray::new(ends, text.into(), nulls)))
    });
    column(entry, DataType::Utf8, Layout::Dictionary, fill)
}

/// Text that the row holds.
pub(super) fn str<F>(
    entry: Entry,
    get: impl for<'a> Fn(&'a F, Side) -> Option<&'a str> + Send + Sync + 'static,
) -> Column<F> {
    text(entry, move |row, side, text| {
        let cell = get(row, side);
        text.extend_from_slice(cell.unwrap_or_default().as_bytes());
        cell.is_some()
    })
}
