//! The hybrid of run lengths and packed bits that levels and indices of dictionaries stand in.

use super::pack::{pack, put_varint};

/// Packed values come by the group.
const GROUP: usize = 8;
/// Packed values behind one header, which is a byte then.
const PACKED: usize = 63 * GROUP;

/// Small numbers in runs of equal ones.
#[derive(Debug, Default)]
pub(super) struct Runs {
    runs: Vec<(u32, usize)>,
}

impl Runs {
    pub(super) fn push(&mut self, value: u32, times: usize) {
        match self.runs.last_mut() {
            Some((last, run)) if *last == value => *run += times,
            _ => self.runs.push((value, times)),
        }
    }

    /// How many numbers there are.
    pub(super) fn count(&self) -> usize {
        self.runs.iter().map(|(_, times)| times).sum()
    }

    /// The numbers, and how often each stands in a row; forgets them.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (u32, usize)> {
        self.runs.drain(..)
    }

    /// Appends the numbers, which need `width` bits at most, and forgets them.
    pub(super) fn finish(&mut self, width: u32, out: &mut Vec<u8>) {
        let mut packed = Packed {
            width,
            values: [0; PACKED],
            count: 0,
        };
        // A run is worth the end of what is packed and the beginning of it anew, some three bytes,
        // and in no bits there is nothing to pack.
        let worth = 24_usize
            .checked_div(width as usize)
            .map_or(0, |values| GROUP + values);
        for (value, mut times) in self.runs.drain(..) {
            if width > 0 {
                let rest = packed.count.next_multiple_of(GROUP) - packed.count;
                let rest = rest.min(times);
                packed.push(value, rest, out);
                times -= rest;
                if times < worth {
                    packed.push(value, times, out);
                    continue;
                }
            }
            packed.end(out);
            put_varint((times as u64) << 1, out);
            let bytes = width.div_ceil(8) as usize;
            out.extend_from_slice(&value.to_le_bytes()[..bytes]);
        }
        packed.end(out);
    }
}

/// Values that wait until it is known how many they are.
struct Packed {
    width: u32,
    values: [u64; PACKED],
    count: usize,
}

impl Packed {
    fn push(&mut self, value: u32, times: usize, out: &mut Vec<u8>) {
        for _ in 0..times {
            if self.count == PACKED {
                self.end(out);
            }
            self.values[self.count] = u64::from(value);
            self.count += 1;
        }
    }

    /// Appends what waits. Only what ends the page may need zeros up to a full group.
    fn end(&mut self, out: &mut Vec<u8>) {
        if self.count == 0 {
            return;
        }
        let whole = self.count.next_multiple_of(GROUP);
        self.values[self.count..whole].fill(0);
        put_varint((whole / GROUP) as u64 * 2 + 1, out);
        pack(&self.values[..whole], self.width, out);
        self.count = 0;
    }
}
