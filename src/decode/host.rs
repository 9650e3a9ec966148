//! Headers that the capturing system writes before the packet, or instead of its link header.

use super::descent::{Descent, End, Layer, Step};
use super::headers::Fate;
use super::link;
use super::payload::{be16, be32};

/// BSD loopback: the address family in the byte order of the machine that captured, or an
/// Ethernet type in network order.
pub(super) fn loopback(descent: &mut Descent<'_, '_>) -> Step {
    let family = *descent.take::<4>(Fate::ShortLink)?;
    let big = be32(family);
    let layer = match u16::try_from(big) {
        Ok(ether_type @ 0x0600..) => Some(Layer::EtherType(ether_type)),
        _ => address_family(big).or_else(|| address_family(u32::from_le_bytes(family))),
    };
    layer.ok_or(End::Stuck(Fate::NonIp))
}

/// What a system's number of an address family announces.
pub(super) fn address_family(family: u32) -> Option<Layer> {
    match family {
        2 => Some(Layer::Ipv4),
        // Linux, OpenBSD and NetBSD, FreeBSD, Darwin.
        10 | 24 | 28 | 30 => Some(Layer::Ipv6),
        _ => None,
    }
}

/// OpenBSD's encapsulating interface: family, index of the association, flags.
pub(super) fn enc(descent: &mut Descent<'_, '_>) -> Step {
    descent.skip(12, Fate::ShortLink)?;
    Ok(Layer::Ip)
}

/// The log of BSD's packet filter: its own length, padded to words, then the family.
pub(super) fn packet_filter_log(descent: &mut Descent<'_, '_>) -> Step {
    let [length, family] = *descent.take::<2>(Fate::ShortLink)?;
    let rest_len = usize::from(length).next_multiple_of(4).checked_sub(2);
    let rest_len = rest_len.ok_or(End::Stuck(Fate::NonIp))?;
    descent.skip(rest_len, Fate::ShortLink)?;
    address_family(u32::from(family)).ok_or(End::Stuck(Fate::NonIp))
}

/// Per-packet information: version, flags, its own length, then the link type of the rest.
pub(super) fn per_packet_information(descent: &mut Descent<'_, '_>) -> Step {
    let [_, _, l0, l1, link_type @ ..] = *descent.take::<8>(Fate::ShortLink)?;
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    wrapped(
        descent,
        length.checked_sub(8),
        u32::from_le_bytes(link_type),
    )
}

/// Darwin's packet tap: its own length, the kind of record, then the link type of the rest.
pub(super) fn packet_tap(descent: &mut Descent<'_, '_>) -> Step {
    let length = u32::from_le_bytes(*descent.take::<4>(Fate::ShortLink)?);
    let _kind = descent.take::<4>(Fate::ShortLink)?;
    let link_type = u32::from_le_bytes(*descent.take::<4>(Fate::ShortLink)?);
    let length = usize::try_from(length).ok();
    let rest_len = length.and_then(|length| length.checked_sub(12));
    wrapped(descent, rest_len, link_type)
}

/// Darwin's own number for its packet tap is anybody's for private use, so the tap must be
/// plausible: a length of a size that it has had, the kind of a packet, and a link type.
pub(super) fn private_packet_tap(descent: &mut Descent<'_, '_>) -> Step {
    match descent.rest.captured {
        [104..=255, 0, 0, 0, 1, 0, 0, 0, _, _, 0, 0, ..] => packet_tap(descent),
        _ => Err(End::Stuck(Fate::BadLink)),
    }
}

/// Classical IP over ATM on Linux: LLC, or IP if the circuit carries nothing else.
pub(super) fn classical_ip(descent: &mut Descent<'_, '_>) -> Step {
    match descent.rest.captured {
        [0xAA, 0xAA, 0x03, ..] => Ok(Layer::Llc),
        _ => Ok(Layer::Ip),
    }
}

/// Solaris' IP interfaces: version, family, and what the system knows of the packet.
pub(super) fn solaris_ip(descent: &mut Descent<'_, '_>) -> Step {
    let [_, family, ..] = *descent.take::<24>(Fate::ShortLink)?;
    match family {
        2 => Ok(Layer::Ipv4),
        26 => Ok(Layer::Ipv6),
        _ => Err(End::Stuck(Fate::NonIp)),
    }
}

/// Steps over what is left of a header that names the link type behind it.
fn wrapped(descent: &mut Descent<'_, '_>, rest_len: Option<usize>, link_type: u32) -> Step {
    let rest_len = rest_len.ok_or(End::Stuck(Fate::BadLink))?;
    descent.skip(rest_len, Fate::ShortLink)?;
    link::numbered(link_type)
}

/// Linux cooked capture.
pub(super) fn linux_cooked(descent: &mut Descent<'_, '_>) -> Step {
    let header = descent.take::<16>(Fate::ShortLink)?;
    let [_, _, _, _, l0, l1, address @ .., _, _, p, q] = *header;
    if be16([l0, l1]) == 6 {
        descent.note_source(address);
    }
    cooked_protocol(be16([p, q]))
}

/// Linux cooked capture, version 2: protocol, interface and kinds, then the address.
pub(super) fn linux_cooked_2(descent: &mut Descent<'_, '_>) -> Step {
    let [p, q, ..] = *descent.take::<11>(Fate::ShortLink)?;
    let [address_len, address @ .., _, _] = *descent.take::<9>(Fate::ShortLink)?;
    if address_len == 6 {
        descent.note_source(address);
    }
    cooked_protocol(be16([p, q]))
}

/// The protocol of a cooked header: an Ethernet type, or Linux' number for LLC.
fn cooked_protocol(protocol: u16) -> Step {
    match protocol {
        0x0004 => Ok(Layer::Llc),
        ether_type => Ok(Layer::EtherType(ether_type)),
    }
}

/// Linux' netfilter log: a family, then items of length, kind and value, padded to words.
pub(super) fn netfilter_log(descent: &mut Descent<'_, '_>) -> Step {
    const PACKET_HEADER: u16 = 1;
    const PAYLOAD: u16 = 9;
    let [family, _, _, _] = *descent.take::<4>(Fate::ShortLink)?;
    let mut layer = address_family(u32::from(family));
    loop {
        let [l0, l1, k0, k1] = *descent.take::<4>(Fate::ShortLink)?;
        // In the byte order of the machine that captured; kinds are small, so one whose
        // first byte is 0 was written by a big-endian one.
        let (length, kind) = match k0 {
            0 => (u16::from_be_bytes([l0, l1]), u16::from(k1)),
            _ => (u16::from_le_bytes([l0, l1]), u16::from_le_bytes([k0, k1])),
        };
        match (kind, descent.rest.captured) {
            (PAYLOAD, _) => return layer.ok_or(End::Stuck(Fate::NonIp)),
            // A bridge logs Ethernet types, in network order.
            (PACKET_HEADER, &[a, b, ..]) if layer.is_none() => {
                layer = Some(Layer::EtherType(be16([a, b])));
            }
            _ => {}
        }
        let value_len = usize::from(length).next_multiple_of(4).checked_sub(4);
        let value_len = value_len.ok_or(End::Stuck(Fate::NonIp))?;
        descent.skip(value_len, Fate::ShortLink)?;
    }
}
