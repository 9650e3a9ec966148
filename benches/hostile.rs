//! No trace takes more than its packets deserve: what hostile packets cost from decoding to closed
//! flows, as a ratio to ordinary traffic in the same run. A packet longer than ordinary ones counts
//! as so many of them as have its bytes. Fails if a ratio is over 3.

mod common;

use std::time::Instant;

use common::{Kind, Trace, track};
use goostat::Intake;
use goostat::capture::{LinkType, Packet, Timestamp};
use goostat::config::FlowOptions;
use goostat::decode::LinkInfo;
use goostat::flow::marks;
use goostat::key::KeyHasher;

/// That of the program: what flows cost in memory is part of their cost.
#[cfg(feature = "cli")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The highest ratio that is let pass.
const RATIO_MAX: f64 = 3.0;
/// Bytes of a packet of ordinary traffic.
const ORDINARY_LEN: usize = 784;
/// Times that each trace is run; the median counts.
const REPEATS: usize = 7;

const SYN: u8 = 2;
const ACK: u8 = 16;
const SECOND: i64 = 1_000_000_000;
const START: i64 = 1_700_000_000 * SECOND;

/// A packet to be.
#[derive(Clone)]
struct Frame {
    time: i64,
    bytes: Vec<u8>,
}

fn main() {
    let is_tried = !std::env::args().any(|argument| argument == "--bench");
    let packets = if is_tried { 2_000 } else { 200_000 };
    let ordinary = Trace::new(Kind::Web);
    let ordinary: Vec<Frame> = ordinary
        .packets()
        .iter()
        .take(packets)
        .map(|packet| Frame {
            time: packet.time.0,
            bytes: packet.captured.to_vec(),
        })
        .collect();
    let repeats = if is_tried { 1 } else { REPEATS };
    let base = cost(&ordinary, repeats);
    println!("{:<46} {:>8.0} ns a packet", "ordinary traffic", base);
    let mut worst = 0.0_f64;
    for (name, frames) in hostile(packets) {
        let ratio = cost(&frames, repeats) / base;
        worst = worst.max(ratio);
        println!("{name:<46} {ratio:>8.2} x");
    }
    assert!(
        is_tried || worst <= RATIO_MAX,
        "a hostile trace takes {worst:.2} times what it deserves"
    );
}

/// Nanoseconds for each packet, or for as many bytes as an ordinary one has: the median.
fn cost(frames: &[Frame], repeats: usize) -> f64 {
    let due: usize = frames
        .iter()
        .map(|frame| (frame.bytes.len() / ORDINARY_LEN).max(1))
        .sum();
    let mut times: Vec<f64> = (0..repeats).map(|_| seconds(frames)).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2] * 1e9 / due as f64
}

/// From the packets to the closed flows.
fn seconds(frames: &[Frame]) -> f64 {
    let options = FlowOptions::default();
    let begun = Instant::now();
    let mut intake = Intake::new(&options, KeyHasher::random());
    let (mut infos, mut links) = (Vec::new(), Vec::new());
    for frame in frames {
        let packet = Packet {
            time: Timestamp(frame.time),
            captured: &frame.bytes,
            original_len: u32::try_from(frame.bytes.len()).expect("it is short"),
            link_type: LinkType::ETHERNET,
            check_sequence_len: 0,
        };
        let mut link = LinkInfo::default();
        if let Some(info) = intake.packet(&packet, &mut link) {
            infos.push(info);
            if info.facts.has(marks::WRAPPED) {
                links.push(link);
            }
        }
    }
    track(&options, &infos, &links, |closed| {
        drop(closed);
        Ok(())
    });
    begun.elapsed().as_secs_f64()
}

