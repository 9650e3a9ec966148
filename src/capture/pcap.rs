//! The classic format: a file header of 24 bytes, then records, each with a header that says how
//! long it is.
//!
//! <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html>, and what libpcap's sf-pcap.c
//! does beyond it. The file header is read by pcap-parser, the records by us: its iterators take
//! every record for little-endian.

use std::ops::Range;

use memchr::memchr_iter;

use super::MAX_RECORD_LEN;
use super::format::{Facts, Found, HEAD_LEN, Link, Step};
use super::packet::{Era, LinkType, Packet, Timestamp};
use super::pcapng::PcapNg;
use super::report::{ByteOrder, CaptureFormat, DamageReason, Resolution};

/// libpcap's limit of a record's captured length, whatever the file header says.
const CAPTURED_MAX: u32 = 262_144;

/// Bytes of a record's header, unless the format is a modified one.
pub(crate) const PLAIN_HEADER_LEN: usize = 16;

/// Where in it the captured length stands.
pub(crate) const CAPTURED_LEN_AT: usize = 8;

/// A snap length beyond this is no promise but a wish, and says nothing of the lengths to expect.
const SNAP_LEN_MAX: u32 = 16 << 20;

/// No two neighbours in a chain of records that is to be believed are further apart: 100 days.
const NEIGHBOUR_NS_MAX: i64 = 100 * 86_400 * 1_000_000_000;

/// The file header's last field: the number of the link type, its class, which is to be ignored
/// but for NetBSD's, and what there is of a frame check sequence.
const NUMBER_MASK: u32 = 0x0000_ffff;
const CLASS_MASK: u32 = 0x03ff_0000;
const CHECK_SEQUENCE_KNOWN: u32 = 0x0400_0000;

/// How to read the records of a file.
#[derive(Clone)]
pub(crate) struct Pcap {
    byte_order: ByteOrder,
    /// Record headers have 8 more bytes, which say nothing we need (Kuznetzov's patch).
    modified: bool,
    first_length: FirstLength,
    /// Nanoseconds in a unit of the time's fraction.
    unit_ns: u32,
    captured_max: u32,
    link_type: LinkType,
    /// Bytes of check sequence at the end of each frame, if the file header says so.
    check_sequence_len: Option<u8>,
}

/// Which length a record states first. Before version 2.4 it was the other one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FirstLength {
    Captured,
    Original,
    /// Version 2.3 was written both ways: the captured length is the smaller one.
    Unsure,
}

#[derive(Clone, Copy)]
pub(crate) struct RecordHeader {
    seconds: u32,
    fraction: u32,
    captured_len: u32,
    original_len: u32,
}

/// What the file header's last field says of the link type.
fn link_type(network: u32) -> LinkType {
    let is_raw = network & CLASS_MASK == LinkType::RAW_CLASS;
    let mask = if is_raw { CLASS_MASK } else { 0 };
    LinkType(network & (mask | NUMBER_MASK))
}

/// What it says of the check sequence: the top four bits count 16-bit words.
fn check_sequence_len(network: u32) -> Option<u8> {
    let words = u8::try_from(network >> 28).unwrap_or_default();
    (network & CHECK_SEQUENCE_KNOWN != 0).then_some(words * 2)
}

impl Pcap {
    /// Reads a file header; `None` if there is none or it is cut short.
    pub(crate) fn detect(bytes: &[u8]) -> Option<Self> {
        let mut head = *bytes.first_chunk::<HEAD_LEN>()?;
        let modified_big = head.first_chunk() == Some(&[0xa1, 0xb2, 0xcd, 0x34]);
        if modified_big {
            // pcap-parser does not know this one: let it read the plain form of the same byte
            // order.
            *head.first_chunk_mut()? = [0xa1, 0xb2, 0xc3, 0xd4];
        }
        let (_, header) = pcap_parser::parse_pcap_header(&head).ok()?;
        let big = header.is_bigendian();
        let network = header.network.0.cast_unsigned();
        let snap_len = if header.snaplen > SNAP_LEN_MAX {
            0
        } else {
            header.snaplen
        };
        Some(Self {
            byte_order: if big {
                ByteOrder::Big
            } else {
                ByteOrder::Little
            },
            modified: modified_big || header.is_modified_format(),
            first_length: FirstLength::of_version(header.version_major, header.version_minor),
            unit_ns: if header.is_nanosecond_precision() {
                1
            } else {
                1000
            },
            captured_max: snap_len.max(CAPTURED_MAX),
            link_type: link_type(network),
            check_sequence_len: check_sequence_len(network),
        })
    }

