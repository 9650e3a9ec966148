//! What each side of a connection has shown, and the verdict on the pair (spec 7.1).
//!
//! These are Zeek's endpoint states and its `conn_state`; the verdict is a pure function of both.

use super::super::{Side, Sides};
use super::TcpPacket;
use crate::decode::tcp_flags::{ACK, FIN, RST, SYN};

/// What one side has shown so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum EndpointState {
    /// Nothing.
    #[default]
    Inactive,
    /// A SYN.
    SynSent,
    /// A SYN+ACK, by the client.
    SynAckSent,
    /// Packets, but no SYN.
    Partial,
    /// Its part of a handshake, or packets to a side that is established.
    Established,
    /// A FIN.
    Closed,
    /// A RST.
    Reset,
}

/// The state of one side, and the one before it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Endpoint {
    pub(super) state: EndpointState,
    before: EndpointState,
}

impl Endpoint {
    fn set(&mut self, state: EndpointState) {
        if self.state != state {
            self.before = self.state;
            self.state = state;
        }
    }

    /// Established, or closed after it was.
    #[inline]
    pub(super) fn is_established(self) -> bool {
        use EndpointState::{Closed, Established};
        self.state == Established || (self.state == Closed && self.before == Established)
    }
}

/// Lets a packet of `side` change the states of both.
#[inline(always)]
pub(super) fn advance(endpoints: &mut Sides<Endpoint>, side: Side, packet: TcpPacket<'_>) {
    use EndpointState::{Closed, Established, Inactive, Partial, Reset, SynAckSent, SynSent};
    match endpoints[side].state {
        // The everyday packet of an open connection changes nothing.
        Established if packet.flags & (FIN | RST) == 0 => {}
        Inactive => from_inactive(endpoints, side, packet),
        SynSent | SynAckSent => {
            close_or_reset(&mut endpoints[side], packet);
        }
        Established | Partial => from_open(endpoints, side, packet),
        Closed => {
            if packet.flag(RST) && endpoints[side.peer()].state != Closed {
                endpoints[side].set(Reset);
            }
        }
        Reset => {}
    }
}

fn from_inactive(endpoints: &mut Sides<Endpoint>, side: Side, packet: TcpPacket<'_>) {
    use EndpointState::{Established, Inactive, Partial, SynAckSent, SynSent};
    let (me, peer) = endpoints.me_and_peer(side);
    if packet.flag(SYN) {
        match side {
            Side::Client if packet.flag(ACK) => me.set(SynAckSent),
            Side::Client if peer.state == Established => me.set(Established),
            Side::Client => me.set(SynSent),
            Side::Server => {
                if peer.state == SynSent {
                    peer.set(Established);
                }
                me.set(Established);
            }
        }
    }
    close_or_reset(me, packet);
    // A server's bare packet before its SYN+ACK says nothing of a connection.
    let is_stray = side == Side::Server && packet.payload_len == 0 && peer.state == SynSent;
    if me.state == Inactive && !is_stray {
        let is_answer = packet.flag(ACK) && peer.state == Established;
        me.set(if is_answer { Established } else { Partial });
    }
}

fn from_open(endpoints: &mut Sides<Endpoint>, side: Side, packet: TcpPacket<'_>) {
    use EndpointState::{Closed, Inactive, Partial, Reset, SynSent};
    let (me, peer) = endpoints.me_and_peer(side);
    if packet.is_bare_syn() && me.state == Partial && peer.state == Inactive {
        me.set(SynSent);
    }
    if packet.flag(FIN) && !packet.flag(RST) {
        me.set(Closed);
        if peer.state == Reset && peer.before == Closed {
            peer.set(Closed);
        }
    }
    if packet.flag(RST) {
        me.set(Reset);
    }
}

fn close_or_reset(me: &mut Endpoint, packet: TcpPacket<'_>) {
    if packet.flag(FIN) {
        me.set(EndpointState::Closed);
    }
    if packet.flag(RST) {
        me.set(EndpointState::Reset);
    }
}

/// The column `conn_state`. `half` says that the client reset what it had only begun to open.
pub(super) fn conn_state(
    endpoints: &Sides<Endpoint>,
    half: bool,
    has_payload: bool,
) -> &'static str {
    use EndpointState::{Closed, Established, Inactive, Partial, Reset, SynAckSent, SynSent};
    let state = |side| endpoints[side].state;
    match (state(Side::Client), state(Side::Server)) {
        (SynSent | SynAckSent, Reset) => "REJ",
        (Reset, Reset) if !has_payload => "REJ",
        (Inactive | Partial, Reset) => "RSTRH",
        (_, Reset) => "RSTR",
        (Reset, Inactive | Partial) if half => "RSTOS0",
        (Reset, Inactive | Partial) => "OTH",
        (Reset, _) => "RSTO",
        (Closed, Closed) => "SF",
        (Closed, Inactive | Partial) => "SH",
        (Closed, _) => "S2",
        (Inactive | Partial, Closed) => "SHR",
        (_, Closed) => "S3",
        (SynSent, Inactive) => "S0",
        (Established, Established) => "S1",
        _ => "OTH",
    }
}