/// A name, and what somebody may send who wants the run to take long.
type Named = (&'static str, Vec<Frame>);

fn hostile(packets: usize) -> Vec<Named> {
    let count = u32::try_from(packets).expect("there are few");
    let mut all = keys(count);
    all.extend(segments(count));
    all.extend(bytes(count));
    all.extend(chains(count));
    all
}

/// One packet every microsecond.
fn each(count: u32, frame: impl Fn(u32) -> Vec<u8>) -> Vec<Frame> {
    let timed = (0..count).map(|number| Frame {
        time: START + i64::from(number) * 1000,
        bytes: frame(number),
    });
    timed.collect()
}

/// Keys that might get into each other's way, and times that might.
fn keys(count: u32) -> Vec<Named> {
    let mut gaps = each(count, |n| syn(n % 100, 80));
    for (number, frame) in gaps.iter_mut().enumerate() {
        let twenty_years = 20 * 365 * 86_400 * SECOND;
        frame.time = if number % 2 == 0 { 0 } else { twenty_years };
    }
    let sums = |n: u32| tcp((n >> 16, low(n)), (n >> 16, !low(n)), SYN, (1, 0), 0);
    let overlapping = |n: u32| fragment(1, 7, if n.is_multiple_of(2) { 0x2000 } else { 1 });
    vec![
        (
            "tuples that differ in low bits",
            each(count, |n| syn(n, 80)),
        ),
        (
            "tuples that differ in high bits",
            each(count, |n| syn(n << 12, 80)),
        ),
        ("tuples with one sum and one xor", each(count, sums)),
        (
            "first fragments, ids in a row",
            each(count, |n| fragment(n >> 16, low(n), 0x2000)),
        ),
        (
            "later fragments of nothing",
            each(count, |n| fragment(n >> 16, low(n), 0x10)),
        ),
        (
            "one datagram in overlapping fragments",
            each(count, overlapping),
        ),
        ("twenty years between packets", gaps),
    ]
}

/// One connection whose list of segments grows, or is walked.
fn segments(count: u32) -> Vec<Named> {
    let backwards = |n: u32| data((n / 4096 * 4096 + 4095 - n % 4096).wrapping_mul(2000), 1000);
    let acked_holes = |n: u32| match n % 2 {
        0 => data(n.wrapping_mul(1000), 500),
        _ => acknowledgement(n.wrapping_mul(100)),
    };
    let many_acks = |n: u32| {
        let (round, at) = (n / 16_384 * 9_000_000, n % 16_384);
        match at {
            0..4_000 => data(round.wrapping_add(at * 2_000), 1000),
            _ => acknowledgement(round.wrapping_add(8_000_000 + at)),
        }
    };
    let numbers = |n: u32| tcp((1, 1000), (2, 80), SYN, (n * 77, 0), 0);
    vec![
        (
            "segments with a hole before each",
            each(count, |n| data(n.wrapping_mul(2000), 1000)),
        ),
        (
            "segments from the last to the first",
            each(count, backwards),
        ),
        (
            "segments that all overlap",
            each(count, |n| data(n.wrapping_mul(7) % 60_000, 1400)),
        ),
        (
            "one segment again and again",
            each(count, |_| data(1000, 1400)),
        ),
        (
            "holes, and an acknowledgement after each",
            each(count, acked_holes),
        ),
        (
            "thousands of segments, then acks of all",
            each(count, many_acks),
        ),
        ("SYNs with a new number each", each(count, numbers)),
    ]
}

/// One connection with segments of a byte, over which longer ones are sent again and again.
fn bytes(count: u32) -> Vec<Named> {
    let over_bytes = |n: u32| {
        let (round, at) = (n / 16_384 * 9_000, n % 16_384);
        match at {
            0..1_400 => data(round.wrapping_add(at), 1),
            _ => data(round, 1_400),
        }
    };
    let with_holes = |n: u32| {
        let (round, at) = (n / 2_050 * 9_000, n % 2_050);
        match at {
            0..2_047 => data(round.wrapping_add(at * 2), 1),
            _ => data(round.wrapping_add((at - 2_047) * 1_400), 1_400),
        }
    };
    let acked = |n: u32| {
        let (round, at) = (n / 4_200 * 9_000, n % 4_200);
        match at {
            0..1_400 => data(round.wrapping_add(at), 1),
            _ if at % 2 == 0 => data(round, 1_400),
            _ => acknowledgement(round.wrapping_add((at - 1_400) / 2)),
        }
    };
    let long = |n: u32| {
        let (round, at) = (n / 16_384 * 9_000, n % 16_384);
        match at {
            0..4_096 => data(round.wrapping_add(at), 1),
            _ => cut(data(round, 8_000), 1_514),
        }
    };
    vec![
        (
            "segments of a byte, then longer ones over them",
            each(count, over_bytes),
        ),
        ("the same, ids and times at odds", at_odds(count)),
        ("the same, holes between the bytes", each(count, with_holes)),
        (
            "the same, an acknowledgement after each",
            each(count, acked),
        ),
        ("the same, 4,096 bytes, captured in part", each(count, long)),
    ]
}

/// Segments of a byte in any order of time and with one of two identifications each; what is sent
/// over them stands, for each of them anew, before or after the mean round trip or the time-out.
fn at_odds(count: u32) -> Vec<Frame> {
    let mut frames = each(count, |n| {
        let (round, at) = (n / 16_384 * 9_000, n % 16_384);
        let id = 1 + low(n.wrapping_mul(0x9e37_79b9) >> 31);
        let mut frame = match at {
            0..1_400 => data(round.wrapping_add(at * 601 % 1_400), 1),
            1_400 => acknowledgement(round.wrapping_add(1)),
            _ => data(round, 1_400),
        };
        frame[18..20].copy_from_slice(&id.to_be_bytes());
        frame
    });
    for (n, frame) in (0i64..).zip(&mut frames) {
        let (round, at) = (n / 16_384, n % 16_384);
        let millis = match at {
            0..1_400 => at / 2,
            1_400 => 100,
            _ => 400 + at * 7_919 % 1_000,
        };
        frame.time = START + round * 10 * SECOND + millis * 1_000_000;
    }
    frames
}

/// Headers and options in long rows.
fn chains(count: u32) -> Vec<Named> {
    let few = count / 80 + 1;
    vec![
        (
            "64 kB of IPv6 extension headers",
            each(few, |n| extensions(n, 7_900)),
        ),
        ("64 kB of VLAN tags", each(few, |n| tags(n, 16_000))),
        ("64 kB of MPLS labels", each(few, |n| labels(n, 16_000))),
        ("40 bytes of TCP options", each(count, options)),
        ("sixteen IP headers", each(count, |n| nested(n, 16))),
        ("sixty-four IP headers", each(count, |n| nested(n, 64))),
    ]
}

fn low(number: u32) -> u16 {
    u16::try_from(number & 0xffff).expect("it is masked")
}

fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    frame.extend(kind.to_be_bytes());
    frame.extend(payload);
    frame
}

