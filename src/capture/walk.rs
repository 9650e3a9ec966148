//! The walk from record to record, and what was seen on it.

use std::ops::ControlFlow;

use super::format::{Format, Found, Step};
use super::inputs::Take;
use super::packet::{Era, LinkType, Timestamp};
use super::pcap::PLAIN_HEADER_LEN;
use super::prefetch::fetch_ahead;
use super::scout::Scout;

/// What was seen of some packets that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) packets: u64,
    /// The smallest and the largest time of a packet, and that of the latest one.
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    pub(crate) latest: Timestamp,
}

impl Seen {
    pub(crate) const NOTHING: Self = Self {
        packets: 0,
        first: Timestamp(i64::MAX),
        last: Timestamp(i64::MIN),
        latest: Timestamp(0),
    };

    #[inline]
    pub(crate) fn add(&mut self, time: Timestamp) {
        self.packets += 1;
        self.first = self.first.min(time);
        self.last = self.last.max(time);
        self.latest = time;
    }

    /// Adds the packets that follow.
    pub(crate) fn append(&mut self, following: &Self) {
        if following.packets > 0 {
            *self = Self {
                packets: self.packets + following.packets,
                first: self.first.min(following.first),
                last: self.last.max(following.last),
                latest: following.latest,
            };
        }
    }

    /// When the packets were, if there are any. The latest one alone may be made of damage.
    pub(crate) fn era(&self) -> Option<Era> {
        let (first, last) = (self.first, self.last);
        (self.packets > 0).then_some(Era { first, last })
    }
}

/// How far records were followed.
pub(crate) struct Walk {
    /// Where the next record begins.
    pub(crate) at: usize,
    /// Up to where bytes were asked for in advance.
    pub(crate) reached: usize,
    pub(crate) seen: Seen,
    scout: Scout,
}

impl Walk {
    pub(crate) fn new(at: usize) -> Self {
        Self::with(Scout::default(), at)
    }

    /// One that ends at `until`, of about so many records.
    pub(crate) fn short(at: usize, until: usize, records: usize) -> Self {
        Self::with(Scout::of(at, until, records), at)
    }

    fn with(scout: Scout, at: usize) -> Self {
        Self {
            at,
            reached: 0,
            seen: Seen::NOTHING,
            scout,
        }
    }

    /// Gives `take` the packets of a plain pcap file whose records begin before `until`, as long as it
    /// takes them, `bytes` are in order and nothing has to be looked at closer. Each record header is read
    /// once, and what most packets leave as it is stays in registers.
    #[inline]
    pub(crate) fn follow<T: Take>(
        &mut self,
        format: &Format,
        bytes: &[u8],
        until: usize,
        are_lost: impl Fn() -> bool,
        take: &mut T,
    ) -> ControlFlow<T::Broken> {
        let Format::Pcap(pcap) = format else {
            return ControlFlow::Continue(());
        };
        let Some(mut header) = pcap.plain_header(bytes, self.at) else {
            return ControlFlow::Continue(());
        };
        let (mut at, mut reached) = (self.at, self.reached);
        let mut seen = self.seen;
        let mut taken = ControlFlow::Continue(());
        while taken.is_continue() && at < until {
            if !self.scout.fetch(format, bytes, at) {
                reached = fetch_ahead(bytes, at, reached);
            }
            let Some((packet, following)) = pcap.plain_record(bytes, at, &header) else {
                break;
            };
            // To look at the header behind it may have been what found out.
            if are_lost() {
                break;
            }
            seen.add(packet.time);
            at += PLAIN_HEADER_LEN + packet.captured.len();
            header = following;
            taken = take.packet(packet);
        }
        (self.at, self.reached, self.seen) = (at, reached, seen);
        taken
    }

    /// The same for packets of one link type in a pcapng file: up to where something has to be looked at
    /// closer, or where `format`, a copy, changes.
    pub(crate) fn follow_blocks<T: Take>(
        &mut self,
        mut format: Format,
        bytes: &[u8],
        until: usize,
        link_type: LinkType,
        take: &mut T,
    ) -> ControlFlow<T::Broken> {
        let mut found = Found::NOTHING;
        let changes = format.changes();
        while self.at < until {
            self.reached = fetch_ahead(bytes, self.at, self.reached);
            match format.step(bytes, self.at, true, &mut found) {
                Step::Packet if found.link_type == link_type => {}
                Step::Skip(next) if format.changes() == changes => {
                    self.at = next;
                    continue;
                }
                _ => break,
            }
            self.seen.add(found.time);
            self.at = found.next;
            if let ControlFlow::Break(value) = take.packet(found.packet(bytes)) {
                return ControlFlow::Break(value);
            }
        }
        ControlFlow::Continue(())
    }

    /// What begins beyond this place somebody else may read.
    pub(crate) fn limit(&mut self, until: usize) {
        self.scout.limit(until);
    }

    /// Goes to `at`, where the records behind these packets begin.
    pub(crate) fn skip(&mut self, at: usize, packets: &Seen) {
        self.at = at;
        self.seen.append(packets);
        self.scout.skip(packets.packets);
    }
}
