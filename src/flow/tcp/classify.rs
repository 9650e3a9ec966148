//! Why a segment was sent again or came late: the heuristic of Mellia et al., as in Tstat, with the
//! specification's repairs (spec 6.3).

use super::order::Word;
use super::rtt::Rtt;
use super::sequence::{ACKED_ENOUGH, Segment, Sent};
use super::verdict::{Bounds, Verdict};

/// What a retransmission or a late segment turned out to be. One counter each. The bits of their
/// numbers are such that those of many segments are few operations: see [`Verdict`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Retransmitted after a time-out.
    Rto,
    /// Copied by the network.
    NetworkDuplicate,
    /// Retransmitted after duplicate acknowledgements.
    FastRetransmit,
    /// None of these.
    Unknown,
    /// Retransmitted after a time-out although it had arrived.
    UnneededRto,
    /// A probe of a closed window.
    FlowControl,
    /// Retransmitted after duplicate acknowledgements although it had arrived.
    UnneededFastRetransmit,
    /// Overtaken by a later segment.
    Reordered,
}

impl Class {
    /// How many there are.
    pub(super) const COUNT: usize = 8;

    const ALL: [Self; Self::COUNT] = [
        Self::Rto,
        Self::NetworkDuplicate,
        Self::FastRetransmit,
        Self::Unknown,
        Self::UnneededRto,
        Self::FlowControl,
        Self::UnneededFastRetransmit,
        Self::Reordered,
    ];

    /// The class whose number has the bits that stand in three words where `place` has its only
    /// one, the lowest bit in the first word.
    pub(super) fn at(words: &[Word; 3], place: Word) -> Self {
        let bits = words.iter().map(|word| usize::from(word & place != 0));
        Self::ALL[bits.rev().fold(0, |number, bit| number << 1 | bit)]
    }
}

/// How a packet met a segment.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// It filled a hole in front of it.
    Hole,
    /// It repeated numbers of it, `recovery` nanoseconds after they were last sent.
    Seen { recovery: i64 },
}

/// What counts of the segment in front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub(super) class: Option<Class>,
    pub(super) acked: u16,
    pub(super) time: i64,
}

/// All the heuristic looks at, apart from round-trip times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case<'a> {
    pub(super) kind: Kind,
    /// The segment that was hit, or the one behind the hole (*P*).
    pub(super) segment: &'a Segment,
    /// The segment in front (*prev*).
    pub(super) before: Option<Before>,
    /// Numbers that were repeated or filled in (*n*).
    pub(super) numbers: i64,
    /// Time of the packet.
    pub(super) time: i64,
    /// IP identification of the packet, 0 if absent.
    pub(super) id: u16,
}

/// What the connection has shown of its timing, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// Sum of both sides' mean round-trip times.
    pub(super) mean: f64,
    /// An estimate of the sender's time-out.
    pub(super) rto: f64,
    /// An estimate of the shortest round trip.
    pub(super) rtt: f64,
    /// Both sides have samples.
    is_measured: bool,
}

impl Timing {
    /// From the samples of both sides so far.
    #[expect(clippy::cast_precision_loss, reason = "compared with floats")]
    pub(super) fn of(me: &Rtt, peer: &Rtt) -> Self {
        let mean = me.mean().unwrap_or(0.0) + peer.mean().unwrap_or(0.0);
        match (me.min(), peer.min()) {
            (Some(mine), Some(theirs)) => {
                let deviation = me.pooled_deviation(peer).unwrap_or(0.0);
                Self {
                    mean,
                    rto: (mean + 4.0 * deviation).max(100e6),
                    rtt: (mine as f64 + theirs as f64).max(1e6),
                    is_measured: true,
                }
            }
            _ => Self {
                mean,
                rto: 500e6,
                rtt: 5e6,
                is_measured: false,
            },
        }
    }
}

/// Classifies what one packet hits and fills, and counts the classes.
pub(super) struct Judge<'a> {
    me: &'a Rtt,
    peer: &'a Rtt,
    /// The receiver's window is 0 and both sides sent a SYN.
    is_window_closed: bool,
    /// Asked for by most packets never.
    timing: Option<Timing>,
    counts: [u32; Class::COUNT],
}

