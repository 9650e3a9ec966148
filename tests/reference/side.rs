//! What is known of one direction of a flow.

use super::rtt::Samples;
use super::segments::{Classes, SegmentList};
use super::state::EndpointStates;

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ClientToServer,
    ServerToClient,
}

/// The smallest and the largest of some values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range<T> {
    pub min: Option<T>,
    pub max: Option<T>,
}

impl<T> Default for Range<T> {
    fn default() -> Self {
        Self {
            min: None,
            max: None,
        }
    }
}

impl<T: Ord + Copy> Range<T> {
    pub(crate) fn add(&mut self, value: T) {
        self.min = Some(self.min.map_or(value, |min| min.min(value)));
        self.max = Some(self.max.map_or(value, |max| max.max(value)));
    }
}

/// History's own counts and what it remembers of letters written (spec 7.1).
#[derive(Clone, Debug, Default)]
pub(crate) struct Letters {
    /// The letters i, q, d, a that this side has given.
    pub once: Vec<char>,
    pub last_syn_seq: Option<u32>,
    pub last_fin_number: Option<u32>,
    pub last_rst_seq: Option<u32>,
    pub retransmissions: u64,
    pub zero_windows: u64,
    pub gaps: u64,
}

/// One direction: counters first, then what the analysis needs (spec 5, 6).
#[derive(Clone, Debug, Default)]
pub(crate) struct Side {
    pub pkts: u64,
    pub bytes_ip: u64,
    pub bytes: u64,
    pub frag_pkts: u64,
    pub times: Range<i64>,
    pub ttl: Range<u8>,
    /// UDP only.
    pub pkts_zero_len: u64,

    pub pkts_data: u64,
    pub pkts_ack: u64,
    pub pkts_ack_pure: u64,
    pub syn: u64,
    pub fin: u64,
    pub rst: u64,
    pub psh: u64,
    pub urg: u64,
    pub ece: u64,
    pub cwr: u64,
    pub flags_or: u8,
    pub bare_syns: u64,
    pub data_times: Range<i64>,
    pub ack_times: Range<i64>,

    /// The reference of spec 6.1; none before the first packet.
    pub reference: Option<i64>,
    /// Number of the latest SYN, and the same unwrapped.
    pub isn: Option<u32>,
    pub isn_unwrapped: Option<i64>,
    /// Ack field and time of the latest SYN+ACK.
    pub synack_ack: Option<u32>,
    pub synack_time: Option<i64>,
    pub bare_syn_time: Option<i64>,
    /// End of the latest FIN, unwrapped and as sent, and whether it was acked.
    pub fin_end: Option<i64>,
    pub fin_number: Option<u32>,
    pub fin_acked: bool,
    pub seq_restart: bool,

    pub segments: SegmentList,
    pub classes: Classes,
    pub rtt: Samples,
    pub bytes_uniq: u64,
    pub bytes_retx: u64,
    pub pkts_retx: u64,
    pub pkts_ooo: u64,
    pub nums: i64,
    pub hi: Option<i64>,
    pub hi_num: Option<i64>,
    pub lo: Option<i64>,
    pub hi_acked: Option<i64>,
    pub acked_to: Option<i64>,

    pub nxt: Option<i64>,
    pub mark: Option<i64>,
    pub msgs: u64,

    pub wcur: Option<u32>,
    pub win: Range<u32>,
    /// As `win`, but of windows above zero.
    pub win_open: Range<u32>,
    pub win_init: Option<u32>,
    pub win_zero: u64,
    pub lastack: Option<u32>,
    pub lastack_window: Option<u16>,
    pub data_acked: bool,
    pub init_inflight: u64,
    pub inflight: Range<i64>,

    pub dup_acks: u64,
    pub dup_run: u64,
    pub triple_dup_acks: u64,
    pub keepalives: u64,
    pub zero_win_probes: u64,

    pub opt_wscale: bool,
    pub opt_ts: bool,
    pub opt_sack: bool,
    pub opt_mptcp: bool,
    pub opt_tfo: bool,
    pub wscale: Option<u8>,
    pub mss: Option<u16>,
    pub sack_pkts: u64,
    pub dsack: u64,
    pub seg: Range<u32>,

    pub states: EndpointStates,
    pub letters: Letters,
}
