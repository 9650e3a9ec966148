//! What measuring cards and sniffers put before a frame, beyond the link types of systems.

use super::descent::{Descent, End, Layer, Step};
use super::headers::Fate;
use super::payload::{be16, be32};

/// Opens the header that a link type's number names.
pub(super) fn open(descent: &mut Descent<'_, '_>, link_type: u16) -> Step {
    match link_type {
        99 => firewall(descent),
        128 => tzsp(descent),
        197 => erf(descent),
        240 => net_analyzer(descent, false),
        241 => net_analyzer(descent, true),
        259 => optical(descent),
        274 => preemptible(descent),
        279 => replay(descent),
        _ => Err(End::Stuck(Fate::BadLink)),
    }
}

/// An Endace record (ERF): time, kind, lengths; further headers while the first bit of the
/// kind or of the latest of them is set; then what the kind says.
fn erf(descent: &mut Descent<'_, '_>) -> Step {
    const MORE: u8 = 0x80;
    let header = descent.take::<16>(Fate::ShortLink)?;
    let [.., kind, _, _, _, _, _, w0, w1] = *header;
    let mut first = kind;
    while first & MORE != 0 {
        [first, ..] = *descent.take::<8>(Fate::ShortLink)?;
    }
    // Records are padded; the length on the wire is that of the frame with its check sequence.
    let wire_len = usize::from(be16([w0, w1])).min(descent.rest.length);
    match kind & !MORE {
        // Ethernet, behind an offset and a byte of padding.
        2 | 11 | 16 | 20 => {
            descent.skip(2, Fate::ShortLink)?;
            descent.rest.limit(wire_len.min(descent.rest.length));
            descent.drop_check_sequence();
            Ok(Layer::Ethernet)
        }
        1 | 10 | 15 | 19 => Ok(Layer::Link(50)),
        // The same of one channel of several.
        5 | 12 | 17 => {
            descent.skip(4, Fate::ShortLink)?;
            Ok(Layer::Link(50))
        }
        // AAL5, behind the header of a cell.
        4 => {
            descent.skip(4, Fate::ShortLink)?;
            Ok(Layer::Llc)
        }
        21 => Ok(Layer::Link(247)),
        22 => Ok(Layer::Ipv4),
        23 => Ok(Layer::Ipv6),
        _ => Err(End::Stuck(Fate::NonIp)),
    }
}

/// The Tazmen sniffer protocol: version, kind, encapsulation, then tags of a byte or with a
/// length, up to an end.
fn tzsp(descent: &mut Descent<'_, '_>) -> Step {
    const PADDING: u8 = 0;
    const END: u8 = 1;
    let [version, kind, a, b] = *descent.take::<4>(Fate::ShortLink)?;
    if version != 1 {
        return Err(End::Stuck(Fate::BadLink));
    }
    // Received or to be sent; the other kinds carry no frame.
    if kind > 1 {
        return Err(End::Stuck(Fate::NonIp));
    }
    loop {
        match *descent.take::<1>(Fate::ShortLink)? {
            [PADDING] => {}
            [END] => break,
            _ => {
                let [length] = *descent.take::<1>(Fate::ShortLink)?;
                descent.skip(usize::from(length), Fate::ShortLink)?;
            }
        }
    }
    match be16([a, b]) {
        1 => Ok(Layer::Ethernet),
        18 => Ok(Layer::Link(105)),
        119 => Ok(Layer::Link(119)),
        127 => Ok(Layer::Link(163)),
        _ => Err(End::Stuck(Fate::NonIp)),
    }
}

/// Hilscher's netANALYZER: flags of version 1, little-endian, then a frame, behind its
/// preamble if the capture is `transparent`. An event on a pin is written as a frame, too.
fn net_analyzer(descent: &mut Descent<'_, '_>, transparent: bool) -> Step {
    const PIN: u8 = 0x01;
    const VERSION: u8 = 0x3C;
    let [_, flags, _, _] = *descent.take::<4>(Fate::ShortLink)?;
    if flags & PIN != 0 {
        return Err(End::Stuck(Fate::NonIp));
    }
    if flags & VERSION != 0x04 {
        return Err(End::Stuck(Fate::BadLink));
    }
    if transparent {
        return preamble(descent);
    }
    descent.drop_check_sequence();
    Ok(Layer::Ethernet)
}

/// Steps over up to seven bytes of preamble and what ends it.
fn preamble(descent: &mut Descent<'_, '_>) -> Step {
    const PREAMBLE: u8 = 0x55;
    const START: u8 = 0xD5;
    for _ in 0..8 {
        match *descent.take::<1>(Fate::ShortLink)? {
            [PREAMBLE] => {}
            [START] => {
                descent.drop_check_sequence();
                return Ok(Layer::Ethernet);
            }
            _ => break,
        }
    }
    Err(End::Stuck(Fate::NonIp))
}

/// A frame that may be preempted (IEEE 802.3br): the end of its preamble tells a whole frame,
/// or the first of its pieces, which holds the headers, from a later piece.
fn preemptible(descent: &mut Descent<'_, '_>) -> Step {
    let [.., seventh, eighth] = *descent.take::<8>(Fate::ShortLink)?;
    match (seventh, eighth) {
        (0x55, 0xD5 | 0xE6 | 0x4C | 0x7F | 0xB3) => {
            descent.drop_check_sequence();
            Ok(Layer::Ethernet)
        }
        _ => Err(End::Stuck(Fate::NonIp)),
    }
}

/// A frame of a passive optical network: the end of its preamble, with the logical link and
/// whether the frame is encrypted.
fn optical(descent: &mut Descent<'_, '_>) -> Step {
    const ENCRYPTED: u8 = 0x02;
    const PLAIN: u8 = 0x55;
    if let [0x55, 0xD5, ..] = descent.rest.captured {
        descent.skip(1, Fate::ShortLink)?;
    }
    let [start, _, security, _, _, _] = *descent.take::<6>(Fate::ShortLink)?;
    if start != 0xD5 {
        return Err(End::Stuck(Fate::BadLink));
    }
    if security != PLAIN && security & ENCRYPTED != 0 {
        return Err(End::Stuck(Fate::Protected));
    }
    Ok(Layer::Ethernet)
}

/// Elektrobit's replay cards (EBHSCR): 32 bytes, of which the first tells the bus and the
/// second word the length of the frame with its check sequence.
fn replay(descent: &mut Descent<'_, '_>) -> Step {
    const ETHERNET: u8 = 0x50;
    let header = descent.take::<32>(Fate::ShortLink)?;
    let [bus, _, _, _, l0, l1, l2, l3, ..] = *header;
    if bus != ETHERNET {
        return Err(End::Stuck(Fate::NonIp));
    }
    let length = usize::try_from(be32([l0, l1, l2, l3])).unwrap_or(usize::MAX);
    descent.rest.limit(length.min(descent.rest.length));
    descent.drop_check_sequence();
    Ok(Layer::Ethernet)
}

/// Symantec's firewall: an Ethernet type among 44 bytes.
fn firewall(descent: &mut Descent<'_, '_>) -> Step {
    descent.skip(6, Fate::ShortLink)?;
    let ether_type = be16(*descent.take::<2>(Fate::ShortLink)?);
    descent.skip(36, Fate::ShortLink)?;
    Ok(Layer::EtherType(ether_type))
}
