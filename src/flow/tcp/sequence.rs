//! The list of segments one direction has sent, in unwrapped sequence numbers (spec 6.2 and 6.4).
//!
//! Segments are sorted and pairwise disjoint. Without loss an append touches the tail, an
//! acknowledgement the head, and the head holds all that is acknowledged as one segment.

use super::classify::{Before, Case, Class, Judge, Kind};
use super::segments::{Segments, Settled};

/// One run of sequence numbers that was sent as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Its first number.
    pub(super) first: i64,
    /// Its last number, inclusive.
    pub(super) last: i64,
    /// When it was last sent.
    pub(super) time: i64,
    /// How many acknowledgements covered it.
    pub(super) acked: u16,
    /// IP identification of its first sending, 0 if absent.
    pub(super) id: u16,
    /// Whether it was hit again.
    pub(super) is_hit: bool,
    /// How its latest anomaly was classified.
    pub(super) class: Option<Class>,
}

/// The numbers that one packet covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// The first number; that of the SYN if there is one.
    pub(super) first: i64,
    /// How many numbers: payload, SYN and FIN.
    pub(super) count: i64,
    /// Where the payload begins.
    pub(super) payload: i64,
    /// How much payload.
    pub(super) payload_len: i64,
    /// When it was captured.
    pub(super) time: i64,
    /// Its IP identification, 0 if absent.
    pub(super) id: u16,
}

/// What a packet turned out to be against all that was sent before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Overlap {
    /// Numbers that had been seen (*rex*).
    pub(super) numbers: i64,
    /// Payload bytes among them (*pay*).
    pub(super) payload: i64,
    /// It filled a hole (*ooo*).
    pub(super) out_of_order: bool,
    /// Segments given up to keep the list bounded.
    pub(super) dropped: u32,
}

/// More acknowledgements than so many say nothing more (spec 6.3).
pub(super) const ACKED_ENOUGH: u16 = 4;

/// The segments of one direction.
#[derive(Clone, Debug, Default)]
pub(super) struct SegmentList {
    segments: Segments,
}

impl SegmentList {
    /// Bytes beside the list itself.
    pub(super) fn far_bytes(&self) -> u64 {
        self.segments.far_bytes()
    }

    /// Adds what a packet sent if that comes behind the only segment, as it mostly does without loss.
    #[inline(always)]
    pub(super) fn send_next(&mut self, sent: Sent, limit: usize) -> bool {
        match self.segments.near() {
            Some([Some(tail), next @ None]) if tail.last < sent.first && limit > 1 => {
                *next = Some(Segment::whole(sent));
                true
            }
            _ => false,
        }
    }

    /// Adds what a packet sent. `judge` classifies every hole filled and every segment hit again.
    pub(super) fn send(&mut self, sent: Sent, limit: usize, judge: &mut Judge<'_>) -> Overlap {
        let is_new = self
            .segments
            .last()
            .is_none_or(|tail| tail.last < sent.first);
        let mut overlap = Overlap::default();
        if is_new {
            self.segments.push(Segment::whole(sent));
        } else {
            overlap = self.send_again(sent, judge);
        }
        while self.segments.len() > limit.max(1) {
            self.drop_head();
            overlap.dropped += 1;
        }
        overlap
    }

