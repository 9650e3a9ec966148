//! One worker's flows: finding a packet's flow, applying the life cycle (spec 4), giving up the
//! flows that ended.
//!
//! A flow of a single packet is kept as that packet; its state is made when a second packet comes
//! or the flow ends. So a scan of half-open connections costs one packet each.

use super::base::Tracked;
use super::index::Index;
use super::slab::Slab;
use super::{PacketInfo, TcpFlow, UdpFlow, marks};
use crate::capture::Timestamp;
use crate::config::FlowOptions;
use crate::decode::LinkInfo;
use crate::decode::tcp_flags::RST;
use crate::key::{FlowKey, Protocol};
use crate::prefetch::prefetch;

/// Packets whose table entries are fetched before the first of them is counted. Between 16 and 64
/// the table bench shows no difference.
const AHEAD: usize = 32;

/// The flows that ended, in no particular order, and what became of later fragments.
#[derive(Debug, Default)]
pub struct Closed {
    /// TCP flows.
    pub tcp: Vec<Box<TcpFlow>>,
    /// UDP flows.
    pub udp: Vec<Box<UdpFlow>>,
    /// Later fragments since the epoch before.
    pub fragments: Fragments,
}

/// How many later fragments found the flow of their first fragment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fragments {
    /// Counted in a flow.
    pub joined: u64,
    /// The flow is over, or another one.
    pub orphaned: u64,
}

/// A table of flows, fed with packets in the order of the trace.
pub struct Tracker {
    options: FlowOptions,
    index: Index,
    singles: Slab<Single>,
    tcp: Shelf<TcpFlow>,
    udp: Shelf<UdpFlow>,
    fragments: Fragments,
    expired: Vec<u32>,
}

/// A flow of one packet.
struct Single {
    packet: PacketInfo,
    link: Option<Box<LinkInfo>>,
}

/// Which slab a flow is in, and where: 2 bits and 30 bits of what the index stores.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Single(u32),
    Tcp(u32),
    Udp(u32),
}

const KIND: u32 = 30;

impl Place {
    #[inline]
    fn code(self) -> u32 {
        let (kind, place) = match self {
            Self::Single(place) => (0, place),
            Self::Tcp(place) => (1, place),
            Self::Udp(place) => (2, place),
        };
        assert!(
            place >> KIND == 0,
            "a table holds fewer than 2^30 flows of a kind"
        );
        kind << KIND | place
    }

    #[inline]
    fn from_code(code: u32) -> Self {
        let place = code & ((1 << KIND) - 1);
        match code >> KIND {
            0 => Self::Single(place),
            1 => Self::Tcp(place),
            _ => Self::Udp(place),
        }
    }
}

impl Tracker {
    /// An empty table.
    pub fn new(options: FlowOptions) -> Self {
        Self {
            options,
            index: Index::default(),
            singles: Slab::default(),
            tcp: Shelf::default(),
            udp: Shelf::default(),
            fragments: Fragments::default(),
            expired: Vec::new(),
        }
    }

    /// Counts packets. `links` has an entry for each of them, or none if the group is off.
    pub fn process(&mut self, packets: &[PacketInfo], links: &[LinkInfo]) {
        let mut done = 0;
        for group in packets.chunks(AHEAD) {
            self.fetch(group);
            for packet in group {
                self.packet(packet, links.get(done));
                done += 1;
            }
        }
    }

    /// Fetches index entries, then flows, so that the misses of many packets overlap.
    fn fetch(&self, group: &[PacketInfo]) {
        for packet in group {
            prefetch(self.index.home(packet.index_hash()));
        }
        let mut with_analysis = [None; AHEAD];
        for (packet, slot) in group.iter().zip(&mut with_analysis) {
            let guess = self.index.guess(packet.index_hash());
            let Some(place) = guess.map(Place::from_code) else {
                continue;
            };
            match place {
                Place::Single(at) => self.singles.get(at).into_iter().for_each(prefetch),
                Place::Udp(at) => self.udp.prefetch(at),
                Place::Tcp(at) => {
                    self.tcp.prefetch(at);
                    *slot = Some(at);
                }
            }
        }
        for at in with_analysis.into_iter().flatten() {
            let flow = self.tcp.slab.get(at);
            let analysis = flow.and_then(|flow| flow.analysis());
            analysis.into_iter().for_each(prefetch);
        }
    }

