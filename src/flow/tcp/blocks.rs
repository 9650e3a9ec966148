//! What is known of many neighbouring segments at once: a bit for each in a word for 64.
//!
//! A packet over thousands of small segments hits and classifies each of them (spec 6.2 and 6.3).
//! All that a class rests on are a few yes-or-no questions, so words answer them for a block of
//! segments together. What a block has learnt of classes and hits stays in it until somebody wants
//! the segments themselves.

use std::collections::VecDeque;
use std::ops::Range;

use super::classify::Class;
use super::order::{Order, SIZE};
use super::sequence::{ACKED_ENOUGH, Segment};
use super::verdict::{Bounds, Traits, Verdict};

/// Blocks one after the other, which together have all segments of a queue.
#[derive(Clone, Debug)]
pub(super) struct Blocks(VecDeque<Block>);

#[derive(Clone, Debug)]
struct Block {
    /// How many segments it has, at least one.
    count: usize,
    /// While it is there, the classes and hits in the queue itself are out of date.
    bits: Option<Bits>,
}

/// A bit for each segment of a block, the first one lowest.
#[derive(Clone, Debug)]
struct Bits {
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

/// How far a packet has come.
pub(super) struct Swept {
    /// Segments hit.
    pub(super) count: usize,
    /// The number behind them.
    pub(super) next: i64,
}

impl Blocks {
    /// Over as many segments.
    pub(super) fn over(len: usize) -> Self {
        let starts = (0..len).step_by(SIZE);
        Self(starts.map(|at| Block::new(SIZE.min(len - at))).collect())
    }

    /// Bytes that they take at most.
    pub(super) fn bytes(&self) -> usize {
        let ids = SIZE * size_of::<(u16, u64)>();
        self.0.len() * (size_of::<Block>() + size_of::<Order>() + ids)
    }

    /// Which block the segment at `at` is in, and where that block begins.
    fn find(&self, at: usize) -> (usize, usize) {
        let mut start = 0;
        for (number, block) in self.0.iter().enumerate() {
            if at < start + block.count {
                return (number, start);
            }
            start += block.count;
        }
        unreachable!("every segment is in a block")
    }

    /// Writes what a block knows into the queue and lets it know nothing.
    fn open(&mut self, number: usize, start: usize, segments: &mut VecDeque<Segment>) {
        let block = &mut self.0[number];
        if let Some(bits) = block.bits.take() {
            bits.write(segments.range_mut(start..start + block.count));
        }
    }

    /// Makes the segment at `at` in the queue true. Returns where its block begins and ends.
    pub(super) fn open_at(&mut self, at: usize, segments: &mut VecDeque<Segment>) -> Range<usize> {
        let (number, start) = self.find(at);
        self.open(number, start, segments);
        start..start + self.0[number].count
    }

    /// Makes all of the queue true.
    pub(super) fn open_all(&mut self, segments: &mut VecDeque<Segment>) {
        let mut start = 0;
        for number in 0..self.0.len() {
            self.open(number, start, segments);
            start += self.0[number].count;
        }
    }

    /// A segment will be put at the end of the queue.
    pub(super) fn will_push(&mut self, segments: &mut VecDeque<Segment>) {
        match self.0.back().map(|block| block.count) {
            Some(count) if count < SIZE => {
                let number = self.0.len() - 1;
                self.open(number, segments.len() - count, segments);
                self.0[number].count += 1;
            }
            _ => self.0.push_back(Block::new(1)),
        }
    }

    /// A segment will be put in front of the one at `at`.
    pub(super) fn will_insert(&mut self, at: usize, segments: &mut VecDeque<Segment>) {
        let (number, start) = self.find(at);
        self.open(number, start, segments);
        let block = &mut self.0[number];
        block.count += 1;
        if block.count > SIZE {
            let second = block.count / 2;
            block.count -= second;
            self.0.insert(number + 1, Block::new(second));
        }
    }

    /// The segments at these places will be removed.
    pub(super) fn will_remove(&mut self, places: Range<usize>, segments: &mut VecDeque<Segment>) {
        let mut at = places.start;
        if at >= places.end {
            return;
        }
        let (mut number, mut start) = self.find(at);
        while at < places.end {
            let end = start + self.0[number].count;
            let gone = end.min(places.end) - at;
            if gone == end - start {
                self.0.remove(number);
            } else {
                self.open(number, start, segments);
                self.0[number].count -= gone;
                number += 1;
            }
            start = end;
            at += gone;
        }
    }

    /// The class of the segment at `at`.
    pub(super) fn class_of(&self, at: usize, segments: &VecDeque<Segment>) -> Option<Class> {
        let (number, start) = self.find(at);
        match &self.0[number].bits {
            Some(bits) => bits.class_of(at - start),
            None => segments[at].class,
        }
    }

