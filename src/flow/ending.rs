//! How flows leave a table: by silence, by the table's limit, or with the trace; and how those that
//! ended are handed over, in the order of their first packets and a few at a time.

use std::collections::BinaryHeap;
use std::convert::Infallible;

use super::base::{EndReason, Tracked};
use super::index::Index;
use super::rows::{Pieces, Rows};
use super::shelf::{EndedYoung, Ending, Shelf};
use super::slab::{NEVER, Slab};
use super::table::{Place, Tracker};
use super::young::{ROOMS, Rooms, Young};
use super::{TcpFlow, UdpFlow};
use crate::capture::Timestamp;
use crate::config::{FlowOptions, Limit};
use crate::key::Protocol;
use crate::prefetch::prefetch;

/// So many young flows before one is grown, the first of its packets are fetched, and so many before
/// that, those that follow.
const AHEAD: usize = 2;
/// So many before, it is fetched itself.
const FAR: usize = (ROOMS + 1) * AHEAD;

/// Flows that ended, and what became of later fragments. Those of an epoch come as TCP flows, then
/// UDP flows, both in the order of their first packets, then the fragments.
#[derive(Debug)]
pub enum Closed {
    /// A few TCP flows.
    Tcp(Rows<TcpFlow>),
    /// A few UDP flows.
    Udp(Rows<UdpFlow>),
    /// Later fragments since the epoch before.
    Fragments(Fragments),
}

/// All pieces put together, for those who want no pieces.
#[derive(Debug, Default)]
pub struct ClosedFlows {
    /// TCP flows.
    pub tcp: Vec<TcpFlow>,
    /// UDP flows.
    pub udp: Vec<UdpFlow>,
    /// Later fragments.
    pub fragments: Fragments,
}

impl ClosedFlows {
    /// Adds a piece. It never fails, so it can be handed to [`Tracker::finish`] as it is.
    ///
    /// # Errors
    /// None.
    pub fn add(&mut self, piece: Closed) -> Result<(), Infallible> {
        match piece {
            Closed::Tcp(mut rows) => self.tcp.extend(rows.take()),
            Closed::Udp(mut rows) => self.udp.extend(rows.take()),
            Closed::Fragments(more) => {
                self.fragments.joined += more.joined;
                self.fragments.orphaned += more.orphaned;
            }
        }
        Ok(())
    }
}

/// How many later fragments found the flow of their first fragment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fragments {
    /// Counted in a flow.
    pub joined: u64,
    /// The flow is over, or another one.
    pub orphaned: u64,
}

/// A flow that may have to go because the tables are full. Those that go first compare less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// Both sides have been heard of.
    has_answer: bool,
    /// The trace clock, or the flow's own time, when it was last heard of.
    heard: i64,
    /// Its first packet, so no two are equal.
    number: u64,
    /// What its going frees, in the limit's unit.
    pub weight: u64,
}

impl Tracker {
    /// Hands over the flows that ended: those cut by packets, those that no packet after `clock`
    /// can join (spec 4.2), and those that were evicted.
    ///
    /// # Errors
    /// The first one of `sink`.
    pub fn end_epoch<E>(
        &mut self,
        clock: Timestamp,
        sink: impl FnMut(Closed) -> Result<(), E>,
    ) -> Result<(), E> {
        self.sweep(clock, |table, at| table.end_young(at, Ending::Doubt));
        self.hand_over(clock, sink)?;
        self.index.trim();
        self.young.trim();
        self.tcp.slab.trim();
        self.udp.slab.trim();
        self.rooms.trim();
        self.tcp.spare.trim();
        self.udp.spare.trim();
        if self.weigh {
            // With a limit no room stays for the next epoch that is not in use now.
            self.rooms.trim();
        }
        Ok(())
    }

    /// Hands over what has ended, and how many later fragments there were. Flows that turn out to live on stay.
    fn hand_over<E>(
        &mut self,
        clock: Timestamp,
        mut sink: impl FnMut(Closed) -> Result<(), E>,
    ) -> Result<(), E> {
        let (young, rooms, options) = (&mut self.young, &mut self.rooms, &self.options);
        let mut tcp = |rows| sink(Closed::Tcp(rows));
        self.tcp.hand_over(young, rooms, clock, options, &mut tcp)?;
        let mut udp = |rows| sink(Closed::Udp(rows));
        self.udp.hand_over(young, rooms, clock, options, &mut udp)?;
        debug_assert!(self.udp.alive.is_empty(), "only a FIN brings doubt");
        for flow in std::mem::take(&mut self.tcp.alive) {
            let hash = flow.flow.hash;
            let place = Place::Tcp(self.tcp.insert(flow, &self.options));
            self.index.insert(hash, place.code());
        }
        sink(Closed::Fragments(std::mem::take(&mut self.fragments)))
    }

