//! Flows that are kept as their packets.
//!
//! The state of a flow is made when it has had more packets than are kept, when the next one may
//! end it, or when it has ended. So a scan of half-open connections costs one packet each, and most
//! connections are counted in one go, with all of their state in the cache. Where packets are not analysed,
//! everyday ones are not kept but summed up: see [`Tally`]. No rule of a flow's life stands here in full:
//! whatever is in doubt makes the state, which knows.

use super::base::Tracked;
use super::packet::is_bare_syn;
use super::pool::Pool;
use super::shelf::PLACE_BYTES;
use super::tally::Tally;
use super::{MacAddress, PacketFacts, PacketInfo, marks};
use crate::capture::Timestamp;
use crate::config::FlowOptions;
use crate::decode::LinkInfo;
use crate::decode::tcp_flags::{FIN, RST};
use crate::key::{FlowKey, Protocol};
use crate::prefetch::prefetch;

/// Packets in a room: with them it is two cache lines.
const ROOM: usize = 3;
/// Rooms of a flow, at most.
pub(super) const ROOMS: usize = 5;
/// No room, or no tags and tunnels.
const NONE: u32 = u32::MAX;

/// A flow of one or a few packets. What nearly every further packet has to do with is in its first cache
/// line.
#[repr(C, align(64))]
pub(super) struct Young {
    pub(super) key: FlowKey,
    /// OR of all flag bytes.
    flags: u8,
    /// Packets after the first.
    count: u8,
    pub(super) hash: u32,
    /// How much earlier than it was last heard of the last of its packets was, in microseconds or a part of
    /// one; too long ago to tell if that is [`u32::MAX`].
    behind: u32,
    /// When it was last heard of: the time of its last packet, or the trace clock when the latest one
    /// came, if that is later. A sweep needs nothing else.
    heard: Timestamp,
    /// The room of its latest packets; before there is one, its tally, or the place of the second packet if
    /// it [`Young::is_pair`].
    latest: u32,
    has: u8,
    /// Place of its first packet in the trace.
    pub(super) number: u64,
    first: PacketFacts,
    /// Tags and tunnels of the first packet.
    link: u32,
    /// Sources of the first frame and of the first one from the end that did not send it, if there are.
    macs: [MacAddress; 2],
}

/// What a flow has.
mod has {
    /// A source of its first frame.
    pub(super) const MAC: u8 = 1;
    /// One of the first frame from the other end.
    pub(super) const OTHER_MAC: u8 = 1 << 1;
    /// A first packet from the larger endpoint.
    pub(super) const BEGUN_HIGH: u8 = 1 << 2;
    /// A packet from the other end.
    pub(super) const ANSWER: u8 = 1 << 3;
    /// An end: it is over, or in doubt, and stays in its place until it is taken out.
    pub(super) const ENDED: u8 = 1 << 4;
    /// A tally, which counts as the second packet.
    pub(super) const TALLY: u8 = 1 << 5;
}

/// Where flows keep their packets after the first.
#[derive(Default)]
pub(super) struct Rooms {
    packets: Pool<Room>,
    /// Second ones: most flows of datagrams have no more.
    seconds: Pool<PacketFacts>,
    /// Everyday packets after a SYN and its answer.
    tallies: Pool<Tally>,
    /// These answers, at the same places. They stand apart, so that what many packets add to takes fewer pages.
    answers: Pool<PacketFacts>,
    links: Pool<LinkInfo>,
}

impl Rooms {
    /// Gives back memory that was not needed since this was done before.
    pub(super) fn trim(&mut self) {
        self.packets.trim();
        self.seconds.trim();
        self.tallies.trim();
        self.answers.trim();
        self.links.trim();
    }

    /// From now on nothing is kept, and memory goes with the last that is in it.
    pub(super) fn close(&mut self) {
        self.packets.close();
        self.seconds.close();
        self.tallies.close();
        self.answers.close();
        self.links.close();
    }

    /// A place for the tally that begins with the answer to a SYN.
    fn begin_tally(&mut self, syn: &PacketFacts, answer: &PacketFacts) -> u32 {
        let (place, tally) = self.tallies.take();
        tally.begin(syn, answer);
        let (same, kept) = self.answers.take();
        assert_eq!(place, same, "both pools are used in the same way");
        *kept = *answer;
        place
    }

    fn free_tally(&mut self, place: u32) {
        self.tallies.free(place);
        self.answers.free(place);
    }
}

/// A few packets of a flow, and where those before them are, or its tally.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Room {
    packets: [PacketFacts; ROOM],
    earlier: u32,
}

