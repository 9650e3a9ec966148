//! The plain frames that most traffic is made of, read in one go: Ethernet with at most one
//! tag, IPv4 without options and fragments or IPv6 without extensions, TCP, or UDP that no
//! tunnel's port names. Anything else, anything cut short and anything odd is left to the
//! general descent, whose results these are.
//!
//! All of it becomes part of the caller, and addresses are read as numbers: so the compiler keeps
//! the headers in registers up to where what is made of them is stored.
//!
//! It is here because it pays: on headers in cache a plain frame costs 11 to 16 ns, and 22 to
//! 31 ns by the descent. Going on to the descent, as a tunnel must, costs about 10 ns more.

use super::Want;
use super::headers::{Headers, IpHeader, LinkInfo, Transport};
use super::ip::{header_v4, header_v6, number};
use super::payload::be16;
use super::transport::{tcp_header, tcp_header_len};
use super::udp_tunnel::is_tunnel_port;

/// The Ethernet type of a plain VLAN tag.
const TAG: u16 = 0x8100;

/// Every plain frame, as what is decoded; else it is a protocol, and only frames with it on IPv4 and without
/// a tag are: where the compiler knows that, it makes less of them.
pub(crate) const ANY: u8 = 0;
pub(crate) const TCP: u8 = number::TCP;
pub(crate) const UDP: u8 = number::UDP;

/// Decodes an Ethernet frame if it is a plain one, and one of those wanted.
#[inline(always)]
pub(super) fn decode<const ONLY: u8>(
    frame: &[u8],
    want: Want,
    link: &mut LinkInfo,
) -> Option<Headers> {
    let (ethernet, rest) = frame.split_first_chunk::<14>()?;
    let [_, _, _, _, _, _, source @ .., a, b] = *ethernet;
    let mut ether_type = be16([a, b]);
    let mut packet = rest;
    let mut vlan_id = None;
    if ONLY == ANY && ether_type == TAG {
        let (&[a, b, c, d], behind) = rest.split_first_chunk::<4>()?;
        vlan_id = Some(be16([a, b]) & 0x0FFF);
        ether_type = be16([c, d]);
        packet = behind;
    }
    let (ip, protocol, rest, length) = match ether_type {
        0x0800 => ipv4(packet)?,
        0x86DD if ONLY == ANY => ipv6(packet)?,
        _ => return None,
    };
    let protocol = match ONLY {
        ANY => protocol,
        only if protocol == only => only,
        _ => return None,
    };
    let headers = transport(ip, protocol, rest, length, want)?;
    if want.link {
        *link = LinkInfo {
            vlan_id,
            source_mac: Some(source),
            ..LinkInfo::default()
        };
    }
    Some(headers)
}

/// Reads an IPv4 header: what it says, the protocol behind it, what stands there, and how many
/// bytes of that are the packet's.
#[inline(always)]
fn ipv4(packet: &[u8]) -> Option<(IpHeader, u8, &[u8], usize)> {
    let (header, rest) = packet.split_first_chunk::<20>()?;
    let [first, _, l0, l1, _, _, f0, f1, _, protocol, ..] = *header;
    // Version 4 and five words; neither an offset nor more fragments.
    if first != 0x45 || be16([f0, f1]) & 0x3FFF != 0 {
        return None;
    }
    let length = be16([l0, l1]);
    let ip = header_v4(header, u32::from(length));
    Some((ip, protocol, rest, usize::from(length).checked_sub(20)?))
}

/// The same of an IPv6 header.
#[inline(always)]
fn ipv6(packet: &[u8]) -> Option<(IpHeader, u8, &[u8], usize)> {
    let header = packet.as_chunks::<8>().0.first_chunk::<5>()?;
    let [[first, _, _, _, l0, l1, next, _], ..] = *header;
    let length = be16([l0, l1]);
    if first >> 4 != 6 {
        return None;
    }
    let ip = header_v6(header, u32::from(length) + 40);
    let rest = packet.get(40..)?;
    // A length of 0, of which the descent knows more, leaves no transport header here.
    Some((ip, next, rest, usize::from(length)))
}

/// Reads the transport header at the start of `rest`; `length` bytes belong to the IP packet.
#[inline(always)]
fn transport(
    ip: IpHeader,
    protocol: u8,
    rest: &[u8],
    length: usize,
    want: Want,
) -> Option<Headers> {
    let segment = rest.get(..length).unwrap_or(rest);
    let (&[s0, s1, d0, d1, l0, l1, _, _], _) = segment.split_first_chunk::<8>()?;
    let (source_port, destination_port) = (be16([s0, s1]), be16([d0, d1]));
    let (transport, payload_len) = match protocol {
        number::TCP => {
            let (fixed, behind) = segment.split_first_chunk::<20>()?;
            let header_len = tcp_header_len(fixed);
            let options = behind.get(..header_len.checked_sub(20)?).unwrap_or(behind);
            let payload_len = length.checked_sub(header_len)?;
            (
                Transport::Tcp(tcp_header(fixed, options, want)),
                payload_len,
            )
        }
        number::UDP if !is_tunnel_port(source_port) && !is_tunnel_port(destination_port) => {
            let stated = usize::from(be16([l0, l1]));
            if stated > length {
                return None;
            }
            (Transport::Udp, stated.checked_sub(8)?)
        }
        _ => return None,
    };
    Some(Headers {
        ip,
        source_port,
        destination_port,
        transport,
        payload_len: u32::try_from(payload_len).ok()?,
        bad_len: false,
        tso: false,
        first_fragment: None,
        further_msdus: 0,
    })
}
