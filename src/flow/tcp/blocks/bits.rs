//! What is known of the segments of a block: a bit for each in a word. All that a class rests on
//! are a few yes-or-no questions, so words answer them for all segments together. Classes and hits
//! stay in it until somebody wants the segments themselves.

use std::ops::Range;

use super::super::classify::Class;
use super::super::order::{Order, SIZE};
use super::super::sequence::{ACKED_ENOUGH, Segment};
use super::super::verdict::{Bounds, Traits, Verdict};

/// A bit for each segment of a block, the first one lowest.
#[derive(Clone, Debug)]
pub(super) struct Bits {
    /// Where the first segment begins.
    first: i64,
    /// Where the last segment ends.
    last: i64,
    /// No segment was sent before this.
    oldest: i64,
    /// No segment was sent after this.
    newest: i64,
    /// When they were sent, once that was asked.
    times: Option<Box<Order>>,
    /// The identification of all, if they have the same.
    id: Option<u16>,
    /// Otherwise those there are, ascending, and which segments have each, once that was asked.
    ids: Option<Vec<(u16, u64)>>,
    is_acked: u64,
    is_acked_enough: u64,
    /// It has one number.
    is_single: u64,
    /// There is a hole in front of it.
    has_hole: u64,
    is_hit: u64,
    has_class: u64,
    /// The classes, as bits of their numbers.
    class: [u64; 3],
}

impl Bits {
    /// The most that the bits of a block take.
    pub(super) const BYTES: usize =
        size_of::<Self>() + size_of::<Order>() + SIZE * size_of::<(u16, u64)>();

    pub(super) fn of(segments: &[Segment]) -> Self {
        let mut bits = Self {
            first: i64::MAX,
            last: i64::MIN,
            oldest: i64::MAX,
            newest: i64::MIN,
            times: None,
            id: None,
            ids: None,
            is_acked: 0,
            is_acked_enough: 0,
            is_single: 0,
            has_hole: 0,
            is_hit: 0,
            has_class: 0,
            class: [0; 3],
        };
        let (mut has_one_id, mut end) = (true, None);
        for (at, p) in segments.iter().enumerate() {
            let bit = |is_so: bool| u64::from(is_so) << at;
            bits.first = bits.first.min(p.first);
            bits.last = bits.last.max(p.last);
            bits.oldest = bits.oldest.min(p.time);
            bits.newest = bits.newest.max(p.time);
            has_one_id &= *bits.id.get_or_insert(p.id) == p.id;
            bits.is_acked |= bit(p.acked > 0);
            bits.is_acked_enough |= bit(p.acked >= ACKED_ENOUGH);
            bits.is_single |= bit(p.first == p.last);
            bits.has_hole |= bit(end.is_some_and(|end| p.first != end));
            bits.is_hit |= bit(p.is_hit);
            bits.has_class |= bit(p.class.is_some());
            let class = p.class.map_or(0, |class| class as u64);
            for (number, word) in bits.class.iter_mut().enumerate() {
                *word |= (class >> number & 1) << at;
            }
            end = Some(p.last + 1);
        }
        bits.id = bits.id.filter(|_| has_one_id);
        bits
    }

    /// Makes the segments true.
    pub(super) fn write(&self, segments: &mut [Segment]) {
        for (at, p) in segments.iter_mut().enumerate() {
            p.is_hit = self.is_hit >> at & 1 == 1;
            p.class = self.class_of(at);
        }
    }

    /// Where the first segment begins.
    #[inline]
    pub(super) fn first(&self) -> i64 {
        self.first
    }

    pub(super) fn class_of(&self, at: usize) -> Option<Class> {
        (self.has_class >> at & 1 == 1).then(|| Class::at(&self.class, at))
    }

    /// The time of the segment at `at` changes.
    pub(super) fn sent_again(&mut self, at: usize, old: i64, new: i64) {
        if let Some(times) = &mut self.times {
            times.change(at, old, new);
        }
        self.oldest = self.oldest.min(new);
        self.newest = self.newest.max(new);
    }

    /// The segment at `at` was hit.
    pub(super) fn hit(&mut self, at: usize, class: Class) {
        let place = 1 << at;
        for (number, word) in self.class.iter_mut().enumerate() {
            *word = (*word & !place) | (place * (class as u64 >> number & 1));
        }
        self.has_class |= place;
        self.is_hit |= place;
    }

    /// Up to which one the segments from place `at` on, which begin where the one in front ends,
    /// have no hole between them and end at `last` or before.
    #[inline]
    pub(super) fn covered(&self, at: usize, last: i64, segments: &[Segment]) -> usize {
        let mut covered = segments.len();
        if self.last > last {
            covered = segments.partition_point(|p| p.last <= last);
        }
        let holes = self.has_hole & !lowest(at + 1);
        covered.min(holes.trailing_zeros() as usize)
    }

    /// Those that were sent at `time` or since; none if there is none.
    fn sent_since(&mut self, time: Option<i64>, segments: &[Segment]) -> u64 {
        match time {
            None => 0,
            Some(time) if time <= self.oldest => !0,
            Some(time) if time > self.newest => 0,
            Some(time) => self.times(segments).since(time),
        }
    }

    fn times(&mut self, segments: &[Segment]) -> &Order {
        let order = || Order::of(segments.iter().map(|p| p.time));
        self.times.get_or_insert_with(order)
    }

    /// Those with this identification.
    fn with_id(&mut self, id: u16, segments: &[Segment]) -> u64 {
        let ids = self.ids.get_or_insert_with(|| {
            let mut ids: Vec<(u16, u64)> = Vec::new();
            for (at, p) in segments.iter().enumerate() {
                match ids.binary_search_by_key(&p.id, |&(id, _)| id) {
                    Ok(place) => ids[place].1 |= 1 << at,
                    Err(place) => ids.insert(place, (p.id, 1 << at)),
                }
            }
            ids
        });
        ids.binary_search_by_key(&id, |&(id, _)| id)
            .map_or(0, |place| ids[place].1)
    }

    /// Hits the segments at `places`, each of them as a whole.
    pub(super) fn hit_all(
        &mut self,
        places: Range<usize>,
        segments: &[Segment],
        to: &mut Verdict<'_>,
    ) {
        let Bounds {
            mean,
            before_rto,
            up_to_rto,
        } = to.bounds;
        let is_young = self.sent_since(mean, segments);
        let (up_to_rto, before_rto) = match (up_to_rto, before_rto) {
            (Some(low), Some(high)) if self.oldest < low && high <= self.newest => {
                self.times(segments).since_both(low, high)
            }
            (low, high) => (
                self.sent_since(low, segments),
                self.sent_since(high, segments),
            ),
        };
        let same_id = match (to.id, self.id) {
            (0, _) => 0,
            (id, Some(all)) if id == all => !0,
            (_, Some(_)) => 0,
            (id, None) => self.with_id(id, segments),
        };
        let places = lowest(places.end) & !lowest(places.start);
        let traits = Traits {
            places,
            is_young,
            before_rto,
            after_rto: !up_to_rto,
            same_id,
            is_single: self.is_single,
            is_acked: self.is_acked,
            is_acked_enough: self.is_acked_enough,
        };
        let class = to.classes_of(&traits);
        for (word, new) in self.class.iter_mut().zip(class) {
            *word = *word & !places | new;
        }
        self.is_hit |= places;
        self.has_class |= places;
    }
}

/// A word with the lowest `count` bits set.
fn lowest(count: usize) -> u64 {
    match count {
        0 => 0,
        _ => !0 >> (64 - count.min(64)),
    }
}
