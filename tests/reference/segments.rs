//! The list of segments of one direction, what kind of event each sending is, and acknowledgments
//! (spec 6.2, 6.3, 6.4, 6.6).

use super::elapsed;
use super::rtt::Estimates;

/// The class of a segment that was sent again or out of order (spec 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    FlowControl,
    NetworkDuplicate,
    FastRetransmit,
    Timeout,
    Reordered,
    UnneededFastRetransmit,
    UnneededTimeout,
    Unknown,
}

/// How often each class was given.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Classes {
    pub flow_ctrl: u64,
    pub net_dup: u64,
    pub rtx_fr: u64,
    pub rtx_rto: u64,
    pub reordered: u64,
    pub unneeded_fr: u64,
    pub unneeded_rto: u64,
    pub rtx_unknown: u64,
}

impl Classes {
    fn add(&mut self, class: Class) {
        let counter = match class {
            Class::FlowControl => &mut self.flow_ctrl,
            Class::NetworkDuplicate => &mut self.net_dup,
            Class::FastRetransmit => &mut self.rtx_fr,
            Class::Timeout => &mut self.rtx_rto,
            Class::Reordered => &mut self.reordered,
            Class::UnneededFastRetransmit => &mut self.unneeded_fr,
            Class::UnneededTimeout => &mut self.unneeded_rto,
            Class::Unknown => &mut self.rtx_unknown,
        };
        *counter += 1;
    }
}

/// A run of numbers that were seen: `a` to `b`, both included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub a: i64,
    pub b: i64,
    /// Times hit again.
    pub rx: u64,
    /// ACKs that covered it.
    pub acked: u64,
    /// Time of the last sending.
    pub time: i64,
    /// IP identification of the first sending; 0 says nothing.
    pub id: u16,
    pub class: Option<Class>,
}

/// What the numbers of a packet are, and what the flow says about them at that moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sending {
    pub a: i64,
    pub b: i64,
    /// First number of the payload, and the one after its last.
    pub payload: (i64, i64),
    pub time: i64,
    pub id: u16,
    pub estimates: Estimates,
    /// The peer's last window is 0 and S was seen from both sides.
    pub window_closed: bool,
}

/// What a packet repeated.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Numbers already seen.
    pub rex: i64,
    /// Payload bytes among them.
    pub pay: i64,
    pub ooo: bool,
}

/// Whether the numbers in question are new or not (spec 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Hole,
    Seen,
}

/// The segments of one direction, sorted and disjoint.
#[derive(Clone, Debug, Default)]
pub(crate) struct SegmentList {
    pub list: Vec<Segment>,
    pub dropped: u64,
}

impl SegmentList {
    /// Spec 6.2: enters a packet's numbers.
    pub(crate) fn send(
        &mut self,
        sending: &Sending,
        classes: &mut Classes,
        max_segments: usize,
    ) -> Seen {
        let mut seen = Seen::default();
        let mut a = sending.a;
        let mut p = 0;
        let mut hit_before = false;
        while a <= sending.b {
            while p < self.list.len() && self.list[p].b < a {
                p += 1;
            }
            if p == self.list.len() {
                self.list.push(new_segment(a, sending.b, sending));
                break;
            }
            if a < self.list[p].a {
                seen.ooo |= sending.b < self.list[p].b;
                a = self.fill_hole(p, a, sending, classes);
            } else {
                a = self.hit(p, a, sending, hit_before, classes, &mut seen);
                hit_before = true;
            }
        }
        self.drop_oldest(max_segments);
        seen
    }

    /// Numbers from `a` on up to segment `p` are new. Returns where `p` begins.
    fn fill_hole(&mut self, p: usize, a: i64, sending: &Sending, classes: &mut Classes) -> i64 {
        let next = self.list[p];
        let mut new = new_segment(a, sending.b.min(next.a - 1), sending);
        let previous = p.checked_sub(1).map(|index| self.list[index]);
        let recovery = match previous {
            Some(previous) => Some(elapsed(sending.time, previous.time).max(0)),
            None if sending.estimates.both_have_samples => None,
            None => Some(elapsed(sending.time, next.time).max(0)),
        };
        let size = new.b - new.a + 1;
        let class = classify(
            Kind::Hole,
            &next,
            previous.as_ref(),
            size,
            recovery,
            sending,
        );
        classes.add(class);
        new.class = Some(class);
        self.list.insert(p, new);
        next.a
    }

