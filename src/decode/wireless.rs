//! IEEE 802.11, and what drivers put before it.

use super::descent::{Descent, End, Layer, Step};
use super::headers::Fate;
use super::payload::{Payload, be16};

/// Two addresses and a length.
const MSDU_HEADER_LEN: usize = 14;

/// Radiotap (<https://www.radiotap.org>): version, padding, its own length, then words that
/// say which fields follow. One field matters, the second: its flags tell whether the frame
/// ends with its check sequence, and whether the 802.11 header is padded to words.
pub(super) fn radiotap(descent: &mut Descent<'_, '_>) -> Step {
    const CHECK_SEQUENCE: u8 = 0x10;
    const PADDED: u8 = 0x20;
    let whole = descent.rest.captured;
    let [version, _, l0, l1] = *descent.take::<4>(Fate::ShortLink)?;
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    let rest_len = length.checked_sub(4).filter(|_| version == 0);
    let rest_len = rest_len.ok_or(End::Stuck(Fate::BadLink))?;
    descent.skip(rest_len, Fate::ShortLink)?;
    let header = whole.get(..length).unwrap_or(whole);
    let flags = radiotap_flags(header).unwrap_or(0);
    if flags & CHECK_SEQUENCE != 0 {
        descent.drop_check_sequence();
    }
    frame(descent, flags & PADDED != 0)
}

/// The flags field of a radiotap header, if it is there.
fn radiotap_flags(header: &[u8]) -> Option<u8> {
    const TIME: u32 = 1 << 0;
    const FLAGS: u32 = 1 << 1;
    const MORE_WORDS: u32 = 1 << 31;
    let words = header.as_chunks::<4>().0.get(1..)?;
    let mut words = words.iter().map(|&word| u32::from_le_bytes(word));
    let present = words.next()?;
    let mut word_count = 1_usize;
    let mut last = present;
    while last & MORE_WORDS != 0 {
        last = words.next()?;
        word_count += 1;
    }
    if present & FLAGS == 0 {
        return None;
    }
    let mut place = 4 + 4 * word_count;
    if present & TIME != 0 {
        place = place.next_multiple_of(8) + 8;
    }
    header.get(place).copied()
}

/// The Prism monitor header states its length in the byte order of the machine that
/// captured. Drivers wrote AVS headers under its number too.
pub(super) fn prism(descent: &mut Descent<'_, '_>) -> Step {
    if let [0x80, 0x21, 0x10, ..] = descent.rest.captured {
        return avs(descent);
    }
    let [_, _, _, _, length @ ..] = *descent.take::<8>(Fate::ShortLink)?;
    let length = u32::from_le_bytes(length).min(u32::from_be_bytes(length));
    behind(descent, length)
}

/// The AVS header: a magic, then its length.
pub(super) fn avs(descent: &mut Descent<'_, '_>) -> Step {
    let [_, _, _, _, length @ ..] = *descent.take::<8>(Fate::ShortLink)?;
    behind(descent, u32::from_be_bytes(length))
}

/// Opens what stands behind a header of `length` bytes, of which eight are taken.
fn behind(descent: &mut Descent<'_, '_>, length: u32) -> Step {
    let length = usize::try_from(length).ok();
    let rest_len = length.and_then(|length| length.checked_sub(8));
    descent.skip(rest_len.ok_or(End::Stuck(Fate::BadLink))?, Fate::ShortLink)?;
    ieee_802_11(descent)
}

/// IEEE 802.11 without a driver's header.
pub(super) fn ieee_802_11(descent: &mut Descent<'_, '_>) -> Step {
    frame(descent, false)
}

/// The bits of the two bytes of frame control (IEEE 802.11, 9.2.4.1).
mod control {
    pub(super) const VERSION_AND_TYPE: u8 = 0x0F;
    pub(super) const DATA: u8 = 0x08;
    pub(super) const NO_DATA: u8 = 0x40;
    pub(super) const QUALITY: u8 = 0x80;
    pub(super) const TO_DS: u8 = 0x01;
    pub(super) const FROM_DS: u8 = 0x02;
    pub(super) const PROTECTED: u8 = 0x40;
    pub(super) const ORDER: u8 = 0x80;
}

