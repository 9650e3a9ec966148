//! What is measured of a TCP flow beyond its life cycle: the groups `rtt`, `seq` and `opt`.
//!
//! Kept only if one of these groups is asked for. The order of the steps is that of spec 5.

use super::super::{PacketInfo, Side, Sides, marks};
use super::classify::{Class, Timing, classify};
use super::number::MaybeNumber;
use super::rtt::Rtt;
use super::sequence::{Overlap, SegmentList, Sent};
use crate::decode::tcp_flags::{ACK, FIN, PSH, RST, SYN};
use crate::flow::base::bump;

/// The measurements of both sides.
#[derive(Clone, Debug, Default)]
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
    /// Its first payload or FIN (*lo*).
    low: MaybeNumber,
    /// Its latest SYN.
    isn: MaybeNumber,
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
    /// Its latest window, scaled (*wcur*).
    window: Option<u32>,
    /// Its latest acknowledgement and the window field of that packet.
    last_ack: Option<LastAck>,
    /// Duplicate acknowledgements in a row.
    duplicate_run: u32,
    /// The peer acknowledged more than the SYN (*data_acked*).
    data_acked: bool,
}

#[derive(Clone, Copy, Debug)]
struct LastAck {
    number: u32,
    window: u16,
}

/// Counters of the group `seq`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the column table explains each")]
pub struct SeqCounts {
    anomalies: Option<Box<Anomalies>>,
    /// Largest and smallest flight, if there was any.
    pub inflight: Option<(u32, u32)>,
    init_inflight: u32,
    pub msgs: u32,
    pub dup_acks: u32,
    pub seq_restart: bool,
}

/// Counters that stay at zero in most flows, apart from the others until one does not.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the column table explains each")]
pub struct Anomalies {
    pub bytes_retx: u64,
    pub pkts_retx: u64,
    pub pkts_ooo: u64,
    pub rtx_rto: u32,
    pub rtx_fr: u32,
    pub reordered: u32,
    pub net_dup: u32,
    pub rtx_unknown: u32,
    pub flow_ctrl: u32,
    pub unneeded_rto: u32,
    pub unneeded_fr: u32,
    pub triple_dup_acks: u32,
    pub keepalives: u32,
    pub zero_win_probes: u32,
    pub dsack: u32,
    pub seg_dropped: u32,
}

/// What the group `opt` keeps.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the column table explains each")]
pub struct OptCounts {
    /// The [`marks`] of all options seen.
    pub seen: u16,
    pub window_scale: Option<u8>,
    pub mss: Option<u16>,
    pub sack_pkts: u32,
    /// Smallest and largest segment with payload.
    pub segment: Option<(u32, u32)>,
    pub win_max: Option<u32>,
    pub win_min: Option<u32>,
    pub win_init: Option<u32>,
    pub win_zero: u32,
}

/// A packet with what the life cycle knows of it.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) packet: &'a PacketInfo,
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
        let anomalies = |side: &SideAnalysis| side.seq.anomalies.as_deref().map_or(0, size_of_val);
        let side = |side: &SideAnalysis| anomalies(side) as u64 + side.segments.far_bytes();
        size_of::<Self>() as u64 + side(&self.sides[Side::Client]) + side(&self.sides[Side::Server])
    }

    /// One side's measurements.
    pub fn side(&self, side: Side) -> &SideAnalysis {
        &self.sides[side]
    }

    /// Steps 4 to 14 of spec 5, apart from those of the life cycle.
    #[inline]
    pub(super) fn packet(&mut self, seen: &Seen<'_>, max_segments: usize) -> Effects {
        let (me, peer) = self.sides.me_and_peer(seen.side);
        let window = scaled_window(seen, me, peer);
        if seen.packet.marks & marks::OPTIONS != 0 {
            me.opt.count(seen.packet);
            if seen.packet.has(marks::DSACK) {
                bump(&mut me.seq.anomalies_mut().dsack, true);
            }
        }
        me.seq.seq_restart |= seen.is_restart;
        if seen.is(SYN) {
            me.position.isn = MaybeNumber::known(seen.seq);
        }
        probes(seen, me, peer);
        duplicate_acks(seen, me, peer);
        let len = seen.packet.payload_len;
        if len > 0 {
            let (min, max) = me.opt.segment.unwrap_or((len, len));
            me.opt.segment = Some((min.min(len), max.max(len)));
        }
        let overlap = sequence(seen, me, peer, max_segments);
        let is_gap = acknowledgement(seen, peer);
        if !seen.is(RST) {
            positions(seen, me, overlap.numbers == 0);
            windows(seen, me, peer, window, overlap.numbers == 0);
            flight(seen, me, peer, &overlap);
            messages(seen, me);
        }
        Effects {
            repeated: overlap.numbers > 0,
            is_gap,
        }
    }

    /// Notes how far the peer's numbers are acknowledged, if both sides are established.
    #[inline]
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
#[inline]
fn scaled_window(seen: &Seen<'_>, me: &SideAnalysis, peer: &SideAnalysis) -> u32 {
    let field = u32::from(seen.packet.window);
    match (me.opt.window_scale, peer.opt.window_scale) {
        (Some(scale), Some(_)) if !seen.is(SYN) => field << scale.min(14),
        _ => field,
    }
}

