//! Ethernet and what it carries besides IP: tags, LLC, MPLS, backbone bridging.

use super::descent::{Descent, End, Layer, Step};
use super::headers::Fate;
use super::payload::{be16, be32};

/// The largest value of the type field that is a length instead (IEEE 802.3, 3.2.6).
const MAX_LENGTH: u16 = 1500;

/// Opens an Ethernet header.
pub(super) fn ethernet(descent: &mut Descent<'_, '_>) -> Step {
    let header = descent.take::<14>(Fate::ShortLink)?;
    let [_, _, _, _, _, _, source @ .., a, b] = *header;
    descent.note_source(source);
    Ok(type_or_length([a, b]))
}

/// What the last field of an Ethernet header or tag announces.
pub(super) fn type_or_length(field: [u8; 2]) -> Layer {
    match be16(field) {
        0..=MAX_LENGTH => Layer::Llc,
        ether_type => Layer::EtherType(ether_type),
    }
}

/// Opens what an Ethernet type announces.
pub(super) fn ether_type(descent: &mut Descent<'_, '_>, ether_type: u16) -> Step {
    match ether_type {
        0x0800 => Ok(Layer::Ipv4),
        0x86DD => Ok(Layer::Ipv6),
        _ if is_tag(ether_type) => tags(descent),
        0x8847 | 0x8848 => Ok(Layer::Mpls),
        0x8864 => Ok(Layer::Pppoe),
        0x88E7 => Ok(Layer::BackboneTag),
        0x894F => Ok(Layer::Nsh),
        _ => Err(End::Stuck(Fate::NonIp)),
    }
}

/// Whether an Ethernet type announces a VLAN tag. Which one of them is not asked by jumps: in a row of mixed tags
/// nobody could guess.
fn is_tag(ether_type: u16) -> bool {
    let types = [0x8100, 0x88A8, 0x9100, 0x9200, 0x9300];
    types
        .into_iter()
        .fold(false, |is_one, tag| is_one | (ether_type == tag))
}

/// Opens the VLAN tags that stand in a row (IEEE 802.1Q, 9.6). Of those that announce another one
/// only the first two say more, so that the others are stepped over at once.
fn tags(descent: &mut Descent<'_, '_>) -> Step {
    let (tags, _) = descent.rest.captured.as_chunks::<4>();
    let announces_tag = |&&[_, _, c, d]: &&[u8; 4]| is_tag(be16([c, d]));
    let outer_count = tags.iter().take_while(announces_tag).count();
    for &[a, b, ..] in tags.iter().take(outer_count.min(2)) {
        descent.note_vlan(be16([a, b]));
    }
    descent.skip(outer_count * 4, Fate::ShortLink)?;
    let [a, b, c, d] = *descent.take::<4>(Fate::ShortLink)?;
    descent.note_vlan(be16([a, b]));
    Ok(type_or_length([c, d]))
}

/// Opens IEEE 802.2 LLC: SNAP with the type of an Ethernet frame, and IP by its own SAP.
/// What is cut short here announces nothing, so it is as little IP as other LLC.
pub(super) fn llc(descent: &mut Descent<'_, '_>) -> Step {
    match descent.take::<3>(Fate::NonIp)? {
        [0xAA, 0xAA, 0x03] => Ok(Layer::Snap),
        [0x06, 0x06, 0x03] => Ok(Layer::Ipv4),
        _ => Err(End::Stuck(Fate::NonIp)),
    }
}

/// Opens a SNAP header: the organisation's code, then a type of its own.
pub(super) fn snap(descent: &mut Descent<'_, '_>) -> Step {
    match *descent.take::<5>(Fate::NonIp)? {
        // RFC 1042, and IEEE 802.1H for bridges.
        [0, 0, 0x00 | 0xF8, a, b] => Ok(Layer::EtherType(be16([a, b]))),
        _ => Err(End::Stuck(Fate::NonIp)),
    }
}

/// Opens MPLS labels to the bottom of the stack, and tells what is below by its first nibble.
pub(super) fn mpls(descent: &mut Descent<'_, '_>) -> Step {
    loop {
        let entry = be32(*descent.take::<4>(Fate::ShortLink)?);
        descent.note_label(entry >> 12);
        if entry & 0x100 != 0 {
            break;
        }
    }
    match descent.rest.first_nibble() {
        Some(4) => Ok(Layer::Ipv4),
        Some(6) => Ok(Layer::Ipv6),
        // The control word of a pseudowire (RFC 4448, 4.6).
        Some(0) => {
            descent.skip(4, Fate::ShortLink)?;
            Ok(Layer::Ethernet)
        }
        Some(_) => Err(End::Stuck(Fate::NonIp)),
        None => Err(End::Stuck(Fate::ShortLink)),
    }
}

/// Opens the service tag of a backbone bridge, behind which the customer's frame stands whole.
pub(super) fn backbone_tag(descent: &mut Descent<'_, '_>) -> Step {
    descent.skip(4, Fate::ShortLink)?;
    Ok(Layer::Ethernet)
}