    /// The segment at `at` was hit, and sent again at `time` if there is one.
    pub(super) fn hit(
        &mut self,
        at: usize,
        class: Class,
        time: Option<i64>,
        segments: &mut VecDeque<Segment>,
    ) {
        let (number, start) = self.find(at);
        let segment = &mut segments[at];
        let Some(bits) = &mut self.0[number].bits else {
            return segment.hit(class, time);
        };
        if let Some(time) = time {
            if let Some(times) = &mut bits.times {
                times.change(at - start, segment.time, time);
            }
            segment.time = time;
            bits.oldest = bits.oldest.min(time);
            bits.newest = bits.newest.max(time);
        }
        let place = 1 << (at - start);
        for (number, word) in bits.class.iter_mut().enumerate() {
            *word = (*word & !place) | (place * (class as u64 >> number & 1));
        }
        bits.has_class |= place;
        bits.is_hit |= place;
    }

    /// Hits the segments from `at` on that the numbers from `first` to `last` cover as a whole, up
    /// to the first hole.
    pub(super) fn sweep(
        &mut self,
        at: usize,
        (first, last): (i64, i64),
        segments: &VecDeque<Segment>,
        verdict: &mut Verdict<'_>,
    ) -> Swept {
        let (number, mut start) = self.find(at);
        let (mut place, mut next, mut count) = (at - start, first, 0);
        for block in self.0.range_mut(number..) {
            let end = start + block.count;
            let bits = block
                .bits
                .get_or_insert_with(|| Bits::of(segments.range(start..end)));
            if place == 0 && bits.first != next {
                break;
            }
            let mut covered = block.count;
            if bits.last > last {
                let is_covered = |at: &usize| segments[*at].last <= last;
                covered = (start..end).take_while(is_covered).count();
            }
            let holes = bits.has_hole & !lowest(place + 1);
            covered = covered.min(holes.trailing_zeros() as usize);
            if covered <= place {
                break;
            }
            bits.hit(place..covered, || segments.range(start..end), verdict);
            count += covered - place;
            if covered < block.count {
                next = segments[start + covered - 1].last + 1;
                break;
            }
            next = bits.last + 1;
            (start, place) = (end, 0);
        }
        Swept { count, next }
    }
}

impl Block {
    fn new(count: usize) -> Self {
        Self { count, bits: None }
    }
}

impl Bits {
    fn of<'a>(segments: impl Iterator<Item = &'a Segment>) -> Self {
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
        for (at, p) in segments.enumerate() {
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

    fn write<'a>(&self, segments: impl Iterator<Item = &'a mut Segment>) {
        for (at, p) in segments.enumerate() {
            p.is_hit = self.is_hit >> at & 1 == 1;
            p.class = self.class_of(at);
        }
    }

    fn class_of(&self, at: usize) -> Option<Class> {
        (self.has_class >> at & 1 == 1).then(|| Class::at(&self.class, at))
    }

    /// Those that were sent at `time` or since; none if there is none.
    fn sent_since<'a, I>(&mut self, time: Option<i64>, segments: &impl Fn() -> I) -> u64
    where
        I: Iterator<Item = &'a Segment>,
    {
        match time {
            None => 0,
            Some(time) if time <= self.oldest => !0,
            Some(time) if time > self.newest => 0,
            Some(time) => self.times(segments).since(time),
        }
    }

    fn times<'a, I>(&mut self, segments: &impl Fn() -> I) -> &Order
    where
        I: Iterator<Item = &'a Segment>,
    {
        let order = || Order::of(segments().map(|p| p.time));
        self.times.get_or_insert_with(order)
    }

    /// Those with this identification.
    fn with_id<'a, I>(&mut self, id: u16, segments: &impl Fn() -> I) -> u64
    where
        I: Iterator<Item = &'a Segment>,
    {
        let ids = self.ids.get_or_insert_with(|| {
            let mut ids: Vec<(u16, u64)> = Vec::new();
            for (at, p) in segments().enumerate() {
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
    fn hit<'a, I>(&mut self, places: Range<usize>, segments: impl Fn() -> I, to: &mut Verdict<'_>)
    where
        I: Iterator<Item = &'a Segment>,
    {
        let Bounds {
            mean,
            before_rto,
            up_to_rto,
        } = to.bounds;
        let is_young = self.sent_since(mean, &segments);
        let (up_to_rto, before_rto) = match (up_to_rto, before_rto) {
            (Some(low), Some(high)) if self.oldest < low && high <= self.newest => {
                self.times(&segments).since_both(low, high)
            }
            (low, high) => (
                self.sent_since(low, &segments),
                self.sent_since(high, &segments),
            ),
        };
        let same_id = match (to.id, self.id) {
            (0, _) => 0,
            (id, Some(all)) if id == all => !0,
            (_, Some(_)) => 0,
            (id, None) => self.with_id(id, &segments),
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
