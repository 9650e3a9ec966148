//! What is read ahead is dealt out as if it had been read by the reader.

use std::fs;
use std::thread;

use crossbeam_channel::{Receiver, TryRecvError, bounded, unbounded};

use crate::batch::{Batch, BatchEnd, Spent};
use crate::capture::{Inputs, ReadOptions};
use crate::config::{FlowOptions, Groups};
use crate::flow::{PacketInfo, marks};
use crate::intake::Intake;
use crate::key::KeyHasher;
use crate::pieces::{Job, Pieces};
use crate::reader::{Lane, Reader, Turn};
use crate::sizes::Sizes;

/// Ethernet frames half a second apart: datagrams, with and without a tag, first and later fragments of
/// others, ARP, and here and there a packet that holds a capture of its own, or one that cannot have its
/// length.
pub(crate) fn trace(packets: u32) -> Vec<u8> {
    let inner = pcap((0..100).map(|at| frame(at, at % 5)));
    let frames = (0..packets).map(|at| match at % 997 {
        50 | 500 => [frame(at, 0), inner.clone()].concat(),
        51 => Vec::new(),
        _ => frame(at, at * 7919 % 31),
    });
    pcap(frames)
}

/// Captures in microseconds and in nanoseconds, one behind the other.
fn two_units(packets: u32) -> Vec<u8> {
    let mut both = pcap((0..packets).map(|at| frame(at, at % 31)));
    let mut other = both.clone();
    other[..4].copy_from_slice(&0xa1b2_3c4d_u32.to_le_bytes());
    both.extend(other);
    both
}

/// The same frames in pcapng: a description of an interface before every thousandth of them, each with
/// another unit of time, and a new section before every three thousandth.
fn pcapng(packets: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut block = |kind: u32, body: &[u8]| {
        let body = [body, &vec![0; body.len().wrapping_neg() % 4]].concat();
        let len = u32::try_from(body.len() + 12).unwrap().to_le_bytes();
        bytes.extend([&kind.to_le_bytes()[..], &len, &body, &len].concat());
    };
    let words =
        |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|word| word.to_le_bytes()).collect() };
    for at in 0..packets {
        if at % 3000 == 0 {
            block(0x0a0d_0d0a, &words(&[0x1a2b_3c4d, 1, u32::MAX, u32::MAX]));
        }
        if at % 1000 == 0 {
            let digits = 6 + at / 1000 % 4;
            block(1, &words(&[1, 0, 9 | 1 << 16, digits, 0]));
        }
        if at % 700 == 0 {
            // Statistics, which say nothing of packets.
            block(5, &words(&[0, 0, 0]));
        }
        let frame = frame(at, at * 7919 % 31);
        let len = u32::try_from(frame.len()).unwrap();
        let interface = at % 3000 / 1000;
        let head = words(&[interface, 0x0005_0000, at * 500_000, len, len]);
        block(6, &[head, frame].concat());
    }
    bytes
}

fn pcap(frames: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let head: [u32; 6] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 1];
    let mut bytes: Vec<u8> = head.iter().flat_map(|word| word.to_le_bytes()).collect();
    for (at, frame) in (0_u32..).zip(frames) {
        let len = u32::try_from(frame.len()).unwrap();
        // Without bytes, or with fewer than were captured.
        let original_len = if at % 991 == 70 { len / 2 } else { len };
        let words = [1_700_000_000 + at / 2, at % 2 * 500_000, len, original_len];
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        bytes.extend(frame);
    }
    bytes
}

fn frame(at: u32, kind: u32) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    match kind {
        3 => frame.extend([0x81, 0, 0, 7, 8, 0]),
        4 => frame.extend([8, 6]),
        _ => frame.extend([8, 0]),
    }
    // Whole, first fragments, later ones, and later ones that may have no first one.
    let (fragment, id): (u16, u8) = match kind {
        1 => (0x2000, 1),
        2 | 7 => (0x0003, 1),
        5 => (0x0003, 2),
        _ => (0, 0),
    };
    let host = (at % 13).to_le_bytes()[0];
    frame.extend([0x45, 0, 0, 60, 0, id]);
    frame.extend(fragment.to_be_bytes());
    frame.extend([64, 17, 0, 0, 10, 0, 0, host % 3, 9, 9, 9, 9]);
    frame.extend([0, host, 0, 53, 0, 40, 0, 0]);
    frame.extend([0; 32]);
    frame
}

