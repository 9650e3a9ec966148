//! One TCP connection: its life cycle, its counters, and what [`analysis`] measures of it.
//!
//! A packet takes the steps of spec 5, in that order. What decides roles, time-outs and the end of
//! the flow is here and always kept; the rest is kept only for the column groups that show it.

pub(crate) mod analysis;
mod blocks;
mod classify;
pub(crate) mod counts;
mod handshake;
mod history;
mod number;
mod order;
mod row;
mod rtt;
mod segments;
mod sequence;
mod state;
mod verdict;
#[cfg(test)]
mod witness;

use analysis::{Analysis, Effects, Seen};
use handshake::{Half, Handshake};
use history::{Event, History};
use number::{MaybeNumber, wrapped};
pub(super) use number::{first_number, unwrap};
use state::Endpoint;

use super::base::{Tracked, bump};
use super::packet::is_bare_syn;
use super::shelf::PLACE_BYTES;
use super::tally::{Sums, Tally};
use super::{EndReason, Flow, MacAddress, PacketFacts, PacketInfo, Side, Sides, Span};
use crate::capture::Timestamp;
use crate::config::{FlowOptions, Group};
use crate::decode::LinkInfo;
use crate::decode::tcp_flags::{ACK, CWR, ECE, FIN, PSH, RST, SYN, URG};

/// A packet with its flags apart, so that the compiler can know them in a copy of the rules.
#[derive(Clone, Copy, Debug)]
struct TcpPacket<'p> {
    facts: &'p PacketFacts,
    flags: u8,
}

impl std::ops::Deref for TcpPacket<'_> {
    type Target = PacketFacts;

    #[inline]
    fn deref(&self) -> &PacketFacts {
        self.facts
    }
}

impl<'p> TcpPacket<'p> {
    /// `flags` are those of `facts`.
    #[inline]
    fn new(facts: &'p PacketFacts, flags: u8) -> Self {
        Self { facts, flags }
    }

    /// Whether all TCP flags in `wanted` are set.
    #[inline]
    fn flag(self, wanted: u8) -> bool {
        self.flags & wanted == wanted
    }

    /// SYN without ACK, whatever else is set.
    #[inline]
    fn is_bare_syn(self) -> bool {
        is_bare_syn(self.flags)
    }

    /// An ACK that carries nothing else.
    #[inline]
    fn is_pure_ack(self) -> bool {
        self.flags & (ACK | SYN | FIN | RST) == ACK && self.payload_len == 0
    }
}

/// A TCP flow.
#[derive(Clone, Debug)]
pub struct TcpFlow {
    /// Key, roles, times, packets and bytes.
    pub flow: Flow,
    sides: Sides<TcpSide>,
    endpoints: Sides<Endpoint>,
    history: History,
    handshake: Handshake,
    closed: Option<EndReason>,
    analysis: Option<Box<Analysis>>,
    midstream: bool,
}

/// What is always kept of one side.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the column table explains each")]
pub struct TcpSide {
    /// Lower halves of the counts of each [`PacketKind`]; the upper ones are in `rare`.
    packets: [u32; 3],
    pub syn: u32,
    pub fin: u32,
    pub rst: u32,
    pub psh: u32,
    /// OR of all flag bytes.
    pub flags_or: u8,
    /// Times of packets with payload.
    pub data_times: Span,
    rare: Option<Box<Rare>>,
    /// Smallest time of an acknowledgement without SYN and RST, if there is one.
    first_ack: i64,
    has_ack: bool,
    life: Life,
}

/// Packets that are counted by themselves.
#[derive(Clone, Copy, Debug)]
pub enum PacketKind {
    /// With payload.
    Data = 0,
    /// With ACK.
    Ack = 1,
    /// With ACK and nothing else.
    PureAck = 2,
}

/// What stays at zero in most flows, apart from the rest until it does not.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs, reason = "the column table explains each")]
pub struct Rare {
    pub urg: u32,
    pub ece: u32,
    pub cwr: u32,
    /// Upper halves of the counts of packets.
    packets: [u32; 3],
}

