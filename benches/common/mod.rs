//! What the benches share: made traces, and the packets and flows in them.
#![allow(
    dead_code,
    reason = "each bench is a program of its own and uses some of this"
)]

#[path = "../../examples/generate/traces.rs"]
mod traces;

use std::convert::Infallible;
use std::time::Duration;

use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, measurement::WallTime};
use goostat::Intake;
use goostat::capture::{LinkType, Packet, Timestamp};
use goostat::config::{FlowOptions, Group, Groups};
use goostat::decode::LinkInfo;
use goostat::flow::{Closed, PacketInfo, Tracker, marks};
use goostat::key::KeyHasher;

pub(crate) use traces::Kind;
use traces::Target;

/// Packets of a trace where times are taken, and where it is only tried whether the bench runs.
const PACKETS: u64 = 300_000;
const PACKETS_TRIED: u64 = 3000;

/// Packets in a batch and in an epoch, as in a run.
const BATCH: usize = 1024;
const EPOCH: u64 = 1 << 17;

/// A made trace, as the bytes of a pcap file.
pub(crate) struct Trace {
    pub(crate) file: Vec<u8>,
    pub(crate) packets: u64,
}

impl Trace {
    pub(crate) fn new(kind: Kind) -> Self {
        let mut file = Vec::new();
        let stats = traces::write(kind, Target::Packets(packets()), &mut file)
            .expect("memory can be written");
        Self {
            file,
            packets: stats.packets,
        }
    }

    pub(crate) fn throughput(&self) -> Throughput {
        Throughput::ElementsAndBytes {
            elements: self.packets,
            bytes: self.file.len() as u64,
        }
    }

    /// The packets, without the reader's help.
    pub(crate) fn packets(&self) -> Vec<Packet<'_>> {
        let mut rest = &self.file[24..];
        let mut packets = Vec::new();
        while let Some((head, tail)) = rest.split_first_chunk::<16>() {
            let number = |place: usize| {
                let bytes = std::array::from_fn(|byte| head[place + byte]);
                u32::from_le_bytes(bytes)
            };
            let (captured, next) = tail.split_at(number(8) as usize);
            let micros = i64::from(number(0)) * 1_000_000 + i64::from(number(4));
            packets.push(Packet {
                time: Timestamp(micros * 1000),
                captured,
                original_len: number(12),
                link_type: LinkType::ETHERNET,
                check_sequence_len: 0,
            });
            rest = next;
        }
        packets
    }

    /// What the flow tables see of the packets. In these traces every packet is in a flow.
    /// None is wrapped.
    pub(crate) fn infos(&self, options: &FlowOptions) -> Vec<PacketInfo> {
        let mut intake = Intake::new(options, KeyHasher::seeded(1));
        let infos = self.packets().into_iter().map(|packet| {
            let info = intake.packet(&packet, &mut LinkInfo::default());
            info.expect("made packets are in flows")
        });
        infos.collect()
    }
}

/// The flows of packets, tracked as a worker does it; `links` has what is around wrapped ones, and
/// `closed` takes the flows.
pub(crate) fn track(
    options: &FlowOptions,
    infos: &[PacketInfo],
    mut links: &[LinkInfo],
    mut closed: impl FnMut(Closed) -> Result<(), Infallible>,
) {
    let mut tracker = Tracker::new(options.clone());
    let mut epoch = EPOCH;
    for batch in infos.chunks(BATCH) {
        let is_wrapped = |info: &&PacketInfo| info.facts.has(marks::WRAPPED);
        let (these, others) = links.split_at(batch.iter().filter(is_wrapped).count());
        tracker.process(batch, these);
        links = others;
        if let Some(last) = batch.last()
            && last.number + 1 >= epoch
        {
            epoch += EPOCH;
            let Ok(()) = tracker.end_epoch(last.clock, &mut closed);
        }
    }
    if let Some(last) = infos.last() {
        let Ok(()) = tracker.finish(last.clock, &mut closed);
    }
}

/// The column groups that are measured.
pub(crate) fn group_sets() -> [(&'static str, FlowOptions); 2] {
    let of = |groups| FlowOptions {
        groups,
        ..FlowOptions::default()
    };
    [
        ("core,time", of(Groups::of(&[Group::Time]))),
        ("all", of(Groups::all())),
    ]
}

fn packets() -> u64 {
    if is_trial() { PACKETS_TRIED } else { PACKETS }
}

/// Criterion runs each bench once, without taking times.
fn is_trial() -> bool {
    let has = |wanted| std::env::args().any(|argument| argument == wanted);
    has("--test") || !has("--bench")
}

/// Runs one stage's benches, briefly: times vary more from machine to machine than from run to run.
pub(crate) fn stage(name: &str, benches: impl FnOnce(&mut BenchmarkGroup<'_, WallTime>)) {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group(name);
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    benches(&mut group);
    group.finish();
    criterion.final_summary();
}
