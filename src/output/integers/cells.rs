//! The values of one integer column for some rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray};
use arrow::datatypes::{
    DataType, Int64Type, TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

/// Integers of any type in 64 bits: booleans as 0 and 1, unsigned ones extended by zeros, those of 64 bits by their bits.
#[derive(Debug)]
pub(crate) struct Integers {
    /// Those that are not null, or one of them if they are all the same.
    values: Vec<i64>,
    /// How many are not null.
    present: usize,
    /// Which are; empty if all or none are.
    valid: Vec<bool>,
    rows: usize,
}

/// The values that are not null.
#[derive(Clone, Copy, Debug)]
pub(super) enum Values<'a> {
    /// As often as the number says.
    Same(i64, usize),
    Each(&'a [i64]),
}

/// What a function of a row returns for an integer column: a value, or one that may be missing.
pub(crate) trait Cell<T>: Sized {
    /// The cells of some rows.
    fn collect(cells: impl ExactSizeIterator<Item = Self>) -> Integers;
}

/// Two blanket implementations would collide: one for each type then, and how it is widened.
macro_rules! cells {
    ($($native:ty, $widen:path);*) => {$(
        impl Cell<$native> for $native {
            fn collect(cells: impl ExactSizeIterator<Item = Self>) -> Integers {
                Integers::new(cells.map($widen).collect())
            }
        }

        impl Cell<$native> for Option<$native> {
            fn collect(cells: impl ExactSizeIterator<Item = Self>) -> Integers {
                Integers::with_nulls(cells.map(|cell| cell.map($widen)))
            }
        }
    )*};
}
cells!(bool, i64::from; u8, i64::from; u16, i64::from; u32, i64::from; u64, u64::cast_signed; i64, i64::from);

impl Integers {
    /// None of them null.
    fn new(values: Vec<i64>) -> Self {
        let rows = values.len();
        Self::of_rows(values, Vec::new(), rows)
    }

    fn with_nulls(cells: impl ExactSizeIterator<Item = Option<i64>>) -> Self {
        let rows = cells.len();
        let mut values = vec![0; rows];
        let mut valid = vec![false; rows];
        for ((cell, value), valid) in cells.zip(&mut values).zip(&mut valid) {
            *valid = cell.is_some();
            *value = cell.unwrap_or_default();
        }
        let present = valid.iter().filter(|&&valid| valid).count();
        if present < rows {
            // Without a branch, which would often be guessed wrong.
            let mut next = 0;
            for (at, &valid) in valid.iter().enumerate() {
                values[next] = values[at];
                next += usize::from(valid);
            }
            values.truncate(present);
        }
        if present == 0 || present == rows {
            valid = Vec::new();
        }
        Self::of_rows(values, valid, rows)
    }

    fn of_rows(mut values: Vec<i64>, valid: Vec<bool>, rows: usize) -> Self {
        let present = values.len();
        if let [first, rest @ ..] = &values[..]
            && rest.iter().all(|value| value == first)
        {
            // Anew, so that the memory for all of them is free.
            values = vec![*first];
        }
        Self {
            values,
            present,
            valid,
            rows,
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn present(&self) -> usize {
        self.present
    }

    pub(super) fn values(&self) -> Values<'_> {
        match self.values[..] {
            [value] => Values::Same(value, self.present),
            _ => Values::Each(&self.values),
        }
    }

    /// Calls `run` with runs of rows that are all null or all not.
    pub(super) fn validity(&self, mut run: impl FnMut(bool, usize)) {
        if self.valid.is_empty() {
            return run(self.present > 0, self.rows);
        }
        for rows in self.valid.chunk_by(|one, next| one == next) {
            run(rows[0], rows.len());
        }
    }

    /// The same as an Arrow array.
    pub(crate) fn array(&self, data_type: &DataType) -> ArrayRef {
        match data_type {
            DataType::Boolean => {
                let bits = self.cells().map(|cell| cell.map(|value| value != 0));
                Arc::new(bits.collect::<BooleanArray>())
            }
            DataType::UInt8 => self.primitive::<UInt8Type>(|value| value as u8),
            DataType::UInt16 => self.primitive::<UInt16Type>(|value| value as u16),
            DataType::UInt32 => self.primitive::<UInt32Type>(|value| value as u32),
            DataType::UInt64 => self.primitive::<UInt64Type>(i64::cast_unsigned),
            DataType::Timestamp(_, zone) => {
                let times = self
                    .cells()
                    .collect::<PrimitiveArray<TimestampNanosecondType>>();
                Arc::new(times.with_timezone_opt(zone.clone()))
            }
            _ => self.primitive::<Int64Type>(|value| value),
        }
    }

    fn primitive<T: ArrowPrimitiveType>(&self, narrow: impl Fn(i64) -> T::Native) -> ArrayRef {
        let cells = self.cells().map(|cell| cell.map(&narrow));
        Arc::new(cells.collect::<PrimitiveArray<T>>())
    }

    fn cells(&self) -> impl Iterator<Item = Option<i64>> {
        let mut values = match self.values() {
            Values::Same(value, times) => vec![value; times],
            Values::Each(values) => values.to_vec(),
        }
        .into_iter();
        (0..self.rows).map(move |row| {
            let valid = self.valid.get(row).copied().unwrap_or(true);
            valid.then(|| values.next()).flatten()
        })
    }
}
