//! Captures that are well-formed but for one place: what stands before and after it is found.
#![no_main]

#[path = "../trace_file.rs"]
mod trace_file;

use goostat::capture::IoMode;
use libfuzzer_sys::fuzz_target;

use trace_file::{OwnedPacket, read};

/// Bytes that choose the format and the damage.
const HEAD: usize = 8;
/// Nanoseconds of 2023-11-14.
const BASE: i64 = 1_700_000_000_000_000_000;
/// Plain packets behind the damage.
const TAIL: usize = 66;
/// How many of them have to be found: a shifted header may tell of a packet that holds others.
const FOUND: usize = 33;
/// Bytes in front of a packet, at most.
const HEADER_MAX: usize = 28;
/// Kinds of damage.
const ABSURD_LENGTH: u8 = 0;
const SHORTENED: u8 = 1;
const OVERWRITTEN: u8 = 3;

/// How the capture is written.
#[derive(Clone, Copy)]
struct Writing {
    big_endian: bool,
    next_generation: bool,
    /// Record headers with 8 more bytes.
    modified: bool,
}

fuzz_target!(|data: &[u8]| {
    let Some((head, body)) = data.split_first_chunk::<HEAD>() else {
        return;
    };
    let &[how, damage, place, a, b, c, d, e] = head;
    let writing = Writing {
        big_endian: how & 1 != 0,
        next_generation: how & 2 != 0,
        modified: how & 4 != 0,
    };
    let packets = packets(body);
    let (capture, records) = write(&packets, writing);
    for io in [IoMode::Mmap, IoMode::Read] {
        let (found, report) = read(&capture, io, true).expect("it is well-formed");
        assert!(found == packets, "it is read otherwise than it was written");
        assert_eq!(report.damage_count, 0);
    }
    let damage = damage % 4;
    let hit = match damage {
        // The first packet has nothing before it that tells what is plausible.
        OVERWRITTEN => 1 + usize::from(place) % (packets.len() - TAIL - 1),
        // What is found after the damage depends on what is damaged: bytes can tell of a packet
        // that holds others. So these hit plain packets.
        _ => packets.len() - TAIL - 1,
    };
    let (start, end) = records[hit];
    let broken = match damage {
        ABSURD_LENGTH => absurd_length(&capture, start, writing, [a, b, c, d]),
        SHORTENED => without_some(&capture, start, end, e),
        OVERWRITTEN => overwritten(&capture, start, [a, b, c, d], e),
        _ => with_more(&capture, start, [a, b, c, d, e]),
    };
    check(&broken, &packets, hit, damage);
});

/// Packets of the body: one byte says how long each is, the rest what it holds.
fn packets(mut body: &[u8]) -> Vec<OwnedPacket> {
    let mut packets = Vec::new();
    while let Some((&[len, more], rest)) = body.split_first_chunk::<2>() {
        let (captured, rest) = rest.split_at(rest.len().min(usize::from(len) + 1));
        body = rest;
        if captured.is_empty() {
            break;
        }
        packets.push(packet(packets.len(), captured.to_vec(), u32::from(more)));
    }
    for _ in 0..TAIL + 2 {
        packets.push(packet(packets.len(), vec![0xaa; 60], 0));
    }
    packets
}

fn packet(number: usize, captured: Vec<u8>, more: u32) -> OwnedPacket {
    let number = i64::try_from(number).expect("there are few");
    OwnedPacket {
        time: BASE + number * 1_000_000,
        original_len: u32::try_from(captured.len()).expect("it is short") + more,
        captured,
        link_type: 1,
    }
}

