//! One worker's flows: finding a packet's flow, applying the life cycle (spec 4), giving up the
//! flows that ended.
//!
//! A flow of few packets is kept as these packets, and has no state: see [`Young`].

use std::slice;

use super::base::Tracked;
use super::ending::{Candidate, Fragments};
use super::index::Index;
use super::shelf::Shelf;
use super::slab::{NEVER, Slab};
use super::tally::Tally;
use super::young::{Rooms, Young};
use super::{PacketInfo, TcpFlow, UdpFlow, marks};
use crate::config::{FlowOptions, Limit};
use crate::decode::LinkInfo;
use crate::decode::tcp_flags::{FIN, RST};
use crate::key::{FlowKey, Protocol};
use crate::prefetch::prefetch;

/// So many packets before it is counted, what a packet needs has been asked for: first its entry in the
/// index, then its flow, then what a flow with a state points to.
const STEP: usize = 4;

/// Places that are remembered for packets on their way through these steps.
const ON_THE_WAY: usize = 2 * STEP;

/// What goes along with packets on their way.
struct Way<'p> {
    links: slice::Iter<'p, LinkInfo>,
    /// Where the flows of the latest ones are, by what the index said.
    guesses: [Option<Place>; ON_THE_WAY],
}

impl<'p> Way<'p> {
    /// What is around the packet that is counted now.
    #[inline(always)]
    fn link_of(&mut self, packet: &PacketInfo) -> Option<&'p LinkInfo> {
        if packet.facts.has(marks::WRAPPED) {
            self.next_link()
        } else {
            None
        }
    }

    #[cold]
    fn next_link(&mut self) -> Option<&'p LinkInfo> {
        self.links.next()
    }
}

/// A table of flows, fed with packets in the order of the trace.
pub struct Tracker {
    pub(super) options: FlowOptions,
    pub(super) index: Index,
    /// Flows of few packets; those that ended stay until they are taken out.
    pub(super) young: Slab<Young>,
    pub(super) rooms: Rooms,
    /// Bytes of those that have not ended, if they are counted.
    pub(super) young_bytes: u64,
    /// Bytes are counted.
    pub(super) weigh: bool,
    pub(super) tcp: Shelf<TcpFlow>,
    pub(super) udp: Shelf<UdpFlow>,
    pub(super) fragments: Fragments,
    /// The flows that were ranked last, should they have to go.
    pub(super) candidates: Vec<(Candidate, Place)>,
}

/// Which slab a flow is in, and where: 2 bits and 30 bits of what the index stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Young(u32),
    Tcp(u32),
    Udp(u32),
}

const KIND: u32 = 30;

impl Place {
    #[inline]
    pub(super) fn code(self) -> u32 {
        let (kind, place) = match self {
            Self::Young(place) => (0, place),
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
            0 => Self::Young(place),
            1 => Self::Tcp(place),
            _ => Self::Udp(place),
        }
    }
}

impl Tracker {
    /// An empty table.
    pub fn new(options: FlowOptions) -> Self {
        let weigh = matches!(options.limit, Some(Limit::Bytes(_)));
        Self {
            options,
            index: Index::default(),
            young: Slab::default(),
            rooms: Rooms::default(),
            young_bytes: 0,
            weigh,
            tcp: Shelf::new(weigh),
            udp: Shelf::new(weigh),
            fragments: Fragments::default(),
            candidates: Vec::new(),
        }
    }

    /// Counts packets. `links` has what is around those that are [`marks::WRAPPED`].
    ///
    /// While one is counted, memory is fetched for those that follow, a few at each step, so that the
    /// misses of many overlap and the nearest cache is not flooded.
    pub fn process(&mut self, packets: &[PacketInfo], links: &[LinkInfo]) {
        // Two copies, of which the one without tallies has nothing to do with them.
        if self.options.groups.analyse_tcp() {
            self.process_all::<false>(packets, links);
        } else {
            self.process_all::<true>(packets, links);
        }
    }

    fn process_all<const TALLY: bool>(&mut self, packets: &[PacketInfo], links: &[LinkInfo]) {
        let mut way = Way {
            links: links.iter(),
            guesses: [None; ON_THE_WAY],
        };
        // In all steps but the first and the last ones there is a packet for each part of them.
        let windows = packets.windows(5 * STEP + 1);
        let last = 3 * STEP + windows.len()..packets.len() + 3 * STEP;
        for at in 0..3 * STEP {
            self.edge::<TALLY>(packets, at, &mut way);
        }
        for (at, window) in (3 * STEP..).zip(windows) {
            let at_hand = [5, 3, 2, 1, 0].map(|steps| Some(&window[steps * STEP]));
            self.step::<TALLY, TALLY>(at, at_hand, &mut way);
        }
        for at in last {
            self.edge::<TALLY>(packets, at, &mut way);
        }
    }

