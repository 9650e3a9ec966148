//! The next generation format: sections of blocks, each with its type in front and its length at
//! both ends.
//!
//! <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html>. pcap-parser takes options apart
//! for us (`interface`); its block readers are not used: they refuse a whole packet for an option
//! that overruns, and allocate for each.

use super::MAX_RECORD_LEN;
use super::format::{Facts, Found, Link, Step, add};
use super::interface::{FLAGS_LEN, Interface, describe, own_check_sequence_len};
use super::packet::{LinkType, Timestamp};
use super::pcap::Pcap;
use super::report::{ByteOrder, DamageReason};

/// Interfaces that are kept of a section.
const INTERFACES_MAX: usize = 65_536;

/// So many may be copied for each stretch of a file.
const INTERFACES_FEW: usize = 64;

/// The shortest block: a type and two lengths.
const FRAME_LEN: usize = 12;

/// Blocks longer than a packet with some options prove nothing when the way back is looked for.
const PLAUSIBLE_LEN_MAX: usize = 266_240;

/// A section's type, the same in both byte orders.
const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// Block types.
mod kind {
    pub(super) const INTERFACE: u32 = 1;
    pub(super) const PACKET: u32 = 2;
    pub(super) const SIMPLE_PACKET: u32 = 3;
    pub(super) const ENHANCED_PACKET: u32 = 6;
    pub(super) const SECTION: u32 = 0x0a0d_0d0a;
    /// Those above, and: names, statistics, journal entries, secrets, custom blocks.
    pub(super) const KNOWN: [u32; 11] = [
        ENHANCED_PACKET,
        INTERFACE,
        PACKET,
        SIMPLE_PACKET,
        SECTION,
        4,
        5,
        9,
        10,
        0xbad,
        0x4000_0bad,
    ];
}

/// How to read the blocks at hand.
#[derive(Clone)]
pub(crate) struct PcapNg {
    byte_order: ByteOrder,
    /// Those of the section, by number; `None` where a description could not be read.
    interfaces: Vec<Option<Interface>>,
    /// How often they changed.
    changes: u64,
    /// The block at the cursor has been found odd, noted, and is to be read all the same.
    forgiven: bool,
    facts: Facts,
}

/// A block that lies in the window as a whole.
#[derive(Clone, Copy)]
struct Block<'a> {
    kind: u32,
    /// What stands between the lengths.
    body: &'a [u8],
    /// Where the body begins.
    start: usize,
    /// Where the next block begins.
    next: usize,
}

impl PcapNg {
    /// Looks at the first section header, which is then the first block to be read; `None` if there
    /// is none.
    pub(crate) fn detect(bytes: &[u8]) -> Option<Self> {
        let byte_order = section_byte_order(bytes)?;
        Some(Self {
            byte_order,
            interfaces: Vec::new(),
            changes: 0,
            forgiven: false,
            facts: Facts::default(),
        })
    }