/// What of a side decides over the flow's life.
#[derive(Clone, Debug, Default)]
struct Life {
    /// Reference of its unwrapped numbers (spec 6.1).
    reference: MaybeNumber,
    /// Number of its latest SYN (*isn*); before there is one, the smallest of its payload and
    /// FINs (*lo*).
    start: MaybeNumber,
    /// The number behind its latest FIN.
    fin_end: MaybeNumber,
    /// What its latest SYN+ACK acknowledged, if there is one.
    synack_ack: u32,
    has_syn: bool,
    has_synack: bool,
    /// The peer acknowledged its latest FIN.
    fin_acked: bool,
    /// It sent something else than bare SYNs.
    beyond_syn: bool,
}

impl Tracked for TcpFlow {
    fn begin(packet: &PacketInfo, link: Option<&LinkInfo>, options: &FlowOptions) -> Self {
        let flow = Flow::begin(packet, link, options);
        let first = flow.side_of(&packet.facts);
        Self {
            flow,
            sides: Sides::default(),
            endpoints: Sides::default(),
            history: History::begin(first, options.groups.has(Group::Seq)),
            handshake: Handshake::default(),
            closed: None,
            analysis: options.groups.analyse_tcp().then(Box::default),
            midstream: !packet.facts.flag(SYN),
        }
    }

    #[inline(always)]
    fn count(
        &mut self,
        packet: &PacketFacts,
        mac: Option<MacAddress>,
        options: &FlowOptions,
    ) -> bool {
        // Two copies of the same rules, in which the compiler knows the flags of nearly all packets.
        const PUSH: u8 = ACK | PSH;
        match packet.flags {
            ACK => self.count_packet(TcpPacket::new(packet, ACK), mac, options),
            PUSH => self.count_packet(TcpPacket::new(packet, PUSH), mac, options),
            flags => self.count_packet(TcpPacket::new(packet, flags), mac, options),
        }
    }

    fn count_tally(&mut self, tally: &Tally) {
        for side in [Side::Client, Side::Server] {
            let sums = tally.of(self.flow.end_of(side));
            if sums.pkts > 0 {
                self.count_sums(side, sums);
            }
        }
    }

    #[inline]
    fn flow(&self) -> &Flow {
        &self.flow
    }

    #[inline]
    fn flow_mut(&mut self) -> &mut Flow {
        &mut self.flow
    }

    fn bytes(&self) -> u64 {
        let analysis = self
            .analysis
            .as_ref()
            .map_or(0, |analysis| analysis.bytes());
        let rare = |side: Side| self.sides[side].rare.as_deref().map_or(0, size_of_val) as u64;
        let far = self.flow.far_bytes() + self.history.far_bytes() + analysis;
        PLACE_BYTES + size_of::<Self>() as u64 + far + rare(Side::Client) + rare(Side::Server)
    }

    #[inline]
    fn closed(&self) -> Option<EndReason> {
        self.closed
    }

    #[inline]
    fn timeout(&self, options: &FlowOptions) -> i64 {
        if self.closed.is_some() {
            options.tcp_linger
        } else if self.is_singleton() {
            options.tcp_singleton
        } else {
            options.tcp_idle
        }
    }

    fn silence_reason(&self) -> EndReason {
        if self.is_singleton() {
            EndReason::Singleton
        } else {
            EndReason::Idle
        }
    }

    #[inline]
    fn is_reused_by(&self, packet: &PacketFacts) -> bool {
        packet.is_bare_syn() && !self.joins(packet)
    }
}