    #[cold]
    fn send_again(&mut self, sent: Sent, judge: &mut Judge<'_>) -> Overlap {
        let mut overlap = Overlap::default();
        let (mut first, last) = (sent.first, sent.first + sent.count - 1);
        let mut at = self.segments.position(first);
        let mut before = self.before(at);
        let (mut is_hit, mut is_filling, mut run) = (false, false, 0);
        while first <= last {
            let Some(&p) = self.segments.get(at) else {
                self.segments.push(Segment::new(sent, first, last, None));
                break;
            };
            if first < p.first {
                overlap.out_of_order |= last < p.last;
                let end = last.min(p.first - 1);
                let class = judge.class_of(&Case::of(Kind::Hole, &p, before, (first, end), &sent));
                let filled = Segment::new(sent, first, end, Some(class));
                before = Some(filled.as_before());
                self.fill_hole(at, filled);
                first = p.first;
                at += 1;
                (is_filling, run) = (true, 0);
            } else if is_hit
                && p.last <= last
                && self.segments.may_sweep(at, run, is_filling)
                && let Some(Before {
                    class: Some(class),
                    acked,
                    ..
                }) = before
            {
                let mut verdict = judge.verdict(&sent, class, acked);
                let swept = self.segments.sweep(at, (first, last), &mut verdict);
                overlap.add(sent, first, swept.next - 1);
                first = swept.next;
                at += swept.count;
                before = if first <= last { self.before(at) } else { None };
            } else {
                let end = last.min(p.last);
                let recovery = sent.time.saturating_sub(p.time).max(0);
                let kind = Kind::Seen { recovery };
                let class = judge.class_of(&Case::of(kind, &p, before, (first, end), &sent));
                let time = if is_hit { p.time } else { sent.time };
                overlap.add(sent, first, end);
                self.segments.hit(at, class, (!is_hit).then_some(time));
                if !is_hit {
                    self.sent_again(at, p.time, time);
                }
                before = Some(Before {
                    class: Some(class),
                    acked: p.acked,
                    time,
                });
                is_hit = true;
                first = p.last + 1;
                at += 1;
                run += 1;
            }
        }
        overlap
    }

    /// Inserts the part of a packet that fills a hole, in front of the segment at `at`.
    fn fill_hole(&mut self, at: usize, segment: Segment) {
        self.segments.insert(at, segment);
        if at < self.segments.settled().count {
            self.settle(at);
        }
    }

    /// Keeps the newest of the settled times true when the one at `at` changes.
    fn sent_again(&mut self, at: usize, before: i64, now: i64) {
        let settled = self.segments.settled();
        if at >= settled.count {
            return;
        }
        if now >= settled.newest {
            let newest = now;
            self.segments.set_settled(Settled { newest, ..settled });
        } else if before == settled.newest {
            self.settle(settled.count);
        }
    }

    /// Lets the first `count` segments be settled, all of which were before.
    #[cold]
    fn settle(&mut self, count: usize) {
        let times = self.segments.iter_from(0).take(count).map(|p| p.time);
        let newest = times.max().unwrap_or(i64::MIN);
        self.segments.set_settled(Settled { count, newest });
    }

    fn before(&self, at: usize) -> Option<Before> {
        let at = at.checked_sub(1)?;
        let before = self.segments.get(at)?.as_before();
        let class = self.segments.class_of(at);
        Some(Before { class, ..before })
    }

    fn drop_head(&mut self) {
        let Some(first) = self.head() else {
            return;
        };
        let time = self.segments.get(0).map(|head| head.time);
        self.segments.remove(0, 1);
        if let Some(next) = self.segments.get_mut(0) {
            next.first = first;
        }
        let Settled { count, newest } = self.segments.settled();
        let count = count.saturating_sub(1);
        if time == Some(newest) {
            self.settle(count);
        } else {
            self.segments.set_settled(Settled { count, newest });
        }
    }

    /// Takes an acknowledgement of all numbers below `ack`. Returns its round-trip time sample, by
    /// Karn's rule (RFC 6298, 3): at most one, from a segment that was sent once and last.
    #[inline(always)]
    pub(super) fn acknowledge(&mut self, ack: i64, time: i64) -> Option<i64> {
        match self.segments.near() {
            Some([Some(head), None]) => head.acknowledge(ack, time, i64::MIN),
            Some([Some(head), Some(next)])
                if head.acked > 0
                    && next.acked == 0
                    && next.first < ack
                    && head.last + 1 == next.first =>
            {
                let sample = next.acknowledge(ack, time, head.time);
                *head = head.joined_with(*next);
                self.remove_joined();
                sample
            }
            Some([None, _]) => None,
            _ => self.acknowledge_many(ack, time),
        }
    }

