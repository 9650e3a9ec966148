//! The interfaces of a pcapng section: what a description says, how its clock tells the time, and what
//! the options of a packet say otherwise.
//!
//! An interface's options are taken apart by pcap-parser. What they mean is ours: it takes time offsets for
//! little-endian in every section, and knows no binary resolution. Those of packets are taken apart here:
//! some writers have eight in each, and pcap-parser takes 120 instructions for one.

use pcap_parser::nom;
use pcap_parser::{OptionCode, PcapNGOption};

use super::packet::{LinkType, Timestamp};
use super::report::{ByteOrder, Resolution};

/// The option if_fcslen.
const CHECK_SEQUENCE_LEN: OptionCode = OptionCode(13);

/// The options epb_flags and pack_flags.
const PACKET_FLAGS: u16 = 2;

/// Bytes of such an option.
pub(crate) const FLAGS_LEN: usize = 8;

/// The option opt_endofopt.
const END_OF_OPTIONS: u16 = 0;

/// Options of a packet that are looked at: a block may be full of them.
const PACKET_OPTIONS: usize = 8;

/// What an interface description says.
#[derive(Clone)]
pub(crate) struct Interface {
    pub(crate) link_type: LinkType,
    /// Bytes of check sequence at the end of its frames.
    pub(crate) check_sequence_len: u8,
    /// Zero if there is no limit.
    pub(crate) snap_len: u32,
    pub(crate) clock: Clock,
}

/// How an interface tells the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    scale: Scale,
    offset_ns: i128,
}

/// How ticks become nanoseconds.
#[derive(Clone, Copy, Debug)]
enum Scale {
    /// Nanoseconds in a tick.
    Times(i64),
    /// Ticks in a second, a power of ten.
    Over(i128),
    /// Binary logarithm of the ticks in a second.
    Shift(u32),
}

/// What the options of an interface say.
pub(crate) struct Described {
    pub(crate) resolution: Resolution,
    pub(crate) clock: Clock,
    /// Bytes of check sequence at the end of its frames; by default none.
    pub(crate) check_sequence_len: Option<u8>,
}

/// What an interface's options say. By default its clock counts microseconds since 1970.
pub(crate) fn describe(mut options: &[u8], byte_order: ByteOrder) -> Described {
    let mut check_sequence_len = None;
    let mut resolution = Resolution::Decimal(6);
    let mut offset_s = 0;
    while let Some((rest, option)) = option(options, byte_order) {
        options = rest;
        match (option.code, option.as_bytes().unwrap_or_default()) {
            (OptionCode::EndOfOpt, _) => break,
            (OptionCode::IfTsresol, &[power, ..]) => {
                resolution = if power & 0x80 == 0 {
                    Resolution::Decimal(power)
                } else {
                    Resolution::Binary(power & 0x7f)
                };
            }
            (OptionCode::IfTsoffset, value) => {
                if let Some(&seconds) = value.first_chunk::<8>() {
                    offset_s = match byte_order {
                        ByteOrder::Little => i64::from_le_bytes(seconds),
                        ByteOrder::Big => i64::from_be_bytes(seconds),
                    };
                }
            }
            (CHECK_SEQUENCE_LEN, &[length, ..]) => check_sequence_len = Some(length),
            _ => {}
        }
    }
    Described {
        resolution,
        clock: Clock {
            scale: Scale::of(resolution),
            offset_ns: i128::from(offset_s) * 1_000_000_000,
        },
        check_sequence_len,
    }
}

/// Bytes of check sequence at the end of a packet, if its flags tell of them: what they say counts, not what
/// its interface says. Of its block `left` bytes are behind what was captured: padding and options.
#[cold]
#[inline(never)]
pub(crate) fn own_check_sequence_len(
    block: &[u8],
    left: usize,
    byte_order: ByteOrder,
) -> Option<u8> {
    let end = block.len().checked_sub(left)?;
    let mut options = block.get(end.next_multiple_of(4)..)?;
    for _ in 0..PACKET_OPTIONS {
        let (&[a, b, c, d], rest) = options.split_first_chunk::<4>()?;
        let (code, len) = (byte_order.u16([a, b]), byte_order.u16([c, d]));
        let len = usize::from(len);
        if code == END_OF_OPTIONS {
            return None;
        }
        if code == PACKET_FLAGS
            && let Some(&flags) = rest.first_chunk::<4>()
            && len >= flags.len()
        {
            // Bits 5 to 8; zero if this is not known.
            let length = u8::try_from(byte_order.u32(flags) >> 5 & 0xf).unwrap_or_default();
            return (length > 0).then_some(length);
        }
        options = rest.get(len.next_multiple_of(4)..)?;
    }
    None
}

/// The next option, and what follows it. Ends at one that overruns the block.
fn option(options: &[u8], byte_order: ByteOrder) -> Option<(&[u8], PcapNGOption<'_>)> {
    let parsed: nom::IResult<_, _, nom::error::Error<&[u8]>> = match byte_order {
        ByteOrder::Little => pcap_parser::parse_option_le(options),
        ByteOrder::Big => pcap_parser::parse_option_be(options),
    };
    parsed.ok()
}

impl Clock {
    /// Rounds down; clamps what no [`Timestamp`] can hold.
    #[inline]
    pub(crate) fn time(self, ticks: u64) -> Timestamp {
        let ticks = i128::from(ticks);
        let ns = match self.scale {
            Scale::Times(factor) => ticks * i128::from(factor),
            Scale::Over(units) => ticks * 1_000_000_000 / units,
            Scale::Shift(bits) => (ticks * 1_000_000_000) >> bits,
        };
        let ns = (ns + self.offset_ns).clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        Timestamp(i64::try_from(ns).unwrap_or_default())
    }
}

impl Scale {
    fn of(resolution: Resolution) -> Self {
        match resolution {
            Resolution::Decimal(power) => match 9_u32.checked_sub(u32::from(power)) {
                Some(factor) => Self::Times(10_i64.pow(factor)),
                // A unit this small makes every 64-bit count less than a nanosecond.
                None => Self::Over(10_i128.checked_pow(u32::from(power)).unwrap_or(i128::MAX)),
            },
            Resolution::Binary(power) => Self::Shift(u32::from(power)),
        }
    }
}
