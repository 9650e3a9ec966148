//! A queue of segments: plain at first, in blocks once packets hit or fill many of them at a time.

use std::collections::VecDeque;

use super::blocks::{Blocks, Swept};
use super::classify::Class;
use super::sequence::Segment;
use super::verdict::Verdict;

/// Below so many segments a queue has no blocks.
const LEN_WITH_BLOCKS: usize = 32;

/// A plain queue moves fewer than so many segments to put one among them; to move 128 takes as long
/// as blocks do, which need less the more there are. Few in tests, so that these have blocks.
const MOVED_IN_PLAIN: usize = if cfg!(test) { 4 } else { 128 };

/// A queue of segments.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    /// Empty if there are blocks.
    plain: VecDeque<Segment>,
    blocks: Option<Box<Blocks>>,
}

impl Row {
    #[inline]
    pub(super) fn len(&self) -> usize {
        match &self.blocks {
            None => self.plain.len(),
            Some(blocks) => blocks.len(),
        }
    }

    /// The segment at `at`; its class and whether it was hit may be out of date.
    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<&Segment> {
        match &self.blocks {
            None => self.plain.get(at),
            Some(blocks) => blocks.get(at),
        }
    }

    /// The last segment, like [`get`](Self::get).
    #[inline]
    pub(super) fn back(&self) -> Option<&Segment> {
        match &self.blocks {
            None => self.plain.back(),
            Some(blocks) => blocks.back(),
        }
    }

    /// The segments from place `at` on, like [`get`](Self::get).
    pub(super) fn iter_from(&self, at: usize) -> impl Iterator<Item = &Segment> {
        let blocks = self.blocks.as_deref().into_iter();
        let in_blocks = blocks.flat_map(move |blocks| blocks.iter_from(at));
        self.plain.iter().skip(at).chain(in_blocks)
    }

    /// Where the first segment stands that ends at `number` or behind it.
    #[inline]
    pub(super) fn position(&self, number: i64) -> usize {
        match &self.blocks {
            None => self.plain.partition_point(|p| p.last < number),
            Some(blocks) => blocks.position(number),
        }
    }

    /// Whether a packet should [sweep](Self::sweep) from `at` on that has met `run` segments one
    /// after the other, and filled holes or not.
    pub(super) fn may_sweep(&self, at: usize, run: usize, is_filling: bool) -> bool {
        // What a sweep needs of a block takes as long as to classify so many segments.
        const RUN_BEFORE_SWEEP: usize = 16;
        run >= RUN_BEFORE_SWEEP
            || match &self.blocks {
                None => false,
                Some(blocks) => !is_filling || blocks.knows(at),
            }
    }

    /// Bytes that it takes, with room to grow.
    pub(super) fn bytes(&self) -> u64 {
        match &self.blocks {
            None => (2 * self.plain.len() * size_of::<Segment>()) as u64,
            Some(blocks) => blocks.bytes() as u64,
        }
    }

    /// A segment that may be read and changed as it is.
    #[inline]
    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Segment> {
        match &mut self.blocks {
            None => self.plain.get_mut(at),
            Some(blocks) => blocks.get_mut(at),
        }
    }

    /// The class of the segment at `at`, which is there.
    pub(super) fn class_of(&self, at: usize) -> Option<Class> {
        match &self.blocks {
            None => self.plain[at].class,
            Some(blocks) => blocks.class_of(at),
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
        let mut start = at;
        loop {
            let (rest, is_all) = match &mut self.blocks {
                None => (self.plain.range_mut(start.min(self.plain.len())..), true),
                Some(blocks) => match blocks.opened(start, number) {
                    Some(rest) => (rest, false),
                    None => return,
                },
            };
            start += rest.len();
            for p in rest {
                if p.first >= number {
                    return;
                }
                visit(p);
            }
            if is_all {
                return;
            }
        }
    }

    #[inline]
    pub(super) fn push_back(&mut self, segment: Segment) {
        match &mut self.blocks {
            None => self.plain.push_back(segment),
            Some(blocks) => blocks.push_back(segment),
        }
    }

    /// Inserts in front of the segment at `at`, or into an empty queue.
    pub(super) fn insert(&mut self, at: usize, segment: Segment) {
        if self.blocks.is_none() && at.min(self.plain.len() - at) < MOVED_IN_PLAIN {
            return self.plain.insert(at, segment);
        }
        self.blocks_mut().insert(at, segment);
    }

    #[inline]
    pub(super) fn pop_front(&mut self) -> Option<Segment> {
        match &self.blocks {
            None => self.plain.pop_front(),
            Some(_) => self.pop_first(),
        }
    }

    #[cold]
    fn pop_first(&mut self) -> Option<Segment> {
        let first = self.blocks.as_mut()?.pop_front();
        self.undo_blocks();
        first
    }

    /// Removes the segments from place `start` up to, not including, `end`.
    pub(super) fn remove(&mut self, start: usize, end: usize) {
        match &mut self.blocks {
            None => drop(self.plain.drain(start..end)),
            Some(blocks) => blocks.remove(start..end),
        }
        self.undo_blocks();
    }

    /// Lets the segments be plain again if they have become few.
    fn undo_blocks(&mut self) {
        if let Some(blocks) = &mut self.blocks
            && blocks.len() < LEN_WITH_BLOCKS
        {
            self.plain = blocks.take();
            self.blocks = None;
        }
    }

    /// The segment at `at` was hit, and sent again at `time` if there is one.
    pub(super) fn hit(&mut self, at: usize, class: Class, time: Option<i64>) {
        match &mut self.blocks {
            None => self.plain[at].hit(class, time),
            Some(blocks) => blocks.hit(at, class, time),
        }
    }

    /// Hits the segments from `at` on that the `numbers` cover as a whole, up to the first hole.
    pub(super) fn sweep(
        &mut self,
        at: usize,
        numbers: (i64, i64),
        verdict: &mut Verdict<'_>,
    ) -> Swept {
        self.blocks_mut().sweep(at, numbers, verdict)
    }

    fn blocks_mut(&mut self) -> &mut Blocks {
        let plain = &mut self.plain;
        self.blocks
            .get_or_insert_with(|| Box::new(Blocks::of(std::mem::take(plain))))
    }
}
