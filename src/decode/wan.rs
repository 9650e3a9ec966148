//! Serial lines, Frame Relay, ATM, cable, and what routers put before them.

use super::descent::{Descent, End, Layer, Step};
use super::headers::Fate;
use super::payload::be16;

/// SLIP as BSD captures it: a direction, 0 or 1, and fifteen bytes for compressed headers.
/// Without them the first byte is IP's own.
pub(super) fn slip(descent: &mut Descent<'_, '_>) -> Step {
    if let [0 | 1, ..] = descent.rest.captured {
        descent.skip(16, Fate::ShortLink)?;
    }
    Ok(Layer::Ip)
}

/// PPP on a serial line, which may be Cisco's framing instead: the first byte tells.
pub(super) fn serial(descent: &mut Descent<'_, '_>) -> Step {
    match descent.rest.captured {
        [0x0F | 0x8F, 0x00, ..] => cisco_hdlc(descent),
        _ => Ok(Layer::Ppp),
    }
}

/// PPP over Ethernet without the Ethernet. Its first byte, version and type 1, is no PPP
/// protocol of ours, so frames that begin with PPP itself are told apart.
pub(super) fn ppp_or_pppoe(descent: &mut Descent<'_, '_>) -> Step {
    match descent.rest.captured {
        [0x11, ..] => Ok(Layer::Pppoe),
        _ => Ok(Layer::Ppp),
    }
}

/// Cisco HDLC: address, control, Ethernet type.
pub(super) fn cisco_hdlc(descent: &mut Descent<'_, '_>) -> Step {
    let [_, _, a, b] = *descent.take::<4>(Fate::ShortLink)?;
    Ok(Layer::EtherType(be16([a, b])))
}

/// A byte for the direction, then the packet.
pub(super) fn directed(descent: &mut Descent<'_, '_>, layer: Layer) -> Step {
    descent.skip(1, Fate::ShortLink)?;
    Ok(layer)
}

/// PPP as Linux' daemon writes it: the direction stands where PPP has its address.
pub(super) fn ppp_of_pppd(descent: &mut Descent<'_, '_>) -> Step {
    if let [0 | 1, 0x03, ..] = descent.rest.captured {
        descent.skip(2, Fate::ShortLink)?;
    }
    Ok(Layer::Ppp)
}

/// Frame Relay: an address whose last byte is odd, then a protocol (RFC 2427), or, as Cisco
/// does it, an Ethernet type.
pub(super) fn frame_relay(descent: &mut Descent<'_, '_>) -> Step {
    let [_, second] = *descent.take::<2>(Fate::ShortLink)?;
    if second & 1 == 0 {
        let [_, fourth] = *descent.take::<2>(Fate::ShortLink)?;
        if fourth & 1 == 0 {
            return Err(End::Stuck(Fate::NonIp));
        }
    }
    match descent.rest.captured {
        // Unnumbered information, with or without a byte of padding.
        [0x03, 0x00, ..] => descent.skip(2, Fate::ShortLink)?,
        [0x03, ..] => descent.skip(1, Fate::ShortLink)?,
        _ => {
            let ether_type = be16(*descent.take::<2>(Fate::ShortLink)?);
            return Ok(Layer::EtherType(ether_type));
        }
    }
    match descent.take::<1>(Fate::ShortLink)? {
        [0xCC] => Ok(Layer::Ipv4),
        [0x8E] => Ok(Layer::Ipv6),
        [0x80] => Ok(Layer::Snap),
        [0xCF] => Ok(Layer::Ppp),
        _ => Err(End::Stuck(Fate::NonIp)),
    }
}

/// ATM as Sun captures it: what the circuit carries, then the circuit.
pub(super) fn sun_atm(descent: &mut Descent<'_, '_>) -> Step {
    let [kind, _, _, _] = *descent.take::<4>(Fate::ShortLink)?;
    match kind & 0x0F {
        // LAN emulation has a client's number before the frame.
        1 => {
            descent.skip(2, Fate::ShortLink)?;
            Ok(Layer::Ethernet)
        }
        2 => Ok(Layer::Llc),
        _ => Err(End::Stuck(Fate::NonIp)),
    }
}

/// DOCSIS: a packet has a frame type of 0 and an Ethernet frame behind header and check.
pub(super) fn docsis(descent: &mut Descent<'_, '_>) -> Step {
    let [control, parameter, _, _] = *descent.take::<4>(Fate::ShortLink)?;
    if control & 0xC0 != 0 {
        return Err(End::Stuck(Fate::NonIp));
    }
    if control & 0x01 != 0 {
        descent.skip(usize::from(parameter), Fate::ShortLink)?;
    }
    descent.skip(2, Fate::ShortLink)?;
    Ok(Layer::Ethernet)
}

/// What a Juniper router writes before a packet: a magic, flags, and extensions of a length
/// that is there if the first flag is. Packets without their link header are not opened.
pub(super) fn juniper(descent: &mut Descent<'_, '_>, layer: Layer) -> Step {
    const EXTENDED: u8 = 0x80;
    const NO_LINK_HEADER: u8 = 0x02;
    let [magic @ .., flags] = *descent.take::<4>(Fate::ShortLink)?;
    if magic != *b"MGC" {
        return Err(End::Stuck(Fate::BadLink));
    }
    if flags & EXTENDED != 0 {
        let length = be16(*descent.take::<2>(Fate::ShortLink)?);
        descent.skip(usize::from(length), Fate::ShortLink)?;
    }
    if flags & NO_LINK_HEADER != 0 {
        return Err(End::Stuck(Fate::NonIp));
    }
    Ok(layer)
}
