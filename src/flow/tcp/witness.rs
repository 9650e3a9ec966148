//! The list of segments and its classes as spec 6.2 to 6.4 tell them, one segment after the other,
//! as a witness against [`SegmentList`].

use proptest::prelude::*;

use super::classify::{Class, Judge, Timing};
use super::rtt::Rtt;
use super::sequence::{Overlap, SegmentList, Sent};

#[derive(Clone, Copy, Debug, PartialEq)]
struct Segment {
    a: i64,
    b: i64,
    rx: u32,
    acked: u32,
    time: i64,
    id: u16,
    class: Option<Class>,
}

/// What all segments that a packet meets have in common.
struct Packet<'a> {
    sent: Sent,
    timing: Timing,
    is_measured: bool,
    is_window_closed: bool,
    counts: &'a mut [u32; Class::COUNT],
}

/// Spec 6.2.
fn send(list: &mut Vec<Segment>, packet: &mut Packet<'_>, limit: usize) -> Overlap {
    let Sent { time, id, .. } = packet.sent;
    let mut overlap = Overlap::default();
    let (mut a, b) = (packet.sent.first, packet.sent.first + packet.sent.count - 1);
    let new = |a: i64, b: i64, class| Segment {
        a,
        b,
        rx: 0,
        acked: 0,
        time,
        id,
        class,
    };
    let mut is_hit = false;
    while a <= b {
        let Some(at) = list.iter().position(|p| p.b >= a) else {
            list.push(new(a, b, None));
            break;
        };
        let p = list[at];
        let prev = at.checked_sub(1).map(|at| list[at]);
        if a < p.a {
            overlap.out_of_order |= b < p.b;
            let end = b.min(p.a - 1);
            let since = |time: i64| packet.sent.time.saturating_sub(time).max(0);
            let recovery = match prev {
                Some(prev) => Some(since(prev.time)),
                None if packet.is_measured => None,
                None => Some(since(p.time)),
            };
            let class = packet.classify((true, recovery), p, prev, end - a + 1);
            list.insert(at, new(a, end, Some(class)));
            a = p.a;
        } else {
            let end = b.min(p.b);
            let recovery = Some(time.saturating_sub(p.time).max(0));
            let class = packet.classify((false, recovery), p, prev, end - a + 1);
            list[at].rx += 1;
            list[at].class = Some(class);
            if !is_hit {
                list[at].time = time;
            }
            is_hit = true;
            overlap.numbers += end - a + 1;
            let payload = packet.sent.payload..packet.sent.payload + packet.sent.payload_len;
            overlap.payload += (a..=end).filter(|number| payload.contains(number)).count() as i64;
            a = p.b + 1;
        }
    }
    while list.len() > limit {
        let head = list.remove(0);
        list[0].a = head.a;
        overlap.dropped += 1;
    }
    overlap
}

impl Packet<'_> {
    /// Spec 6.3. `kind`: whether it is a hole, and the recovery.
    fn classify(
        &mut self,
        kind: (bool, Option<i64>),
        p: Segment,
        prev: Option<Segment>,
        n: i64,
    ) -> Class {
        let ((is_hole, recovery), timing) = (kind, self.timing);
        let recovery = recovery.map(|recovery| recovery as f64);
        let same_id = self.sent.id != 0 && self.sent.id == p.id;
        let is_fast = recovery.is_some_and(|recovery| recovery < timing.rto)
            && prev.is_some_and(|prev| prev.acked > 3);
        let is_late = recovery.is_some_and(|recovery| recovery > timing.rto);
        let is_recent = (self.sent.time.saturating_sub(p.time).max(0) as f64) < timing.rtt;
        let is_young = recovery.is_some_and(|recovery| recovery < timing.mean);
        let inherited = prev.and_then(|prev| prev.class).filter(|_| is_young);
        let class = match (n == 1 && self.is_window_closed, inherited, p.acked > 0) {
            (true, _, _) => Class::FlowControl,
            (_, Some(class), _) => class,
            (_, _, false) if !is_hole && same_id => Class::NetworkDuplicate,
            (_, _, false) if is_fast => Class::FastRetransmit,
            (_, _, false) if is_late => Class::Rto,
            (_, _, false) if is_hole && is_recent => Class::Reordered,
            (_, _, true) if same_id => Class::NetworkDuplicate,
            (_, _, true) if is_fast => Class::UnneededFastRetransmit,
            (_, _, true) if is_late => Class::UnneededRto,
            _ => Class::Unknown,
        };
        self.counts[class as usize] += 1;
        class
    }
}

/// Spec 6.4.
fn acknowledge(list: &mut Vec<Segment>, ack: i64, time: i64) -> Option<i64> {
    let (mut newest, mut sample, mut is_new) = (i64::MIN, None, false);
    for p in list.iter_mut().take_while(|p| p.a < ack) {
        newest = newest.max(p.time);
        p.acked += 1;
        if p.acked == 1 {
            is_new = true;
            if ack == p.b + 1 && p.time >= newest && p.rx == 0 {
                sample = Some(time - p.time).filter(|&sample| sample >= 0);
            }
        }
    }
    let mut at = 0;
    while is_new && at + 1 < list.len() && list[at].acked > 0 {
        let (first, second) = (list[at], list[at + 1]);
        if second.acked == 0 || first.b + 1 != second.a {
            at += 1;
            continue;
        }
        let newer = if second.time > first.time {
            second
        } else {
            first
        };
        list[at] = Segment {
            b: second.b,
            acked: second.acked,
            time: newer.time,
            id: newer.id,
            class: newer.class,
            ..first
        };
        list.remove(at + 1);
    }
    sample
}