    /// Whether `bytes` begin as a section does.
    pub(crate) fn begins(bytes: &[u8]) -> bool {
        section_byte_order(bytes).is_some()
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// How often what is known of interfaces has changed.
    #[inline]
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// Whether copies of what is known of interfaces are small, and no block is read in another way
    /// than others.
    #[inline]
    pub(crate) fn is_simple(&self) -> bool {
        self.interfaces.len() <= INTERFACES_FEW && !self.forgiven
    }

    /// What stands at `at`.
    #[inline]
    pub(crate) fn step(&mut self, bytes: &[u8], at: usize, ended: bool, found: &mut Found) -> Step {
        let Some(head) = bytes.get(at..).and_then(<[u8]>::first_chunk::<12>) else {
            return Step::More(FRAME_LEN);
        };
        let mut byte_order = self.byte_order;
        if head.starts_with(&SECTION) {
            match self.judge_section(bytes, at, ended) {
                Ok(order) => byte_order = order,
                Err(step) => return step,
            }
        }
        let (kind, stated_len) = (word(byte_order, head, 0), word(byte_order, head, 4));
        let len = stated_len as usize;
        if !(FRAME_LEN..=MAX_RECORD_LEN).contains(&len) || Pcap::has_magic(head) {
            return Step::Broken(DamageReason::BadLength(stated_len));
        }
        let Some(block) = bytes.get(at..at + len) else {
            return Step::More(len);
        };
        let mut next = at + len;
        if word(byte_order, block, len - 4) != stated_len {
            match self.judge_trailer(bytes, at, byte_order, ended) {
                Ok(end) => next = end,
                Err(step) => return step,
            }
        }
        let body = block.get(8..len - 4).unwrap_or_default();
        self.byte_order = byte_order;
        let block = Block {
            kind,
            body,
            start: at + 8,
            next,
        };
        self.read(block, found)
    }

    /// The byte order of a new section: as its magic number says, unless its length makes sense only
    /// in the other one, as some writers have it.
    #[cold]
    fn judge_section(&mut self, bytes: &[u8], at: usize, ended: bool) -> Result<ByteOrder, Step> {
        let head = bytes.get(at..).unwrap_or_default();
        let stated = section_byte_order(head).ok_or(Step::Broken(DamageReason::BadSection))?;
        let other = stated.other();
        let len = word(other, head, 4) as usize;
        if frame_at(bytes, at, stated).is_some()
            || frame_at(bytes, at, other).is_none()
            || len > PLAUSIBLE_LEN_MAX
        {
            return Ok(stated);
        }
        if head.len() < len && !ended {
            return Err(Step::More(len));
        }
        if head.len() < len || word(other, head, len - 4) as usize != len {
            return Ok(stated);
        }
        if std::mem::take(&mut self.forgiven) {
            return Ok(other);
        }
        self.forgiven = true;
        Err(Step::Odd(DamageReason::BadSection))
    }

    /// Where a block ends whose trailing length is not where it should be or not what it should be.
    #[cold]
    fn judge_trailer(
        &mut self,
        bytes: &[u8],
        at: usize,
        order: ByteOrder,
        ended: bool,
    ) -> Result<usize, Step> {
        let leading = bytes.get(at..).map_or(0, |block| word(order, block, 4));
        let end = at + leading as usize;
        let padded = at + (leading as usize).next_multiple_of(4);
        if !ended && bytes.len() < padded + FRAME_LEN {
            return Err(Step::More(padded - at + FRAME_LEN));
        }
        // Some writers pad their blocks without counting the padding.
        if bytes
            .get(at..padded)
            .is_some_and(|block| word(order, block, padded - at - 4) == leading)
        {
            return Ok(padded);
        }
        if std::mem::take(&mut self.forgiven) {
            return Ok(end);
        }
        let trailing = bytes
            .get(at..end)
            .map_or(0, |block| word(order, block, leading as usize - 4));
        let reason = DamageReason::TrailerMismatch { leading, trailing };
        if end == bytes.len() || frame_at(bytes, end, order).is_some() {
            self.forgiven = true;
            return Err(Step::Odd(reason));
        }
        Err(Step::Broken(reason))
    }

    #[inline]
    fn read(&mut self, block: Block<'_>, found: &mut Found) -> Step {
        match block.kind {
            kind::ENHANCED_PACKET => self.enhanced_packet(block, found),
            kind::PACKET => self.packet(block, found),
            kind::SIMPLE_PACKET => self.simple_packet(block, found),
            kind::INTERFACE => self.interface(block),
            kind::SECTION => self.section(block),
            _ => Step::Skip(block.next),
        }
    }

    #[inline]
    fn enhanced_packet(&self, block: Block<'_>, found: &mut Found) -> Step {
        match block.body.first_chunk::<20>() {
            Some(head) => self.timed_packet(block, head, self.word(head, 0), found),
            None => block.short(),
        }
    }

    /// The obsolete form: interfaces have 16 bits, the other 16 count losses.
    #[inline(never)]
    fn packet(&self, block: Block<'_>, found: &mut Found) -> Step {
        let Some(head) = block.body.first_chunk::<20>() else {
            return block.short();
        };
        let [a, b, ..] = *head;
        let interface = self.byte_order.u16([a, b]);
        self.timed_packet(block, head, u32::from(interface), found)
    }

    #[inline(always)]
    fn timed_packet(
        &self,
        block: Block<'_>,
        head: &[u8; 20],
        interface_id: u32,
        found: &mut Found,
    ) -> Step {
        let Some(interface) = self.interface_of(interface_id) else {
            return Step::Unusable(block.next, DamageReason::UnknownInterface(interface_id));
        };
        let ticks = u64::from(self.word(head, 4)) << 32 | u64::from(self.word(head, 8));
        let captured_len = self.word(head, 12) as usize;
        let Some(left) = (block.body.len() - head.len()).checked_sub(captured_len) else {
            return block.short();
        };
        let start = block.start + head.len();
        *found = Found {
            time: interface.clock.time(ticks),
            start,
            end: start + captured_len,
            original_len: self.word(head, 16),
            link_type: interface.link_type,
            check_sequence_len: interface.check_sequence_len,
            next: block.next,
        };
        if left >= FLAGS_LEN
            && let Some(own) = own_check_sequence_len(block.body, left, self.byte_order)
        {
            found.check_sequence_len = own;
        }
        Step::Packet
    }

    /// A packet without a time, of the first interface, with as many bytes as its block and the
    /// snap length allow.
    fn simple_packet(&self, block: Block<'_>, found: &mut Found) -> Step {
        let Some((head, data)) = block.body.split_first_chunk::<4>() else {
            return block.short();
        };
        let Some(interface) = self.interface_of(0) else {
            return Step::Unusable(block.next, DamageReason::UnknownInterface(0));
        };
        let original_len = self.word(head, 0);
        let snap_len = if interface.snap_len == 0 {
            u32::MAX
        } else {
            interface.snap_len
        };
        let captured_len = data.len().min(original_len.min(snap_len) as usize);
        let start = block.start + head.len();
        *found = Found {
            time: Timestamp(0),
            start,
            end: start + captured_len,
            original_len,
            link_type: interface.link_type,
            check_sequence_len: interface.check_sequence_len,
            next: block.next,
        };
        Step::Packet
    }

    fn interface(&mut self, block: Block<'_>) -> Step {
        self.changes += 1;
        if self.interfaces.len() >= INTERFACES_MAX {
            return Step::Unusable(block.next, DamageReason::TooManyInterfaces);
        }
        let Some((head, options)) = block.body.split_first_chunk::<8>() else {
            // It keeps its number, or the packets of the next one would be taken for its own.
            self.interfaces.push(None);
            return block.short();
        };
        let [a, b, _, _, ..] = *head;
        let link_type = self.byte_order.u16([a, b]);
        let described = describe(options, self.byte_order);
        let interface = Interface {
            link_type: LinkType(u32::from(link_type)),
            check_sequence_len: described.check_sequence_len.unwrap_or(0),
            snap_len: self.word(head, 4),
            clock: described.clock,
        };
        let known = &mut self.facts.check_sequence_len;
        *known = known.or(described.check_sequence_len);
        add(&mut self.facts.resolutions, described.resolution);
        add(&mut self.facts.link_types, interface.link_type);
        self.interfaces.push(Some(interface));
        Step::Skip(block.next)
    }

    fn section(&mut self, block: Block<'_>) -> Step {
        self.changes += 1;
        self.interfaces.clear();
        add(&mut self.facts.byte_orders, self.byte_order);
        Step::Skip(block.next)
    }

    /// Whether a plausible block stands at `at`: of a known type, not too long, with two equal
    /// lengths.
    pub(crate) fn link(&self, bytes: &[u8], at: usize) -> Link {
        let rest = bytes.get(at..).unwrap_or_default();
        let byte_order = section_byte_order(rest).unwrap_or(self.byte_order);
        match frame_at(bytes, at, byte_order) {
            Some(len) if len <= PLAUSIBLE_LEN_MAX => match rest.get(..len) {
                Some(block) if word(byte_order, block, len - 4) as usize != len => Link::None,
                _ => Link::Record {
                    next: at + len,
                    time: None,
                },
            },
            _ => Link::None,
        }
    }

    #[inline]
    fn interface_of(&self, id: u32) -> Option<&Interface> {
        self.interfaces.get(id as usize)?.as_ref()
    }

    #[inline]
    fn word(&self, bytes: &[u8], at: usize) -> u32 {
        word(self.byte_order, bytes, at)
    }
}

impl Block<'_> {
    #[cold]
    fn short(&self) -> Step {
        Step::Unusable(self.next, DamageReason::ShortBlock(self.kind))
    }
}

