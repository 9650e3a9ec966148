//! Finding the packets in a mapped file.

mod common;

use common::{Kind, Trace, stage};
use goostat::capture::{Inputs, Packet, ReadOptions};

fn main() {
    stage("scan", |group| {
        for (name, kind) in [("web", Kind::Web), ("small", Kind::Small)] {
            let folder = tempfile::tempdir().expect("a folder for a trace");
            let path = folder.path().join("trace.pcap");
            let trace = Trace::new(kind);
            std::fs::write(&path, &trace.file).expect("a trace is written");
            group.throughput(trace.throughput());
            group.bench_function(name, |bencher| {
                bencher.iter(|| count(&path, trace.packets));
            });
        }
    });
}

fn count(path: &std::path::Path, expected: u64) -> u64 {
    let options = ReadOptions::default();
    let view = |packet: &Packet<'_>| packet.captured.len() as u64;
    let mut inputs = Inputs::open(&[path.to_owned()], &options, view).expect("a trace");
    let (mut packets, mut bytes) = (0, 0);
    let read = inputs.read(|length| {
        packets += 1;
        bytes += *length;
    });
    read.expect("a whole trace");
    assert_eq!(packets, expected);
    bytes
}