/// Something that happens to a list.
#[derive(Clone, Debug)]
enum Step {
    /// From one number so many, after so many nanoseconds, with an identification, and the window
    /// closed or not.
    Send(i64, i64, i64, u16, bool),
    /// Up to one number, after so many nanoseconds.
    Acknowledge(i64, i64),
    /// A round trip of that length of one side or the other.
    Sample(i64, bool),
}

/// Segments of one to three numbers, with holes and in any order of time.
fn small() -> impl Strategy<Value = Vec<Step>> {
    let size = prop_oneof![8 => Just(1i64), 1 => 2i64..4];
    let hole = prop_oneof![30 => Just(0i64), 1 => 1i64..3];
    let one = (size, hole, ticks(), 0u16..3);
    (prop::collection::vec(one, 0..300), 0i64..4).prop_map(|ones| {
        let (ones, order) = ones;
        let mut end = 100;
        let mut steps = Vec::new();
        for (size, hole, ticks, id) in ones {
            let first = end + hole;
            end = first + size;
            steps.push(Step::Send(first, size, ticks, id, false));
        }
        if order == 0 {
            steps.sort_by_key(|step| match step {
                Step::Send(first, ..) => first * 7919 % 1009,
                _ => 0,
            });
        }
        steps
    })
}

/// Times between packets, some of which step over a bound.
fn ticks() -> impl Strategy<Value = i64> {
    let bounds = [
        1_000_000,
        100_000_000,
        250_000_000,
        500_000_000,
        -300_000_000,
    ];
    prop_oneof![
        30 => 0i64..5_000_000,
        2 => prop::sample::select(bounds.to_vec()),
        1 => -100_000_000i64..100_000_000,
        1 => Just(1i64 << 55),
    ]
}

fn later() -> impl Strategy<Value = Step> {
    let count = prop_oneof![3 => 1i64..400, 1 => 1i64..4];
    let sample = prop_oneof![4 => 0i64..200_000_000, 1 => Just(1i64 << 57)];
    prop_oneof![
        20 => (90i64..500, count, ticks(), 0u16..3, prop::bool::weighted(0.1))
            .prop_map(|(at, count, ticks, id, closed)| Step::Send(at, count, ticks, id, closed)),
        6 => (90i64..300, ticks()).prop_map(|(at, ticks)| Step::Acknowledge(at, ticks)),
        1 => (sample, any::<bool>()).prop_map(|(time, is_mine)| Step::Sample(time, is_mine)),
    ]
}

/// What of both lists has to agree.
type Shown = (i64, i64, bool, u32, i64, u16, Option<Class>);

fn shown(list: &[Segment]) -> Vec<Shown> {
    let all = list.iter();
    all.map(|p| (p.a, p.b, p.rx > 0, p.acked.min(4), p.time, p.id, p.class))
        .collect()
}

fn run(steps: &[Step], limit: usize) -> Result<(), TestCaseError> {
    let (mut list, mut plain) = (SegmentList::default(), Vec::new());
    let (mut me, mut peer) = (Rtt::default(), Rtt::default());
    let mut time = 1_700_000_000_000_000_000;
    for step in steps {
        match *step {
            Step::Send(first, count, ticks, id, is_window_closed) => {
                time += ticks;
                let sent = Sent {
                    first,
                    count,
                    payload: first + 1,
                    payload_len: count - 1,
                    time,
                    id,
                };
                let mut judge = Judge::new(&me, &peer, is_window_closed);
                let overlap = list.send(sent, limit, &mut judge);
                let mut counts = [0; Class::COUNT];
                let mut packet = Packet {
                    sent,
                    timing: Timing::of(&me, &peer),
                    is_measured: me.count() > 0 && peer.count() > 0,
                    is_window_closed,
                    counts: &mut counts,
                };
                prop_assert_eq!(overlap, send(&mut plain, &mut packet, limit));
                prop_assert_eq!(*judge.counts().unwrap_or(&[0; Class::COUNT]), counts);
            }
            Step::Acknowledge(ack, ticks) => {
                time += ticks;
                let sample = list.acknowledge(ack, time);
                prop_assert_eq!(sample, acknowledge(&mut plain, ack, time));
            }
            Step::Sample(sample, is_mine) => if is_mine { &mut me } else { &mut peer }.add(sample),
        }
        let all = list.all();
        let all: Vec<Shown> = all
            .iter()
            .map(|p| {
                let acked = u32::from(p.acked.min(4));
                (p.first, p.last, p.is_hit, acked, p.time, p.id, p.class)
            })
            .collect();
        prop_assert_eq!(all, shown(&plain));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn many_segments_are_classified_as_one_after_the_other(
        small in small(),
        later in prop::collection::vec(later(), 1..60),
        limit in prop_oneof![3 => Just(4096usize), 1 => 1usize..200],
    ) {
        let steps = [small, later].concat();
        run(&steps, limit)?;
    }
}

/// A hit that a block knows of is not lost when its last segment leaves it.
#[test]
fn segments_that_leave_a_swept_block_are_as_they_were_hit() {
    let ones = (0..300).map(|n| Step::Send(100 + n, 1, 1_000, 0, false));
    let over_all = Step::Send(100, 300, 1_000_000, 0, false);
    let behind = (0..300).map(|n| Step::Send(1_000 + 2 * n, 1, 1_000, 0, false));
    let steps: Vec<_> = ones.chain([over_all]).chain(behind).collect();
    run(&steps, 300).unwrap();
}
