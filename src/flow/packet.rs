//! What a flow table sees of a packet: all that travels from the reader to a worker.

use crate::capture::Timestamp;
use crate::decode::tcp_flags::{ACK, SYN};
use crate::decode::{Headers, LaterFragment, Transport};
use crate::key::{End, Endpoint, FlowKey, Protocol};

/// One packet with a transport header, or a later fragment of one: where it belongs, and its facts.
#[derive(Clone, Copy, Debug)]
pub struct PacketInfo {
    /// The flow it belongs to.
    pub key: FlowKey,
    /// Hash of the key.
    pub hash: u64,
    /// The trace clock once this packet is counted (spec 1).
    pub clock: Timestamp,
    /// Its place in the trace, from 0; of a later fragment, the place of its first fragment.
    pub number: u64,
    /// Link-layer source, if asked for and if there is one.
    pub mac: Option<MacAddress>,
    /// What a flow counts of it.
    pub facts: PacketFacts,
}

/// What a flow counts of a packet.
#[derive(Clone, Copy, Debug, Default)]
pub struct PacketFacts {
    /// When it was captured.
    pub time: Timestamp,
    /// Length of the frame on the wire.
    pub frame_len: u32,
    /// Length of the IP packet by its header.
    pub ip_len: u32,
    /// Payload bytes by the headers.
    pub payload_len: u32,
    /// SEG.SEQ (TCP).
    pub seq: u32,
    /// SEG.ACK (TCP).
    pub ack: u32,
    /// Window field, not scaled (TCP).
    pub window: u16,
    /// IPv4 identification, 0 if absent.
    pub id: u16,
    /// MSS option of a SYN, as sent.
    pub mss: u16,
    /// Window scale option of a SYN, as sent.
    pub window_scale: u8,
    /// The TCP flag byte; none in UDP.
    pub flags: u8,
    /// IPv4 TTL or IPv6 hop limit.
    pub ttl: u8,
    /// IPv4 type of service or IPv6 traffic class.
    pub tos: u8,
    /// Yes-or-no facts: see [`marks`].
    pub marks: u16,
}

/// A link-layer address of Ethernet's kind.
pub type MacAddress = [u8; 6];

/// The bits of [`PacketFacts::marks`].
pub mod marks {
    use crate::decode::tcp_options;

    /// The sender is the larger endpoint of the key.
    pub const FROM_HIGH: u16 = 1;
    /// It is a later fragment.
    pub const FRAGMENT: u16 = 1 << 1;
    /// Less was captured than was on the wire.
    pub const TRUNCATED: u16 = 1 << 2;
    /// A length field contradicts another.
    pub const BAD_LEN: u16 = 1 << 3;
    /// The IP header states no length.
    pub const TSO: u16 = 1 << 4;
    /// There are tags or tunnels around it, which come apart.
    pub const WRAPPED: u16 = 1 << 5;
    /// It carries an MSS option.
    pub const MSS: u16 = of_options(tcp_options::MSS);
    /// It carries a window scale option.
    pub const WINDOW_SCALE: u16 = of_options(tcp_options::WINDOW_SCALE);
    /// It carries a SACK-permitted option.
    pub const SACK_PERMITTED: u16 = of_options(tcp_options::SACK_PERMITTED);
    /// It carries a time stamps option.
    pub const TIMESTAMPS: u16 = of_options(tcp_options::TIMESTAMPS);
    /// It carries a SACK option with a block.
    pub const SACK: u16 = of_options(tcp_options::SACK);
    /// Its first SACK block is a duplicate report.
    pub const DSACK: u16 = of_options(tcp_options::DSACK);
    /// It carries an MPTCP option.
    pub const MPTCP: u16 = of_options(tcp_options::MPTCP);
    /// It carries a TCP Fast Open option.
    pub const FAST_OPEN: u16 = of_options(tcp_options::FAST_OPEN);
    /// Any of the TCP options above.
    pub const OPTIONS: u16 = of_options(u8::MAX);

