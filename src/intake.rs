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
    ANY, Decoded, Fate, Headers, LaterFragment, LinkInfo, Want, decode, decode_any, decode_plain,
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

    /// A clock that begins somewhere in a trace, behind two packets or more. It shows what the true one
    /// does or an earlier time: whichever is later, this or what the true one shows at the first packet
    /// here, is the true time.
    fn in_the_middle() -> Self {
        Self {
            now: Timestamp(i64::MIN),
            previous: Timestamp(i64::MIN),
            packets: BEFORE_PART,
        }
    }

    /// Goes on behind the packets of a clock that began here, the first of them of time `first`. Returns
    /// the clock once that one is counted.
    fn join(&mut self, first: Timestamp, part: &Self) -> Timestamp {
        let begun = self.tick(first);
        self.now = begun.max(part.now);
        self.previous = part.previous;
        self.packets += part.packets - BEFORE_PART - 1;
        begun
    }
}

/// As many packets are taken to be before a part of a trace: with the third one the trace clock
/// has gone over to its rule for all packets that follow.
const BEFORE_PART: u64 = 2;

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

/// What packets of a part of a trace lack: how many were before it, and the trace clock once its
/// first packet is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Joint {
    number: u64,
    pub(crate) clock: Timestamp,
}

impl Joint {
    /// The number in the part of a packet with this number in the trace.
    pub(crate) fn number_in_part(&self, number: u64) -> u64 {
        number.wrapping_sub(self.number)
    }

    /// Gives a packet its number in the trace, and the trace clock.
    #[inline]
    pub(crate) fn settle(&self, packet: &mut PacketInfo) {
        packet.number = packet.number.wrapping_add(self.number);
        packet.clock = packet.clock.max(self.clock);
    }

    /// Makes a packet of the trace one that will be settled.
    fn unsettle(&self, packet: &mut PacketInfo) {
        packet.number = self.number_in_part(packet.number);
    }
}

/// What becomes of fragments.
enum Reassembly {
    /// Later ones go where their first ones went.
    Here(Fragments),
    /// They wait until the part is joined to what was before it.
    Deferred(Vec<Fragment>),
}

enum Fragment {
    First(FragmentKey, PacketInfo),
    /// With its number.
    Later(u64, Later),
}

/// A later fragment.
struct Later {
    key: FragmentKey,
    ip_len: u32,
    packet: Captured,
    clock: Timestamp,
}

impl Later {
    /// What the tables see of it, unless its first fragment is not known, which is counted.
    fn find(&self, fragments: &Fragments, fates: &mut Fates) -> Option<PacketInfo> {
        let time = self.packet.time;
        let Some(first) = fragments.find(&self.key, time, self.clock) else {
            fates.add(Fate::FragOrphan, 1);
            return None;
        };
        let mut marks = marks::FRAGMENT | first.facts.marks & marks::FROM_HIGH;
        if self.packet.is_truncated {
            marks |= marks::TRUNCATED;
        }
        Some(PacketInfo {
            clock: self.clock,
            facts: PacketFacts {
                time,
                frame_len: self.packet.original_len,
                ip_len: self.ip_len,
                marks,
                ..first.facts
            },
            ..*first
        })
    }
}

