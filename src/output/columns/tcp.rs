//! The columns of tcp.parquet alone (spec 8.2).

use super::fill::{bool, f64, i64, str, u8, u32, u64};
use super::{Column, tcp_analysis};
use crate::config::Group::{Core, Rtt, Seq, Time};
use crate::flow::tcp::PacketKind;
use crate::flow::tcp::analysis::SideAnalysis;
use crate::flow::{Side, TcpFlow};

pub(super) fn columns() -> Vec<Column<TcpFlow>> {
    let mut columns = verdicts();
    columns.extend(packets());
    columns.extend(flags());
    columns.extend(times());
    columns.extend(handshake());
    columns.extend(round_trips());
    columns.extend(tcp_analysis::columns());
    columns
}

/// A time of the trace as an offset into the flow.
fn offset(flow: &TcpFlow, time: Option<i64>) -> Option<i64> {
    Some(time?.saturating_sub(flow.flow.first()))
}

pub(super) fn analysis(flow: &TcpFlow, side: Side) -> Option<&SideAnalysis> {
    Some(flow.analysis()?.side(side))
}

fn verdicts() -> Vec<Column<TcpFlow>> {
    vec![
        bool(
            ("midstream", Core, "", "The first packet was no SYN."),
            |f: &TcpFlow, _| f.is_midstream(),
        ),
        bool(
            ("half_duplex", Core, "", "One side has no packet."),
            |f: &TcpFlow, _| f.is_half_duplex(),
        ),
        bool(
            (
                "complete",
                Core,
                "",
                "SYNs from both sides, and end_reason fin, rst or idle.",
            ),
            |f: &TcpFlow, _| f.is_complete(),
        ),
        str(
            ("conn_state", Core, "", "Zeek's conn_state."),
            |f: &TcpFlow, _| Some(f.conn_state()),
        ),
        str(
            (
                "history",
                Seq,
                "",
                "Zeek's history: letters for what happened, upper case for the client.",
            ),
            |f: &TcpFlow, _| Some(f.history()),
        ),
    ]
}

fn packets() -> Vec<Column<TcpFlow>> {
    vec![
        u64(
            ("x_pkts_data", Core, "pkt", "Packets with payload."),
            |f: &TcpFlow, side| f.side(side).packets(PacketKind::Data),
        )
        .tstat("x_pkts_data"),
        u64(
            ("x_pkts_ack", Core, "pkt", "Packets with ACK (RST too)."),
            |f: &TcpFlow, side| f.side(side).packets(PacketKind::Ack),
        )
        .tstat("x_ack_cnt"),
        u64(
            (
                "x_pkts_ack_pure",
                Core,
                "pkt",
                "Packets with ACK and nothing else.",
            ),
            |f: &TcpFlow, side| f.side(side).packets(PacketKind::PureAck),
        )
        .tstat("x_ack_cnt_p"),
    ]
}

fn flags() -> Vec<Column<TcpFlow>> {
    vec![
        u32(
            ("x_syn", Core, "pkt", "Packets with SYN."),
            |f: &TcpFlow, side| f.side(side).syn,
        )
        .rare()
        .tstat("x_syn_cnt"),
        u32(
            ("x_fin", Core, "pkt", "Packets with FIN."),
            |f: &TcpFlow, side| f.side(side).fin,
        )
        .rare()
        .tstat("x_fin_cnt"),
        u32(
            ("x_rst", Core, "pkt", "Packets with RST."),
            |f: &TcpFlow, side| f.side(side).rst,
        )
        .rare()
        .tstat("x_rst_cnt"),
        u32(
            ("x_psh", Core, "pkt", "Packets with PSH."),
            |f: &TcpFlow, side| f.side(side).psh,
        ),
        u32(
            ("x_urg", Core, "pkt", "Packets with URG."),
            |f: &TcpFlow, side| f.side(side).rare().urg,
        )
        .rare(),
        u32(
            ("x_ece", Core, "pkt", "Packets with ECE."),
            |f: &TcpFlow, side| f.side(side).rare().ece,
        )
        .rare(),
        u32(
            ("x_cwr", Core, "pkt", "Packets with CWR."),
            |f: &TcpFlow, side| f.side(side).rare().cwr,
        )
        .rare(),
        u8(
            ("x_flags_or", Core, "", "OR of the flag bytes."),
            |f: &TcpFlow, side| f.side(side).flags_or,
        )
        .rare(),
    ]
}

