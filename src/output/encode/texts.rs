//! The values of one text column for some rows.

use std::{iter, ptr};

/// Appends the text that a key stands for. It is ASCII.
pub(crate) type Print = fn(&[u8], &mut Vec<u8>);

/// The text of a key that is its own text.
pub(crate) fn as_it_is(key: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(key);
}

/// Keys, each of which stands for one text: an address's bytes, say. Most come again and again,
/// so the text is made where it is written, and equal ones in a row are kept as one.
#[derive(Debug, Default)]
pub(super) struct Texts {
    keys: Vec<u8>,
    /// Where each ends, and in how many rows it stands.
    runs: Vec<(usize, usize)>,
}

impl Texts {
    /// The keys of some rows, and which have one.
    pub(super) fn collect<K: AsRef<[u8]>>(
        cells: impl ExactSizeIterator<Item = Option<K>>,
    ) -> (Self, Vec<bool>) {
        let mut texts = Self::default();
        let mut last: Option<K> = None;
        let valid = cells.map(|cell| {
            let Some(key) = cell else { return false };
            match (&last, texts.runs.last_mut()) {
                (Some(last), Some((_, times))) if is_same(last.as_ref(), key.as_ref()) => {
                    *times += 1;
                }
                _ => {
                    texts.keys.extend_from_slice(key.as_ref());
                    texts.runs.push((texts.keys.len(), 1));
                    last = Some(key);
                }
            }
            true
        });
        let valid = valid.collect();
        (texts, valid)
    }

    /// The keys, and in how many rows in a row each stands.
    pub(super) fn runs(&self) -> impl Iterator<Item = (&[u8], usize)> {
        let mut begin = 0;
        self.runs.iter().map(move |&(end, times)| {
            let key = &self.keys[begin..end];
            begin = end;
            (key, times)
        })
    }

    /// The key of each row.
    pub(super) fn each(&self) -> impl Iterator<Item = &[u8]> {
        self.runs()
            .flat_map(|(key, times)| iter::repeat_n(key, times))
    }
}

/// Names are mostly the same in memory.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    ptr::eq(one, other) || one == other
}
