//! IPv4, IPv6, its extension headers, and what they announce.

use etherparse::{IpAuthHeaderSlice, Ipv6FragmentHeaderSlice, err};

use super::descent::{Descent, End, Layer, Step};
use super::headers::{AddressBytes, Decoded, Fate, IpHeader, IpVersion, LaterFragment, Tunnel};
use super::payload::{be16, be32};
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
pub(super) struct InIp<'a> {
    fixed: Fixed<'a>,
    /// Length of the IP packet.
    length: usize,
    /// The IP protocol number of what comes next.
    protocol: u8,
    /// The header states no length (spec 3.4).
    pub(super) tso: bool,
    /// It is a jumbogram, whose length stands in an option (RFC 2675).
    pub(super) is_jumbogram: bool,
    /// The identification shared by the fragments, if this is the first one.
    pub(super) first_fragment: Option<u32>,
}

/// The part of an IP header that each has. Of those around another one no more is read.
#[derive(Clone, Copy, Debug)]
enum Fixed<'a> {
    V4(&'a [u8; 20]),
    /// In words.
    V6(&'a [[u8; 8]; 5]),
}

impl InIp<'_> {
    /// The header itself.
    pub(super) fn header(&self) -> IpHeader {
        let length = as_u32(self.length);
        match self.fixed {
            Fixed::V4(fixed) => header_v4(fixed, length),
            Fixed::V6(fixed) => header_v6(fixed, length),
        }
    }

    fn version(&self) -> IpVersion {
        match self.fixed {
            Fixed::V4(_) => IpVersion::V4,
            Fixed::V6(_) => IpVersion::V6,
        }
    }
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
    const MORE_FRAGMENTS: u16 = 0x2000;
    const OFFSET: u16 = 0x1FFF;
    descent.enter_ip()?;
    let captured = descent.rest.captured;
    let fixed = captured.first_chunk::<20>();
    let fixed = fixed.ok_or(End::Stuck(Fate::ShortIp))?;
    let [first, _, l0, l1, i0, i1, f0, f1, _, protocol, ..] = *fixed;
    let header_len = usize::from(first & 0x0F) * 4;
    if first >> 4 != 4 || header_len < 20 {
        return Err(End::Stuck(Fate::BadIp));
    }
    if captured.len() < header_len {
        return Err(End::Stuck(Fate::ShortIp));
    }
    let stated = usize::from(be16([l0, l1]));
    let tso = stated == 0;
    if !tso && stated < header_len {
        return Err(End::Stuck(Fate::BadIp));
    }
    let length = if tso { descent.rest.length } else { stated };
    descent.rest.limit(length);
    descent.skip(header_len, Fate::ShortIp)?;
    let identification = u32::from(be16([i0, i1]));
    let fragment = be16([f0, f1]);
    if is_tunnel(protocol) && fragment & OFFSET == 0 {
        return contained(descent, IpVersion::V4, protocol);
    }
    let ip = InIp {
        fixed: Fixed::V4(fixed),
        length,
        protocol,
        tso,
        is_jumbogram: false,
        first_fragment: (fragment & MORE_FRAGMENTS != 0).then_some(identification),
    };
    if fragment & OFFSET != 0 {
        return Err(later_fragment(descent, &ip, identification));
    }
    carried(descent, ip)
}

/// What an IPv4 header says of a packet of that length.
#[inline(always)]
pub(super) fn header_v4(fixed: &[u8; 20], length: u32) -> IpHeader {
    let [_, tos, _, _, i0, i1, _, _, ttl, ..] = *fixed;
    let [.., s0, s1, s2, s3, d0, d1, d2, d3] = *fixed;
    IpHeader {
        version: IpVersion::V4,
        source: address_v4([s0, s1, s2, s3]),
        destination: address_v4([d0, d1, d2, d3]),
        length,
        ttl,
        tos,
        id: be16([i0, i1]),
    }
}

/// Opens an IPv6 header and what it announces. A payload length of 0 is left to segmentation
/// offload or stands in a jumbogram (RFC 2675): either way the packet reaches to the end of
/// what is around it, but not beyond what a jumbogram's option says.
pub(super) fn ipv6(descent: &mut Descent<'_, '_>) -> Step {
    const HEADER_LEN: usize = 40;
    descent.enter_ip()?;
    let (words, _) = descent.rest.captured.as_chunks::<8>();
    let fixed = words.first_chunk::<5>().ok_or(End::Stuck(Fate::ShortIp))?;
    let [[first, _, _, _, l0, l1, protocol, _], ..] = *fixed;
    if first >> 4 != 6 {
        return Err(End::Stuck(Fate::BadIp));
    }
    let stated = usize::from(be16([l0, l1]));
    let tso = stated == 0;
    let mut length = match stated {
        0 => descent.rest.length,
        stated => HEADER_LEN + stated,
    };
    descent.rest.limit(length);
    descent.skip(HEADER_LEN, Fate::ShortIp)?;
    let jumbo_len = match protocol {
        number::HOP_BY_HOP if tso => jumbo_len(descent.rest.captured),
        _ => None,
    };
    if let Some(jumbo_len) = jumbo_len
        && jumbo_len < descent.rest.length
    {
        descent.rest.limit(jumbo_len);
        length = HEADER_LEN.saturating_add(jumbo_len);
    }
    let ip = InIp {
        fixed: Fixed::V6(fixed),
        length,
        protocol,
        tso,
        is_jumbogram: jumbo_len.is_some(),
        first_fragment: None,
    };
    carried(descent, ip)
}