    /// The same where more is in flight than a segment, or something was lost.
    fn acknowledge_many(&mut self, ack: i64, time: i64) -> Option<i64> {
        let mut settled = self.segments.settled();
        let last_settled = settled.count.checked_sub(1);
        if last_settled.is_some_and(|at| self.segments.get(at).is_none_or(|p| p.first >= ack)) {
            return None; // All that it covers is settled.
        }
        let mut newest = settled.newest;
        let mut sample = None;
        let mut is_new = false;
        let mut is_settled = true;
        self.segments.visit_before(settled.count, ack, |p| {
            newest = newest.max(p.time);
            if p.acked > 0 {
                p.acked = p.acked.saturating_add(1);
                is_settled &= p.acked >= ACKED_ENOUGH;
                if is_settled {
                    settled.count += 1;
                    settled.newest = newest;
                }
                return;
            }
            is_settled = false;
            p.acked = 1;
            is_new = true;
            if ack == p.last + 1 && p.time >= newest && !p.is_hit {
                sample = Some(time.saturating_sub(p.time));
            }
        });
        self.segments.set_settled(settled);
        if is_new {
            self.merge_acknowledged();
        }
        sample.filter(|&sample| sample >= 0)
    }

    /// Joins acknowledged neighbours, from the head up to the first segment that is not acknowledged.
    #[inline]
    fn merge_acknowledged(&mut self) {
        if self.segments.settled().count > 1 {
            return self.merge_between_holes();
        }
        // Without loss the head takes in one follower after the other.
        while let Some((head, follower)) = self.segments.first_two()
            && head.acked > 0
            && follower.acked > 0
        {
            if head.last + 1 != follower.first {
                return self.merge_between_holes();
            }
            *head = head.joined_with(*follower);
            self.remove_joined();
        }
    }

    /// Removes the second segment, which the head took in.
    #[inline]
    fn remove_joined(&mut self) {
        self.segments.remove_second();
        self.segments.set_settled(Settled::default());
    }

    #[cold]
    fn merge_between_holes(&mut self) {
        let is_acked = |p: &&mut Segment| p.acked > 0;
        // Those that are settled have holes between them; only the last may take in a follower.
        let settled = self.segments.settled();
        let start = settled.count.saturating_sub(1);
        let Some(mut open) = self.segments.get_mut(start).filter(is_acked).copied() else {
            return;
        };
        let before = open;
        // Segments with holes between them move up behind the ones that took in their followers.
        let (mut kept, mut next) = (start, start + 1);
        while let Some(&mut follower) = self.segments.get_mut(next).filter(is_acked) {
            if open.last + 1 == follower.first {
                open = open.joined_with(follower);
            } else {
                self.put(kept, open);
                kept += 1;
                open = follower;
            }
            next += 1;
        }
        self.put(kept, open);
        self.segments.remove(kept + 1, next);
        let has_grown = |p: &Segment| p.last != before.last;
        if settled.count == 0 || !self.segments.get(start).is_some_and(has_grown) {
            return;
        }
        // It has new acknowledgements to come, and may be sent again.
        if before.time == settled.newest {
            self.settle(start);
        } else {
            let count = start;
            self.segments.set_settled(Settled { count, ..settled });
        }
    }

    /// Overwrites the segment at `at`, which is there.
    fn put(&mut self, at: usize, segment: Segment) {
        if let Some(place) = self.segments.get_mut(at) {
            *place = segment;
        }
    }

    /// All segments as they are.
    #[cfg(test)]
    pub(super) fn all(&self) -> Vec<Segment> {
        let mut segments = self.segments.clone();
        let all = (0..segments.len()).filter_map(|at| segments.get_mut(at).copied());
        all.collect()
    }

    /// The first number of the list.
    pub(super) fn head(&self) -> Option<i64> {
        self.segments.get(0).map(|head| head.first)
    }

    /// Whether every number from `first` up to, not including, `end` was seen.
    #[inline(always)]
    pub(super) fn covers(&self, first: i64, end: i64) -> bool {
        // Without loss all that was acknowledged is the head.
        let is_within = |head: &Segment| head.first <= first && head.last >= end - 1;
        self.segments.get(0).is_some_and(is_within) || self.cover_together(first, end)
    }

    fn cover_together(&self, first: i64, end: i64) -> bool {
        let mut at = first;
        for p in self.segments.iter_from(self.segments.position(first)) {
            if at >= end || p.first > at {
                break;
            }
            at = p.last + 1;
        }
        at >= end
    }
}

impl Overlap {
    /// The numbers from `first` to `last` were seen before.
    fn add(&mut self, sent: Sent, first: i64, last: i64) {
        self.numbers += last - first + 1;
        self.payload += payload_in(sent, first, last);
    }
}

