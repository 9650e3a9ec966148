//! What TCP and UDP flows have in common: key, roles, times, packet and byte counts.

use super::roles::{self, ClientBy};
use super::tally::{Sums, Tally};
use super::{MacAddress, PacketFacts, PacketInfo, Side, Sides, Span, marks};
use crate::capture::Timestamp;
use crate::config::{FlowOptions, Group};
use crate::decode::{LinkInfo, Tunnel};
use crate::key::{End, Endpoint, FlowKey};

/// Why a row ends (spec 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EndReason {
    /// Both sides' FINs were acknowledged.
    Fin,
    /// A side reset it.
    Rst,
    /// A new connection took over the key.
    Reuse,
    /// Silence.
    Idle,
    /// Silence after a single packet (UDP) or after SYNs of one side (TCP).
    Singleton,
    /// The trace ended first.
    Eof,
    /// It reached the active time-out.
    Active,
    /// The table was full.
    Resource,
}

impl EndReason {
    /// All of them, as the summary lists them.
    pub const ALL: [Self; 8] = [
        Self::Fin,
        Self::Rst,
        Self::Reuse,
        Self::Idle,
        Self::Singleton,
        Self::Eof,
        Self::Active,
        Self::Resource,
    ];

    /// The value of the column `end_reason`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fin => "fin",
            Self::Rst => "rst",
            Self::Reuse => "reuse",
            Self::Idle => "idle",
            Self::Singleton => "singleton",
            Self::Eof => "eof",
            Self::Active => "active",
            Self::Resource => "resource",
        }
    }

    /// The value of the column `ipfix_end_reason` (IANA IPFIX information element 136).
    pub fn ipfix(self) -> u8 {
        match self {
            Self::Idle | Self::Singleton => 1,
            Self::Active => 2,
            Self::Fin | Self::Rst | Self::Reuse => 3,
            Self::Eof => 4,
            Self::Resource => 5,
        }
    }
}

/// What is counted for one side of any flow.
#[derive(Clone, Debug, Default)]
pub struct SideCounts {
    /// Packets with a transport header.
    pub pkts: u64,
    /// IP bytes, later fragments included.
    pub bytes_ip: u64,
    /// Payload bytes, retransmissions included.
    pub bytes: u64,
    /// Bytes of whole frames, later fragments included.
    pub bytes_frame: u64,
    /// Times of its packets.
    pub times: Span,
}

/// What one side's IP and link headers say beyond lengths; meaningless without packets.
#[derive(Clone, Copy, Debug, Default)]
pub struct SideHeaders {
    /// Smallest TTL.
    pub ttl_min: u8,
    /// Largest TTL.
    pub ttl_max: u8,
    /// Type of service of the first packet.
    pub tos_first: u8,
    /// OR of all types of service.
    pub tos_or: u8,
    /// Link-layer source of the first packet, if asked for.
    pub mac: Option<MacAddress>,
}

/// Counters that stay at zero in most flows, apart from the others until one does not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Oddities {
    /// Packets with a time before the flow's last.
    pub clock_backsteps: u32,
    /// Packets with contradictory length fields.
    pub bad_len_pkts: u32,
    /// Packets without an IP length.
    pub tso_pkts: u32,
    /// Later fragments of each side.
    pub frag_pkts: Sides<u32>,
    /// Packets of each side with the ECN field at "congestion experienced".
    pub ecn_ce_pkts: Sides<u32>,
}

