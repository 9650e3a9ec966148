//! IPv4, IPv6, its extension headers, and what they announce.

use etherparse::{
    IpAuthHeaderSlice, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice,
    Ipv6RawExtHeaderSlice, err,
};

use super::descent::{Descent, End, Layer, Step};
use super::headers::{AddressBytes, Decoded, Fate, IpHeader, IpVersion, LaterFragment, Tunnel};
use super::payload::be32;
use super::{Decap, transport, tunnel};

/// IP protocol numbers that the descent tells apart by name.
pub(super) mod number {
    pub(in super::super) const HOP_BY_HOP: u8 = 0;
    pub(in super::super) const IPV4: u8 = 4;
    pub(in super::super) const TCP: u8 = 6;
    pub(in super::super) const UDP: u8 = 17;
    pub(in super::super) const IPV6: u8 = 41;
    pub(in super::super) const FRAGMENT: u8 = 44;
    pub(in super::super) const GRE: u8 = 47;
    pub(in super::super) const AUTHENTICATION: u8 = 51;
    pub(in super::super) const ETHER_IP: u8 = 97;
    pub(in super::super) const MPLS: u8 = 137;
}

/// What the innermost IP header says of what it carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct InIp {
    pub(super) header: IpHeader,
    /// The IP protocol number of what comes next.
    pub(super) protocol: u8,
    /// The header states no length (spec 3.4).
    pub(super) tso: bool,
    /// It is a jumbogram, whose length stands in an option (RFC 2675).
    pub(super) is_jumbogram: bool,
    /// The identification shared by the fragments, if this is the first one.
    pub(super) first_fragment: Option<u32>,
}

/// Tells the version of an IP header that nothing announces.
pub(super) fn either_version(descent: &mut Descent<'_, '_>) -> Step {
    match descent.rest.first_nibble() {
        Some(4) => Ok(Layer::Ipv4),
        Some(6) => Ok(Layer::Ipv6),
        Some(_) => Err(End::Stuck(Fate::BadIp)),
        None => Err(End::Stuck(Fate::ShortIp)),
    }
}

/// Opens an IPv4 header and what it announces.
pub(super) fn ipv4(descent: &mut Descent<'_, '_>) -> Step {
    use err::ipv4::HeaderSliceError::{Content, Len};
    descent.enter_ip()?;
    let header = Ipv4HeaderSlice::from_slice(descent.rest.captured);
    let header = header.map_err(|error| match error {
        Len(_) => End::Stuck(Fate::ShortIp),
        Content(_) => End::Stuck(Fate::BadIp),
    })?;
    let header_len = header.slice().len();
    let stated = usize::from(header.total_len());
    let tso = stated == 0;
    if !tso && stated < header_len {
        return Err(End::Stuck(Fate::BadIp));
    }
    let length = if tso { descent.rest.length } else { stated };
    descent.rest.limit(length);
    descent.skip(header_len, Fate::ShortIp)?;
    let identification = u32::from(header.identification());
    let ip = InIp {
        header: ipv4_header(&header, length),
        protocol: header.protocol().0,
        tso,
        is_jumbogram: false,
        first_fragment: header.more_fragments().then_some(identification),
    };
    if header.fragments_offset().value() != 0 {
        return Err(later_fragment(descent, &ip, identification));
    }
    carried(descent, ip)
}

fn ipv4_header(header: &Ipv4HeaderSlice<'_>, length: usize) -> IpHeader {
    IpHeader {
        version: IpVersion::V4,
        source: address_v4(header.source()),
        destination: address_v4(header.destination()),
        length: as_u32(length),
        ttl: header.ttl(),
        tos: (header.dcp().value() << 2) | header.ecn().value(),
        id: header.identification(),
    }
}

/// Opens an IPv6 header and what it announces. A payload length of 0 is left to segmentation
/// offload or stands in a jumbogram (RFC 2675): either way the packet reaches to the end of
/// what is around it, but not beyond what a jumbogram's option says.
pub(super) fn ipv6(descent: &mut Descent<'_, '_>) -> Step {
    use err::ipv6::HeaderSliceError::{Content, Len};
    descent.enter_ip()?;
    let header = Ipv6HeaderSlice::from_slice(descent.rest.captured);
    let header = header.map_err(|error| match error {
        Len(_) => End::Stuck(Fate::ShortIp),
        Content(_) => End::Stuck(Fate::BadIp),
    })?;
    let header_len = header.slice().len();
    let tso = header.payload_length() == 0;
    let mut length = match header.payload_length() {
        0 => descent.rest.length,
        stated => header_len + usize::from(stated),
    };
    descent.rest.limit(length);
    descent.skip(header_len, Fate::ShortIp)?;
    let jumbo_len = match header.next_header().0 {
        number::HOP_BY_HOP if tso => jumbo_len(descent.rest.captured),
        _ => None,
    };
    if let Some(jumbo_len) = jumbo_len
        && jumbo_len < descent.rest.length
    {
        descent.rest.limit(jumbo_len);
        length = header_len.saturating_add(jumbo_len);
    }
    let ip = InIp {
        header: IpHeader {
            version: IpVersion::V6,
            source: header.source(),
            destination: header.destination(),
            length: as_u32(length),
            ttl: header.hop_limit(),
            tos: header.traffic_class(),
            id: 0,
        },
        protocol: header.next_header().0,
        tso,
        is_jumbogram: jumbo_len.is_some(),
        first_fragment: None,
    };
    carried(descent, ip)
}

