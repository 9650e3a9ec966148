//! Values that come again and again: a list of them, and runs of places in it. As they are, where
//! most are new or the list gets long.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use ahash::RandomState;
use parquet::basic::Encoding;
use smallvec::SmallVec;

use super::hybrid::Runs;
use super::pack::width;
use super::texts::{Print, Texts};

/// How a value is kept, and how it is written as it is.
pub(super) trait Plain {
    type Value: ?Sized + Eq + Hash;
    type Kept: Borrow<Self::Value> + Clone + Eq + Hash;
    /// Most values of a list: what a reader keeps at hand.
    const MOST: usize;

    fn keep(value: &Self::Value) -> Self::Kept;

    /// Appends the value.
    fn put(&self, value: &Self::Value, out: &mut Vec<u8>);
}

/// Numbers of 32 or 64 bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) is_narrow: bool,
}

impl Plain for Numbers {
    type Value = i64;
    type Kept = i64;
    const MOST: usize = 1 << 14;

    fn keep(value: &i64) -> i64 {
        *value
    }

    fn put(&self, value: &i64, out: &mut Vec<u8>) {
        let bytes = value.to_le_bytes();
        if self.is_narrow {
            out.extend_from_slice(&bytes[..4]);
        } else {
            out.extend_from_slice(&bytes);
        }
    }
}

/// Texts, by their keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Printed {
    pub(super) print: Print,
}

impl Plain for Printed {
    type Value = [u8];
    type Kept = SmallVec<[u8; 16]>;
    const MOST: usize = 1 << 16;

    fn keep(key: &[u8]) -> Self::Kept {
        SmallVec::from_slice(key)
    }

    fn put(&self, key: &[u8], out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend_from_slice(&[0; 4]);
        (self.print)(key, out);
        let bytes = (out.len() - begin - 4) as u32;
        out[begin..begin + 4].copy_from_slice(&bytes.to_le_bytes());
    }
}

/// The list of a row group, and the values of a page.
#[derive(Debug)]
pub(super) struct Dictionary<P: Plain> {
    plain: P,
    /// In the order in which they came, so that the bytes do not depend on hashes.
    values: Vec<P::Kept>,
    places: HashMap<P::Kept, u32, RandomState>,
    /// Place of the value before.
    last: u32,
    /// Places of the page's values, while the list is open.
    runs: Runs,
    /// Row groups begin with an open list.
    has_list: bool,
    is_open: bool,
    /// A page has places in the list.
    is_used: bool,
    /// The page's values, as they are, once it is not.
    page: Vec<u8>,
}

impl<P: Plain> Dictionary<P> {
    pub(super) fn new(plain: P) -> Self {
        Self {
            plain,
            values: Vec::new(),
            places: HashMap::default(),
            last: 0,
            runs: Runs::default(),
            has_list: true,
            is_open: true,
            is_used: false,
            page: Vec::new(),
        }
    }

    /// All values as they are.
    pub(super) fn without_list(plain: P) -> Self {
        Self {
            has_list: false,
            is_open: false,
            ..Self::new(plain)
        }
    }

    fn push(&mut self, value: &P::Value, times: usize) {
        if self.is_open {
            self.last = self.place(value);
            self.runs.push(self.last, times);
        } else {
            (0..times).for_each(|_| self.plain.put(value, &mut self.page));
        }
    }

    fn place(&mut self, value: &P::Value) -> u32 {
        if let Some(last) = self.values.get(self.last as usize)
            && last.borrow() == value
        {
            return self.last;
        }
        if let Some(&place) = self.places.get(value) {
            return place;
        }
        let place = u32::try_from(self.values.len()).expect("a row group has fewer rows");
        let kept = P::keep(value);
        self.places.insert(kept.clone(), place);
        self.values.push(kept);
        place
    }

    /// Appends the page's values, forgets them and says how they stand there.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Encoding {
        if !self.is_open {
            out.append(&mut self.page);
            return Encoding::PLAIN;
        }
        if !self.is_used && self.values.len() > self.runs.count() / 2 {
            for (place, times) in self.runs.drain() {
                let value = self.values[place as usize].borrow();
                (0..times).for_each(|_| self.plain.put(value, out));
            }
            self.is_open = false;
            return Encoding::PLAIN;
        }
        let last = self.values.len().saturating_sub(1);
        let width = width(last as u64);
        out.push(width as u8);
        self.runs.finish(width, out);
        self.is_used = true;
        self.is_open = self.values.len() <= P::MOST;
        Encoding::RLE_DICTIONARY
    }

    /// Whether the list grows with new values.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// All values that came while the list was open.
    pub(super) fn values(&self) -> &[P::Kept] {
        &self.values
    }

    /// Appends the list and says how many values it has, if pages have places in it; forgets it.
    pub(super) fn end_group(&mut self, out: &mut Vec<u8>) -> Option<usize> {
        let count = self.is_used.then_some(self.values.len());
        if self.is_used {
            let values = self.values.iter().map(P::Kept::borrow);
            values.for_each(|value| self.plain.put(value, out));
        }
        self.values.clear();
        self.places.clear();
        (self.last, self.is_used, self.is_open) = (0, false, self.has_list);
        count
    }
}

impl Dictionary<Numbers> {
    pub(super) fn extend(&mut self, values: &[i64], times: usize) {
        values.iter().for_each(|value| self.push(value, times));
    }
}

impl Dictionary<Printed> {
    pub(super) fn extend_texts(&mut self, texts: &Texts) {
        texts.runs().for_each(|(key, times)| self.push(key, times));
    }
}
