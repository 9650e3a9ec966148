//! The fast flow tables against the slow, obvious reference in `reference`: on exchanges that
//! proptest makes, on every trace of testdata, and on a corpus of captures where there is one.
//!
//! However many tables share the flows, however their keys hash and wherever epochs end, every
//! cell is the reference's. `PROPTEST_CASES` says how many exchanges are made.

mod exchange;
mod reference;
mod tracked;

use std::path::{Path, PathBuf};

use goostat::config::{FlowOptions, Group, Groups};
use goostat::output::{tcp_batch, udp_batch};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use exchange::generate::traces;
use reference::{RefOptions, RefOutput, RefPacket, Row};
use tracked::{GROUPS, How};

/// Steps of an exchange; several of them send more than one packet.
const STEPS_MAX: usize = 80;
/// Groups for which everyday packets are counted together.
const SUMS: &[Group] = &[Group::Core, Group::Time];
/// Exchanges that are made where `PROPTEST_CASES` does not say.
const CASES: u32 = 1000;
/// Nanoseconds.
const SECOND: i64 = 1_000_000_000;
/// Differences that are told; the rest is counted.
const TOLD_MAX: usize = 20;

fn any_how() -> impl Strategy<Value = How> {
    let hashes = prop_oneof![3 => Just(u64::MAX), 1 => 1_u64..5];
    let groups = prop_oneof![
        4 => Just(GROUPS.to_vec()),
        2 => Just(SUMS.to_vec()),
        1 => subsequence(GROUPS.to_vec(), 0..GROUPS.len()),
    ];
    let batch = prop_oneof![1 => Just(usize::MAX), 1 => Just(1), 1 => 1_usize..30];
    let epoch_ends = vec(0_usize..120, 0..6);
    (1_u64..5, any::<u64>(), hashes, batch, epoch_ends, groups).prop_map(
        |(tables, seed, hashes, batch, mut epoch_ends, groups)| {
            epoch_ends.sort_unstable();
            epoch_ends.dedup();
            How {
                tables,
                seed,
                hashes,
                batch,
                epoch_ends,
                groups: Groups::of(&groups),
            }
        },
    )
}

fn any_options() -> impl Strategy<Value = RefOptions> {
    let usual = RefOptions::default();
    let max_segments =
        prop_oneof![2 => Just(usual.max_segments), 1 => Just(5_usize), 1 => 1_usize..4];
    // Some whose order is not the usual one: a flow's time-out may then shrink, too.
    let time_outs = prop_oneof![
        5 => Just([usual.tcp_idle, usual.tcp_singleton, usual.tcp_linger, usual.udp_idle, usual.udp_singleton]),
        1 => any::<[u16; 5]>().prop_map(|milliseconds| milliseconds.map(|ms| i64::from(ms) * 1_000_000)),
    ];
    let active_timeout = prop_oneof![
        4 => Just(None),
        1 => any::<u32>().prop_map(|ns| Some(i64::from(ns))),
        1 => (0_i64..100).prop_map(|seconds| Some(seconds * SECOND)),
    ];
    let options = (max_segments, active_timeout, time_outs);
    options.prop_map(|(max_segments, active_timeout, time_outs)| {
        let [tcp_idle, tcp_singleton, tcp_linger, udp_idle, udp_singleton] = time_outs;
        RefOptions {
            tcp_idle,
            tcp_singleton,
            tcp_linger,
            udp_idle,
            udp_singleton,
            active_timeout,
            max_segments,
        }
    })
}

