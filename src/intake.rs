//! From captured packets to what the flow tables see: decodes each packet, keeps the trace clock,
//! finds the flows of later fragments, and counts the fates of all that is in no flow.
//!
//! All but the decoding needs the packets in their order. So packets may be decoded elsewhere, by
//! a [`Decoder`]. Where nothing is decoded elsewhere, a packet as most are goes from its bytes to its
//! worker's batch in one function of the reader's, and its headers are never put together in memory:
//! hence the `inline(always)` from there to `decode::fast`. All other packets leave it early.

use crate::capture::{LinkType, Packet, Timestamp, Viewer};
use crate::config::{FlowOptions, Group};
use crate::decode::{
    Decoded, Fate, Headers, LaterFragment, LinkInfo, Want, decode, decode_any, decode_plain,
};
use crate::flow::{FragmentKey, PacketFacts, PacketInfo, marks};
use crate::fragments::Fragments;
use crate::key::KeyHasher;
use crate::summary::{Fates, PacketSummary};

/// The trace clock (spec 1): it follows the packets, but no single packet can move it ahead.
#[derive(Clone, Copy, Debug, Default)]
struct TraceClock {
    now: Timestamp,
    previous: Timestamp,
    packets: u64,
}

impl TraceClock {
    /// The clock once a packet of `time` is counted.
    #[inline]
    fn tick(&mut self, time: Timestamp) -> Timestamp {
        let confirmed = time.min(self.previous);
        self.now = match self.packets {
            0 => time,
            1 => confirmed,
            _ => self.now.max(confirmed),
        };
        self.previous = time;
        self.packets += 1;
        self.now
    }
}

/// What a capture says of a packet beside its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Captured {
    /// When it was captured.
    pub time: Timestamp,
    /// What its first header is.
    pub link_type: LinkType,
    /// How long it was on the wire.
    pub original_len: u32,
    /// Less of it was captured.
    pub is_truncated: bool,
}

impl From<&Packet<'_>> for Captured {
    #[inline]
    fn from(packet: &Packet<'_>) -> Self {
        Self {
            time: packet.time,
            link_type: packet.link_type,
            original_len: packet.original_len,
            is_truncated: packet.captured.len() < packet.original_len as usize,
        }
    }
}

/// A packet that was decoded.
#[derive(Clone, Debug)]
pub struct DecodedPacket {
    captured: Captured,
    decoded: Decoded,
    link: LinkInfo,
}

/// Decodes packets for an [`Intake`].
#[derive(Clone, Copy, Debug)]
pub struct Decoder {
    want: Want,
}

impl Decoder {
    /// `link` is filled in if the group is on.
    #[inline(always)]
    fn decode(self, packet: &Packet<'_>, link: &mut LinkInfo) -> Decoded {
        let (frame, length) = packet.frame();
        decode(packet.link_type, frame, length, self.want, link)
    }
}

impl Viewer for Decoder {
    type View = DecodedPacket;

    fn view(&self, packet: &Packet<'_>) -> DecodedPacket {
        let mut link = LinkInfo::default();
        DecodedPacket {
            decoded: self.decode(packet, &mut link),
            captured: packet.into(),
            link,
        }
    }
}

/// The state that goes along with the packets of a trace, in their order.
pub struct Intake {
    hasher: KeyHasher,
    fragments: Fragments,
    clock: TraceClock,
    counted: PacketSummary,
    /// The link type of the latest packets, and the number of the first of them.
    latest: (LinkType, u64),
    decoder: Decoder,
}

impl Intake {
    /// The state before the first packet.
    pub fn new(options: &FlowOptions, hasher: KeyHasher) -> Self {
        let groups = options.groups;
        Self {
            fragments: Fragments::new(hasher.state()),
            hasher,
            clock: TraceClock::default(),
            counted: PacketSummary::default(),
            latest: (LinkType::ETHERNET, 0),
            decoder: Decoder {
                want: Want {
                    options: groups.has(Group::Opt) || groups.has(Group::Seq),
                    link: groups.has(Group::Link),
                    decap: options.decap,
                },
            },
        }
    }

    /// What decodes packets for it.
    pub fn decoder(&self) -> Decoder {
        self.decoder
    }

    /// What the tables see of the next packet, unless it is in no flow. `link` is filled in if the
    /// group is on.
    #[inline]
    pub fn packet(&mut self, packet: &Packet<'_>, link: &mut LinkInfo) -> Option<PacketInfo> {
        match self.plain(packet, link) {
            Some(info) => Some(info),
            None => self.other(packet, link),
        }
    }

    /// The same for a packet as most are; `None` of any other, which is not counted then: it is for
    /// [`Intake::other`].
    #[inline(always)]
    pub(crate) fn plain(&mut self, packet: &Packet<'_>, link: &mut LinkInfo) -> Option<PacketInfo> {
        let (frame, _) = packet.frame();
        let headers = decode_plain(packet.link_type, frame, self.decoder.want, link)?;
        Some(self.transport(&packet.into(), &headers, link))
    }