impl TcpFlow {
    #[inline(always)]
    fn count_packet(
        &mut self,
        packet: TcpPacket<'_>,
        mac: Option<MacAddress>,
        options: &FlowOptions,
    ) -> bool {
        let side = self.flow.side_of(&packet);
        self.flow.count(&packet, side, mac);
        self.handshake.track(side, packet);
        let (me, peer) = self.sides.me_and_peer(side);
        me.count(packet);
        let seq = me.life.unwrap_seq(packet);
        let ack = peer.life.unwrap_ack(packet);
        let is_restart = me.life.track(packet, seq);
        peer.life.fin_acked |= ack
            .zip(peer.life.fin_end.get())
            .is_some_and(|(ack, end)| ack >= end);
        let are_fins_acked = me.life.fin_acked && peer.life.fin_acked;
        let seen = Seen {
            packet,
            side,
            seq,
            ack,
            isn: me.life.isn(),
            peer_isn: peer.life.isn(),
            is_restart,
        };
        let effects = match &mut self.analysis {
            Some(analysis) => analysis.packet(&seen, options.max_segments),
            None => Effects::default(),
        };
        self.judge(&seen, effects);
        self.close(packet, are_fins_acked)
    }

    /// Counts everyday packets of a side, which follow a SYN and its SYN+ACK. Both sides are established and stay
    /// so, and what the history says without letters matters only while the server has not answered.
    fn count_sums(&mut self, side: Side, sums: &Sums) {
        self.flow.count_sums(side, sums);
        self.sides[side].count_sums(sums);
        if side == Side::Client
            && let Some((first, _)) = sums.times.get()
        {
            self.handshake.acknowledge(Timestamp(first));
        }
    }

    /// Whether a bare SYN belongs to this flow (spec 4.3).
    fn joins(&self, packet: &PacketFacts) -> bool {
        let side = self.flow.side_of(packet);
        let (me, peer) = (&self.sides[side].life, &self.sides[side.peer()].life);
        if self.closed.is_some() {
            return false;
        }
        match me.isn() {
            Some(isn) => isn == packet.seq,
            None => {
                let is_simultaneous = self.flow.sides[side.peer()].pkts > 0 && !peer.beyond_syn;
                let is_answered = peer.synack_ack == packet.seq.wrapping_add(1);
                is_simultaneous || (peer.has_synack && is_answered)
            }
        }
    }

    /// Nothing but bare SYNs from one side.
    #[inline]
    fn is_singleton(&self) -> bool {
        let beyond_syn = |side: Side| self.sides[side].life.beyond_syn;
        !beyond_syn(Side::Client) && !beyond_syn(Side::Server) && self.is_half_duplex()
    }

    /// Step 15: history and states.
    #[inline(always)]
    fn judge(&mut self, seen: &Seen<'_>, effects: Effects) {
        let (side, packet) = (seen.side, seen.packet);
        let me = self.endpoints[side].state;
        let peer = self.endpoints[side.peer()].state;
        state::advance(&mut self.endpoints, side, packet);
        let are_established = self.endpoints[Side::Client].is_established()
            && self.endpoints[Side::Server].is_established();
        let event = Event {
            me,
            peer,
            is_retransmission: effects.repeated && packet.payload_len > 0,
            is_gap: effects.is_gap && are_established,
        };
        self.history.add(side, packet, event);
        if are_established && let Some(analysis) = &mut self.analysis {
            analysis.established_ack(seen);
        }
    }

    /// Step 16 (spec 4.4): a RST, or both FINs acknowledged; the first of the two wins for good.
    #[inline(always)]
    fn close(&mut self, packet: TcpPacket<'_>, are_fins_acked: bool) -> bool {
        if self.closed.is_some() {
            return false;
        }
        self.closed = if packet.flag(RST) {
            Some(EndReason::Rst)
        } else {
            are_fins_acked.then_some(EndReason::Fin)
        };
        self.closed.is_some()
    }

    /// The counters of one side.
    pub fn side(&self, side: Side) -> &TcpSide {
        &self.sides[side]
    }

    /// What the analysis measured, if any of its groups was asked for.
    pub fn analysis(&self) -> Option<&Analysis> {
        self.analysis.as_deref()
    }

    /// The first packet was no SYN.
    pub fn is_midstream(&self) -> bool {
        self.midstream
    }