/// For so many `times` the usual number of cases.
fn config(times: u32) -> ProptestConfig {
    let usual = ProptestConfig {
        // A failure is told as an exchange, which then becomes a test of its own.
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let cases = match std::env::var_os("PROPTEST_CASES") {
        Some(_) => usual.cases,
        None => CASES,
    };
    let cases = times.saturating_mul(cases);
    ProptestConfig { cases, ..usual }
}

proptest! {
    #![proptest_config(config(1))]

    #[test]
    fn exchanges_give_the_rows_of_the_reference(
        trace in traces(STEPS_MAX),
        options in any_options(),
        how in any_how(),
    ) {
        let differences = compare(&trace.packets, &options, &how);
        prop_assert!(differences.is_empty(), "{}", told(&differences));
    }

    #[test]
    fn columns_are_the_same_whether_packets_are_analysed_or_not(
        trace in traces(STEPS_MAX),
        options in any_options(),
        how in any_how(),
    ) {
        let differences = analysed_or_not(&trace.packets, &options, &how);
        prop_assert!(differences.is_empty(), "{}", told(&differences));
    }
}

proptest! {
    // They are short.
    #![proptest_config(config(4))]

    /// Few packets, whose times are whole seconds as the time-outs are: so all that can happen around these does.
    #[test]
    fn flows_end_where_those_of_the_reference_do(
        trace in traces(16),
        seconds in vec(-2_i64..5, 1..20),
        options in time_outs_of_seconds(),
        how in any_how(),
    ) {
        let packets = timed(trace.packets, &seconds);
        let mut differences = compare(&packets, &options, &how);
        differences.extend(analysed_or_not(&packets, &options, &how));
        prop_assert!(differences.is_empty(), "{}", told(&differences));
    }
}

fn time_outs_of_seconds() -> impl Strategy<Value = RefOptions> {
    let seconds = (1_i64..7).prop_map(|seconds| seconds * SECOND);
    let active_timeout =
        prop_oneof![3 => Just(None), 1 => (1_i64..20).prop_map(|seconds| Some(seconds * SECOND))];
    (vec(seconds, 5), active_timeout).prop_map(|(seconds, active_timeout)| RefOptions {
        tcp_idle: seconds[0],
        tcp_singleton: seconds[1],
        tcp_linger: seconds[2],
        udp_idle: seconds[3],
        udp_singleton: seconds[4],
        active_timeout,
        ..RefOptions::default()
    })
}

/// The packets at other times: each so many `seconds` after the one before.
fn timed(mut packets: Vec<RefPacket>, seconds: &[i64]) -> Vec<RefPacket> {
    let mut now = 1_700_000_000;
    for (packet, seconds) in packets.iter_mut().zip(seconds.iter().cycle()) {
        now += seconds;
        packet.time = now * SECOND;
    }
    packets
}

/// What rows with the columns of `link`, which the reference has not, say otherwise without analysis.
fn analysed_or_not(packets: &[RefPacket], options: &RefOptions, how: &How) -> Vec<String> {
    let with = |groups: Groups| {
        let how = How {
            groups,
            ..how.clone()
        };
        tracked::track(packets, options, &how)
    };
    let sums = Groups::of(&[Group::Core, Group::Time, Group::Link]);
    differences(&with(Groups::all()), &with(sums))
}

#[test]
fn more_everyday_packets_than_are_counted_together_are_all_counted() {
    let mut text = String::from(
        "    0.000 C>S [S] seq 1000\n    1.000 S>C [S.] seq 5000 ack 1001\n    2.000 C>S [.] seq 1001 ack 5001\n",
    );
    for number in 0..70_000_u64 {
        let (at, seq) = (3 + number, 5001 + 1000 * number);
        text += &format!(
            "    {at}.000 S>C [P.] seq {seq}:{} (1000) ack 1001 id 7\n",
            seq + 1000
        );
    }
    text += "---\ntcp 10.0.0.1:9 > 10.0.0.2:9";
    let trace = exchange::Exchange::parse(&text);
    let (options, how) = (RefOptions::default(), How::default());
    let differences = analysed_or_not(&trace.packets, &options, &how);
    assert!(differences.is_empty(), "{}", told(&differences));
    let rows = tracked::track(&trace.packets, &options, &sums()).tcp;
    assert_eq!(rows[0]["s_pkts"], reference::Cell::U(70_001));
}

/// The clock is eight seconds ahead of the last packet that a flow had, or so far that a young flow does not know
/// how far: silence counts from the packet.
#[test]
fn everyday_packets_after_a_late_one_come_too_late_by_its_time() {
    let hours = RefOptions {
        tcp_idle: 7200 * SECOND,
        tcp_singleton: 7200 * SECOND,
        ..RefOptions::default()
    };
    for (clock, options, seconds, rows) in [
        (9, RefOptions::default(), 300, 1),
        (9, RefOptions::default(), 305, 2),
        (5000, hours, 7199, 1),
        (5000, hours, 7500, 2),
    ] {
        let trace = exchange::Exchange::parse(&format!(
            "0.000 C>S [S] seq 1000
             {clock}.000 C>S UDP length 1
             {clock}.001 C>S UDP length 1
             1.000 S>C [S.] seq 5000 ack 1001
           {seconds}.000 C>S [.] seq 1001 ack 5001"
        ));
        let differences = compare(&trace.packets, &options, &sums());
        assert!(differences.is_empty(), "{}", told(&differences));
        let tracked = tracked::track(&trace.packets, &options, &sums());
        assert_eq!(tracked.tcp.len(), rows);
    }
}

#[test]
fn testdata_gives_the_rows_of_the_reference() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    assert!(compare_folder(&folder) > 100, "testdata holds captures");
}

#[test]
fn a_corpus_gives_the_rows_of_the_reference_where_there_is_one() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let folder = std::env::var_os("GOOSTAT_CORPUS").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        println!("{} captures compared", compare_folder(&folder));
    } else {
        println!("no corpus at {}: nothing compared", folder.display());
    }
}