/// The capture, and where each record begins and ends.
fn write(packets: &[OwnedPacket], writing: Writing) -> (Vec<u8>, Vec<(usize, usize)>) {
    let word = |word: u32| {
        if writing.big_endian {
            word.to_be_bytes()
        } else {
            word.to_le_bytes()
        }
    };
    let half = |half: u16| {
        if writing.big_endian {
            half.to_be_bytes()
        } else {
            half.to_le_bytes()
        }
    };
    let words = |words: &[u32]| {
        words
            .iter()
            .flat_map(|&value| word(value))
            .collect::<Vec<u8>>()
    };
    let mut capture = Vec::new();
    if writing.next_generation {
        capture.extend(words(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d]));
        capture.extend([half(1), half(0)].concat());
        capture.extend(words(&[u32::MAX, u32::MAX, 28]));
        capture.extend(words(&[1, 20]));
        capture.extend([half(1), half(0)].concat());
        capture.extend(words(&[0, 20]));
    } else {
        capture.extend(words(&[if writing.modified {
            0xa1b2_cd34
        } else {
            0xa1b2_c3d4
        }]));
        capture.extend([half(2), half(4)].concat());
        capture.extend(words(&[0, 0, 65_535, 1]));
    }
    let mut records = Vec::new();
    for packet in packets {
        let start = capture.len();
        let len = u32::try_from(packet.captured.len()).expect("it is short");
        let microseconds = packet.time.unsigned_abs() / 1000;
        let low = |value: u64| u32::try_from(value & 0xffff_ffff).expect("it has 32 bits");
        if writing.next_generation {
            let padded = len.next_multiple_of(4);
            let head = [
                6,
                padded + 32,
                0,
                low(microseconds >> 32),
                low(microseconds),
                len,
                packet.original_len,
            ];
            capture.extend(words(&head));
            capture.extend(&packet.captured);
            capture.resize(start + 28 + packet.captured.len().next_multiple_of(4), 0);
            capture.extend(words(&[padded + 32]));
        } else {
            let seconds = low(microseconds / 1_000_000);
            capture.extend(words(&[
                seconds,
                low(microseconds % 1_000_000),
                len,
                packet.original_len,
            ]));
            if writing.modified {
                capture.extend([0; 8]);
            }
            capture.extend(&packet.captured);
        }
        records.push((start, capture.len()));
    }
    (capture, records)
}

/// The record's length becomes one that cannot be.
fn absurd_length(capture: &[u8], start: usize, writing: Writing, bytes: [u8; 4]) -> Vec<u8> {
    let mut broken = capture.to_vec();
    let place = start + if writing.next_generation { 4 } else { 8 };
    let absurd = u32::from_le_bytes(bytes) | 0x8000_0000;
    let absurd = if writing.big_endian {
        absurd.to_be_bytes()
    } else {
        absurd.to_le_bytes()
    };
    broken[place..place + 4].copy_from_slice(&absurd);
    broken
}

/// Some bytes of the record's payload are lost.
fn without_some(capture: &[u8], start: usize, end: usize, count: u8) -> Vec<u8> {
    let place = start + HEADER_MAX;
    let lost = 1 + usize::from(count) % (end - place - 1);
    [&capture[..place], &capture[place + lost..]].concat()
}

/// Bytes that belong to nothing stand in front of the record.
fn with_more(capture: &[u8], start: usize, bytes: [u8; 5]) -> Vec<u8> {
    [&capture[..start], &bytes, &capture[start..]].concat()
}

/// Anything stands where the record began.
fn overwritten(capture: &[u8], start: usize, bytes: [u8; 4], at: u8) -> Vec<u8> {
    let mut broken = capture.to_vec();
    let place = start + usize::from(at % 24);
    broken[place..place + 4].copy_from_slice(&bytes);
    broken
}

fn check(broken: &[u8], packets: &[OwnedPacket], hit: usize, damage: u8) {
    let (found, report) = read(broken, IoMode::Mmap, false).expect("its header is whole");
    let (streamed, _) = read(broken, IoMode::Read, false).expect("its header is whole");
    assert!(found == streamed, "a stream says something else");
    assert!(
        found.starts_with(&packets[..hit]),
        "what stands before is not found"
    );
    match damage {
        ABSURD_LENGTH => {
            assert!(
                found.ends_with(&packets[hit + 1..]),
                "what stands after is not found"
            );
            assert!(report.damage_count > 0, "an absurd length is not told of");
        }
        // A length may now be one that reaches exactly over some of the others.
        OVERWRITTEN => {}
        _ => assert!(
            found.ends_with(&packets[packets.len() - FOUND..]),
            "what stands after is not found"
        ),
    }
}
