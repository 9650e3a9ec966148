//! PPP, and PPPoE around it.

use super::descent::{Descent, End, Layer, Step};
use super::headers::Fate;
use super::payload::be16;

/// Opens PPPoE (RFC 2516, 4): only its session stage, code 0, carries PPP.
pub(super) fn pppoe(descent: &mut Descent<'_, '_>) -> Step {
    match descent.take::<6>(Fate::ShortLink)? {
        [_, 0, ..] => Ok(Layer::Ppp),
        _ => Err(End::Stuck(Fate::NonIp)),
    }
}

/// Opens PPP: address and control if they are there, then a protocol of one or two bytes.
pub(super) fn ppp(descent: &mut Descent<'_, '_>) -> Step {
    if let [0xFF, 0x03, ..] = descent.rest.captured {
        descent.skip(2, Fate::ShortLink)?;
    }
    let [first] = *descent.take::<1>(Fate::ShortLink)?;
    // The last byte of a protocol number is odd, all others are even (RFC 1661, 2 and 6.5).
    let protocol = if first & 1 == 1 {
        u16::from(first)
    } else {
        let [second] = *descent.take::<1>(Fate::ShortLink)?;
        be16([first, second])
    };
    match protocol {
        0x0021 => Ok(Layer::Ipv4),
        0x0057 => Ok(Layer::Ipv6),
        0x0281 => Ok(Layer::Mpls),
        _ => Err(End::Stuck(Fate::NonIp)),
    }
}
