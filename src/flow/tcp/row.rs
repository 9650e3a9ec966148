//! A queue of segments, and blocks over it once packets hit many of them at a time.

use std::collections::VecDeque;
use std::ops::Range;

use super::blocks::{Blocks, Swept};
use super::classify::Class;
use super::sequence::Segment;
use super::verdict::Verdict;

/// Below so many segments a queue has no blocks.
const LEN_WITH_BLOCKS: usize = 32;

/// A queue of segments.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    segments: VecDeque<Segment>,
    blocks: Option<Box<Blocks>>,
}

impl Row {
    /// The segments; classes and hits may be out of date.
    #[inline]
    pub(super) fn segments(&self) -> &VecDeque<Segment> {
        &self.segments
    }

    /// Whether there are blocks over it.
    #[inline]
    pub(super) fn has_blocks(&self) -> bool {
        self.blocks.is_some()
    }

    /// Bytes that it takes, with room to grow.
    pub(super) fn bytes(&self) -> u64 {
        let blocks = self.blocks.as_ref().map_or(0, |blocks| blocks.bytes());
        (2 * self.segments.len() * size_of::<Segment>() + blocks) as u64
    }

    /// A segment that may be read and changed as it is.
    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Segment> {
        if self.blocks.is_some() {
            self.open_at(at);
        }
        self.segments.get_mut(at)
    }

    #[cold]
    fn open_at(&mut self, at: usize) {
        if let Some(blocks) = &mut self.blocks
            && at < self.segments.len()
        {
            blocks.open_at(at, &mut self.segments);
        }
    }

    /// The class of the segment at `at`, which is there.
    pub(super) fn class_of(&self, at: usize) -> Option<Class> {
        match &self.blocks {
            Some(blocks) => blocks.class_of(at, &self.segments),
            None => self.segments[at].class,
        }
    }

    /// Calls `visit` with the segments from place `at` on that begin before `number`.
    #[inline]
    pub(super) fn visit_before(
        &mut self,
        at: usize,
        number: i64,
        mut visit: impl FnMut(&mut Segment),
    ) {
        let mut places = at..self.segments.len();
        loop {
            if self.blocks.is_some() {
                places = self.opened(places.start, number);
            }
            let rest = self.segments.iter_mut().skip(places.start);
            for p in rest.take(places.len()) {
                if p.first >= number {
                    return;
                }
                visit(p);
            }
            if self.blocks.is_none() || places.is_empty() {
                return;
            }
            places.start = places.end;
        }
    }

    /// Places from `at` on that are in one block, if the first one begins before `number`.
    #[cold]
    fn opened(&mut self, at: usize, number: i64) -> Range<usize> {
        match &mut self.blocks {
            Some(blocks) if self.segments.get(at).is_some_and(|p| p.first < number) => {
                at..blocks.open_at(at, &mut self.segments).end
            }
            _ => at..at,
        }
    }

    #[inline]
    pub(super) fn push_back(&mut self, segment: Segment) {
        if self.blocks.is_some() {
            self.will_push();
        }
        self.segments.push_back(segment);
    }

    #[cold]
    fn will_push(&mut self) {
        if let Some(blocks) = &mut self.blocks {
            blocks.will_push(&mut self.segments);
        }
    }

    /// Inserts in front of the segment at `at`, or into an empty queue.
    pub(super) fn insert(&mut self, at: usize, segment: Segment) {
        if let Some(blocks) = &mut self.blocks {
            blocks.will_insert(at, &mut self.segments);
        }
        self.segments.insert(at, segment);
    }

    #[inline]
    pub(super) fn pop_front(&mut self) -> Option<Segment> {
        if self.blocks.is_some() {
            self.open_at(0);
            self.will_remove(0, 1);
        }
        self.segments.pop_front()
    }

    /// Removes the segments from place `start` up to, not including, `end`.
    pub(super) fn remove(&mut self, start: usize, end: usize) {
        if self.blocks.is_some() {
            self.will_remove(start, end);
        }
        self.segments.drain(start..end);
    }

    #[cold]
    fn will_remove(&mut self, start: usize, end: usize) {
        let Some(blocks) = &mut self.blocks else {
            return;
        };
        if self.segments.len() - (end - start) < LEN_WITH_BLOCKS {
            blocks.open_all(&mut self.segments);
            self.blocks = None;
        } else {
            blocks.will_remove(start..end, &mut self.segments);
        }
    }

    /// The segment at `at` was hit, and sent again at `time` if there is one.
    pub(super) fn hit(&mut self, at: usize, class: Class, time: Option<i64>) {
        match &mut self.blocks {
            Some(blocks) => blocks.hit(at, class, time, &mut self.segments),
            None => self.segments[at].hit(class, time),
        }
    }

    /// Hits the segments from `at` on that the `numbers` cover as a whole, up to the first hole.
    pub(super) fn sweep(
        &mut self,
        at: usize,
        numbers: (i64, i64),
        verdict: &mut Verdict<'_>,
    ) -> Swept {
        let segments = &self.segments;
        let blocks = self
            .blocks
            .get_or_insert_with(|| Box::new(Blocks::over(segments.len())));
        blocks.sweep(at, numbers, segments, verdict)
    }
}
