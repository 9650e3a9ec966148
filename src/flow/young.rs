//! Flows that are kept as their packets.
//!
//! The state of a flow is made when it has had more packets than are kept, when the next one may
//! end it, or when it has ended. So a scan of half-open connections costs one packet each, and most
//! connections are counted in one go, with all of their state in the cache. No rule of a flow's life
//! stands here in full: whatever is in doubt makes the state, which knows.

use super::base::Tracked;
use super::shelf::PLACE_BYTES;
use super::{MacAddress, PacketFacts, PacketInfo, Span};
use crate::capture::Timestamp;
use crate::config::FlowOptions;
use crate::decode::LinkInfo;
use crate::decode::tcp_flags::{FIN, RST};
use crate::key::{FlowKey, Protocol};
use crate::prefetch::prefetch;

/// A flow of one or a few packets.
#[repr(align(64))]
pub(super) struct Young {
    pub(super) key: FlowKey,
    /// OR of all flag bytes.
    flags: u8,
    /// Packets in `more`.
    count: u8,
    pub(super) hash: u32,
    /// Place of its first packet in the trace.
    pub(super) number: u64,
    /// When it was last heard of: the time of its last packet, or the trace clock when the latest one
    /// came, if that is later. A sweep needs nothing else, and `more` need not be fetched for it.
    heard: Timestamp,
    more: Option<Box<More>>,
    first: PacketFacts,
    /// Source of the first frame.
    mac: Option<MacAddress>,
    /// It is over, and stays in its place until it is taken out.
    pub(super) has_ended: bool,
}

/// What a flow has once it has a second packet, or a tag or tunnel.
struct More<P: ?Sized = [PacketFacts]> {
    /// Times of all packets.
    times: Span,
    /// Tags and tunnels of the first packet.
    link: Option<Box<LinkInfo>>,
    /// Source of the first frame from the end that did not send the first packet.
    mac: Option<MacAddress>,
    /// That end has sent a packet.
    is_answered: bool,
    /// Packets after the first, and places for some more.
    packets: P,
}

impl Young {
    /// A flow of one packet.
    #[inline(always)]
    pub(super) fn new(packet: &PacketInfo) -> Self {
        Self {
            key: packet.key,
            flags: packet.facts.flags,
            count: 0,
            hash: packet.index_hash(),
            number: packet.number,
            heard: packet.clock.max(packet.facts.time),
            more: None,
            first: packet.facts,
            mac: packet.mac,
            has_ended: false,
        }
    }

    /// Its first packet has tags or tunnels around it.
    pub(super) fn wrap(&mut self, link: &LinkInfo) {
        self.enlarge();
        if let Some(more) = &mut self.more {
            more.link = Some(Box::new(*link));
        }
    }

    /// Keeps a packet that cannot end the flow, whatever state that is in, if there is room.
    #[inline]
    pub(super) fn keep(&mut self, packet: &PacketInfo, options: &FlowOptions) -> bool {
        if packet.facts.is_bare_syn() || self.may_have_ended(packet, options) {
            return false;
        }
        let at = usize::from(self.count);
        if self.room() == at && !self.enlarge() {
            return false;
        }
        let Some(more) = &mut self.more else {
            return false;
        };
        more.packets[at] = packet.facts;
        more.times.add(packet.facts.time);
        let last = Timestamp(more.times.last);
        if !more.is_answered && packet.facts.from() != self.first.from() {
            more.is_answered = true;
            more.mac = packet.mac;
        }
        self.count += 1;
        self.flags |= packet.facts.flags;
        self.heard = packet.clock.max(last);
        true
    }

    /// Packets after the first for which there is a place.
    #[inline]
    fn room(&self) -> usize {
        self.more.as_ref().map_or(0, |more| more.packets.len())
    }

