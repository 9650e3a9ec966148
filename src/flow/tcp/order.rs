//! Which of up to 128 values are not below a bound, as the bits of a word: a search and a look-up,
//! whatever the values.

/// How many values there are at most.
pub(super) const SIZE: usize = Word::BITS as usize;

/// Fewer values than these lie between bounds next to each other, mostly.
const NEAR: usize = 4;

/// A bit for each of them.
pub(super) type Word = u128;

/// Values in order.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// Ascending; behind the last one the largest number there is.
    values: [i64; SIZE],
    /// Where the value of each rank and of all higher ones stand, as bits.
    from: [Word; SIZE + 1],
}

impl Order {
    /// Of so many values.
    pub(super) fn of(values: impl Iterator<Item = i64>) -> Box<Self> {
        let mut order = Box::new(Self {
            values: [i64::MAX; SIZE],
            from: [0; SIZE + 1],
        });
        let mut sorted = [(i64::MAX, 0); SIZE];
        let mut len = 0;
        for (at, (place, value)) in sorted.iter_mut().zip(values).enumerate() {
            *place = (value, at);
            len += 1;
        }
        sorted[..len].sort_unstable();
        for (rank, &(value, at)) in sorted[..len].iter().enumerate().rev() {
            order.values[rank] = value;
            order.from[rank] = order.from[rank + 1] | 1 << at;
        }
        order
    }

    /// How many values are below `bound`. Each step finds the quarter to go on with, by comparisons
    /// that are made at once: a search by halves waits for memory twice as often.
    fn rank(&self, bound: i64) -> usize {
        let mut rank = 0;
        for quarter in [SIZE / 4, SIZE / 16] {
            let ends = [1, 2, 3].map(|end| self.values[(rank + end * quarter - 1) % SIZE]);
            rank += quarter * below(&ends, bound);
        }
        let rest = &self.values[rank.min(SIZE - SIZE / 16)..][..SIZE / 16];
        rank + below(rest, bound)
    }

    /// Those that are not below `bound`.
    pub(super) fn since(&self, bound: i64) -> Word {
        self.from[self.rank(bound)]
    }

    /// Those that are not below `low`, and those not below `high`, which is not below `low` and
    /// mostly next to it: so it is looked for there, without a branch, before it is searched.
    pub(super) fn since_both(&self, low: i64, high: i64) -> (Word, Word) {
        let rank = self.rank(low);
        let since = self.from[rank];
        let Some(next) = self.values.get(rank..rank + NEAR) else {
            return (since, self.since(high));
        };
        match below(next, high) {
            NEAR => (since, self.since(high)),
            between => (since, self.from[rank + between]),
        }
    }

    /// The value at the first place goes, and all others move up by one.
    pub(super) fn pop_front(&mut self) {
        let ranks = self.from.iter().filter(|&&from| from & 1 == 1);
        let rank = ranks.count().saturating_sub(1);
        self.values.copy_within(rank + 1.., rank);
        self.values[SIZE - 1] = i64::MAX;
        self.from.copy_within(rank + 1.., rank);
        self.from[SIZE] = 0;
        self.from.iter_mut().for_each(|from| *from >>= 1);
    }

    /// The value at place `at` changes from one to another.
    pub(super) fn change(&mut self, at: usize, old: i64, new: i64) {
        let bit: Word = 1 << at;
        let mut rank = self.rank(old);
        while self.from[rank] & !self.from[rank + 1] != bit {
            rank += 1;
        }
        while rank + 1 < SIZE && self.from[rank + 1] != 0 && self.values[rank + 1] < new {
            self.values[rank] = self.values[rank + 1];
            self.from[rank + 1] = self.from[rank + 2] | bit;
            rank += 1;
        }
        while rank > 0 && self.values[rank - 1] > new {
            self.values[rank] = self.values[rank - 1];
            self.from[rank] = self.from[rank - 1] & !bit;
            rank -= 1;
        }
        self.values[rank] = new;
    }
}

/// How many values are below `bound`, without a branch that nobody could predict.
fn below(values: &[i64], bound: i64) -> usize {
    values.iter().map(|&value| usize::from(value < bound)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn word(values: &[i64], is_so: impl Fn(i64) -> bool) -> Word {
        let bits = values.iter().enumerate();
        bits.fold(0, |word, (at, &value)| {
            word | Word::from(is_so(value)) << at
        })
    }

    proptest! {
        #[test]
        fn it_says_what_a_walk_says(
            mut values in prop::collection::vec(prop_oneof![-9i64..9, any::<i64>()], 1..=SIZE),
            changes in prop::collection::vec((any::<prop::sample::Index>(), -10i64..10), 0..40),
        ) {
            let mut order = Order::of(values.iter().copied());
            for (at, new) in changes {
                let at = at.index(values.len());
                order.change(at, values[at], new);
                values[at] = new;
                for bound in [new - 1, new, new + 1, i64::MIN, i64::MAX] {
                    prop_assert_eq!(order.since(bound), word(&values, |value| value >= bound));
                    if let Some(next) = bound.checked_add(1) {
                        let both = (order.since(bound), order.since(next));
                        prop_assert_eq!(order.since_both(bound, next), both);
                    }
                }
                if new % 4 == 0 && values.len() > 1 {
                    order.pop_front();
                    values.remove(0);
                }
            }
        }
    }
}
