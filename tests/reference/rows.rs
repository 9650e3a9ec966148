//! A flow that has ended becomes a row (spec 8).

use super::address::flow_id;
use super::flow::Flow;
use super::side::Side;
use super::state::conn_state;
use super::{Cell, Row, elapsed};

/// A cell of a value that may be missing.
fn or_null<T>(value: Option<T>, cell: impl Fn(T) -> Cell) -> Cell {
    value.map_or(Cell::Null, cell)
}

fn text(value: &str) -> Cell {
    Cell::S(value.to_owned())
}

fn unsigned<T: Into<u64>>(value: T) -> Cell {
    Cell::U(value.into())
}

/// The row of a TCP flow.
pub(crate) fn tcp(flow: &Flow, end_reason: &str) -> Row {
    let mut row = common(flow, end_reason);
    let both_syn = flow.c.syn > 0 && flow.s.syn > 0;
    let half_duplex = flow.c.pkts == 0 || flow.s.pkts == 0;
    let complete = both_syn && ["fin", "rst", "idle"].contains(&end_reason);
    let began = if flow.server_began { "^" } else { "" };
    let flow_cells = [
        ("midstream", Cell::B(flow.midstream)),
        ("half_duplex", Cell::B(half_duplex)),
        ("complete", Cell::B(complete)),
        ("conn_state", text(conn_state(flow))),
        ("history", Cell::S(format!("{began}{}", flow.history))),
        ("syn_synack_ns", handshake_time(flow.syn_synack)),
        ("synack_ack_ns", handshake_time(flow.synack_ack)),
    ];
    row.extend(flow_cells.map(|(name, cell)| (name.to_owned(), cell)));
    for (prefix, side) in [("c", &flow.c), ("s", &flow.s)] {
        let mut put = |name: &str, cell: Cell| {
            row.insert(format!("{prefix}_{name}"), cell);
        };
        put_packets(&mut put, side);
        put_times(&mut put, side, flow.first);
        put_rtt(&mut put, side);
        put_sequence(&mut put, side);
        put_events(&mut put, side);
        put_options(&mut put, side);
    }
    row
}

/// The row of a UDP flow.
pub(crate) fn udp(flow: &Flow, end_reason: &str) -> Row {
    let mut row = common(flow, end_reason);
    let reply = match (flow.c.pkts, flow.s.pkts) {
        (_, 0) => "c_only",
        (0, _) => "s_only",
        _ => "both",
    };
    row.insert("reply".to_owned(), text(reply));
    for (prefix, side) in [("c", &flow.c), ("s", &flow.s)] {
        let cells = [
            ("pkts_zero_len", unsigned(side.pkts_zero_len)),
            ("first", or_null(side.times.min, Cell::I)),
            ("last", or_null(side.times.max, Cell::I)),
        ];
        row.extend(cells.map(|(name, cell)| (format!("{prefix}_{name}"), cell)));
    }
    row
}

/// The columns of both tables (spec 8.1).
fn common(flow: &Flow, end_reason: &str) -> Row {
    let (client, server) = (&flow.client, &flow.server);
    let ip_version: u64 = match client.version {
        goostat::decode::IpVersion::V4 => 4,
        goostat::decode::IpVersion::V6 => 6,
    };
    let ipfix_end_reason: u64 = match end_reason {
        "idle" | "singleton" => 1,
        "active" => 2,
        "fin" | "rst" | "reuse" => 3,
        _ => 4,
    };
    let flow_cells = [
        (
            "flow_id",
            Cell::U(flow_id(flow.protocol, client, server, flow.first)),
        ),
        ("c_ip", Cell::S(client.text())),
        ("c_port", unsigned(client.port)),
        ("s_ip", Cell::S(server.text())),
        ("s_port", unsigned(server.port)),
        ("ip_version", Cell::U(ip_version)),
        ("proto", unsigned(flow.protocol)),
        ("first", Cell::I(flow.first)),
        ("last", Cell::I(flow.last)),
        ("durat_ns", Cell::I(elapsed(flow.last, flow.first))),
        ("c_isint", Cell::B(client.is_internal())),
        ("s_isint", Cell::B(server.is_internal())),
        ("client_by", text(flow.client_by)),
        ("end_reason", text(end_reason)),
        ("ipfix_end_reason", Cell::U(ipfix_end_reason)),
        ("clock_backsteps", unsigned(flow.clock_backsteps)),
        ("trunc_pkts", unsigned(flow.trunc_pkts)),
        ("bad_len_pkts", unsigned(flow.bad_len_pkts)),
        ("tso_pkts", unsigned(flow.tso_pkts)),
    ];
    let mut row = Row::from(flow_cells.map(|(name, cell)| (name.to_owned(), cell)));
    for (prefix, side) in [("c", &flow.c), ("s", &flow.s)] {
        let cells = [
            ("pkts", unsigned(side.pkts)),
            ("bytes_ip", unsigned(side.bytes_ip)),
            ("bytes", unsigned(side.bytes)),
            ("frag_pkts", unsigned(side.frag_pkts)),
            ("ttl_min", or_null(side.ttl.min, unsigned)),
            ("ttl_max", or_null(side.ttl.max, unsigned)),
        ];
        row.extend(cells.map(|(name, cell)| (format!("{prefix}_{name}"), cell)));
    }
    row
}