/// Step 7: keep-alives and probes of a closed window (spec 6.7).
#[inline]
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
        let ack = peer.position.last_ack.map(|last| last.number);
        ack.is_some_and(|ack| distance(ack, wrapped(high)) >= 0)
    };
    if peer.position.window == Some(0) {
        let is_probe = len == 1 || (seen.is(ACK) && is_last_byte && is_all_acked());
        if is_probe {
            bump(&mut me.seq.anomalies_mut().zero_win_probes, true);
        }
    } else if seen.is(ACK) && is_last_byte && is_all_acked() {
        bump(&mut me.seq.anomalies_mut().keepalives, true);
    }
}

/// Step 7: duplicate acknowledgements (RFC 5681, 2; spec 6.7).
#[inline]
fn duplicate_acks(seen: &Seen<'_>, me: &mut SideAnalysis, peer: &SideAnalysis) {
    if !seen.is(ACK) || seen.is(RST) {
        return;
    }
    let packet = seen.packet;
    match me.position.last_ack {
        Some(last) if last.number == packet.ack => {
            let high = peer.position.high;
            let is_outstanding = seen.ack.is_some_and(|ack| high > MaybeNumber::known(ack));
            if packet.is_pure_ack() && last.window == packet.window && is_outstanding {
                bump(&mut me.seq.dup_acks, true);
                bump(&mut me.position.duplicate_run, true);
                if me.position.duplicate_run == 3 {
                    bump(&mut me.seq.anomalies_mut().triple_dup_acks, true);
                }
            }
        }
        _ => me.position.duplicate_run = 0,
    }
}

/// Step 9: what of the packet was seen before (spec 6.2).
#[inline]
fn sequence(
    seen: &Seen<'_>,
    me: &mut SideAnalysis,
    peer: &SideAnalysis,
    max_segments: usize,
) -> Overlap {
    let count = seen.numbers();
    if count == 0 {
        return Overlap::default();
    }
    let sent = Sent {
        first: seen.seq,
        count,
        payload: seen.seq + seen.one(SYN),
        payload_len: seen.len(),
        time: seen.packet.time.0,
        id: seen.packet.id,
    };
    let (rtt, counts) = (&me.rtt, &mut me.seq);
    let is_window_closed =
        peer.position.window == Some(0) && seen.isn.is_some() && seen.peer_isn.is_some();
    let mut timing = None;
    let overlap = me.segments.send(sent, max_segments, |case| {
        let timing = timing.get_or_insert_with(|| Timing::of(rtt, &peer.rtt));
        let class = classify(case, timing, is_window_closed);
        counts.count_class(class);
        class
    });
    if overlap != Overlap::default() {
        counts.count_overlap(&overlap);
    }
    if !seen.is(RST) {
        me.position.numbers += count - overlap.numbers;
    }
    overlap
}

/// Step 10: the acknowledgement, on the peer's segments (spec 6.4). Whether it tells of a gap (6.6).
#[inline]
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
#[inline]
fn positions(seen: &Seen<'_>, me: &mut SideAnalysis, is_new: bool) {
    let position = &mut me.position;
    let end = seen.end();
    let end_of_numbers = end + seen.one(FIN);
    position.high.raise(end_of_numbers);
    if seen.numbers() > 0 {
        position.high_number.raise(end_of_numbers);
    }
    let payload = seen.seq + seen.one(SYN);
    if seen.packet.payload_len > 0 || seen.is(FIN) {
        position.low.lower(payload);
    }
    if is_new {
        position.next = end;
    }
    if position.mark.get().is_none() || (seen.is(SYN) && me.seq.msgs == 0) {
        position.mark = MaybeNumber::known(payload);
    }
}

/// Step 12: windows, the latest acknowledgement, the first flight.
#[inline]
fn windows(
    seen: &Seen<'_>,
    me: &mut SideAnalysis,
    peer: &mut SideAnalysis,
    window: u32,
    is_new: bool,
) {
    if seen.packet.flags & (ACK | SYN) != 0 {
        me.position.window = Some(window);
        let opt = &mut me.opt;
        opt.win_max = opt.win_max.max(Some(window));
        if window > 0 {
            opt.win_min = Some(opt.win_min.map_or(window, |min| min.min(window)));
        }
        opt.win_init = opt.win_init.or(Some(window));
    }
    if seen.is(ACK) {
        bump(&mut me.opt.win_zero, window == 0);
        peer.position.data_acked |= seen
            .peer_isn
            .is_some_and(|isn| seen.packet.ack != isn.wrapping_add(1));
        me.position.last_ack = Some(LastAck {
            number: seen.packet.ack,
            window: seen.packet.window,
        });
    }
    if seen.isn.is_some() && !me.position.data_acked && is_new {
        me.seq.init_inflight = me.seq.init_inflight.saturating_add(seen.packet.payload_len);
    }
}

