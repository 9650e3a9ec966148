//! DELTA_BINARY_PACKED: differences in blocks of 128, less their smallest, 32 of them in as many
//! bits as the largest needs.

use multiversion::multiversion;
use parquet::basic::Encoding;

use super::pack::{pack, put_varint, put_zigzag, width};

const BLOCK: usize = 128;
const MINI_BLOCK: usize = 32;

/// The values of a page.
#[derive(Debug)]
pub(super) struct Delta {
    /// Of 32 bits: differences wrap there.
    is_narrow: bool,
    count: usize,
    first: i64,
    last: i64,
    deltas: [i64; BLOCK],
    /// How many of them are there.
    waiting: usize,
    blocks: Vec<u8>,
}

impl Delta {
    pub(super) fn new(is_narrow: bool) -> Self {
        Self {
            is_narrow,
            count: 0,
            first: 0,
            last: 0,
            deltas: [0; BLOCK],
            waiting: 0,
            blocks: Vec::new(),
        }
    }

    /// Adds values, each so many times.
    pub(super) fn extend(&mut self, values: &[i64], times: usize) {
        if times == 1 {
            return self.each(values);
        }
        for &value in values {
            self.each(&[value]);
            self.again(times - 1);
        }
    }

    /// Adds the last value so many times more.
    fn again(&mut self, mut times: usize) {
        self.count += times;
        while times > 0 {
            let now = times.min(BLOCK - self.waiting);
            if now == BLOCK {
                // No difference, and none above it.
                self.blocks.extend_from_slice(&[0; 1 + BLOCK / MINI_BLOCK]);
            } else {
                self.deltas[self.waiting..][..now].fill(0);
                self.waiting += now;
                if self.waiting == BLOCK {
                    self.end_block();
                }
            }
            times -= now;
        }
    }

    fn each(&mut self, mut values: &[i64]) {
        if self.count == 0
            && let [first, rest @ ..] = values
        {
            (self.first, self.last) = (
                if self.is_narrow {
                    wrapped(*first)
                } else {
                    *first
                },
                *first,
            );
            self.count = 1;
            values = rest;
        }
        self.count += values.len();
        while !values.is_empty() {
            let room = &mut self.deltas[self.waiting..];
            let (now, later) = values.split_at(values.len().min(room.len()));
            for (delta, &value) in room.iter_mut().zip(now) {
                *delta = value.wrapping_sub(self.last);
                self.last = value;
            }
            self.waiting += now.len();
            if self.waiting == BLOCK {
                self.end_block();
            }
            values = later;
        }
    }

    fn end_block(&mut self) {
        put_block(
            &mut self.deltas[..self.waiting],
            self.is_narrow,
            &mut self.blocks,
        );
        self.waiting = 0;
    }

    /// Appends the values and forgets them.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Encoding {
        if self.waiting > 0 {
            self.end_block();
        }
        put_varint(BLOCK as u64, out);
        put_varint((BLOCK / MINI_BLOCK) as u64, out);
        put_varint(self.count as u64, out);
        put_zigzag(self.first, out);
        out.extend_from_slice(&self.blocks);
        self.blocks.clear();
        (self.count, self.first) = (0, 0);
        Encoding::DELTA_BINARY_PACKED
    }
}

/// Appends a block of differences.
#[multiversion(targets("x86_64+avx2+bmi1+bmi2+lzcnt"))]
fn put_block(deltas: &mut [i64], is_narrow: bool, out: &mut Vec<u8>) {
    if is_narrow {
        deltas.iter_mut().for_each(|delta| *delta = wrapped(*delta));
    }
    let least = deltas.iter().copied().min().unwrap_or_default();
    let mut above = [0; BLOCK];
    for (above, delta) in above.iter_mut().zip(deltas) {
        *above = delta.wrapping_sub(least).cast_unsigned();
    }
    put_zigzag(least, out);
    let (minis, _) = above.as_chunks::<MINI_BLOCK>();
    let widths = [0, 1, 2, 3].map(|mini: usize| {
        let all = minis[mini].iter().fold(0, |all, bits| all | bits);
        width(all)
    });
    out.extend(widths.map(|width| width as u8));
    for (mini, width) in minis.iter().zip(widths) {
        pack(mini, width, out);
    }
}

/// As a number of 32 bits.
fn wrapped(value: i64) -> i64 {
    i64::from(value as i32)
}