    /// Whether `head` begins as a pcap file does.
    pub(crate) fn has_magic(head: &[u8]) -> bool {
        matches!(
            head,
            [0xa1, 0xb2, 0xc3, 0xd4, ..]
                | [0xd4, 0xc3, 0xb2, 0xa1, ..]
                | [0xa1, 0xb2, 0x3c, 0x4d, ..]
                | [0x4d, 0x3c, 0xb2, 0xa1, ..]
                | [0xa1, 0xb2, 0xcd, 0x34, ..]
                | [0x34, 0xcd, 0xb2, 0xa1, ..]
        )
    }

    /// Whether a whole file header of a known version stands here: files are put together with
    /// `cat`.
    pub(crate) fn file_header_at(bytes: &[u8], at: usize) -> bool {
        let Some(head) = bytes.get(at..).and_then(<[u8]>::first_chunk::<HEAD_LEN>) else {
            return false;
        };
        let [first, _, _, _, version @ ..] = head;
        let [a, b, c, d, ..] = *version;
        let version = match first {
            0xa1 => [b, a, d, c],
            _ => [a, b, c, d],
        };
        Self::has_magic(head) && matches!(version, [2, 0, 0..=4, 0])
    }

    /// Whether another capture's file header stands here.
    pub(crate) fn capture_begins(bytes: &[u8], at: usize) -> bool {
        Self::file_header_at(bytes, at) || bytes.get(at..).is_some_and(PcapNg::begins)
    }

    pub(crate) fn header_len(&self) -> usize {
        if self.modified { 24 } else { PLAIN_HEADER_LEN }
    }

    #[inline]
    pub(crate) fn link_type(&self) -> LinkType {
        self.link_type
    }

    pub(crate) fn name(&self) -> CaptureFormat {
        if self.modified {
            CaptureFormat::PcapModified
        } else {
            CaptureFormat::Pcap
        }
    }

    pub(crate) fn facts(&self) -> Facts {
        Facts {
            byte_orders: vec![self.byte_order],
            resolutions: vec![Resolution::Decimal(if self.unit_ns == 1 { 9 } else { 6 })],
            link_types: vec![self.link_type],
            check_sequence_len: self.check_sequence_len,
        }
    }

    /// What stands at `at`.
    #[inline]
    pub(crate) fn step(&self, bytes: &[u8], at: usize, ended: bool, found: &mut Found) -> Step {
        let Some(header) = self.header_at(bytes, at) else {
            return Step::More(self.header_len());
        };
        let captured_len = header.captured_len as usize;
        let odd = header.captured_len == 0 || header.captured_len > self.captured_max;
        if odd && let Some(step) = self.odd_step(bytes, at, &header, ended) {
            return step;
        }
        let start = at + self.header_len();
        let next = start + captured_len;
        *found = Found {
            time: self.time(&header),
            start,
            end: next,
            original_len: header.original_len,
            link_type: self.link_type,
            check_sequence_len: self.check_sequence_len.unwrap_or(0),
            next,
        };
        // A look at the next record, whose header is needed soon anyway, shows a length that leads
        // astray.
        match self.header_at(bytes, next) {
            Some(following) if self.is_followed_by(&header, &following) => Step::Packet,
            Some(_) if Self::capture_begins(bytes, next) => Step::Packet,
            Some(_) => Step::Suspect,
            None if ended && next <= bytes.len() => Step::Packet,
            None => Step::More(next - at + HEAD_LEN),
        }
    }

