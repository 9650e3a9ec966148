//! Two witnesses that had no part in goostat: what tshark counts in each conversation, and what the kernel that
//! sent the packets says of its own connections. docs/witness.md explains where they differ from us.

#![allow(
    clippy::unwrap_used,
    reason = "what cannot go on here is a test that fails"
)]

mod support;

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;
use support::job::{for_each, run_on};
use support::table::{Row, Table};
use support::traces::{Trace, testdata, trace};

/// What went from one end of a conversation to the other: protocol, `source > target`.
type Way = (String, String);
type Counts = BTreeMap<Way, [i128; 2]>;

fn with_witness(suffix: &str) -> Vec<Trace> {
    let all = testdata().into_iter();
    all.filter(|trace| trace.beside(suffix).exists()).collect()
}

#[test]
fn tshark_counts_the_same_packets_and_bytes_each_way() {
    let traces = with_witness(".tshark.tsv");
    assert!(traces.len() > 90);
    for_each(&traces, |trace| {
        let results = run_on(&trace.path);
        let mut ours = Counts::new();
        count(&mut ours, "tcp", &results.tcp());
        count(&mut ours, "udp", &results.udp());
        let theirs = counted_by_tshark(trace);
        let ways: Vec<&Way> = ours.keys().chain(theirs.keys()).collect();
        let differing = ways
            .into_iter()
            .filter(|&way| ours.get(way) != theirs.get(way));
        differing
            .map(|way| {
                let (name, ours, theirs) = (&trace.name, ours.get(way), theirs.get(way));
                format!("{name}: {way:?}: {ours:?} packets and bytes, tshark {theirs:?}")
            })
            .collect()
    });
}

/// Flows of one pair of ends are summed up: tshark and we cut them by different rules.
fn count(counts: &mut Counts, protocol: &str, table: &Table) {
    for row in table.rows() {
        let end = |side: &str| {
            let port = row.count(&format!("{side}_port"));
            format!("{} {port}", row.text(&format!("{side}_ip")))
        };
        let sent = |side: &str| ["pkts", "bytes"].map(|what| row.count(&format!("{side}_{what}")));
        add(counts, protocol, &end("c"), &end("s"), sent("c"));
        add(counts, protocol, &end("s"), &end("c"), sent("s"));
    }
}

fn add(counts: &mut Counts, protocol: &str, source: &str, target: &str, sent: [i128; 2]) {
    if sent == [0, 0] {
        return;
    }
    let way = (protocol.to_owned(), format!("{source} > {target}"));
    let entry = counts.entry(way).or_default();
    entry[0] += sent[0];
    entry[1] += sent[1];
}

fn counted_by_tshark(trace: &Trace) -> Counts {
    let text = fs::read_to_string(trace.beside(".tshark.tsv")).unwrap();
    let mut lines = text.lines();
    let head = "protocol\tstream\ta_ip\ta_port\tb_ip\tb_port\ta_pkts\ta_bytes\tb_pkts\tb_bytes";
    assert_eq!(lines.next(), Some(head));
    let mut counts = Counts::new();
    for line in lines {
        let cells: Vec<&str> = line.split('\t').collect();
        let number = |index: usize| cells[index].parse().unwrap();
        let a = format!("{} {}", cells[2], cells[3]);
        let b = format!("{} {}", cells[4], cells[5]);
        add(&mut counts, cells[0], &a, &b, [number(6), number(7)]);
        add(&mut counts, cells[0], &b, &a, [number(8), number(9)]);
    }
    counts
}

/// Each side's SYN+ACK repeats the number of its SYN, and is no retransmission to the kernel, which sends it as an
/// answer to the other's SYN. The same crossing SYNs are an RTT sample to the kernel, and none to us, because
/// neither answers the other.
const SIMULTANEOUS_OPEN: &str = "tcp/simultaneous-open.pcap";

/// The numbers of a kernel that are the same in a capture at its side: our column, `struct tcp_info`'s field.
const EQUAL: [(&str, &str); 4] = [
    ("pkts_retx", "tcpi_total_retrans"),
    ("pkts_data", "tcpi_data_segs_out"),
    ("bytes", "tcpi_bytes_sent"),
    ("bytes_retx", "tcpi_bytes_retrans"),
];

#[test]
fn the_sending_kernel_counts_the_same_packets_and_retransmissions() {
    let checked = for_each_connection(|connection| {
        let differing = EQUAL.iter().filter_map(|&(column, field)| {
            let (ours, theirs) = (connection.sum(column), connection.told(field));
            let expected = match (connection.trace.name.as_str(), column) {
                (SIMULTANEOUS_OPEN, "pkts_retx") => theirs + 1,
                _ => theirs,
            };
            (ours != expected)
                .then(|| format!("{}: {column} {ours}, {field} {theirs}", connection.name()))
        });
        differing.collect()
    });
    assert!(checked > 70, "{checked} connections");
}

/// Connections where the kernel's smallest RTT is smaller by some microseconds because of a segment that a SACK
/// block reported: a sample to the kernel, and none to us, who take ACKs alone (trace, smallest RTT by the kernel).
const SAMPLES_BY_SACK: [(&str, i128); 7] = [
    ("lossy/everything-no-timestamps.pcap", 30_027),
    ("lossy/everything.at-a.pcap", 30_040),
    ("lossy/http-everything.pcap", 30_116),
    ("lossy/http-everything.pcap", 30_026),
    ("lossy/jitter.pcap", 40_815),
    ("lossy/parallel-uploads.pcap", 30_020),
    ("lossy/single-segment-lost-twice.pcap", 30_044),
];