impl Segment {
    /// All numbers of a packet, which were not seen before.
    #[inline]
    fn whole(sent: Sent) -> Self {
        Self::new(sent, sent.first, sent.first + sent.count - 1, None)
    }

    #[inline]
    fn new(sent: Sent, first: i64, last: i64, class: Option<Class>) -> Self {
        Self {
            first,
            last,
            time: sent.time,
            acked: 0,
            id: sent.id,
            is_hit: false,
            class,
        }
    }

    /// It was hit, and sent again at `time` if there is one.
    pub(super) fn hit(&mut self, class: Class, time: Option<i64>) {
        self.is_hit = true;
        self.class = Some(class);
        self.time = time.unwrap_or(self.time);
    }

    /// What counts of it for the one behind it.
    #[inline]
    fn as_before(&self) -> Before {
        Before {
            class: self.class,
            acked: self.acked,
            time: self.time,
        }
    }

    /// Takes an acknowledgement of all numbers below `ack`. Returns its sample, if it is one; the newest
    /// segment in front is of time `newest`.
    #[inline(always)]
    fn acknowledge(&mut self, ack: i64, time: i64, newest: i64) -> Option<i64> {
        if self.first >= ack {
            return None;
        }
        self.acked = self.acked.saturating_add(1);
        let is_sample =
            self.acked == 1 && ack == self.last + 1 && self.time >= newest && !self.is_hit;
        let sample = time.saturating_sub(self.time);
        (is_sample && sample >= 0).then_some(sample)
    }

    /// This segment and the one right behind it, as one.
    #[inline]
    fn joined_with(self, follower: Self) -> Self {
        let newer = if follower.time > self.time {
            follower
        } else {
            self
        };
        Self {
            first: self.first,
            last: follower.last,
            acked: follower.acked,
            time: newer.time,
            id: newer.id,
            is_hit: self.is_hit,
            class: newer.class,
        }
    }
}

/// Payload bytes of a packet among the numbers from `first` to `last`.
fn payload_in(sent: Sent, first: i64, last: i64) -> i64 {
    let begin = first.max(sent.payload);
    let end = (last + 1).min(sent.payload + sent.payload_len);
    (end - begin).max(0)
}

#[cfg(test)]
mod tests {
    use super::super::rtt::Rtt;
    use super::*;
    use proptest::prelude::*;

    /// What makes a difference of a list: counts of acknowledgements only up to [`ACKED_ENOUGH`].
    fn shown(list: &SegmentList) -> Vec<(i64, i64, i64, u32, u16)> {
        let segments = list.all();
        segments
            .iter()
            .map(|p| {
                (
                    p.first,
                    p.last,
                    p.time,
                    u32::from(p.is_hit),
                    p.acked.min(ACKED_ENOUGH),
                )
            })
            .collect()
    }

    fn sent((first, count): (i64, i64), time: i64) -> Sent {
        Sent {
            first,
            count,
            payload: first,
            payload_len: count,
            time,
            id: 0,
        }
    }

    /// What a step does to a list: a packet sent, or an acknowledgement and its sample.
    fn step(list: &mut SegmentList, step: (bool, i64, i64, i64)) -> Option<i64> {
        let (is_ack, number, count, time) = step;
        if is_ack {
            return list.acknowledge(number, time);
        }
        let (me, peer) = (Rtt::default(), Rtt::default());
        let mut judge = Judge::new(&me, &peer, false);
        list.send(sent((number, count), time), 12, &mut judge);
        None
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn what_is_settled_changes_nothing(
            steps in prop::collection::vec((any::<bool>(), 0i64..60, 1i64..5, 0i64..99), 1..120),
            drift in 0i64..3,
        ) {
            let (mut list, mut walked) = (SegmentList::default(), SegmentList::default());
            for (number, (is_ack, place, count, time)) in (0i64..).zip(steps) {
                let taken = (is_ack, place + drift * number / 4, count, time + 3 * number);
                let sample = step(&mut list, taken);
                walked.segments.set_settled(Settled::default());
                prop_assert_eq!(sample, step(&mut walked, taken));
                prop_assert_eq!(shown(&list), shown(&walked));
            }
        }
    }
}
