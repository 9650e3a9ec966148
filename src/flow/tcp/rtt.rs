//! Round-trip time samples of one side: exact sums, and what follows from them (spec 7.3).

/// Statistics over the samples of one side.
///
/// The sums are kept in parts, since a flow has two of these and an integer of 128 bits wants a
/// place at a multiple of sixteen bytes.
#[derive(Clone, Debug, Default)]
pub struct Rtt {
    min: i64,
    max: i64,
    first: i64,
    /// Lower 64 bits of the sum. Of 2^32 samples below 2^63 it has at most 95.
    sum: u64,
    sum_upper: u32,
    count: u32,
    squares: Halves,
}

/// An integer of 128 bits, the lower half first.
#[derive(Clone, Copy, Debug, Default)]
struct Halves([u64; 2]);

impl Halves {
    #[inline]
    fn get(self) -> u128 {
        u128::from(self.0[1]) << 64 | u128::from(self.0[0])
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the halves are wanted")]
    fn set(&mut self, value: u128) {
        self.0 = [value as u64, (value >> 64) as u64];
    }
}

impl Rtt {
    /// Adds a sample in nanoseconds, not negative.
    pub(super) fn add(&mut self, sample: i64) {
        if self.count == 0 {
            (self.min, self.max, self.first) = (sample, sample, sample);
        }
        self.min = self.min.min(sample);
        self.max = self.max.max(sample);
        self.count = self.count.saturating_add(1);
        let sample = u128::from(sample.unsigned_abs());
        self.set_sum(self.sum() + sample);
        self.squares
            .set(self.squares.get().saturating_add(sample.pow(2)));
    }

    fn sum(&self) -> u128 {
        u128::from(self.sum_upper) << 64 | u128::from(self.sum)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the parts are wanted")]
    fn set_sum(&mut self, sum: u128) {
        (self.sum, self.sum_upper) = (sum as u64, (sum >> 64) as u32);
    }

    /// Number of samples.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Smallest sample.
    pub fn min(&self) -> Option<i64> {
        (self.count > 0).then_some(self.min)
    }

    /// Largest sample.
    pub fn max(&self) -> Option<i64> {
        (self.count > 0).then_some(self.max)
    }

    /// The sample that came first.
    pub fn first(&self) -> Option<i64> {
        (self.count > 0).then_some(self.first)
    }

    /// Arithmetic mean.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the mean is a float by definition"
    )]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum() as f64 / f64::from(self.count))
    }

    /// Standard deviation (n − 1); none below two samples.
    pub fn deviation(&self) -> Option<f64> {
        deviation(u128::from(self.count), self.sum(), self.squares.get())
    }

    /// Standard deviation of the samples of both sides together.
    pub(super) fn pooled_deviation(&self, other: &Self) -> Option<f64> {
        deviation(
            u128::from(self.count) + u128::from(other.count),
            self.sum() + other.sum(),
            self.squares.get().saturating_add(other.squares.get()),
        )
    }
}

/// sqrt((n·Σx² − (Σx)²) / (n(n − 1))), in integers up to the division where they fit.
#[expect(
    clippy::cast_precision_loss,
    reason = "the deviation is a float by definition"
)]
fn deviation(count: u128, sum: u128, squares: u128) -> Option<f64> {
    if count < 2 {
        return None;
    }
    let exact = count
        .checked_mul(squares)
        .zip(sum.checked_mul(sum))
        .and_then(|(a, b)| a.checked_sub(b));
    // Only times that lie decades apart leave 128 bits; there a float is as good.
    let numerator = exact.map_or_else(
        || (count as f64 * squares as f64 - sum as f64 * sum as f64).max(0.0),
        |exact| exact as f64,
    );
    Some((numerator / (count * (count - 1)) as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deviation_is_that_of_a_sample() {
        let mut rtt = Rtt::default();
        for sample in [60_000_000, 60_000_000, 100_000_000] {
            rtt.add(sample);
        }
        assert!((rtt.mean().unwrap() - 73_333_333.333_333_33).abs() < 1e-6);
        assert!((rtt.deviation().unwrap() - 23_094_010.767_585_03).abs() < 1e-6);
        assert_eq!(rtt.pooled_deviation(&Rtt::default()), rtt.deviation());
    }

    #[test]
    fn samples_of_centuries_do_not_overflow() {
        let mut rtt = Rtt::default();
        for _ in 0..100 {
            rtt.add(i64::MAX);
        }
        assert_eq!(rtt.count(), 100);
        assert!(rtt.deviation().unwrap().is_finite());
    }
}
