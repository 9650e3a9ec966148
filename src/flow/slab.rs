//! Where a table keeps its flows: numbered places that are reused, each with the earliest time at
//! which the flow in it can have timed out.
//!
//! The times stand apart from the flows in pages with a common minimum, so a sweep reads eight
//! bytes a flow, only in pages where something is due, and a packet writes none of them: a flow
//! that has been heard of since is given its new time by the sweep that finds it.

use super::pool::{NUMBERS, Pool};
use crate::prefetch::{prefetch, prefetch_head};

/// Places in a page of times: those of a chunk.
const PAGE: usize = NUMBERS as usize;
/// The time of a place that is free, or that no sweep shall find.
pub(super) const NEVER: i64 = i64::MAX;

/// Numbered places for values of one kind, in a [`Pool`].
pub(super) struct Slab<T, const CHUNK: usize = 63> {
    values: Pool<Option<T>, CHUNK>,
    /// When they are due, and the earliest of these times in each page.
    due: Vec<Option<Box<Page>>>,
    earliest: Vec<i64>,
    len: usize,
}

/// The times of a chunk's places; there is none where the pool has no memory.
type Page = [i64; PAGE];

impl<T, const CHUNK: usize> Default for Slab<T, CHUNK> {
    fn default() -> Self {
        Self {
            values: Pool::default(),
            due: Vec::new(),
            earliest: Vec::new(),
            len: 0,
        }
    }
}

impl<T, const CHUNK: usize> Slab<T, CHUNK> {
    /// Keeps `value`, which cannot time out before `due`. Returns its place.
    #[inline(always)]
    pub(super) fn insert(&mut self, value: T, due: i64) -> u32 {
        let (place, free) = self.values.take();
        *free = Some(value);
        self.len += 1;
        if self.page(place).is_none() {
            self.begin_page(place);
        }
        self.set_due(place, due);
        place
    }

    /// The page of times of `place`.
    #[inline]
    fn page(&mut self, place: u32) -> Option<&mut Page> {
        self.due.get_mut(place as usize / PAGE)?.as_deref_mut()
    }

    #[cold]
    fn begin_page(&mut self, place: u32) {
        let number = place as usize / PAGE;
        if number >= self.due.len() {
            self.due.resize_with(number + 1, || None);
            self.earliest.resize(number + 1, NEVER);
        }
        self.due[number] = Some(Box::new([NEVER; PAGE]));
    }

    /// Frees `place` and returns what was there.
    pub(super) fn remove(&mut self, place: u32) -> Option<T> {
        let value = self.values.get_mut(place)?.take()?;
        self.freed(place);
        Some(value)
    }

    /// Frees `place`, which is in use, without moving what was there.
    #[inline]
    pub(super) fn free(&mut self, place: u32) {
        *self.values.at_mut(place) = None;
        self.freed(place);
    }

    #[inline]
    fn freed(&mut self, place: u32) {
        self.set_due(place, NEVER);
        self.values.free(place);
        self.len -= 1;
    }

    /// Gives back memory that was not needed since this was done before.
    pub(super) fn trim(&mut self) {
        if !self.values.trim() {
            return;
        }
        let (values, chunks) = (&self.values, self.values.chunks());
        self.due.truncate(chunks);
        self.due.shrink_to(2 * chunks);
        self.earliest.truncate(chunks);
        self.earliest.shrink_to(2 * chunks);
        for (number, page) in self.due.iter_mut().enumerate() {
            if !values.has_memory(number) {
                *page = None;
                self.earliest[number] = NEVER;
            }
        }
    }

    /// From now on values are only taken out, and memory goes with them.
    pub(super) fn close(&mut self) {
        self.values.close();
        self.due = Vec::new();
    }

    /// What is at `place`.
    #[inline]
    pub(super) fn get(&self, place: u32) -> Option<&T> {
        self.values.get(place)?.as_ref()
    }

    /// Starts to fetch what is at `place`, without a look whether there is anything: that would wait
    /// for it.
    #[inline]
    pub(super) fn prefetch(&self, place: u32) {
        if let Some(value) = self.values.get(place) {
            prefetch(value);
        }
    }

    /// The same for the cache line in which that begins.
    #[inline]
    pub(super) fn prefetch_head(&self, place: u32) {
        if let Some(value) = self.values.get(place) {
            prefetch_head(value);
        }
    }

