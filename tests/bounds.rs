//! Floods: what a sender can make a flow or a table keep has a limit, and the rows stay right.

mod exchange;
mod reference;
mod tracked;

use std::net::{Ipv4Addr, SocketAddr};

use goostat::capture::{LinkType, Packet, Timestamp};
use goostat::config::FlowOptions;
use goostat::decode::{TcpOptions, tcp_flags};
use goostat::flow::{ClosedFlows, Tracker};
use goostat::key::KeyHasher;
use goostat::{Captured, Intake};

use exchange::{TcpDraft, UdpDraft};
use reference::{Cell, RefOptions, RefPacket, Row};
use tracked::How;

const SECOND: i64 = 1_000_000_000;
/// First fragments that are remembered.
const FRAGMENTS_MAX: u32 = 1 << 16;

fn address(host: u32, port: u16) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::from(0x0a00_0000 + host).into(), port)
}

/// A segment of 10 bytes from one side of the flow that all floods here belong to.
fn segment(time: i64, seq: u32) -> RefPacket {
    TcpDraft {
        time,
        source: address(1, 40_000),
        destination: address(2, 80),
        ttl: 64,
        id: 0,
        seq,
        ack: 5001,
        flags: tcp_flags::ACK,
        window: 65_535,
        options: TcpOptions::default(),
        payload_len: 10,
    }
    .packet()
}

fn acknowledgement(time: i64, ack: u32) -> RefPacket {
    TcpDraft {
        time,
        source: address(2, 80),
        destination: address(1, 40_000),
        ttl: 64,
        id: 0,
        seq: 5001,
        ack,
        flags: tcp_flags::ACK,
        window: 65_535,
        options: TcpOptions::default(),
        payload_len: 0,
    }
    .packet()
}

/// The only row of a flood, which the reference has to confirm.
fn only_row(packets: &[RefPacket], options: &RefOptions) -> Row {
    let fast = tracked::track(packets, options, &How::default()).tcp;
    let slow = reference::track(packets, options).tcp;
    let [row] = &fast[..] else {
        panic!("{} rows", fast.len());
    };
    for (column, cell) in row {
        assert_eq!(Some(cell), slow[0].get(column), "{column}");
    }
    row.clone()
}

#[test]
fn a_list_of_segments_with_holes_stays_at_its_limit() {
    let few = RefOptions {
        max_segments: 50,
        ..RefOptions::default()
    };
    let forwards = (0..1000).map(|i| segment(i64::from(i), 1001 + 20 * i));
    let row = only_row(&forwards.collect::<Vec<_>>(), &few);
    assert_eq!(row["c_seg_dropped"], Cell::U(950));
    // Each one in front of all others: the head that is dropped is the newest.
    let backwards = (0..1000).map(|i| segment(i64::from(i), 100_001 - 20 * i));
    let row = only_row(&backwards.collect::<Vec<_>>(), &few);
    assert_eq!(row["c_seg_dropped"], Cell::U(950));
    assert_eq!(row["c_pkts_ooo"], Cell::U(999));
}

#[test]
fn the_usual_limit_is_4096_segments() {
    let packets: Vec<RefPacket> = (0..5000)
        .map(|i| segment(i64::from(i), 1001 + 20 * i))
        .collect();
    let row = only_row(&packets, &RefOptions::default());
    assert_eq!(row["c_seg_dropped"], Cell::U(5000 - 4096));
    assert_eq!(row["c_bytes_uniq"], Cell::U(50_000));
}

#[test]
fn segments_that_are_acknowledged_in_order_take_no_room() {
    let few = RefOptions {
        max_segments: 2,
        ..RefOptions::default()
    };
    let packets: Vec<RefPacket> = (0..1000_u32)
        .flat_map(|i| {
            let time = i64::from(i) * 1000;
            [
                segment(time, 1001 + 10 * i),
                acknowledgement(time + 500, 1011 + 10 * i),
            ]
        })
        .collect();
    let row = only_row(&packets, &few);
    assert_eq!(row["c_seg_dropped"], Cell::U(0));
    assert_eq!(row["c_rtt_cnt"], Cell::U(1000));
}

#[test]
fn of_a_flood_of_first_fragments_the_oldest_are_forgotten() {
    let datagram = |host: u32| UdpDraft {
        time: 0,
        source: address(host, 40_000),
        destination: address(0x00ff_0000, 53),
        ttl: 64,
        id: 7,
        payload_len: 3000,
    };
    let flood = FRAGMENTS_MAX + 1000;
    let mut packets: Vec<RefPacket> = (0..flood)
        .map(|host| datagram(host).first_fragment(1480))
        .collect();
    packets.push(datagram(0).later_fragment(1528));
    packets.push(datagram(flood - 1).later_fragment(1528));
    let output = tracked::track(&packets, &RefOptions::default(), &How::default());
    assert_eq!(output.fates["frag_orphan"], 1, "the first one");
    assert_eq!(output.fates["frag_joined"], 1, "the last one");
}

#[test]
fn a_scan_leaves_nothing_behind_once_it_has_timed_out() {
    let options = FlowOptions::default();
    let mut intake = Intake::new(&options, KeyHasher::seeded(1));
    let mut tracker = Tracker::new(options);
    let mut next = |time: i64, port: u16| {
        let syn = TcpDraft {
            time,
            source: address(1, port),
            destination: address(2, 80),
            ttl: 64,
            id: 0,
            seq: 1000,
            ack: 0,
            flags: tcp_flags::SYN,
            window: 65_535,
            options: TcpOptions::default(),
            payload_len: 0,
        };
        let packet = Packet {
            time: Timestamp(time),
            captured: &[0; 54],
            original_len: 54,
            link_type: LinkType::ETHERNET,
            check_sequence_len: 0,
        };
        let info = intake.headers(&Captured::from(&packet), &syn.packet().decoded);
        (info.expect("a SYN is in a flow"), intake.clock())
    };
    for epoch in 0..5 {
        let time = epoch * 20 * SECOND;
        for port in 1..=10_000 {
            tracker.process(&[next(time, port).0], &[]);
        }
        // Two packets 15 s later move the clock past the 10 s of a SYN without answer.
        let late = [60_001, 60_002].map(|port| next(time + 15 * SECOND, port));
        tracker.process(&late.map(|(info, _)| info), &[]);
        let mut closed = ClosedFlows::default();
        let Ok(()) = tracker.end_epoch(late[1].1, |piece| closed.add(piece));
        let earlier = if epoch == 0 { 0 } else { 2 };
        assert_eq!(closed.tcp.len(), 10_000 + earlier, "epoch {epoch}");
    }
    let mut closed = ClosedFlows::default();
    let Ok(()) = tracker.finish(Timestamp(0), |piece| closed.add(piece));
    assert_eq!(closed.tcp.len(), 2);
}
