//! From a function of one row to a column: one builder for each type.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray, StringArray,
    TimestampNanosecondArray,
};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    DataType, Float64Type, Int64Type, TimeUnit, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use super::{Column, Fill, Layout};
use crate::config::Group;
use crate::flow::Side;

/// What a fill function of a primitive column returns: a value, or a value that may be missing.
pub(super) trait Cell<T: ArrowPrimitiveType> {
    /// The values of some rows.
    fn array(cells: impl ExactSizeIterator<Item = Self>) -> PrimitiveArray<T>
    where
        Self: Sized;
}

/// Two blanket implementations would collide: one for each type then.
macro_rules! cells {
    ($($arrow:ty = $native:ty),*) => {$(
        impl Cell<$arrow> for $native {
            fn array(cells: impl ExactSizeIterator<Item = Self>) -> PrimitiveArray<$arrow> {
                PrimitiveArray::from_iter_values(cells)
            }
        }

        impl Cell<$arrow> for Option<$native> {
            fn array(cells: impl ExactSizeIterator<Item = Self>) -> PrimitiveArray<$arrow> {
                cells.collect()
            }
        }
    )*};
}
cells!(
    UInt8Type = u8,
    UInt16Type = u16,
    UInt32Type = u32,
    UInt64Type = u64,
    Int64Type = i64,
    Float64Type = f64
);

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

fn number<F, T: ArrowPrimitiveType, C: Cell<T>>(
    entry: Entry,
    layout: Layout,
    get: impl Fn(&F, Side) -> C + Send + Sync + 'static,
) -> Column<F> {
    let fill: Fill<F> = Box::new(move |rows, side| {
        Arc::new(C::array(rows.iter().map(|row| get(row, side)))) as ArrayRef
    });
    column(entry, T::DATA_TYPE, layout, fill)
}

pub(super) fn u8<F, C: Cell<UInt8Type>>(
    entry: Entry,
    get: impl Fn(&F, Side) -> C + Send + Sync + 'static,
) -> Column<F> {
    number::<F, UInt8Type, C>(entry, Layout::Delta, get)
}

pub(super) fn u16<F, C: Cell<UInt16Type>>(
    entry: Entry,
    get: impl Fn(&F, Side) -> C + Send + Sync + 'static,
) -> Column<F> {
    number::<F, UInt16Type, C>(entry, Layout::Delta, get)
}

pub(super) fn u32<F, C: Cell<UInt32Type>>(
    entry: Entry,
    get: impl Fn(&F, Side) -> C + Send + Sync + 'static,
) -> Column<F> {
    number::<F, UInt32Type, C>(entry, Layout::Delta, get)
}

pub(super) fn u64<F, C: Cell<UInt64Type>>(
    entry: Entry,
    get: impl Fn(&F, Side) -> C + Send + Sync + 'static,
) -> Column<F> {
    number::<F, UInt64Type, C>(entry, Layout::Delta, get)
}

pub(super) fn i64<F, C: Cell<Int64Type>>(
    entry: Entry,
    get: impl Fn(&F, Side) -> C + Send + Sync + 'static,
) -> Column<F> {
    number::<F, Int64Type, C>(entry, Layout::Delta, get)
}

pub(super) fn f64<F, C: Cell<Float64Type>>(
    entry: Entry,
    get: impl Fn(&F, Side) -> C + Send + Sync + 'static,
) -> Column<F> {
    number::<F, Float64Type, C>(entry, Layout::Split, get)
}

/// Nanoseconds since 1970 in UTC.
pub(super) fn time<F>(
    entry: Entry,
    get: impl Fn(&F, Side) -> Option<i64> + Send + Sync + 'static,
) -> Column<F> {
    let fill: Fill<F> = Box::new(move |rows, side| {
        let times: TimestampNanosecondArray = rows.iter().map(|row| get(row, side)).collect();
        Arc::new(times.with_timezone("UTC")) as ArrayRef
    });
    let data_type = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    column(entry, data_type, Layout::Delta, fill)
}

pub(super) fn bool<F>(
    entry: Entry,
    get: impl Fn(&F, Side) -> bool + Send + Sync + 'static,
) -> Column<F> {
    let fill: Fill<F> = Box::new(move |rows, side| {
        let cells = BooleanBuffer::collect_bool(rows.len(), |at| get(rows[at], side));
        Arc::new(BooleanArray::new(cells, None)) as ArrayRef
    });
    column(entry, DataType::Boolean, Layout::Plain, fill)
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
        Arc::new(StringArray::new(ends, text.into(), nulls)) as ArrayRef
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
