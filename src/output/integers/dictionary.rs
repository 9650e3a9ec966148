//! Values that few rows have another one of: a list of them, and runs of places in it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use ahash::RandomState;

use super::cells::Values;
use super::hybrid::Runs;
use super::pack::width;

/// Most values of a list: two bytes for each place, and what a reader keeps at hand.
const MOST: usize = 1 << 14;

/// The values of a row group so far, and the places of a page.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    /// In the order in which they came, so that the bytes do not depend on hashes.
    values: Vec<i64>,
    places: HashMap<i64, u32, RandomState>,
    /// The value before and its place.
    last: Option<(i64, u32)>,
    runs: Runs,
}

impl Dictionary {
    pub(super) fn extend(&mut self, values: Values<'_>) {
        match values {
            Values::Same(value, times) => self.push(value, times),
            Values::Each(values) => values.iter().for_each(|&value| self.push(value, 1)),
        }
    }

    fn push(&mut self, value: i64, times: usize) {
        let place = match self.last {
            Some((last, place)) if last == value => place,
            _ => self.place(value),
        };
        self.last = Some((value, place));
        self.runs.push(place, times);
    }

    fn place(&mut self, value: i64) -> u32 {
        match self.places.entry(value) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let place = u32::try_from(self.values.len()).expect("a row group has fewer rows");
                self.values.push(value);
                *entry.insert(place)
            }
        }
    }

    /// Whether the next page should do without.
    pub(super) fn is_full(&self) -> bool {
        self.values.len() > MOST
    }

    pub(super) fn values(&self) -> &[i64] {
        &self.values
    }

    /// Appends the page's places and forgets them.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        let last = self.values.len().saturating_sub(1);
        let width = width(last as u64);
        out.push(width as u8);
        self.runs.finish(width, out);
    }
}
