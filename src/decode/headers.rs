//! What decoding a frame yields: the headers that count, or the fate of a packet without them.

/// Which bytes of a flow key are an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IpVersion {
    /// RFC 791.
    V4,
    /// RFC 8200.
    V6,
}

/// An IP address as key bytes: IPv4 in the first four bytes, the rest zero, so that
/// comparing the sixteen bytes orders addresses of one version as their own bytes do.
pub type AddressBytes = [u8; 16];

/// What the flow tables need of an IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpHeader {
    /// 4 or 6.
    pub version: IpVersion,
    /// Source address.
    pub source: AddressBytes,
    /// Destination address.
    pub destination: AddressBytes,
    /// Length of the IP packet in bytes by its own header (spec 3.3, 3.4), never by what was captured.
    pub length: u32,
    /// IPv4 TTL or IPv6 hop limit.
    pub ttl: u8,
    /// IPv4 type of service or IPv6 traffic class.
    pub tos: u8,
    /// IPv4 identification; 0 if absent (spec 3.3: an identification of 0 and all of IPv6 say nothing).
    pub id: u16,
}

/// The flag bits of a TCP header, in their places in its 14th byte (RFC 9293, 3.1).
pub mod tcp_flags {
    #![allow(missing_docs, reason = "the RFC's names say it")]
    pub const FIN: u8 = 0x01;
    pub const SYN: u8 = 0x02;
    pub const RST: u8 = 0x04;
    pub const PSH: u8 = 0x08;
    pub const ACK: u8 = 0x10;
    pub const URG: u8 = 0x20;
    pub const ECE: u8 = 0x40;
    pub const CWR: u8 = 0x80;
}

/// The TCP options that are told apart (spec 7.4): bits of [`TcpOptions::seen`].
pub mod tcp_options {
    /// Kind 2, only read with SYN.
    pub const MSS: u8 = 0x01;
    /// Kind 3, only read with SYN.
    pub const WINDOW_SCALE: u8 = 0x02;
    /// Kind 4, only read with SYN.
    pub const SACK_PERMITTED: u8 = 0x04;
    /// Kind 8.
    pub const TIMESTAMPS: u8 = 0x08;
    /// Kind 5 with at least one block.
    pub const SACK: u8 = 0x10;
    /// The first SACK block repeats what is acknowledged or what the second block covers (RFC 2883).
    pub const DSACK: u8 = 0x20;
    /// Kind 30.
    pub const MPTCP: u8 = 0x40;
    /// Kind 34, or 254 with F989; only read with SYN.
    pub const FAST_OPEN: u8 = 0x80;
}

/// What the captured part of a TCP header's options says (spec 7.4).
///
/// It fits a register, which matters: written field by field and read again it cost as much as
/// half a plain frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpOptions {
    /// Which there are: see [`tcp_options`].
    pub seen: u8,
    /// The window scale as sent; 0 without one.
    pub window_scale: u8,
    /// The MSS as sent; 0 without one.
    pub mss: u16,
}

impl TcpOptions {
    /// Whether one of `option` is there.
    #[inline]
    pub fn has(&self, option: u8) -> bool {
        self.seen & option != 0
    }

    /// The MSS, if there is one.
    pub fn mss(&self) -> Option<u16> {
        self.has(tcp_options::MSS).then_some(self.mss)
    }

    /// The window scale, if there is one.
    pub fn window_scale(&self) -> Option<u8> {
        self.has(tcp_options::WINDOW_SCALE)
            .then_some(self.window_scale)
    }

    /// Adds an option without a value.
    pub fn note(&mut self, option: u8) {
        self.seen |= option;
    }

    /// Adds an MSS; the last one counts.
    pub fn note_mss(&mut self, mss: u16) {
        self.mss = mss;
        self.note(tcp_options::MSS);
    }

    /// Adds a window scale; the last one counts.
    pub fn note_window_scale(&mut self, window_scale: u8) {
        self.window_scale = window_scale;
        self.note(tcp_options::WINDOW_SCALE);
    }
}

/// A TCP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpHeader {
    /// Sequence number of the first byte (SEG.SEQ).
    pub seq: u32,
    /// Acknowledgment number (SEG.ACK), whether or not the ACK flag is set.
    pub ack: u32,
    /// The flag byte: see [`tcp_flags`].
    pub flags: u8,
    /// The window field, not scaled.
    pub window: u16,
    /// The options, or their default if they were not asked for.
    pub options: TcpOptions,
}

/// The transport header that counts (spec 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// RFC 9293.
    Tcp(TcpHeader),
    /// RFC 768.
    Udp,
}