    /// The same for a packet that [`Intake::plain`] left.
    #[inline(never)]
    pub(crate) fn other(&mut self, packet: &Packet<'_>, link: &mut LinkInfo) -> Option<PacketInfo> {
        let (frame, length) = packet.frame();
        let decoded = decode_any(packet.link_type, frame, length, self.decoder.want, link);
        self.known(&packet.into(), &decoded, link)
    }

    /// The same for a packet that was decoded elsewhere.
    pub fn decoded<'p>(&mut self, packet: &'p DecodedPacket) -> Option<(PacketInfo, &'p LinkInfo)> {
        let info = self.known(&packet.captured, &packet.decoded, &packet.link)?;
        Some((info, &packet.link))
    }

    /// The same for a packet of which nothing but headers is known.
    pub fn headers(&mut self, packet: &Captured, decoded: &Decoded) -> Option<PacketInfo> {
        self.known(packet, decoded, &LinkInfo::default())
    }

    fn known(
        &mut self,
        packet: &Captured,
        decoded: &Decoded,
        link: &LinkInfo,
    ) -> Option<PacketInfo> {
        match decoded {
            Decoded::Transport(headers) => {
                let info = self.transport(packet, headers, link);
                if headers.first_fragment.is_some() {
                    self.store_fragment(headers, &info);
                }
                self.counted.further_msdus += u64::from(headers.further_msdus);
                Some(info)
            }
            Decoded::Fragment(fragment) => self.later_fragment(fragment, packet),
            Decoded::Other(fate) => {
                self.tick(packet);
                self.counted.fates.add(*fate, 1);
                None
            }
        }
    }

    #[inline(always)]
    fn transport(&mut self, packet: &Captured, headers: &Headers, link: &LinkInfo) -> PacketInfo {
        let (key, mut facts) = PacketFacts::of(headers);
        facts.time = packet.time;
        facts.frame_len = packet.original_len;
        if packet.is_truncated {
            facts.marks |= marks::TRUNCATED;
        }
        if link.is_wrapped() {
            facts.marks |= marks::WRAPPED;
        }
        let number = self.clock.packets;
        PacketInfo {
            key,
            hash: self.hasher.hash(&key),
            clock: self.tick(packet),
            number,
            mac: link.source_mac,
            facts,
        }
    }

    /// The trace clock once this packet is counted.
    #[inline]
    fn tick(&mut self, packet: &Captured) -> Timestamp {
        if packet.link_type != self.latest.0 {
            self.count_link_type();
            self.latest.0 = packet.link_type;
        }
        self.clock.tick(packet.time)
    }

    #[cold]
    fn store_fragment(&mut self, headers: &Headers, info: &PacketInfo) {
        if let Some(key) = FragmentKey::of_first(headers) {
            self.fragments.store(key, info);
        }
    }

    /// A later fragment goes where its first one went.
    #[cold]
    fn later_fragment(
        &mut self,
        fragment: &LaterFragment,
        packet: &Captured,
    ) -> Option<PacketInfo> {
        let clock = self.tick(packet);
        let key = FragmentKey::of_later(fragment);
        let Some(first) = self.fragments.find(&key, packet.time, clock) else {
            self.counted.fates.add(Fate::FragOrphan, 1);
            return None;
        };
        let mut marks = marks::FRAGMENT | first.facts.marks & marks::FROM_HIGH;
        if packet.is_truncated {
            marks |= marks::TRUNCATED;
        }
        Some(PacketInfo {
            clock,
            facts: PacketFacts {
                time: packet.time,
                frame_len: packet.original_len,
                ip_len: fragment.ip.length,
                marks,
                ..first.facts
            },
            ..*first
        })
    }

    /// Packets so far.
    #[inline]
    pub fn packets(&self) -> u64 {
        self.clock.packets
    }

    /// The trace clock after them.
    #[inline]
    pub fn clock(&self) -> Timestamp {
        self.clock.now
    }

    /// The fates of the packets that were in no flow.
    pub fn fates(&self) -> &Fates {
        &self.counted.fates
    }

    /// What was counted of the packets: all but the fates of those in flows.
    pub(crate) fn finish(mut self) -> PacketSummary {
        self.count_link_type();
        self.counted.read = self.clock.packets;
        self.counted
    }

    #[cold]
    fn count_link_type(&mut self) {
        let (link_type, first) = self.latest;
        if first < self.clock.packets {
            let packets = self.clock.packets - first;
            self.counted.link_types.add(link_type, packets);
        }
        self.latest.1 = self.clock.packets;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clocks(times: &[i64]) -> Vec<i64> {
        let mut clock = TraceClock::default();
        times
            .iter()
            .map(|&time| clock.tick(Timestamp(time)).0)
            .collect()
    }

    #[test]
    fn one_packet_that_jumps_ahead_does_not_move_the_clock() {
        assert_eq!(clocks(&[10, 20, 9000, 30, 40]), [10, 10, 20, 30, 30]);
    }

    #[test]
    fn the_clock_begins_at_the_earlier_of_the_first_two_packets() {
        assert_eq!(clocks(&[100, 20, 30]), [100, 20, 20]);
    }
}