/// The part of a flow that does not depend on its protocol.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Its endpoints and protocol.
    pub key: FlowKey,
    /// Its hash in the table's index.
    pub(super) hash: u32,
    /// Place of its first packet in the trace: rows are ordered by it.
    pub number: u64,
    /// The trace clock when its latest packet was counted.
    pub touch: Timestamp,
    /// Counts of client and server.
    pub sides: Sides<SideCounts>,
    /// What their headers say.
    headers: Sides<SideHeaders>,
    /// Tags and tunnels of the first packet, if asked for and if there are any.
    pub link: Option<Box<LinkInfo>>,
    oddities: Option<Box<Oddities>>,
    /// Packets of which less was captured than was on the wire.
    pub trunc_pkts: u32,
    /// Which endpoint is the client.
    pub client: End,
    /// Whether each side's address is internal (spec 3.2).
    pub is_internal: Sides<bool>,
    /// What decided that.
    pub client_by: ClientBy,
    /// Why it ended; [`EndReason::Eof`] while it lives.
    pub end_reason: EndReason,
}

impl Flow {
    /// A flow that begins with `packet`, which is not counted yet.
    pub(super) fn begin(
        packet: &PacketInfo,
        link: Option<&LinkInfo>,
        options: &FlowOptions,
    ) -> Self {
        let (client, client_by) = roles::client(packet, options);
        let link = link
            .filter(|_| options.groups.has(Group::Link))
            .map(|link| Box::new(*link));
        let is_internal = |end| {
            let address = &packet.key.endpoint(end).address;
            options.is_internal(packet.key.version, address)
        };
        Self {
            key: packet.key,
            hash: packet.index_hash(),
            number: packet.number,
            touch: packet.clock,
            sides: Sides::default(),
            headers: Sides::default(),
            link,
            oddities: None,
            trunc_pkts: 0,
            client,
            is_internal: Sides::new(is_internal(client), is_internal(client.other())),
            client_by,
            end_reason: EndReason::Eof,
        }
    }

    /// Which side sent `packet`.
    #[inline]
    pub(super) fn side_of(&self, packet: &PacketFacts) -> Side {
        if packet.from() == self.client {
            Side::Client
        } else {
            Side::Server
        }
    }

    /// Counts a packet: the part of step 1 of spec 5 that all flows share.
    #[inline]
    pub(super) fn count(&mut self, packet: &PacketFacts, side: Side, mac: Option<MacAddress>) {
        let time = packet.time;
        let is_backstep = time.0 < self.times().last;
        let is_ce = packet.tos & 3 == 3;
        if is_backstep || is_ce || packet.marks & (marks::BAD_LEN | marks::TSO) != 0 {
            self.count_oddities(packet, side, is_backstep, is_ce);
        }
        if packet.has(marks::TRUNCATED) {
            bump(&mut self.trunc_pkts, true);
        }
        let (me, headers) = (&mut self.sides[side], &mut self.headers[side]);
        if me.pkts == 0 {
            *headers = SideHeaders {
                ttl_min: packet.ttl,
                ttl_max: packet.ttl,
                tos_first: packet.tos,
                tos_or: packet.tos,
                mac,
            };
        }
        me.pkts += 1;
        me.bytes_ip += u64::from(packet.ip_len);
        me.bytes += u64::from(packet.payload_len);
        me.bytes_frame += u64::from(packet.frame_len);
        me.times.add(time);
        headers.ttl_min = headers.ttl_min.min(packet.ttl);
        headers.ttl_max = headers.ttl_max.max(packet.ttl);
        headers.tos_or |= packet.tos;
    }

    /// Counts packets of a side that has sent some before.
    pub(super) fn count_sums(&mut self, side: Side, sums: &Sums) {
        self.trunc_pkts += u32::from(sums.truncated);
        let (me, headers) = (&mut self.sides[side], &mut self.headers[side]);
        me.pkts += u64::from(sums.pkts);
        me.bytes_ip += u64::from(sums.bytes_ip);
        me.bytes += u64::from(sums.bytes);
        me.bytes_frame += u64::from(sums.bytes_frame);
        me.times = me.times.and(sums.times);
        headers.ttl_min = headers.ttl_min.min(sums.ttl_min);
        headers.ttl_max = headers.ttl_max.max(sums.ttl_max);
        headers.tos_or |= sums.tos_or;
    }

