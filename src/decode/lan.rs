//! Local networks other than Ethernet.

use super::descent::{Descent, End, Layer, Step};
use super::ethernet;
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

/// InfiniBand from its local route header on: IP over it (RFC 4391, 4755) travels in whole
/// datagrams or messages, behind the transport headers and a type. Nothing else is opened,
/// since nothing announces it.
pub(super) fn infiniband_raw(descent: &mut Descent<'_, '_>) -> Step {
    const LOCAL: u8 = 2;
    const GLOBAL: u8 = 3;
    let [_, next, ..] = *descent.take::<8>(Fate::ShortLink)?;
    match next & 0x03 {
        LOCAL => {}
        GLOBAL => descent.skip(40, Fate::ShortLink)?,
        _ => return Err(End::Stuck(Fate::NonIp)),
    }
    let [operation, ..] = *descent.take::<12>(Fate::ShortLink)?;
    match operation {
        // A reliable connection's send in one piece.
        0x04 => {}
        // A datagram, without and with immediate data.
        0x64 => descent.skip(8, Fate::ShortLink)?,
        0x65 => descent.skip(12, Fate::ShortLink)?,
        _ => return Err(End::Stuck(Fate::NonIp)),
    }
    match *descent.take::<4>(Fate::ShortLink)? {
        [0x08, 0x00, 0, 0] => Ok(Layer::Ipv4),
        [0x86, 0xDD, 0, 0] => Ok(Layer::Ipv6),
        _ => Err(End::Stuck(Fate::NonIp)),
    }
}

/// IP over Fibre Channel (RFC 2625): two addresses of eight bytes, the last six of each being
/// those of a local network.
pub(super) fn fibre_channel(descent: &mut Descent<'_, '_>) -> Step {
    let [.., a, b, c, d, e, f] = *descent.take::<16>(Fate::ShortLink)?;
    descent.note_source([a, b, c, d, e, f]);
    Ok(Layer::Llc)
}

/// ARCNET: source, destination, on Linux an offset of two bytes, and a type. Of RFC 1201's
/// fragments the first is opened.
pub(super) fn arcnet(descent: &mut Descent<'_, '_>, linux: bool) -> Step {
    descent.skip(if linux { 4 } else { 2 }, Fate::ShortLink)?;
    let [kind] = *descent.take::<1>(Fate::ShortLink)?;
    match kind {
        // RFC 1051.
        240 => Ok(Layer::Ipv4),
        // RFC 1201: a fragment's number, odd of the first, and a sequence number.
        212 => match *descent.take::<3>(Fate::ShortLink)? {
            [0, ..] => Ok(Layer::Ipv4),
            [number, ..] if number & 1 == 1 && number != 0xFF => Ok(Layer::Ipv4),
            _ => Err(End::Stuck(Fate::NonIp)),
        },
        _ => Err(End::Stuck(Fate::NonIp)),
    }
}

/// AX.25: addresses of seven bytes, the last bit of the last one set, then control and, of
/// frames with information, the protocol.
pub(super) fn ax25(descent: &mut Descent<'_, '_>) -> Step {
    loop {
        let [.., last] = *descent.take::<7>(Fate::ShortLink)?;
        if last & 1 == 1 {
            break;
        }
    }
    match *descent.take::<2>(Fate::ShortLink)? {
        // Unnumbered or numbered information, of IP.
        [0x03 | 0x13, 0xCC] => Ok(Layer::Ipv4),
        [control, 0xCC] if control & 1 == 0 => Ok(Layer::Ipv4),
        _ => Err(End::Stuck(Fate::NonIp)),
    }
}

/// Ethernet with a switch's tag between source and type. Marvell's stands
/// for the VLAN tag, too, if a bit of it says so.
pub(super) fn switch_tag(descent: &mut Descent<'_, '_>, tag: SwitchTag) -> Step {
    const TAGGED: u8 = 0x20;
    let [_, _, _, _, _, _, source @ ..] = *descent.take::<12>(Fate::ShortLink)?;
    descent.note_source(source);
    if let SwitchTag::MarvellTyped = tag {
        descent.skip(4, Fate::ShortLink)?;
    }
    let [first, _, a, b] = *descent.take::<4>(Fate::ShortLink)?;
    if tag != SwitchTag::Broadcom && first & TAGGED != 0 {
        descent.note_vlan(be16([a, b]));
    }
    let field = *descent.take::<2>(Fate::ShortLink)?;
    Ok(ethernet::type_or_length(field))
}

/// Whose tag a switch puts into the frames to and from its port to the processor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SwitchTag {
    /// Four bytes.
    Broadcom,
    /// Four bytes.
    Marvell,
    /// The same behind a type of its own and two bytes reserved.
    MarvellTyped,
}

/// Ethernet behind a switch's tag of four bytes.
pub(super) fn prepended_tag(descent: &mut Descent<'_, '_>) -> Step {
    descent.skip(4, Fate::ShortLink)?;
    Ok(Layer::Ethernet)
}
