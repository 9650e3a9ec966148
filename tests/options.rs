//! The options that shape rows, through the real program.

#![allow(
    clippy::unwrap_used,
    reason = "what cannot go on here is a test that fails"
)]

mod exchange;
mod reference;
mod support;

use exchange::Exchange;
use support::program::Place;
use support::table::Table;

/// A connection with a packet every four seconds from either side.
const SLOW: &str = "
    0.000 C>S [S] seq 1000 win 65535
    4.000 S>C [S.] seq 5000 ack 1001 win 65535
    8.000 C>S [.] seq 1001 ack 5001 win 65535
   12.000 C>S [P.] seq 1001:1101 (100) ack 5001 win 65535
   16.000 S>C [.] seq 5001 ack 1101 win 65535
---
tcp 10.0.0.1:40000 > 198.51.100.2:80
";

/// The rows of an exchange: first time from its start in seconds, packets, why it ended, who told the client.
fn rows(exchange: &str, table: &str, options: &[&str]) -> Vec<(i128, i128, String, String)> {
    let place = Place::new();
    let capture = Exchange::parse(exchange).pcap();
    place.file("trace.pcap", capture);
    let arguments = [&["trace.pcap", "-o", "out"], options].concat();
    place.run(&arguments).expect(0, &[]);
    let table = Table::read(&place.path(&format!("out/{table}.parquet")));
    let start = table
        .rows()
        .map(|row| row.count("first"))
        .min()
        .unwrap_or(0);
    table
        .rows()
        .map(|row| {
            let seconds = (row.count("first") - start) / 1_000_000_000;
            let packets = row.count("c_pkts") + row.count("s_pkts");
            let [reason, by] = ["end_reason", "client_by"].map(|name| row.text(name).to_owned());
            (seconds, packets, reason, by)
        })
        .collect()
}

fn row(seconds: i128, packets: i128, reason: &str, by: &str) -> (i128, i128, String, String) {
    (seconds, packets, reason.to_owned(), by.to_owned())
}

#[test]
fn without_options_the_exchange_is_one_flow() {
    assert_eq!(rows(SLOW, "tcp", &[]), [row(0, 5, "eof", "syn")]);
}

#[test]
fn the_active_timeout_cuts_a_flow_at_its_first_packet_beyond() {
    assert_eq!(
        rows(SLOW, "tcp", &["--active-timeout", "10s"]),
        [row(0, 3, "active", "syn"), row(12, 2, "eof", "internal")]
    );
    assert_eq!(
        rows(SLOW, "tcp", &["--active-timeout", "12s"]),
        [row(0, 4, "active", "syn"), row(16, 1, "eof", "internal")]
    );
}

#[test]
fn a_shorter_idle_timeout_cuts_at_each_silence() {
    assert_eq!(
        rows(
            SLOW,
            "tcp",
            &["--tcp-idle", "3s", "--tcp-singleton", "3500ms"]
        ),
        [
            row(0, 1, "singleton", "syn"),
            row(4, 1, "idle", "synack"),
            row(8, 1, "idle", "internal"),
            row(12, 1, "idle", "internal"),
            row(16, 1, "eof", "internal"),
        ]
    );
}

#[test]
fn internal_ranges_replace_the_default_ones() {
    let midstream = "
    0.000 C>S [P.] seq 1001:1101 (100) ack 5001 win 65535
---
tcp 10.0.0.1:40000 > 198.51.100.2:80
";
    assert_eq!(rows(midstream, "tcp", &[]), [row(0, 1, "eof", "internal")]);
    let other = ["--internal", "192.0.2.0/24,2001:db8::/32"];
    assert_eq!(rows(midstream, "tcp", &other), [row(0, 1, "eof", "port")]);
}

#[test]
fn udp_has_timeouts_of_its_own() {
    let udp = "
    0.000 C>S UDP length 30
    2.000 S>C UDP length 30
    5.000 C>S UDP length 30
---
udp 10.0.0.1:40000 > 198.51.100.2:53
";
    assert_eq!(rows(udp, "udp", &[]), [row(0, 3, "eof", "first")]);
    assert_eq!(
        rows(udp, "udp", &["--udp-singleton", "1s"]),
        [
            row(0, 1, "singleton", "first"),
            row(2, 1, "singleton", "first"),
            row(5, 1, "eof", "first")
        ]
    );
    assert_eq!(
        rows(udp, "udp", &["--udp-idle", "2s"]),
        [row(0, 2, "idle", "first"), row(5, 1, "eof", "first")]
    );
}

#[test]
fn the_seed_of_the_community_id_changes_it() {
    let id = |options: &[&str]| {
        let place = Place::new();
        place.file("trace.pcap", Exchange::parse(SLOW).pcap());
        let arguments = [&["trace.pcap", "-o", "out"], options].concat();
        place.run(&arguments).expect(0, &[]);
        let table = Table::read(&place.path("out/tcp.parquet"));
        table.rows().next().unwrap().text("community_id").to_owned()
    };
    assert_ne!(id(&[]), id(&["--community-id-seed", "1"]));
    assert_eq!(id(&[]), id(&["--community-id-seed", "0"]));
}
