//! One flow: what it holds, how it begins and when silence ends it (spec 3.2, 4.1, 4.2).

use goostat::decode::{Headers, Transport};

use super::address::Endpoint;
use super::facts;
use super::roles::{client_of, destination_of, protocol_of, source_of};
use super::side::{Direction, Side};
use super::{RefOptions, RefPacket, elapsed};

/// How a TCP flow was closed (spec 4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    Fin,
    Rst,
}

/// One flow, from its first packet on.
#[derive(Debug)]
pub(crate) struct Flow {
    /// Its place among all flows of the trace, by first packet.
    pub number: usize,
    /// 6 or 17.
    pub protocol: u8,
    pub client: Endpoint,
    pub server: Endpoint,
    pub client_by: &'static str,
    /// The first packet had no S.
    pub midstream: bool,
    /// The first packet came from the server.
    pub server_began: bool,
    pub first: i64,
    pub last: i64,
    /// The trace clock when the latest packet was counted.
    pub touch: i64,
    pub clock_backsteps: u64,
    pub trunc_pkts: u64,
    pub bad_len_pkts: u64,
    pub tso_pkts: u64,
    pub c: Side,
    pub s: Side,
    pub closed: Option<Closed>,
    /// History letters so far, without the leading `^`.
    pub history: String,
    /// Spec 7.2.
    pub syn_synack: Option<i64>,
    pub synack_ack: Option<i64>,
    /// Whether c has sent its first A without S, R after a SYN+ACK of s.
    pub synack_answered: bool,
    /// When c's first letter R was written, c had none of H A F I Q (spec 7.1, *half*).
    pub reset_while_half: Option<bool>,
}

impl Flow {
    pub(crate) fn side(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::ClientToServer => &mut self.c,
            Direction::ServerToClient => &mut self.s,
        }
    }

    /// The packet's side and the other one.
    pub(crate) fn me_and_peer(&mut self, direction: Direction) -> (&mut Side, &mut Side) {
        match direction {
            Direction::ClientToServer => (&mut self.c, &mut self.s),
            Direction::ServerToClient => (&mut self.s, &mut self.c),
        }
    }

    fn pkts(&self) -> u64 {
        self.c.pkts + self.s.pkts
    }

    /// Nothing but bare SYNs from one side; one packet of UDP so far (spec 4.2).
    fn is_singleton(&self) -> bool {
        if self.protocol == 17 {
            return self.pkts() == 1;
        }
        let sides = [&self.c, &self.s];
        let one_silent = sides.iter().any(|side| side.pkts == 0);
        one_silent && sides.iter().all(|side| side.pkts == side.bare_syns)
    }

    /// T of spec 4.2.
    fn timeout(&self, options: &RefOptions) -> i64 {
        match (self.protocol, self.closed.is_some(), self.is_singleton()) {
            (17, _, true) => options.udp_singleton,
            (17, _, false) => options.udp_idle,
            (_, true, _) => options.tcp_linger,
            (_, false, true) => options.tcp_singleton,
            (_, false, false) => options.tcp_idle,
        }
    }

    /// The gap rule (spec 4.1) for something at `time`.
    pub(crate) fn is_past_timeout(&self, time: i64, clock: i64, options: &RefOptions) -> bool {
        elapsed(time, self.last) > self.timeout(options) || self.clock_timed_out(clock, options)
    }

    pub(crate) fn clock_timed_out(&self, clock: i64, options: &RefOptions) -> bool {
        elapsed(clock, self.last.max(self.touch)) > self.timeout(options)
    }

    /// The reason of an end by time-out (spec 4.5).
    pub(crate) fn timeout_reason(&self) -> &'static str {
        if self.is_singleton() {
            "singleton"
        } else {
            "idle"
        }
    }
}

/// A flow without packets, with the roles that its first packet decides.
pub(crate) fn new_flow(number: usize, time: i64, headers: &Headers) -> Flow {
    let (sender, receiver) = (source_of(headers), destination_of(headers));
    let (sender_is_client, client_by) = client_of(headers);
    let (client, server) = if sender_is_client {
        (sender, receiver)
    } else {
        (receiver, sender)
    };
    let midstream = match &headers.transport {
        Transport::Tcp(header) => !facts::Flags::of(header.flags).syn,
        Transport::Udp => false,
    };
    Flow {
        number,
        protocol: protocol_of(headers),
        client,
        server,
        client_by,
        midstream,
        // With equal endpoints every packet is the client's, whoever that is called.
        server_began: sender != client,
        first: time,
        last: time,
        touch: time,
        clock_backsteps: 0,
        trunc_pkts: 0,
        bad_len_pkts: 0,
        tso_pkts: 0,
        c: Side::default(),
        s: Side::default(),
        closed: None,
        history: String::new(),
        syn_synack: None,
        synack_ack: None,
        synack_answered: false,
        reset_while_half: None,
    }
}

/// Step 1 of spec 5, as far as UDP takes it too, and UDP's own counters (spec 8.3).
pub(crate) fn count_common(
    flow: &mut Flow,
    direction: Direction,
    packet: &RefPacket,
    headers: &Headers,
) {
    let time = packet.time;
    flow.clock_backsteps += u64::from(time < flow.last);
    flow.first = flow.first.min(time);
    flow.last = flow.last.max(time);
    flow.trunc_pkts += u64::from(packet.captured_len < packet.original_len);
    flow.bad_len_pkts += u64::from(headers.bad_len);
    flow.tso_pkts += u64::from(headers.tso);
    let is_udp = flow.protocol == 17;
    let me = flow.side(direction);
    me.pkts += 1;
    me.bytes_ip += u64::from(headers.ip.length);
    me.times.add(time);
    me.ttl.add(headers.ip.ttl);
    if is_udp {
        me.bytes += u64::from(headers.payload_len);
        me.pkts_zero_len += u64::from(headers.payload_len == 0);
    }
}
