//! What holds for captures that chance makes: times can be shifted, files can be named in any order, one absurd
//! time stamp closes no flow that is alive, and no bytes break anything.

#![allow(
    clippy::unwrap_used,
    reason = "what cannot go on here is a test that fails"
)]

mod support;

use std::fs;
use std::path::Path;

use goostat::Error;
use goostat::capture::IoMode;
use proptest::prelude::*;
use support::capture::{Capture, ETHERNET, Form, Record};
use support::conservation::violations;
use support::job::{Results, config, run, run_on, scratch};
use support::table::{Cell, Row, Table};
use support::traces::trace;

/// Traces that are small and differ much from each other.
const SMALL: [&str; 10] = [
    "tcp/http-ipv4.pcap",
    "tcp/port-reuse.pcap",
    "tcp/quiet-after-fin.pcap",
    "tcp/zero-window.pcap",
    "tcp/syn-unanswered-long.pcap",
    "tcp/simultaneous-open.pcap",
    "lossy/single-tail-lost-twice.pcap",
    "udp/dns-lossy.pcap",
    "udp/fragments-lost.pcap",
    "udp/silence-after-one-packet.pcap",
];

fn small() -> impl Strategy<Value = &'static str> {
    prop::sample::select(SMALL.to_vec())
}

fn read(name: &str) -> Capture {
    Capture::read(&trace(name).path)
}

fn run_on_capture(capture: &Capture) -> Results {
    let folder = scratch();
    let path = folder.path().join("made.pcap");
    capture.write(&path);
    run_on(&path)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn shifted_times_shift_the_times_and_nothing_else(
        name in small(),
        shift in -1_600_000_000_000_000_000_i64..2_400_000_000_000_000_000,
    ) {
        let capture = read(name);
        let mut shifted = capture.clone();
        for record in &mut shifted.records {
            record.time_ns += shift;
        }
        let (original, shifted) = (run_on_capture(&capture), run_on_capture(&shifted));
        prop_assert_eq!(moved(&original.tcp(), shift), moved(&shifted.tcp(), 0));
        prop_assert_eq!(moved(&original.udp(), shift), moved(&shifted.udp(), 0));
    }

    #[test]
    fn the_order_in_which_files_are_named_changes_no_byte(
        name in small(),
        cuts in prop::array::uniform2(any::<prop::sample::Index>()),
        order in Just([0, 1, 2]).prop_shuffle(),
    ) {
        let capture = read(name);
        // Files that begin at the same time stay in the order given, so each has to begin at its own.
        let records = strictly_ascending(&capture.records);
        let mut cuts = cuts.map(|cut| cut.index(records.len()));
        cuts.sort_unstable();
        let parts = [&records[..cuts[0]], &records[cuts[0]..cuts[1]], &records[cuts[1]..]];
        let folder = scratch();
        let paths = [0, 1, 2].map(|index| folder.path().join(index.to_string()));
        for (path, records) in paths.iter().zip(parts) {
            Capture { records: records.to_vec(), ..capture }.write(path);
        }
        let whole = run_on_capture(&Capture { records: records.clone(), ..capture });
        let named: Vec<&Path> = order.iter().map(|&index| paths[index].as_path()).collect();
        let parted = run(config(&named)).unwrap();
        prop_assert_eq!(parted.digests(), whole.digests());
    }

    /// One packet of a stranger, stamped years away, in the middle of live flows.
    #[test]
    fn one_absurd_time_stamp_closes_no_flow_that_is_alive(
        name in small(),
        place in any::<prop::sample::Index>(),
        seconds in prop_oneof![1_i64..1_000, 1_000_i64..2_400_000_000],
        backwards in any::<bool>(),
    ) {
        let capture = read(name);
        let expected = run_on_capture(&capture);
        let mut disturbed = capture.clone();
        let place = place.index(capture.records.len());
        let near = capture.records[place].time_ns;
        let jump = seconds * 1_000_000_000;
        let time_ns = if backwards { (near - jump).max(0) } else { near + jump };
        disturbed.records.insert(place, stranger(time_ns, capture.link_type));
        let results = run_on_capture(&disturbed);
        prop_assert_eq!(violations(&results), Vec::<String>::new());
        prop_assert_eq!(without_stranger(&results.tcp()), without_stranger(&expected.tcp()));
        prop_assert_eq!(without_stranger(&results.udp()), without_stranger(&expected.udp()));
        prop_assert_eq!(results.udp().len(), expected.udp().len() + 1);
    }
}