    /// Numbers from `a` on within segment `p` were seen before. Returns the number after `p`.
    fn hit(
        &mut self,
        p: usize,
        a: i64,
        sending: &Sending,
        hit_before: bool,
        classes: &mut Classes,
        seen: &mut Seen,
    ) -> i64 {
        let previous = p.checked_sub(1).map(|index| self.list[index]);
        let hit = &mut self.list[p];
        hit.rx += 1;
        let recovery = Some(elapsed(sending.time, hit.time).max(0));
        if !hit_before {
            hit.time = sending.time;
        }
        let end = sending.b.min(hit.b) + 1;
        let overlap = end - a;
        seen.rex += overlap;
        let (payload_begin, payload_end) = sending.payload;
        seen.pay += (end.min(payload_end) - a.max(payload_begin)).max(0);
        let class = classify(
            Kind::Seen,
            hit,
            previous.as_ref(),
            overlap,
            recovery,
            sending,
        );
        classes.add(class);
        hit.class = Some(class);
        hit.b + 1
    }

    fn drop_oldest(&mut self, max_segments: usize) {
        while self.list.len() > max_segments.max(1) {
            let head = self.list.remove(0);
            self.list[0].a = head.a;
            self.dropped += 1;
        }
    }

    /// Spec 6.4: an ACK of the other side. Returns its round-trip sample, if it gives one.
    pub(crate) fn acknowledge(&mut self, ack: i64, time: i64) -> Option<i64> {
        let mut sample = None;
        let mut newest = i64::MIN;
        let mut some_became_acked = false;
        for segment in self.list.iter_mut().take_while(|segment| segment.a < ack) {
            newest = newest.max(segment.time);
            if segment.acked > 0 {
                segment.acked += 1;
                continue;
            }
            segment.acked = 1;
            some_became_acked = true;
            if ack == segment.b + 1 && segment.time >= newest && segment.rx == 0 {
                sample = Some(elapsed(time, segment.time)).filter(|sample| *sample >= 0);
            }
        }
        if some_became_acked {
            self.merge_acked();
        }
        sample
    }

    fn merge_acked(&mut self) {
        let mut i = 0;
        while i + 1 < self.list.len() && self.list[i].acked > 0 {
            let (one, two) = (self.list[i], self.list[i + 1]);
            if two.acked == 0 || one.b + 1 != two.a {
                i += 1;
                continue;
            }
            let newer = if two.time > one.time { two } else { one };
            self.list[i] = Segment {
                a: one.a,
                b: two.b,
                rx: one.rx,
                acked: two.acked,
                ..newer
            };
            self.list.remove(i + 1);
        }
    }

    /// Whether some number from `from` up to, not including, `to` is in no segment.
    pub(crate) fn misses_some(&self, from: i64, to: i64) -> bool {
        let mut next = from;
        for segment in &self.list {
            if segment.a > next {
                break;
            }
            next = next.max(segment.b + 1);
        }
        next < to
    }
}

fn new_segment(a: i64, b: i64, sending: &Sending) -> Segment {
    Segment {
        a,
        b,
        rx: 0,
        acked: 0,
        time: sending.time,
        id: sending.id,
        class: None,
    }
}

/// Spec 6.3: the first row of its table that fits.
fn classify(
    kind: Kind,
    p: &Segment,
    previous: Option<&Segment>,
    n: i64,
    recovery: Option<i64>,
    sending: &Sending,
) -> Class {
    let Estimates { mean, rto, rtt, .. } = sending.estimates;
    let recovery_below = |limit: f64| recovery.is_some_and(|recovery| (recovery as f64) < limit);
    let recovery_above = |limit: f64| recovery.is_some_and(|recovery| recovery as f64 > limit);
    let same_id = sending.id != 0 && sending.id == p.id;
    let acked_often = previous.is_some_and(|previous| previous.acked > 3);
    let previous_class = previous.and_then(|previous| previous.class);

    if n == 1 && sending.window_closed {
        return Class::FlowControl;
    }
    if recovery_below(mean)
        && let Some(class) = previous_class
    {
        return class;
    }
    if p.acked == 0 {
        if kind == Kind::Seen && same_id {
            Class::NetworkDuplicate
        } else if recovery_below(rto) && acked_often {
            Class::FastRetransmit
        } else if recovery_above(rto) {
            Class::Timeout
        } else if kind == Kind::Hole && elapsed(sending.time, p.time).max(0) < rtt {
            Class::Reordered
        } else {
            Class::Unknown
        }
    } else if same_id {
        Class::NetworkDuplicate
    } else if recovery_below(rto) && acked_often {
        Class::UnneededFastRetransmit
    } else if recovery_above(rto) {
        Class::UnneededTimeout
    } else {
        Class::Unknown
    }
}