impl Young {
    /// A flow of one packet.
    #[inline(always)]
    pub(super) fn new(packet: &PacketInfo) -> Self {
        let mut has = 0;
        if packet.mac.is_some() {
            has |= has::MAC;
        }
        if packet.facts.has(marks::FROM_HIGH) {
            has |= has::BEGUN_HIGH;
        }
        let heard = packet.clock.max(packet.facts.time);
        Self {
            key: packet.key,
            flags: packet.facts.flags,
            count: 0,
            hash: packet.index_hash(),
            number: packet.number,
            heard,
            first: packet.facts,
            behind: microseconds(heard.0, packet.facts.time.0),
            latest: NONE,
            link: NONE,
            macs: [packet.mac.unwrap_or_default(), MacAddress::default()],
            has,
        }
    }

    /// Its first packet has tags or tunnels around it.
    pub(super) fn wrap(&mut self, link: &LinkInfo, rooms: &mut Rooms) {
        let (place, kept) = rooms.links.take();
        *kept = *link;
        self.link = place;
    }

    /// Adds an everyday packet to the tally, if there is one, where times and clock are in order, as they mostly
    /// are. Of the time-outs only the usual one can have ended such a flow.
    #[inline(always)]
    pub(super) fn tally(
        &mut self,
        packet: &PacketInfo,
        rooms: &mut Rooms,
        options: &FlowOptions,
    ) -> bool {
        if !self.adds_to_tally()
            || !self.is_in_order(packet)
            || packet.facts.time.since(Timestamp(self.last())) > options.tcp_idle
            || options.active_timeout.is_some()
            || !rooms.tallies.at_mut(self.latest).add(&packet.facts)
        {
            return false;
        }
        self.hear_in_order(packet);
        true
    }

    /// Keeps a packet that cannot end the flow, whatever state that is in, if there is room.
    #[inline(always)]
    pub(super) fn keep(
        &mut self,
        packet: &PacketInfo,
        rooms: &mut Rooms,
        options: &FlowOptions,
    ) -> bool {
        let count = usize::from(self.count);
        if packet.facts.is_bare_syn()
            || self.may_have_ended(packet, options)
            || count == ROOMS * ROOM
        {
            return false;
        }
        if count == 0 && self.may_tally(packet, options) {
            self.latest = rooms.begin_tally(&self.first, &packet.facts);
            self.has |= has::TALLY;
        } else {
            *self.place(rooms) = packet.facts;
        }
        let from_high = packet.facts.has(marks::FROM_HIGH);
        if self.has & has::ANSWER == 0 && from_high != (self.has & has::BEGUN_HIGH != 0) {
            self.has |= has::ANSWER;
            if let Some(mac) = packet.mac {
                self.has |= has::OTHER_MAC;
                self.macs[1] = mac;
            }
        }
        self.count += 1;
        self.hear(packet);
        true
    }

    /// Whether a packet is not older than the last one, and the trace clock not ahead of it.
    #[inline(always)]
    fn is_in_order(&self, packet: &PacketInfo) -> bool {
        let time = packet.facts.time;
        time >= self.heard && time >= packet.clock
    }

    /// Notes that a packet came.
    #[inline(always)]
    fn hear(&mut self, packet: &PacketInfo) {
        if self.is_in_order(packet) {
            self.hear_in_order(packet);
        } else {
            self.hear_late(packet);
        }
    }

    #[inline(always)]
    fn hear_in_order(&mut self, packet: &PacketInfo) {
        self.flags |= packet.facts.flags;
        (self.heard, self.behind) = (packet.facts.time, 0);
    }

    #[cold]
    fn hear_late(&mut self, packet: &PacketInfo) {
        self.flags |= packet.facts.flags;
        let last = self.last().max(packet.facts.time.0);
        let heard = packet.clock.0.max(last);
        (self.heard, self.behind) = (Timestamp(heard), microseconds(heard, last));
    }

    /// Whether its second packet is the answer after which everyday packets need only be tallied.
    fn may_tally(&self, packet: &PacketInfo, options: &FlowOptions) -> bool {
        self.key.protocol == Protocol::Tcp
            && !options.groups.analyse_tcp()
            && Tally::may_follow(&self.first, &packet.facts)
    }

    #[inline]
    fn has_tally(&self) -> bool {
        self.has & has::TALLY != 0
    }

    /// Everyday packets are tallied until another one comes.
    #[inline]
    fn adds_to_tally(&self) -> bool {
        self.count == 1 && self.has_tally()
    }

