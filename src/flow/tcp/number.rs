//! Sequence numbers that may not be known yet.

/// An unwrapped sequence number (spec 6.1) that may be unknown, in eight bytes where an `Option`
/// takes sixteen: a flow keeps many. Unknown is smaller than every number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MaybeNumber(i64);

impl Default for MaybeNumber {
    fn default() -> Self {
        Self(i64::MIN)
    }
}

impl MaybeNumber {
    /// A number that is known. Numbers move by less than 2^31 a packet from 2^32, so none reaches
    /// the value that stands for unknown.
    #[inline]
    pub(super) fn known(number: i64) -> Self {
        Self(number)
    }

    /// The number, if it is known.
    #[inline]
    pub(super) fn get(self) -> Option<i64> {
        (self.0 != i64::MIN).then_some(self.0)
    }

    /// The number on the wire, if it is known.
    #[inline]
    pub(super) fn on_wire(self) -> Option<u32> {
        self.get().map(wrapped)
    }

    /// Becomes `number` unless it is larger already.
    #[inline]
    pub(super) fn raise(&mut self, number: i64) {
        self.0 = self.0.max(number);
    }

    /// Becomes `number` unless it is known and smaller already.
    #[inline]
    pub(super) fn lower(&mut self, number: i64) {
        self.0 = self.get().map_or(number, |known| known.min(number));
    }
}

/// The number on the wire of an unwrapped one.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the lower 32 bits are what the wire carries"
)]
pub(super) fn wrapped(number: i64) -> u32 {
    number as u32
}

/// The first number of a side (spec 6.1).
#[inline]
pub(in super::super) fn first_number(seq: u32) -> i64 {
    (1 << 32) + i64::from(seq)
}

/// The number nearest to `reference` that the wire shows as `number`.
#[inline]
pub(in super::super) fn unwrap(number: u32, reference: i64) -> i64 {
    let ahead = number.wrapping_sub(wrapped(reference)).cast_signed();
    reference.wrapping_add(i64::from(ahead))
}

#[cfg(test)]
mod tests {
    use super::MaybeNumber;

    #[test]
    fn unknown_is_below_every_number() {
        let unknown = MaybeNumber::default();
        assert!(unknown < MaybeNumber::known(-5));
        assert_eq!(unknown.get(), None);
        assert_eq!(MaybeNumber::known(0).get(), Some(0));
    }

    #[test]
    fn the_first_number_is_both_largest_and_smallest() {
        let (mut high, mut low) = (MaybeNumber::default(), MaybeNumber::default());
        for number in [7, 9, 3] {
            high.raise(number);
            low.lower(number);
        }
        assert_eq!((high.get(), low.get()), (Some(9), Some(3)));
    }
}
