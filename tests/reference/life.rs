//! The life of flows: trace clock, look-up, gap rule, reuse, fragments and ends (spec 1, 3, 4).

use std::collections::BTreeMap;

use goostat::decode::{
    AddressBytes, Decoded, Fate, Headers, IpHeader, IpVersion, LaterFragment, Transport,
};

use super::address::Endpoint;
use super::flow::{Closed, Flow, count_common, new_flow};
use super::roles::{destination_of, direction_of, protocol_of, source_of};
use super::side::Direction;
use super::{RefOptions, RefOutput, RefPacket, elapsed, fate_name, rows, tcp};

/// How long a first fragment is remembered (spec 3.5).
const FRAGMENT_TIMEOUT: i64 = 30_000_000_000;

/// What the fragments of one packet share (spec 3.5).
type FragmentKey = (AddressBytes, AddressBytes, u8, u32, IpVersion);

/// A first fragment that was seen.
struct FirstFragment {
    flow_number: usize,
    direction: Direction,
    time: i64,
    touch: i64,
}

/// Protocol and both endpoints, the lesser one first.
type Key = (u8, Endpoint, Endpoint);

/// Spec 1: the largest of the lesser times of two packets in a row.
#[derive(Default)]
struct TraceClock {
    latest_time: i64,
    packets: u64,
    now: i64,
}

impl TraceClock {
    fn advance(&mut self, time: i64) {
        self.packets += 1;
        self.now = match self.packets {
            1 => time,
            // The first packet's own time stands for itself only until there is a pair.
            2 => self.latest_time.min(time),
            _ => self.now.max(self.latest_time.min(time)),
        };
        self.latest_time = time;
    }
}

struct Tracker<'a> {
    options: &'a RefOptions,
    clock: TraceClock,
    flows: BTreeMap<Key, Flow>,
    flows_begun: usize,
    fragments: BTreeMap<FragmentKey, FirstFragment>,
    ended: Vec<(Flow, &'static str)>,
}

/// See [`super::track`].
pub(crate) fn track(packets: &[RefPacket], options: &RefOptions) -> RefOutput {
    let mut tracker = Tracker {
        options,
        clock: TraceClock::default(),
        flows: BTreeMap::new(),
        flows_begun: 0,
        fragments: BTreeMap::new(),
        ended: Vec::new(),
    };
    let mut output = RefOutput::default();
    for packet in packets {
        tracker.clock.advance(packet.time);
        let fate = match &packet.decoded {
            Decoded::Transport(headers) => tracker.transport(packet, headers),
            Decoded::Fragment(fragment) => tracker.later_fragment(packet.time, fragment),
            Decoded::Other(fate) => *fate,
        };
        *output.fates.entry(fate_name(fate)).or_insert(0) += 1;
    }
    tracker.end_of_trace();
    tracker.ended.sort_by_key(|(flow, _)| flow.number);
    for (flow, end_reason) in &tracker.ended {
        match flow.protocol {
            6 => output.tcp.push(rows::tcp(flow, end_reason)),
            _ => output.udp.push(rows::udp(flow, end_reason)),
        }
    }
    output
}

impl Tracker<'_> {
    fn transport(&mut self, packet: &RefPacket, headers: &Headers) -> Fate {
        let key = key_of(headers);
        if let Some(end_reason) = self.flow_ends_before(&key, packet.time, headers) {
            let flow = self.flows.remove(&key).expect("a flow that ends is there");
            self.ended.push((flow, end_reason));
        }
        if !self.flows.contains_key(&key) {
            let flow = new_flow(self.flows_begun, packet.time, headers);
            self.flows_begun += 1;
            self.flows.insert(key, flow);
        }
        let clock = self.clock.now;
        let max_segments = self.options.max_segments;
        let flow = self.flows.get_mut(&key).expect("it was there or was made");
        let direction = direction_of(flow, headers);
        count_common(flow, direction, packet, headers);
        if let Transport::Tcp(header) = &headers.transport {
            tcp::count(flow, direction, packet.time, headers, header, max_segments);
        }
        flow.touch = clock;
        if let Some(identification) = headers.first_fragment {
            let fragment = FirstFragment {
                flow_number: flow.number,
                direction,
                time: packet.time,
                touch: clock,
            };
            let protocol = flow.protocol;
            self.fragments.insert(
                fragment_key(&headers.ip, protocol, identification),
                fragment,
            );
        }
        match headers.transport {
            Transport::Tcp(_) => Fate::Tcp,
            Transport::Udp => Fate::Udp,
        }
    }

    /// Whether the packet ends the flow of its key before it is counted, and why (spec 4.1, 4.3).
    fn flow_ends_before(&self, key: &Key, time: i64, headers: &Headers) -> Option<&'static str> {
        let flow = self.flows.get(key)?;
        let timed_out = flow.is_past_timeout(time, self.clock.now, self.options);
        let limit = self.options.active_timeout;
        let aged = limit.is_some_and(|limit| elapsed(time, flow.first) > limit);
        let reused = !timed_out && tcp::bare_syn_ends(flow, direction_of(flow, headers), headers);
        if !timed_out && !aged && !reused {
            return None;
        }
        Some(match flow.closed {
            Some(Closed::Fin) => "fin",
            Some(Closed::Rst) => "rst",
            None if timed_out => flow.timeout_reason(),
            None if aged => "active",
            None => "reuse",
        })
    }

    /// Spec 3.5.
    fn later_fragment(&mut self, time: i64, fragment: &LaterFragment) -> Fate {
        let key = fragment_key(&fragment.ip, fragment.protocol, fragment.identification);
        let Some(first) = self.fragments.get(&key) else {
            return Fate::FragOrphan;
        };
        let too_late = elapsed(time, first.time) > FRAGMENT_TIMEOUT
            || elapsed(self.clock.now, first.time.max(first.touch)) > FRAGMENT_TIMEOUT;
        let flow = self
            .flows
            .values_mut()
            .find(|flow| flow.number == first.flow_number);
        match flow {
            Some(flow)
                if !too_late && !flow.is_past_timeout(time, self.clock.now, self.options) =>
            {
                let side = flow.side(first.direction);
                side.frag_pkts += 1;
                side.bytes_ip += u64::from(fragment.ip.length);
                Fate::FragJoined
            }
            _ => Fate::FragOrphan,
        }
    }

    /// Spec 4.5: what is still open ends with the trace, or has timed out before.
    fn end_of_trace(&mut self) {
        for (_, flow) in std::mem::take(&mut self.flows) {
            let end_reason = match flow.closed {
                Some(Closed::Fin) => "fin",
                Some(Closed::Rst) => "rst",
                None if flow.clock_timed_out(self.clock.now, self.options) => flow.timeout_reason(),
                None => "eof",
            };
            self.ended.push((flow, end_reason));
        }
    }
}

fn key_of(headers: &Headers) -> Key {
    let (source, destination) = (source_of(headers), destination_of(headers));
    (
        protocol_of(headers),
        source.min(destination),
        source.max(destination),
    )
}

fn fragment_key(ip: &IpHeader, protocol: u8, identification: u32) -> FragmentKey {
    (
        ip.source,
        ip.destination,
        protocol,
        identification,
        ip.version,
    )
}
