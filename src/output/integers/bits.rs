//! Booleans: a bit each.

use super::cells::Values;

/// The values of a page.
#[derive(Debug, Default)]
pub(super) struct Bits {
    words: Vec<u8>,
    word: u64,
    used: u32,
}

impl Bits {
    pub(super) fn extend(&mut self, values: Values<'_>) {
        match values {
            Values::Same(value, times) => (0..times).for_each(|_| self.push(value)),
            Values::Each(values) => values.iter().for_each(|&value| self.push(value)),
        }
    }

    fn push(&mut self, value: i64) {
        self.word |= value.cast_unsigned() << self.used;
        self.used += 1;
        if self.used == u64::BITS {
            self.words.extend_from_slice(&self.word.to_le_bytes());
            (self.word, self.used) = (0, 0);
        }
    }

    /// Appends the values and forgets them.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.words);
        let bytes = self.used.div_ceil(8) as usize;
        out.extend_from_slice(&self.word.to_le_bytes()[..bytes]);
        (self.word, self.used) = (0, 0);
    }
}