/// The payload length that a hop-by-hop header has for a jumbogram. One that the IPv6 header
/// could have stated is none (RFC 2675, 3).
fn jumbo_len(header: &[u8]) -> Option<usize> {
    const PADDING: u8 = 0;
    const JUMBO: u8 = 0xC2;
    let (&[_, words], options) = header.split_first_chunk::<2>()?;
    let options_len = usize::from(words) * 8 + 6;
    let mut options = options.get(..options_len).unwrap_or(options);
    loop {
        let (&kind, rest) = options.split_first()?;
        if kind == PADDING {
            options = rest;
            continue;
        }
        let (&length, rest) = rest.split_first()?;
        match (kind, length, rest) {
            (JUMBO, 4, &[a, b, c, d, ..]) => {
                let length = be32([a, b, c, d]);
                let is_longer = length > u32::from(u16::MAX);
                return usize::try_from(length).ok().filter(|_| is_longer);
            }
            _ => options = rest.get(usize::from(length)..)?,
        }
    }
}

/// Opens what an IP header announces, through its extension headers.
fn carried(descent: &mut Descent<'_, '_>, mut ip: InIp) -> Step {
    let version = ip.header.version;
    loop {
        match ip.protocol {
            number::TCP => return Err(transport::tcp(descent, &ip)),
            number::UDP => return transport::udp(descent, &ip),
            protocol if is_tunnel(protocol) && descent.want.decap == Decap::None => {
                return Err(End::Stuck(Fate::OtherIp));
            }
            number::IPV4 => {
                descent.enter_tunnel(ip_in_ip(version, IpVersion::V4), None);
                return Ok(Layer::Ipv4);
            }
            number::IPV6 => {
                descent.enter_tunnel(ip_in_ip(version, IpVersion::V6), None);
                return Ok(Layer::Ipv6);
            }
            number::MPLS => {
                descent.enter_tunnel(Tunnel::MplsInIp, None);
                return Ok(Layer::Mpls);
            }
            number::GRE => return tunnel::gre(descent),
            number::ETHER_IP => return tunnel::ether_ip(descent),
            number::AUTHENTICATION => authentication(descent, &mut ip)?,
            number::FRAGMENT if version == IpVersion::V6 => fragment(descent, &mut ip)?,
            number::HOP_BY_HOP | 43 | 60 | 135 | 139 | 140 if version == IpVersion::V6 => {
                extension(descent, &mut ip)?;
            }
            _ => return Err(End::Stuck(Fate::OtherIp)),
        }
    }
}

/// Whether what this protocol number announces is a packet or frame of its own.
fn is_tunnel(protocol: u8) -> bool {
    use number::{ETHER_IP, GRE, IPV4, IPV6, MPLS};
    matches!(protocol, IPV4 | IPV6 | GRE | ETHER_IP | MPLS)
}

fn ip_in_ip(outer: IpVersion, inner: IpVersion) -> Tunnel {
    match (outer, inner) {
        (IpVersion::V4, IpVersion::V4) => Tunnel::IpIp,
        (IpVersion::V4, IpVersion::V6) => Tunnel::SixInFour,
        (IpVersion::V6, IpVersion::V4) => Tunnel::FourInSix,
        (IpVersion::V6, IpVersion::V6) => Tunnel::SixInSix,
    }
}

/// Opens an authentication header (RFC 4302).
fn authentication(descent: &mut Descent<'_, '_>, ip: &mut InIp) -> Result<(), End> {
    use err::ip_auth::HeaderSliceError::{Content, Len};
    let header = IpAuthHeaderSlice::from_slice(descent.rest.captured);
    let header = header.map_err(|error| match error {
        Len(_) => End::Stuck(Fate::ShortIp),
        Content(_) => End::Stuck(Fate::BadIp),
    })?;
    ip.protocol = header.next_header().0;
    descent.skip(header.slice().len(), Fate::ShortIp)
}

/// Opens an IPv6 extension header of the common form (RFC 6564).
fn extension(descent: &mut Descent<'_, '_>, ip: &mut InIp) -> Result<(), End> {
    let header = Ipv6RawExtHeaderSlice::from_slice(descent.rest.captured);
    let header = header.map_err(|_| End::Stuck(Fate::ShortIp))?;
    ip.protocol = header.next_header().0;
    descent.skip(header.slice().len(), Fate::ShortIp)
}

/// Opens an IPv6 fragment header (RFC 8200, 4.5). An atomic fragment (RFC 6946), which has
/// neither an offset nor a successor, is none.
fn fragment(descent: &mut Descent<'_, '_>, ip: &mut InIp) -> Result<(), End> {
    let header = Ipv6FragmentHeaderSlice::from_slice(descent.rest.captured);
    let header = header.map_err(|_| End::Stuck(Fate::ShortIp))?;
    ip.protocol = header.next_header().0;
    if header.fragment_offset().value() != 0 {
        return Err(later_fragment(descent, ip, header.identification()));
    }
    if header.more_fragments() {
        ip.first_fragment = Some(header.identification());
    }
    descent.skip(header.slice().len(), Fate::ShortIp)
}

/// Rule 2: a fragment with an offset holds no header to open. It counts if it is one of TCP
/// or UDP, by the protocol number it carries itself.
fn later_fragment(descent: &mut Descent<'_, '_>, ip: &InIp, identification: u32) -> End {
    match ip.protocol {
        number::TCP | number::UDP => descent.end_at(Decoded::Fragment(LaterFragment {
            ip: ip.header,
            protocol: ip.protocol,
            identification,
        })),
        _ => End::Stuck(Fate::OtherIp),
    }
}

/// An IPv4 address as key bytes.
#[inline]
pub(super) fn address_v4(bytes: [u8; 4]) -> AddressBytes {
    (u128::from(be32(bytes)) << 96).to_be_bytes()
}

/// A length of a frame; those come from 32-bit fields and only ever shrink.
#[inline]
pub(super) fn as_u32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