fn times() -> Vec<Column<TcpFlow>> {
    vec![
        i64(
            (
                "x_first_ns",
                Time,
                "ns",
                "From `first` to the first packet of x.",
            ),
            |f: &TcpFlow, side| offset(f, f.flow.sides[side].times.get().map(|t| t.0)),
        )
        .null("no packet of x"),
        i64(
            (
                "x_last_ns",
                Time,
                "ns",
                "From `first` to the last packet of x.",
            ),
            |f: &TcpFlow, side| offset(f, f.flow.sides[side].times.get().map(|t| t.1)),
        )
        .null("no packet of x"),
        i64(
            (
                "x_first_data_ns",
                Time,
                "ns",
                "From `first` to the first payload of x.",
            ),
            |f: &TcpFlow, side| offset(f, f.side(side).data_times.get().map(|t| t.0)),
        )
        .null("no payload")
        .tstat("x_first"),
        i64(
            (
                "x_last_data_ns",
                Time,
                "ns",
                "From `first` to the last payload of x.",
            ),
            |f: &TcpFlow, side| offset(f, f.side(side).data_times.get().map(|t| t.1)),
        )
        .null("no payload")
        .tstat("x_last"),
        i64(
            (
                "x_first_ack_ns",
                Time,
                "ns",
                "From `first` to the first ACK of x without SYN and RST.",
            ),
            |f: &TcpFlow, side| offset(f, f.side(side).first_ack()),
        )
        .null("none")
        .tstat("x_first_ack"),
    ]
}

fn handshake() -> Vec<Column<TcpFlow>> {
    vec![
        i64(
            (
                "syn_synack_ns",
                Time,
                "ns",
                "From the client's latest SYN to the server's first SYN+ACK.",
            ),
            |f: &TcpFlow, _| f.syn_synack(),
        )
        .null("one is missing, or the difference is negative"),
        i64(
            (
                "synack_ack_ns",
                Time,
                "ns",
                "From the server's latest SYN+ACK to the client's first ACK.",
            ),
            |f: &TcpFlow, _| f.synack_ack(),
        )
        .null("one is missing, or the difference is negative"),
    ]
}

fn round_trips() -> Vec<Column<TcpFlow>> {
    vec![
        u32(
            (
                "x_rtt_cnt",
                Rtt,
                "",
                "Round-trip samples: from segments of x, sent once, to the ACK of exactly them.",
            ),
            |f: &TcpFlow, side| analysis(f, side).map_or(0, |a| a.rtt.count()),
        )
        .tstat("x_rtt_cnt"),
        i64(
            ("x_rtt_min_ns", Rtt, "ns", "Smallest sample."),
            |f: &TcpFlow, side| analysis(f, side)?.rtt.min(),
        )
        .null("no sample")
        .tstat("x_rtt_min"),
        i64(
            ("x_rtt_max_ns", Rtt, "ns", "Largest sample."),
            |f: &TcpFlow, side| analysis(f, side)?.rtt.max(),
        )
        .null("no sample")
        .tstat("x_rtt_max"),
        i64(
            ("x_rtt_first_ns", Rtt, "ns", "First sample."),
            |f: &TcpFlow, side| analysis(f, side)?.rtt.first(),
        )
        .null("no sample"),
        f64(
            ("x_rtt_avg_ns", Rtt, "ns", "Mean of the samples."),
            |f: &TcpFlow, side| analysis(f, side)?.rtt.mean(),
        )
        .null("no sample")
        .tstat("x_rtt_avg"),
        f64(
            (
                "x_rtt_std_ns",
                Rtt,
                "ns",
                "Standard deviation of the samples (n − 1).",
            ),
            |f: &TcpFlow, side| analysis(f, side)?.rtt.deviation(),
        )
        .null("fewer than 2 samples")
        .tstat("x_rtt_std"),
    ]
}