    /// Hands over every flow, at the end of the trace.
    ///
    /// # Errors
    /// The first one of `sink`.
    pub fn finish<E>(
        mut self,
        clock: Timestamp,
        sink: impl FnMut(Closed) -> Result<(), E>,
    ) -> Result<(), E> {
        self.index = Index::default();
        self.rooms.close();
        self.young.close();
        let of_tcp = |young: &&mut Young| young.key.protocol == Protocol::Tcp;
        let tcp = self
            .young
            .iter_mut()
            .map(|(_, young)| young)
            .filter(of_tcp)
            .count();
        self.tcp.ended.reserve_exact(tcp);
        self.udp.ended.reserve_exact(self.young.len() - tcp);
        for (at, young) in self.young.iter_mut() {
            match young.key.protocol {
                Protocol::Tcp => self.tcp.end_young(at, young, Ending::Time),
                Protocol::Udp => self.udp.end_young(at, young, Ending::Time),
            }
        }
        self.tcp.close_all(clock, &self.options);
        self.udp.close_all(clock, &self.options);
        self.hand_over(clock, sink)
    }

    /// Ends the flows that have timed out by `clock`; those of which only their state can tell are left to `doubt`.
    fn sweep(&mut self, clock: Timestamp, mut doubt: impl FnMut(&mut Self, u32)) {
        let options = &self.options;
        let mut expired = Vec::new();
        self.young
            .sweep(clock.0, &mut expired, |young| young.due(options));
        for (done, &at) in expired.iter().enumerate() {
            // The flow first, then, by its hash, what the index has for it.
            if let Some(&far) = expired.get(done + 2 * FAR) {
                self.young.prefetch(far);
            }
            let soon = expired.get(done + FAR);
            if let Some(soon) = soon.and_then(|&at| self.young.get(at)) {
                prefetch(self.index.home(soon.hash));
            }
            if self.young.get(at).is_some_and(Young::is_in_doubt) {
                doubt(self, at);
            } else {
                self.end_young(at, Ending::Time);
            }
        }
        let (index, options) = (&mut self.index, &self.options);
        let gone = |at, hash| index.remove(hash, Place::Tcp(at).code());
        self.tcp.sweep(clock, options, gone);
        let gone = |at, hash| index.remove(hash, Place::Udp(at).code());
        self.udp.sweep(clock, options, gone);
    }

    fn end_young(&mut self, at: u32, ending: Ending) {
        self.young.set_due(at, NEVER);
        let young = self.young.get_mut(at);
        let young = young.expect("only places in use are ended");
        let hash = young.hash;
        if self.weigh {
            self.young_bytes -= young.bytes();
        }
        match young.key.protocol {
            Protocol::Tcp => self.tcp.end_young(at, young, ending),
            Protocol::Udp => self.udp.end_young(at, young, ending),
        }
        self.index.remove(hash, Place::Young(at).code());
    }

    /// What the flows in the table weigh once those that timed out by `clock` are gone, in the
    /// unit of the limit.
    pub fn weigh(&mut self, clock: Timestamp) -> u64 {
        // Those in doubt get their states, which are swept next.
        self.sweep(clock, |table, at| _ = table.grow(at));
        match self.options.limit {
            Some(Limit::Bytes(_)) => self.young_bytes + self.tcp.bytes + self.udp.bytes,
            Some(Limit::Flows(_)) | None => self.len() as u64,
        }
    }

    /// The flows that would go first, in that order, as many as weigh `excess`.
    pub fn rank(&mut self, excess: u64) -> Vec<Candidate> {
        let mut first = First::new(excess);
        let by_bytes = matches!(self.options.limit, Some(Limit::Bytes(_)));
        for (at, young) in self.young.iter_mut() {
            if !young.has_ended() {
                first.add(young.candidate(by_bytes), Place::Young(at));
            }
        }
        for (at, flow) in self.tcp.slab.iter_mut() {
            first.add(candidate(&**flow, by_bytes), Place::Tcp(at));
        }
        for (at, flow) in self.udp.slab.iter_mut() {
            first.add(candidate(&**flow, by_bytes), Place::Udp(at));
        }
        self.candidates = first.into_sorted();
        let ranked = self.candidates.iter();
        ranked.map(|(candidate, _)| *candidate).collect()
    }

