//! From closed flows to arrays (`batch`), and from closed flows to a Parquet file (`write`).

mod common;

use std::path::Path;

use common::{Kind, Trace, group_sets, stage, track};
use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Throughput};
use goostat::config::FlowOptions;
use goostat::flow::{ClosedFlows, TcpFlow, UdpFlow};
use goostat::output::{Column, TableWriter, tcp_batch, tcp_columns, udp_batch, udp_columns};

/// Rows that become arrays together, as in a run.
const CHUNK: usize = 512;

fn main() {
    let (web, dns) = (Trace::new(Kind::Web), Trace::new(Kind::Dns));
    let folder = tempfile::tempdir().expect("a folder for tables");
    let file = folder.path().join("table.parquet");
    stage("output", |group| {
        for (groups, options) in group_sets() {
            let (tcp, _) = flows(&web, &options);
            let (_, udp) = flows(&dns, &options);
            group.throughput(Throughput::Elements(tcp.len() as u64));
            group.bench_function(format!("batch/tcp/{groups}"), |bencher| {
                bencher.iter(|| {
                    in_chunks(&tcp, |rows| {
                        tcp_batch(rows, &options).expect("a batch").num_rows()
                    })
                });
            });
            write(
                group,
                &format!("tcp/{groups}"),
                &file,
                &options,
                &tcp,
                || tcp_columns(0),
            );
            group.throughput(Throughput::Elements(udp.len() as u64));
            group.bench_function(format!("batch/udp/{groups}"), |bencher| {
                bencher.iter(|| {
                    in_chunks(&udp, |rows| {
                        udp_batch(rows, &options).expect("a batch").num_rows()
                    })
                });
            });
            write(
                group,
                &format!("udp/{groups}"),
                &file,
                &options,
                &udp,
                || udp_columns(0),
            );
        }
    });
}

type Flows = (Vec<TcpFlow>, Vec<UdpFlow>);

fn flows(trace: &Trace, options: &FlowOptions) -> Flows {
    let infos = trace.infos(options);
    let mut closed = ClosedFlows::default();
    track(options, &infos, &[], |piece| closed.add(piece));
    (closed.tcp, closed.udp)
}

fn in_chunks<F>(flows: &[F], batch: impl Fn(&[&F]) -> usize) -> usize {
    flows
        .chunks(CHUNK)
        .map(|chunk| {
            let rows: Vec<&F> = chunk.iter().collect();
            batch(&rows)
        })
        .sum()
}

/// Encodes and writes a table with one thread, so that the time is the work's.
fn write<F: Send + Sync + Clone + 'static>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    file: &Path,
    options: &FlowOptions,
    flows: &[F],
    columns: impl Fn() -> Vec<Column<F>>,
) {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a thread");
    group.bench_function(format!("write/{name}"), |bencher| {
        bencher.iter_batched(
            || flows.to_vec(),
            |rows| {
                let mut table =
                    TableWriter::create(file, columns(), options, &pool).expect("a file");
                table.write(rows).expect("rows are written");
                table.finish().expect("the file is finished")
            },
            BatchSize::PerIteration,
        );
    });
}
