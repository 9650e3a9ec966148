//! From the hash of a key to the place of its flow: open addressing, a cache line of entries at a time.
//!
//! An entry is eight bytes, 32 of the hash and 32 of the place, so growing needs no keys. All eight of
//! a line are compared at once: at which of them a search ends nobody could guess. Whether the key is
//! really equal is for the caller to say.

/// Entries in a line.
const LINE: usize = 8;
/// Lines of a new index; a power of two.
const INITIAL: usize = 128;
/// The place in an empty entry: no flow has it.
const EMPTY: u32 = u32::MAX;

/// Entries that stand together. Those that find no room in the line where they belong are in the next
/// one that has some.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Line {
    hashes: [u32; LINE],
    places: [u32; LINE],
}

/// Finds places by hash.
pub(super) struct Index {
    lines: Vec<Line>,
    len: usize,
    /// The most that were in it since it was trimmed.
    most: usize,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            lines: vec![Line::NEW; INITIAL],
            len: 0,
            most: 0,
        }
    }
}

impl Line {
    const NEW: Self = Self {
        hashes: [0; LINE],
        places: [EMPTY; LINE],
    };

    /// Which of its entries are for `hash`; empty ones may be among them.
    #[inline]
    fn entries_of(&self, hash: u32) -> u32 {
        equal_to(hash, &self.hashes)
    }

    /// The first of its entries that is empty.
    #[inline]
    fn empty(&self) -> Option<usize> {
        let empty = equal_to(EMPTY, &self.places);
        (empty != 0).then(|| first(empty))
    }
}

/// Bits that stand for an entry. There are two so that the compiler compares all entries in two steps; with one
/// it makes other, longer code.
const BITS: [u32; LINE] = [0x101, 0x202, 0x404, 0x808, 0x1010, 0x2020, 0x4040, 0x8080];

/// Which of the numbers are `wanted`, as [`BITS`].
#[inline]
fn equal_to(wanted: u32, numbers: &[u32; LINE]) -> u32 {
    let bits = numbers.iter().zip(BITS);
    bits.fold(0, |all, (&number, bits)| {
        all | if number == wanted { bits } else { 0 }
    })
}

/// The first number of those.
#[inline]
fn first(equal: u32) -> usize {
    equal.trailing_zeros() as usize % LINE
}

impl Index {
    /// The place stored under `hash` that `is_equal` accepts.
    #[inline(always)]
    pub(super) fn find(&self, hash: u32, mut is_equal: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut at = self.home_of(hash);
        loop {
            let line = &self.lines[at];
            let mut equal = line.entries_of(hash);
            while equal != 0 {
                let entry = first(equal);
                let place = line.places[entry];
                if place != EMPTY && is_equal(place) {
                    return Some(place);
                }
                equal &= !BITS[entry];
            }
            if line.empty().is_some() {
                return None;
            }
            at = self.behind(at);
        }
    }

    /// The first place stored under `hash`, for prefetching: likely, not certainly, the flow's.
    #[inline]
    pub(super) fn guess(&self, hash: u32) -> Option<u32> {
        self.find(hash, |_| true)
    }

    /// The line where the search for `hash` begins, for prefetching.
    #[inline]
    pub(super) fn home(&self, hash: u32) -> &Line {
        &self.lines[self.home_of(hash)]
    }

    #[inline]
    fn home_of(&self, hash: u32) -> usize {
        self.around(hash as usize)
    }

    /// The line behind one.
    #[inline]
    fn behind(&self, at: usize) -> usize {
        self.around(at + 1)
    }

    /// A place or a distance, around the end of the table.
    #[inline]
    fn around(&self, at: usize) -> usize {
        at & (self.lines.len() - 1)
    }

    /// Stores `place` under `hash`.
    pub(super) fn insert(&mut self, hash: u32, place: u32) {
        if (self.len + 1) * 4 > self.lines.len() * LINE * 3 {
            self.resize(2 * self.lines.len());
        }
        self.len += 1;
        self.most = self.most.max(self.len);
        self.put(hash, place);
    }

    fn put(&mut self, hash: u32, place: u32) {
        let mut at = self.home_of(hash);
        let empty = loop {
            match self.lines[at].empty() {
                Some(empty) => break empty,
                None => at = self.behind(at),
            }
        };
        let line = &mut self.lines[at];
        (line.hashes[empty], line.places[empty]) = (hash, place);
    }

