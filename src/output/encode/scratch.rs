//! The memory in which a thread makes pages, of whatever column. Each page's own would be of another
//! size, and an allocator has a place for each size: the sum of them would grow for long.

use std::cell::RefCell;
use std::mem;

use bytes::Bytes;
use parquet::errors::Result;
use zstd::bulk::Compressor;
use zstd::zstd_safe::{CParameter, compress_bound};

use crate::output::ZSTD_LEVEL;

thread_local! {
    pub(super) static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch::new()) };
}

pub(super) struct Scratch {
    compressor: Option<Compressor<'static>>,
    page: Vec<u8>,
    compressed: Vec<u8>,
}

impl Scratch {
    const fn new() -> Self {
        Self {
            compressor: None,
            page: Vec::new(),
            compressed: Vec::new(),
        }
    }

    /// An empty page.
    pub(super) fn begin(&mut self) -> &mut Vec<u8> {
        self.page.clear();
        &mut self.page
    }

    /// What was written to the page.
    pub(super) fn page(&self) -> &[u8] {
        &self.page
    }

    /// The page becomes what zstd makes of it.
    pub(super) fn compress(&mut self) -> Result<()> {
        self.compressed_size(self.page.len())?;
        mem::swap(&mut self.page, &mut self.compressed);
        Ok(())
    }

    /// How many bytes zstd makes of the first `bytes` of the page.
    pub(super) fn compressed_size(&mut self, bytes: usize) -> Result<usize> {
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => none.insert(compressor()?),
        };
        let page = self.page.get(..bytes).unwrap_or(&self.page);
        self.compressed.clear();
        self.compressed.reserve(compress_bound(page.len()));
        Ok(compressor.compress_to_buffer(page, &mut self.compressed)?)
    }

    /// Lends the page to `take`, which keeps nothing of it.
    pub(super) fn lend<T>(&mut self, take: impl FnOnce(Bytes) -> T) -> T {
        let page = Bytes::from(mem::take(&mut self.page));
        let taken = take(page.clone());
        if let Ok(page) = page.try_into_mut() {
            self.page = page.into();
        }
        taken
    }
}

/// What is packed and what is random has few repetitions: to look for short ones, and in large tables,
/// costs more time than it saves bytes (docs/performance.md).
fn compressor() -> Result<Compressor<'static>> {
    let mut compressor = Compressor::new(ZSTD_LEVEL)?;
    compressor.set_parameter(CParameter::HashLog(10))?;
    compressor.set_parameter(CParameter::MinMatch(7))?;
    Ok(compressor)
}
