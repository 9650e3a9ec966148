//! The flow tables against the reference, on packets that bytes describe: twelve bytes each, in
//! numbers relative to what the sides have sent, so that most of it is nearly TCP.
#![no_main]

#[path = "../../tests/reference/mod.rs"]
mod reference;
#[path = "../../tests/tracked/mod.rs"]
mod tracked;

use goostat::config::{Group, Groups};
use goostat::decode::{
    Decoded, Fate, Headers, IpHeader, IpVersion, LaterFragment, TcpHeader, TcpOptions, Transport,
    tcp_flags, tcp_options};
use libfuzzer_sys::fuzz_target;

use reference::{Cell, RefOptions, RefPacket};
use tracked::How;

/// Bytes of one packet.
const PACKET: usize = 12;
/// Bytes that choose options and tables.
const HEAD: usize = 4;
const SECOND: i64 = 1_000_000_000;
/// Every trace begins here.
const BASE: i64 = 1_700_000_000 * SECOND;

/// Address and port of both ends of each pair.
const PAIRS: [([u8; 4], u16, [u8; 4], u16); 4] = [
    ([10, 0, 0, 1], 40_000, [198, 51, 100, 2], 80),
    ([198, 51, 100, 7], 3000, [198, 51, 100, 2], 2000),
    ([224, 0, 0, 251], 5353, [192, 168, 1, 2], 5353),
    ([10, 0, 0, 1], 7, [10, 0, 0, 1], 7),
];

/// Nanoseconds between packets.
const WAITS: [i64; 24] = [
    0,
    1,
    1000,
    1_000_000,
    10_000_000,
    40_000_000,
    60_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    SECOND,
    3 * SECOND,
    5 * SECOND,
    10 * SECOND,
    30 * SECOND,
    200 * SECOND,
    300 * SECOND,
    400 * SECOND,
    -1,
    -50_000_000,
    -10 * SECOND,
    -400 * SECOND,
    i64::MAX,
    i64::MIN,
];

/// What a side has sent so far.
#[derive(Clone, Copy, Default)]
struct Host {
    next: u32,
    latest: u32,
}

struct Player {
    now: i64,
    hosts: [[Host; 2]; 8],
}

fuzz_target!(|data: &[u8]| {
    let Some((head, body)) = data.split_first_chunk::<HEAD>() else {
        return;
    };
    let packets = play(body);
    let options = options(head);
    let how = how(head, packets.len());
    let expected = reference::track(&packets, &options);
    let got = tracked::track(&packets, &options, &how);
    assert_eq!(expected.fates, got.fates);
    assert_eq!(
        (expected.tcp.len(), expected.udp.len()),
        (got.tcp.len(), got.udp.len())
    );
    let expected_rows = expected.tcp.iter().chain(&expected.udp);
    for (row, (expected, got)) in expected_rows
        .zip(got.tcp.iter().chain(&got.udp))
        .enumerate()
    {
        for (column, cell) in got {
            let wanted = expected.get(column);
            assert!(
                Some(cell) == wanted || is_rounded(cell, wanted),
                "{column} of row {row}: {cell:?}, not {wanted:?}"
            );
        }
    }
});

fn options(head: &[u8; HEAD]) -> RefOptions {
    let usual = RefOptions::default();
    let max_segments = match head[0] & 3 {
        0 => 1,
        1 => 5,
        _ => usual.max_segments,
    };
    RefOptions {
        max_segments,
        ..usual
    }
}

fn how(head: &[u8; HEAD], packets: usize) -> How {
    const ANALYSED: [Group; 4] = [Group::Time, Group::Rtt, Group::Seq, Group::Opt];
    let wanted = ANALYSED
        .iter()
        .enumerate()
        .filter(|(bit, _)| head[1] >> bit & 1 == 0);
    How {
        tables: 1 + u64::from(head[0] >> 2 & 3),
        seed: u64::from(head[2]),
        hashes: if head[0] & 16 == 0 { u64::MAX } else { 2 },
        batch: match head[0] >> 5 {
            0..=3 => usize::MAX,
            more => 1 << (more - 4),
        },
        epoch_ends: (0..packets).step_by(1 + usize::from(head[3])).collect(),
        groups: Groups::of(&wanted.map(|(_, group)| *group).collect::<Vec<_>>()),
    }
}

fn play(body: &[u8]) -> Vec<RefPacket> {
    let mut player = Player {
        now: BASE,
        hosts: [[
            Host {
                next: 1000,
                latest: 1000,
            },
            Host {
                next: u32::MAX - 50,
                latest: 0,
            },
        ]; 8],
    };
    let (packets, _) = body.as_chunks::<PACKET>();
    packets.iter().map(|packet| player.packet(packet)).collect()
}

