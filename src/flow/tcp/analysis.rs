//! What is measured of a TCP flow beyond its life cycle: the groups `rtt`, `seq` and `opt`.
//!
//! Kept only if one of these groups is asked for. The order of the steps is that of spec 5.

use super::super::{Side, Sides, marks};
use super::TcpPacket;
use super::classify::Judge;
use super::counts::{OptCounts, SeqCounts};
use super::number::{MaybeNumber, wrapped};
use super::rtt::Rtt;
use super::sequence::{Overlap, SegmentList, Sent};
use crate::decode::tcp_flags::{ACK, FIN, PSH, RST, SYN};
use crate::flow::base::bump;

/// The measurements of both sides.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
pub struct Analysis {
    sides: Sides<SideAnalysis>,
}

/// The measurements of one side.
#[derive(Clone, Debug, Default)]
pub struct SideAnalysis {
    segments: SegmentList,
    position: Position,
    /// Round trips from this side's segments to the peer's acknowledgements.
    pub rtt: Rtt,
    /// Sequence analysis.
    pub seq: SeqCounts,
    /// Options and windows.
    pub opt: OptCounts,
}

/// Where a side stands in its own numbers and in those it acknowledges.
#[derive(Clone, Debug, Default)]
struct Position {
    /// End of all it sent (*hi*).
    high: MaybeNumber,
    /// End of all numbers it sent (*hi_num*).
    high_number: MaybeNumber,
    /// Numbers that are in some packet (*nums*).
    numbers: i64,
    /// End of the latest packet that was new (*nxt*).
    next: i64,
    /// Where the message at hand began (*mark*).
    mark: MaybeNumber,
    /// How far gaps have been looked for (*acked_to*).
    checked_to: MaybeNumber,
    /// The largest number the peer acknowledged in an established connection (*hi_acked*).
    high_acked: MaybeNumber,
    /// Its latest window, scaled (*wcur*), if there is one.
    window: u32,
    /// Its latest acknowledgement, if there is one.
    last_ack: u32,
    /// The window field of that packet.
    last_ack_window: u16,
    /// Duplicate acknowledgements in a row; more than 255 are as good as 255.
    duplicate_run: u8,
    has_window: bool,
    has_ack: bool,
    /// The peer acknowledged more than the SYN (*data_acked*).
    data_acked: bool,
    /// A SYN or FIN came again with another number (*seq_restart*).
    has_restarted: bool,
}

/// A packet with what the life cycle knows of it.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) packet: TcpPacket<'a>,
    pub(super) side: Side,
    /// Its sequence number, unwrapped (*u*).
    pub(super) seq: i64,
    /// Its acknowledgement, unwrapped, if it has one and the peer sent something (*ua*).
    pub(super) ack: Option<i64>,
    /// Initial sequence number of the sender, this packet's SYN included.
    pub(super) isn: Option<u32>,
    /// Initial sequence number of its peer.
    pub(super) peer_isn: Option<u32>,
    /// The SYN or FIN stands at another number than the one before.
    pub(super) is_restart: bool,
}

/// What the history has to know of a packet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Effects {
    /// Numbers that had been seen.
    pub(super) repeated: bool,
    /// The acknowledgement tells of numbers that were not seen.
    pub(super) is_gap: bool,
}

/// What of a packet's numbers is not new.
#[derive(Clone, Copy, Default)]
struct Repeated {
    /// Numbers that had been seen (*rex*).
    numbers: i64,
    /// It filled a hole (*ooo*).
    out_of_order: bool,
}

impl Seen<'_> {
    fn is(&self, flag: u8) -> bool {
        self.packet.flag(flag)
    }

    fn len(&self) -> i64 {
        i64::from(self.packet.payload_len)
    }

    /// 1 if `flag` is set: SYN and FIN take a sequence number each.
    fn one(&self, flag: u8) -> i64 {
        i64::from(self.is(flag))
    }

    fn numbers(&self) -> i64 {
        self.len() + self.one(SYN) + self.one(FIN)
    }

    /// Where the payload ends.
    fn end(&self) -> i64 {
        self.seq + self.one(SYN) + self.len()
    }
}

