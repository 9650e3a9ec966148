//! From a trace on disk to the result folder.

mod common;

use common::{Kind, Trace, group_sets, stage};
use goostat::Config;
use goostat::capture::ReadOptions;

fn main() {
    let folder = tempfile::tempdir().expect("a folder for traces and results");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    stage("end_to_end", |group| {
        for (name, kind) in [
            ("web", Kind::Web),
            ("small", Kind::Small),
            ("dns", Kind::Dns),
        ] {
            let trace = Trace::new(kind);
            let path = folder.path().join("trace.pcap");
            std::fs::write(&path, &trace.file).expect("a trace is written");
            group.throughput(trace.throughput());
            for (groups, flow) in group_sets() {
                let config = Config {
                    traces: vec![path.clone()],
                    out: folder.path().join("out"),
                    force: true,
                    read: ReadOptions::default(),
                    threads,
                    flow,
                    hash_seed: Some(1),
                };
                group.bench_function(format!("{name}/{groups}"), |bencher| {
                    bencher.iter(|| {
                        let summary = goostat::run(&config, |_| {}).expect("results");
                        assert_eq!(summary.packets.read, trace.packets);
                    });
                });
            }
        }
    });
}