/// The state that goes along with the packets of a trace, in their order.
pub struct Intake {
    hasher: KeyHasher,
    fragments: Reassembly,
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
            fragments: Reassembly::Here(Fragments::new(hasher.state())),
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
        match self.plain::<ANY>(packet, link) {
            Some(info) => Some(info),
            None => self.other(packet, link),
        }
    }

    /// The same for a packet as most are, or for those that are `ONLY` this or that (see [`decode_plain`]), of which
    /// the compiler makes a fifth fewer instructions, as long as what becomes of them is not shared with others. `None`
    /// of any other, which is not counted then: in the end it is for [`Intake::other`].
    #[inline(always)]
    pub(crate) fn plain<const ONLY: u8>(
        &mut self,
        packet: &Packet<'_>,
        link: &mut LinkInfo,
    ) -> Option<PacketInfo> {
        let (frame, _) = packet.frame();
        let headers = decode_plain::<ONLY>(packet.link_type, frame, self.decoder.want, link)?;
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
    #[inline(always)]
    fn tick(&mut self, packet: &Captured) -> Timestamp {
        if packet.link_type != self.latest.0 {
            self.count_link_type();
            self.latest.0 = packet.link_type;
        }
        self.clock.tick(packet.time)
    }

    #[cold]
    fn store_fragment(&mut self, headers: &Headers, info: &PacketInfo) {
        let Some(key) = FragmentKey::of_first(headers) else {
            return;
        };
        match &mut self.fragments {
            Reassembly::Here(fragments) => fragments.store(key, info),
            Reassembly::Deferred(all) => all.push(Fragment::First(key, *info)),
        }
    }

    /// A later fragment goes where its first one went.
    #[cold]
    fn later_fragment(
        &mut self,
        fragment: &LaterFragment,
        packet: &Captured,
    ) -> Option<PacketInfo> {
        let number = self.clock.packets;
        let later = Later {
            key: FragmentKey::of_later(fragment),
            ip_len: fragment.ip.length,
            packet: *packet,
            clock: self.tick(packet),
        };
        match &mut self.fragments {
            Reassembly::Here(fragments) => later.find(fragments, &mut self.counted.fates),
            Reassembly::Deferred(all) => {
                all.push(Fragment::Later(number, later));
                None
            }
        }
    }

    /// The state somewhere in a trace, for packets that will be joined to those before them. What is
    /// made of them lacks what only those before can tell: see [`Joint`].
    pub(crate) fn part(&self) -> Self {
        Self {
            hasher: self.hasher.clone(),
            fragments: Reassembly::Deferred(Vec::new()),
            clock: TraceClock::in_the_middle(),
            counted: PacketSummary::default(),
            latest: (LinkType::ETHERNET, BEFORE_PART),
            decoder: self.decoder,
        }
    }

    /// Whether a part can be joined.
    pub(crate) fn can_join(&self) -> bool {
        self.clock.packets >= BEFORE_PART
    }

    /// Goes on behind a part, as if its packets, the first of them of time `first`, had come one by one.
    /// Also returns its later fragments that are in flows, each with its number in the part.
    pub(crate) fn join(
        &mut self,
        first: Timestamp,
        mut part: Self,
    ) -> (Joint, Vec<(u64, PacketInfo)>) {
        self.count_link_type();
        part.count_link_type();
        let joint = Joint {
            number: self.clock.packets.wrapping_sub(BEFORE_PART),
            clock: self.clock.join(first, &part.clock),
        };
        self.latest = (part.latest.0, self.clock.packets);
        self.counted.merge(&part.counted);
        (joint, self.join_fragments(joint, part.fragments))
    }

    fn join_fragments(&mut self, joint: Joint, fragments: Reassembly) -> Vec<(u64, PacketInfo)> {
        let (Reassembly::Here(here), Reassembly::Deferred(all)) = (&mut self.fragments, fragments)
        else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for fragment in all {
            match fragment {
                Fragment::First(key, mut info) => {
                    joint.settle(&mut info);
                    here.store(key, &info);
                }
                Fragment::Later(number, mut later) => {
                    later.clock = later.clock.max(joint.clock);
                    if let Some(mut info) = later.find(here, &mut self.counted.fates) {
                        joint.unsettle(&mut info);
                        found.push((number, info));
                    }
                }
            }
        }
        found
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
    use proptest::prelude::*;

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

    /// A datagram, whole or a fragment of one, or something else.
    #[derive(Clone, Copy, Debug)]
    struct Sent {
        second: i64,
        what: u8,
        host: u8,
        link_type: u32,
    }

    impl Sent {
        fn bytes(self) -> Vec<u8> {
            // Whole, first fragments, later ones, and later ones that may have no first one.
            let (fragment, id) =
                [(0, 0), (0x2000, 1), (0x0003, 1), (0x0003, 2)][usize::from(self.what) % 4];
            let mut bytes = vec![0x45, 0, 0, 36, 0, id];
            bytes.extend(u16::to_be_bytes(fragment));
            bytes.extend([64, 17, 0, 0, 10, 0, 0, self.host, 9, 9, 9, 9]);
            bytes.extend([0, 53, 0, 53, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            if self.what > 15 {
                bytes[0] = self.what;
            }
            bytes
        }

        fn take(self, intake: &mut Intake) -> Option<PacketInfo> {
            let bytes = self.bytes();
            let packet = Packet {
                time: Timestamp(self.second * 1_000_000_000),
                captured: &bytes,
                original_len: 36,
                link_type: LinkType(self.link_type),
                check_sequence_len: 0,
            };
            intake.packet(&packet, &mut LinkInfo::default())
        }
    }

    fn sent() -> impl Strategy<Value = Sent> {
        let second = prop_oneof![9 => 0..60_i64, 1 => 1000..2000_i64];
        let link_type = prop_oneof![9 => Just(LinkType::RAW.0), 1 => 147..149_u32];
        (second, 0..18_u8, 0..4_u8, link_type).prop_map(|(second, what, host, link_type)| Sent {
            second,
            what,
            host,
            link_type,
        })
    }

    /// What the tables see of all packets, and what is counted of others, if all but two of them come in
    /// parts of these lengths, as far as they reach.
    fn taken(packets: &[Sent], parts: &[usize]) -> String {
        let mut whole = Intake::new(&FlowOptions::default(), KeyHasher::seeded(1));
        let mut infos = Vec::new();
        let (begin, mut rest) = packets.split_at(packets.len().min(2));
        infos.extend(begin.iter().filter_map(|packet| packet.take(&mut whole)));
        for &len in parts {
            let (front, behind) = rest.split_at(len.min(rest.len()));
            rest = behind;
            let Some(first) = front.first() else { continue };
            assert!(whole.can_join());
            let mut part = whole.part();
            let mut found = Vec::new();
            let mut clocks = Vec::new();
            for packet in front {
                let number = part.packets();
                found.extend(packet.take(&mut part).map(|info| (number, info)));
                clocks.push(part.clock());
            }
            let first = Timestamp(first.second * 1_000_000_000);
            let (joint, later) = whole.join(first, part);
            found.extend(later);
            found.sort_by_key(|(number, _)| *number);
            for (_, info) in &mut found {
                joint.settle(info);
            }
            infos.extend(found.iter().map(|(_, info)| *info));
            let clock = clocks.last().map(|clock| joint.clock.max(*clock));
            assert_eq!(clock, Some(whole.clock()));
        }
        infos.extend(rest.iter().filter_map(|packet| packet.take(&mut whole)));
        let clock = whole.clock();
        format!("{infos:?} {clock:?} {:?}", whole.finish())
    }

    proptest! {
        #[test]
        fn parts_make_up_the_whole(
            packets in prop::collection::vec(sent(), 0..80),
            parts in prop::collection::vec(0..30_usize, 0..6),
        ) {
            prop_assert_eq!(taken(&packets, &parts), taken(&packets, &[]));
        }
    }
}