/// All cells, the times later by `shift`; without the identifier, which is made of the time.
fn moved(table: &Table, shift: i64) -> Vec<Vec<Cell>> {
    let times = ["first", "last", "c_first", "c_last", "s_first", "s_last"];
    let cell = |name: &str, cell: &Cell| match cell {
        Cell::Int(time) if times.contains(&name) => Cell::Int(time + i128::from(shift)),
        other => other.clone(),
    };
    let row = |row: Row<'_>| {
        let cells = row.cells().filter(|(name, _)| *name != "flow_id");
        cells.map(|(name, value)| cell(name, value)).collect()
    };
    table.rows().map(row).collect()
}

fn strictly_ascending(records: &[Record]) -> Vec<Record> {
    let mut latest = i64::MIN;
    let mut ascending = Vec::new();
    for record in records {
        latest = record.time_ns.max(latest + 1);
        ascending.push(Record {
            time_ns: latest,
            ..record.clone()
        });
    }
    ascending
}

/// A datagram between addresses that no trace has.
fn stranger(time_ns: i64, link_type: u32) -> Record {
    let mut bytes = Vec::new();
    if link_type == ETHERNET {
        bytes.extend([2, 0, 0, 0, 0, 8, 2, 0, 0, 0, 0, 9, 8, 0]);
    }
    bytes.extend([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0]);
    bytes.extend([203, 0, 113, 1, 203, 0, 113, 2]);
    bytes.extend([0x30, 0x39, 0x30, 0x3a, 0, 8, 0, 0]);
    Record {
        time_ns,
        original_len: u32::try_from(bytes.len()).unwrap(),
        bytes,
    }
}

fn without_stranger(table: &Table) -> Vec<Vec<Cell>> {
    let known = table
        .rows()
        .filter(|row| !row.text("c_ip").starts_with("203.0.113."));
    known
        .map(|row| row.cells().map(|(_, cell)| cell.clone()).collect())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_break_it(bytes in hostile(), strict in any::<bool>(), io in prop::bool::ANY) {
        let folder = scratch();
        let path = folder.path().join("hostile");
        fs::write(&path, &bytes).unwrap();
        let mut config = config(&[&path]);
        config.read.strict = strict;
        config.read.io = if io { IoMode::Read } else { IoMode::Mmap };
        config.threads = 2;
        match run(config) {
            Ok(results) => prop_assert_eq!(violations(&results), Vec::<String>::new()),
            Err(error) => prop_assert!(!matches!(error, Error::Internal(_)), "{error}"),
        }
    }
}

/// Bytes without sense, also behind a file header, and captures in which something was broken.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let noise = || prop::collection::vec(any::<u8>(), 0..2_000);
    let headed =
        (prop::sample::select(heads()), noise()).prop_map(|(head, noise)| [head, noise].concat());
    let names = [
        "tcp/port-reuse.pcap",
        "tunnel/vxlan.pcap",
        "udp/fragments-ipv6.pcap",
    ];
    let packaged = [
        "crafted/two-sections.pcapng",
        "packagings/le.pcap.gz",
        "packagings/le.pcap.xz",
    ];
    let real = prop::sample::select([names, packaged].concat())
        .prop_map(|name| fs::read(trace(name).path).unwrap());
    let wounds = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..12);
    let wounded = (real, wounds).prop_map(|(mut bytes, wounds)| {
        for (place, value, how) in wounds {
            wound(&mut bytes, place, value, how);
        }
        bytes
    });
    prop_oneof![1 => noise(), 2 => headed, 4 => wounded]
}

/// The beginnings of captures of every kind, for link types with little and with much behind them.
fn heads() -> Vec<Vec<u8>> {
    let mut heads = Vec::new();
    for link_type in [0, 1, 9, 12, 104, 113, 219, 239, 276] {
        for (big_endian, nanoseconds) in [(false, false), (true, true)] {
            let empty = Capture {
                link_type,
                records: Vec::new(),
            };
            heads.push(empty.pcap(Form {
                big_endian,
                nanoseconds,
            }));
            heads.push(empty.pcapng());
        }
    }
    heads.extend([
        vec![0x1f, 0x8b, 8],
        vec![0x28, 0xb5, 0x2f, 0xfd],
        b"BZh91AY&SY".to_vec(),
    ]);
    heads.extend([b"\xfd7zXZ\0".to_vec(), vec![4, 0x22, 0x4d, 0x18]]);
    heads
}

fn wound(bytes: &mut Vec<u8>, place: prop::sample::Index, value: u8, how: u8) {
    if bytes.is_empty() {
        return;
    }
    let place = place.index(bytes.len());
    match how {
        0 => bytes[place] = value,
        1 => bytes[place] ^= 1 << (value % 8),
        2 => bytes.insert(place, value),
        _ => {
            let end = (place + usize::from(value)).min(bytes.len());
            bytes.drain(place..end);
        }
    }
}