    /// A step for which some packets may be missing.
    #[inline(never)]
    fn edge<const TALLY: bool>(&mut self, packets: &[PacketInfo], at: usize, way: &mut Way<'_>) {
        let ahead = packets.get(at + 2 * STEP);
        let [here, flow, far, counted] =
            [0, 1, 2, 3].map(|steps: usize| packets.get(at.wrapping_sub(steps * STEP)));
        self.step::<TALLY, true>(at, [ahead, here, flow, far, counted], way);
    }

    /// What is done at packet `at`: with one two steps ahead, with that packet, and with those one, two and three
    /// steps before it, of which the last one is counted, `APART` from the loop if it is not tallied.
    #[inline(always)]
    fn step<const TALLY: bool, const APART: bool>(
        &mut self,
        at: usize,
        [ahead, here, flow, far, counted]: [Option<&PacketInfo>; 5],
        way: &mut Way<'_>,
    ) {
        // The place of the packet that is counted is the next one's to be remembered.
        let slot = (at + STEP) % ON_THE_WAY;
        ahead.into_iter().for_each(prefetch);
        if let Some(packet) = here {
            self.fetch_entry(packet);
        }
        if let Some(packet) = counted {
            let (link, guess) = (way.link_of(packet), way.guesses[slot]);
            if TALLY && self.tally(packet, guess) {
                // That was all.
            } else if APART {
                self.packet_apart(packet, link, guess);
            } else {
                self.packet(packet, link, guess);
            }
        }
        if let Some(packet) = far {
            self.fetch_far::<TALLY>(packet, way.guesses[at % ON_THE_WAY]);
        }
        if let Some(packet) = flow {
            way.guesses[slot] = self.fetch_flow(packet);
        }
    }

    /// Starts to fetch what the index has for a packet.
    #[inline(always)]
    fn fetch_entry(&self, packet: &PacketInfo) {
        prefetch(self.index.home(packet.index_hash()));
    }

    /// Guesses where a packet's flow is, and starts to fetch it.
    #[inline(always)]
    fn fetch_flow(&self, packet: &PacketInfo) -> Option<Place> {
        let place = Place::from_code(self.index.guess(packet.index_hash())?);
        match place {
            Place::Young(at) => self.young.prefetch_head(at),
            Place::Udp(at) => self.udp.prefetch(at),
            Place::Tcp(at) => self.tcp.prefetch(at),
        }
        Some(place)
    }

    /// Starts to fetch what a packet's flow points to, and what it may add to.
    #[inline(always)]
    fn fetch_far<const TALLY: bool>(&self, packet: &PacketInfo, guess: Option<Place>) {
        match guess {
            Some(Place::Tcp(at)) => {
                let flow = self.tcp.slab.get(at);
                let analysis = flow.and_then(|flow| flow.analysis());
                analysis.into_iter().for_each(prefetch);
            }
            Some(Place::Young(at)) if TALLY => {
                if let Some(young) = self.young.get(at) {
                    young.prefetch_tally(&self.rooms, &packet.facts);
                }
            }
            Some(Place::Young(_) | Place::Udp(_)) | None => {}
        }
    }

    /// Counts an everyday packet if its flow is at `guess`, and tallies such packets.
    #[inline(always)]
    fn tally(&mut self, packet: &PacketInfo, guess: Option<Place>) -> bool {
        if Tally::may_take(&packet.facts)
            && let Some(Place::Young(at)) = guess
            && let Some(young) = self.young.get_mut(at)
            && young.key == packet.key
        {
            young.tally(packet, &mut self.rooms, &self.options)
        } else {
            false
        }
    }

    /// The same as [`Tracker::packet`], where it shall be no part of a loop.
    #[inline(never)]
    fn packet_apart(&mut self, packet: &PacketInfo, link: Option<&LinkInfo>, guess: Option<Place>) {
        self.packet(packet, link, guess);
    }

