//! The file formats, and what a place in a file can be.

use super::packet::{Era, LinkType, Packet, Timestamp};
use super::pcap::Pcap;
use super::pcapng::PcapNg;
use super::report::{ByteOrder, CaptureFormat, DamageReason, Resolution, TraceReport};

/// As many bytes as it takes to tell what a file is.
pub(crate) const HEAD_LEN: usize = 24;

const SUPPORTED: &str =
    "goostat reads pcap and pcapng, plain or compressed with gzip, zstd, xz, bzip2 or lz4";

/// Where a packet lies in the window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) time: Timestamp,
    /// Where the captured bytes begin.
    pub(crate) start: usize,
    /// Where they end.
    pub(crate) end: usize,
    pub(crate) original_len: u32,
    pub(crate) link_type: LinkType,
    pub(crate) check_sequence_len: u8,
    /// Where the next record begins.
    pub(crate) next: usize,
}

impl Found {
    /// Before anything was found; of no link type that there is.
    pub(super) const NOTHING: Self = Self {
        time: Timestamp(0),
        start: 0,
        end: 0,
        original_len: 0,
        link_type: LinkType(u32::MAX),
        check_sequence_len: 0,
        next: 0,
    };

    /// The packet, if these are the bytes of the window.
    #[inline]
    pub(super) fn packet<'b>(&self, bytes: &'b [u8]) -> Packet<'b> {
        Packet {
            time: self.time,
            captured: bytes.get(self.start..self.end).unwrap_or_default(),
            original_len: self.original_len,
            link_type: self.link_type,
            check_sequence_len: self.check_sequence_len,
        }
    }
}

/// What stands at a place. A packet is not part of it: written to where it stays, it is not moved.
pub(crate) enum Step {
    /// A packet, described in the [`Found`] that was handed in.
    Packet,
    /// A packet, after which something stands that cannot be a record: perhaps its length is wrong.
    Suspect,
    /// A block without a packet; the next one begins at `.0`.
    Skip(usize),
    /// A packet or block that cannot be used, whose end is known.
    Unusable(usize, DamageReason),
    /// Something odd that costs nothing: note it and ask again.
    Odd(DamageReason),
    /// It cannot be told before so many bytes from here on are in the window.
    More(usize),
    /// No record, and nothing says where the next one is.
    Broken(DamageReason),
}

/// Whether a plausible record stands at a place.
pub(crate) enum Link {
    /// Yes, and the next one would begin at `next`.
    Record {
        next: usize,
        time: Option<Timestamp>,
    },
    /// No.
    None,
}

/// How to read a file.
#[derive(Clone)]
pub(crate) enum Format {
    Pcap(Pcap),
    PcapNg(PcapNg),
}

impl Format {
    /// Tells the format by the first bytes; the second value is where the first record or block
    /// begins.
    pub(crate) fn detect(bytes: &[u8]) -> Option<(Self, usize)> {
        if let Some(pcapng) = PcapNg::detect(bytes) {
            return Some((Self::PcapNg(pcapng), 0));
        }
        Pcap::detect(bytes).map(|pcap| (Self::Pcap(pcap), HEAD_LEN))
    }

    /// What stands at `at`. `ended` says that no bytes will come after these.
    #[inline]
    pub(crate) fn step(&mut self, bytes: &[u8], at: usize, ended: bool, found: &mut Found) -> Step {
        match self {
            Self::Pcap(pcap) => pcap.step(bytes, at, ended, found),
            Self::PcapNg(pcapng) => pcapng.step(bytes, at, ended, found),
        }
    }

    /// Whether a plausible record stands at `at`, judged more strictly than [`Format::step`] does,
    /// which follows what it can. `near` is when packets were that cannot be far.
    pub(crate) fn link(&self, bytes: &[u8], at: usize, near: Option<Era>) -> Link {
        match self {
            Self::Pcap(pcap) => pcap.link(bytes, at, near),
            Self::PcapNg(pcapng) => pcapng.link(bytes, at),
        }
    }

    /// Whether packets of this link type may come next that can be read without what was before them.
    #[inline]
    pub(crate) fn can_split(&self, link_type: LinkType) -> bool {
        match self {
            Self::Pcap(pcap) => pcap.is_plain() && pcap.link_type() == link_type,
            // Before the first packet it is not known how they look.
            Self::PcapNg(pcapng) => link_type != Found::NOTHING.link_type && pcapng.is_simple(),
        }
    }

    /// How often what it takes to read packets has changed.
    #[inline]
    pub(crate) fn changes(&self) -> u64 {
        match self {
            Self::Pcap(_) => 0,
            Self::PcapNg(pcapng) => pcapng.changes(),
        }
    }

    /// The fewest bytes in front of a packet.
    pub(crate) fn header_len(&self) -> usize {
        match self {
            Self::Pcap(pcap) => pcap.header_len(),
            Self::PcapNg(_) => 4,
        }
    }

    /// Adds what is known of the file to its report.
    pub(crate) fn describe(&self, report: &mut TraceReport) {
        let (format, facts) = match self {
            Self::Pcap(pcap) => (pcap.name(), pcap.facts()),
            Self::PcapNg(pcapng) => (CaptureFormat::PcapNg, pcapng.facts().clone()),
        };
        report.format.get_or_insert(format);
        facts
            .byte_orders
            .into_iter()
            .for_each(|order| add(&mut report.byte_orders, order));
        facts
            .resolutions
            .into_iter()
            .for_each(|resolution| add(&mut report.resolutions, resolution));
        if report.packets == 0 {
            facts
                .link_types
                .into_iter()
                .for_each(|link_type| add(&mut report.link_types, link_type));
        }
        report.check_sequence_len = report.check_sequence_len.or(facts.check_sequence_len);
    }
}

/// What headers and interface descriptions say, each value once.
#[derive(Clone, Default)]
pub(crate) struct Facts {
    pub(crate) byte_orders: Vec<ByteOrder>,
    pub(crate) resolutions: Vec<Resolution>,
    pub(crate) link_types: Vec<LinkType>,
    pub(crate) check_sequence_len: Option<u8>,
}

/// Adds `value` to the values seen, if it is new. Strangers choose the values, so there is a limit
/// to them.
pub(crate) fn add<T: PartialEq>(seen: &mut Vec<T>, value: T) {
    const VALUES_MAX: usize = 64;
    if seen.len() < VALUES_MAX && !seen.contains(&value) {
        seen.push(value);
    }
}

/// Why a file that begins like this cannot be read.
pub(crate) fn describe_stranger(head: &[u8]) -> String {
    let what = match head {
        [] => "the file is empty",
        [b's', b'n', b'o', b'o', b'p', 0, ..] => {
            "this is a Solaris snoop capture; editcap can convert it"
        }
        [b'i', b'p', b't', b'r', b'a', b'c', b'e', b' ', ..] => {
            "this is an AIX iptrace capture; editcap can convert it"
        }
        [b'R', b'T', b'S', b'S', ..] | [b'G', b'M', b'B', b'U', ..] => {
            "this is a Microsoft Network Monitor capture; editcap can convert it"
        }
        [b'T', b'R', b'S', b'N', b'I', b'F', b'F', ..] => {
            "this is a Sniffer capture; editcap can convert it"
        }
        [b'P', b'K', 3, 4, ..] => "this is a zip archive; unpack it first",
        _ if Pcap::has_magic(head) => "the file header is cut short",
        [0x0a, 0x0d, 0x0d, 0x0a, ..] => "a pcapng section header is cut short or broken",
        _ => "this is no capture",
    };
    format!("{what} ({SUPPORTED})")
}