    /// One side has no packet.
    pub fn is_half_duplex(&self) -> bool {
        self.flow.sides[Side::Client].pkts == 0 || self.flow.sides[Side::Server].pkts == 0
    }

    /// SYNs from both sides, and an end of its own (spec 4.5).
    pub fn is_complete(&self) -> bool {
        let has_syn = |side: Side| self.sides[side].syn > 0;
        let is_ended = matches!(
            self.flow.end_reason,
            EndReason::Fin | EndReason::Rst | EndReason::Idle
        );
        has_syn(Side::Client) && has_syn(Side::Server) && is_ended
    }

    /// Bytes of a side that the probe did not see (spec 6.6).
    pub fn bytes_missed(&self, side: Side) -> u64 {
        let start = self.sides[side].life.start.get();
        let analysis = self.analysis.as_ref().zip(start);
        analysis.map_or(0, |(analysis, start)| {
            analysis.side(side).bytes_missed(start)
        })
    }

    /// Payload of a side's first flight; none without a SYN of this side.
    pub fn init_inflight(&self, side: Side) -> Option<u32> {
        let analysis = self
            .analysis
            .as_ref()
            .filter(|_| self.sides[side].life.has_syn);
        analysis.map(|analysis| analysis.side(side).seq.init_inflight)
    }

    /// Zeek's `conn_state`.
    pub fn conn_state(&self) -> &'static str {
        let sides = &self.flow.sides;
        let has_payload = sides[Side::Client].bytes > 0 || sides[Side::Server].bytes > 0;
        state::conn_state(&self.endpoints, self.history.is_half(), has_payload)
    }

    /// Zeek's `history`.
    pub fn history(&self) -> &str {
        self.history.letters()
    }

    /// From the client's SYN to the server's first SYN+ACK.
    pub fn syn_synack(&self) -> Option<i64> {
        self.handshake.get(Half::SynSynAck)
    }

    /// From the server's SYN+ACK to the client's first acknowledgement.
    pub fn synack_ack(&self) -> Option<i64> {
        self.handshake.get(Half::SynAckAck)
    }
}

impl TcpSide {
    #[inline(always)]
    fn count(&mut self, packet: TcpPacket<'_>) {
        if packet.payload_len > 0 {
            self.data_times.add(packet.time);
            self.count_kind(PacketKind::Data);
        }
        if packet.flag(ACK) {
            self.count_kind(PacketKind::Ack);
            if packet.is_pure_ack() {
                self.count_kind(PacketKind::PureAck);
            }
        }
        if packet.flags & (ACK | SYN | RST) == ACK {
            let time = packet.time.0;
            let is_earlier = !self.has_ack || time < self.first_ack;
            if is_earlier {
                (self.first_ack, self.has_ack) = (time, true);
            }
        }
        self.flags_or |= packet.flags;
        bump(&mut self.psh, packet.flag(PSH));
        if packet.flags & !(ACK | PSH) == 0 {
            self.life.beyond_syn = true;
            return;
        }
        self.life.beyond_syn |= !packet.is_bare_syn();
        bump(&mut self.syn, packet.flag(SYN));
        bump(&mut self.fin, packet.flag(FIN));
        bump(&mut self.rst, packet.flag(RST));
        if packet.flags & (URG | ECE | CWR) != 0 {
            let rare = self.rare.get_or_insert_default();
            bump(&mut rare.urg, packet.flag(URG));
            bump(&mut rare.ece, packet.flag(ECE));
            bump(&mut rare.cwr, packet.flag(CWR));
        }
    }

    fn count_sums(&mut self, sums: &Sums) {
        let pure = sums.pkts - sums.pkts_data;
        for (kind, count) in [
            (PacketKind::Data, sums.pkts_data),
            (PacketKind::Ack, sums.pkts),
            (PacketKind::PureAck, pure),
        ] {
            self.packets[kind as usize] += u32::from(count);
        }
        self.psh += u32::from(sums.psh);
        self.data_times = self.data_times.and(sums.data_times);
        self.flags_or |= if sums.psh > 0 { ACK | PSH } else { ACK };
        if let Some((first, _)) = sums.times.get() {
            (self.first_ack, self.has_ack) = (first, true);
        }
        self.life.beyond_syn = true;
        self.life.reference = MaybeNumber::known(sums.reference);
    }

