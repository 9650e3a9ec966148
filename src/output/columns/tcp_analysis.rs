//! The columns of tcp.parquet that the analysis of sequence numbers, options and windows gives
//! (spec 8.2, groups `seq` and `opt`).

use super::Column;
use super::fill::{bool, u8, u16, u32, u64};
use super::tcp::analysis;
use crate::config::Group::{Opt, Seq};
use crate::flow::tcp::analysis::SideAnalysis;
use crate::flow::tcp::counts::{Anomalies, OptCounts, SeqCounts};
use crate::flow::{Side, TcpFlow, marks};

pub(super) fn columns() -> Vec<Column<TcpFlow>> {
    let mut columns = bytes();
    columns.extend(retransmission_classes());
    columns.extend(other_classes());
    columns.push(restart());
    columns.extend(anomalies());
    columns.extend(flight());
    columns.extend(options());
    columns.extend(option_values());
    columns.extend(windows());
    columns
}

/// A counter of the sequence analysis.
fn seq<T: Default>(flow: &TcpFlow, side: Side, get: impl Fn(&SeqCounts) -> T) -> T {
    analysis(flow, side).map_or_else(T::default, |analysis| get(&analysis.seq))
}

/// A counter that is zero in most flows.
fn anomaly<T: Default>(flow: &TcpFlow, side: Side, get: impl Fn(&Anomalies) -> T) -> T {
    let seq = analysis(flow, side).map(|analysis| &analysis.seq);
    seq.and_then(SeqCounts::anomalies)
        .map_or_else(T::default, get)
}

/// What the options and windows of a side say.
fn opt<T: Default>(flow: &TcpFlow, side: Side, get: impl Fn(&OptCounts) -> T) -> T {
    analysis(flow, side).map_or_else(T::default, |analysis| get(&analysis.opt))
}

fn bytes() -> Vec<Column<TcpFlow>> {
    vec![
        u64(
            ("x_bytes_uniq", Seq, "B", "Payload bytes not seen before."),
            |f: &TcpFlow, side| f.flow.sides[side].bytes - anomaly(f, side, |a| a.bytes_retx),
        )
        .tstat("x_bytes_uniq"),
        u64(
            ("x_bytes_retx", Seq, "B", "Payload bytes seen before."),
            |f: &TcpFlow, side| anomaly(f, side, |a| a.bytes_retx),
        )
        .rare()
        .tstat("x_bytes_retx"),
        u64(
            (
                "x_pkts_retx",
                Seq,
                "pkt",
                "Packets with a number (byte, SYN or FIN) seen before.",
            ),
            |f: &TcpFlow, side| anomaly(f, side, |a| a.pkts_retx),
        )
        .rare()
        .tstat("x_pkts_retx"),
        u64(
            ("x_pkts_ooo", Seq, "pkt", "Packets that filled a hole."),
            |f: &TcpFlow, side| anomaly(f, side, |a| a.pkts_ooo),
        )
        .rare()
        .tstat("x_pkts_ooo"),
        u64(
            ("x_bytes_missed", Seq, "B", "Bytes the probe did not see."),
            |f: &TcpFlow, side| f.bytes_missed(side),
        )
        .rare(),
    ]
}

fn retransmission_classes() -> Vec<Column<TcpFlow>> {
    vec![
        u32(
            (
                "x_rtx_rto",
                Seq,
                "events",
                "Retransmitted after a time-out.",
            ),
            |f: &TcpFlow, side| anomaly(f, side, |a| a.rtx_rto),
        )
        .rare()
        .tstat("x_pkts_rto"),
        u32(
            ("x_rtx_fr", Seq, "events", "Fast retransmissions."),
            |f: &TcpFlow, side| anomaly(f, side, |a| a.rtx_fr),
        )
        .rare()
        .tstat("x_pkts_fs"),
        u32(
            (
                "x_reordered",
                Seq,
                "events",
                "Overtaken by a later segment.",
            ),
            |f: &TcpFlow, side| anomaly(f, side, |a| a.reordered),
        )
        .rare()
        .tstat("x_pkts_reor"),
    ]
}

