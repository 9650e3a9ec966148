//! Where a table keeps its flows: numbered places that are reused, each with the earliest time at
//! which the flow in it can have timed out.
//!
//! The times stand apart from the flows in pages with a common minimum, so a sweep reads eight
//! bytes a flow, only in pages where something is due, and a packet writes none of them: a flow
//! that has been heard of since is given its new time by the sweep that finds it.

use crate::prefetch::{prefetch, prefetch_head};

/// Places in a page.
const PAGE: usize = 1024;
/// The time of a place that is free, or that no sweep shall find.
pub(super) const NEVER: i64 = i64::MAX;

/// Numbered places for values of one kind.
pub(super) struct Slab<T> {
    pages: Vec<Page<T>>,
    free: Vec<u32>,
    len: usize,
}

struct Page<T> {
    values: Box<[Option<T>; PAGE]>,
    due: Box<[i64; PAGE]>,
    earliest: i64,
}

impl<T> Page<T> {
    fn new() -> Self {
        Self {
            values: filled(|| None),
            due: filled(|| NEVER),
            earliest: NEVER,
        }
    }
}

/// An array that was never on the stack.
fn filled<V>(value: impl FnMut() -> V) -> Box<[V; PAGE]> {
    let values: Box<[V]> = std::iter::repeat_with(value).take(PAGE).collect();
    values
        .try_into()
        .unwrap_or_else(|_| unreachable!("there are as many"))
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            pages: Vec::new(),
            free: Vec::new(),
            len: 0,
        }
    }
}

impl<T> Slab<T> {
    /// Keeps `value`, which cannot time out before `due`. Returns its place.
    #[inline(always)]
    pub(super) fn insert(&mut self, value: T, due: i64) -> u32 {
        let place = self.free.pop().unwrap_or_else(|| self.grow());
        self.len += 1;
        let (page, at) = split(place);
        let page = &mut self.pages[page];
        page.values[at] = Some(value);
        page.due[at] = due;
        page.earliest = page.earliest.min(due);
        place
    }

    /// A place that was never used, when none is free: those that were are all in use.
    fn grow(&mut self) -> u32 {
        let place = self.len;
        if place == self.pages.len() * PAGE {
            self.pages.push(Page::new());
        }
        u32::try_from(place).expect("a table holds fewer than 2^32 flows")
    }

    /// Frees `place` and returns what was there.
    pub(super) fn remove(&mut self, place: u32) -> Option<T> {
        let (page, at) = split(place);
        let value = self.pages.get_mut(page)?.values[at].take()?;
        self.freed(place);
        Some(value)
    }

    /// Frees `place`, which is in use, without moving what was there.
    #[inline]
    pub(super) fn free(&mut self, place: u32) {
        let (page, at) = split(place);
        self.pages[page].values[at] = None;
        self.freed(place);
    }

    #[inline]
    fn freed(&mut self, place: u32) {
        let (page, at) = split(place);
        self.pages[page].due[at] = NEVER;
        self.free.push(place);
        self.len -= 1;
    }

    /// What is at `place`.
    #[inline]
    pub(super) fn get(&self, place: u32) -> Option<&T> {
        let (page, at) = split(place);
        self.pages.get(page)?.values[at].as_ref()
    }

    /// Starts to fetch what is at `place`, without a look whether there is anything: that would wait
    /// for it.
    #[inline]
    pub(super) fn prefetch(&self, place: u32) {
        let (page, at) = split(place);
        if let Some(page) = self.pages.get(page) {
            prefetch(&page.values[at]);
        }
    }

    /// The same for the cache line in which that begins.
    #[inline]
    pub(super) fn prefetch_head(&self, place: u32) {
        let (page, at) = split(place);
        if let Some(page) = self.pages.get(page) {
            prefetch_head(&page.values[at]);
        }
    }

    /// What is at `place`, to be changed.
    #[inline]
    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        let (page, at) = split(place);
        self.pages.get_mut(page)?.values[at].as_mut()
    }

    /// Lets the value at `place` be looked at by sweeps from `due` on.
    pub(super) fn set_due(&mut self, place: u32, due: i64) {
        let (page, at) = split(place);
        let page = &mut self.pages[page];
        page.due[at] = due;
        page.earliest = page.earliest.min(due);
    }

    /// Collects in `expired` every place whose time has come by `now`. `due_of` says when a value
    /// is really due; a place where that is later than `now` is given that time instead.
    pub(super) fn sweep(&mut self, now: i64, expired: &mut Vec<u32>, due_of: impl Fn(&T) -> i64) {
        for (number, page) in self.pages.iter_mut().enumerate() {
            if page.earliest >= now {
                continue;
            }
            page.earliest = NEVER;
            for (at, due) in page.due.iter_mut().enumerate() {
                if *due < now {
                    *due = page.values[at].as_ref().map_or(NEVER, &due_of);
                    if *due < now {
                        let place = number * PAGE + at;
                        expired.push(u32::try_from(place).expect("it was one at insertion"));
                        continue;
                    }
                }
                page.earliest = page.earliest.min(*due);
            }
        }
    }

    /// All values with their places.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        let values = self.pages.iter_mut().flat_map(|page| &mut *page.values);
        (0..)
            .zip(values)
            .filter_map(|(place, value)| Some((place, value.as_mut()?)))
    }

    /// All values.
    pub(super) fn into_values(self) -> impl Iterator<Item = T> {
        self.pages
            .into_iter()
            .flat_map(|page| (page.values as Box<[_]>).into_iter())
            .flatten()
    }

    /// How many places are in use.
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

#[inline]
fn split(place: u32) -> (usize, usize) {
    let place = place as usize;
    (place / PAGE, place % PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_place_is_used_again() {
        let mut slab = Slab::default();
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
        let mut slab = Slab::default();
        let places: Vec<u32> = (0..3000).map(|due| slab.insert(due, due)).collect();
        let mut expired = Vec::new();
        slab.sweep(1500, &mut expired, |&due| due);
        assert_eq!(expired, places[..1500]);
    }

    #[test]
    fn a_value_heard_of_since_is_found_at_its_later_time() {
        let mut slab = Slab::default();
        let place = slab.insert(100, 10);
        let mut expired = Vec::new();
        slab.sweep(50, &mut expired, |&due| due);
        assert!(expired.is_empty());
        slab.sweep(101, &mut expired, |&due| due);
        assert_eq!(expired, [place]);
    }

    #[test]
    fn a_time_brought_forward_is_seen_by_the_next_sweep() {
        let mut slab = Slab::default();
        let place = slab.insert(5, 1000);
        slab.set_due(place, 5);
        let mut expired = Vec::new();
        slab.sweep(6, &mut expired, |&due| due);
        assert_eq!(expired, [place]);
    }
}