    /// Lets what is stored under `hash` with place `from` have place `to`.
    pub(super) fn replace(&mut self, hash: u32, from: u32, to: u32) {
        let (at, entry) = self.position(hash, from);
        self.lines[at].places[entry] = to;
    }

    /// Removes the entry of `hash` with `place`. If its line was full, one that found no room there
    /// moves back to it.
    pub(super) fn remove(&mut self, hash: u32, place: u32) {
        let (mut hole, mut entry) = self.position(hash, place);
        self.len -= 1;
        let mut at = hole;
        while self.lines[at].empty().is_none() {
            at = self.behind(at);
            if let Some(next) = self.one_from(hole, at) {
                let from = self.lines[at];
                let to = &mut self.lines[hole];
                (to.hashes[entry], to.places[entry]) = (from.hashes[next], from.places[next]);
                (hole, entry) = (at, next);
            }
        }
        self.lines[hole].places[entry] = EMPTY;
    }

    /// An entry of the line `at` that would be found in the line `hole` before it, too.
    fn one_from(&self, hole: usize, at: usize) -> Option<usize> {
        let distance = |from: usize| self.around(at.wrapping_sub(from));
        let line = &self.lines[at];
        let mut entries = line.hashes.iter().zip(&line.places);
        entries.position(|(&hash, &place)| {
            place != EMPTY && distance(self.home_of(hash)) >= distance(hole)
        })
    }

    /// The line of an entry, and which of that it is.
    fn position(&self, hash: u32, place: u32) -> (usize, usize) {
        let mut at = self.home_of(hash);
        loop {
            let line = &self.lines[at];
            let equal = line.entries_of(hash) & equal_to(place, &line.places);
            if equal != 0 {
                return (at, first(equal));
            }
            assert!(
                line.empty().is_none(),
                "a flow in the table is in the index"
            );
            at = self.behind(at);
        }
    }

    /// Gives back memory if an eighth would have done since this was done before.
    pub(super) fn trim(&mut self) {
        let enough = ((2 * self.most).next_power_of_two() / LINE).max(INITIAL);
        self.most = self.len;
        if enough <= self.lines.len() / 8 {
            self.resize(enough);
        }
    }

    #[cold]
    fn resize(&mut self, lines: usize) {
        let old = std::mem::replace(&mut self.lines, vec![Line::NEW; lines]);
        for line in &old {
            for (&hash, &place) in line.hashes.iter().zip(&line.places) {
                if place != EMPTY {
                    self.put(hash, place);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        /// All belong into the last three lines, so that those behind them, around the end, are full, too.
        #[test]
        fn it_agrees_with_a_map(steps in prop::collection::vec((any::<bool>(), 0u32..60), 1..400)) {
            let mut index = Index::default();
            let mut map = HashMap::new();
            let lines = u32::try_from(INITIAL).unwrap();
            let hash = |key: u32| lines - 1 - key % 3 + lines * (key / 12);
            for (number, (insert, key)) in (0u32..).zip(steps) {
                if insert && !map.contains_key(&key) {
                    index.insert(hash(key), number);
                    map.insert(key, number);
                } else if let Some(place) = map.remove(&key) {
                    index.remove(hash(key), place);
                }
                for key in 0..60 {
                    let wanted = map.get(&key).copied();
                    let found = index.find(hash(key), |place| Some(place) == wanted);
                    prop_assert_eq!(found, wanted);
                }
            }
        }
    }

    #[test]
    fn it_grows_and_shrinks_and_keeps_everything() {
        let hash = |place: u32| place.wrapping_mul(0x9e37_79b9);
        let mut index = Index::default();
        let is_there = |index: &Index, place| {
            let found = index.find(hash(place), |found| found == place);
            found == Some(place)
        };
        for place in 0..100_000 {
            index.insert(hash(place), place);
        }
        assert!((0..100_000).all(|place| is_there(&index, place)));
        for place in 5_000..100_000 {
            index.remove(hash(place), place);
        }
        let before = index.lines.len();
        index.trim();
        assert_eq!(index.lines.len(), before, "it was needed since");
        index.trim();
        assert_eq!(index.lines.len(), 16_384 / LINE);
        assert!((0..5_000).all(|place| is_there(&index, place)));
        assert!(!is_there(&index, 5_000));
    }
}
