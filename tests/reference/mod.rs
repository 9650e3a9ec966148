//! The slow, obvious flow tracker: the specification of rows written down as lists and plain
//! structs, with no thought of speed. It shares nothing with `src/flow` but the decoded headers,
//! so that the two can be held against each other.
//!
//! In: the packets of a trace in file order, decoded. Out: the rows of both tables (groups
//! core, time, rtt, seq and opt) and what became of every packet.

#![allow(
    dead_code,
    reason = "each test that includes this module uses its part"
)]

mod address;
mod facts;
mod flow;
mod history;
mod life;
mod measure;
mod roles;
mod rows;
mod rtt;
mod segments;
mod side;
mod state;
mod tcp;

use std::collections::BTreeMap;

use goostat::decode::{Decoded, Fate};

/// One packet of the trace, as decoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefPacket {
    /// Nanoseconds since 1970.
    pub time: i64,
    /// Bytes of the frame that are there.
    pub captured_len: u32,
    /// Bytes of the frame on the wire.
    pub original_len: u32,
    /// Its headers, or why it has none.
    pub decoded: Decoded,
}

/// The time-outs (spec 4.2) and the limit of the segment list (spec 6.2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefOptions {
    /// Nanoseconds of silence that end a TCP flow.
    pub tcp_idle: i64,
    /// The same for one with nothing but bare SYNs from one side.
    pub tcp_singleton: i64,
    /// The same for a closed one.
    pub tcp_linger: i64,
    /// Nanoseconds of silence that end a UDP flow.
    pub udp_idle: i64,
    /// The same for one with one packet so far.
    pub udp_singleton: i64,
    /// Nanoseconds from its first time on after which a flow is cut, if it is.
    pub active_timeout: Option<i64>,
    /// Segments a direction keeps.
    pub max_segments: usize,
}

impl Default for RefOptions {
    fn default() -> Self {
        const SECOND: i64 = 1_000_000_000;
        Self {
            tcp_idle: 300 * SECOND,
            tcp_singleton: 10 * SECOND,
            tcp_linger: 5 * SECOND,
            udp_idle: 200 * SECOND,
            udp_singleton: 10 * SECOND,
            active_timeout: None,
            max_segments: 4096,
        }
    }
}

/// One cell of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    /// No value.
    Null,
    /// An unsigned count.
    U(u64),
    /// A time or a duration in nanoseconds.
    I(i64),
    /// A mean or a deviation.
    F(f64),
    /// A yes or no.
    B(bool),
    /// A word.
    S(String),
}

/// A row: column name to cell.
pub(crate) type Row = BTreeMap<String, Cell>;

/// Both tables, each in the order in which its flows began, and the packets by fate.
#[derive(Clone, Debug, Default)]
pub(crate) struct RefOutput {
    /// Rows of the TCP table.
    pub tcp: Vec<Row>,
    /// Rows of the UDP table.
    pub udp: Vec<Row>,
    /// How many packets had each fate; fates that no packet had are left out.
    pub fates: BTreeMap<&'static str, u64>,
}

/// Tracks the flows of a whole trace.
pub(crate) fn track(packets: &[RefPacket], options: &RefOptions) -> RefOutput {
    life::track(packets, options)
}

/// The name of a fate in the summary (spec 2).
pub(crate) fn fate_name(fate: Fate) -> &'static str {
    match fate {
        Fate::Tcp => "tcp",
        Fate::Udp => "udp",
        Fate::FragJoined => "frag_joined",
        Fate::FragOrphan => "frag_orphan",
        Fate::ShortTcp => "short_tcp",
        Fate::BadTcp => "bad_tcp",
        Fate::ShortUdp => "short_udp",
        Fate::OtherIp => "other_ip",
        Fate::ShortIp => "short_ip",
        Fate::BadIp => "bad_ip",
        Fate::NonIp => "non_ip",
        Fate::ShortLink => "short_link",
        Fate::BadLink => "bad_link",
        Fate::TooDeep => "too_deep",
        Fate::Protected => "protected",
    }
}

/// `a - b` as a duration in nanoseconds, at most what 64 bits hold.
pub(crate) fn elapsed(a: i64, b: i64) -> i64 {
    a.saturating_sub(b)
}
