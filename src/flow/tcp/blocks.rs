//! Segments in blocks of up to 128, for a direction that has many of them.
//!
//! To put one between others moves those of a block, not half of all. And a packet over thousands
//! of small segments hits and classifies each of them (spec 6.2 and 6.3): what a block knows of its
//! segments, a bit for each in a word, does that for all of them together ([`Bits`]).

mod bits;

use std::collections::{VecDeque, vec_deque};
use std::ops::Range;

use super::classify::Class;
use super::order::SIZE;
use super::sequence::Segment;
use super::verdict::Verdict;
use bits::Bits;

/// A full block gives some of its segments to a neighbour with no more than these.
const ROOMY: usize = SIZE * 3 / 4;

/// Segments in blocks, none of which is empty.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    list: VecDeque<Block>,
    len: usize,
    /// The block that was last changed, and at which place it begins.
    latest: (usize, usize),
    /// The block at which a sweep last began, if it is still there, and the place in it.
    begun: (usize, usize),
    /// Blocks that were swept since the segments were last dealt out evenly.
    swept: usize,
}

#[derive(Clone, Debug)]
struct Block {
    segments: VecDeque<Segment>,
    /// While it is there, the classes and hits of the segments themselves are out of date.
    bits: Option<Box<Bits>>,
}

/// How far a packet has come.
pub(super) struct Swept {
    /// Segments hit.
    pub(super) count: usize,
    /// The number behind them.
    pub(super) next: i64,
}

impl Blocks {
    pub(super) fn of(segments: VecDeque<Segment>) -> Self {
        let len = segments.len();
        let mut segments = segments.into_iter();
        let mut list = VecDeque::with_capacity(len / SIZE + 1);
        while segments.len() > 0 {
            let mut block = Block::new();
            block.segments.extend(segments.by_ref().take(SIZE));
            list.push_back(block);
        }
        Self {
            list,
            len,
            latest: (0, 0),
            begun: (0, 0),
            swept: 0,
        }
    }

    /// All segments as they are. Leaves none.
    pub(super) fn take(&mut self) -> VecDeque<Segment> {
        let mut segments = VecDeque::with_capacity(self.len);
        for mut block in std::mem::take(&mut self.list) {
            segments.extend(block.open().drain(..));
        }
        (self.len, self.latest) = (0, (0, 0));
        segments
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes that they take at most.
    pub(super) fn bytes(&self) -> usize {
        self.list.len() * (size_of::<Block>() + SIZE * size_of::<Segment>() + Bits::BYTES)
    }

    /// Which block the segment at `at` is in, and at which place that block begins.
    fn find(&self, at: usize) -> (usize, usize) {
        let (mut number, mut start) = self.latest;
        if at < start / 2 {
            (number, start) = (0, 0);
        }
        while at < start {
            number -= 1;
            start -= self.list[number].len();
        }
        while at >= start + self.list[number].len() {
            start += self.list[number].len();
            number += 1;
        }
        (number, start)
    }

    /// The block that the segment at `at` is in, its number, and where in it the segment stands.
    fn block_mut(&mut self, at: usize) -> (&mut Block, usize, usize) {
        self.latest = self.find(at);
        let (number, start) = self.latest;
        (&mut self.list[number], number, at - start)
    }

    #[cold]
    pub(super) fn get(&self, at: usize) -> Option<&Segment> {
        if at >= self.len {
            return None;
        }
        let (number, start) = self.find(at);
        self.list[number].segments.get(at - start)
    }

    #[cold]
    pub(super) fn back(&self) -> Option<&Segment> {
        self.list.back()?.segments.back()
    }

    pub(super) fn iter_from(&self, at: usize) -> impl Iterator<Item = &Segment> {
        let (number, start) = match at < self.len {
            true => self.find(at),
            false => (self.list.len(), at),
        };
        let blocks = self.list.range(number..);
        blocks.flat_map(|block| &block.segments).skip(at - start)
    }

    #[cold]
    pub(super) fn position(&self, number: i64) -> usize {
        let is_before = |block: &Block| block.segments.back().is_some_and(|p| p.last < number);
        let is_at = |at: &usize| {
            let block = self.list.get(*at);
            let is_behind =
                |block: &Block| block.segments.front().is_some_and(|p| p.first > number);
            block.is_some_and(|block| !is_before(block) && !is_behind(block))
        };
        // Packets over many segments often begin at the same one.
        let (block, place) = self.begun;
        let begun = Some(block).filter(is_at);
        let at = begun.unwrap_or_else(|| self.list.partition_point(is_before));
        let len = |range: Range<usize>| self.list.range(range).map(Block::len).sum::<usize>();
        let (latest, latest_start) = self.latest;
        let start = match latest.checked_sub(at) {
            None => latest_start + len(latest..at),
            Some(back) if back < at => latest_start - len(at..latest),
            Some(_) => len(0..at),
        };
        let Some(Block { segments, .. }) = self.list.get(at) else {
            return start;
        };
        // A sweep begins behind the first segment that is hit.
        let is_right = |&place: &usize| {
            let is_before = |at: usize| segments.get(at).is_some_and(|p| p.last < number);
            place < segments.len() && !is_before(place) && (place == 0 || is_before(place - 1))
        };
        let place = place.checked_sub(1).filter(is_right);
        start + place.unwrap_or_else(|| segments.partition_point(|p| p.last < number))
    }

    /// Whether the block with the segment at `at`, which is there, has what a sweep needs.
    pub(super) fn knows(&self, at: usize) -> bool {
        self.list[self.find(at).0].bits.is_some()
    }

    #[cold]
    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Segment> {
        if at >= self.len {
            return None;
        }
        let (block, _, place) = self.block_mut(at);
        block.open().get_mut(place)
    }

    /// The segments from place `at` to the end of its block, as they are, if the first one begins
    /// before `number`.
    #[cold]
    pub(super) fn opened(
        &mut self,
        at: usize,
        number: i64,
    ) -> Option<vec_deque::IterMut<'_, Segment>> {
        if self.get(at)?.first >= number {
            return None;
        }
        let (block, _, place) = self.block_mut(at);
        Some(block.open().range_mut(place..))
    }

