//! One TCP connection: its life cycle, its counters, and what [`analysis`] measures of it.
//!
//! A packet takes the steps of spec 5, in that order. What decides roles, time-outs and the end of
//! the flow is here and always kept; the rest is kept only for the column groups that show it.

pub(crate) mod analysis;
mod classify;
mod history;
mod number;
mod rtt;
mod segments;
mod sequence;
mod state;

use analysis::{Analysis, Effects, Seen};
use history::{Event, History};
use number::MaybeNumber;
use state::Endpoint;

use super::base::{Tracked, bump};
use super::shelf::PLACE_BYTES;
use super::{EndReason, Flow, PacketInfo, Side, Sides, Span};
use crate::capture::Timestamp;
use crate::config::{FlowOptions, Group};
use crate::decode::LinkInfo;
use crate::decode::tcp_flags::{ACK, CWR, ECE, FIN, PSH, RST, SYN, URG};

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
    pub pkts_data: u64,
    pub pkts_ack: u64,
    pub pkts_ack_pure: u64,
    pub syn: u32,
    pub fin: u32,
    pub rst: u32,
    pub psh: u32,
    pub urg: u32,
    pub ece: u32,
    pub cwr: u32,
    /// OR of all flag bytes.
    pub flags_or: u8,
    /// Times of packets with payload.
    pub data_times: Span,
    /// Times of acknowledgements without SYN and RST.
    pub ack_times: Span,
    life: Life,
}

/// What of a side decides over the flow's life.
#[derive(Clone, Debug, Default)]
struct Life {
    /// Reference of its unwrapped numbers (spec 6.1).
    reference: MaybeNumber,
    /// Number of its latest SYN.
    isn: Option<u32>,
    /// What its latest SYN+ACK acknowledged.
    synack_ack: Option<u32>,
    /// Number of its latest FIN.
    fin: Option<u32>,
    /// The unwrapped number behind it.
    fin_end: MaybeNumber,
    /// The peer acknowledged that.
    fin_acked: bool,
    /// It sent something else than bare SYNs.
    beyond_syn: bool,
}

/// The two halves of the handshake (spec 7.2), each timed by its first occasion.
#[derive(Clone, Debug, Default)]
struct Handshake {
    /// From the client's SYN to the server's first SYN+ACK.
    syn_synack: Half,
    /// From the server's SYN+ACK to the client's first ACK.
    synack_ack: Half,
}

/// One half: from the latest packet of a kind to the first of another.
#[derive(Clone, Copy, Debug, Default)]
struct Half {
    /// Time of the latest first packet; once it is answered, the time between the two.
    nanoseconds: i64,
    state: HalfState,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum HalfState {
    /// Neither packet was seen.
    #[default]
    Unseen,
    /// The first was.
    Begun,
    /// Both were: the time is known.
    Timed,
    /// The second was, without the first or before it: there is no time.
    Missed,
}

impl Tracked for TcpFlow {
    fn begin(packet: &PacketInfo, link: Option<&LinkInfo>, options: &FlowOptions) -> Self {
        let flow = Flow::begin(packet, link, options);
        let first = flow.side_of(packet);
        Self {
            flow,
            sides: Sides::default(),
            endpoints: Sides::default(),
            history: History::begin(first, options.groups.has(Group::Seq)),
            handshake: Handshake::default(),
            closed: None,
            analysis: options.groups.analyse_tcp().then(Box::default),
            midstream: !packet.flag(SYN),
        }
    }