fn other_classes() -> Vec<Column<TcpFlow>> {
    vec![
        u32(
            (
                "x_net_dup",
                Seq,
                "events",
                "Copied by the network (same IP id).",
            ),
            |f: &TcpFlow, side| anomaly(f, side, |a| a.net_dup),
        )
        .rare()
        .tstat("x_pkts_dup"),
        u32(
            (
                "x_rtx_unknown",
                Seq,
                "events",
                "Repeated or late for no known reason.",
            ),
            |f: &TcpFlow, side| anomaly(f, side, |a| a.rtx_unknown),
        )
        .rare()
        .tstat("x_pkts_unk"),
        u32(
            ("x_flow_ctrl", Seq, "events", "Probes of a closed window."),
            |f: &TcpFlow, side| anomaly(f, side, |a| a.flow_ctrl),
        )
        .rare()
        .tstat("x_pkts_fc"),
        u32(
            (
                "x_unneeded_rto",
                Seq,
                "events",
                "Retransmitted after a time-out though acknowledged.",
            ),
            |f: &TcpFlow, side| anomaly(f, side, |a| a.unneeded_rto),
        )
        .rare()
        .tstat("x_pkts_unrto"),
        u32(
            (
                "x_unneeded_fr",
                Seq,
                "events",
                "Fast retransmissions of what was acknowledged.",
            ),
            |f: &TcpFlow, side| anomaly(f, side, |a| a.unneeded_fr),
        )
        .rare()
        .tstat("x_pkts_unfs"),
    ]
}

fn restart() -> Column<TcpFlow> {
    bool(
        (
            "x_seq_restart",
            Seq,
            "",
            "A SYN or FIN came again with another number.",
        ),
        |f: &TcpFlow, side| analysis(f, side).is_some_and(SideAnalysis::has_restarted),
    )
    .tstat("x_syn_retx")
}

fn anomalies() -> Vec<Column<TcpFlow>> {
    vec![
        u32(
            (
                "x_dup_acks",
                Seq,
                "",
                "Duplicate ACKs that x sent (RFC 5681).",
            ),
            |f: &TcpFlow, side| anomaly(f, side, |a| a.dup_acks),
        )
        .rare(),
        u32(
            (
                "x_triple_dup_acks",
                Seq,
                "",
                "Times that x sent the third duplicate ACK in a row.",
            ),
            |f: &TcpFlow, side| anomaly(f, side, |a| a.triple_dup_acks),
        )
        .rare(),
        u32(
            (
                "x_keepalives",
                Seq,
                "pkt",
                "Keep-alive probes (RFC 9293, 3.8.4).",
            ),
            |f: &TcpFlow, side| anomaly(f, side, |a| a.keepalives),
        )
        .rare(),
        u32(
            (
                "x_zero_win_probes",
                Seq,
                "pkt",
                "Zero-window probes (RFC 9293, 3.8.6.1).",
            ),
            |f: &TcpFlow, side| anomaly(f, side, |a| a.zero_win_probes),
        )
        .rare(),
        u32(
            (
                "x_dsack",
                Seq,
                "pkt",
                "Packets that report a duplicate (RFC 2883).",
            ),
            |f: &TcpFlow, side| anomaly(f, side, |a| a.dsack),
        )
        .rare(),
    ]
}

fn flight() -> Vec<Column<TcpFlow>> {
    vec![
        u32(
            (
                "x_max_inflight",
                Seq,
                "B",
                "Largest number of bytes sent and not acknowledged.",
            ),
            |f: &TcpFlow, side| seq(f, side, |s| s.inflight().map(|(_, max)| max)),
        )
        .null("no value")
        .tstat("x_cwin_max"),
        u32(
            ("x_min_inflight", Seq, "B", "Smallest such number above 0."),
            |f: &TcpFlow, side| seq(f, side, |s| s.inflight().map(|(min, _)| min)),
        )
        .null("no value")
        .tstat("x_cwin_min"),
        u32(
            (
                "x_init_inflight",
                Seq,
                "B",
                "Payload sent before the first ACK of payload.",
            ),
            |f: &TcpFlow, side| f.init_inflight(side),
        )
        .null("no SYN of x")
        .tstat("x_cwin_ini"),
        u32(
            (
                "x_msgs",
                Seq,
                "",
                "Messages: runs of payload up to PSH or FIN.",
            ),
            |f: &TcpFlow, side| seq(f, side, |s| s.msgs),
        )
        .tstat("x_pkts_push"),
        u32(
            (
                "x_seg_dropped",
                Seq,
                "",
                "Segments forgotten to bound memory.",
            ),
            |f: &TcpFlow, side| anomaly(f, side, |a| a.seg_dropped),
        )
        .rare(),
    ]
}

