//! The flows of one protocol: those that live, and those that ended and wait to be taken out.

use super::PacketInfo;
use super::base::Tracked;
use super::rows::Spare;
use super::slab::Slab;
use super::young::Young;
use crate::capture::Timestamp;
use crate::config::FlowOptions;
use crate::prefetch::prefetch;

/// Bytes of a flow's place in its slab, with the time it is due, and in the index.
pub(super) const PLACE_BYTES: u64 = 8 + 8 + 16;

/// A young flow that ended, or may have ([`Ending::Doubt`]). It stays in its place until it is taken out, so that a
/// million that end at once take no more room than they did.
#[derive(Clone, Copy, Debug)]
pub(super) struct EndedYoung {
    /// Place of its first packet in the trace.
    pub(super) number: u64,
    pub(super) at: u32,
    pub(super) ending: Ending,
}

/// What has ended a young flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Silence, or the end of the trace.
    Time,
    /// Silence if it is closed, which only its state can tell: else it lives.
    Doubt,
    /// The limit of the table.
    Limit,
}

/// The flows of one protocol.
pub(super) struct Shelf<F> {
    pub(super) slab: Slab<Box<F>, 64>,
    pub(super) closed: Vec<Box<F>>,
    pub(super) ended: Vec<EndedYoung>,
    /// Flows that were in doubt and live.
    pub(super) alive: Vec<Box<F>>,
    pub(super) spare: Spare<F>,
    /// Bytes of the flows in the slab are counted.
    weigh: bool,
    pub(super) bytes: u64,
}

impl<F> Shelf<F> {
    pub(super) fn new(weigh: bool) -> Self {
        Self {
            slab: Slab::default(),
            closed: Vec::new(),
            ended: Vec::new(),
            alive: Vec::new(),
            spare: Spare::default(),
            weigh,
            bytes: 0,
        }
    }
}

impl<F: Tracked> Shelf<F> {
    /// Keeps a flow, and returns its place.
    pub(super) fn insert(&mut self, flow: Box<F>, options: &FlowOptions) -> u32 {
        if self.weigh {
            self.bytes += flow.bytes();
        }
        let due = flow.due(options);
        self.slab.insert(flow, due)
    }

    /// Takes the flow at `at` out of the table; it has closed.
    pub(super) fn close(&mut self, at: u32) {
        let flow = self.slab.remove(at).expect("only places in use are closed");
        if self.weigh {
            self.bytes -= flow.bytes();
        }
        self.closed.push(flow);
    }

    /// Starts to fetch the flow at `at`.
    #[inline]
    pub(super) fn prefetch(&self, at: u32) {
        let flow = self.slab.get(at);
        flow.into_iter().for_each(|flow| prefetch(&**flow));
    }

    /// Counts a packet in the flow at `at`, or closes the flow: then true, and the packet begins
    /// another one.
    #[inline(always)]
    pub(super) fn packet(&mut self, at: u32, packet: &PacketInfo, options: &FlowOptions) -> bool {
        let flow = self
            .slab
            .get_mut(at)
            .expect("the index holds places in use");
        if let Some(reason) = flow.ended_before(packet, options) {
            flow.flow_mut().end_reason = reason;
            self.close(at);
            return true;
        }
        if self.weigh {
            self.bytes -= flow.bytes();
        }
        flow.flow_mut().touch = packet.clock;
        let has_closed = flow.count(&packet.facts, packet.mac, options);
        if self.weigh {
            self.bytes += flow.bytes();
        }
        if has_closed {
            let due = flow.due(options);
            self.slab.set_due(at, due);
        }
        false
    }

    /// Counts a later fragment if the flow at `at` is the one of its first fragment, and lives.
    pub(super) fn fragment(
        &mut self,
        at: u32,
        fragment: &PacketInfo,
        options: &FlowOptions,
    ) -> bool {
        let flow = self
            .slab
            .get_mut(at)
            .expect("the index holds places in use");
        let (timeout, bytes) = (flow.timeout(options), flow.bytes());
        let common = flow.flow_mut();
        // The flow that counted the first fragment is the one with this key unless that began later.
        let is_joining = common.number <= fragment.number
            && !common.is_past(timeout, Some(fragment.facts.time), fragment.clock);
        if is_joining {
            common.count_fragment(&fragment.facts);
            if self.weigh {
                self.bytes += flow.bytes() - bytes;
            }
        }
        is_joining
    }

    /// Closes the flows that have timed out by `clock`, and tells `gone` their places and hashes.
    pub(super) fn sweep(
        &mut self,
        clock: Timestamp,
        options: &FlowOptions,
        mut gone: impl FnMut(u32, u32),
    ) {
        let mut expired = Vec::new();
        self.slab
            .sweep(clock.0, &mut expired, |flow| flow.due(options));
        for at in expired {
            let flow = self.slab.get_mut(at);
            let flow = flow.expect("a sweep finds places in use");
            flow.end(clock, options);
            gone(at, flow.flow().hash);
            self.close(at);
        }
    }

    /// Closes the flow at `at` because the table is full. Returns its hash.
    pub(super) fn evict(&mut self, at: u32) -> u32 {
        let flow = self.slab.get_mut(at);
        let flow = flow.expect("only places in use are evicted");
        flow.evict();
        let hash = flow.flow().hash;
        self.close(at);
        hash
    }

    /// Ends the young flow at `at`, which stays there for now.
    pub(super) fn end_young(&mut self, at: u32, young: &mut Young, ending: Ending) {
        if young.end() {
            self.ended.push(EndedYoung {
                number: young.number,
                at,
                ending,
            });
        }
    }
}