impl Analysis {
    /// Bytes that it takes, about.
    pub(super) fn bytes(&self) -> u64 {
        let side = |side: &SideAnalysis| side.seq.far_bytes() + side.segments.far_bytes();
        size_of::<Self>() as u64 + side(&self.sides[Side::Client]) + side(&self.sides[Side::Server])
    }

    /// One side's measurements.
    pub fn side(&self, side: Side) -> &SideAnalysis {
        &self.sides[side]
    }

    /// Steps 4 to 14 of spec 5, apart from those of the life cycle.
    #[inline(always)]
    pub(super) fn packet(&mut self, seen: &Seen<'_>, max_segments: usize) -> Effects {
        let (me, peer) = self.sides.me_and_peer(seen.side);
        let window = scaled_window(seen, me, peer);
        if seen.packet.marks & marks::OPTIONS != 0 {
            me.opt.count(&seen.packet);
            if seen.packet.marks & (marks::SACK | marks::DSACK) != 0 {
                let anomalies = me.seq.anomalies_mut();
                bump(&mut anomalies.sack_pkts, seen.packet.has(marks::SACK));
                bump(&mut anomalies.dsack, seen.packet.has(marks::DSACK));
            }
        }
        me.position.has_restarted |= seen.is_restart;
        probes(seen, me, peer);
        duplicate_acks(seen, me, peer);
        let len = seen.packet.payload_len;
        if len > 0 {
            me.opt.segment.add(len);
        }
        let repeated = sequence(seen, me, peer, max_segments);
        let is_gap = acknowledgement(seen, peer);
        if !seen.is(RST) {
            positions(seen, me, repeated.numbers == 0);
            windows(seen, me, peer, window, repeated.numbers == 0);
            flight(seen, me, peer, repeated);
            messages(seen, me);
        }
        Effects {
            repeated: repeated.numbers > 0,
            is_gap,
        }
    }

    /// Notes how far the peer's numbers are acknowledged, if both sides are established.
    #[inline(always)]
    pub(super) fn established_ack(&mut self, seen: &Seen<'_>) {
        if let Some(ack) = seen.ack
            && !seen.is(RST)
        {
            let peer = &mut self.sides[seen.side.peer()];
            peer.position.high_acked.raise(ack);
        }
    }
}

/// Step 4: the window field, scaled if both sides offered to.
#[inline(always)]
fn scaled_window(seen: &Seen<'_>, me: &SideAnalysis, peer: &SideAnalysis) -> u32 {
    let field = u32::from(seen.packet.window);
    match (me.opt.window_scale(), peer.opt.window_scale()) {
        (Some(scale), Some(_)) if !seen.is(SYN) => field << scale.min(14),
        _ => field,
    }
}

/// Step 7: keep-alives and probes of a closed window (spec 6.7).
#[inline(always)]
fn probes(seen: &Seen<'_>, me: &mut SideAnalysis, peer: &SideAnalysis) {
    let len = seen.packet.payload_len;
    if len > 1 || seen.packet.flags & (SYN | FIN | RST) != 0 {
        return;
    }
    let Some(high) = me.position.high.get().filter(|high| seen.seq >= high - 1) else {
        return;
    };
    let is_last_byte = seen.seq == high - 1;
    let is_all_acked = || {
        let ack = peer.position.last_ack();
        ack.is_some_and(|ack| distance(ack, wrapped(high)) >= 0)
    };
    if peer.position.is_window_closed() {
        let is_probe = len == 1 || (seen.is(ACK) && is_last_byte && is_all_acked());
        if is_probe {
            bump(&mut me.seq.anomalies_mut().zero_win_probes, true);
        }
    } else if seen.is(ACK) && is_last_byte && is_all_acked() {
        bump(&mut me.seq.anomalies_mut().keepalives, true);
    }
}

