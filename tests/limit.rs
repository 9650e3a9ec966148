//! Full tables: which flows end early, that all others are left alone, and that the rows still do
//! not depend on how many tables there are.

#![allow(
    clippy::unwrap_used,
    reason = "what cannot go on here is a test that fails"
)]

mod made;
mod support;

use std::path::{Path, PathBuf};

use goostat::Config;
use goostat::config::{FlowOptions, Limit};
use made::{Kind, Target};
use support::conservation::violations;
use support::job::{Results, config, run, scratch};
use support::program::{Done, Place};
use support::table::Row;

fn make(folder: &Path, name: &str, kind: Kind, target: Target) -> PathBuf {
    let path = folder.join(name);
    made::make(&path, kind, target);
    path
}

fn limited(traces: &[&Path], limit: Option<Limit>) -> Config {
    let config = config(traces);
    Config {
        flow: FlowOptions {
            limit,
            ..config.flow.clone()
        },
        ..config
    }
}

fn is_evicted(row: &Row<'_>) -> bool {
    row.text("end_reason") == "resource"
}

fn evicted(results: &Results) -> usize {
    let (tcp, udp) = (results.tcp(), results.udp());
    tcp.rows().chain(udp.rows()).filter(is_evicted).count()
}

#[test]
fn the_number_of_threads_changes_no_byte_when_tables_are_full() {
    let folder = scratch();
    let trace = make(
        folder.path(),
        "mixed.pcap",
        Kind::Mixed,
        Target::Packets(6_000),
    );
    let limits = [
        Limit::Flows(3),
        Limit::Flows(40),
        Limit::Flows(400),
        Limit::Bytes(200_000),
    ];
    for limit in limits {
        let runs = [1, 2, 3, 7].map(|threads| {
            let config = limited(&[&trace], Some(limit));
            run(Config { threads, ..config }).unwrap()
        });
        for results in &runs {
            assert_eq!(violations(results), Vec::<String>::new(), "{limit:?}");
            assert_eq!(results.digests(), runs[0].digests(), "{limit:?}");
        }
        assert!(evicted(&runs[0]) > 0, "{limit:?}");
    }
}

#[test]
fn a_limit_that_is_never_reached_changes_no_cell() {
    let folder = scratch();
    let trace = make(
        folder.path(),
        "mixed.pcap",
        Kind::Mixed,
        Target::Packets(30_000),
    );
    let free = run(limited(&[&trace], None)).unwrap();
    for limit in [Limit::Flows(20_000), Limit::Bytes(100 << 20)] {
        let results = run(limited(&[&trace], Some(limit))).unwrap();
        let rows = |table: &support::table::Table| -> Vec<String> {
            table
                .rows()
                .map(|row| format!("{:?}", row.cells().collect::<Vec<_>>()))
                .collect()
        };
        assert_eq!(rows(&results.tcp()), rows(&free.tcp()), "{limit:?}");
        assert_eq!(rows(&results.udp()), rows(&free.udp()), "{limit:?}");
    }
}

#[test]
fn a_flood_ends_no_connection_that_was_answered() {
    let folder = scratch();
    let open = make(folder.path(), "open.pcap", Kind::Open, Target::Flows(500));
    let flood = make(
        folder.path(),
        "flood.pcap",
        Kind::Synflood,
        Target::Packets(20_000),
    );
    let without = run(limited(&[&open], None)).unwrap();
    assert_eq!(without.tcp().len(), 500);
    let results = run(limited(&[&open, &flood], Some(Limit::Flows(2000)))).unwrap();
    let tcp = results.tcp();
    let (gone, kept): (Vec<_>, Vec<_>) = tcp.rows().partition(is_evicted);
    assert_eq!(
        (gone.len() + kept.len(), gone.len() >= 18_500),
        (20_500, true)
    );
    for row in &gone {
        let packets = row.count("c_pkts") + row.count("s_pkts");
        assert_eq!((packets, row.text("conn_state")), (1, "S0"));
    }
    // Of the flood, the latest ones stay.
    let latest = |rows: &[Row<'_>]| rows.iter().map(|row| row.int("first")).max();
    assert!(latest(&gone) < latest(&kept));
}

#[test]
fn the_summary_and_the_text_tell_of_it() {
    let folder = scratch();
    let flood = make(
        folder.path(),
        "flood.pcap",
        Kind::Synflood,
        Target::Packets(1000),
    );
    let results = run(limited(&[&flood], Some(Limit::Flows(80)))).unwrap();
    let counted = results.summary.flows.tcp.end_reasons["resource"];
    assert_eq!(usize::try_from(counted).unwrap(), evicted(&results));
    let warnings = results.summary.warnings();
    let told = format!("{counted} flows ended early because the tables were full");
    assert!(
        warnings.iter().any(|warning| warning.contains(&told)),
        "{warnings:?}"
    );
}

/// Peak memory follows the flows that are open, not the length of the trace.
#[test]
fn eight_times_the_trace_takes_no_more_memory() {
    let place = Place::new();
    let peak = |packets: u64| {
        let trace = make(
            &place.path("."),
            "flood.pcap",
            Kind::Synflood,
            Target::Packets(packets),
        );
        // The flows of 10 ms are open at a time. Both are long enough for all that waits somewhere:
        // some epochs, some row groups.
        let arguments = [
            "--io",
            "read",
            "--tcp-singleton",
            "10ms",
            "--columns",
            "core",
        ];
        let mut command = place.command();
        command.arg(trace).args(arguments);
        let done = Done::of(command.args(["-o", "out", "--force", "--json", "-q"]));
        let summary: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
        assert_eq!(summary["packets"]["read"], packets);
        summary["peak_memory_bytes"].as_u64().unwrap()
    };
    let (once, eight_times) = (peak(600_000), peak(4_800_000));
    println!("{once} and {eight_times} bytes");
    assert!(eight_times < once * 5 / 4, "{once} and {eight_times} bytes");
}
