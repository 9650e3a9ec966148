//! Where the segments of a direction stand: a queue whose first two places are in the flow itself.
//!
//! Two are enough for a handshake, for a connection that is opened and closed without payload, and
//! for a direction of which all but the latest segment is acknowledged: none of these allocates.

use super::blocks::Swept;
use super::classify::Class;
use super::row::Row;
use super::sequence::Segment;
use super::verdict::Verdict;

/// Places in the flow itself.
const NEAR: usize = 2;

/// A queue of segments. `far` is empty unless both near places are taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Segments {
    near: [Option<Segment>; NEAR],
    /// In a box, since most directions never need it.
    far: Option<Box<Far>>,
}

#[derive(Clone, Debug, Default)]
struct Far {
    row: Row,
    settled: Settled,
}

/// The segments at the head that no acknowledgement changes any more, and the newest of their
/// times. Where a capture has lost packets there may be thousands, with holes between them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settled {
    pub(super) count: usize,
    pub(super) newest: i64,
}

impl Default for Settled {
    fn default() -> Self {
        Self {
            count: 0,
            newest: i64::MIN,
        }
    }
}

impl Segments {
    #[inline]
    fn far(&self) -> Option<&Row> {
        self.far.as_deref().map(|far| &far.row)
    }

    #[cold]
    fn far_mut(&mut self) -> &mut Row {
        &mut self.far.get_or_insert_default().row
    }

    /// What is settled. A direction that fits into the flow itself keeps no account of it.
    #[inline]
    pub(super) fn settled(&self) -> Settled {
        self.far
            .as_deref()
            .map_or_else(Settled::default, |far| far.settled)
    }