    /// Makes places for more packets, unless there are enough.
    #[cold]
    fn enlarge(&mut self) -> bool {
        let mut larger: Box<More> = match (self.room(), self.key.protocol) {
            (0, Protocol::Udp) => Box::new(More::<[_; 1]>::new(self.first.time)),
            (0, Protocol::Tcp) | (1, _) => Box::new(More::<[_; 3]>::new(self.first.time)),
            (3, _) => Box::new(More::<[_; 5]>::new(self.first.time)),
            (5, _) => Box::new(More::<[_; 7]>::new(self.first.time)),
            (7, _) => Box::new(More::<[_; 15]>::new(self.first.time)),
            _ => return false,
        };
        if let Some(more) = self.more.take() {
            larger.packets[..more.packets.len()].copy_from_slice(&more.packets);
            larger.times = more.times;
            larger.link = more.link;
            larger.mac = more.mac;
            larger.is_answered = more.is_answered;
        }
        self.more = Some(larger);
        true
    }

    /// The flow of these packets.
    pub(super) fn grow<F: Tracked>(&self, options: &FlowOptions) -> Box<F> {
        let first = PacketInfo {
            key: self.key,
            hash: u64::from(self.hash),
            clock: self.heard,
            number: self.number,
            mac: self.mac,
            facts: self.first,
        };
        let more = self.more.as_deref();
        let link = more.and_then(|more| more.link.as_deref());
        let mut flow = Box::new(F::begin(&first, link, options));
        flow.count(&self.first, self.mac, options);
        if let Some(more) = more {
            for packet in &more.packets[..usize::from(self.count)] {
                flow.count(packet, more.mac, options);
            }
        }
        flow
    }

    /// Whether silence or age may have ended the flow before `packet`.
    #[inline]
    fn may_have_ended(&self, packet: &PacketInfo, options: &FlowOptions) -> bool {
        let (time, clock) = (packet.facts.time, packet.clock);
        let (first, last) = self.times();
        let is_old = |limit| time.since(Timestamp(first)) > limit;
        // Within the time-out of its last packet it is within that of when it was heard of, too.
        clock.max(time).since(Timestamp(last)) > self.timeout(options)
            || options.active_timeout.is_some_and(is_old)
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

    #[inline]
    fn times(&self) -> (i64, i64) {
        let more = self.more.as_deref();
        let times = more.and_then(|more| more.times.get());
        times.unwrap_or((self.first.time.0, self.first.time.0))
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
        self.count == 0 && self.first.is_bare_syn()
    }

    /// Bytes that it takes in a table.
    pub(super) fn bytes(&self) -> u64 {
        let more = self.more.as_deref().map_or(0, |more| {
            size_of_val(more) + more.link.as_deref().map_or(0, size_of_val)
        });
        PLACE_BYTES + (size_of::<Self>() + more) as u64
    }

    /// Starts to fetch what the next packet will be kept in.
    #[inline]
    pub(super) fn prefetch_room(&self) {
        if let Some(more) = &self.more {
            prefetch(&more.times);
            let next = more.packets.get(usize::from(self.count));
            next.into_iter().for_each(prefetch);
        }
    }

    /// Starts to fetch all packets.
    #[inline]
    pub(super) fn prefetch_packets(&self) {
        self.more.as_deref().into_iter().for_each(prefetch);
    }
}

impl<const N: usize> More<[PacketFacts; N]> {
    fn new(first: Timestamp) -> Self {
        let mut times = Span::default();
        times.add(first);
        Self {
            times,
            link: None,
            mac: None,
            is_answered: false,
            packets: [PacketFacts::default(); N],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A flood of flows of one packet is two cache lines each, and the packets of others come in
    /// sizes that allocators have.
    #[test]
    fn flows_of_few_packets_are_small() {
        assert_eq!(size_of::<Option<Young>>(), 128);
        assert!(size_of::<More<[PacketFacts; 1]>>() <= 80);
        assert!(size_of::<More<[PacketFacts; 3]>>() <= 160);
        assert!(size_of::<More<[PacketFacts; 5]>>() <= 256);
        assert!(size_of::<More<[PacketFacts; 7]>>() <= 320);
        assert!(size_of::<More<[PacketFacts; 15]>>() <= 640);
    }
}
