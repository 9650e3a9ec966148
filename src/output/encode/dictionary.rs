//! Values that come again and again: a list of them, and runs of places in it. One by one, where most are
//! new or the list gets long: numbers as they are, texts as [`Fronts`].

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use ahash::RandomState;
use parquet::basic::Encoding;
use smallvec::SmallVec;

use super::fronts::Fronts;
use super::hybrid::Runs;
use super::pack::width;
use super::texts::{Print, Texts};

/// Row groups without a list behind one in which it was given up at once: making it up to there costs
/// several times what it takes to write the values.
const WITHOUT: u32 = 3;

/// How a value is kept, and how it is written in a list and without one.
pub(super) trait Plain {
    type Value: ?Sized + Eq + Hash;
    type Kept: Borrow<Self::Value> + Clone + Eq + Hash;
    /// Most values of a list: what a reader keeps at hand.
    const MOST: usize;

    /// The values of a page without a list.
    type Page;

    fn keep(value: &Self::Value) -> Self::Kept;

    /// Appends the value to a list.
    fn put(&self, value: &Self::Value, out: &mut Vec<u8>);

    /// A page without values.
    fn page(&self) -> Self::Page;

    /// Appends the value to a page.
    fn add(&self, value: &Self::Value, page: &mut Self::Page);

    /// Appends a page's values, forgets them and says how they stand there.
    fn finish(page: &mut Self::Page, out: &mut Vec<u8>) -> Encoding;
}

/// Numbers of 32 or 64 bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) is_narrow: bool,
}

impl Plain for Numbers {
    type Value = i64;
    type Kept = i64;
    type Page = Vec<u8>;
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

    fn page(&self) -> Vec<u8> {
        Vec::new()
    }

    fn add(&self, value: &i64, page: &mut Vec<u8>) {
        self.put(value, page);
    }

    fn finish(page: &mut Vec<u8>, out: &mut Vec<u8>) -> Encoding {
        out.append(page);
        Encoding::PLAIN
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
    type Page = Fronts;
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

    fn page(&self) -> Fronts {
        Fronts::new(self.print)
    }

    fn add(&self, key: &[u8], page: &mut Fronts) {
        page.push(key);
    }

    fn finish(page: &mut Fronts, out: &mut Vec<u8>) -> Encoding {
        page.finish(out)
    }
}

/// The list of a row group, and the values of a page.
pub(super) struct Dictionary<P: Plain> {
    plain: P,
    /// In the order in which they came, so that the bytes do not depend on hashes.
    values: Vec<P::Kept>,
    places: HashMap<P::Kept, u32, RandomState>,
    /// Place of the value before.
    last: u32,
    /// Places of the page's values, while the list is open.
    runs: Runs,
    /// Row groups begin with an open list, but so many that follow do not.
    has_list: bool,
    without: u32,
    is_open: bool,
    /// A page has places in the list.
    is_used: bool,
    /// The page's values, one by one, once it is not.
    page: P::Page,
}

impl<P: Plain> Dictionary<P> {
    pub(super) fn new(plain: P) -> Self {
        Self {
            page: plain.page(),
            plain,
            values: Vec::new(),
            places: HashMap::default(),
            last: 0,
            runs: Runs::default(),
            has_list: true,
            without: 0,
            is_open: true,
            is_used: false,
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
            (0..times).for_each(|_| self.plain.add(value, &mut self.page));
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
            return P::finish(&mut self.page, out);
        }
        if !self.is_used && self.values.len() > self.runs.count() / 2 {
            for (place, times) in self.runs.drain() {
                let value = self.values[place as usize].borrow();
                (0..times).for_each(|_| self.plain.add(value, &mut self.page));
            }
            self.is_open = false;
            return P::finish(&mut self.page, out);
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
        let was_given_up = !self.is_open && !self.is_used && self.without == 0;
        self.without = if was_given_up {
            WITHOUT
        } else {
            self.without.saturating_sub(1)
        };
        self.values.clear();
        self.places.clear();
        (self.last, self.is_used) = (0, false);
        self.is_open = self.has_list && self.without == 0;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_row_group_of_new_values_some_do_without_a_list() {
        let mut numbers = Dictionary::new(Numbers { is_narrow: true });
        let mut group = |values: &[i64]| {
            let begins_open = numbers.is_open();
            numbers.extend(values, 1);
            let mut page = Vec::new();
            let encoding = numbers.finish(&mut page);
            numbers.end_group(&mut page);
            (begins_open, encoding == Encoding::RLE_DICTIONARY)
        };
        let (new, alike): (Vec<i64>, Vec<i64>) =
            ((0..100).collect(), (0..100).map(|n| n % 7).collect());
        assert_eq!(group(&alike), (true, true));
        assert_eq!(group(&new), (true, false));
        for values in [&alike, &new, &alike] {
            assert_eq!(group(values), (false, false));
        }
        assert_eq!(group(&alike), (true, true));
        assert_eq!(group(&alike), (true, true));
    }
}