    #[cold]
    pub(super) fn push_back(&mut self, segment: Segment) {
        if self.list.back().is_none_or(|block| block.len() == SIZE) {
            self.list.push_back(Block::new());
        }
        if let Some(block) = self.list.back_mut() {
            block.open().push_back(segment);
            self.len += 1;
        }
    }

    /// Inserts in front of the segment at `at`, which is there.
    pub(super) fn insert(&mut self, at: usize, segment: Segment) {
        let (block, number, _) = self.block_mut(at);
        if block.len() == SIZE {
            self.make_room(number);
        }
        let (block, _, place) = self.block_mut(at);
        block.open().insert(place, segment);
        self.len += 1;
    }

    /// Moves segments out of a block that is full, to a neighbour or into a new block.
    fn make_room(&mut self, number: usize) {
        let before = number.checked_sub(1).map(|before| self.list[before].len());
        let behind = self.list.get(number + 1).map(Block::len);
        let (_, start) = self.latest;
        match (before, behind) {
            (_, Some(len)) if len <= ROOMY => {
                let moved = self.list[number].open().split_off(SIZE - (SIZE - len) / 2);
                let behind = self.list[number + 1].open();
                moved.into_iter().rev().for_each(|p| behind.push_front(p));
            }
            (Some(len), _) if len <= ROOMY => {
                let count = (SIZE - len) / 2;
                let moved: Vec<_> = self.list[number].open().drain(..count).collect();
                self.list[number - 1].open().extend(moved);
                self.latest = (number, start + count);
            }
            _ => {
                let mut second = Block::new();
                let moved = self.list[number].open().drain(SIZE / 2..);
                second.segments.extend(moved);
                self.list.insert(number + 1, second);
            }
        }
    }

    pub(super) fn remove(&mut self, places: Range<usize>) {
        if places.is_empty() {
            return;
        }
        let (_, mut number, mut place) = self.block_mut(places.start);
        let mut left = places.len();
        self.len -= left;
        while left > 0 {
            let block = &mut self.list[number];
            let gone = left.min(block.len() - place);
            if gone == block.len() {
                self.list.remove(number);
            } else {
                block.open().drain(place..place + gone);
                number += 1;
            }
            (left, place) = (left - gone, 0);
        }
        self.latest = (0, 0);
    }

    /// Removes the first segment.
    pub(super) fn pop_front(&mut self) -> Option<Segment> {
        let Block { segments, bits } = self.list.front_mut()?;
        let mut first = segments.pop_front()?;
        if let Some(bits) = bits {
            bits.pop_front(&mut first, segments.front());
        }
        if segments.is_empty() {
            self.list.pop_front();
        }
        (self.len, self.latest) = (self.len - 1, (0, 0));
        Some(first)
    }

    pub(super) fn class_of(&self, at: usize) -> Option<Class> {
        let (number, start) = self.find(at);
        let block = &self.list[number];
        match &block.bits {
            Some(bits) => bits.class_of(at - start),
            None => block.segments[at - start].class,
        }
    }