    /// Whether the file is as nearly all are, in the byte order of nearly all processors.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        !self.modified
            && self.byte_order == ByteOrder::Little
            && self.first_length == FirstLength::Captured
    }

    /// The header of the record at `at` of a plain file, for [`Pcap::plain_record`] to go on from.
    #[inline]
    pub(crate) fn plain_header(&self, bytes: &[u8], at: usize) -> Option<RecordHeader> {
        self.is_plain().then(|| header_in_place(bytes, at))?
    }

    /// The packet of the record at `at`, whose header this is, and the header behind it; `None` if
    /// anything about them is odd, which is for [`Pcap::step`] to judge. What this finds, that does.
    #[inline(always)]
    pub(crate) fn plain_record<'b>(
        &self,
        bytes: &'b [u8],
        at: usize,
        header: &RecordHeader,
    ) -> Option<(Packet<'b>, RecordHeader)> {
        let captured_len = header.captured_len;
        if captured_len == 0 || captured_len > self.captured_max {
            return None;
        }
        let start = at + PLAIN_HEADER_LEN;
        let end = start + captured_len as usize;
        let following = header_in_place(bytes, end)?;
        if !following.has_plausible_lengths() {
            return None;
        }
        let packet = Packet {
            time: self.time(header),
            captured: bytes.get(start..end)?,
            original_len: header.original_len,
            link_type: self.link_type,
            check_sequence_len: self.check_sequence_len.unwrap_or(0),
        };
        Some((packet, following))
    }

    /// Whether the record header of a packet may be at `at` of a plain file: says no nearly everywhere else.
    #[inline]
    pub(crate) fn may_begin(&self, bytes: &[u8], at: usize) -> bool {
        let header = self.plain_header(bytes, at);
        header.is_some_and(|header| header.captured_len > 0 && header.has_plausible_lengths())
    }

    /// The places in `places` at which it may be.
    pub(crate) fn may_begin_in<'b>(
        &'b self,
        bytes: &'b [u8],
        places: Range<usize>,
    ) -> impl Iterator<Item = usize> + 'b {
        // No length is so great that it takes the last byte, which rules out most places at once.
        let [first, until] = [places.start, places.end]
            .map(|place| place.saturating_add(PLAIN_HEADER_LEN - 1).min(bytes.len()));
        let last_bytes = bytes.get(first..until).unwrap_or_default();
        let candidates = memchr_iter(0, last_bytes).map(move |skipped| places.start + skipped);
        candidates.filter(|&at| self.may_begin(bytes, at))
    }

    /// Where the record at `at` says that the next one begins.
    #[inline]
    pub(crate) fn behind(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let header = self.plain_header(bytes, at)?;
        (at + PLAIN_HEADER_LEN).checked_add(header.captured_len as usize)
    }

    /// Whether `following` may well be the next record. Its captured length alone does not tell:
    /// where four bytes are missing, the original length stands in its place, and all records from
    /// there on could be followed beside where they are. Then both other fields make no sense.
    #[inline]
    fn is_followed_by(&self, header: &RecordHeader, following: &RecordHeader) -> bool {
        following.captured_len as usize <= MAX_RECORD_LEN
            && (following.has_plausible_lengths()
                || Era::of(self.time(header)).is_near(self.time(following), NEIGHBOUR_NS_MAX))
    }

    /// Looks closer at a record without bytes or with too many. `None` if it is to be taken as it
    /// is.
    #[cold]
    fn odd_step(
        &self,
        bytes: &[u8],
        at: usize,
        header: &RecordHeader,
        ended: bool,
    ) -> Option<Step> {
        let here = bytes.len() - at;
        if here < HEAD_LEN && !ended {
            return Some(Step::More(HEAD_LEN));
        }
        if Self::capture_begins(bytes, at) {
            return Some(Step::Broken(DamageReason::BadLength(header.captured_len)));
        }
        if header.is_zero() {
            return Some(Step::Broken(DamageReason::Zeros));
        }
        if header.captured_len == 0 {
            return None;
        }
        if header.captured_len as usize > MAX_RECORD_LEN {
            return Some(Step::Broken(DamageReason::BadLength(header.captured_len)));
        }
        // Longer than libpcap would take, but not absurd: what comes after it decides.
        let needed = self.header_len() + header.captured_len as usize;
        if !ended && here < needed + HEAD_LEN {
            return Some(Step::More(needed + HEAD_LEN));
        }
        let next = at + needed;
        let sensible = next == bytes.len()
            || matches!(
                self.link(bytes, next, Some(Era::of(self.time(header)))),
                Link::Record { .. }
            );
        (!sensible && next < bytes.len())
            .then_some(Step::Broken(DamageReason::BadLength(header.captured_len)))
    }

    /// Whether a plausible record stands at `at`.
    #[inline]
    pub(crate) fn link(&self, bytes: &[u8], at: usize, near: Option<Era>) -> Link {
        let Some(header) = self.header_at(bytes, at) else {
            return Link::None;
        };
        let plausible = (1..=CAPTURED_MAX).contains(&header.captured_len)
            && (header.captured_len..=CAPTURED_MAX).contains(&header.original_len)
            && u64::from(header.fraction) * u64::from(self.unit_ns) < 1_000_000_000;
        if !plausible {
            return Link::None;
        }
        let time = self.time(&header);
        if near.is_some_and(|near| !near.is_near(time, NEIGHBOUR_NS_MAX)) {
            return Link::None;
        }
        Link::Record {
            next: at + self.header_len() + header.captured_len as usize,
            time: Some(time),
        }
    }

    #[inline]
    fn header_at(&self, bytes: &[u8], at: usize) -> Option<RecordHeader> {
        let fields = bytes.get(at..)?.first_chunk::<16>()?;
        let mut header = match self.byte_order {
            ByteOrder::Little => RecordHeader::of(fields, u32::from_le_bytes),
            ByteOrder::Big => RecordHeader::of(fields, u32::from_be_bytes),
        };
        let RecordHeader {
            captured_len: first_len,
            original_len: second_len,
            ..
        } = header;
        let swapped = match self.first_length {
            FirstLength::Captured => false,
            FirstLength::Original => true,
            FirstLength::Unsure => first_len > second_len,
        };
        if swapped {
            (header.captured_len, header.original_len) = (second_len, first_len);
        }
        Some(header)
    }

    /// A fraction of more than a second, as broken writers make it, counts as what it says.
    #[inline]
    fn time(&self, header: &RecordHeader) -> Timestamp {
        Timestamp(
            i64::from(header.seconds) * 1_000_000_000
                + i64::from(header.fraction) * i64::from(self.unit_ns),
        )
    }
}

