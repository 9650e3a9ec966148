//! The smallest and the largest value of a column in a row group.

use multiversion::multiversion;
use parquet::basic::{LogicalType, Type};
use parquet::data_type::{BoolType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::schema::types::ColumnDescPtr;

/// The values seen so far.
#[derive(Debug)]
pub(super) struct Bounds {
    physical: Type,
    is_signed: bool,
    range: Option<(i64, i64)>,
}

impl Bounds {
    pub(super) fn new(column: &ColumnDescPtr) -> Self {
        let is_signed = !matches!(
            column.logical_type_ref(),
            Some(LogicalType::Integer(integer)) if !integer.is_signed
        );
        Self {
            physical: column.physical_type(),
            is_signed,
            range: None,
        }
    }

    pub(super) fn widen(&mut self, values: &[i64]) {
        match self.physical {
            // Fractions compare like their bits, those below zero the other way round.
            Type::DOUBLE => self.widen_by(values, turn_fraction),
            // Unsigned numbers compare like signed ones with the first bit turned.
            Type::INT64 if !self.is_signed => self.widen_by(values, turn_unsigned),
            _ => self.widen_by(values, |value| value),
        }
    }

    fn widen_by(&mut self, values: &[i64], turn: impl Fn(i64) -> i64) {
        let Some(&any) = values.first() else { return };
        let any = turn(any);
        self.range = Some(widened(self.range.unwrap_or((any, any)), values, turn));
    }

    /// What is known of the row group, and forgets it.
    pub(super) fn end_group(&mut self, nulls: u64) -> Statistics {
        let range = self.range.take();
        match self.physical {
            Type::BOOLEAN => self.of_type::<BoolType>(range, |value| value != 0, nulls),
            Type::INT32 => self.of_type::<Int32Type>(range, |value| value as i32, nulls),
            Type::DOUBLE => {
                let fraction = |value| f64::from_bits(turn_fraction(value).cast_unsigned());
                self.of_type::<DoubleType>(range.and_then(fractions), fraction, nulls)
            }
            _ if !self.is_signed => self.of_type::<Int64Type>(range, turn_unsigned, nulls),
            _ => self.of_type::<Int64Type>(range, |value| value, nulls),
        }
    }

    fn of_type<T: DataType>(
        &self,
        range: Option<(i64, i64)>,
        narrow: impl Fn(i64) -> T::T,
        nulls: u64,
    ) -> Statistics {
        let least = range.map(|(least, _)| narrow(least));
        let most = range.map(|(_, most)| narrow(most));
        ValueStatistics::<T::T>::new(least, most, None, Some(nulls), false)
            .with_backwards_compatible_min_max(self.is_signed)
            .into()
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn widened(
    (mut least, mut most): (i64, i64),
    values: &[i64],
    turn: impl Fn(i64) -> i64,
) -> (i64, i64) {
    for &value in values {
        let value = turn(value);
        least = least.min(value);
        most = most.max(value);
    }
    (least, most)
}

/// There and back.
fn turn_unsigned(value: i64) -> i64 {
    value ^ i64::MIN
}

/// There and back.
fn turn_fraction(value: i64) -> i64 {
    value ^ ((value >> 63) & i64::MAX)
}

/// What the format asks of the bounds of fractions: nothing if one is not a number, and a zero that
/// stands for both.
fn fractions((least, most): (i64, i64)) -> Option<(i64, i64)> {
    const INFINITE: i64 = f64::INFINITY.to_bits().cast_signed();
    let (negative_zero, zero) = (-1, 0);
    let least = if least == zero { negative_zero } else { least };
    let most = if most == negative_zero { zero } else { most };
    (least >= -INFINITE - 1 && most <= INFINITE).then_some((least, most))
}