/// Null if one of the packets is missing or they came the other way round (spec 7.2).
fn handshake_time(duration: Option<i64>) -> Cell {
    or_null(duration.filter(|duration| *duration >= 0), Cell::I)
}

fn put_packets(put: &mut impl FnMut(&str, Cell), side: &Side) {
    put("pkts_data", unsigned(side.pkts_data));
    put("pkts_ack", unsigned(side.pkts_ack));
    put("pkts_ack_pure", unsigned(side.pkts_ack_pure));
    put("syn", unsigned(side.syn));
    put("fin", unsigned(side.fin));
    put("rst", unsigned(side.rst));
    put("psh", unsigned(side.psh));
    put("urg", unsigned(side.urg));
    put("ece", unsigned(side.ece));
    put("cwr", unsigned(side.cwr));
    put("flags_or", unsigned(side.flags_or));
}

fn put_times(put: &mut impl FnMut(&str, Cell), side: &Side, first: i64) {
    let offset = |time: Option<i64>| or_null(time, |time| Cell::I(elapsed(time, first)));
    put("first_ns", offset(side.times.min));
    put("last_ns", offset(side.times.max));
    put("first_data_ns", offset(side.data_times.min));
    put("last_data_ns", offset(side.data_times.max));
    put("first_ack_ns", offset(side.ack_times.min));
}

fn put_rtt(put: &mut impl FnMut(&str, Cell), side: &Side) {
    let count = u64::try_from(side.rtt.count()).expect("a count fits");
    put("rtt_cnt", Cell::U(count));
    put("rtt_min_ns", or_null(side.rtt.min(), Cell::I));
    put("rtt_max_ns", or_null(side.rtt.max(), Cell::I));
    put("rtt_first_ns", or_null(side.rtt.first(), Cell::I));
    put("rtt_avg_ns", or_null(side.rtt.mean(), Cell::F));
    put("rtt_std_ns", or_null(side.rtt.deviation(), Cell::F));
}

fn put_sequence(put: &mut impl FnMut(&str, Cell), side: &Side) {
    put("bytes_uniq", unsigned(side.bytes_uniq));
    put("bytes_retx", unsigned(side.bytes_retx));
    put("pkts_retx", unsigned(side.pkts_retx));
    put("pkts_ooo", unsigned(side.pkts_ooo));
    put("bytes_missed", Cell::U(bytes_missed(side)));
    put("seq_restart", Cell::B(side.seq_restart));
    put("seg_dropped", unsigned(side.segments.dropped));
    let classes = &side.classes;
    put("rtx_rto", unsigned(classes.rtx_rto));
    put("rtx_fr", unsigned(classes.rtx_fr));
    put("reordered", unsigned(classes.reordered));
    put("net_dup", unsigned(classes.net_dup));
    put("rtx_unknown", unsigned(classes.rtx_unknown));
    put("flow_ctrl", unsigned(classes.flow_ctrl));
    put("unneeded_rto", unsigned(classes.unneeded_rto));
    put("unneeded_fr", unsigned(classes.unneeded_fr));
}

/// Numbers between the first and the last one known of, less those seen (spec 6.6).
fn bytes_missed(side: &Side) -> u64 {
    // Without a SYN, payload or FIN of the side there is nothing to count from.
    let Some(hi_num) = side.hi_num else { return 0 };
    let Some(low) = side.isn_unwrapped.or(side.lo) else {
        return 0;
    };
    let high = side
        .hi_acked
        .map_or(hi_num, |hi_acked| hi_acked.max(hi_num));
    (high - low - side.nums).max(0).unsigned_abs()
}

fn put_events(put: &mut impl FnMut(&str, Cell), side: &Side) {
    let bytes = |value: i64| Cell::U(value.unsigned_abs());
    put("dup_acks", unsigned(side.dup_acks));
    put("triple_dup_acks", unsigned(side.triple_dup_acks));
    put("keepalives", unsigned(side.keepalives));
    put("zero_win_probes", unsigned(side.zero_win_probes));
    put("max_inflight", or_null(side.inflight.max, bytes));
    put("min_inflight", or_null(side.inflight.min, bytes));
    // More than the column holds is told as all that it holds.
    let init_inflight = side.init_inflight.min(u64::from(u32::MAX));
    let init_inflight = (side.syn > 0).then_some(init_inflight);
    put("init_inflight", or_null(init_inflight, Cell::U));
    put("msgs", unsigned(side.msgs));
}

fn put_options(put: &mut impl FnMut(&str, Cell), side: &Side) {
    put("opt_wscale", Cell::B(side.opt_wscale));
    put("opt_ts", Cell::B(side.opt_ts));
    put("opt_sack", Cell::B(side.opt_sack));
    put("opt_mptcp", Cell::B(side.opt_mptcp));
    put("opt_tfo", Cell::B(side.opt_tfo));
    put("wscale", or_null(side.wscale, unsigned));
    put("mss", or_null(side.mss, unsigned));
    put("sack_pkts", unsigned(side.sack_pkts));
    put("dsack", unsigned(side.dsack));
    put("seg_max", or_null(side.seg.max, unsigned));
    put("seg_min", or_null(side.seg.min, unsigned));
    put("win_max", or_null(side.win.max, unsigned));
    put("win_min", or_null(side.win_open.min, unsigned));
    put("win_init", or_null(side.win_init, unsigned));
    put("win_zero", unsigned(side.win_zero));
}
