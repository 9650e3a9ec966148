//! Tunnels over UDP, told by a port and confirmed by their own header.

use super::descent::Layer;
use super::headers::Tunnel;
use super::payload::{Payload, be16, be24, be32};

/// A tunnel header that could be read, and what is behind it.
pub(super) struct Opened<'a> {
    pub(super) tunnel: Tunnel,
    pub(super) id: Option<u64>,
    pub(super) layer: Layer,
    pub(super) payload: Payload<'a>,
}

/// Whether UDP with this port may carry a tunnel.
#[inline]
pub(super) fn is_tunnel_port(port: u16) -> bool {
    matches!(port, 1701 | 2152 | 3544 | 4789 | 6081)
}

/// Opens the tunnel that either port names, if the payload is one.
pub(super) fn open((source, destination): (u16, u16), payload: Payload<'_>) -> Option<Opened<'_>> {
    open_port(destination, payload).or_else(|| open_port(source, payload))
}

fn open_port(port: u16, payload: Payload<'_>) -> Option<Opened<'_>> {
    match port {
        1701 => l2tp(payload),
        2152 => gtp_u(payload),
        3544 => teredo(payload),
        4789 => vxlan(payload),
        6081 => geneve(payload),
        _ => None,
    }
}

/// VXLAN (RFC 7348, 5): the I flag vouches for the network identifier.
fn vxlan(mut payload: Payload<'_>) -> Option<Opened<'_>> {
    let [flags, _, _, _, a, b, c, _] = *payload.take::<8>()?;
    (flags & 0x08 != 0).then_some(Opened {
        tunnel: Tunnel::Vxlan,
        id: Some(u64::from(be24([a, b, c]))),
        layer: Layer::Ethernet,
        payload,
    })
}

/// Geneve version 0 (RFC 8926, 3.4).
fn geneve(mut payload: Payload<'_>) -> Option<Opened<'_>> {
    let [first, _, p, q, a, b, c, _] = *payload.take::<8>()?;
    let (version, option_words) = (first >> 6, first & 0x3F);
    payload.skip(usize::from(option_words) * 4)?;
    (version == 0).then_some(Opened {
        tunnel: Tunnel::Geneve,
        id: Some(u64::from(be24([a, b, c]))),
        layer: match be16([p, q]) {
            0x6558 => Layer::Ethernet,
            ether_type => Layer::EtherType(ether_type),
        },
        payload,
    })
}

/// GTP-U (3GPP TS 29.281, 5.1): version 1, protocol type 1, message G-PDU.
fn gtp_u(mut payload: Payload<'_>) -> Option<Opened<'_>> {
    let [flags, message, _, _, a, b, c, d] = *payload.take::<8>()?;
    if flags >> 4 != 0b0011 || message != 255 {
        return None;
    }
    // One flag of three brings the fields of all three.
    if flags & 0b0111 != 0 {
        let [_, _, _, next] = *payload.take::<4>()?;
        if flags & 0b0100 != 0 {
            gtp_extensions(next, &mut payload)?;
        }
    }
    Some(Opened {
        tunnel: Tunnel::GtpU,
        id: Some(u64::from(be32([a, b, c, d]))),
        layer: Layer::Ip,
        payload,
    })
}

/// Steps over extension headers: length in words first, next type last.
fn gtp_extensions(mut next: u8, payload: &mut Payload<'_>) -> Option<()> {
    while next != 0 {
        let length = usize::from(*payload.captured.first()?) * 4;
        next = *payload.captured.get(length.checked_sub(1)?)?;
        payload.skip(length)?;
    }
    Some(())
}

/// Teredo (RFC 4380, 5.1.1): IPv6, with an authentication or an origin or both before it.
fn teredo(mut payload: Payload<'_>) -> Option<Opened<'_>> {
    if let [0, 1, client_len, value_len, ..] = *payload.captured {
        // Nonce and confirmation are nine bytes.
        payload.skip(4 + usize::from(client_len) + usize::from(value_len) + 9)?;
    }
    if let [0, 0, ..] = payload.captured {
        payload.skip(8)?;
    }
    (payload.first_nibble() == Some(6)).then_some(Opened {
        tunnel: Tunnel::Teredo,
        id: None,
        layer: Layer::Ipv6,
        payload,
    })
}

/// L2TP version 2, data message (RFC 2661, 3.1).
fn l2tp(mut payload: Payload<'_>) -> Option<Opened<'_>> {
    const CONTROL: u16 = 0x8000;
    const LENGTH: u16 = 0x4000;
    const SEQUENCE: u16 = 0x0800;
    const OFFSET: u16 = 0x0200;
    let flags = be16(*payload.take::<2>()?);
    if flags & CONTROL != 0 || flags & 0x000F != 2 {
        return None;
    }
    if flags & LENGTH != 0 {
        payload.skip(2)?;
    }
    let [_, _, a, b] = *payload.take::<4>()?;
    if flags & SEQUENCE != 0 {
        payload.skip(4)?;
    }
    if flags & OFFSET != 0 {
        let pad = be16(*payload.take::<2>()?);
        payload.skip(usize::from(pad))?;
    }
    Some(Opened {
        tunnel: Tunnel::L2tp,
        id: Some(u64::from(be16([a, b]))),
        layer: Layer::Ppp,
        payload,
    })
}
