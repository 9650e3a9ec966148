//! Exchanges in a tcpdump-like language: packets above a line `---`, the rows they make below it.
//!
//! ```text
//! # E2. Retransmission
//!     0.000 C>S [S] seq 1000 win 65535 <mss 1460>
//!     0.060 S>C [S.] seq 5000 ack 1001 win 65535
//!     0.100 C>S [P.] seq 1001:1101 (100) ack 5001 win 65535 id 7   a comment
//!     0.200 C>S UDP length 30
//! ---
//! tcp 10.0.0.1:40000 > 198.51.100.2:80  client_by=syn conn_state=S1
//!   c: pkts=2 bytes=100
//!   s: pkts=1
//! ```
//!
//! C and S are the endpoints of the first row, or those of a line
//! `# c = 10.0.0.1:2000, s = 10.0.0.2:3000`. Numbers are absolute and each packet has an IPv4
//! identification of its own unless one is shown. An exchange can be given to the reference as
//! packets and to the program as a capture.

#![allow(
    dead_code,
    reason = "each test that includes this module uses its part"
)]

mod build;
mod dress;
mod expect;
pub(crate) mod generate;
mod parse;
mod play;
mod tell;
pub(crate) mod wire;

pub(crate) use build::{TcpDraft, UdpDraft};
pub(crate) use expect::{ExpectedRow, differences};

use crate::reference::{RefPacket, Row};

/// An exchange: its packets and the rows expected of them.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    /// The text after the first `#`.
    pub title: String,
    pub packets: Vec<RefPacket>,
    pub rows: Vec<ExpectedRow>,
}

impl Exchange {
    /// Reads an exchange; panics with the line if it is not one.
    pub(crate) fn parse(text: &str) -> Self {
        parse::exchange(text)
    }

    /// The packets as a little-endian microsecond pcap with Ethernet frames.
    pub(crate) fn pcap(&self) -> Vec<u8> {
        wire::pcap(&self.packets)
    }
}

/// Runs `run` on the exchange's capture and compares the cells that the exchange names.
///
/// `run` gives the rows of both tables, each table in the order in which its flows began.
pub(crate) fn check(text: &str, run: impl FnMut(&[u8]) -> Vec<Row>) {
    compare(text, run, false);
}

/// As [`check`], and the counters that exchanges always tell must be zero where they are not named.
pub(crate) fn check_strictly(text: &str, run: impl FnMut(&[u8]) -> Vec<Row>) {
    compare(text, run, true);
}

fn compare(text: &str, mut run: impl FnMut(&[u8]) -> Vec<Row>, strictly: bool) {
    let exchange = Exchange::parse(text);
    let rows = run(&exchange.pcap());
    let differences = differences(&exchange.rows, &rows, strictly);
    assert!(
        differences.is_empty(),
        "{}\n  {}\nin\n{text}",
        exchange.title,
        differences.join("\n  ")
    );
}