    #[cold]
    fn count_oddities(&mut self, packet: &PacketFacts, side: Side, is_backstep: bool, is_ce: bool) {
        let odd = self.oddities.get_or_insert_default();
        bump(&mut odd.clock_backsteps, is_backstep);
        bump(&mut odd.bad_len_pkts, packet.has(marks::BAD_LEN));
        bump(&mut odd.tso_pkts, packet.has(marks::TSO));
        bump(&mut odd.ecn_ce_pkts[side], is_ce);
    }

    /// What a side's headers say, if it sent a packet.
    pub fn headers(&self, side: Side) -> Option<SideHeaders> {
        (self.sides[side].pkts > 0).then_some(self.headers[side])
    }

    /// The counters that are mostly zero.
    pub fn oddities(&self) -> Oddities {
        self.oddities.as_deref().copied().unwrap_or_default()
    }

    /// Counts a later fragment, which changes nothing else (spec 3.5).
    pub(super) fn count_fragment(&mut self, fragment: &PacketFacts) {
        let side = self.side_of(fragment);
        bump(
            &mut self.oddities.get_or_insert_default().frag_pkts[side],
            true,
        );
        let me = &mut self.sides[side];
        me.bytes_ip += u64::from(fragment.ip_len);
        me.bytes_frame += u64::from(fragment.frame_len);
    }

    /// Smallest and largest time of its packets.
    #[inline]
    fn times(&self) -> Span {
        self.sides[Side::Client]
            .times
            .and(self.sides[Side::Server].times)
    }

    /// Time of the first packet.
    #[inline]
    pub fn first(&self) -> i64 {
        self.times().first
    }

    /// Time of the last packet.
    #[inline]
    pub fn last(&self) -> i64 {
        self.times().last
    }

    /// Packets of both sides.
    pub fn packets(&self) -> u64 {
        self.sides[Side::Client].pkts + self.sides[Side::Server].pkts
    }

    /// Bytes beside the flow itself.
    pub(super) fn far_bytes(&self) -> u64 {
        let link = self.link.as_deref().map_or(0, size_of_val);
        (link + self.oddities.as_deref().map_or(0, size_of_val)) as u64
    }

    /// Which endpoint is the client, or the server.
    pub(super) fn end_of(&self, side: Side) -> End {
        match side {
            Side::Client => self.client,
            Side::Server => self.client.other(),
        }
    }

    /// The client's address and port, or the server's.
    pub fn endpoint(&self, side: Side) -> &Endpoint {
        self.key.endpoint(self.end_of(side))
    }

    /// The innermost tunnel of the first packet.
    pub fn tunnel(&self) -> Option<Tunnel> {
        self.link.as_ref()?.tunnel
    }

    /// Whether silence of more than `timeout` has ended the flow: the gap rule (spec 4.1), or its
    /// half that needs no packet if `time` is `None`.
    pub(super) fn is_past(&self, timeout: i64, time: Option<Timestamp>, clock: Timestamp) -> bool {
        let last = Timestamp(self.last());
        time.is_some_and(|time| time.since(last) > timeout)
            || clock.0.saturating_sub(self.heard()) > timeout
    }

    /// When it was last heard of: by its own time or by the trace clock then.
    #[inline]
    pub(super) fn heard(&self) -> i64 {
        self.last().max(self.touch.0)
    }

    /// The identifier of the row: FNV-1a over key and start (spec 8.1).
    pub fn id(&self) -> u64 {
        let fnv = |hash: u64, bytes: &[u8]| {
            bytes.iter().fold(hash, |hash, &byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            })
        };
        let mut hash = fnv(0xcbf2_9ce4_8422_2325, &[self.key.protocol as u8]);
        for endpoint in [&self.key.low, &self.key.high] {
            hash = fnv(hash, self.key.address_bytes(&endpoint.address));
            hash = fnv(hash, &endpoint.port.to_be_bytes());
        }
        fnv(hash, &self.first().to_be_bytes())
    }
}