    /// What is at `place`, to be changed.
    #[inline]
    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        self.values.get_mut(place)?.as_mut()
    }

    /// Lets the value at `place` be looked at by sweeps from `due` on.
    #[inline]
    pub(super) fn set_due(&mut self, place: u32, due: i64) {
        if let Some(page) = self.page(place) {
            page[place as usize % PAGE] = due;
        }
        if due != NEVER {
            let earliest = &mut self.earliest[place as usize / PAGE];
            *earliest = due.min(*earliest);
        }
    }

    /// Collects in `expired` every place whose time has come by `now`. `due_of` says when a value
    /// is really due; a place where that is later than `now` is given that time instead.
    pub(super) fn sweep(&mut self, now: i64, expired: &mut Vec<u32>, due_of: impl Fn(&T) -> i64) {
        let pages = (0..).step_by(PAGE).zip(&mut self.earliest);
        for ((first, earliest), page) in pages.zip(&mut self.due) {
            if *earliest >= now {
                continue;
            }
            *earliest = NEVER;
            for (place, due) in (first..).zip(page.iter_mut().flat_map(|page| &mut **page)) {
                if *due < now {
                    let value = self.values.get(place).and_then(Option::as_ref);
                    *due = value.map_or(NEVER, &due_of);
                    if *due < now {
                        expired.push(place);
                        continue;
                    }
                }
                *earliest = (*earliest).min(*due);
            }
        }
    }

    /// All values with their places.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        let places = self.values.iter_mut();
        places.filter_map(|(place, value)| Some((place, value.as_mut()?)))
    }

    /// All values.
    pub(super) fn into_values(self) -> impl Iterator<Item = T> {
        self.values.into_values().flatten()
    }

    /// How many places are in use.
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_place_is_used_again() {
        let mut slab: Slab<&str> = Slab::default();
        let (a, b) = (slab.insert("a", 1), slab.insert("b", 1));
        assert_eq!(slab.remove(a), Some("a"));
        assert_eq!(slab.remove(a), None);
        assert_eq!(slab.insert("c", 1), a);
        assert_eq!(
            (slab.get(a), slab.get(b), slab.len()),
            (Some(&"c"), Some(&"b"), 2)
        );
    }

    #[test]
    fn a_sweep_finds_exactly_what_is_due() {
        let mut slab: Slab<i64> = Slab::default();
        let places: Vec<u32> = (0..3000).map(|due| slab.insert(due, due)).collect();
        let mut expired = Vec::new();
        slab.sweep(1500, &mut expired, |&due| due);
        assert_eq!(expired, places[..1500]);
    }

    #[test]
    fn a_value_heard_of_since_is_found_at_its_later_time() {
        let mut slab: Slab<i64> = Slab::default();
        let place = slab.insert(100, 10);
        let mut expired = Vec::new();
        slab.sweep(50, &mut expired, |&due| due);
        assert!(expired.is_empty());
        slab.sweep(101, &mut expired, |&due| due);
        assert_eq!(expired, [place]);
    }

    #[test]
    fn a_time_brought_forward_is_seen_by_the_next_sweep() {
        let mut slab: Slab<i64> = Slab::default();
        let place = slab.insert(5, 1000);
        slab.set_due(place, 5);
        let mut expired = Vec::new();
        slab.sweep(6, &mut expired, |&due| due);
        assert_eq!(expired, [place]);
    }

    #[test]
    fn memory_goes_and_comes_again() {
        let mut slab: Slab<i64> = Slab::default();
        let places: Vec<u32> = (0..10_000).map(|due| slab.insert(due, due)).collect();
        let kept = |due: usize| due % 5_000 == 77;
        for (_, &place) in places.iter().enumerate().filter(|(due, _)| !kept(*due)) {
            slab.free(place);
        }
        for _ in 0..2 {
            slab.trim();
        }
        assert_eq!(slab.due.iter().flatten().count(), 2);
        let mut all: Vec<i64> = slab.iter_mut().map(|(_, due)| *due).collect();
        assert_eq!(all, [77, 5_077]);
        for due in 0..1_000 {
            slab.insert(due, due);
        }
        let mut expired = Vec::new();
        slab.sweep(100, &mut expired, |&due| due);
        assert_eq!(expired.len(), 101);
        all = expired
            .iter()
            .filter_map(|&place| slab.remove(place))
            .collect();
        all.sort_unstable();
        let mut wanted: Vec<i64> = (0..100).chain([77]).collect();
        wanted.sort_unstable();
        assert_eq!(all, wanted);
        assert_eq!(slab.len(), 901);
    }
}