    #[inline]
    fn count_kind(&mut self, kind: PacketKind) {
        let count = &mut self.packets[kind as usize];
        *count = count.wrapping_add(1);
        if *count == 0 {
            self.rare.get_or_insert_default().packets[kind as usize] += 1;
        }
    }

    /// How many packets of a kind there were.
    pub fn packets(&self, kind: PacketKind) -> u64 {
        let upper = self.rare().packets[kind as usize];
        u64::from(upper) << 32 | u64::from(self.packets[kind as usize])
    }

    /// What stays at zero in most flows.
    pub fn rare(&self) -> Rare {
        self.rare.as_deref().copied().unwrap_or_default()
    }

    /// Smallest time of an acknowledgement without SYN and RST.
    pub fn first_ack(&self) -> Option<i64> {
        self.has_ack.then_some(self.first_ack)
    }
}

impl Life {
    /// The packet's sequence number as one of 64 bits (spec 6.1).
    #[inline(always)]
    fn unwrap_seq(&mut self, packet: TcpPacket<'_>) -> i64 {
        let (number, is_first) = match self.reference.get() {
            Some(reference) => (unwrap(packet.seq, reference), false),
            None => (first_number(packet.seq), true),
        };
        if is_first || !packet.flag(RST) {
            self.reference = MaybeNumber::known(number);
        }
        number
    }

    /// The packet's acknowledgement in this side's numbers, if both have any.
    #[inline(always)]
    fn unwrap_ack(&self, packet: TcpPacket<'_>) -> Option<i64> {
        let reference = self.reference.get().filter(|_| packet.flag(ACK))?;
        Some(unwrap(packet.ack, reference))
    }

    /// Steps 3 and 5: notes SYN and FIN. True if one stands at another number than the one before.
    #[inline(always)]
    fn track(&mut self, packet: TcpPacket<'_>, seq: i64) -> bool {
        let mut is_restart = false;
        if packet.flag(SYN) {
            is_restart |= self.isn().is_some_and(|isn| isn != packet.seq);
            (self.start, self.has_syn) = (MaybeNumber::known(seq), true);
            if packet.flag(ACK) {
                (self.synack_ack, self.has_synack) = (packet.ack, true);
            }
        }
        if packet.flag(FIN) {
            let syn = i64::from(packet.flag(SYN));
            let end = seq + i64::from(packet.payload_len) + syn + 1;
            let last = self.fin_end.on_wire();
            is_restart |= last.is_some_and(|last| last != wrapped(end));
            self.fin_end = MaybeNumber::known(end);
        }
        let is_sent = packet.payload_len > 0 || packet.flag(FIN);
        if !self.has_syn && is_sent && !packet.flag(RST) {
            self.start.lower(seq);
        }
        is_restart
    }

    /// The number of its latest SYN on the wire.
    #[inline]
    fn isn(&self) -> Option<u32> {
        self.start.on_wire().filter(|_| self.has_syn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half a kilobyte is a size that allocators have; a byte more takes an eighth more.
    #[test]
    fn a_flow_is_two_pieces_of_half_a_kilobyte() {
        assert!(size_of::<TcpFlow>() <= 512);
        assert!(size_of::<Analysis>() <= 512);
    }

    #[test]
    fn counts_of_packets_go_beyond_32_bits() {
        let mut side = TcpSide {
            packets: [u32::MAX; 3],
            ..TcpSide::default()
        };
        side.count_kind(PacketKind::Ack);
        assert_eq!(side.packets(PacketKind::Ack), 1 << 32);
        side.count_kind(PacketKind::Ack);
        assert_eq!(side.packets(PacketKind::Ack), (1 << 32) + 1);
        assert_eq!(side.packets(PacketKind::Data), u64::from(u32::MAX));
    }
}
