//! Makes traces for benches and tests: the same bytes for the same arguments, everywhere.
//!
//! [`write()`] is all there is to it. Include this file as a module (`#[path]`) to make traces elsewhere.
//!
//! ```text
//! hosts (who) ─┐
//! plan (what) ─┴─► flow ─► many of them under way, one packet of one at a time ─► odd ─► sink (when)
//! ```

#[path = "flow.rs"]
mod flow;
#[path = "hosts.rs"]
mod hosts;
#[path = "odd.rs"]
mod odd;
#[path = "payload.rs"]
mod payload;
#[path = "plan.rs"]
mod plan;
#[path = "rng.rs"]
mod rng;
#[path = "sink.rs"]
mod sink;
#[path = "wire.rs"]
mod wire;

use std::io::{self, Write};

use flow::Flow;
use odd::Wrap;
use payload::{App, Payloads};
use rng::Rng;
use sink::{Pace, Sink};
use wire::Ends;

const SECOND_NS: u64 = 1_000_000_000;

/// What a trace is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Downloads, uploads and requests of 16 packets, 784 bytes a packet, 50,000 flows at a time, 1 Gbit/s.
    Web,
    /// Long conversations in packets of 103 bytes, 1 Gbit/s.
    Small,
    /// DNS queries and answers, 5,000 a second.
    Dns,
    /// Flows with data each way that stay open.
    Open,
    /// A SYN from another sender every microsecond.
    Synflood,
    /// A scanner that probes 50,000 ports a second.
    Portscan,
    /// A DNS query from another sender every microsecond.
    Dnsflood,
    /// Downloads with losses, reordering and copies.
    Lossy,
    /// A little of all this, with tags, tunnels, fragments, other protocols, broken and cut packets, silences.
    Mixed,
}

/// How long a trace becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// As many bytes as fit. Flows are cut off.
    Bytes(u64),
    /// So many packets. Flows are cut off.
    Packets(u64),
    /// So many flows, each to its end.
    Flows(u64),
}

/// What a trace holds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stats {
    /// Records.
    pub(crate) packets: u64,
    /// Length of the file.
    pub(crate) bytes: u64,
    /// Flows that were begun. Time-outs may make more rows of them.
    pub(crate) flows: u64,
    /// Packets that are broken or of no flow, on purpose.
    pub(crate) strays: u64,
}

impl Kind {
    /// How long a trace is unless somebody says otherwise.
    pub(crate) fn target(self) -> Target {
        match self {
            Self::Web => Target::Bytes(2_000_000_000),
            Self::Small => Target::Bytes(800_000_000),
            Self::Dns => Target::Flows(3_000_000),
            Self::Open => Target::Flows(1_000_000),
            Self::Synflood => Target::Flows(20_000_000),
            Self::Portscan => Target::Flows(2_000_000),
            Self::Dnsflood => Target::Flows(10_000_000),
            Self::Lossy => Target::Bytes(500_000_000),
            Self::Mixed => Target::Packets(500_000),
        }
    }

    fn pace(self) -> Pace {
        match self {
            Self::Web | Self::Small | Self::Open | Self::Lossy => Pace::Byte(8),
            Self::Dns => Pace::Packet(100_000),
            Self::Synflood | Self::Dnsflood => Pace::Packet(1000),
            Self::Portscan => Pace::Packet(12_000),
            Self::Mixed => Pace::Packet(600_000),
        }
    }

    /// How many flows are under way at a time, where the trace is long enough.
    fn width(self) -> usize {
        match self {
            Self::Web => 50_000,
            Self::Small => 2000,
            Self::Dns | Self::Portscan => 64,
            Self::Open => 200_000,
            Self::Synflood | Self::Dnsflood => 1,
            Self::Lossy => 5000,
            Self::Mixed => 500,
        }
    }

    /// About how many packets and bytes a flow has.
    fn flow_size(self) -> (u64, u64) {
        match self {
            Self::Web => (16, 12_800),
            Self::Small => (1000, 119_000),
            Self::Dns => (2, 200),
            Self::Open => (6, 900),
            Self::Synflood | Self::Dnsflood => (1, 80),
            Self::Portscan => (2, 130),
            Self::Lossy => (60, 60_000),
            Self::Mixed => (15, 8000),
        }
    }
}

/// Writes a trace.
///
/// # Errors
/// If `out` cannot be written.
pub(crate) fn write(kind: Kind, target: Target, out: &mut impl Write) -> io::Result<Stats> {
    let mut rng = Rng::new(kind as u64);
    let (packets, bytes) = kind.flow_size();
    let flows = match target {
        Target::Bytes(limit) => limit / bytes,
        Target::Packets(limit) => limit / packets,
        Target::Flows(limit) => limit,
    };
    let width = usize::try_from(flows / 3).unwrap_or(usize::MAX);
    let mut trace = Trace {
        kind,
        flows_max: match target {
            Target::Flows(limit) => limit,
            _ => u64::MAX,
        },
        width: width.clamp(1, kind.width()),
        under_way: Vec::new(),
        over: Vec::new(),
        payloads: Payloads::new(&mut rng),
        rng,
        frame: Vec::new(),
        sink: Sink::new(out, target, kind.pace()),
    };
    trace.run()?;
    trace.sink.flush()?;
    Ok(trace.sink.stats)
}

struct Trace<'w, W: Write> {
    kind: Kind,
    flows_max: u64,
    width: usize,
    under_way: Vec<(Flow, Wrap)>,
    /// The addresses and the memory of a flow that is over.
    over: Vec<Flow>,
    payloads: Payloads,
    rng: Rng,
    frame: Vec<u8>,
    sink: Sink<'w, W>,
}