    /// Counts a packet whose flow may be at `guess`.
    #[inline(always)]
    fn packet(&mut self, packet: &PacketInfo, link: Option<&LinkInfo>, guess: Option<Place>) {
        // The index had that place a few packets ago. No flow ends here and stays at its place, so the
        // one that is there with this key is the one in the index.
        let is_right = |place: &Place| self.key_at(*place) == Some(&packet.key);
        let found = match guess.filter(is_right) {
            Some(place) => Some(place),
            None => self.find(packet),
        };
        if packet.facts.has(marks::FRAGMENT) {
            self.fragment(packet, found);
            return;
        }
        if let Some(Place::Young(at)) = found
            && self.keep(at, packet)
        {
            return;
        }
        let place = found.map(|place| self.grown(place));
        let has_ended = match place {
            Some(Place::Tcp(at)) => self.tcp.packet(at, packet, &self.options),
            Some(Place::Udp(at)) => self.udp.packet(at, packet, &self.options),
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

    /// Keeps a packet in the young flow at `at`, if it may.
    #[inline(always)]
    fn keep(&mut self, at: u32, packet: &PacketInfo) -> bool {
        let young = self.young.get_mut(at);
        let young = young.expect("the index holds places in use");
        let bytes = if self.weigh { young.bytes() } else { 0 };
        if !young.keep(packet, &mut self.rooms, &self.options) {
            return false;
        }
        if self.weigh {
            self.young_bytes += young.bytes() - bytes;
        }
        if packet.facts.flags & (FIN | RST) != 0 {
            let due = young.due(&self.options);
            self.young.set_due(at, due);
        }
        true
    }

    #[inline(always)]
    fn find(&self, packet: &PacketInfo) -> Option<Place> {
        let is_equal = |code| self.key_at(Place::from_code(code)) == Some(&packet.key);
        let code = self.index.find(packet.index_hash(), is_equal)?;
        Some(Place::from_code(code))
    }

    #[inline(always)]
    fn key_at(&self, place: Place) -> Option<&FlowKey> {
        match place {
            Place::Young(at) => self.young.get(at).map(|young| &young.key),
            Place::Tcp(at) => self.tcp.slab.get(at).map(|flow| &flow.flow.key),
            Place::Udp(at) => self.udp.slab.get(at).map(|flow| &flow.flow.key),
        }
    }

    /// A new flow. It is made where it stays: what is moved has to wait for what was just written.
    fn open(&mut self, packet: &PacketInfo, link: Option<&LinkInfo>) {
        let at = self.young.insert(Young::new(packet), NEVER);
        let young = self.young.get_mut(at).expect("it was just inserted");
        if let Some(link) = link {
            young.wrap(link, &mut self.rooms);
        }
        if self.weigh {
            self.young_bytes += young.bytes();
        }
        let due = young.due(&self.options);
        self.young.set_due(at, due);
        let place = Place::Young(at);
        self.index.insert(packet.index_hash(), place.code());
    }

    /// Where a flow is once it has a state.
    #[inline(always)]
    pub(super) fn grown(&mut self, place: Place) -> Place {
        match place {
            Place::Young(at) => self.grow(at),
            Place::Tcp(_) | Place::Udp(_) => place,
        }
    }

    /// Makes the state of the young flow at `at`.
    #[inline(never)]
    pub(super) fn grow(&mut self, at: u32) -> Place {
        let young = self.young.get(at).expect("the index holds places in use");
        let (hash, protocol) = (young.hash, young.key.protocol);
        let grown = match protocol {
            Protocol::Tcp => {
                let flow = self.take_out(at);
                Place::Tcp(self.tcp.insert(flow, &self.options))
            }
            Protocol::Udp => {
                let flow = self.take_out(at);
                Place::Udp(self.udp.insert(flow, &self.options))
            }
        };
        let place = Place::Young(at);
        self.index.replace(hash, place.code(), grown.code());
        grown
    }

    /// Makes the state of the young flow at `at`, whose place is free then.
    fn take_out<F: Tracked>(&mut self, at: u32) -> Box<F> {
        let young = self.young.get(at).expect("the index holds places in use");
        if self.weigh {
            self.young_bytes -= young.bytes();
        }
        let mut flow = Box::new(young.begin(&self.rooms, &self.options));
        young.count_kept(&mut *flow, &mut self.rooms, &self.options);
        self.young.free(at);
        flow
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

    /// Flows in the table.
    pub fn len(&self) -> usize {
        let ended = self.tcp.ended.len() + self.udp.ended.len();
        self.young.len() - ended + self.tcp.slab.len() + self.udp.slab.len()
    }

    /// Whether there is no flow.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