#[test]
fn no_column_is_left_out_of_the_comparison() {
    let trace = exchange::Exchange::parse(
        "    0.000 C>S [S] seq 1\n    1.000 C>S UDP length 1\n---\ntcp 10.0.0.1:9 > 10.0.0.2:9",
    );
    let expected = reference::track(&trace.packets, &RefOptions::default());
    let without_link: Vec<Group> = Group::ALL
        .into_iter()
        .filter(|g| *g != Group::Link)
        .collect();
    let options = FlowOptions {
        groups: Groups::of(&without_link),
        ..FlowOptions::default()
    };
    let names = |row: &Row| row.keys().cloned().collect::<Vec<_>>();
    let columns = |batch: arrow::array::RecordBatch| {
        let schema = batch.schema();
        let mut names: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
        names.sort();
        names
    };
    assert_eq!(
        columns(tcp_batch(&[], &options).unwrap()),
        names(&expected.tcp[0])
    );
    assert_eq!(
        columns(udp_batch(&[], &options).unwrap()),
        names(&expected.udp[0])
    );
}

#[test]
fn a_reference_with_another_rule_is_noticed() {
    let usual = RefOptions::default();
    let others = [
        RefOptions {
            tcp_linger: 6_000_000_000,
            ..usual
        },
        RefOptions {
            udp_singleton: 9_000_000_000,
            ..usual
        },
        RefOptions {
            max_segments: 5,
            ..usual
        },
        RefOptions {
            active_timeout: Some(60_000_000_000),
            ..usual
        },
    ];
    let mut runner = TestRunner::deterministic();
    let mut noticed = [0; 4];
    for _ in 0..400 {
        let trace = traces(STEPS_MAX).new_tree(&mut runner).unwrap().current();
        let got = tracked::track(&trace.packets, &usual, &How::default());
        for (noticed, other) in noticed.iter_mut().zip(&others) {
            let expected = reference::track(&trace.packets, other);
            *noticed += usize::from(!differences(&expected, &got).is_empty());
        }
    }
    assert!(noticed.iter().all(|&times| times > 0), "{noticed:?}");
}

/// Compares all captures in and below a folder. Returns how many there were.
fn compare_folder(folder: &Path) -> usize {
    let mut paths = files_below(folder);
    paths.sort();
    let mut differences = Vec::new();
    let mut compared = 0;
    for path in paths {
        // What is no capture has no packets to compare.
        let Ok(packets) = tracked::read(&path) else {
            continue;
        };
        compared += 1;
        for how in [How::default(), sums(), many_epochs(packets.len())] {
            let here = compare(&packets, &RefOptions::default(), &how);
            differences.extend(here.into_iter().map(|d| format!("{}: {d}", path.display())));
        }
    }
    assert!(differences.is_empty(), "{}", told(&differences));
    compared
}

/// One table that counts everyday packets together, each when it comes: a flow is found at once, as it must be
/// for that.
fn sums() -> How {
    How {
        batch: 1,
        groups: Groups::of(SUMS),
        ..How::default()
    }
}

/// Three tables with colliding keys, and an epoch after every seventh packet.
fn many_epochs(packets: usize) -> How {
    How {
        tables: 3,
        hashes: 64,
        epoch_ends: (0..packets).step_by(7).collect(),
        ..How::default()
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder can be listed");
    entries
        .map(|entry| entry.expect("so can its entries").path())
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// What the fast tables say otherwise than the reference.
fn compare(packets: &[RefPacket], options: &RefOptions, how: &How) -> Vec<String> {
    let expected = reference::track(packets, options);
    let got = tracked::track(packets, options, how);
    differences(&expected, &got)
}

fn differences(expected: &RefOutput, got: &RefOutput) -> Vec<String> {
    let mut differences = Vec::new();
    if expected.fates != got.fates {
        differences.push(format!("fates {:?}, not {:?}", got.fates, expected.fates));
    }
    for (table, expected, got) in [
        ("tcp", &expected.tcp, &got.tcp),
        ("udp", &expected.udp, &got.udp),
    ] {
        if expected.len() != got.len() {
            differences.push(format!(
                "{table}: {} rows, not {}",
                got.len(),
                expected.len()
            ));
        }
        for (number, (expected, got)) in expected.iter().zip(got).enumerate() {
            let cells = row_differences(expected, got);
            differences.extend(cells.map(|cell| format!("{table} row {number}: {cell}")));
        }
    }
    differences
}

/// The columns that are there, which the groups decide.
fn row_differences(expected: &Row, got: &Row) -> impl Iterator<Item = String> {
    got.iter()
        .filter_map(|(column, cell)| match expected.get(column) {
            Some(expected) if expected == cell => None,
            expected => Some(format!("{column} is {cell:?}, not {expected:?}")),
        })
}

fn told(differences: &[String]) -> String {
    let some = &differences[..differences.len().min(TOLD_MAX)];
    let more = differences.len() - some.len();
    format!("{}\nand {more} more", some.join("\n"))
}
