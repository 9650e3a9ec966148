//! BYTE_STREAM_SPLIT: the first bytes of all fractions, then all second bytes and so on.

use parquet::basic::Encoding;

/// The values of a page.
#[derive(Debug, Default)]
pub(super) struct Split {
    values: Vec<i64>,
}

impl Split {
    pub(super) fn extend(&mut self, values: &[i64], times: usize) {
        (0..times).for_each(|_| self.values.extend_from_slice(values));
    }

    /// Appends the values and forgets them.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Encoding {
        for byte in 0..8 {
            let bytes = self.values.iter().map(|value| (value >> (8 * byte)) as u8);
            out.extend(bytes);
        }
        self.values.clear();
        Encoding::BYTE_STREAM_SPLIT
    }
}
