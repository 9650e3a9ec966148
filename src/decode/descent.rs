//! The way from the outside of a frame to the header that counts: one loop over [`Layer`],
//! each turn opening one header.
//!
//! Of three layers in a row one takes bytes off the frame, so a frame costs no more turns than
//! a few for each of its bytes, whatever it nests. An assertion holds this against every test.

use super::headers::{Decoded, Fate, Headers, LinkInfo, Tunnel};
use super::payload::Payload;
use super::{Want, ethernet, ip, link, ppp, tunnel, wireless};
use crate::capture::LinkType;

/// IP headers that are opened in one frame.
pub(super) const MAX_IP_HEADERS: u8 = 16;

/// What comes next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Layer {
    /// The header that the link type of this number names.
    Link(u16),
    /// Ethernet, from its destination address on.
    Ethernet,
    /// What this Ethernet type announces.
    EtherType(u16),
    /// IEEE 802.2 logical link control.
    Llc,
    /// The organisation's code and type of a SNAP header.
    Snap,
    /// A stack of MPLS labels (RFC 3032).
    Mpls,
    /// PPPoE, session stage (RFC 2516).
    Pppoe,
    /// PPP, with or without address and control (RFC 1661, 1662).
    Ppp,
    /// The service tag of provider backbone bridging (IEEE 802.1ah).
    BackboneTag,
    /// The network service header (RFC 8300).
    Nsh,
    /// IP of either version, told by its first nibble.
    Ip,
    /// RFC 791, with what it announces up to the next layer.
    Ipv4,
    /// RFC 8200, with its extension headers and what they announce up to the next layer.
    Ipv6,
}

/// Why the descent ends (spec 2, "Which header counts").
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// At what the descent holds as its result (rules 1 to 3).
    Here,
    /// At something that cannot be opened (rule 4).
    Stuck(Fate),
}

/// The next layer, or the end. It fits a register, and the bytes and the result stay in the
/// [`Descent`]: handing them from layer to layer cost more than reading the headers.
pub(super) type Step = Result<Layer, End>;

/// What a descent carries along.
pub(super) struct Descent<'a, 'l> {
    /// What is left to open.
    pub(super) rest: Payload<'a>,
    pub(super) want: Want,
    link: &'l mut LinkInfo,
    ip_headers: u8,
    result: Decoded,
    /// The link facts around the innermost UDP header passed on the way to a tunnel's
    /// contents; the header itself is the result meanwhile.
    passed_udp: Option<LinkInfo>,
    /// The aggregated 802.11 frame that the packet at hand is one of several in.
    aggregate: Option<Aggregate<'a>>,
}

/// What is left of an aggregated frame (A-MSDU).
struct Aggregate<'a> {
    /// What stands behind the packet at hand.
    behind: Payload<'a>,
    /// The link facts before its first packet.
    link: LinkInfo,
}

/// Opens a frame whose first header is the one that `link_type` names.
pub(super) fn descend(
    link_type: LinkType,
    frame: Payload<'_>,
    want: Want,
    link: &mut LinkInfo,
) -> Decoded {
    let mut descent = Descent {
        rest: frame,
        want,
        link,
        ip_headers: 0,
        result: Decoded::Other(Fate::BadLink),
        passed_udp: None,
        aggregate: None,
    };
    let mut step = link::numbered(link_type.0);
    let mut turns_left = descent.rest.captured.len().saturating_mul(3) + 3;
    loop {
        debug_assert!(turns_left > 0, "one of three layers in a row takes bytes");
        turns_left -= 1;
        match step {
            Ok(layer) => step = descent.open(layer),
            Err(End::Here) => return descent.end(),
            Err(End::Stuck(fate)) => match descent.next_msdu() {
                Some(next) => step = next,
                None => return descent.fall_back(fate),
            },
        }
    }
}

