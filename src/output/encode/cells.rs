//! The cells of one column for some rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray, StringArray};
use arrow::datatypes::{
    DataType, Float64Type, Int64Type, TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};

use super::texts::{Print, Texts};

/// Cells of any type.
#[derive(Debug)]
pub(crate) struct Cells {
    /// Those that are not null.
    values: Values,
    /// How many are not null.
    present: usize,
    /// Which are; empty if all or none are.
    valid: Vec<bool>,
    rows: usize,
}

/// The values of some rows.
#[derive(Debug)]
pub(super) enum Values {
    /// In 64 bits: booleans as 0 and 1, unsigned numbers extended by zeros, those of 64 bits and
    /// fractions by their bits. Only one if they are all the same.
    Numbers(Vec<i64>),
    Texts(Texts),
}

/// What a function of a row returns for a column of numbers: a value, or one that may be missing.
pub(crate) trait Cell<T>: Sized {
    /// The cells of some rows. They may be asked for twice.
    fn collect(cells: impl ExactSizeIterator<Item = Self> + Clone) -> Cells;
}

/// Two blanket implementations would collide: one for each type then, and how it is widened.
macro_rules! cells {
    ($($native:ty, $widen:path);*) => {$(
        impl Cell<$native> for $native {
            fn collect(cells: impl ExactSizeIterator<Item = Self> + Clone) -> Cells {
                Cells::new(cells.map($widen))
            }
        }

        impl Cell<$native> for Option<$native> {
            fn collect(cells: impl ExactSizeIterator<Item = Self> + Clone) -> Cells {
                Cells::with_nulls(cells.map(|cell| cell.map($widen)))
            }
        }
    )*};
}
cells!(bool, i64::from; u8, i64::from; u16, i64::from; u32, i64::from; u64, u64::cast_signed; i64, i64::from; f64, bits);

fn bits(fraction: f64) -> i64 {
    fraction.to_bits().cast_signed()
}

impl Cells {
    /// None of them null.
    fn new(cells: impl ExactSizeIterator<Item = i64> + Clone) -> Self {
        Self::alike(cells.clone().map(Some)).unwrap_or_else(|| {
            let values: Vec<i64> = cells.collect();
            let rows = values.len();
            Self::of_values(Values::Numbers(values), rows, Vec::new(), rows)
        })
    }

    fn with_nulls(cells: impl ExactSizeIterator<Item = Option<i64>> + Clone) -> Self {
        if let Some(alike) = Self::alike(cells.clone()) {
            return alike;
        }
        let rows = cells.len();
        let cells = cells.map(|cell| (cell.unwrap_or_default(), cell.is_some()));
        let (mut values, valid): (Vec<i64>, Vec<bool>) = cells.unzip();
        let present = valid.iter().filter(|&&valid| valid).count();
        if present < rows {
            // Without a branch, which would often be guessed wrong.
            let mut next = 0;
            for (at, &valid) in valid.iter().enumerate() {
                values[next] = values[at];
                next += usize::from(valid);
            }
            values.truncate(present);
            if let [first, rest @ ..] = &values[..]
                && rest.iter().all(|value| value == first)
            {
                // Anew, so that the memory for all of them is free.
                values = vec![*first];
            }
        }
        Self::of_values(Values::Numbers(values), present, valid, rows)
    }

    /// If there are cells and all are the same, as in most columns: to see that takes less than to keep them.
    fn alike(mut cells: impl ExactSizeIterator<Item = Option<i64>>) -> Option<Self> {
        let rows = cells.len();
        let first = cells.next()?;
        let present = if first.is_some() { rows } else { 0 };
        cells.all(|cell| cell == first).then(|| {
            let values = Values::Numbers(first.into_iter().collect());
            Self::of_values(values, present, Vec::new(), rows)
        })
    }

    /// The texts of some keys.
    pub(crate) fn texts<K: AsRef<[u8]>>(cells: impl ExactSizeIterator<Item = Option<K>>) -> Self {
        let rows = cells.len();
        let (texts, valid) = Texts::collect(cells);
        let present = valid.iter().filter(|&&valid| valid).count();
        Self::of_values(Values::Texts(texts), present, valid, rows)
    }

    fn of_values(values: Values, present: usize, valid: Vec<bool>, rows: usize) -> Self {
        let is_mixed = 0 < present && present < rows;
        Self {
            values,
            present,
            valid: if is_mixed { valid } else { Vec::new() },
            rows,
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn present(&self) -> usize {
        self.present
    }

    pub(super) fn values(&self) -> &Values {
        &self.values
    }

    /// How often each of the numbers stands in a row.
    pub(super) fn times(&self, numbers: &[i64]) -> usize {
        match numbers {
            [_] => self.present,
            _ => 1,
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
    pub(crate) fn array(&self, data_type: &DataType, print: Print) -> ArrayRef {
        match data_type {
            DataType::Boolean => {
                let bits = self.numbers().map(|cell| cell.map(|value| value != 0));
                Arc::new(bits.collect::<BooleanArray>())
            }
            DataType::UInt8 => self.primitive::<UInt8Type>(|value| value as u8),
            DataType::UInt16 => self.primitive::<UInt16Type>(|value| value as u16),
            DataType::UInt32 => self.primitive::<UInt32Type>(|value| value as u32),
            DataType::UInt64 => self.primitive::<UInt64Type>(i64::cast_unsigned),
            DataType::Float64 => {
                self.primitive::<Float64Type>(|value| f64::from_bits(value.cast_unsigned()))
            }
            DataType::Timestamp(_, zone) => {
                let times = self
                    .numbers()
                    .collect::<PrimitiveArray<TimestampNanosecondType>>();
                Arc::new(times.with_timezone_opt(zone.clone()))
            }
            DataType::Utf8 => Arc::new(self.strings(print)),
            _ => self.primitive::<Int64Type>(|value| value),
        }
    }

    fn primitive<T: ArrowPrimitiveType>(&self, narrow: impl Fn(i64) -> T::Native) -> ArrayRef {
        let cells = self.numbers().map(|cell| cell.map(&narrow));
        Arc::new(cells.collect::<PrimitiveArray<T>>())
    }

    fn strings(&self, print: Print) -> StringArray {
        let texts: Vec<String> = match &self.values {
            Values::Texts(texts) => texts.each().map(|key| text(key, print)).collect(),
            Values::Numbers(_) => Vec::new(),
        };
        self.cells(texts.into_iter()).collect()
    }

    fn numbers(&self) -> impl Iterator<Item = Option<i64>> {
        let values = match &self.values {
            Values::Numbers(numbers) => numbers.repeat(self.times(numbers)),
            Values::Texts(_) => Vec::new(),
        };
        self.cells(values.into_iter())
    }

    /// With nulls where they belong.
    fn cells<T>(&self, mut values: impl Iterator<Item = T>) -> impl Iterator<Item = Option<T>> {
        (0..self.rows).map(move |row| {
            let valid = self.valid.get(row).copied().unwrap_or(true);
            valid.then(|| values.next()).flatten()
        })
    }
}

fn text(key: &[u8], print: Print) -> String {
    let mut text = Vec::new();
    print(key, &mut text);
    String::from_utf8(text).expect("texts are ASCII")
}