/// Step 13: bytes in flight (spec 6.5).
#[inline]
fn flight(seen: &Seen<'_>, me: &mut SideAnalysis, peer: &SideAnalysis, overlap: &Overlap) {
    if seen.is(SYN) || overlap.numbers > 0 || overlap.out_of_order {
        return;
    }
    let acked = peer.position.last_ack.map(|last| last.number);
    let Some(base) = acked.or(seen.isn.map(|isn| isn.wrapping_add(1))) else {
        return;
    };
    let flight = wrapped(seen.end()).wrapping_sub(base);
    if flight > 0 && flight < 1 << 31 {
        let (max, min) = me.seq.inflight.unwrap_or((flight, flight));
        me.seq.inflight = Some((max.max(flight), min.min(flight)));
    }
}

/// Step 14: a message ends with PSH or FIN (spec 6.8).
#[inline]
fn messages(seen: &Seen<'_>, me: &mut SideAnalysis) {
    let position = &mut me.position;
    let is_end = seen.is(ACK) && seen.packet.flags & (PSH | FIN) != 0;
    if is_end && position.mark.get().is_some_and(|mark| position.next > mark) {
        bump(&mut me.seq.msgs, true);
        position.mark = MaybeNumber::known(position.next);
    }
}

impl SideAnalysis {
    /// Bytes the probe did not see (spec 6.6).
    pub fn bytes_missed(&self) -> u64 {
        let position = &self.position;
        let low = position.isn.get().or(position.low.get());
        let (Some(low), Some(sent)) = (low, position.high_number.get()) else {
            return 0;
        };
        let high = sent.max(position.high_acked.get().unwrap_or(sent));
        u64::try_from(high - low - position.numbers).unwrap_or(0)
    }

    /// Payload of the first flight; none without a SYN of this side.
    pub fn init_inflight(&self) -> Option<u32> {
        self.position.isn.get().map(|_| self.seq.init_inflight)
    }
}

impl SeqCounts {
    /// The counters that are mostly zero, if one is not.
    pub fn anomalies(&self) -> Option<&Anomalies> {
        self.anomalies.as_deref()
    }

    #[cold]
    fn anomalies_mut(&mut self) -> &mut Anomalies {
        self.anomalies.get_or_insert_default()
    }

    #[cold]
    fn count_overlap(&mut self, overlap: &Overlap) {
        let anomalies = self.anomalies_mut();
        anomalies.bytes_retx += overlap.payload.unsigned_abs();
        anomalies.pkts_retx += u64::from(overlap.numbers > 0);
        anomalies.pkts_ooo += u64::from(overlap.out_of_order);
        anomalies.seg_dropped = anomalies.seg_dropped.saturating_add(overlap.dropped);
    }

    #[cold]
    fn count_class(&mut self, class: Class) {
        let anomalies = self.anomalies_mut();
        let counter = match class {
            Class::Rto => &mut anomalies.rtx_rto,
            Class::FastRetransmit => &mut anomalies.rtx_fr,
            Class::Reordered => &mut anomalies.reordered,
            Class::NetworkDuplicate => &mut anomalies.net_dup,
            Class::FlowControl => &mut anomalies.flow_ctrl,
            Class::UnneededRto => &mut anomalies.unneeded_rto,
            Class::UnneededFastRetransmit => &mut anomalies.unneeded_fr,
            Class::Unknown => &mut anomalies.rtx_unknown,
        };
        bump(counter, true);
    }
}

impl OptCounts {
    /// Step 6: the options of a packet (spec 7.4).
    #[inline]
    fn count(&mut self, packet: &PacketInfo) {
        self.seen |= packet.marks & marks::OPTIONS;
        if packet.has(marks::WINDOW_SCALE) {
            self.window_scale = Some(packet.window_scale);
        }
        if packet.has(marks::MSS) {
            self.mss = Some(packet.mss);
        }
        bump(&mut self.sack_pkts, packet.has(marks::SACK));
    }
}

/// The number on the wire of an unwrapped one.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the lower 32 bits are what the wire carries"
)]
fn wrapped(number: i64) -> u32 {
    number as u32
}

/// `a − b` on the circle of sequence numbers, read as signed.
#[inline]
fn distance(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b).cast_signed()
}