/// What an IPv6 header says of a packet of that length.
#[inline(always)]
pub(super) fn header_v6(fixed: &[[u8; 8]; 5], length: u32) -> IpHeader {
    let [[a, b, _, _, _, _, _, ttl], s0, s1, d0, d1] = *fixed;
    IpHeader {
        version: IpVersion::V6,
        source: address_v6(s0, s1),
        destination: address_v6(d0, d1),
        length,
        ttl,
        tos: (a << 4) | (b >> 4),
        id: 0,
    }
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
fn carried(descent: &mut Descent<'_, '_>, mut ip: InIp<'_>) -> Step {
    let version = ip.version();
    loop {
        match ip.protocol {
            number::TCP => return Err(transport::tcp(descent, &ip)),
            number::UDP => return transport::udp(descent, &ip),
            number::AUTHENTICATION => authentication(descent, &mut ip)?,
            number::FRAGMENT if version == IpVersion::V6 => fragment(descent, &mut ip)?,
            protocol if version == IpVersion::V6 && is_extension(protocol) => {
                extension(descent, &mut ip)?;
            }
            protocol => return contained(descent, version, protocol),
        }
    }
}

/// Opens a packet or frame that this protocol number announces inside an IP packet.
#[inline]
fn contained(descent: &mut Descent<'_, '_>, version: IpVersion, protocol: u8) -> Step {
    if descent.want.decap == Decap::None {
        return Err(End::Stuck(Fate::OtherIp));
    }
    let (tunnel, layer) = match protocol {
        number::IPV4 => (ip_in_ip(version, IpVersion::V4), Layer::Ipv4),
        number::IPV6 => (ip_in_ip(version, IpVersion::V6), Layer::Ipv6),
        number::MPLS => (Tunnel::MplsInIp, Layer::Mpls),
        number::GRE => return tunnel::gre(descent),
        number::ETHER_IP => return tunnel::ether_ip(descent),
        _ => return Err(End::Stuck(Fate::OtherIp)),
    };
    descent.enter_tunnel(tunnel, None);
    Ok(layer)
}

/// Whether what this protocol number announces is a packet or frame of its own.
#[inline]
fn is_tunnel(protocol: u8) -> bool {
    use number::{ETHER_IP, GRE, IPV4, IPV6, MPLS};
    matches!(protocol, IPV4 | IPV6 | GRE | ETHER_IP | MPLS)
}

/// Whether this protocol number announces an IPv6 extension header of the common form.
#[inline]
fn is_extension(protocol: u8) -> bool {
    matches!(protocol, number::HOP_BY_HOP | 43 | 60 | 135 | 139 | 140)
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
fn authentication(descent: &mut Descent<'_, '_>, ip: &mut InIp<'_>) -> Result<(), End> {
    use err::ip_auth::HeaderSliceError::{Content, Len};
    let header = IpAuthHeaderSlice::from_slice(descent.rest.captured);
    let header = header.map_err(|error| match error {
        Len(_) => End::Stuck(Fate::ShortIp),
        Content(_) => End::Stuck(Fate::BadIp),
    })?;
    ip.protocol = header.next_header().0;
    descent.skip(header.slice().len(), Fate::ShortIp)
}

/// Opens an IPv6 extension header of the common form (RFC 6564). The shortest ones in front of
/// another one are stepped over at once, since thousands of them fit into a packet.
fn extension(descent: &mut Descent<'_, '_>, ip: &mut InIp<'_>) -> Result<(), End> {
    let (shortest, _) = descent.rest.captured.as_chunks::<8>();
    let is_outer = |&&[next, words, ..]: &&[u8; 8]| words == 0 && is_extension(next);
    let outer_count = shortest.iter().take_while(is_outer).count();
    descent.skip(outer_count * 8, Fate::ShortIp)?;
    let [next, words, ..] = *descent.take::<8>(Fate::ShortIp)?;
    ip.protocol = next;
    descent.skip(usize::from(words) * 8, Fate::ShortIp)
}

/// Opens an IPv6 fragment header (RFC 8200, 4.5). An atomic fragment (RFC 6946), which has
/// neither an offset nor a successor, is none.
fn fragment(descent: &mut Descent<'_, '_>, ip: &mut InIp<'_>) -> Result<(), End> {
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
fn later_fragment(descent: &mut Descent<'_, '_>, ip: &InIp<'_>, identification: u32) -> End {
    match ip.protocol {
        number::TCP | number::UDP => descent.end_at(Decoded::Fragment(LaterFragment {
            ip: ip.header(),
            protocol: ip.protocol,
            identification,
        })),
        _ => End::Stuck(Fate::OtherIp),
    }
}

/// An IPv4 address as key bytes.
#[inline]
fn address_v4(bytes: [u8; 4]) -> AddressBytes {
    (u128::from(be32(bytes)) << 96).to_be_bytes()
}

/// An IPv6 address of its two halves.
#[inline]
fn address_v6(high: [u8; 8], low: [u8; 8]) -> AddressBytes {
    let half = |bytes| u128::from(u64::from_be_bytes(bytes));
    (half(high) << 64 | half(low)).to_be_bytes()
}

/// A length of a frame; those come from 32-bit fields and only ever shrink.
#[inline]
pub(super) fn as_u32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
