//! From arbitrary bytes to rows: every packet has one fate, what rows count adds up, and the rows
//! do not depend on how many tables share the flows or where epochs end.
#![no_main]

#[path = "../../tests/reference/mod.rs"]
mod reference;
#[path = "../trace_file.rs"]
mod trace_file;
#[path = "../../tests/tracked/mod.rs"]
mod tracked;

use goostat::capture::{Inputs, ReadOptions, Timestamp};
use goostat::config::FlowOptions;
use goostat::decode::Fate;
use goostat::flow::{ClosedFlows, TcpFlow, Tracker, UdpFlow};
use goostat::key::KeyHasher;
use goostat::summary::Fates;
use goostat::{Error, Intake};
use libfuzzer_sys::fuzz_target;

use reference::{Cell, Row};

/// What is known of a trace once it has been read.
struct Outcome {
    read: u64,
    fates: Fates,
    tcp: Vec<Row>,
    udp: Vec<Row>,
}

fuzz_target!(|data: &[u8]| {
    let Some((&epoch, bytes)) = data.split_first() else {
        return;
    };
    let Ok(alone) = run(bytes, 1, u64::MAX) else {
        return;
    };
    laws(&alone);
    let shared = run(bytes, 3, u64::from(epoch) + 1).expect("it could be read before");
    assert_eq!(alone.fates, shared.fates);
    assert!(alone.tcp == shared.tcp, "TCP rows depend on the tables");
    assert!(alone.udp == shared.udp, "UDP rows depend on the tables");
});

fn run(bytes: &[u8], tables: usize, epoch: u64) -> Result<Outcome, Error> {
    let options = FlowOptions::default();
    let mut intake = Intake::new(&options, KeyHasher::seeded(epoch));
    let mut trackers: Vec<Tracker> = (0..tables).map(|_| Tracker::new(options.clone())).collect();
    let mut closed = ClosedFlows::default();
    let path = trace_file::file(bytes);
    let mut inputs = Inputs::open(&[path], &ReadOptions::default(), intake.decoder())?;
    inputs.read(|packet| {
        if let Some((info, link)) = intake.decoded(packet) {
            let table = usize::try_from(info.hash % 61).expect("it is small") % tables;
            trackers[table].process(&[info], &[*link]);
        }
        if intake.packets().is_multiple_of(epoch) {
            let clock = intake.clock();
            for tracker in &mut trackers {
                let Ok(()) = tracker.end_epoch(clock, |piece| closed.add(piece));
            }
        }
    })?;
    let clock: Timestamp = intake.clock();
    for tracker in trackers {
        let Ok(()) = tracker.finish(clock, |piece| closed.add(piece));
    }
    let read = inputs.finish().iter().map(|report| report.packets).sum();
    Ok(outcome(read, closed, intake.fates().clone(), &options))
}

fn outcome(read: u64, mut closed: ClosedFlows, mut fates: Fates, options: &FlowOptions) -> Outcome {
    closed.tcp.sort_by_key(|row| row.flow.number);
    closed.udp.sort_by_key(|row| row.flow.number);
    let tcp: Vec<&TcpFlow> = closed.tcp.iter().collect();
    let udp: Vec<&UdpFlow> = closed.udp.iter().collect();
    fates.add(Fate::Tcp, tcp.iter().map(|row| row.flow.packets()).sum());
    fates.add(Fate::Udp, udp.iter().map(|row| row.flow.packets()).sum());
    fates.add(Fate::FragJoined, closed.fragments.joined);
    fates.add(Fate::FragOrphan, closed.fragments.orphaned);
    Outcome {
        read,
        fates,
        tcp: tracked::tcp_rows(&tcp, options),
        udp: tracked::udp_rows(&udp, options),
    }
}

/// Spec 2 and 4.6.
fn laws(outcome: &Outcome) {
    assert_eq!(
        outcome.fates.total(),
        outcome.read,
        "every packet has one fate"
    );
    let rows = || outcome.tcp.iter().chain(&outcome.udp);
    let joined: u64 = rows()
        .map(|row| count(row, "c_frag_pkts") + count(row, "s_frag_pkts"))
        .sum();
    assert_eq!(joined, outcome.fates.count(Fate::FragJoined));
    for row in rows() {
        times_agree(row);
    }
    for row in &outcome.tcp {
        for side in ["c", "s"] {
            tcp_side_agrees(row, side);
        }
    }
}

fn times_agree(row: &Row) {
    let (first, last) = (time(row, "first"), time(row, "last"));
    assert!(first <= last);
    assert_eq!(
        time(row, "durat_ns"),
        Some(last.unwrap_or(0).saturating_sub(first.unwrap_or(0)))
    );
    for side in ["c_first", "c_last", "s_first", "s_last"] {
        let at = time(row, side);
        assert!(at.is_none() || (first <= at && at <= last), "{side}");
    }
}

fn tcp_side_agrees(row: &Row, side: &str) {
    let get = |name: &str| count(row, &format!("{side}_{name}"));
    assert_eq!(get("bytes"), get("bytes_uniq") + get("bytes_retx"));
    assert!(get("pkts_data") <= get("pkts"));
    assert!(get("pkts_ack_pure") <= get("pkts_ack") && get("pkts_ack") <= get("pkts"));
    assert!(get("pkts_retx") <= get("pkts"));
    let (min, max) = (
        time(row, &format!("{side}_rtt_min_ns")),
        time(row, &format!("{side}_rtt_max_ns")),
    );
    assert!(min <= max);
    assert_eq!(min.is_some(), get("rtt_cnt") > 0);
}

fn count(row: &Row, column: &str) -> u64 {
    match row.get(column) {
        Some(Cell::U(count)) => *count,
        other => panic!("{column} is {other:?}"),
    }
}

fn time(row: &Row, column: &str) -> Option<i64> {
    match row.get(column) {
        Some(Cell::I(time)) => Some(*time),
        _ => None,
    }
}
