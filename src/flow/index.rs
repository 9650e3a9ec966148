//! From the hash of a key to the place of its flow: open addressing with linear probing.
//!
//! An entry is eight bytes, 32 of the hash and 32 of the place, so a probe reads one cache line and
//! growing needs no keys. Whether the key is really equal is for the caller to say.

/// Entries of a new index; a power of two.
const INITIAL: usize = 1024;
/// What an empty entry holds: no flow has this place.
const EMPTY: u64 = u64::MAX;

/// Finds places by hash.
pub(super) struct Index {
    entries: Vec<u64>,
    len: usize,
    /// The most that were in it since it was trimmed.
    most: usize,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            entries: vec![EMPTY; INITIAL],
            len: 0,
            most: 0,
        }
    }
}

impl Index {
    /// The place stored under `hash` that `is_equal` accepts.
    #[inline]
    pub(super) fn find(&self, hash: u32, mut is_equal: impl FnMut(u32) -> bool) -> Option<u32> {
        let mask = self.entries.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let entry = self.entries[at];
            if entry == EMPTY {
                return None;
            }
            if hash_of(entry) == hash && is_equal(place_of(entry)) {
                return Some(place_of(entry));
            }
            at = (at + 1) & mask;
        }
    }

    /// The first place stored under `hash`, for prefetching: likely, not certainly, the flow's.
    #[inline]
    pub(super) fn guess(&self, hash: u32) -> Option<u32> {
        self.find(hash, |_| true)
    }

    /// The entry where the search for `hash` begins, for prefetching.
    #[inline]
    pub(super) fn home(&self, hash: u32) -> &u64 {
        &self.entries[hash as usize & (self.entries.len() - 1)]
    }

    /// Stores `place` under `hash`.
    pub(super) fn insert(&mut self, hash: u32, place: u32) {
        if (self.len + 1) * 4 > self.entries.len() * 3 {
            self.resize(2 * self.entries.len());
        }
        self.len += 1;
        self.most = self.most.max(self.len);
        let mask = self.entries.len() - 1;
        let mut at = hash as usize & mask;
        while self.entries[at] != EMPTY {
            at = (at + 1) & mask;
        }
        self.entries[at] = entry(hash, place);
    }

    /// Lets what is stored under `hash` with place `from` have place `to`.
    pub(super) fn replace(&mut self, hash: u32, from: u32, to: u32) {
        let at = self.position(hash, from);
        self.entries[at] = entry(hash, to);
    }

    /// Removes the entry of `hash` with `place`, and moves back those that were pushed behind it.
    pub(super) fn remove(&mut self, hash: u32, place: u32) {
        let mask = self.entries.len() - 1;
        let mut hole = self.position(hash, place);
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let entry = self.entries[at];
            if entry == EMPTY {
                break;
            }
            let home = hash_of(entry) as usize & mask;
            // Distances from the entry's home, around the end of the table: it may move back as
            // far as its home.
            if at.wrapping_sub(home) & mask >= at.wrapping_sub(hole) & mask {
                self.entries[hole] = entry;
                hole = at;
            }
        }
        self.entries[hole] = EMPTY;
        self.len -= 1;
    }

    fn position(&self, hash: u32, place: u32) -> usize {
        let mask = self.entries.len() - 1;
        let wanted = entry(hash, place);
        let mut at = hash as usize & mask;
        while self.entries[at] != wanted {
            assert!(
                self.entries[at] != EMPTY,
                "a flow in the table is in the index"
            );
            at = (at + 1) & mask;
        }
        at
    }

    /// Gives back memory if an eighth would have done since this was done before.
    pub(super) fn trim(&mut self) {
        let enough = (2 * self.most).next_power_of_two().max(INITIAL);
        self.most = self.len;
        if enough <= self.entries.len() / 8 {
            self.resize(enough);
        }
    }

    #[cold]
    fn resize(&mut self, entries: usize) {
        let old = std::mem::replace(&mut self.entries, vec![EMPTY; entries]);
        let mask = self.entries.len() - 1;
        for entry in old.into_iter().filter(|&entry| entry != EMPTY) {
            let mut at = hash_of(entry) as usize & mask;
            while self.entries[at] != EMPTY {
                at = (at + 1) & mask;
            }
            self.entries[at] = entry;
        }
    }
}

#[inline]
fn entry(hash: u32, place: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(place)
}

#[inline]
fn hash_of(entry: u64) -> u32 {
    (entry >> 32) as u32
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the lower half is wanted")]
fn place_of(entry: u64) -> u32 {
    entry as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        /// Few hashes, so that runs are long and cross the end of the table.
        #[test]
        fn it_agrees_with_a_map(steps in prop::collection::vec((any::<bool>(), 0u32..40), 1..400)) {
            let mut index = Index::default();
            let mut map = HashMap::new();
            let hash = |key: u32| 1000 + key / 4;
            for (number, (insert, key)) in (0u32..).zip(steps) {
                if insert && !map.contains_key(&key) {
                    index.insert(hash(key), number);
                    map.insert(key, number);
                } else if let Some(place) = map.remove(&key) {
                    index.remove(hash(key), place);
                }
                for key in 0..40 {
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
        let before = index.entries.len();
        index.trim();
        assert_eq!(index.entries.len(), before, "it was needed since");
        index.trim();
        assert_eq!(index.entries.len(), 16_384);
        assert!((0..5_000).all(|place| is_there(&index, place)));
        assert!(!is_there(&index, 5_000));
    }
}