    #[inline]
    fn packet(&mut self, packet: &PacketInfo, link: Option<&LinkInfo>) {
        let found = self.find(packet);
        if packet.has(marks::FRAGMENT) {
            self.fragment(packet, found);
            return;
        }
        let place = found.map(|place| self.grown(place));
        let has_ended = match place {
            Some(Place::Tcp(at)) => self.tcp.packet(at, packet, link, &self.options),
            Some(Place::Udp(at)) => self.udp.packet(at, packet, link, &self.options),
            _ => false,
        };
        match place {
            Some(place) if has_ended => {
                self.index.remove(packet.index_hash(), place.code());
                self.open(packet, link);
            }
            Some(_) => {}
            None => self.open(packet, link),
        }
    }

    #[inline]
    fn find(&self, packet: &PacketInfo) -> Option<Place> {
        let is_equal = |code| self.key_at(Place::from_code(code)) == Some(&packet.key);
        let code = self.index.find(packet.index_hash(), is_equal)?;
        Some(Place::from_code(code))
    }

    #[inline]
    fn key_at(&self, place: Place) -> Option<&FlowKey> {
        match place {
            Place::Single(at) => self.singles.get(at).map(|single| &single.packet.key),
            Place::Tcp(at) => self.tcp.slab.get(at).map(|flow| &flow.flow.key),
            Place::Udp(at) => self.udp.slab.get(at).map(|flow| &flow.flow.key),
        }
    }

    /// A new flow.
    fn open(&mut self, packet: &PacketInfo, link: Option<&LinkInfo>) {
        let single = Single {
            packet: *packet,
            link: link.map(|link| Box::new(*link)),
        };
        let due = single.due(&self.options);
        let place = Place::Single(self.singles.insert(single, due));
        self.index.insert(packet.index_hash(), place.code());
    }

    /// Where a flow is once it has a state of its own.
    #[inline]
    fn grown(&mut self, place: Place) -> Place {
        let Place::Single(at) = place else {
            return place;
        };
        let single = self
            .singles
            .remove(at)
            .expect("the index holds places in use");
        let hash = single.packet.index_hash();
        let grown = match single.packet.key.protocol {
            Protocol::Tcp => Place::Tcp(self.tcp.insert(&single, &self.options)),
            Protocol::Udp => Place::Udp(self.udp.insert(&single, &self.options)),
        };
        self.index.replace(hash, place.code(), grown.code());
        grown
    }

    /// A later fragment joins the flow of its first fragment if that flow lives (spec 3.5). It
    /// ends no flow: where it comes too late, the next packet will find that out by itself.
    #[cold]
    fn fragment(&mut self, fragment: &PacketInfo, found: Option<Place>) {
        let has_joined = match found.map(|place| self.grown(place)) {
            Some(Place::Tcp(at)) => self.tcp.fragment(at, fragment, &self.options),
            Some(Place::Udp(at)) => self.udp.fragment(at, fragment, &self.options),
            _ => false,
        };
        if has_joined {
            self.fragments.joined += 1;
        } else {
            self.fragments.orphaned += 1;
        }
    }

    /// Takes out the flows that ended: those cut by packets, and those that no packet after `clock`
    /// can join (spec 4.2).
    pub fn end_epoch(&mut self, clock: Timestamp) -> Closed {
        let options = &self.options;
        self.singles
            .sweep(clock.0, &mut self.expired, |single| single.due(options));
        for at in self.expired.drain(..) {
            let single = self
                .singles
                .remove(at)
                .expect("a sweep finds places in use");
            self.index
                .remove(single.packet.index_hash(), Place::Single(at).code());
            match single.packet.key.protocol {
                Protocol::Tcp => self.tcp.close_single(&single, clock, options),
                Protocol::Udp => self.udp.close_single(&single, clock, options),
            }
        }
        for (at, hash) in self.tcp.sweep(clock, options) {
            self.index.remove(hash, Place::Tcp(at).code());
        }
        for (at, hash) in self.udp.sweep(clock, options) {
            self.index.remove(hash, Place::Udp(at).code());
        }
        Closed {
            tcp: std::mem::take(&mut self.tcp.closed),
            udp: std::mem::take(&mut self.udp.closed),
            fragments: std::mem::take(&mut self.fragments),
        }
    }

    /// Takes out every flow, at the end of the trace.
    pub fn finish(mut self, clock: Timestamp) -> Closed {
        for single in self.singles.into_values() {
            match single.packet.key.protocol {
                Protocol::Tcp => self.tcp.close_single(&single, clock, &self.options),
                Protocol::Udp => self.udp.close_single(&single, clock, &self.options),
            }
        }
        Closed {
            tcp: self.tcp.finish(clock, &self.options),
            udp: self.udp.finish(clock, &self.options),
            fragments: self.fragments,
        }
    }