#[test]
fn the_sending_kernel_measures_the_same_smallest_rtt() {
    let checked = for_each_connection(|connection| {
        let theirs = connection.told("tcpi_min_rtt");
        let name = connection.name();
        let Some(ours) = connection.min_rtt_us() else {
            return vec![format!("{name}: no RTT, the kernel has {theirs} us")];
        };
        let later = theirs - ours;
        let trace = connection.trace.name.as_str();
        let agrees = if trace == SIMULTANEOUS_OPEN {
            later < 0
        } else if SAMPLES_BY_SACK.contains(&(trace, theirs)) {
            (-200..0).contains(&later)
        } else if later < 0 {
            // After a retransmission the kernel goes by the TCP time stamp, which has whole milliseconds.
            theirs % 1000 == 0 && later > -2000
        } else {
            // The kernel's watch starts before the tap sees the segment and stops after it has seen the ACK.
            later < 100
        };
        if agrees {
            return Vec::new();
        }
        vec![format!("{name}: {ours} us, the kernel has {theirs} us")]
    });
    assert!(checked > 70, "{checked} connections");
}

/// Connections of which the kernel counts one DSACK less than arrived: it does not believe all of them.
const DISBELIEVED: [&str; 3] = [
    "lossy/http-everything.pcap",
    "lossy/parallel-uploads.pcap",
    "lossy/single-fin-lost-both.pcap",
];

/// What the receiver reports as duplicates came in at the sender's tap, and the kernel read it too.
#[test]
fn the_sending_kernel_reads_the_same_dsacks() {
    for_each_connection(|connection| {
        let (ours, theirs) = (
            connection.sum_peer("dsack"),
            connection.told("tcpi_dsack_dups"),
        );
        let disbelieved = DISBELIEVED.contains(&connection.trace.name.as_str());
        let agrees = ours == theirs || disbelieved && ours == theirs + 1;
        let name = connection.name();
        (!agrees)
            .then(|| format!("{name}: {ours} DSACKs, the kernel has {theirs}"))
            .into_iter()
            .collect()
    });
}

/// A connection of a kernel that sent its packets past the tap, and the rows that it made.
struct Connection<'a> {
    trace: &'a Trace,
    told: &'a Value,
    /// With the side that the kernel is.
    rows: Vec<(Row<'a>, [&'static str; 2])>,
}

impl Connection<'_> {
    fn name(&self) -> String {
        format!(
            "{} {} > {}",
            self.trace.name, self.told["local"], self.told["remote"]
        )
    }

    fn told(&self, field: &str) -> i128 {
        i128::from(self.told["tcp_info"][field].as_u64().unwrap())
    }

    fn sum(&self, column: &str) -> i128 {
        let cell = |(row, [me, _]): &(Row<'_>, [&str; 2])| row.count(&format!("{me}_{column}"));
        self.rows.iter().map(cell).sum()
    }

    fn sum_peer(&self, column: &str) -> i128 {
        let cell = |(row, [_, peer]): &(Row<'_>, [&str; 2])| row.count(&format!("{peer}_{column}"));
        self.rows.iter().map(cell).sum()
    }

    fn min_rtt_us(&self) -> Option<i128> {
        let cell = |(row, [me, _]): &(Row<'_>, [&str; 2])| row.int(&format!("{me}_rtt_min_ns"));
        self.rows.iter().filter_map(cell).min().map(|ns| ns / 1000)
    }
}

/// Checks every connection of which the capture shows the packets as the kernel sent them; how many there were.
fn for_each_connection(check: impl Fn(&Connection<'_>) -> Vec<String> + Sync) -> usize {
    let traces = with_witness(".kernel.json");
    let checked = std::sync::atomic::AtomicUsize::new(0);
    for_each(&traces, |trace| {
        let told = fs::read_to_string(trace.beside(".kernel.json")).unwrap();
        let told: Value = serde_json::from_str(&told).unwrap();
        let table = run_on(&trace.path).tcp();
        let connections = told["connections"].as_array().unwrap().iter();
        let shown = connections.filter(|connection| connection["at_capture"] == true);
        let mut wrong = Vec::new();
        for told in shown {
            assert_eq!(told["final"], true, "{}: not final", trace.name);
            let rows = rows_of(&table, told);
            let connection = Connection { trace, told, rows };
            if connection.rows.is_empty() {
                wrong.push(format!("{}: no row", connection.name()));
                continue;
            }
            wrong.extend(check(&connection));
            checked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        wrong
    });
    checked.into_inner()
}

fn rows_of<'a>(table: &'a Table, told: &Value) -> Vec<(Row<'a>, [&'static str; 2])> {
    let end = |name: &str| told[name].as_str().unwrap().replace(['[', ']'], "");
    let (local, remote) = (end("local"), end("remote"));
    let (as_client, as_server) = (format!("{local} > {remote}"), format!("{remote} > {local}"));
    let side = |row: Row<'_>| match row.ends() {
        ends if ends == as_client => Some(["c", "s"]),
        ends if ends == as_server => Some(["s", "c"]),
        _ => None,
    };
    table
        .rows()
        .filter_map(|row| Some((row, side(row)?)))
        .collect()
}

/// The two taps of one connection see the same flow from its two ends.
#[test]
fn the_taps_at_both_ends_see_the_same_unique_bytes() {
    let unique = |name: &str| {
        let table = run_on(&trace(name).path).tcp();
        assert_eq!(table.len(), 1);
        let row = table.rows().next().unwrap();
        [
            "c_bytes_uniq",
            "s_bytes_uniq",
            "c_bytes_missed",
            "s_bytes_missed",
        ]
        .map(|name| row.count(name))
    };
    let at_sender = unique("lossy/everything.at-a.pcap");
    let at_receiver = unique("lossy/everything.at-b.pcap");
    assert_eq!(at_sender, at_receiver);
    assert!(at_sender[0] >= 300_000);
}