    /// Ends the flows ranked before that go no later than `last`.
    pub fn evict(&mut self, last: &Candidate) {
        let ranked = std::mem::take(&mut self.candidates);
        for (_, place) in ranked.iter().take_while(|(ranked, _)| ranked <= last) {
            let hash = match *place {
                Place::Young(at) => {
                    self.end_young(at, Ending::Limit);
                    continue;
                }
                Place::Tcp(at) => self.tcp.evict(at),
                Place::Udp(at) => self.udp.evict(at),
            };
            self.index.remove(hash, place.code());
        }
    }
}

fn candidate(flow: &impl Tracked, by_bytes: bool) -> Candidate {
    let is_half_open = flow.closed().is_none() && flow.silence_reason() == EndReason::Singleton;
    Candidate {
        has_answer: !is_half_open,
        heard: flow.flow().heard(),
        number: flow.flow().number,
        weight: if by_bytes { flow.bytes() } else { 1 },
    }
}

/// The least of many candidates, as many as weigh `excess`.
struct First {
    excess: u64,
    held: u64,
    heap: BinaryHeap<(Candidate, Place)>,
}

impl First {
    fn new(excess: u64) -> Self {
        Self {
            excess,
            held: 0,
            heap: BinaryHeap::new(),
        }
    }

    fn add(&mut self, candidate: Candidate, place: Place) {
        let greatest = self.heap.peek();
        if self.held >= self.excess && greatest.is_none_or(|(greatest, _)| candidate > *greatest) {
            return;
        }
        self.held += candidate.weight;
        self.heap.push((candidate, place));
        while let Some((greatest, _)) = self.heap.peek()
            && self.held - greatest.weight >= self.excess
        {
            self.held -= greatest.weight;
            self.heap.pop();
        }
    }

    fn into_sorted(self) -> Vec<(Candidate, Place)> {
        self.heap.into_sorted_vec()
    }
}

impl Young {
    fn candidate(&self, by_bytes: bool) -> Candidate {
        Candidate {
            has_answer: !self.is_half_open(),
            heard: self.heard(),
            number: self.number,
            weight: if by_bytes { self.bytes() } else { 1 },
        }
    }
}

impl<F: Tracked> Shelf<F> {
    /// Closes every flow, at the end of the trace.
    fn close_all(&mut self, clock: Timestamp, options: &FlowOptions) {
        for mut flow in std::mem::take(&mut self.slab).into_values() {
            flow.end(clock, options);
            self.closed.push(flow);
        }
    }

    /// Hands over the flows that ended by `clock`, in the order of their first packets.
    fn hand_over<E>(
        &mut self,
        young: &mut Slab<Young>,
        rooms: &mut Rooms,
        clock: Timestamp,
        options: &FlowOptions,
        sink: &mut impl FnMut(Rows<F>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut ended = std::mem::take(&mut self.ended);
        ended.sort_unstable_by_key(|ended| ended.number);
        let closed = std::mem::take(&mut self.closed).into_iter();
        let mut closed: Vec<_> = closed.map(|flow| (flow.flow().number, flow)).collect();
        closed.sort_unstable_by_key(|(number, _)| *number);
        let mut pieces = Pieces::new(ended.len() + closed.len(), &self.spare, sink);
        let mut closed = closed.into_iter().peekable();
        for (done, next) in ended.iter().enumerate() {
            let &EndedYoung { number, at, ending } = next;
            fetch(young, rooms, &ended[done..]);
            while let Some((number, earlier)) = closed.next_if(|(earlier, _)| *earlier < number) {
                pieces.place(|| *earlier);
                pieces.keep(number)?;
            }
            let kept = young.get(at).expect("an ended flow keeps its place");
            let flow = pieces.place(|| kept.begin(rooms, options));
            kept.count_kept(flow, rooms, options);
            young.free(at);
            match ending {
                Ending::Doubt if flow.due(options) >= clock.0 => {
                    self.alive.extend(pieces.take_back().map(Box::new));
                    continue;
                }
                Ending::Limit => flow.evict(),
                Ending::Time | Ending::Doubt => flow.end(clock, options),
            }
            pieces.keep(number)?;
        }
        for (number, flow) in closed {
            pieces.place(|| *flow);
            pieces.keep(number)?;
        }
        pieces.end()
    }
}

/// Starts to fetch a young flow that comes some time after the first of `ended`, and the packets of those that
/// come soon.
#[inline]
fn fetch(young: &Slab<Young>, rooms: &Rooms, ended: &[EndedYoung]) {
    if let Some(far) = ended.get(FAR) {
        young.prefetch(far.at);
    }
    for number in 0..ROOMS {
        if let Some(soon) = ended.get((ROOMS - number) * AHEAD)
            && let Some(soon) = young.get(soon.at)
        {
            soon.prefetch_packets(rooms, number);
        }
    }
}
