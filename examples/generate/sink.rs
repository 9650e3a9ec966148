//! Writes records of a pcap file and keeps the time.

use std::io::{self, Write};

use super::rng::Rng;
use super::{Stats, Target};

/// Bytes that are written at once.
const BUFFER_LEN: usize = 8 << 20;
/// Preamble, check sequence and gap of a frame.
const FRAME_EXTRA: usize = 24;
/// 2023-11-14T22:13:20Z.
const START_NS: u64 = 1_700_000_000_000_000_000;

/// How long after a frame the next one comes, on average.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// Nanoseconds, whatever its length.
    Packet(u64),
    /// Nanoseconds a byte: 8 is a full line of 1 Gbit/s.
    Byte(u64),
}

pub(crate) struct Sink<'w, W: Write> {
    out: &'w mut W,
    buffer: Vec<u8>,
    target: Target,
    pace: Pace,
    rng: Rng,
    /// When the next packet comes.
    pub(crate) clock_ns: u64,
    pub(crate) stats: Stats,
    /// The target is reached.
    pub(crate) full: bool,
}

impl<'w, W: Write> Sink<'w, W> {
    /// Begins the file: little-endian, microseconds, Ethernet.
    pub(crate) fn new(out: &'w mut W, target: Target, pace: Pace) -> Self {
        let mut buffer = Vec::with_capacity(BUFFER_LEN + (1 << 17));
        buffer.extend(0xa1b2_c3d4_u32.to_le_bytes());
        buffer.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        buffer.extend(0x4_0000_u32.to_le_bytes());
        buffer.extend(1_u32.to_le_bytes());
        let stats = Stats {
            bytes: buffer.len() as u64,
            ..Stats::default()
        };
        Self {
            out,
            buffer,
            target,
            pace,
            rng: Rng::new(1),
            clock_ns: START_NS,
            stats,
            full: false,
        }
    }

    /// Writes a frame of which `captured` bytes were kept, unless the target would be passed.
    pub(crate) fn record(&mut self, frame: &[u8], captured: usize) -> io::Result<()> {
        let time = self.clock_ns;
        self.record_at(time, frame, captured)
    }

    /// The same with a time of its own.
    pub(crate) fn record_at(
        &mut self,
        time_ns: u64,
        frame: &[u8],
        captured: usize,
    ) -> io::Result<()> {
        let kept = &frame[..captured.min(frame.len())];
        let bytes = 16 + kept.len() as u64;
        self.full = match self.target {
            Target::Bytes(limit) => self.stats.bytes + bytes > limit,
            Target::Packets(limit) => self.stats.packets >= limit,
            Target::Flows(_) => false,
        };
        if self.full {
            return Ok(());
        }
        let numbers = [
            time_ns / 1_000_000_000,
            time_ns / 1000 % 1_000_000,
            kept.len() as u64,
            frame.len() as u64,
        ];
        for number in numbers {
            self.buffer.extend_from_slice(&number.to_le_bytes()[..4]);
        }
        self.buffer.extend_from_slice(kept);
        self.stats.packets += 1;
        self.stats.bytes += bytes;
        self.advance(frame.len());
        if self.buffer.len() >= BUFFER_LEN {
            self.flush()?;
        }
        Ok(())
    }

    /// Moves the clock on by a random time around the one the pace gives.
    fn advance(&mut self, frame_len: usize) {
        let mean = match self.pace {
            Pace::Packet(gap) => gap,
            Pace::Byte(gap) => gap * (frame_len + FRAME_EXTRA) as u64,
        };
        self.clock_ns += mean / 2 + self.rng.next() % mean.max(1);
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}