    /// The marks of the TCP options seen, which stand in the upper bits as they stand there.
    #[inline]
    pub(super) const fn of_options(seen: u8) -> u16 {
        (seen as u16) << 8
    }
}

impl PacketInfo {
    /// The part of the hash that the table's index uses.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is wanted")]
    pub(super) fn index_hash(&self) -> u32 {
        self.hash as u32
    }
}

impl PacketFacts {
    /// The flow of a packet with `headers`, and what they say of the packet; when it was captured
    /// and how much of it is left to the caller.
    #[inline(always)]
    pub(crate) fn of(headers: &Headers) -> (FlowKey, Self) {
        let protocol = match headers.transport {
            Transport::Tcp(_) => Protocol::Tcp,
            Transport::Udp => Protocol::Udp,
        };
        let (key, from) = FlowKey::new(
            headers.ip.version,
            protocol,
            Endpoint {
                address: headers.ip.source,
                port: headers.source_port,
            },
            Endpoint {
                address: headers.ip.destination,
                port: headers.destination_port,
            },
        );
        let mut facts = Self {
            ip_len: headers.ip.length,
            payload_len: headers.payload_len,
            id: headers.ip.id,
            ttl: headers.ip.ttl,
            tos: headers.ip.tos,
            marks: mark(from == End::High, marks::FROM_HIGH)
                | mark(headers.bad_len, marks::BAD_LEN)
                | mark(headers.tso, marks::TSO),
            ..Self::default()
        };
        if let Transport::Tcp(tcp) = &headers.transport {
            (facts.seq, facts.ack) = (tcp.seq, tcp.ack);
            (facts.window, facts.flags) = (tcp.window, tcp.flags);
            (facts.mss, facts.window_scale) = (tcp.options.mss, tcp.options.window_scale);
            facts.marks |= marks::of_options(tcp.options.seen);
        }
        (key, facts)
    }

    /// Whether all the marks in `wanted` are set.
    #[inline]
    pub fn has(&self, wanted: u16) -> bool {
        self.marks & wanted == wanted
    }

    /// Which endpoint sent it.
    #[inline]
    pub fn from(&self) -> End {
        if self.has(marks::FROM_HIGH) {
            End::High
        } else {
            End::Low
        }
    }

    /// Whether all TCP flags in `wanted` are set.
    #[inline]
    pub fn flag(&self, wanted: u8) -> bool {
        self.flags & wanted == wanted
    }

    /// SYN without ACK, whatever else is set.
    #[inline]
    pub fn is_bare_syn(&self) -> bool {
        is_bare_syn(self.flags)
    }
}

#[inline]
pub(super) fn is_bare_syn(flags: u8) -> bool {
    flags & (SYN | ACK) == SYN
}

#[inline]
fn mark(is_set: bool, bit: u16) -> u16 {
    if is_set { bit } else { 0 }
}

/// What a fragment shares with its first fragment (spec 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FragmentKey {
    source: [u8; 16],
    destination: [u8; 16],
    identification: u32,
    protocol: u8,
    version: crate::decode::IpVersion,
}

impl FragmentKey {
    /// The key under which `headers` is stored, if it is a first fragment.
    #[inline]
    pub fn of_first(headers: &Headers) -> Option<Self> {
        let identification = headers.first_fragment?;
        let protocol = match headers.transport {
            Transport::Tcp(_) => Protocol::Tcp,
            Transport::Udp => Protocol::Udp,
        };
        Some(Self {
            source: headers.ip.source,
            destination: headers.ip.destination,
            identification,
            protocol: protocol as u8,
            version: headers.ip.version,
        })
    }

    /// The key under which a later fragment finds its first.
    pub fn of_later(fragment: &LaterFragment) -> Self {
        Self {
            source: fragment.ip.source,
            destination: fragment.ip.destination,
            identification: fragment.identification,
            protocol: fragment.protocol,
            version: fragment.ip.version,
        }
    }
}