    pub(super) fn hit(&mut self, at: usize, class: Class, time: Option<i64>) {
        let (block, _, place) = self.block_mut(at);
        let segment = &mut block.segments[place];
        let Some(bits) = &mut block.bits else {
            return segment.hit(class, time);
        };
        if let Some(time) = time {
            bits.sent_again(place, segment.time, time);
            segment.time = time;
        }
        bits.hit(place, class);
    }

    /// Hits the segments from `at` on that the numbers from `first` to `last` cover as a whole, up
    /// to the first hole.
    pub(super) fn sweep(
        &mut self,
        at: usize,
        (first, last): (i64, i64),
        verdict: &mut Verdict<'_>,
    ) -> Swept {
        self.deal_out();
        let (_, number, mut place) = self.block_mut(at);
        self.begun = (number, place);
        let (mut next, mut count, mut blocks) = (first, 0, 0);
        let (mut latest, mut start) = (self.latest, at - place);
        for block in self.list.range_mut(number..) {
            let Block { segments, bits } = block;
            let bits = bits.get_or_insert_with(|| Box::new(Bits::of(segments)));
            if place == 0 && bits.first() != next {
                break;
            }
            let covered = bits.covered(place, last, segments);
            if covered <= place {
                break;
            }
            bits.hit_all(place..covered, segments, verdict);
            latest = (number + blocks, start);
            blocks += 1;
            start += segments.len();
            count += covered - place;
            if covered < segments.len() {
                next = segments[covered - 1].last + 1;
                break;
            }
            (next, place) = (bits.last() + 1, 0);
        }
        (self.swept, self.latest) = (self.swept + blocks, latest);
        Swept { count, next }
    }

    /// Fills the blocks anew if sweeps went over so many half-full ones that it is worth it.
    fn deal_out(&mut self) {
        let has_room = self.list.len() * SIZE > self.len + self.len / 8 + SIZE;
        if has_room && self.swept > 4 * self.len {
            *self = Self::of(self.take());
        }
    }
}

impl Block {
    fn new() -> Self {
        Self {
            segments: VecDeque::with_capacity(SIZE),
            bits: None,
        }
    }

    #[inline]
    fn len(&self) -> usize {
        self.segments.len()
    }

    /// The segments as they are, to be changed.
    #[inline]
    fn open(&mut self) -> &mut VecDeque<Segment> {
        if let Some(bits) = self.bits.take() {
            bits.write(&mut self.segments);
        }
        &mut self.segments
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segment(first: i64) -> Segment {
        Segment {
            first,
            last: first,
            time: 0,
            is_hit: false,
            acked: 0,
            id: 0,
            class: None,
        }
    }

    /// Something that happens to a queue: at which of its places, and to how many.
    type Step = (u8, prop::sample::Index, usize);

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let count = prop_oneof![4 => 1usize..40, 1 => 1usize..300];
        prop::collection::vec((0u8..6, any::<prop::sample::Index>(), count), 1..40)
    }

    proptest! {
        #[test]
        fn they_are_a_vector(steps in steps()) {
            let mut vector: Vec<i64> = (0..40).map(|number| number << 40).collect();
            let mut blocks = Blocks::of(vector.iter().map(|&first| segment(first)).collect());
            for (step, place, count) in steps {
                let at = place.index(vector.len());
                match step {
                    0 => for _ in 0..count {
                        let first = vector[vector.len() - 1] + (1 << 40);
                        blocks.push_back(segment(first));
                        vector.push(first);
                    },
                    1 => {
                        let end = vector.len().min(at + count) - usize::from(at == 0);
                        blocks.remove(at..end);
                        vector.drain(at..end);
                    }
                    _ => for nth in 0..count {
                        let at = if step < 4 { at } else { (at + nth * 7) % vector.len() };
                        let before = if at == 0 { vector[0] - (2 << 40) } else { vector[at - 1] };
                        let first = before.midpoint(vector[at]);
                        blocks.insert(at, segment(first));
                        vector.insert(at, first);
                    }
                }
                let firsts: Vec<i64> = blocks.iter_from(at).map(|p| p.first).collect();
                prop_assert_eq!(&firsts[..], &vector[at.min(vector.len())..]);
                prop_assert_eq!(blocks.len(), vector.len());
                prop_assert!(blocks.list.iter().all(|block| (1..=SIZE).contains(&block.len())));
                for at in [0, at, vector.len() / 2, vector.len()] {
                    prop_assert_eq!(blocks.get(at).map(|p| p.first), vector.get(at).copied());
                    let number = vector.get(at).map_or(i64::MAX, |&first| first);
                    let place = vector.partition_point(|&first| first < number);
                    prop_assert_eq!(blocks.position(number), place);
                }
            }
            let taken: Vec<i64> = blocks.take().iter().map(|p| p.first).collect();
            prop_assert_eq!(taken, vector);
        }
    }
}