/// The byte order of the section that begins here, if one does.
#[inline]
fn section_byte_order(bytes: &[u8]) -> Option<ByteOrder> {
    match bytes {
        [
            0x0a,
            0x0d,
            0x0d,
            0x0a,
            _,
            _,
            _,
            _,
            0x1a,
            0x2b,
            0x3c,
            0x4d,
            ..,
        ] => Some(ByteOrder::Big),
        [
            0x0a,
            0x0d,
            0x0d,
            0x0a,
            _,
            _,
            _,
            _,
            0x4d,
            0x3c,
            0x2b,
            0x1a,
            ..,
        ] => Some(ByteOrder::Little),
        _ => None,
    }
}

/// The length of the block whose frame seems to begin at `at`.
fn frame_at(bytes: &[u8], at: usize, byte_order: ByteOrder) -> Option<usize> {
    let head = bytes.get(at..)?.first_chunk::<12>()?;
    let len = word(byte_order, head, 4) as usize;
    let known = kind::KNOWN.contains(&word(byte_order, head, 0));
    (known && len.is_multiple_of(4) && (FRAME_LEN..=MAX_RECORD_LEN).contains(&len)).then_some(len)
}

/// The word at `at`; callers have made sure that there is one.
#[inline]
fn word(byte_order: ByteOrder, bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk::<4>)
        .copied()
        .unwrap_or_default();
    byte_order.u32(bytes)
}
