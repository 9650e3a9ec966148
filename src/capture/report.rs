//! What is told about a trace besides its packets.

use std::fmt;
use std::path::PathBuf;

use super::compression::Compression;
use super::packet::{LinkType, Timestamp};

/// Damages that are kept one by one; of all further ones only number and bytes are.
const LISTED_DAMAGE_MAX: usize = 256;

/// What was found out about one trace.
#[derive(Clone, Debug, Default)]
pub struct TraceReport {
    /// Where it was read from; `-` is standard input.
    pub path: PathBuf,
    /// Its size on disk, or what came through the pipe.
    pub bytes: u64,
    /// What it is; `None` if it is no capture, as a file of a folder may be.
    pub format: Option<CaptureFormat>,
    /// What it was compressed with.
    pub compression: Option<Compression>,
    /// The byte orders it is written in: pcapng may change with each section.
    pub byte_orders: Vec<ByteOrder>,
    /// The units of its times: pcapng has one an interface.
    pub resolutions: Vec<Resolution>,
    /// The link types of its packets, in order of appearance; without packets, that of its header.
    pub link_types: Vec<LinkType>,
    /// Bytes of frame check sequence that the file header, or the first interface that tells of it,
    /// promises at the end of each frame. They count for the frame, and are no payload.
    pub check_sequence_len: Option<u8>,
    /// How many packets were read.
    pub packets: u64,
    /// The smallest time of a packet.
    pub first: Option<Timestamp>,
    /// The largest time of a packet.
    pub last: Option<Timestamp>,
    /// What could not be read, in file order; at most 256, see `damage_count`.
    pub damage: Vec<Damage>,
    /// How many damages there were.
    pub damage_count: u64,
    /// Bytes that were skipped or left because of damage.
    pub damage_bytes: u64,
    /// Why it could not be opened, or not be read to its end.
    pub failure: Option<String>,
}

impl TraceReport {
    /// Notes a damage.
    pub(crate) fn note(&mut self, damage: Damage) {
        self.damage_count += 1;
        self.damage_bytes = self.damage_bytes.saturating_add(damage.bytes);
        if self.damage.len() < LISTED_DAMAGE_MAX {
            self.damage.push(damage);
        }
    }
}

/// A place in a trace that could not be read, and what it cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where it begins, in the trace's decompressed bytes.
    pub offset: u64,
    /// How many bytes were skipped, or left at the end, as far as anybody can tell: see [`Damage::lost`].
    pub bytes: u64,
    /// What is wrong.
    pub reason: DamageReason,
    /// Time of the last packet before it.
    pub before: Option<Timestamp>,
    /// Time of the first packet after it.
    pub after: Option<Timestamp>,
}

impl Damage {
    /// How many bytes were lost; `None` where compressed data is damaged, of which nobody can tell what it was.
    pub fn lost(&self) -> Option<u64> {
        match self.reason {
            DamageReason::Compression(_) => None,
            _ => Some(self.bytes),
        }
    }
}

/// What is wrong with a place in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DamageReason {
    /// The trace ends inside a record or block.
    CutShort,
    /// A record or block states a length that cannot be.
    BadLength(u32),
    /// Zeros stand where a record should.
    Zeros,
    /// A record reaches over others that make sense.
    Overlong(u32),
    /// The lengths in front of a block and behind it differ.
    TrailerMismatch {
        /// In front.
        leading: u32,
        /// Behind.
        trailing: u32,
    },
    /// A section of a pcapng file does not say which byte order it has, or says it wrongly.
    BadSection,
    /// A block is too short for what it should hold.
    ShortBlock(u32),
    /// A packet was captured on an interface that is not described.
    UnknownInterface(u32),
    /// There are more interfaces than are kept: 65,536.
    TooManyInterfaces,
    /// The compressed data is cut short or broken.
    Compression(String),
    /// It is no capture.
    NotACapture(String),
}

impl fmt::Display for DamageReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutShort => write!(f, "the trace ends inside a record"),
            Self::BadLength(len) => write!(f, "a record of {len} bytes cannot be"),
            Self::Zeros => write!(f, "there are zeros in place of a record"),
            Self::Overlong(len) => write!(f, "a record of {len} bytes reaches over others"),
            Self::TrailerMismatch { leading, trailing } => {
                write!(f, "a block of {leading} bytes says {trailing} at its end")
            }
            Self::BadSection => write!(
                f,
                "a section does not tell its byte order, or tells it wrongly"
            ),
            Self::ShortBlock(kind) => write!(
                f,
                "a block of type {kind} is too short for what it should hold"
            ),
            Self::UnknownInterface(id) => {
                write!(f, "a packet of interface {id}, which is not described")
            }
            Self::TooManyInterfaces => write!(f, "more than 65,536 interfaces in a section"),
            Self::Compression(what) => write!(f, "the compressed data is damaged: {what}"),
            Self::NotACapture(what) => f.write_str(what),
        }
    }
}

/// The file formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptureFormat {
    /// The classic format of libpcap.
    Pcap,
    /// The classic format with longer record headers (Kuznetzov's patch).
    PcapModified,
    /// The PCAP Next Generation format.
    PcapNg,
}

impl fmt::Display for CaptureFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pcap => "pcap",
            Self::PcapModified => "pcap-modified",
            Self::PcapNg => "pcapng",
        })
    }
}

/// Which byte of a number comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// The lowest.
    Little,
    /// The highest.
    Big,
}

impl ByteOrder {
    /// The one that this is not.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Little => Self::Big,
            Self::Big => Self::Little,
        }
    }

    #[inline]
    pub(crate) fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    #[inline]
    pub(crate) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }
}

impl fmt::Display for ByteOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Little => "little-endian",
            Self::Big => "big-endian",
        })
    }
}

/// The unit of a trace's times: a negative power of ten or of two, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// 10^-n seconds.
    Decimal(u8),
    /// 2^-n seconds.
    Binary(u8),
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decimal(0) | Self::Binary(0) => f.write_str("s"),
            Self::Decimal(3) => f.write_str("ms"),
            Self::Decimal(6) => f.write_str("us"),
            Self::Decimal(9) => f.write_str("ns"),
            Self::Decimal(power) => write!(f, "10^-{power} s"),
            Self::Binary(power) => write!(f, "2^-{power} s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_without_end_is_counted_but_not_kept() {
        let mut report = TraceReport::default();
        let reason = DamageReason::UnknownInterface(3);
        for offset in 0..1000 {
            report.note(Damage {
                offset,
                bytes: 2,
                reason: reason.clone(),
                before: None,
                after: None,
            });
        }
        assert_eq!(
            (
                report.damage.len(),
                report.damage_count,
                report.damage_bytes
            ),
            (256, 1000, 2000)
        );
    }
}
