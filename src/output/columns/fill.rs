//! From a function of one row to a column: one builder for each type.

use arrow::datatypes::{DataType, TimeUnit};

use super::{Column, Fill};
use crate::config::Group;
use crate::flow::Side;
use crate::output::encode::{Cell, Cells, Layout, Print, as_it_is};

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
        print: as_it_is,
        fill,
    }
}

/// Name, group, unit and meaning of a column.
pub(super) type Entry = (&'static str, Group, &'static str, &'static str);

fn number<F, T, C: Cell<T>>(
    entry: Entry,
    data_type: DataType,
    layout: Layout,
    get: impl Fn(&F, Side) -> C + Send + Sync + 'static,
) -> Column<F> {
    let fill: Fill<F> =
        Box::new(move |rows, side| C::collect(rows.iter().map(|row| get(row, side))));
    column(entry, data_type, layout, fill)
}

pub(super) fn u8<F, C: Cell<u8>>(
    entry: Entry,
    get: impl Fn(&F, Side) -> C + Send + Sync + 'static,
) -> Column<F> {
    number(entry, DataType::UInt8, Layout::Delta, get)
}

pub(super) fn u16<F, C: Cell<u16>>(
    entry: Entry,
    get: impl Fn(&F, Side) -> C + Send + Sync + 'static,
) -> Column<F> {
    number(entry, DataType::UInt16, Layout::Delta, get)
}

pub(super) fn u32<F, C: Cell<u32>>(
    entry: Entry,
    get: impl Fn(&F, Side) -> C + Send + Sync + 'static,
) -> Column<F> {
    number(entry, DataType::UInt32, Layout::Delta, get)
}

pub(super) fn u64<F, C: Cell<u64>>(
    entry: Entry,
    get: impl Fn(&F, Side) -> C + Send + Sync + 'static,
) -> Column<F> {
    number(entry, DataType::UInt64, Layout::Delta, get)
}

pub(super) fn i64<F, C: Cell<i64>>(
    entry: Entry,
    get: impl Fn(&F, Side) -> C + Send + Sync + 'static,
) -> Column<F> {
    number(entry, DataType::Int64, Layout::Delta, get)
}

pub(super) fn f64<F, C: Cell<f64>>(
    entry: Entry,
    get: impl Fn(&F, Side) -> C + Send + Sync + 'static,
) -> Column<F> {
    number(entry, DataType::Float64, Layout::Split, get)
}

/// Nanoseconds since 1970 in UTC.
pub(super) fn time<F, C: Cell<i64>>(
    entry: Entry,
    get: impl Fn(&F, Side) -> C + Send + Sync + 'static,
) -> Column<F> {
    let data_type = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    number(entry, data_type, Layout::Delta, get)
}

pub(super) fn bool<F>(
    entry: Entry,
    get: impl Fn(&F, Side) -> bool + Send + Sync + 'static,
) -> Column<F> {
    number(entry, DataType::Boolean, Layout::Bits, get)
}

/// Text that the row holds.
pub(super) fn str<F>(
    entry: Entry,
    get: impl for<'a> Fn(&'a F, Side) -> Option<&'a str> + Send + Sync + 'static,
) -> Column<F> {
    text(entry, as_it_is, move |row, side| {
        get(row, side).map(str::as_bytes)
    })
}

/// Text that `print` makes of a key, which the row holds.
pub(super) fn text<F>(
    entry: Entry,
    print: Print,
    get: impl for<'a> Fn(&'a F, Side) -> Option<&'a [u8]> + Send + Sync + 'static,
) -> Column<F> {
    let fill: Fill<F> =
        Box::new(move |rows, side| Cells::texts(rows.iter().map(|row| get(row, side))));
    printed(entry, print, fill)
}

/// The same, of a key that is made for the row.
pub(super) fn made_text<F, const N: usize>(
    entry: Entry,
    print: Print,
    get: impl Fn(&F, Side) -> Option<[u8; N]> + Send + Sync + 'static,
) -> Column<F> {
    let fill: Fill<F> =
        Box::new(move |rows, side| Cells::texts(rows.iter().map(|row| get(row, side))));
    printed(entry, print, fill)
}

/// The same, of keys that are made for many rows at once.
pub(super) fn made_texts<F, const N: usize>(
    entry: Entry,
    print: Print,
    get: impl Fn(&[&F]) -> Vec<[u8; N]> + Send + Sync + 'static,
) -> Column<F> {
    let fill: Fill<F> = Box::new(move |rows, _| Cells::texts(get(rows).iter().map(Some)));
    printed(entry, print, fill)
}

fn printed<F>(entry: Entry, print: Print, fill: Fill<F>) -> Column<F> {
    Column {
        print,
        ..column(entry, DataType::Utf8, Layout::Words, fill)
    }
}
