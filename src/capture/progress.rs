//! How far the reading has come, for whoever shows it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of the traces read so far, as they lie on disk. Written by the reader every few megabytes.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    /// Counts towards `total` bytes; zero if nobody knows how many there are.
    pub(crate) fn new(total: u64) -> Self {
        Self {
            done: AtomicU64::new(0),
            total: AtomicU64::new(total),
        }
    }

    /// Adds what was read since the last call.
    pub(crate) fn advance(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes read so far: of a compressed trace, compressed ones.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Bytes of all traces together; `None` if one of them is a pipe.
    pub fn total(&self) -> Option<u64> {
        Some(self.total.load(Ordering::Relaxed)).filter(|&total| total > 0)
    }
}
