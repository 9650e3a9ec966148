//! From decoded packets to closed flows, in one worker's table.

mod common;

use common::{Kind, Trace, group_sets, stage, track};

fn main() {
    stage("table", |group| {
        for (name, kind) in [
            ("web", Kind::Web),
            ("small", Kind::Small),
            ("lossy", Kind::Lossy),
            ("dns", Kind::Dns),
            ("synflood", Kind::Synflood),
        ] {
            let trace = Trace::new(kind);
            group.throughput(trace.throughput());
            for (groups, options) in group_sets() {
                let infos = trace.infos(&options);
                group.bench_function(format!("{name}/{groups}"), |bencher| {
                    // The closed flows are dropped outside of what is measured.
                    bencher.iter_with_large_drop(|| {
                        let mut all = Vec::new();
                        track(&options, &infos, &[], |closed| {
                            all.push(closed);
                            Ok(())
                        });
                        all
                    });
                });
            }
        }
    });
}
