//! DELTA_BYTE_ARRAY, for texts of which each stands in one row: without the beginning that it has in
//! common with the one before, and with lengths apart, so that zstd gets nothing but letters.

use std::mem;

use parquet::basic::Encoding;

use super::delta::Delta;
use super::texts::{Print, Texts};

/// Beginnings are this long at most. What all texts have in common is, and longer ones come by
/// chance: they would take more room in the list of lengths than they save.
const LONGEST: usize = 2;

/// The values of a page.
#[derive(Debug)]
pub(super) struct Fronts {
    print: Print,
    /// The one before.
    last: Vec<u8>,
    next: Vec<u8>,
    /// Lengths of beginnings, and of what is behind them.
    fronts: Vec<i64>,
    backs: Vec<i64>,
    letters: Vec<u8>,
    packed: Box<Delta>,
}

impl Fronts {
    pub(super) fn new(print: Print) -> Self {
        Self {
            print,
            last: Vec::new(),
            next: Vec::new(),
            fronts: Vec::new(),
            backs: Vec::new(),
            letters: Vec::new(),
            packed: Box::new(Delta::new(true)),
        }
    }

    pub(super) fn extend(&mut self, texts: &Texts) {
        texts.each().for_each(|key| self.push(key));
    }

    pub(super) fn push(&mut self, key: &[u8]) {
        self.next.clear();
        (self.print)(key, &mut self.next);
        let both = self.last.iter().zip(&self.next).take(LONGEST);
        let front = both.take_while(|(one, other)| one == other).count();
        let back = &self.next[front..];
        self.fronts.push(front as i64);
        self.backs.push(back.len() as i64);
        self.letters.extend_from_slice(back);
        mem::swap(&mut self.last, &mut self.next);
    }

    /// Appends the values and forgets them.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Encoding {
        for lengths in [&mut self.fronts, &mut self.backs] {
            self.packed.extend(lengths, 1);
            self.packed.finish(out);
            lengths.clear();
        }
        out.append(&mut self.letters);
        self.last.clear();
        Encoding::DELTA_BYTE_ARRAY
    }
}
