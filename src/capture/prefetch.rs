//! Asking the processor for bytes before they are needed.
//!
//! Each record header says where the next one is, so a plain walk waits for memory once a packet.
//! Fetching all lines a little ahead of the cursor turns that into a stream (docs/performance.md
//! has the figures).

/// How far ahead of the cursor lines are fetched.
const AHEAD_BYTES: usize = 4096;

const LINE_BYTES: usize = 64;

/// Lines that are fetched at every record. With a record of up to so many lines nothing else is, so
/// that how many depends on no jump: records of a line or two would have it guessed wrong each time.
const EACH_TIME: usize = 2;

/// Fetches the lines up to [`AHEAD_BYTES`] beyond `at`, and a few more, that were not fetched before,
/// which is all from `reached` on, and returns the new `reached`.
#[inline]
pub(crate) fn fetch_ahead(bytes: &[u8], at: usize, reached: usize) -> usize {
    let target = at.wrapping_add(AHEAD_BYTES);
    let mut reached = reached.max(at);
    while reached < target {
        prefetch(bytes, reached);
        reached += LINE_BYTES;
    }
    prefetch_lines(bytes, target, EACH_TIME);
    target.wrapping_add(EACH_TIME * LINE_BYTES)
}

/// Asks for as many lines as that, from the one that holds `bytes[at]` on.
#[inline]
pub(super) fn prefetch_lines(bytes: &[u8], at: usize, lines: usize) {
    let Some(bytes) = bytes.get(at..) else { return };
    for line in 0..lines {
        prefetch(bytes, line * LINE_BYTES);
    }
}

/// Asks for the line that holds `bytes[at]`; does nothing beyond the end.
#[inline]
pub(super) fn prefetch(bytes: &[u8], at: usize) {
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
    fn a_record_of_two_lines_needs_no_more_than_those_of_each_time() {
        let bytes = [0_u8; 10_000];
        let reached = fetch_ahead(&bytes, 0, 0);
        assert_eq!(reached, AHEAD_BYTES + EACH_TIME * LINE_BYTES);
        assert_eq!(fetch_ahead(&bytes, 128, reached), reached + 128);
        assert_eq!(fetch_ahead(&bytes, 100, reached), reached + 100);
    }

    #[test]
    fn a_jump_beyond_what_was_fetched_begins_anew() {
        let reached = 50_000 + AHEAD_BYTES + EACH_TIME * LINE_BYTES;
        assert_eq!(fetch_ahead(&[0; 10], 50_000, 64), reached);
    }
}