impl<W: Write> Trace<'_, W> {
    fn run(&mut self) -> io::Result<()> {
        while !self.sink.full {
            self.begin_flows();
            if self.under_way.is_empty() {
                return Ok(());
            }
            let place = self.rng.below(self.under_way.len());
            self.packet(place)?;
            if self.under_way[place].0.is_over() {
                let (flow, _) = self.under_way.swap_remove(place);
                self.over.clear();
                self.over.push(flow);
            }
        }
        Ok(())
    }

    /// Begins the flows that are missing; at first slowly, so that not all are at the same place.
    fn begin_flows(&mut self) {
        let allowed = usize::try_from(self.sink.stats.packets / 2).unwrap_or(usize::MAX);
        let wanted = self.width.min(allowed.saturating_add(1));
        while self.under_way.len() < wanted && self.sink.stats.flows < self.flows_max {
            let flow = self.flow(self.sink.stats.flows);
            let wrap = match self.kind {
                Kind::Mixed => Wrap::choose(&mut self.rng),
                _ => Wrap::None,
            };
            self.under_way.push((flow, wrap));
            self.sink.stats.flows += 1;
        }
    }

    /// The next packet of a flow.
    fn packet(&mut self, place: usize) -> io::Result<()> {
        let clock = self.sink.clock_ns;
        let Some((flow, wrap)) = self.under_way.get_mut(place) else {
            return Ok(());
        };
        flow.build(&mut self.frame, &mut self.payloads, &mut self.rng, clock);
        if self.kind != Kind::Mixed {
            return self.sink.record(&self.frame, usize::MAX);
        }
        let (ends, wrap) = (flow.ends, *wrap);
        self.odd_packet(&ends, wrap)
    }

    /// Writes the packet at hand the way it may look on a link where everything happens.
    fn odd_packet(&mut self, ends: &Ends, wrap: Wrap) -> io::Result<()> {
        self.silence();
        if self.frame.len() > 600 && self.rng.chance(10) {
            for mut fragment in odd::fragments(&self.frame, &mut self.rng) {
                wrap.around(&mut fragment);
                self.sink.record(&fragment, usize::MAX)?;
            }
        } else {
            wrap.around(&mut self.frame);
            let captured = if self.rng.chance(20) { 96 } else { usize::MAX };
            let back = if self.rng.chance(5) {
                SECOND_NS / 50
            } else {
                0
            };
            let time = self.sink.clock_ns - back;
            self.sink.record_at(time, &self.frame, captured)?;
        }
        match self.rng.below(100) {
            0 => odd::stray(&mut self.frame, ends, &mut self.rng),
            1 => odd::broken(&mut self.frame, ends, &mut self.rng),
            _ => return Ok(()),
        }
        self.sink.stats.strays += 1;
        self.sink.record(&self.frame, usize::MAX)
    }

    /// Now and then nothing happens for a while, seldom for so long that every flow times out.
    fn silence(&mut self) {
        let packets = self.sink.stats.packets;
        if packets > 0 && packets.is_multiple_of(20_000) {
            let long = packets.is_multiple_of(160_000);
            self.sink.clock_ns += if long { 400 } else { 12 } * SECOND_NS;
        }
    }

    /// A new flow of the trace's kind.
    fn flow(&mut self, number: u64) -> Flow {
        let kind = match self.kind {
            Kind::Mixed => mix(&mut self.rng),
            kind => kind,
        };
        let rng = &mut self.rng;
        let spare = self.over.pop();
        let ends = match (&spare, self.kind) {
            // The same addresses and ports again, at once.
            (Some(over), Kind::Mixed) if rng.chance(30) => over.ends,
            _ => ends(kind, number, rng),
        };
        let app = match kind {
            Kind::Dns | Kind::Dnsflood => App::Dns,
            _ if ends.ports[1] == 80 => App::Text,
            _ => App::Random,
        };
        let mut flow = Flow::new(number, ends, app, rng);
        flow.options = !matches!(kind, Kind::Synflood | Kind::Portscan);
        flow.steps = spare.map(|flow| flow.steps).unwrap_or_default();
        let steps = &mut flow.steps;
        match kind {
            Kind::Web | Kind::Mixed => plan::web(steps, rng),
            Kind::Small if self.kind == Kind::Mixed => plan::small(steps, rng, 60),
            Kind::Small => plan::small(steps, rng, 1000),
            Kind::Dns => plan::query(steps, true),
            Kind::Dnsflood => plan::query(steps, false),
            Kind::Open => plan::open(steps, rng),
            Kind::Synflood => plan::syn(steps),
            Kind::Portscan => plan::probe(steps, rng),
            Kind::Lossy => plan::lossy(steps, rng),
        }
        flow
    }
}

/// The kind of a flow among many.
fn mix(rng: &mut Rng) -> Kind {
    match rng.below(100) {
        0..15 => Kind::Web,
        15..30 => Kind::Small,
        30..65 => Kind::Dns,
        65..70 => Kind::Open,
        70..78 => Kind::Synflood,
        78..88 => Kind::Portscan,
        88..96 => Kind::Dnsflood,
        _ => Kind::Lossy,
    }
}

fn ends(kind: Kind, number: u64, rng: &mut Rng) -> Ends {
    match kind {
        Kind::Web | Kind::Small | Kind::Open | Kind::Lossy | Kind::Mixed => hosts::web(number, rng),
        Kind::Dns => hosts::resolver(number, rng),
        Kind::Synflood => hosts::flood(number, 80),
        Kind::Dnsflood => hosts::flood(number, 53),
        Kind::Portscan => hosts::scan(number),
    }
}
