//! The columns of udp.parquet alone (spec 8.3).

use super::Column;
use super::fill::{str, time, u64};
use crate::config::Group::{Core, Time};
use crate::flow::UdpFlow;

pub(super) fn columns() -> Vec<Column<UdpFlow>> {
    vec![
        str(
            (
                "reply",
                Core,
                "",
                "Which sides sent packets: both, c_only, s_only.",
            ),
            |f: &UdpFlow, _| Some(f.reply()),
        ),
        u64(
            ("x_pkts_zero_len", Core, "pkt", "Packets without payload."),
            |f: &UdpFlow, side| f.pkts_zero_len[side],
        )
        .rare(),
        time(
            ("x_first", Time, "", "Time of this side's first packet."),
            |f: &UdpFlow, side| f.flow.sides[side].times.get().map(|(first, _)| first),
        )
        .null("no packet of x")
        .tstat("x_first_abs"),
        time(
            ("x_last", Time, "", "Time of this side's last packet."),
            |f: &UdpFlow, side| f.flow.sides[side].times.get().map(|(_, last)| last),
        )
        .null("no packet of x")
        .tstat("x_first_abs + x_durat"),
    ]
}
