//! The bytes of a trace that are in memory: all of a mapped file, or a piece of a stream that moves
//! on.

use std::io;
use std::sync::Arc;

use super::feed::{Block, End, Feed, HEADROOM, Next};
use super::map::Mapping;
use super::stop::Stop;

/// A piece of a trace. Places in it are indices into [`Window::bytes`].
pub(crate) struct Window {
    store: Store,
    /// Place in the trace of the first of [`Window::bytes`]; wraps below zero while there is
    /// headroom before it.
    base: u64,
    /// No bytes come after these.
    ended: bool,
    /// Bytes of the file on disk that have been used up.
    disk_bytes: u64,
    /// Why the trace ends here, if it should not.
    trouble: Option<String>,
}

enum Store {
    Mapped(Arc<Mapping>),
    Streamed {
        bytes: Vec<u8>,
        end: usize,
        feed: Feed,
    },
}

impl Window {
    /// All of a mapped file.
    pub(crate) fn mapped(mapping: Mapping) -> Self {
        Self {
            store: Store::Mapped(Arc::new(mapping)),
            base: 0,
            ended: true,
            disk_bytes: 0,
            trouble: None,
        }
    }

    /// The beginning of a stream, before any of it was read.
    pub(crate) fn streamed(feed: Feed) -> Self {
        let store = Store::Streamed {
            bytes: Vec::new(),
            end: 0,
            feed,
        };
        Self {
            store,
            base: 0,
            ended: false,
            disk_bytes: 0,
            trouble: None,
        }
    }

    /// What is in memory. In front of the cursor there may be bytes that mean nothing.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.store {
            Store::Mapped(mapping) => mapping.bytes(),
            Store::Streamed { bytes, end, .. } => bytes.get(..*end).unwrap_or_default(),
        }
    }

    /// Whether the trace ends where these bytes end.
    #[inline]
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// The place in the trace of `bytes()[at]`.
    pub(crate) fn offset(&self, at: usize) -> u64 {
        self.base.wrapping_add(at as u64)
    }

    /// Why the trace ends where it does, if it should not.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// The same, and the trace then ends as it should.
    pub(crate) fn take_trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }

    /// The mapped file.
    pub(crate) fn mapping(&self) -> Option<&Arc<Mapping>> {
        match &self.store {
            Store::Mapped(mapping) => Some(mapping),
            Store::Streamed { .. } => None,
        }
    }

    /// Whether a thread reads it.
    pub(crate) fn is_streamed(&self) -> bool {
        matches!(self.store, Store::Streamed { .. })
    }

    /// Bytes of the file on disk that are used up when the cursor is at `at`.
    pub(crate) fn disk_bytes(&self, at: usize) -> u64 {
        match &self.store {
            Store::Mapped(_) => at as u64,
            Store::Streamed { .. } => self.disk_bytes,
        }
    }

    /// Whether the file still has what was mapped of it; streams are always whole.
    pub(crate) fn is_whole(&self) -> io::Result<bool> {
        match &self.store {
            Store::Mapped(mapping) => mapping.is_whole(),
            Store::Streamed { .. } => Ok(true),
        }
    }

    /// Whether bytes were read that were no longer in the file.
    #[inline]
    pub(crate) fn has_lost_pages(&self) -> bool {
        match &self.store {
            Store::Mapped(mapping) => mapping.has_lost_pages(),
            Store::Streamed { .. } => false,
        }
    }

    /// Reads on until `needed` bytes stand from `at` on, or the trace ends. What stands before `at`
    /// may go. Returns where `at` is now.
    pub(crate) fn fill(&mut self, mut at: usize, needed: usize, stop: &Stop) -> io::Result<usize> {
        while !self.ended && self.bytes().len().saturating_sub(at) < needed {
            let Store::Streamed { feed, .. } = &mut self.store else {
                break;
            };
            match feed.next(stop) {
                Next::Block(block) => at = self.append(block, at),
                Next::End(end, disk_bytes) => self.end(end, disk_bytes)?,
                Next::Stopped => self.ended = true,
            }
        }
        Ok(at)
    }

    fn end(&mut self, end: End, disk_bytes: u64) -> io::Result<()> {
        self.ended = true;
        self.disk_bytes = disk_bytes;
        match end {
            End::Complete => Ok(()),
            End::Damaged(what) => {
                self.trouble = Some(what);
                Ok(())
            }
            End::Failed(error) => Err(error),
        }
    }

    /// Puts a block behind the bytes from `at` on, and returns where `at` is then.
    fn append(&mut self, mut block: Block, at: usize) -> usize {
        self.disk_bytes = block.disk_bytes;
        let Store::Streamed { bytes, end, feed } = &mut self.store else {
            return at;
        };
        let rest = bytes.get(at..*end).unwrap_or_default();
        let Some(start) = HEADROOM.checked_sub(rest.len()) else {
            return self.piece_together(&block, at);
        };
        if let Some(room) = block.bytes.get_mut(start..HEADROOM) {
            room.copy_from_slice(rest);
        }
        feed.recycle(std::mem::replace(bytes, block.bytes));
        *end = block.end;
        self.base = self.base.wrapping_add(at as u64).wrapping_sub(start as u64);
        start
    }

    /// For a record longer than the headroom: gathers blocks in one growing buffer.
    #[cold]
    fn piece_together(&mut self, block: &Block, mut at: usize) -> usize {
        let Store::Streamed { bytes, end, .. } = &mut self.store else {
            return at;
        };
        bytes.truncate(*end);
        // Moving the rest to the front pays only once at least as much goes as stays.
        if at >= bytes.len() - at {
            bytes.drain(..at);
            self.base = self.base.wrapping_add(at as u64);
            at = 0;
        }
        bytes.extend_from_slice(block.bytes.get(HEADROOM..block.end).unwrap_or_default());
        *end = bytes.len();
        at
    }
}