    /// Packets that are in rooms, or in the place of the second one.
    #[inline]
    fn kept(&self) -> usize {
        usize::from(self.count - u8::from(self.has_tally()))
    }

    /// A place for one packet more, for which there is room.
    #[inline]
    fn place<'r>(&mut self, rooms: &'r mut Rooms) -> &'r mut PacketFacts {
        match self.kept() % ROOM {
            at @ 1.. if !self.is_pair() => &mut rooms.packets.at_mut(self.latest).packets[at],
            _ => self.enlarge(rooms),
        }
    }

    /// The same where that is in another room, or the first one.
    #[inline(never)]
    fn enlarge<'r>(&mut self, rooms: &'r mut Rooms) -> &'r mut PacketFacts {
        if self.count == 0 && self.key.protocol == Protocol::Udp {
            let (place, second) = rooms.seconds.take();
            self.latest = place;
            return second;
        }
        let (place, room) = rooms.packets.take();
        let before = std::mem::replace(&mut self.latest, place);
        if self.is_pair() {
            room.packets[0] = *rooms.seconds.at(before);
            rooms.seconds.free(before);
            return &mut room.packets[1];
        }
        room.earlier = before;
        &mut room.packets[0]
    }

    /// It is of two datagrams.
    #[inline]
    fn is_pair(&self) -> bool {
        self.count == 1 && self.key.protocol == Protocol::Udp
    }

    /// Rooms that it has.
    #[inline]
    fn rooms(&self) -> usize {
        if self.is_pair() {
            0
        } else {
            self.kept().div_ceil(ROOM)
        }
    }

    /// The flow that its first packet begins, before that is counted.
    #[inline(always)]
    pub(super) fn begin<F: Tracked>(&self, rooms: &Rooms, options: &FlowOptions) -> F {
        let first = PacketInfo {
            key: self.key,
            hash: u64::from(self.hash),
            clock: self.heard,
            number: self.number,
            mac: self.mac(0, has::MAC),
            facts: self.first,
        };
        let link = (self.link != NONE).then(|| rooms.links.at(self.link));
        F::begin(&first, link, options)
    }

    /// One of the MACs, if it is known.
    fn mac(&self, at: usize, known: u8) -> Option<MacAddress> {
        (self.has & known != 0).then_some(self.macs[at])
    }

    /// Counts these packets in the flow that they began. What it has beside its place is free then.
    pub(super) fn count_kept<F: Tracked>(
        &self,
        flow: &mut F,
        rooms: &mut Rooms,
        options: &FlowOptions,
    ) {
        if self.link != NONE {
            rooms.links.free(self.link);
        }
        flow.count(&self.first, self.mac(0, has::MAC), options);
        let other_mac = self.mac(1, has::OTHER_MAC);
        if self.is_pair() {
            flow.count(rooms.seconds.at(self.latest), other_mac, options);
            rooms.seconds.free(self.latest);
        }
        let mut left = self.kept();
        let mut in_order = [NONE; ROOMS];
        let used = &mut in_order[..self.rooms()];
        let mut place = self.latest;
        for room in used.iter_mut().rev() {
            *room = place;
            place = rooms.packets.at(place).earlier;
        }
        if self.has_tally() {
            flow.count(rooms.answers.at(place), other_mac, options);
            flow.count_tally(rooms.tallies.at(place));
            rooms.free_tally(place);
        }
        for &room in &*used {
            for packet in &rooms.packets.at(room).packets[..left.min(ROOM)] {
                flow.count(packet, other_mac, options);
            }
            left = left.saturating_sub(ROOM);
            rooms.packets.free(room);
        }
    }

    /// It is over. Says whether it was not before.
    pub(super) fn end(&mut self) -> bool {
        let ends = !self.has_ended();
        self.has |= has::ENDED;
        ends
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has & has::ENDED != 0
    }

    /// Whether silence or age may have ended the flow before `packet`.
    #[inline]
    fn may_have_ended(&self, packet: &PacketInfo, options: &FlowOptions) -> bool {
        let (time, clock) = (packet.facts.time, packet.clock);
        // Within the time-out of its last packet it is within that of when it was heard of, too.
        if self.behind == u32::MAX
            || clock.max(time).since(Timestamp(self.last())) > self.timeout(options)
        {
            return true;
        }
        options.active_timeout.is_some_and(|limit| {
            // One from before the first would be the first in time.
            time < self.first.time || time.since(self.first.time) > limit
        })
    }

    /// The time of the last of its packets, or some microseconds before it; as early as can be if that is too long
    /// before the clock to tell.
    #[inline(always)]
    fn last(&self) -> i64 {
        if self.behind == 0 {
            self.heard.0
        } else {
            self.last_behind()
        }
    }

    #[cold]
    fn last_behind(&self) -> i64 {
        if self.behind == u32::MAX {
            return i64::MIN;
        }
        let behind = i64::from(self.behind) * 1000;
        self.heard.0.saturating_sub(behind)
    }

    /// The least silence that may have ended the flow in its present state.
    #[inline]
    fn timeout(&self, options: &FlowOptions) -> i64 {
        match self.key.protocol {
            Protocol::Udp if self.count == 0 => options.udp_singleton,
            Protocol::Udp => options.udp_idle,
            Protocol::Tcp if self.flags & RST != 0 => options.tcp_linger,
            Protocol::Tcp if self.is_lone_syn() => options.tcp_singleton,
            Protocol::Tcp if self.is_in_doubt() => options.tcp_linger.min(options.tcp_idle),
            Protocol::Tcp => options.tcp_idle,
        }
    }

    /// Only its state can tell whether it is closed.
    #[inline]
    pub(super) fn is_in_doubt(&self) -> bool {
        self.flags & (FIN | RST) == FIN && self.count > 0
    }

    /// The earliest time on the trace clock after which the flow may be over if nothing more comes.
    #[inline]
    pub(super) fn due(&self, options: &FlowOptions) -> i64 {
        self.heard().saturating_add(self.timeout(options))
    }

    /// When it was last heard of: by its own time or by the trace clock then.
    #[inline]
    pub(super) fn heard(&self) -> i64 {
        self.heard.0
    }

    /// Whether the other side has said nothing, as in a flood or a scan (spec 4.2, *singleton*).
    pub(super) fn is_half_open(&self) -> bool {
        let is_one_datagram = self.key.protocol == Protocol::Udp && self.count == 0;
        is_one_datagram || self.is_lone_syn() && self.flags & RST == 0
    }

    /// A bare SYN is kept only as the first packet.
    #[inline]
    fn is_lone_syn(&self) -> bool {
        self.count == 0 && is_bare_syn(self.flags)
    }

    /// Bytes that it takes in a table.
    pub(super) fn bytes(&self) -> u64 {
        let rooms = match self.is_pair() {
            true => size_of::<PacketFacts>(),
            false => self.rooms() * size_of::<Room>(),
        };
        let tally = if self.has_tally() {
            size_of::<Tally>() + size_of::<PacketFacts>()
        } else {
            0
        };
        let link = if self.link == NONE {
            0
        } else {
            size_of::<LinkInfo>()
        };
        PLACE_BYTES + (size_of::<Self>() + rooms + tally + link) as u64
    }

    /// Starts to fetch the sums to which `packet` may be added.
    #[inline(always)]
    pub(super) fn prefetch_tally(&self, rooms: &Rooms, packet: &PacketFacts) {
        if self.adds_to_tally() {
            rooms.tallies.at(self.latest).prefetch(packet);
        }
    }

    /// Starts to fetch one of its rooms, counted from the latest, or its tally, once those after it are fetched.
    #[inline(always)]
    pub(super) fn prefetch_packets(&self, rooms: &Rooms, number: usize) {
        // A tally is a place by itself, as if its packet filled a room.
        let beside = if self.has_tally() { ROOM - 1 } else { 0 };
        if number * ROOM < usize::from(self.count) + beside {
            self.prefetch_room(rooms, number);
        }
    }

    #[inline(never)]
    fn prefetch_room(&self, rooms: &Rooms, number: usize) {
        if self.is_pair() {
            prefetch(rooms.seconds.at(self.latest));
            return;
        }
        let mut place = self.latest;
        for _ in 0..number {
            place = rooms.packets.at(place).earlier;
        }
        if number < self.rooms() {
            prefetch(rooms.packets.at(place));
        } else {
            prefetch(rooms.tallies.at(place));
            prefetch(rooms.answers.at(place));
        }
    }
}

/// Microseconds from one time to a later one, at least, or [`u32::MAX`] if they are so many or more.
#[inline]
fn microseconds(later: i64, earlier: i64) -> u32 {
    let whole = later.saturating_sub(earlier).saturating_add(999) / 1000;
    u32::try_from(whole).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    /// A flood of flows of one packet is two cache lines each, and so are a few packets.
    #[test]
    fn flows_of_few_packets_are_small() {
        assert_eq!(size_of::<Option<Young>>(), 128);
        assert_eq!(offset_of!(Young, number), 64);
        assert_eq!(size_of::<Room>(), 128);
        assert_eq!(size_of::<Tally>(), 2 * 64);
    }
}