/// Opens a data frame. Management and control frames hold no packet to read, nor do later
/// fragments.
fn frame(descent: &mut Descent<'_, '_>, padded: bool) -> Step {
    let before = descent.rest.captured.len();
    let [kind, flags, _, _] = *descent.take::<4>(Fate::ShortLink)?;
    let is_data = kind & control::VERSION_AND_TYPE == control::DATA && kind & control::NO_DATA == 0;
    if !is_data {
        return Err(End::Stuck(Fate::NonIp));
    }
    let is_later_fragment = addresses(descent, flags)?;
    let aggregate = kind & control::QUALITY != 0 && quality(descent, flags)?;
    if padded {
        let header_len = before - descent.rest.captured.len();
        descent.skip(header_len.next_multiple_of(4) - header_len, Fate::ShortLink)?;
    }
    if flags & control::PROTECTED != 0 {
        in_the_clear(descent, aggregate)?;
    }
    if is_later_fragment {
        return Err(End::Stuck(Fate::NonIp));
    }
    if aggregate {
        msdu(descent)
    } else {
        Ok(Layer::Llc)
    }
}

/// Goes on with a frame that says it is protected if it is not: some cards decrypt what they
/// receive and leave the bit standing, and the initialisation vector with it or without. LLC
/// with SNAP begins as no initialisation vector of today's ciphers does, whose fourth byte
/// says that it is a long one, and as hardly any of WEP's.
fn in_the_clear(descent: &mut Descent<'_, '_>, aggregate: bool) -> Result<(), End> {
    const LONG_VECTOR: u8 = 0x20;
    let is_clear = |bytes: &[u8]| {
        let llc = if aggregate {
            bytes.get(14..)
        } else {
            Some(bytes)
        };
        matches!(
            llc,
            Some([0xAA, 0xAA, 0x03, 0, 0, 0, 0x08 | 0x86 | 0x88, _, ..])
        )
    };
    match descent.rest.captured {
        bytes if is_clear(bytes) => Ok(()),
        [_, _, _, key, _, _, _, _, bytes @ ..] if key & LONG_VECTOR != 0 && is_clear(bytes) => {
            descent.skip(8, Fate::ShortLink)
        }
        _ => Err(End::Stuck(Fate::Protected)),
    }
}

/// Opens the next packet of an aggregated frame (IEEE 802.11, 9.3.2.2): two addresses, a
/// length, LLC, and padding to words.
pub(super) fn msdu(descent: &mut Descent<'_, '_>) -> Step {
    let header = descent.take::<MSDU_HEADER_LEN>(Fate::ShortLink)?;
    let [_, _, _, _, _, _, source @ .., a, b] = *header;
    let length = usize::from(be16([a, b]));
    descent.enter_msdu(length, padded_len(length));
    descent.note_source(source);
    Ok(Layer::Llc)
}

/// Whether another packet of an aggregated frame begins in `rest`.
pub(super) fn has_msdu(rest: Payload<'_>) -> bool {
    rest.captured.len() >= MSDU_HEADER_LEN
}

/// How many packets of an aggregated frame begin in `rest`.
pub(super) fn count_msdus(mut rest: Payload<'_>) -> u8 {
    let mut count = 0_u8;
    while let Some([.., a, b]) = rest.take::<MSDU_HEADER_LEN>() {
        count = count.saturating_add(1);
        if rest.skip(padded_len(usize::from(be16([*a, *b])))).is_none() {
            break;
        }
    }
    count
}

/// The length of a packet with the padding that puts the next one at a multiple of four.
fn padded_len(length: usize) -> usize {
    (MSDU_HEADER_LEN + length).next_multiple_of(4) - MSDU_HEADER_LEN
}

/// Reads three or four addresses and the sequence control between them; the way that the
/// frame takes tells which address is the source (IEEE 802.11, 9.3.2.1). Returns whether the
/// frame is a fragment, and not the first.
fn addresses(descent: &mut Descent<'_, '_>, flags: u8) -> Result<bool, End> {
    let _first = descent.take::<6>(Fate::ShortLink)?;
    let second = *descent.take::<6>(Fate::ShortLink)?;
    let third = *descent.take::<6>(Fate::ShortLink)?;
    let [fragment_number, _] = *descent.take::<2>(Fate::ShortLink)?;
    let source = match (flags & control::FROM_DS != 0, flags & control::TO_DS != 0) {
        (false, _) => second,
        (true, false) => third,
        (true, true) => *descent.take::<6>(Fate::ShortLink)?,
    };
    descent.note_source(source);
    Ok(fragment_number & 0x0F != 0)
}

/// Reads the quality-of-service field and returns whether the frame is an aggregate.
fn quality(descent: &mut Descent<'_, '_>, flags: u8) -> Result<bool, End> {
    const AGGREGATE: u8 = 0x80;
    let [field, _] = *descent.take::<2>(Fate::ShortLink)?;
    if flags & control::ORDER != 0 {
        descent.skip(4, Fate::ShortLink)?;
    }
    Ok(field & AGGREGATE != 0)
}