/// Step 7: duplicate acknowledgements (RFC 5681, 2; spec 6.7).
#[inline(always)]
fn duplicate_acks(seen: &Seen<'_>, me: &mut SideAnalysis, peer: &SideAnalysis) {
    if !seen.is(ACK) || seen.is(RST) {
        return;
    }
    let packet = seen.packet;
    let position = &mut me.position;
    if position.last_ack() != Some(packet.ack) {
        position.duplicate_run = 0;
        return;
    }
    let high = peer.position.high;
    let is_outstanding = seen.ack.is_some_and(|ack| high > MaybeNumber::known(ack));
    if packet.is_pure_ack() && position.last_ack_window == packet.window && is_outstanding {
        position.duplicate_run = position.duplicate_run.saturating_add(1);
        let anomalies = me.seq.anomalies_mut();
        bump(&mut anomalies.dup_acks, true);
        bump(&mut anomalies.triple_dup_acks, position.duplicate_run == 3);
    }
}

/// Step 9: what of the packet was seen before (spec 6.2).
#[inline(always)]
fn sequence(
    seen: &Seen<'_>,
    me: &mut SideAnalysis,
    peer: &SideAnalysis,
    max_segments: usize,
) -> Repeated {
    let count = seen.numbers();
    if count == 0 {
        return Repeated::default();
    }
    let (packet, seq) = (seen.packet, seen.seq);
    let repeated = if me.segments.send_next(sent(packet, seq), max_segments) {
        Repeated::default()
    } else {
        let have_isns = seen.isn.is_some() && seen.peer_isn.is_some();
        send(packet, seq, have_isns, me, peer, max_segments)
    };
    if !seen.is(RST) {
        me.position.numbers += count - repeated.numbers;
    }
    repeated
}

/// What a packet sends, whose number is `seq`.
#[inline(always)]
fn sent(packet: TcpPacket<'_>, seq: i64) -> Sent {
    let one = |flag| i64::from(packet.flag(flag));
    let payload_len = i64::from(packet.payload_len);
    Sent {
        first: seq,
        count: payload_len + one(SYN) + one(FIN),
        payload: seq + one(SYN),
        payload_len,
        time: packet.time.0,
        id: packet.id,
    }
}

/// Adds what a packet sent to the segments, and counts what it turned out to be. It is told and tells no more
/// than fits into registers, so that nothing of an everyday packet has to be in memory for it.
#[inline(never)]
fn send(
    packet: TcpPacket<'_>,
    seq: i64,
    have_isns: bool,
    me: &mut SideAnalysis,
    peer: &SideAnalysis,
    max_segments: usize,
) -> Repeated {
    let (rtt, counts) = (&me.rtt, &mut me.seq);
    let is_window_closed = have_isns && peer.position.is_window_closed();
    let mut judge = Judge::new(rtt, &peer.rtt, is_window_closed);
    let overlap = me
        .segments
        .send(sent(packet, seq), max_segments, &mut judge);
    if let Some(classes) = judge.counts() {
        counts.count_classes(classes);
    }
    if overlap != Overlap::default() {
        counts.count_overlap(&overlap);
    }
    Repeated {
        numbers: overlap.numbers,
        out_of_order: overlap.out_of_order,
    }
}

/// Step 10: the acknowledgement, on the peer's segments (spec 6.4). Whether it tells of a gap (6.6).
#[inline(always)]
fn acknowledgement(seen: &Seen<'_>, peer: &mut SideAnalysis) -> bool {
    let Some(ack) = seen.ack else {
        return false;
    };
    if let Some(sample) = peer.segments.acknowledge(ack, seen.packet.time.0) {
        peer.rtt.add(sample);
    }
    let Some(head) = peer.segments.head().filter(|_| !seen.is(RST)) else {
        return false;
    };
    let checked = &mut peer.position.checked_to;
    let base = checked.get().map_or(head, |checked| checked.max(head));
    *checked = MaybeNumber::known(base.max(ack));
    ack > base && !peer.segments.covers(base, ack)
}