impl<'a> Descent<'a, '_> {
    fn open(&mut self, layer: Layer) -> Step {
        match layer {
            Layer::Link(link_type) => link::open(self, link_type),
            Layer::Ethernet => ethernet::ethernet(self),
            Layer::EtherType(ether_type) => ethernet::ether_type(self, ether_type),
            Layer::Llc => ethernet::llc(self),
            Layer::Snap => ethernet::snap(self),
            Layer::Mpls => ethernet::mpls(self),
            Layer::BackboneTag => ethernet::backbone_tag(self),
            Layer::Pppoe => ppp::pppoe(self),
            Layer::Ppp => ppp::ppp(self),
            Layer::Nsh => tunnel::nsh(self),
            Layer::Ip => ip::either_version(self),
            Layer::Ipv4 => ip::ipv4(self),
            Layer::Ipv6 => ip::ipv6(self),
        }
    }

    /// Rule 4: the packet belongs to the innermost UDP header passed, if there was one.
    fn fall_back(self, fate: Fate) -> Decoded {
        let Some(link) = self.passed_udp else {
            return Decoded::Other(fate);
        };
        if self.want.link {
            *self.link = link;
        }
        self.end()
    }

    /// Yields the result, and counts the packets that an aggregated frame holds besides.
    #[inline]
    fn end(self) -> Decoded {
        let mut result = self.result;
        if let (Some(aggregate), Decoded::Transport(headers)) = (self.aggregate, &mut result) {
            headers.further_msdus = wireless::count_msdus(aggregate.behind);
        }
        result
    }

    /// Begins with the next packet of an aggregated frame, if the one at hand holds no
    /// transport header and there is another.
    fn next_msdu(&mut self) -> Option<Step> {
        if self.passed_udp.is_some() {
            return None;
        }
        let Aggregate { behind, link } = self.aggregate.take()?;
        if !wireless::has_msdu(behind) {
            return None;
        }
        (self.rest, *self.link, self.ip_headers) = (behind, link, 0);
        Some(wireless::msdu(self))
    }

    /// Notes that the packet about to be opened is the next `length` bytes of an aggregated
    /// frame, and that `whole_len` bytes on another may begin.
    pub(super) fn enter_msdu(&mut self, length: usize, whole_len: usize) {
        let mut behind = self.rest;
        if behind.skip(whole_len).is_none() {
            behind.limit(0);
        }
        let link = *self.link;
        self.aggregate = Some(Aggregate { behind, link });
        self.rest.limit(length.min(self.rest.length));
    }

    /// Leaves the four bytes out that end most frames on the wire: nothing else is behind what
    /// a header does not limit.
    pub(super) fn drop_check_sequence(&mut self) {
        self.rest.limit(self.rest.length.saturating_sub(4));
    }

    /// Takes a header of `N` bytes; `short` is what it means that they were not captured.
    #[inline]
    pub(super) fn take<const N: usize>(&mut self, short: Fate) -> Result<&'a [u8; N], End> {
        self.rest.take::<N>().ok_or(End::Stuck(short))
    }

    /// Steps over `count` bytes; `short` is what it means that they were not captured.
    #[inline]
    pub(super) fn skip(&mut self, count: usize, short: Fate) -> Result<(), End> {
        self.rest.skip(count).ok_or(End::Stuck(short))
    }

    /// Ends the descent at a header that counts, or at one that never falls back.
    #[inline]
    pub(super) fn end_at(&mut self, result: Decoded) -> End {
        self.result = result;
        End::Here
    }

    /// Counts an IP header about to be opened.
    pub(super) fn enter_ip(&mut self) -> Result<(), End> {
        if self.ip_headers == MAX_IP_HEADERS {
            return Err(End::Stuck(Fate::TooDeep));
        }
        self.ip_headers += 1;
        Ok(())
    }

    /// Remembers a UDP header whose payload is opened as a tunnel.
    pub(super) fn pass_udp(&mut self, headers: Headers) {
        self.result = Decoded::Transport(headers);
        self.passed_udp = Some(*self.link);
    }

    /// Notes a tunnel about to be opened; the innermost counts.
    pub(super) fn enter_tunnel(&mut self, tunnel: Tunnel, id: Option<u64>) {
        if self.want.link {
            self.link.tunnel = Some(tunnel);
            self.link.tunnel_id = id;
        }
    }

    /// Notes a VLAN tag by its first two bytes, priority and id; only the first two count, and
    /// none inside a tunnel.
    pub(super) fn note_vlan(&mut self, control: u16) {
        let id = control & 0x0FFF;
        if !self.want.link || self.link.tunnel.is_some() {
            return;
        }
        if self.link.vlan_id.is_none() {
            self.link.vlan_id = Some(id);
        } else if self.link.vlan_id2.is_none() {
            self.link.vlan_id2 = Some(id);
        }
    }

    /// Notes an MPLS label; the outermost counts.
    pub(super) fn note_label(&mut self, label: u32) {
        if self.want.link && self.link.mpls_label.is_none() {
            self.link.mpls_label = Some(label);
        }
    }

    /// Notes a link-layer source address; the innermost counts.
    pub(super) fn note_source(&mut self, address: [u8; 6]) {
        if self.want.link {
            self.link.source_mac = Some(address);
        }
    }
}