fn ipv4(from: u32, to: u32, protocol: u8, id: u16, offset: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len() + 20).expect("it is short");
    let mut header = vec![0x45, 0];
    header.extend(len.to_be_bytes());
    header.extend(id.to_be_bytes());
    header.extend(offset.to_be_bytes());
    header.extend([64, protocol, 0, 0]);
    header.extend(from.to_be_bytes());
    header.extend(to.to_be_bytes());
    header.extend(payload);
    header
}

/// A segment of `len` bytes from one address and port to another.
fn tcp(
    (from, source): (u32, u16),
    (to, destination): (u32, u16),
    flags: u8,
    (seq, ack): (u32, u32),
    len: usize,
) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend(source.to_be_bytes());
    segment.extend(destination.to_be_bytes());
    segment.extend(seq.to_be_bytes());
    segment.extend(ack.to_be_bytes());
    segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment.resize(20 + len, 0);
    ethernet(0x0800, &ipv4(from, to, 6, 1, 0, &segment))
}

fn syn(from: u32, port: u16) -> Vec<u8> {
    tcp((from, 40_000), (0x0a00_0001, port), SYN, (1, 0), 0)
}

/// Of one connection.
fn data(seq: u32, len: usize) -> Vec<u8> {
    tcp((1, 1000), (2, 80), ACK, (seq, 1), len)
}

/// A packet of which only the first `len` bytes were captured.
fn cut(mut frame: Vec<u8>, len: usize) -> Vec<u8> {
    frame.truncate(len);
    frame
}

/// What its other side says.
fn acknowledgement(ack: u32) -> Vec<u8> {
    tcp((2, 80), (1, 1000), ACK, (1, ack), 0)
}

fn fragment(from: u32, id: u16, offset: u16) -> Vec<u8> {
    let mut datagram = vec![0x9c, 0x40, 0, 53, 0x05, 0xdc, 0, 0];
    datagram.resize(64, 0);
    ethernet(0x0800, &ipv4(from, 9, 17, id, offset, &datagram))
}

/// A chain of destination options, eight bytes each, in front of a UDP header.
fn extensions(number: u32, count: usize) -> Vec<u8> {
    let udp = [0x9c, 0x40, 0, 53, 0, 8, 0, 0];
    let mut payload = Vec::new();
    for left in (0..count).rev() {
        let next = if left == 0 { 17 } else { 60 };
        payload.extend([next, 0, 1, 4, 0, 0, 0, 0]);
    }
    payload.extend(udp);
    let len = u16::try_from(payload.len()).expect("it is short");
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend(len.to_be_bytes());
    packet.extend([60, 64]);
    packet.extend([0x20; 12]);
    packet.extend(number.to_be_bytes());
    packet.extend([0x20; 16]);
    packet.extend(payload);
    ethernet(0x86dd, &packet)
}

fn tags(number: u32, count: usize) -> Vec<u8> {
    let mut payload = vec![0, 1];
    for _ in 1..count {
        payload.extend([0x81, 0, 0, 1]);
    }
    payload.extend([8, 0]);
    payload.extend(&syn(number, 80)[14..]);
    ethernet(0x8100, &payload)
}

fn labels(number: u32, count: usize) -> Vec<u8> {
    let mut payload = Vec::new();
    for left in (0..count).rev() {
        payload.extend([0, 0x01, u8::from(left == 0), 64]);
    }
    payload.extend(&syn(number, 80)[14..]);
    ethernet(0x8847, &payload)
}

/// No operations but one, which is not known.
fn options(number: u32) -> Vec<u8> {
    let mut segment = syn(number, 80).split_off(34);
    segment[12] = 0xf0;
    segment.extend([1; 37]);
    segment.extend([99, 2, 0]);
    ethernet(0x0800, &ipv4(number, 3, 6, 1, 0, &segment))
}

fn nested(number: u32, depth: usize) -> Vec<u8> {
    let mut packet = syn(number, 80).split_off(14);
    for _ in 1..depth {
        packet = ipv4(5, 6, 4, 1, 0, &packet);
    }
    ethernet(0x0800, &packet)
}