fn options() -> Vec<Column<TcpFlow>> {
    vec![
        bool(
            ("x_opt_wscale", Opt, "", "Window scale offered (RFC 7323)."),
            |f: &TcpFlow, side| opt(f, side, |o| o.seen & marks::WINDOW_SCALE != 0),
        )
        .tstat("x_f1323_opt"),
        bool(
            ("x_opt_ts", Opt, "", "Time stamps seen (RFC 7323)."),
            |f: &TcpFlow, side| opt(f, side, |o| o.seen & marks::TIMESTAMPS != 0),
        )
        .tstat("x_tm_opt"),
        bool(
            ("x_opt_sack", Opt, "", "SACK permitted (RFC 2018)."),
            |f: &TcpFlow, side| opt(f, side, |o| o.seen & marks::SACK_PERMITTED != 0),
        )
        .tstat("x_sack_opt"),
        bool(
            ("x_opt_mptcp", Opt, "", "MPTCP seen (RFC 8684)."),
            |f: &TcpFlow, side| opt(f, side, |o| o.seen & marks::MPTCP != 0),
        )
        .tstat("x_mptcp"),
        bool(
            ("x_opt_tfo", Opt, "", "TCP Fast Open seen (RFC 7413)."),
            |f: &TcpFlow, side| opt(f, side, |o| o.seen & marks::FAST_OPEN != 0),
        ),
    ]
}

fn option_values() -> Vec<Column<TcpFlow>> {
    vec![
        u8(
            ("x_wscale", Opt, "bits", "Window scale as sent."),
            |f: &TcpFlow, side| opt(f, side, OptCounts::window_scale),
        )
        .rare()
        .null("not offered")
        .tstat("x_win_scl"),
        u16(
            ("x_mss", Opt, "B", "Maximum segment size as sent."),
            |f: &TcpFlow, side| opt(f, side, OptCounts::mss),
        )
        .rare()
        .null("not offered")
        .tstat("x_mss"),
        u32(
            ("x_sack_pkts", Opt, "pkt", "Packets with a SACK block."),
            |f: &TcpFlow, side| anomaly(f, side, |a| a.sack_pkts),
        )
        .rare()
        .tstat("x_sack_cnt"),
        u32(
            ("x_seg_max", Opt, "B", "Largest payload."),
            |f: &TcpFlow, side| opt(f, side, |o| o.segment().map(|(_, max)| max)),
        )
        .null("no payload")
        .tstat("x_mss_max"),
        u32(
            ("x_seg_min", Opt, "B", "Smallest payload above 0."),
            |f: &TcpFlow, side| opt(f, side, |o| o.segment().map(|(min, _)| min)),
        )
        .null("no payload")
        .tstat("x_mss_min"),
    ]
}

fn windows() -> Vec<Column<TcpFlow>> {
    vec![
        u32(
            ("x_win_max", Opt, "B", "Largest window, scaled."),
            |f: &TcpFlow, side| opt(f, side, OptCounts::win_max),
        )
        .null("no window seen")
        .tstat("x_win_max"),
        u32(
            ("x_win_min", Opt, "B", "Smallest window above 0, scaled."),
            |f: &TcpFlow, side| opt(f, side, OptCounts::win_min),
        )
        .null("none above 0")
        .tstat("x_win_min"),
        u32(
            ("x_win_init", Opt, "B", "First window."),
            |f: &TcpFlow, side| opt(f, side, OptCounts::win_init),
        )
        .null("no window seen"),
        u32(
            ("x_win_zero", Opt, "pkt", "ACKs with window 0."),
            |f: &TcpFlow, side| anomaly(f, side, |a| a.win_zero),
        )
        .rare()
        .tstat("x_win_0"),
    ]
}