    /// Flows in the table.
    pub fn len(&self) -> usize {
        self.singles.len() + self.tcp.slab.len() + self.udp.slab.len()
    }

    /// Whether there is no flow.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Single {
    /// The flow of this packet.
    fn grow<F: Tracked>(&self, options: &FlowOptions) -> Box<F> {
        let link = self.link.as_deref();
        let mut flow = Box::new(F::begin(&self.packet, link, options));
        flow.count(&self.packet, link, options);
        flow
    }

    /// The last moment of the trace clock at which the flow lives if nothing more comes.
    fn due(&self, options: &FlowOptions) -> i64 {
        let packet = &self.packet;
        let timeout = match packet.key.protocol {
            Protocol::Udp => options.udp_singleton,
            Protocol::Tcp if packet.flag(RST) => options.tcp_linger,
            Protocol::Tcp if packet.is_bare_syn() => options.tcp_singleton,
            Protocol::Tcp => options.tcp_idle,
        };
        packet.time.max(packet.clock).0.saturating_add(timeout)
    }
}

/// The flows of one protocol: those that live and those that ended in this epoch.
struct Shelf<F> {
    slab: Slab<Box<F>>,
    closed: Vec<Box<F>>,
    expired: Vec<u32>,
}

impl<F> Default for Shelf<F> {
    fn default() -> Self {
        Self {
            slab: Slab::default(),
            closed: Vec::new(),
            expired: Vec::new(),
        }
    }
}

impl<F: Tracked> Shelf<F> {
    fn insert(&mut self, single: &Single, options: &FlowOptions) -> u32 {
        let flow: Box<F> = single.grow(options);
        let due = flow.due(options);
        self.slab.insert(flow, due)
    }

    /// Starts to fetch the flow at `at`.
    #[inline]
    fn prefetch(&self, at: u32) {
        let flow = self.slab.get(at);
        flow.into_iter().for_each(|flow| prefetch(&**flow));
    }

    /// Counts a packet in the flow at `at`, or closes the flow: then true, and the packet begins
    /// another one.
    #[inline]
    fn packet(
        &mut self,
        at: u32,
        packet: &PacketInfo,
        link: Option<&LinkInfo>,
        options: &FlowOptions,
    ) -> bool {
        let flow = self
            .slab
            .get_mut(at)
            .expect("the index holds places in use");
        if let Some(reason) = flow.ended_before(packet, options) {
            flow.flow_mut().end_reason = reason;
            self.closed.extend(self.slab.remove(at));
            return true;
        }
        if flow.count(packet, link, options) {
            let due = flow.due(options);
            self.slab.set_due(at, due);
        }
        false
    }

    /// Counts a later fragment if the flow at `at` is the one of its first fragment, and lives.
    fn fragment(&mut self, at: u32, fragment: &PacketInfo, options: &FlowOptions) -> bool {
        let flow = self
            .slab
            .get_mut(at)
            .expect("the index holds places in use");
        let timeout = flow.timeout(options);
        let flow = flow.flow_mut();
        // The flow that counted the first fragment is the one with this key unless that began later.
        let is_joining = flow.number <= fragment.number
            && !flow.is_past(timeout, Some(fragment.time), fragment.clock);
        if is_joining {
            flow.count_fragment(fragment);
        }
        is_joining
    }

    fn close_single(&mut self, single: &Single, clock: Timestamp, options: &FlowOptions) {
        let mut flow: Box<F> = single.grow(options);
        flow.flow_mut().end_reason = flow.reason_at(clock, options);
        self.closed.push(flow);
    }

    /// Closes the flows that have timed out by `clock`. Returns their places and hashes.
    fn sweep(&mut self, clock: Timestamp, options: &FlowOptions) -> Vec<(u32, u32)> {
        self.slab
            .sweep(clock.0, &mut self.expired, |flow| flow.due(options));
        let mut removed = Vec::with_capacity(self.expired.len());
        for at in self.expired.drain(..) {
            let mut flow = self.slab.remove(at).expect("a sweep finds places in use");
            flow.flow_mut().end_reason = flow.reason_at(clock, options);
            removed.push((at, flow.flow().hash));
            self.closed.push(flow);
        }
        removed
    }

    fn finish(mut self, clock: Timestamp, options: &FlowOptions) -> Vec<Box<F>> {
        for mut flow in self.slab.into_values() {
            flow.flow_mut().end_reason = flow.reason_at(clock, options);
            self.closed.push(flow);
        }
        self.closed
    }
}