/// What one worker is dealt.
#[derive(Default)]
struct Dealt {
    /// Packets, what is around them, and ends, in their order.
    all: Vec<String>,
    /// Packets of pieces, fragments among them, and pieces in which an epoch ends.
    ahead: usize,
    fragments: usize,
    cuts: usize,
    /// Packets of the largest piece.
    largest: usize,
}

impl Dealt {
    fn add(&mut self, mut batch: Batch) {
        let is_ahead = batch.joint.is_some();
        batch.settle();
        let mut links = batch.links.iter();
        for packet in &batch.packets {
            let is_wrapped = packet.facts.has(marks::WRAPPED);
            let link = is_wrapped.then(|| links.next().unwrap());
            self.all.push(format!("{packet:?} {link:?}"));
        }
        assert_eq!(links.next().map(|_| ()), None);
        if is_ahead {
            self.largest = self.largest.max(batch.packets.len());
            let is_fragment = |packet: &&PacketInfo| packet.facts.has(marks::FRAGMENT);
            self.ahead += batch.packets.len();
            self.fragments += batch.packets.iter().filter(is_fragment).count();
            self.cuts += usize::from(matches!(batch.end, BatchEnd::Epoch(_)));
        }
        if batch.end != BatchEnd::None {
            self.all.push(format!("{:?}", batch.end));
        }
    }
}

/// Who reads ahead, in stretches of how many records.
#[derive(Clone, Copy)]
enum Ahead {
    Nobody,
    /// Stretches are planned, but nobody has the time.
    Planned(usize),
    /// All stretches that are known are read whenever the reader waits.
    Read(usize),
}

/// What the workers are dealt of a trace, and all that the reader counts.
fn dealt(trace: &[u8], lanes: usize, epoch: u64, ahead: Ahead) -> (Vec<Dealt>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.pcap");
    fs::write(&path, trace).unwrap();
    let options = FlowOptions {
        groups: Groups::all(),
        ..FlowOptions::default()
    };
    let intake = Intake::new(&options, KeyHasher::seeded(1));
    let mut inputs = Inputs::open(&[path], &ReadOptions::default(), intake.decoder()).unwrap();
    let sizes = Sizes {
        epoch,
        batch: 7,
        ..Sizes::default()
    };
    let spent = Spent::default();
    let (pieces, jobs) = match ahead {
        Ahead::Nobody => Pieces::new(1, &options, 1),
        Ahead::Planned(records) | Ahead::Read(records) => Pieces::new(lanes, &options, records),
    };
    let (full_lanes, full): (Vec<_>, Vec<_>) = (0..lanes)
        .map(|_| {
            let (full, full_out) = bounded(1);
            let (_, answers) = unbounded();
            (Lane { full, answers }, full_out)
        })
        .unzip();
    let reader = Reader::new(&mut inputs, full_lanes, &spent, intake, pieces, None, sizes);
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut reader = Box::new(reader);
            loop {
                match reader.turn(0, usize::MAX, || Ok(())) {
                    // It would wait, and there is something to count.
                    Turn::Enough(passed_on) => reader = passed_on,
                    Turn::Over(Ok(Ok(counted))) => return format!("{counted:?}"),
                    Turn::Over(_) => panic!("the reading ends with the trace"),
                }
                thread::yield_now();
            }
        });
        let dealt = take_all(full, &jobs, ahead, &spent);
        (dealt, reading.join().unwrap())
    })
}

