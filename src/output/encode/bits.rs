//! Booleans: a bit each.

use parquet::basic::Encoding;

/// The values of a page.
#[derive(Debug, Default)]
pub(super) struct Bits {
    words: Vec<u8>,
    word: u64,
    used: u32,
}

impl Bits {
    /// Adds values, each so many times.
    pub(super) fn extend(&mut self, values: &[i64], times: usize) {
        for &value in values {
            let mut left = times;
            while left > 0 {
                let room = (u64::BITS - self.used) as usize;
                let now = left.min(room) as u32;
                // 0 or 1, as often as there is room.
                let bits = (-value).cast_unsigned() >> (u64::BITS - now);
                self.push(bits, now);
                left -= now as usize;
            }
        }
    }

    fn push(&mut self, bits: u64, count: u32) {
        self.word |= bits << self.used;
        self.used += count;
        if self.used == u64::BITS {
            self.words.extend_from_slice(&self.word.to_le_bytes());
            (self.word, self.used) = (0, 0);
        }
    }

    /// Appends the values and forgets them.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Encoding {
        out.append(&mut self.words);
        let bytes = self.used.div_ceil(8) as usize;
        out.extend_from_slice(&self.word.to_le_bytes()[..bytes]);
        (self.word, self.used) = (0, 0);
        Encoding::PLAIN
    }
}