/// The headers of a packet that belongs to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers {
    /// The IP header in front of the transport header.
    pub ip: IpHeader,
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// TCP or UDP.
    pub transport: Transport,
    /// Payload bytes by the headers (spec 3.4).
    pub payload_len: u32,
    /// A length field contradicts another (spec 3.4).
    pub bad_len: bool,
    /// The IP header states no length: it was left to segmentation offload (spec 3.4).
    pub tso: bool,
    /// The identification shared by the fragments of this packet, if it is a first fragment (spec 3.5).
    pub first_fragment: Option<u32>,
    /// Packets behind this one in an aggregated 802.11 frame, which are in no flow. Saturates.
    pub further_msdus: u8,
}

/// A fragment with an offset, of a TCP or UDP packet (spec 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaterFragment {
    /// Its IP header; `length` is that of this fragment.
    pub ip: IpHeader,
    /// IP protocol number of the fragmented packet: 6 or 17.
    pub protocol: u8,
    /// What it shares with its first fragment (16 bits in IPv4, 32 in IPv6).
    pub identification: u32,
}

/// Everything a frame can turn out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// A packet of a flow.
    Transport(Headers),
    /// A fragment, which may join the flow of its first fragment.
    Fragment(LaterFragment),
    /// No packet of a flow, and why.
    Other(Fate),
}

/// What became of a packet (spec 2); each packet has exactly one fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// In a row of the TCP table.
    Tcp,
    /// In a row of the UDP table.
    Udp,
    /// A later fragment, counted in the row of its first fragment.
    FragJoined,
    /// A later fragment whose first fragment's flow is not known.
    FragOrphan,
    /// Fewer than 20 bytes of the TCP header are there.
    ShortTcp,
    /// TCP data offset below 5.
    BadTcp,
    /// Fewer than 8 bytes of the UDP header are there.
    ShortUdp,
    /// Another IP protocol, or a later fragment of one.
    OtherIp,
    /// More IP headers, one in the other, than are opened: 16.
    TooDeep,
    /// The IP header or an extension header was not captured.
    ShortIp,
    /// IP version, header length or total length is impossible.
    BadIp,
    /// Another network protocol, such as ARP.
    NonIp,
    /// Encrypted by the link layer, as most of what Wi-Fi carries is.
    Protected,
    /// The link header was not captured.
    ShortLink,
    /// The link type is unknown or its header makes no sense.
    BadLink,
}

impl Fate {
    /// All of them, as the summary lists them.
    pub const ALL: [Self; 15] = [
        Self::Tcp,
        Self::Udp,
        Self::FragJoined,
        Self::FragOrphan,
        Self::ShortTcp,
        Self::BadTcp,
        Self::ShortUdp,
        Self::OtherIp,
        Self::TooDeep,
        Self::ShortIp,
        Self::BadIp,
        Self::NonIp,
        Self::Protected,
        Self::ShortLink,
        Self::BadLink,
    ];

    /// Its key in the summary.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::FragJoined => "frag_joined",
            Self::FragOrphan => "frag_orphan",
            Self::ShortTcp => "short_tcp",
            Self::BadTcp => "bad_tcp",
            Self::ShortUdp => "short_udp",
            Self::OtherIp => "other_ip",
            Self::TooDeep => "too_deep",
            Self::ShortIp => "short_ip",
            Self::BadIp => "bad_ip",
            Self::NonIp => "non_ip",
            Self::Protected => "protected",
            Self::ShortLink => "short_link",
            Self::BadLink => "bad_link",
        }
    }
}

/// What the link layers and tunnels around the headers that count say (group `link`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkInfo {
    /// VLAN id of the outer tag of the frame, before any tunnel.
    pub vlan_id: Option<u16>,
    /// VLAN id of the second tag, before any tunnel.
    pub vlan_id2: Option<u16>,
    /// Outermost MPLS label.
    pub mpls_label: Option<u32>,
    /// Innermost tunnel.
    pub tunnel: Option<Tunnel>,
    /// Its key, VNI, TEID or session.
    pub tunnel_id: Option<u64>,
    /// Source address of the innermost Ethernet header (or link header that has one).
    pub source_mac: Option<[u8; 6]>,
}

impl LinkInfo {
    /// Whether there is a tag or a tunnel.
    pub(crate) fn is_wrapped(&self) -> bool {
        let plain = Self {
            source_mac: self.source_mac,
            ..Self::default()
        };
        *self != plain
    }
}

/// A tunnel that the descent goes through (spec 8.1, `tunnel`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names in the column say it")]
pub enum Tunnel {
    IpIp,
    FourInSix,
    SixInFour,
    SixInSix,
    Gre,
    Erspan,
    Vxlan,
    Geneve,
    GtpU,
    Teredo,
    L2tp,
    Nsh,
    EtherIp,
    MplsInIp,
}