fn take_all(
    full: Vec<Receiver<Batch>>,
    jobs: &Receiver<Job>,
    ahead: Ahead,
    spent: &Spent,
) -> Vec<Dealt> {
    let mut lanes: Vec<_> = full
        .into_iter()
        .map(|full| (full, Dealt::default()))
        .collect();
    let most = lanes.len();
    let mut open = true;
    while open {
        open = false;
        for (full, dealt) in &mut lanes {
            assert!(
                jobs.len() <= 2 * most,
                "no stretch waits that is not wanted"
            );
            while let Ahead::Read(_) = ahead
                && let Ok(job) = jobs.try_recv()
            {
                job.run(spent);
            }
            match full.try_recv() {
                Ok(batch) => dealt.add(batch),
                Err(TryRecvError::Empty) => thread::yield_now(),
                Err(TryRecvError::Disconnected) => continue,
            }
            open = true;
        }
    }
    lanes.into_iter().map(|(_, dealt)| dealt).collect()
}

#[test]
fn packets_that_were_read_ahead_are_dealt_out_as_others_are() {
    for trace in [trace(5000), pcapng(6000), two_units(3000)] {
        is_dealt_out_as_otherwise(&trace);
    }
}

#[test]
fn two_workers_read_ahead_where_records_are_long() {
    for (len, reads_ahead) in [(250, false), (400, true)] {
        let frames = (0..3000).map(|at| {
            let mut frame = frame(at, at % 31);
            frame.resize(len, 0);
            frame
        });
        let trace = pcap(frames);
        let (plain, counted) = dealt(&trace, 2, 1000, Ahead::Nobody);
        let (ahead, counted_ahead) = dealt(&trace, 2, 1000, Ahead::Read(100));
        assert_eq!(counted, counted_ahead);
        for (plain, ahead) in plain.iter().zip(&ahead) {
            assert!(plain.all == ahead.all, "frames of {len} bytes");
            assert_eq!(ahead.ahead > 0, reads_ahead, "frames of {len} bytes");
        }
    }
}

/// The records at the start are no measure of the rest: a piece would be all of it.
#[test]
fn pieces_are_short_where_records_become_so() {
    let long = (0..2).map(|_| vec![0; 60_000]);
    let trace = pcap(long.chain((0..5000).map(|at| frame(at, 3))));
    let (plain, counted) = dealt(&trace, 3, 1 << 17, Ahead::Nobody);
    let (ahead, counted_ahead) = dealt(&trace, 3, 1 << 17, Ahead::Read(20));
    assert_eq!(counted, counted_ahead);
    for (plain, ahead) in plain.iter().zip(&ahead) {
        assert!(plain.all == ahead.all);
        assert!(ahead.largest <= 4 * 20, "{}", ahead.largest);
    }
    assert!(ahead.iter().any(|ahead| ahead.ahead > 100));
}

fn is_dealt_out_as_otherwise(trace: &[u8]) {
    for (epoch, records) in [(100, 30), (1000, 100), (7, 70), (1 << 17, 40)] {
        let (plain, counted) = dealt(trace, 3, epoch, Ahead::Nobody);
        let (ahead, counted_ahead) = dealt(trace, 3, epoch, Ahead::Read(records));
        assert_eq!(counted, counted_ahead);
        let (planned, counted_planned) = dealt(trace, 3, epoch, Ahead::Planned(records));
        assert_eq!(counted, counted_planned);
        for (plain, planned) in plain.iter().zip(&planned) {
            assert!(plain.all == planned.all && planned.ahead == 0);
        }
        for (plain, ahead) in plain.iter().zip(&ahead) {
            assert!(plain.all == ahead.all, "epochs of {epoch}, {records}");
            assert!(ahead.ahead > ahead.all.len() / 10, "{}", ahead.ahead);
        }
        let (fragments, cuts) = ahead.iter().fold((0, 0), |(fragments, cuts), dealt| {
            (fragments + dealt.fragments, cuts + dealt.cuts)
        });
        assert!(fragments > 50, "{fragments}");
        assert!(cuts > 0 || epoch > 6000, "{cuts}");
    }
}