/// Step 11: how far the sender has come.
#[inline(always)]
fn positions(seen: &Seen<'_>, me: &mut SideAnalysis, is_new: bool) {
    let position = &mut me.position;
    let end = seen.end();
    let end_of_numbers = end + seen.one(FIN);
    position.high.raise(end_of_numbers);
    if seen.numbers() > 0 {
        position.high_number.raise(end_of_numbers);
    }
    let payload = seen.seq + seen.one(SYN);
    if is_new {
        position.next = end;
    }
    if position.mark.get().is_none() || (seen.is(SYN) && me.seq.msgs == 0) {
        position.mark = MaybeNumber::known(payload);
    }
}

/// Step 12: windows, the latest acknowledgement, the first flight.
#[inline(always)]
fn windows(
    seen: &Seen<'_>,
    me: &mut SideAnalysis,
    peer: &mut SideAnalysis,
    window: u32,
    is_new: bool,
) {
    if seen.packet.flags & (ACK | SYN) != 0 {
        (me.position.window, me.position.has_window) = (window, true);
        me.opt.count_window(window);
    }
    if seen.is(ACK) {
        if window == 0 {
            bump(&mut me.seq.anomalies_mut().win_zero, true);
        }
        peer.position.data_acked |= seen
            .peer_isn
            .is_some_and(|isn| seen.packet.ack != isn.wrapping_add(1));
        let position = &mut me.position;
        (position.last_ack, position.has_ack) = (seen.packet.ack, true);
        position.last_ack_window = seen.packet.window;
    }
    if seen.isn.is_some() && !me.position.data_acked && is_new {
        me.seq.init_inflight = me.seq.init_inflight.saturating_add(seen.packet.payload_len);
    }
}

/// Step 13: bytes in flight (spec 6.5).
#[inline(always)]
fn flight(seen: &Seen<'_>, me: &mut SideAnalysis, peer: &SideAnalysis, repeated: Repeated) {
    if seen.is(SYN) || repeated.numbers > 0 || repeated.out_of_order {
        return;
    }
    let Some(base) = peer
        .position
        .last_ack()
        .or(seen.isn.map(|isn| isn.wrapping_add(1)))
    else {
        return;
    };
    let flight = wrapped(seen.end()).wrapping_sub(base);
    if flight > 0 && flight < 1 << 31 {
        me.seq.inflight.add(flight);
    }
}

/// Step 14: a message ends with PSH or FIN (spec 6.8).
#[inline(always)]
fn messages(seen: &Seen<'_>, me: &mut SideAnalysis) {
    let position = &mut me.position;
    let is_end = seen.is(ACK) && seen.packet.flags & (PSH | FIN) != 0;
    if is_end && position.mark.get().is_some_and(|mark| position.next > mark) {
        bump(&mut me.seq.msgs, true);
        position.mark = MaybeNumber::known(position.next);
    }
}

impl Position {
    /// The latest acknowledgement.
    #[inline]
    fn last_ack(&self) -> Option<u32> {
        self.has_ack.then_some(self.last_ack)
    }

    /// The latest window is 0.
    #[inline]
    fn is_window_closed(&self) -> bool {
        self.has_window && self.window == 0
    }
}

impl SideAnalysis {
    /// Whether a SYN or FIN came again with another number.
    pub fn has_restarted(&self) -> bool {
        self.position.has_restarted
    }

    /// Bytes the probe did not see of a side whose numbers begin at `low` (spec 6.6).
    pub(super) fn bytes_missed(&self, low: i64) -> u64 {
        let position = &self.position;
        let Some(sent) = position.high_number.get() else {
            return 0;
        };
        let high = sent.max(position.high_acked.get().unwrap_or(sent));
        u64::try_from(high - low - position.numbers).unwrap_or(0)
    }
}

/// `a − b` on the circle of sequence numbers, read as signed.
#[inline]
fn distance(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b).cast_signed()
}