/// Counts one more if `happened`; a counter that is full stays full.
#[inline]
pub(super) fn bump(counter: &mut u32, happened: bool) {
    *counter = counter.saturating_add(u32::from(happened));
}

/// A flow in a table, of either protocol: the rules of its life (spec 4).
pub(super) trait Tracked {
    /// A flow that begins with `packet`, which is not counted yet.
    fn begin(packet: &PacketInfo, link: Option<&LinkInfo>, options: &FlowOptions) -> Self;

    /// Counts a packet. True if it closed the flow.
    fn count(
        &mut self,
        packet: &PacketFacts,
        mac: Option<MacAddress>,
        options: &FlowOptions,
    ) -> bool;

    /// Counts everyday packets. Only TCP flows have a tally of them.
    fn count_tally(&mut self, _tally: &Tally) {}

    /// What all flows have.
    fn flow(&self) -> &Flow;

    /// The same, to be changed.
    fn flow_mut(&mut self) -> &mut Flow;

    /// Bytes that it takes in a table, about.
    fn bytes(&self) -> u64;

    /// Why the flow is closed, if it is (spec 4.4).
    fn closed(&self) -> Option<EndReason>;

    /// How long a silence the flow survives, in its present state (spec 4.2).
    fn timeout(&self, options: &FlowOptions) -> i64;

    /// Why silence ends it: a singleton or not.
    fn silence_reason(&self) -> EndReason;

    /// Whether `packet` begins another flow with the same key (spec 4.3).
    fn is_reused_by(&self, packet: &PacketFacts) -> bool;

    /// Why the flow has ended before `packet`, if it has: silence, age, or a new connection.
    #[inline(always)]
    fn ended_before(&self, packet: &PacketInfo, options: &FlowOptions) -> Option<EndReason> {
        // Within the time-out of its last packet it is within that of when it was heard of, too.
        let newest = packet.clock.max(packet.facts.time);
        let is_heard = newest.since(Timestamp(self.flow().last())) <= self.timeout(options);
        if is_heard && options.active_timeout.is_none() && !self.is_reused_by(&packet.facts) {
            return None;
        }
        self.reason_before(packet, options)
    }

    /// The same, by all rules.
    #[inline(never)]
    fn reason_before(&self, packet: &PacketInfo, options: &FlowOptions) -> Option<EndReason> {
        let flow = self.flow();
        let is_older = |limit| packet.facts.time.since(Timestamp(flow.first())) > limit;
        if flow.is_past(self.timeout(options), Some(packet.facts.time), packet.clock) {
            Some(self.closed().unwrap_or_else(|| self.silence_reason()))
        } else if options.active_timeout.is_some_and(is_older) {
            Some(self.closed().unwrap_or(EndReason::Active))
        } else if self.is_reused_by(&packet.facts) {
            Some(self.closed().unwrap_or(EndReason::Reuse))
        } else {
            None
        }
    }

    /// Why the flow ends if it ends now, without a packet.
    fn reason_at(&self, clock: Timestamp, options: &FlowOptions) -> EndReason {
        let is_silent = self.flow().is_past(self.timeout(options), None, clock);
        match self.closed() {
            Some(closed) => closed,
            None if is_silent => self.silence_reason(),
            None => EndReason::Eof,
        }
    }

    /// It ends without a packet.
    fn end(&mut self, clock: Timestamp, options: &FlowOptions) {
        self.flow_mut().end_reason = self.reason_at(clock, options);
    }

    /// It ends because the table is full.
    fn evict(&mut self) {
        self.flow_mut().end_reason = self.closed().unwrap_or(EndReason::Resource);
    }

    /// The last moment of the trace clock at which the flow lives if nothing more comes.
    #[inline]
    fn due(&self, options: &FlowOptions) -> i64 {
        self.flow().heard().saturating_add(self.timeout(options))
    }
}
