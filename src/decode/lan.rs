//! Local networks other than Ethernet.

use super::descent::{Descent, End, Layer, Step};
use super::headers::Fate;
use super::payload::be16;

/// FDDI: frame control, two addresses; only asynchronous LLC frames carry data.
pub(super) fn fddi(descent: &mut Descent<'_, '_>) -> Step {
    let header = descent.take::<13>(Fate::ShortLink)?;
    let [control, _, _, _, _, _, _, source @ ..] = *header;
    descent.note_source(source);
    match control & 0xF0 {
        0x50 => Ok(Layer::Llc),
        _ => Err(End::Stuck(Fate::NonIp)),
    }
}

/// Token Ring (IEEE 802.5): access and frame control, two addresses, and a route if the
/// first bit of the source says so; only LLC frames carry data.
pub(super) fn token_ring(descent: &mut Descent<'_, '_>) -> Step {
    let header = descent.take::<14>(Fate::ShortLink)?;
    let [_, control, _, _, _, _, _, _, mut source @ ..] = *header;
    if source[0] & 0x80 != 0 {
        source[0] &= 0x7F;
        // The length in the first byte of the route counts that byte.
        let length = descent.rest.captured.first().map_or(0, |byte| byte & 0x1F);
        descent.skip(usize::from(length), Fate::ShortLink)?;
    }
    descent.note_source(source);
    match control & 0xC0 {
        0x40 => Ok(Layer::Llc),
        _ => Err(End::Stuck(Fate::NonIp)),
    }
}

/// IP over FireWire as Darwin captures it: two addresses of eight bytes, then a type.
pub(super) fn firewire(descent: &mut Descent<'_, '_>) -> Step {
    descent.skip(16, Fate::ShortLink)?;
    Ok(Layer::EtherType(be16(*descent.take::<2>(Fate::ShortLink)?)))
}

/// IP over InfiniBand (RFC 4391): the global route header, then a type and a reserved field.
pub(super) fn infiniband(descent: &mut Descent<'_, '_>) -> Step {
    descent.skip(40, Fate::ShortLink)?;
    let [a, b, _, _] = *descent.take::<4>(Fate::ShortLink)?;
    Ok(Layer::EtherType(be16([a, b])))
}
