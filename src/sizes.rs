//! How much is under way between the threads of a run.

/// What goes from thread to thread at a time, and how much of it may wait.
///
/// Tests make all of it so small that everyone waits for everyone else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Packets in an epoch. Flows that end in one epoch are sorted and written together.
    pub(crate) epoch: u64,
    /// Packets in a batch. From 256 to 4,096 the end-to-end bench shows no difference.
    pub(crate) batch: usize,
    /// Batches on their way to a worker.
    pub(crate) batches: usize,
    /// A worker that has fewer batches to count reads, unless another does: at least one.
    pub(crate) few: usize,
    /// It reads until it has so many: no fewer.
    pub(crate) enough: usize,
    /// Records of a mapped file, about, in a stretch that is read ahead.
    pub(crate) stretch: usize,
    /// Pieces of closed flows on their way from a worker to the writer.
    pub(crate) pieces: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            epoch: 1 << 17,
            batch: 1024,
            batches: 16,
            few: 4,
            enough: 8,
            stretch: 4096,
            pieces: 24,
        }
    }
}