impl RecordHeader {
    /// Of words in their usual order.
    #[inline(always)]
    fn of(fields: &[u8; PLAIN_HEADER_LEN], word: fn([u8; 4]) -> u32) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *fields;
        Self {
            seconds: word([a, b, c, d]),
            fraction: word([e, f, g, h]),
            captured_len: word([i, j, k, l]),
            original_len: word([m, n, o, p]),
        }
    }

    /// No more was captured than there was, nor than libpcap would take.
    #[inline]
    fn has_plausible_lengths(&self) -> bool {
        (self.captured_len..=CAPTURED_MAX).contains(&self.original_len)
    }

    /// Whether it is nothing but zeros, as where a file was extended and not written: a packet of 1970 that had no
    /// bytes nobody captures.
    fn is_zero(&self) -> bool {
        self.seconds | self.fraction | self.captured_len | self.original_len == 0
    }
}

/// The record header at `at`, of a file of version 2.4 in little-endian order.
#[inline(always)]
fn header_in_place(bytes: &[u8], at: usize) -> Option<RecordHeader> {
    let fields = bytes.get(at..)?.first_chunk::<PLAIN_HEADER_LEN>()?;
    Some(RecordHeader::of(fields, u32::from_le_bytes))
}

impl FirstLength {
    /// As libpcap has it; 543.0 is DG/UX.
    fn of_version(major: u16, minor: u16) -> Self {
        match (major, minor) {
            (2, 0..=2) | (543, _) => Self::Original,
            (2, 3) => Self::Unsure,
            _ => Self::Captured,
        }
    }
}