    #[inline]
    fn count(
        &mut self,
        packet: &PacketInfo,
        link: Option<&LinkInfo>,
        options: &FlowOptions,
    ) -> bool {
        let side = self.flow.side_of(packet);
        self.flow.count(packet, side, link);
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
            isn: me.life.isn,
            peer_isn: peer.life.isn,
            is_restart,
        };
        let effects = match &mut self.analysis {
            Some(analysis) => analysis.packet(&seen, options.max_segments),
            None => Effects::default(),
        };
        self.judge(&seen, effects);
        self.close(packet, are_fins_acked)
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
        let state = size_of::<Self>() as u64 + self.history.far_bytes() + analysis;
        PLACE_BYTES + state + self.flow.link_bytes()
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
    fn is_reused_by(&self, packet: &PacketInfo) -> bool {
        packet.is_bare_syn() && !self.joins(packet)
    }
}

impl TcpFlow {
    /// Whether a bare SYN belongs to this flow (spec 4.3).
    fn joins(&self, packet: &PacketInfo) -> bool {
        let side = self.flow.side_of(packet);
        let (me, peer) = (&self.sides[side].life, &self.sides[side.peer()].life);
        if self.closed.is_some() {
            return false;
        }
        match me.isn {
            Some(isn) => isn == packet.seq,
            None => {
                let is_simultaneous = self.flow.sides[side.peer()].pkts > 0 && !peer.beyond_syn;
                is_simultaneous || peer.synack_ack == Some(packet.seq.wrapping_add(1))
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
    #[inline]
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
    #[inline]
    fn close(&mut self, packet: &PacketInfo, are_fins_acked: bool) -> bool {
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
        self.handshake.syn_synack.get()
    }

    /// From the server's SYN+ACK to the client's first acknowledgement.
    pub fn synack_ack(&self) -> Option<i64> {
        self.handshake.synack_ack.get()
    }
}

impl TcpSide {
    #[inline]
    fn count(&mut self, packet: &PacketInfo) {
        if packet.payload_len > 0 {
            self.data_times.add(packet.time);
        }
        if packet.flags & (ACK | SYN | RST) == ACK {
            self.ack_times.add(packet.time);
        }
        self.flags_or |= packet.flags;
        self.pkts_ack += u64::from(packet.flag(ACK));
        self.pkts_ack_pure += u64::from(packet.is_pure_ack());
        self.pkts_data += u64::from(packet.payload_len > 0);
        bump(&mut self.psh, packet.flag(PSH));
        if packet.flags & !(ACK | PSH) == 0 {
            self.life.beyond_syn = true;
            return;
        }
        self.life.beyond_syn |= !packet.is_bare_syn();
        bump(&mut self.syn, packet.flag(SYN));
        bump(&mut self.fin, packet.flag(FIN));
        bump(&mut self.rst, packet.flag(RST));
        bump(&mut self.urg, packet.flag(URG));
        bump(&mut self.ece, packet.flag(ECE));
        bump(&mut self.cwr, packet.flag(CWR));
    }
}

impl Life {
    /// The packet's sequence number as one of 64 bits (spec 6.1).
    #[inline]
    fn unwrap_seq(&mut self, packet: &PacketInfo) -> i64 {
        let (number, is_first) = match self.reference.get() {
            Some(reference) => (unwrap(packet.seq, reference), false),
            None => ((1 << 32) + i64::from(packet.seq), true),
        };
        if is_first || !packet.flag(RST) {
            self.reference = MaybeNumber::known(number);
        }
        number
    }

    /// The packet's acknowledgement in this side's numbers, if both have any.
    #[inline]
    fn unwrap_ack(&self, packet: &PacketInfo) -> Option<i64> {
        let reference = self.reference.get().filter(|_| packet.flag(ACK))?;
        Some(unwrap(packet.ack, reference))
    }

    /// Steps 3 and 5: notes SYN and FIN. True if one stands at another number than the one before.
    #[inline]
    fn track(&mut self, packet: &PacketInfo, seq: i64) -> bool {
        let mut is_restart = false;
        if packet.flag(SYN) {
            is_restart |= self.isn.is_some_and(|isn| isn != packet.seq);
            self.isn = Some(packet.seq);
            if packet.flag(ACK) {
                self.synack_ack = Some(packet.ack);
            }
        }
        if packet.flag(FIN) {
            let syn = u32::from(packet.flag(SYN));
            let number = packet
                .seq
                .wrapping_add(packet.payload_len)
                .wrapping_add(syn);
            is_restart |= self.fin.is_some_and(|fin| fin != number);
            self.fin = Some(number);
            let end = seq + i64::from(packet.payload_len) + i64::from(syn) + 1;
            self.fin_end = MaybeNumber::known(end);
        }
        is_restart
    }
}

/// The number nearest to `reference` that the wire shows as `number`.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers wrap at 32 bits on the wire"
)]
fn unwrap(number: u32, reference: i64) -> i64 {
    let ahead = number.wrapping_sub(reference as u32).cast_signed();
    reference.wrapping_add(i64::from(ahead))
}

impl Handshake {
    #[inline]
    fn track(&mut self, side: Side, packet: &PacketInfo) {
        match (side, packet.flags & (SYN | ACK)) {
            (Side::Client, SYN) => self.syn_synack.begin(packet.time),
            (Side::Client, ACK) if !packet.flag(RST) => self.synack_ack.end(packet.time),
            (Side::Server, flags) if flags == SYN | ACK => {
                self.syn_synack.end_always(packet.time);
                self.synack_ack.begin(packet.time);
            }
            _ => {}
        }
    }
}

impl Half {
    /// The packet that begins it, perhaps once more.
    fn begin(&mut self, time: Timestamp) {
        if matches!(self.state, HalfState::Unseen | HalfState::Begun) {
            (self.nanoseconds, self.state) = (time.0, HalfState::Begun);
        }
    }

    /// The packet that ends it, if it has begun.
    #[inline]
    fn end(&mut self, time: Timestamp) {
        if self.state == HalfState::Begun {
            self.end_always(time);
        }
    }

    /// The packet that ends it even if it has not begun: then there is no time.
    fn end_always(&mut self, time: Timestamp) {
        match self.state {
            HalfState::Begun => {
                self.nanoseconds = time.since(Timestamp(self.nanoseconds));
                let is_forward = self.nanoseconds >= 0;
                self.state = if is_forward {
                    HalfState::Timed
                } else {
                    HalfState::Missed
                };
            }
            HalfState::Unseen => self.state = HalfState::Missed,
            HalfState::Timed | HalfState::Missed => {}
        }
    }

    fn get(self) -> Option<i64> {
        (self.state == HalfState::Timed).then_some(self.nanoseconds)
    }
}
