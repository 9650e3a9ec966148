//! Asking the processor for bytes before they are needed.
//!
//! Each record header says where the next one is, so a plain walk waits for memory once a packet.
//! Fetching all lines a little ahead of the cursor turns that into a stream (docs/performance.md
//! has the figures).

/// How far ahead of the cursor lines are fetched.
const AHEAD_BYTES: usize = 4096;

const LINE_BYTES: usize = 64;

/// Fetches the lines up to [`AHEAD_BYTES`] beyond `at` that were not fetched before, which is all
/// from `reached` on, and returns the new `reached`.
#[inline]
pub(crate) fn fetch_ahead(bytes: &[u8], at: usize, reached: usize) -> usize {
    let target = at.saturating_add(AHEAD_BYTES);
    let mut reached = reached.max(at);
    while reached < target {
        prefetch(bytes, reached);
        reached += LINE_BYTES;
    }
    reached
}

/// Asks for the line that holds `bytes[at]`; does nothing beyond the end.
#[inline]
fn prefetch(bytes: &[u8], at: usize) {
    if let Some(byte) = bytes.get(at) {
        crate::prefetch::prefetch(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_place_may_be_asked_for() {
        let bytes = [7_u8; 100];
        for at in [0, 63, 99, 100, 101, usize::MAX] {
            prefetch(&bytes, at);
        }
        prefetch(&[], 0);
        assert_eq!(bytes, [7; 100]);
    }

    #[test]
    fn each_line_is_fetched_once() {
        let bytes = [0_u8; 10_000];
        let reached = fetch_ahead(&bytes, 0, 0);
        assert_eq!(reached, AHEAD_BYTES);
        assert_eq!(fetch_ahead(&bytes, 10, reached), reached + LINE_BYTES);
        assert_eq!(
            fetch_ahead(&bytes, 10, reached + LINE_BYTES),
            reached + LINE_BYTES
        );
    }

    #[test]
    fn a_jump_beyond_what_was_fetched_begins_anew() {
        assert_eq!(fetch_ahead(&[0; 10], 50_000, 64), 50_000 + AHEAD_BYTES);
    }
}