impl Player {
    fn packet(&mut self, bytes: &[u8; PACKET]) -> RefPacket {
        let &[
            kind,
            flags,
            seq,
            ack,
            len,
            wait,
            fine,
            window,
            options,
            value,
            id,
            ttl,
        ] = bytes;
        let before = self.now;
        let step = WAITS[usize::from(wait & 31) % WAITS.len()];
        self.now = before
            .saturating_add(step)
            .saturating_add(i64::from(fine as i8));
        let time = self.now;
        if wait & 0x80 != 0 {
            self.now = before;
        }
        let payload_len = match len {
            0..=127 => u32::from(len),
            128..=253 => u32::from(len - 127) * 40,
            254 => 65_535,
            255 => u32::MAX - 60,
        };
        let is_udp = kind & 8 != 0;
        let pair = usize::from(kind & 3) + if kind & 64 != 0 { 4 } else { 0 };
        let side = usize::from(kind >> 2 & 1);
        let identification = u32::from(id & 3);
        let ip = ip_header(pair, side, payload_len, ttl, u16::from(id));
        let decoded = match kind >> 4 & 3 {
            3 if is_udp && flags == 0 => Decoded::Other(Fate::NonIp),
            3 => Decoded::Fragment(LaterFragment {
                ip,
                protocol: if is_udp { 17 } else { 6 },
                identification,
            }),
            place => {
                let transport = if is_udp {
                    Transport::Udp
                } else {
                    let header = self.tcp(
                        pair,
                        side,
                        [flags, seq, ack, window, options, value],
                        payload_len,
                    );
                    Transport::Tcp(header)
                };
                let (source_port, destination_port) = ports(pair, side);
                Decoded::Transport(Headers {
                    ip,
                    source_port,
                    destination_port,
                    transport,
                    payload_len,
                    bad_len: options & 0xc0 == 0xc0 && kind & 128 != 0,
                    tso: options & 0xc0 == 0x80 && kind & 128 != 0,
                    first_fragment: (place == 2).then_some(identification),
                    further_msdus: 0,
                })
            }
        };
        RefPacket {
            time,
            captured_len: if ttl & 1 == 0 { 60 } else { 59 },
            original_len: 60,
            decoded,
        }
    }

    fn tcp(&mut self, pair: usize, side: usize, bytes: [u8; 6], payload_len: u32) -> TcpHeader {
        let [flags, seq, ack, window, options, value] = bytes;
        let peer = self.hosts[pair][1 - side];
        let me = &mut self.hosts[pair][side];
        let seq = near(seq, me.next, me.latest);
        let has = |flag: u8| u32::from(flags & flag != 0);
        let numbers = payload_len
            .wrapping_add(has(tcp_flags::SYN))
            .wrapping_add(has(tcp_flags::FIN));
        let end = seq.wrapping_add(numbers);
        if end.wrapping_sub(me.next) < 1 << 31 && flags & tcp_flags::RST == 0 {
            me.next = end;
        }
        me.latest = seq;
        TcpHeader {
            seq,
            ack: near(ack, peer.next, peer.latest),
            flags,
            window: u16::from(window) * 257,
            options: tcp_options(flags, options, value),
        }
    }
}

/// A number at or near the next one, at the latest one, or far away.
fn near(code: u8, next: u32, latest: u32) -> u32 {
    let low = u32::from(code & 63);
    match code >> 6 {
        0 => next.wrapping_add(low),
        1 => next.wrapping_sub(low * 8),
        2 => latest.wrapping_add(low),
        _ => next.wrapping_add(low << 26),
    }
}

/// Some options only SYNs have.
fn tcp_options(flags: u8, options: u8, value: u8) -> TcpOptions {
    let bit = |bit: u8| options >> bit & 1 == 1;
    let syn = flags & tcp_flags::SYN != 0;
    let mut found = TcpOptions::default();
    if syn && bit(0) {
        found.note_window_scale(value);
    }
    if syn && bit(1) {
        found.note_mss(u16::from(value) * 6);
    }
    for (is, option) in [
        (syn && bit(2), tcp_options::SACK_PERMITTED),
        (syn && bit(3), tcp_options::FAST_OPEN),
        (bit(4), tcp_options::TIMESTAMPS),
        (bit(5), tcp_options::SACK),
        (bit(5) && bit(4), tcp_options::DSACK),
        (bit(6), tcp_options::MPTCP),
    ] {
        found.note(if is { option } else { 0 });
    }
    found
}

fn ports(pair: usize, side: usize) -> (u16, u16) {
    let (_, client, _, server) = PAIRS[pair % 4];
    if side == 0 {
        (client, server)
    } else {
        (server, client)
    }
}

/// The pairs from 4 on are IPv6.
fn ip_header(pair: usize, side: usize, payload_len: u32, ttl: u8, id: u16) -> IpHeader {
    let (client, _, server, _) = PAIRS[pair % 4];
    let is_v6 = pair >= 4;
    let bytes = |four: [u8; 4]| {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&four);
        // 224.0.0.251 becomes ff02::, and so on.
        if is_v6 && four[0] == 224 {
            bytes[..2].copy_from_slice(&[0xff, 2]);
        }
        bytes
    };
    let (client, server) = (bytes(client), bytes(server));
    let (source, destination) = if side == 0 {
        (client, server)
    } else {
        (server, client)
    };
    IpHeader {
        version: if is_v6 { IpVersion::V6 } else { IpVersion::V4 },
        source,
        destination,
        length: payload_len.saturating_add(40),
        ttl,
        tos: 0,
        id: if is_v6 { 0 } else { id & 7 },
    }
}

/// Deviations of round trips that take more than a century leave 128 bits on the way: both sides
/// compute them with floats then, each in its own order.
fn is_rounded(got: &Cell, wanted: Option<&Cell>) -> bool {
    const CENTURY: f64 = 100.0 * 365.0 * 86_400e9;
    match (got, wanted) {
        (Cell::F(got), Some(Cell::F(wanted))) => {
            *got > CENTURY && (got - wanted).abs() <= wanted * 1e-12
        }
        _ => false,
    }
}