impl<'a> Judge<'a> {
    #[inline]
    pub(super) fn new(me: &'a Rtt, peer: &'a Rtt, is_window_closed: bool) -> Self {
        Self {
            me,
            peer,
            is_window_closed,
            timing: None,
            counts: [0; Class::COUNT],
        }
    }

    fn timing(&mut self) -> Timing {
        *self
            .timing
            .get_or_insert_with(|| Timing::of(self.me, self.peer))
    }

    /// The class of one case.
    #[inline]
    pub(super) fn class_of(&mut self, case: &Case<'_>) -> Class {
        let class = classify(case, &self.timing(), self.is_window_closed);
        self.counts[class as usize] += 1;
        class
    }

    /// The classes of many segments that `sent` hits, behind one of class `before`.
    pub(super) fn verdict(&mut self, sent: &Sent, class_before: Class, acked: u16) -> Verdict<'_> {
        let bounds = Bounds::of(&self.timing(), sent.time);
        let packet = (sent.id, self.is_window_closed);
        Verdict::new(bounds, packet, (class_before, acked), &mut self.counts)
    }

    /// How many segments and holes had each class, if there was one.
    #[inline]
    pub(super) fn counts(&self) -> Option<&[u32; Class::COUNT]> {
        self.timing.is_some().then_some(&self.counts)
    }
}

/// The class of a case. `is_window_closed`: the receiver's window is 0 and both sides sent a SYN.
#[inline]
#[expect(clippy::cast_precision_loss, reason = "compared with floats")]
fn classify(case: &Case<'_>, timing: &Timing, is_window_closed: bool) -> Class {
    if case.numbers == 1 && is_window_closed {
        return Class::FlowControl;
    }
    let recovery = case.recovery(timing).map(|recovery| recovery as f64);
    let before_rto = recovery.is_some_and(|recovery| recovery < timing.rto);
    let after_rto = recovery.is_some_and(|recovery| recovery > timing.rto);
    let inherited = case.before.and_then(|before| before.class);
    if let (Some(class), Some(recovery)) = (inherited, recovery)
        && recovery < timing.mean
    {
        return class;
    }
    let is_seen = matches!(case.kind, Kind::Seen { .. });
    let same_id = case.id != 0 && case.id == case.segment.id;
    let has_three_duplicates = case
        .before
        .is_some_and(|before| before.acked >= ACKED_ENOUGH);
    if case.segment.acked > 0 {
        return match () {
            () if same_id => Class::NetworkDuplicate,
            () if before_rto && has_three_duplicates => Class::UnneededFastRetransmit,
            () if after_rto => Class::UnneededRto,
            () => Class::Unknown,
        };
    }
    let since_segment = case.time.saturating_sub(case.segment.time).max(0) as f64;
    match () {
        () if is_seen && same_id => Class::NetworkDuplicate,
        () if before_rto && has_three_duplicates => Class::FastRetransmit,
        () if after_rto => Class::Rto,
        () if !is_seen && since_segment < timing.rtt => Class::Reordered,
        () => Class::Unknown,
    }
}

impl<'a> Case<'a> {
    /// A packet's numbers from `first` to `last` against a segment.
    pub(super) fn of(
        kind: Kind,
        segment: &'a Segment,
        before: Option<Before>,
        (first, last): (i64, i64),
        sent: &Sent,
    ) -> Self {
        Self {
            kind,
            segment,
            before,
            numbers: last - first + 1,
            time: sent.time,
            id: sent.id,
        }
    }

    /// Time since the numbers, or those before the hole, were last sent; undefined for a hole at
    /// the front of a connection with known timing.
    fn recovery(&self, timing: &Timing) -> Option<i64> {
        let since = |time: i64| self.time.saturating_sub(time).max(0);
        match (self.kind, self.before) {
            (Kind::Seen { recovery }, _) => Some(recovery),
            (Kind::Hole, Some(before)) => Some(since(before.time)),
            (Kind::Hole, None) if timing.is_measured => None,
            (Kind::Hole, None) => Some(since(self.segment.time)),
        }
    }
}
