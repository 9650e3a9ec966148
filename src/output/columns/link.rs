//! The columns of the group `link`: what stands around the headers that count (spec 8.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::fill::{made_text, str, u8, u16, u32, u64};
use super::{Column, Row};
use crate::config::Group::Link;
use crate::decode::{IpVersion, LinkInfo, Tunnel};
use crate::key::FlowKey;
use crate::output::encode::Layout;

pub(super) fn columns<F: Row + 'static>(seed: u16) -> Vec<Column<F>> {
    let mut columns = first_packet();
    columns.extend(sides());
    columns.push(
        made_text(
            (
                "community_id",
                Link,
                "",
                "Community ID version 1 of the flow, as Zeek and Suricata print it.",
            ),
            print_community_id,
            move |f: &F, _| Some(community_id(&f.flow().key, seed)),
        )
        .layout(Layout::Unique),
    );
    columns
}

fn first<F: Row>(row: &F) -> Option<&LinkInfo> {
    row.flow().link.as_deref()
}

fn first_packet<F: Row + 'static>() -> Vec<Column<F>> {
    vec![
        u16(
            ("vlan_id", Link, "", "VLAN id of the first packet's outer tag, before any tunnel."),
            |f: &F, _| first(f)?.vlan_id,
        )
        .rare()
        .null("none"),
        u16(("vlan_id2", Link, "", "VLAN id of its second tag."), |f: &F, _| first(f)?.vlan_id2)
            .rare()
            .null("none"),
        u32(
            ("mpls_label", Link, "", "Outermost MPLS label of the first packet."),
            |f: &F, _| first(f)?.mpls_label,
        )
        .rare()
        .null("none"),
        str(
            (
                "tunnel",
                Link,
                "",
                "Innermost tunnel of the first packet: ipip 4in6 6in4 6in6 gre erspan vxlan geneve gtpu teredo l2tp nsh etherip mplsip.",
            ),
            |f: &F, _| Some(tunnel_name(first(f)?.tunnel?)),
        )
        .null("none"),
        u64(("tunnel_id", Link, "", "Its key, VNI, TEID or session."), |f: &F, _| {
            first(f)?.tunnel_id
        })
        .rare()
        .null("none"),
    ]
}

fn sides<F: Row + 'static>() -> Vec<Column<F>> {
    vec![
        made_text(
            (
                "x_mac",
                Link,
                "",
                "Source address of this side's first packet, in the innermost Ethernet header.",
            ),
            print_mac,
            |f: &F, side| f.flow().headers(side)?.mac,
        )
        .null("none"),
        u64(
            (
                "x_bytes_frame",
                Link,
                "B",
                "Lengths of the frames on the wire, later fragments included.",
            ),
            |f: &F, side| f.flow().sides[side].bytes_frame,
        ),
        u8(
            (
                "x_tos_first",
                Link,
                "",
                "Type of service or traffic class of this side's first packet.",
            ),
            |f: &F, side| f.flow().headers(side).map(|headers| headers.tos_first),
        )
        .rare()
        .null("no packet of x"),
        u8(
            ("x_tos_or", Link, "", "OR of all of them."),
            |f: &F, side| f.flow().headers(side).map(|headers| headers.tos_or),
        )
        .rare()
        .null("no packet of x"),
        u32(
            (
                "x_ecn_ce_pkts",
                Link,
                "pkt",
                "Packets marked with congestion experienced (RFC 3168).",
            ),
            |f: &F, side| f.flow().oddities().ecn_ce_pkts[side],
        )
        .rare(),
    ]
}

fn tunnel_name(tunnel: Tunnel) -> &'static str {
    match tunnel {
        Tunnel::IpIp => "ipip",
        Tunnel::FourInSix => "4in6",
        Tunnel::SixInFour => "6in4",
        Tunnel::SixInSix => "6in6",
        Tunnel::Gre => "gre",
        Tunnel::Erspan => "erspan",
        Tunnel::Vxlan => "vxlan",
        Tunnel::Geneve => "geneve",
        Tunnel::GtpU => "gtpu",
        Tunnel::Teredo => "teredo",
        Tunnel::L2tp => "l2tp",
        Tunnel::Nsh => "nsh",
        Tunnel::EtherIp => "etherip",
        Tunnel::MplsInIp => "mplsip",
    }
}

/// `02:00:5e:10:00:01`.
fn print_mac(mac: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (place, byte) in mac.iter().enumerate() {
        if place > 0 {
            out.push(b':');
        }
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

/// <https://github.com/corelight/community-id-spec>: SHA-1 over seed, the endpoints in ascending
/// order, and protocol.
///
/// Nothing but this for one row after the other: the processor then works at several at a time.
fn community_id(key: &FlowKey, seed: u16) -> [u8; 20] {
    // The message is one block of the hash. It is put together here, as the words that the hash reads:
    // what is written in smaller pieces has to be waited for.
    let mut block = [0; 64];
    let (low, high) = (&key.low, &key.high);
    let tail =
        u128::from(key.protocol as u8) << 40 | u128::from(low.port) << 16 | u128::from(high.port);
    let len = match key.version {
        IpVersion::V4 => {
            let [low, high] = [low, high].map(|end| u128::from_be_bytes(end.address) >> 96);
            let message = u128::from(seed) << 112 | low << 80 | high << 48 | tail;
            block[..16].copy_from_slice(&message.to_be_bytes());
            16
        }
        IpVersion::V6 => {
            block[..2].copy_from_slice(&seed.to_be_bytes());
            block[2..18].copy_from_slice(&low.address);
            block[18..34].copy_from_slice(&high.address);
            block[34..40].copy_from_slice(&tail.to_be_bytes()[10..]);
            40
        }
    };
    sha1_of_block(block, len)
}

/// SHA-1 of the first bytes of a block, as many as leave room for the padding (RFC 3174, 4).
fn sha1_of_block(mut block: [u8; 64], len: u8) -> [u8; 20] {
    // RFC 3174, 6.1.
    let mut state = [
        0x6745_2301,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    block[usize::from(len)] = 0x80;
    block[56..].copy_from_slice(&(u64::from(len) * 8).to_be_bytes());
    sha1::compress(&mut state, &[block.into()]);
    let mut hash = [0; 20];
    for (bytes, word) in hash.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = u32::to_be_bytes(word);
    }
    hash
}

/// As Zeek and Suricata print it: the version, and the hash in base 64.
fn print_community_id(hash: &[u8], out: &mut Vec<u8>) {
    let mut text = *b"1:0123456789abcdefghijklmnopqr";
    STANDARD
        .encode_slice(hash, &mut text[2..])
        .expect("20 bytes are 28 letters");
    out.extend_from_slice(&text);
}

#[cfg(test)]
#[path = "community_id_tests.rs"]
mod community_id_tests;
