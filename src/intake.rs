//! From captured packets to what the flow tables see: decodes each packet, keeps the trace clock,
//! finds the flows of later fragments, and counts the fates of all that is in no flow.

use crate::capture::{LinkType, Packet, Timestamp};
use crate::config::{FlowOptions, Group};
use crate::decode::{Decoded, Fate, Headers, LaterFragment, LinkInfo, Want, decode};
use crate::flow::{FragmentKey, PacketInfo, marks};
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

/// The state that goes along with the packets of a trace, in their order.
pub struct Intake {
    hasher: KeyHasher,
    fragments: Fragments,
    clock: TraceClock,
    counted: PacketSummary,
    /// The link type of the latest packets, and the number of the first of them.
    latest: (LinkType, u64),
    want: Want,
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
            want: Want {
                options: groups.has(Group::Opt) || groups.has(Group::Seq),
                link: groups.has(Group::Link),
                decap: options.decap,
            },
        }
    }

    /// What the tables see of the next packet, unless it is in no flow. `link` is filled in if the
    /// group is on.
    #[inline]
    pub fn packet(&mut self, packet: &Packet<'_>, link: &mut LinkInfo) -> Option<PacketInfo> {
        let (frame, length) = packet.frame();
        let decoded = decode(packet.link_type, frame, length, self.want, link);
        self.decoded(packet, decoded)
    }

    /// The same for a packet that was decoded elsewhere.
    #[inline]
    pub fn decoded(&mut self, packet: &Packet<'_>, decoded: Decoded) -> Option<PacketInfo> {
        if packet.link_type != self.latest.0 {
            self.count_link_type();
            self.latest.0 = packet.link_type;
        }
        let number = self.clock.packets;
        let clock = self.clock.tick(packet.time);
        let mut info = match decoded {
            Decoded::Transport(headers) => {
                let mut info = PacketInfo::from_headers(&headers);
                info.hash = self.hasher.hash(&info.key);
                info.number = number;
                (info.time, info.clock) = (packet.time, clock);
                if headers.first_fragment.is_some() {
                    self.store_fragment(&headers, &info);
                }
                self.counted.further_msdus += u64::from(headers.further_msdus);
                info
            }
            Decoded::Fragment(fragment) => self.later_fragment(&fragment, packet.time, clock)?,
            Decoded::Other(fate) => {
                self.counted.fates.add(fate, 1);
                return None;
            }
        };
        info.frame_len = packet.original_len;
        if packet.captured.len() < packet.original_len as usize {
            info.marks |= marks::TRUNCATED;
        }
        Some(info)
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
        time: Timestamp,
        clock: Timestamp,
    ) -> Option<PacketInfo> {
        let key = FragmentKey::of_later(fragment);
        let Some(first) = self.fragments.find(&key, time, clock) else {
            self.counted.fates.add(Fate::FragOrphan, 1);
            return None;
        };
        Some(PacketInfo {
            time,
            clock,
            ip_len: fragment.ip.length,
            marks: marks::FRAGMENT | first.marks & marks::FROM_HIGH,
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

    /// Whether the packets' link facts are wanted.
    #[inline]
    pub(crate) fn wants_link(&self) -> bool {
        self.want.link
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