    #[inline]
    pub(super) fn set_settled(&mut self, settled: Settled) {
        if let Some(far) = &mut self.far {
            far.settled = settled;
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.near.iter().flatten().count() + self.far().map_or(0, Row::len)
    }

    /// Bytes of those that are not in the flow itself, with room to grow.
    pub(super) fn far_bytes(&self) -> u64 {
        self.far().map_or(0, Row::bytes)
    }

    /// The segment at `at`; its class and whether it was hit may be out of date.
    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<&Segment> {
        match at.checked_sub(NEAR) {
            None => self.near[at].as_ref(),
            Some(at) => self.far()?.get(at),
        }
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Segment> {
        match at.checked_sub(NEAR) {
            None => self.near[at].as_mut(),
            Some(at) => self.far.as_mut()?.row.get_mut(at),
        }
    }

    /// The class of the segment at `at`.
    pub(super) fn class_of(&self, at: usize) -> Option<Class> {
        match at.checked_sub(NEAR) {
            None => self.near[at]?.class,
            Some(at) => self.far()?.class_of(at),
        }
    }

    /// The segment at `at` was hit, and sent again at `time` if there is one.
    pub(super) fn hit(&mut self, at: usize, class: Class, time: Option<i64>) {
        match (at.checked_sub(NEAR), &mut self.far) {
            (Some(at), Some(far)) => far.row.hit(at, class, time),
            _ => {
                if let Some(segment) = &mut self.near[at] {
                    segment.hit(class, time);
                }
            }
        }
    }

    /// All of them, if they are in the flow itself.
    #[inline]
    pub(super) fn near(&mut self) -> Option<&mut [Option<Segment>; NEAR]> {
        let is_all = self.near[1].is_none() || self.far().is_none_or(|far| far.len() == 0);
        is_all.then_some(&mut self.near)
    }

    /// The first two, if there are as many.
    #[inline]
    pub(super) fn first_two(&mut self) -> Option<(&mut Segment, &Segment)> {
        let [first, second] = &mut self.near;
        first.as_mut().zip(second.as_ref())
    }

    /// Removes the second one.
    #[inline]
    pub(super) fn remove_second(&mut self) {
        self.near[1] = self.far.as_mut().and_then(|far| far.row.pop_front());
    }

    #[inline]
    pub(super) fn last(&self) -> Option<&Segment> {
        let near = self.near.iter().rev().flatten().next();
        self.far().and_then(Row::back).or(near)
    }

    /// Whether a packet should [sweep](Self::sweep) from `at` on that has met `run` segments one
    /// after the other, and filled holes or not.
    pub(super) fn may_sweep(&self, at: usize, run: usize, is_filling: bool) -> bool {
        at >= NEAR
            && self
                .far()
                .is_some_and(|far| far.may_sweep(at - NEAR, run, is_filling))
    }

    /// Hits the segments from `at` on, which [may be swept](Self::may_sweep), that the `numbers`
    /// cover as a whole, up to the first hole.
    pub(super) fn sweep(
        &mut self,
        at: usize,
        numbers: (i64, i64),
        verdict: &mut Verdict<'_>,
    ) -> Swept {
        let at = at.saturating_sub(NEAR);
        self.far_mut().sweep(at, numbers, verdict)
    }

    pub(super) fn iter_from(&self, at: usize) -> impl Iterator<Item = &Segment> {
        let near = self.near.iter().flatten().skip(at);
        let far = self.far().into_iter();
        near.chain(far.flat_map(move |far| far.iter_from(at.saturating_sub(NEAR))))
    }

    /// Calls `visit` with the segments from place `at` on that begin before `number`.
    #[inline]
    pub(super) fn visit_before(
        &mut self,
        at: usize,
        number: i64,
        mut visit: impl FnMut(&mut Segment),
    ) {
        for p in self.near.iter_mut().skip(at).flatten() {
            if p.first >= number {
                return;
            }
            visit(p);
        }
        if let Some(far) = &mut self.far {
            far.row.visit_before(at.saturating_sub(NEAR), number, visit);
        }
    }

    #[inline]
    pub(super) fn push(&mut self, segment: Segment) {
        match self.near.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(segment),
            None => self.far_mut().push_back(segment),
        }
    }

    /// Inserts in front of the segment at `at`, which is there.
    pub(super) fn insert(&mut self, at: usize, segment: Segment) {
        if let Some(at) = at.checked_sub(NEAR) {
            return self.far_mut().insert(at, segment);
        }
        let mut carried = segment;
        for place in &mut self.near[at..] {
            match place.replace(carried) {
                Some(next) => carried = next,
                None => return,
            }
        }
        self.far_mut().insert(0, carried);
    }

    /// Removes the segments from place `start` up to, not including, `end`.
    pub(super) fn remove(&mut self, start: usize, end: usize) {
        if let Some(far) = &mut self.far {
            far.row
                .remove(start.saturating_sub(NEAR), end.saturating_sub(NEAR));
        }
        if start >= NEAR {
            return;
        }
        for at in start..NEAR {
            let from = at + (end - start);
            self.near[at] = match from.checked_sub(NEAR) {
                None => self.near[from].take(),
                Some(_) => self.far.as_mut().and_then(|far| far.row.pop_front()),
            };
        }
    }

    /// Where the first segment stands that ends at `number` or behind it.
    #[inline]
    pub(super) fn position(&self, number: i64) -> usize {
        for (at, place) in self.near.iter().enumerate() {
            if place.as_ref().is_none_or(|segment| segment.last >= number) {
                return at;
            }
        }
        NEAR + self.far().map_or(0, |far| far.position(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segment(first: i64) -> Segment {
        Segment {
            first,
            last: first + 9,
            time: 0,
            is_hit: false,
            acked: 0,
            id: 0,
            class: None,
        }
    }

    fn firsts(segments: &Segments) -> Vec<i64> {
        segments.iter_from(0).map(|segment| segment.first).collect()
    }

    proptest! {
        #[test]
        fn it_is_a_vector(steps in prop::collection::vec((0u8..3, 0usize..12, 0usize..5), 1..60)) {
            let (mut segments, mut vector) = (Segments::default(), Vec::new());
            for (number, (step, at, count)) in (0i64..).zip(steps) {
                match step {
                    0 => {
                        segments.push(segment(number * 100));
                        vector.push(number * 100);
                    }
                    1 if vector.len() > 1 && at == 1 => {
                        let (first, second) = segments.first_two().unwrap();
                        prop_assert_eq!(&[first.first, second.first][..], &vector[..2]);
                        segments.remove_second();
                        vector.remove(1);
                    }
                    1 if !vector.is_empty() => {
                        let at = at % vector.len();
                        segments.insert(at, segment(number * 100));
                        vector.insert(at, number * 100);
                    }
                    _ => {
                        let start = at.min(vector.len());
                        let end = (start + count).min(vector.len());
                        segments.remove(start, end);
                        vector.drain(start..end);
                    }
                }
                prop_assert_eq!(firsts(&segments), &vector[..]);
                prop_assert_eq!(segments.len(), vector.len());
                prop_assert_eq!(segments.last().map(|s| s.first), vector.last().copied());
                for at in 0..vector.len() + 2 {
                    prop_assert_eq!(segments.get(at).map(|s| s.first), vector.get(at).copied());
                    let rest: Vec<i64> = segments.iter_from(at).map(|s| s.first).collect();
                    prop_assert_eq!(&rest[..], &vector[at.min(vector.len())..]);
                }
            }
        }

        #[test]
        fn a_number_is_found_where_its_segment_stands(count in 0usize..8, number in 0i64..200) {
            let mut segments = Segments::default();
            let firsts: Vec<i64> = (0i64..).map(|n| n * 20).take(count).collect();
            firsts.iter().for_each(|&first| segments.push(segment(first)));
            let wanted = firsts.iter().filter(|&&first| first + 9 < number).count();
            prop_assert_eq!(segments.position(number), wanted);
        }
    }
}
