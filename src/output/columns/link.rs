//! The columns of the group `link`: what stands around the headers that count (spec 8.1).

use std::slice;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::fill::{made_text, made_texts, str, u8, u16, u32, u64};
use super::{Column, Row};
use crate::config::Group::Link;
use crate::decode::{IpVersion, LinkInfo, Tunnel};
use crate::key::FlowKey;
use crate::output::encode::Layout;

pub(super) fn columns<F: Row + 'static>(seed: u16) -> Vec<Column<F>> {
    let mut columns = first_packet();
    columns.extend(sides());
    columns.push(
        made_texts(
            (
                "community_id",
                Link,
                "",
                "Community ID version 1 of the flow, as Zeek and Suricata print it.",
            ),
            print_community_id,
            move |rows: &[&F]| community_ids(rows.iter().map(|row| &row.flow().key), seed),
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
/// All messages are made before the first is hashed: the hash reads in wide pieces, and what has just been
/// written in narrower ones it has to wait for.
fn community_ids<'k>(keys: impl ExactSizeIterator<Item = &'k FlowKey>, seed: u16) -> Vec<[u8; 20]> {
    let mut blocks = vec![[0; 64]; keys.len()];
    for (block, key) in blocks.iter_mut().zip(keys) {
        write_message(block, key, seed);
    }
    blocks.iter().map(sha1_of_block).collect()
}

/// Writes the message, which is one block of the hash, with its padding (RFC 3174, 4). The block is zero.
fn write_message(block: &mut [u8; 64], key: &FlowKey, seed: u16) {
    let (low, high) = (&key.low, &key.high);
    block[..2].copy_from_slice(&seed.to_be_bytes());
    let addresses = match key.version {
        IpVersion::V4 => {
            block[2..6].copy_from_slice(&low.address[..4]);
            block[6..10].copy_from_slice(&high.address[..4]);
            10
        }
        IpVersion::V6 => {
            block[2..18].copy_from_slice(&low.address);
            block[18..34].copy_from_slice(&high.address);
            34
        }
    };
    let [a, b] = low.port.to_be_bytes();
    let [c, d] = high.port.to_be_bytes();
    block[addresses..addresses + 7].copy_from_slice(&[key.protocol as u8, 0, a, b, c, d, 0x80]);
    let bits = 8 * (addresses as u64 + 6);
    block[56..].copy_from_slice(&bits.to_be_bytes());
}

/// RFC 3174, 6.1.
fn sha1_of_block(block: &[u8; 64]) -> [u8; 20] {
    let mut state = [
        0x6745_2301,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    sha1::compress(&mut state, slice::from_ref(block.into()));
    let mut hash = [0; 20];
    for (bytes, word) in hash.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = u32::to_be_bytes(word);
    }
    hash
}

/// As Zeek and Suricata print it: the version, and the hash in base 64.
fn print_community_id(hash: &[u8], out: &mut Vec<u8>) {
    let begin = out.len();
    out.extend_from_slice(b"1:0123456789abcdefghijklmnopqr");
    STANDARD
        .encode_slice(hash, &mut out[begin + 2..])
        .expect("20 bytes are 28 letters");
}

#[cfg(test)]
#[path = "community_id_tests.rs"]
mod community_id_tests;
