//! The columns of both tables (spec 8.1).

use super::fill::{bool, i64, str, text, time, u8, u16, u32, u64};
use super::{Column, Row, link};
use crate::config::Group::{Core, Rtt};
use crate::decode::IpVersion;
use crate::flow::Side;
use crate::key::push_address;
use crate::output::encode::Layout;

pub(super) fn columns<F: Row + 'static>(seed: u16) -> Vec<Column<F>> {
    let mut columns = identity();
    columns.extend(counts());
    columns.extend(side_counts());
    columns.extend(ttl());
    columns.extend(link::columns(seed));
    columns
}

fn identity<F: Row + 'static>() -> Vec<Column<F>> {
    let mut columns = key();
    columns.extend(vec![
        time(("first", Core, "", "Time of the first packet (the smallest)."), |f: &F, _| {
            f.flow().first()
        })
        .tstat("first"),
        time(("last", Core, "", "Time of the last packet (the largest)."), |f: &F, _| {
            f.flow().last()
        })
        .tstat("last"),
        i64(("durat_ns", Core, "ns", "last − first."), |f: &F, _| {
            f.flow().last().saturating_sub(f.flow().first())
        })
        .tstat("durat"),
        bool(
            ("x_isint", Core, "", "The address is internal (option --internal)."),
            |f: &F, side| f.flow().is_internal[side],
        )
        .tstat("x_isint"),
        str(
            (
                "client_by",
                Core,
                "",
                "What told the client: syn, synack (it got one), internal, port (its peer's is below 1024), first; of UDP always first.",
            ),
            |f: &F, _| Some(f.flow().client_by.name()),
        ),
        str(
            (
                "end_reason",
                Core,
                "",
                "Why the row ends: fin, rst, reuse, idle, singleton, eof, active, resource.",
            ),
            |f: &F, _| Some(f.flow().end_reason.name()),
        ),
        u8(
            (
                "ipfix_end_reason",
                Core,
                "",
                "The same as IPFIX flowEndReason (IE 136): 1 idle, 2 active, 3 end detected, 4 forced, 5 no resources.",
            ),
            |f: &F, _| f.flow().end_reason.ipfix(),
        )
        .rare(),
    ]);
    columns
}

fn key<F: Row + 'static>() -> Vec<Column<F>> {
    vec![
        u64(
            (
                "flow_id",
                Core,
                "",
                "FNV-1a 64 over protocol, the two endpoints in ascending order, and `first`.",
            ),
            |f: &F, _| f.flow().id(),
        )
        .layout(Layout::Random),
        address(Side::Client, "c_ip", "Address of the client.").tstat("c_ip"),
        port(Side::Client, "c_port", "Port of the client.").tstat("c_port"),
        address(Side::Server, "s_ip", "Address of the server.").tstat("s_ip"),
        port(Side::Server, "s_port", "Port of the server.").tstat("s_port"),
        u8(("ip_version", Core, "", "4 or 6."), |f: &F, _| {
            match f.flow().key.version {
                IpVersion::V4 => 4,
                IpVersion::V6 => 6,
            }
        })
        .rare(),
        u8(
            ("proto", Core, "", "IP protocol number: 6 TCP, 17 UDP."),
            |f: &F, _| f.flow().key.protocol as u8,
        )
        .rare(),
    ]
}

fn address<F: Row + 'static>(side: Side, name: &'static str, doc: &'static str) -> Column<F> {
    text((name, Core, "", doc), print_address, move |f: &F, _| {
        let flow = f.flow();
        Some(flow.key.address_bytes(&flow.endpoint(side).address))
    })
}

/// The text of an address's bytes, 4 or 16.
fn print_address(bytes: &[u8], out: &mut Vec<u8>) {
    let mut address = [0; 16];
    address[..bytes.len()].copy_from_slice(bytes);
    let version = match bytes.len() {
        4 => IpVersion::V4,
        _ => IpVersion::V6,
    };
    push_address(out, version, &address);
}

fn port<F: Row + 'static>(side: Side, name: &'static str, doc: &'static str) -> Column<F> {
    u16((name, Core, "", doc), move |f: &F, _| {
        f.flow().endpoint(side).port
    })
}

fn counts<F: Row + 'static>() -> Vec<Column<F>> {
    vec![
        u32(
            (
                "clock_backsteps",
                Core,
                "pkt",
                "Packets with a time before `last` at their turn.",
            ),
            |f: &F, _| f.flow().oddities().clock_backsteps,
        )
        .rare(),
        u32(
            (
                "trunc_pkts",
                Core,
                "pkt",
                "Packets of which less was captured than was on the wire.",
            ),
            |f: &F, _| f.flow().trunc_pkts,
        )
        .rare(),
        u32(
            (
                "bad_len_pkts",
                Core,
                "pkt",
                "Packets whose length fields contradict each other.",
            ),
            |f: &F, _| f.flow().oddities().bad_len_pkts,
        )
        .rare(),
        u32(
            (
                "tso_pkts",
                Core,
                "pkt",
                "Packets whose IP header states no length (segmentation offload).",
            ),
            |f: &F, _| f.flow().oddities().tso_pkts,
        )
        .rare(),
    ]
}

fn side_counts<F: Row + 'static>() -> Vec<Column<F>> {
    vec![
        u64(
            ("x_pkts", Core, "pkt", "Packets with a transport header."),
            |f: &F, side| f.flow().sides[side].pkts,
        )
        .tstat("x_pkts_all"),
        u64(
            (
                "x_bytes_ip",
                Core,
                "B",
                "Lengths of the IP packets, later fragments included.",
            ),
            |f: &F, side| f.flow().sides[side].bytes_ip,
        ),
        u64(
            (
                "x_bytes",
                Core,
                "B",
                "Payload by the headers, retransmissions included.",
            ),
            |f: &F, side| f.flow().sides[side].bytes,
        )
        .tstat("x_bytes_all"),
        u32(
            (
                "x_frag_pkts",
                Core,
                "pkt",
                "Later fragments of this side's packets.",
            ),
            |f: &F, side| f.flow().oddities().frag_pkts[side],
        )
        .rare(),
    ]
}

fn ttl<F: Row + 'static>() -> Vec<Column<F>> {
    vec![
        u8(
            ("x_ttl_min", Rtt, "hops", "Smallest TTL or hop limit."),
            |f: &F, side| f.flow().headers(side).map(|headers| headers.ttl_min),
        )
        .null("no packet of x")
        .tstat("x_ttl_min"),
        u8(
            ("x_ttl_max", Rtt, "hops", "Largest TTL or hop limit."),
            |f: &F, side| f.flow().headers(side).map(|headers| headers.ttl_max),
        )
        .null("no packet of x")
        .tstat("x_ttl_max"),
    ]
}
