//! From a packet in memory to what a flow table sees of it: decoding, key, hash, trace clock.
//!
//! The packets' first bytes stand one after the other, so that they are in the cache in time, as they are in a run
//! thanks to the reader's prefetch.

mod common;

use common::{Kind, Trace, group_sets, stage};
use criterion::Throughput;
use goostat::Intake;
use goostat::capture::Packet;
use goostat::config::FlowOptions;
use goostat::decode::LinkInfo;
use goostat::key::KeyHasher;

/// Bytes of a packet that are kept: all headers are among them.
const HEAD_LEN: usize = 128;

fn main() {
    stage("decode", |group| {
        for (name, kind) in [
            ("web", Kind::Web),
            ("small", Kind::Small),
            ("dns", Kind::Dns),
        ] {
            let trace = Trace::new(kind);
            let heads = heads(&trace);
            let packets = trace.packets().into_iter().zip(heads.chunks(HEAD_LEN));
            let packets: Vec<Packet<'_>> = packets
                .map(|(packet, captured)| Packet { captured, ..packet })
                .collect();
            group.throughput(Throughput::Elements(trace.packets));
            for (groups, options) in group_sets() {
                group.bench_function(format!("{name}/{groups}"), |bencher| {
                    bencher.iter(|| decode(&options, &packets));
                });
            }
        }
    });
}

fn heads(trace: &Trace) -> Vec<u8> {
    let mut heads = Vec::new();
    for (number, packet) in trace.packets().iter().enumerate() {
        let head = packet.captured.iter().take(HEAD_LEN);
        heads.extend(head);
        heads.resize((number + 1) * HEAD_LEN, 0);
    }
    heads
}

fn decode(options: &FlowOptions, packets: &[Packet<'_>]) -> u64 {
    let mut intake = Intake::new(options, KeyHasher::seeded(1));
    let mut hashes = 0;
    for packet in packets {
        let mut link = LinkInfo::default();
        if let Some(info) = intake.packet(packet, &mut link) {
            hashes ^= info.hash;
        }
    }
    hashes
}
