//! What is known of the segments of a block: a bit for each in a word. All that a class rests on
//! are a few yes-or-no questions, so words answer them for all segments together. Classes and hits
//! stay in it until somebody wants the segments themselves.

use std::collections::VecDeque;
use std::ops::Range;

use super::super::classify::Class;
use super::super::order::{Order, SIZE, Word};
use super::super::sequence::{ACKED_ENOUGH, Segment};
use super::super::verdict::{Alike, Bounds, Nature, Traits, Verdict};

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
    ids: Option<Vec<(u16, Word)>>,
    is_acked: Word,
    is_acked_enough: Word,
    /// It has one number.
    is_single: Word,
    /// There is a hole in front of it.
    has_hole: Word,
    is_hit: Word,
    has_class: Word,
    /// The classes, as bits of their numbers.
    class: [Word; 3],
    /// The class of all, if they were hit and have the same.
    class_of_all: Option<Class>,
    /// All segments, of which there are as many.
    all: Word,
    count: u32,
    /// What is known of all but their times, if it is the same.
    nature: Option<Nature>,
}

impl Bits {
    /// The most that the bits of a block take.
    pub(super) const BYTES: usize =
        size_of::<Self>() + size_of::<Order>() + SIZE * size_of::<(u16, Word)>();

    pub(super) fn of(segments: &VecDeque<Segment>) -> Self {
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
            all: lowest(segments.len()),
            count: 0,
            nature: None,
            class_of_all: None,
        };
        let mut behind = None;
        // From the last one on, so that each bit moves up by one at a time.
        for p in segments.iter().rev() {
            bits.count += 1;
            bits.oldest = bits.oldest.min(p.time);
            bits.newest = bits.newest.max(p.time);
            push(&mut bits.is_acked, p.acked > 0);
            push(&mut bits.is_acked_enough, p.acked >= ACKED_ENOUGH);
            push(&mut bits.is_single, p.first == p.last);
            push(&mut bits.is_hit, p.is_hit);
            push(&mut bits.has_class, p.class.is_some());
            let class = p.class.map_or(0, |class| class as u8);
            for (number, word) in bits.class.iter_mut().enumerate() {
                push(word, class >> number & 1 == 1);
            }
            push(
                &mut bits.has_hole,
                behind.is_some_and(|first| p.last + 1 != first),
            );
            behind = Some(p.first);
        }
        bits.has_hole <<= 1;
        if let (Some(front), Some(back)) = (segments.front(), segments.back()) {
            (bits.first, bits.last) = (front.first, back.last);
            bits.id = segments
                .iter()
                .all(|p| p.id == front.id)
                .then_some(front.id);
        }
        bits.nature = bits.common_nature();
        bits
    }

    fn common_nature(&self) -> Option<Nature> {
        let common = |word: Word| (word == 0 || word == self.all).then_some(word != 0);
        Some(Nature {
            id: self.id?,
            is_single: common(self.is_single)?,
            is_acked: common(self.is_acked)?,
            is_acked_enough: common(self.is_acked_enough)?,
        })
    }

    /// Makes the segments true.
    pub(super) fn write(&self, segments: &mut VecDeque<Segment>) {
        let (mut is_hit, mut has_class, mut class) = (self.is_hit, self.has_class, self.class);
        for p in segments {
            p.is_hit = is_hit & 1 == 1;
            p.class = (has_class & 1 == 1).then(|| Class::at(&class, 1));
            is_hit >>= 1;
            has_class >>= 1;
            class = class.map(|word| word >> 1);
        }
    }

    /// The first segment is taken out and made true; `next` is behind it, if it was not the last one.
    pub(super) fn pop_front(&mut self, first: &mut Segment, next: Option<&Segment>) {
        first.is_hit = self.is_hit & 1 == 1;
        first.class = self.class_of(0);
        let Some(next) = next else {
            return;
        };
        self.first = next.first;
        self.count -= 1;
        for word in [
            &mut self.all,
            &mut self.is_acked,
            &mut self.is_acked_enough,
            &mut self.is_single,
            &mut self.has_hole,
            &mut self.is_hit,
            &mut self.has_class,
        ]
        .into_iter()
        .chain(&mut self.class)
        {
            *word >>= 1;
        }
        self.has_hole &= !1;
        if let Some(times) = &mut self.times {
            times.pop_front();
        }
        for (_, places) in self.ids.iter_mut().flatten() {
            *places >>= 1;
        }
        self.nature = self.common_nature();
    }

    /// Where the first segment begins.
    #[inline]
    pub(super) fn first(&self) -> i64 {
        self.first
    }

    /// Where the last segment ends.
    #[inline]
    pub(super) fn last(&self) -> i64 {
        self.last
    }

    pub(super) fn class_of(&self, at: usize) -> Option<Class> {
        let place = 1 << at;
        (self.has_class & place != 0).then(|| Class::at(&self.class, place))
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
            *word = (*word & !place) | (place * (class as Word >> number & 1));
        }
        self.has_class |= place;
        self.is_hit |= place;
        self.class_of_all = None;
    }

    /// Up to which one the segments from place `at` on, which begin where the one in front ends,
    /// have no hole between them and end at `last` or before.
    #[inline]
    pub(super) fn covered(&self, at: usize, last: i64, segments: &VecDeque<Segment>) -> usize {
        let mut covered = segments.len();
        if self.last <= last && self.has_hole == 0 {
            return covered;
        }
        if self.last > last {
            covered = segments.partition_point(|p| p.last <= last);
        }
        let holes = self.has_hole & !lowest(at + 1);
        covered.min(holes.trailing_zeros() as usize)
    }

    /// Those that were sent at `time` or since; none if there is none.
    #[inline]
    fn sent_since(&mut self, time: Option<i64>, segments: &VecDeque<Segment>) -> Word {
        match time {
            None => 0,
            Some(time) if time <= self.oldest => !0,
            Some(time) if time > self.newest => 0,
            Some(time) => self.times(segments).since(time),
        }
    }

    #[inline]
    fn times(&mut self, segments: &VecDeque<Segment>) -> &Order {
        self.times.get_or_insert_with(|| order(segments))
    }

    /// Those with this identification.
    fn with_id(&mut self, id: u16, segments: &VecDeque<Segment>) -> Word {
        let ids = self.ids.get_or_insert_with(|| identifications(segments));
        let at = if ids.len() <= 2 {
            ids.iter().position(|&(other, _)| other == id)
        } else {
            ids.binary_search_by_key(&id, |&(id, _)| id).ok()
        };
        at.map_or(0, |at| ids[at].1)
    }

    /// Hits the segments at `places`, each of them as a whole.
    #[inline]
    pub(super) fn hit_all(
        &mut self,
        places: Range<usize>,
        segments: &VecDeque<Segment>,
        to: &mut Verdict<'_>,
    ) {
        let is_whole = places.len() == segments.len();
        if is_whole
            && let Some(nature) = self.nature
            && let Some(class) = to.class_of_all(&self.alike(nature))
        {
            return self.hit_as_one(class);
        }
        let (places, count) = if is_whole {
            (self.all, self.count)
        } else {
            let places = lowest(places.end) & !lowest(places.start);
            (places, places.count_ones())
        };
        let class = to.classes_of(&self.traits(places, segments, to), count);
        if is_whole {
            self.class = class;
        } else {
            for (word, new) in self.class.iter_mut().zip(class) {
                *word = *word & !places | new;
            }
        }
        self.is_hit |= places;
        self.has_class |= places;
        self.class_of_all = None;
    }

    #[inline]
    fn alike(&self, nature: Nature) -> Alike {
        Alike {
            nature,
            oldest: self.oldest,
            newest: self.newest,
            count: self.count,
        }
    }

    #[inline]
    fn hit_as_one(&mut self, class: Class) {
        if self.class_of_all == Some(class) {
            return;
        }
        let number = class as Word;
        self.class = [0, 1, 2].map(|bit| self.all * (number >> bit & 1));
        (self.is_hit, self.has_class) = (self.all, self.all);
        self.class_of_all = Some(class);
    }

    #[inline(always)]
    fn traits(&mut self, places: Word, segments: &VecDeque<Segment>, to: &Verdict<'_>) -> Traits {
        let Bounds {
            mean,
            before_rto,
            up_to_rto,
        } = to.bounds();
        let is_young = self.sent_since(mean, segments);
        let enough_before = to.enough_before(places, self.is_acked_enough);
        let (up_to_rto, before_rto) = match (up_to_rto, before_rto) {
            // Nothing is a fast retransmission, which all that is sent before the time-out matters for.
            (low, _) if enough_before == 0 => (self.sent_since(low, segments), 0),
            (Some(low), Some(high)) if self.oldest < low && high <= self.newest => {
                self.times(segments).since_both(low, high)
            }
            (low, high) => (
                self.sent_since(low, segments),
                self.sent_since(high, segments),
            ),
        };
        let same_id = match (to.id(), self.id) {
            (0, _) => 0,
            (id, Some(all)) if id == all => !0,
            (_, Some(_)) => 0,
            (id, None) => self.with_id(id, segments),
        };
        Traits {
            places,
            is_young,
            before_rto,
            after_rto: !up_to_rto,
            same_id,
            is_single: self.is_single,
            is_acked: self.is_acked,
            is_acked_enough: self.is_acked_enough,
            enough_before,
        }
    }
}

#[cold]
fn order(segments: &VecDeque<Segment>) -> Box<Order> {
    Order::of(segments.iter().map(|p| p.time))
}

/// Which segments have each identification, ascending.
#[cold]
fn identifications(segments: &VecDeque<Segment>) -> Vec<(u16, Word)> {
    let mut ids: Vec<(u16, Word)> = Vec::new();
    for (at, p) in segments.iter().enumerate() {
        match ids.binary_search_by_key(&p.id, |&(id, _)| id) {
            Ok(place) => ids[place].1 |= 1 << at,
            Err(place) => ids.insert(place, (p.id, 1 << at)),
        }
    }
    ids
}

/// Moves all bits up by one and puts a new one below them.
#[inline]
fn push(word: &mut Word, is_so: bool) {
    *word = *word << 1 | Word::from(is_so);
}

/// A word with the lowest `count` bits set.
fn lowest(count: usize) -> Word {
    match count {
        0 => 0,
        _ => !0 >> (SIZE - count.min(SIZE)),
    }
}
