//! The columns of a file, filled and encoded side by side and each at its own pace.
//!
//! Columns differ in what they cost by a hundred times, and pages end in all of them at once. So none
//! waits for the others after each block of rows: a column takes the blocks in their order, on any
//! thread of the pool but on one at a time, and only the most that may wait holds it to the slowest.
//! Nor does anything wait for rows to become cells: whatever chunk of a block is last turned into
//! them sets the columns going, each as a task that waits for no other.

use std::any::Any;
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crossbeam_channel::{Receiver, Sender, unbounded};
use parquet::errors::ParquetError;
use rayon::ThreadPool;

use super::encode::{Cells, ColumnWriter, Encoded, EncodedChunk};

/// Blocks that are being filled or encoded at a time, in some of the columns: one for each thread, but
/// no fewer than keep two busy, and no more than bound the memory.
const BLOCKS_IN_FLIGHT: RangeInclusive<usize> = 3..=16;

/// What the cells of all columns are for some rows.
type Fill<R> = dyn Fn(&R) -> Vec<Cells> + Send + Sync;

/// The writers of all columns, and the blocks on their way to them.
pub(super) struct Encoders<'p, R> {
    pool: &'p ThreadPool,
    work: Arc<Work<R>>,
    done: (Sender<()>, Receiver<()>),
    in_flight: usize,
}

/// What every task has to do with.
struct Work<R> {
    fill: Box<Fill<R>>,
    columns: Arc<[Lane]>,
    results: Sender<Encoding>,
}

/// Where the chunks of all columns come out.
pub(super) struct Chunks {
    columns: Arc<[Lane]>,
    results: Receiver<Encoding>,
    /// Those that came before it was their turn.
    early: Vec<VecDeque<EncodedChunk>>,
}

/// One column, and the blocks that it has before it.
struct Lane {
    writer: Mutex<ColumnWriter>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    blocks: VecDeque<Arc<Block>>,
    /// A thread is encoding the column.
    is_running: bool,
    /// Memory of row groups that have been written.
    spare: Vec<Encoded>,
}

/// What ends with a block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Nothing,
    Page,
    RowGroup,
}

/// Cells of some rows.
struct Block {
    /// Those of each column, one chunk of rows after the other; of a chunk that is not filled, none.
    chunks: Vec<OnceLock<Vec<Cells>>>,
    /// Chunks that are still rows.
    unfilled: AtomicUsize,
    end: End,
    done: Sender<()>,
}

impl Block {
    fn is_filled(&self) -> bool {
        self.unfilled.load(Ordering::Acquire) == 0
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // All columns have encoded it, or nobody waits any more.
        let _ = self.done.send(());
    }
}

/// What came of a column's block.
enum Encoding {
    /// It ended a row group.
    Chunk(usize, Box<EncodedChunk>),
    Error(ParquetError),
    Panic(Box<dyn Any + Send>),
}

impl<'p, R: Send + 'static> Encoders<'p, R> {
    pub(super) fn new(
        pool: &'p ThreadPool,
        writers: Vec<ColumnWriter>,
        fill: impl Fn(&R) -> Vec<Cells> + Send + Sync + 'static,
    ) -> (Self, Chunks) {
        let lane = |writer| Lane {
            writer: Mutex::new(writer),
            queue: Mutex::default(),
        };
        let columns: Arc<[Lane]> = writers.into_iter().map(lane).collect();
        let (sender, results) = unbounded();
        let chunks = Chunks {
            columns: Arc::clone(&columns),
            results,
            early: columns.iter().map(|_| VecDeque::new()).collect(),
        };
        let work = Work {
            fill: Box::new(fill),
            columns,
            results: sender,
        };
        let encoders = Self {
            pool,
            work: Arc::new(work),
            done: unbounded(),
            in_flight: 0,
        };
        (encoders, chunks)
    }

    /// Has the rows of a block encoded, behind those before. `chunks` of them are filled together. Waits until
    /// few blocks are under way, which no thread of the pool may.
    pub(super) fn write(&mut self, chunks: Vec<R>, end: End) {
        let threads = self.pool.current_num_threads();
        let most = threads.clamp(*BLOCKS_IN_FLIGHT.start(), *BLOCKS_IN_FLIGHT.end());
        while self.in_flight >= most {
            // A sender is here, too, so there is always one.
            let _ = self.done.1.recv();
            self.in_flight -= 1;
        }
        self.in_flight += 1;
        let block = Arc::new(Block {
            chunks: chunks.iter().map(|_| OnceLock::new()).collect(),
            unfilled: AtomicUsize::new(chunks.len()),
            end,
            done: self.done.0.clone(),
        });
        for lane in &*self.work.columns {
            locked(&lane.queue).blocks.push_back(Arc::clone(&block));
        }
        if chunks.is_empty() {
            let work = Arc::clone(&self.work);
            self.pool.spawn(move || work.encode());
        }
        for (at, rows) in chunks.into_iter().enumerate() {
            let (work, block) = (Arc::clone(&self.work), Arc::clone(&block));
            self.pool.spawn(move || work.fill(rows, at, block));
        }
    }
}

impl<R: Send + 'static> Work<R> {
    /// Turns a chunk of a block's rows into cells.
    fn fill(self: Arc<Self>, rows: R, at: usize, block: Arc<Block>) {
        match catch_unwind(AssertUnwindSafe(|| (self.fill)(&rows))) {
            Ok(cells) => _ = block.chunks[at].set(cells),
            Err(panic) => _ = self.results.send(Encoding::Panic(panic)),
        }
        // The rows go while they are in this thread's cache.
        drop(rows);
        let is_last = block.unfilled.fetch_sub(1, Ordering::AcqRel) == 1;
        drop(block);
        if is_last {
            self.encode();
        }
    }

    /// Has every column encode the blocks that wait, each in a task of its own, so that nobody waits for others.
    fn encode(self: Arc<Self>) {
        for number in 0..self.columns.len() {
            let work = Arc::clone(&self);
            rayon::spawn(move || work.columns[number].run(number, &work.results));
        }
    }
}

impl Chunks {
    /// How many columns there are.
    pub(super) fn columns(&self) -> usize {
        self.columns.len()
    }

    /// Waits for the next chunk of a column; `None` if no more are encoded. A panic of whoever encoded goes
    /// on here, and is the writer's then.
    pub(super) fn next(&mut self, column: usize) -> Result<Option<EncodedChunk>, ParquetError> {
        loop {
            if let Some(chunk) = self.early[column].pop_front() {
                return Ok(Some(chunk));
            }
            match self.results.recv() {
                Ok(Encoding::Chunk(number, chunk)) => self.early[number].push_back(*chunk),
                Ok(Encoding::Error(error)) => return Err(error),
                Ok(Encoding::Panic(panic)) => resume_unwind(panic),
                Err(_) => return Ok(None),
            }
        }
    }

    /// Takes back the memory of a column's chunk.
    pub(super) fn recycle(&self, column: usize, spare: Encoded) {
        locked(&self.columns[column].queue).spare.push(spare);
    }
}

impl Lane {
    /// Encodes the blocks that wait, unless a thread does already.
    fn run(&self, number: usize, results: &Sender<Encoding>) {
        let mut next = locked(&self.queue).begin();
        while let Some(block) = next {
            let encoded = catch_unwind(AssertUnwindSafe(|| self.encode(number, &block)));
            let result = match encoded {
                Ok(Ok(None)) => None,
                Ok(Ok(Some(chunk))) => Some(Encoding::Chunk(number, Box::new(chunk))),
                Ok(Err(error)) => Some(Encoding::Error(error)),
                Err(panic) => Some(Encoding::Panic(panic)),
            };
            if let Some(result) = result {
                let _ = results.send(result);
            }
            // What came of it is known before it is done.
            drop(block);
            next = locked(&self.queue).next();
        }
    }

    fn encode(&self, number: usize, block: &Block) -> Result<Option<EncodedChunk>, ParquetError> {
        let mut writer = locked(&self.writer);
        for cells in block.chunks.iter().filter_map(OnceLock::get) {
            writer.write(&cells[number])?;
        }
        match block.end {
            End::Nothing => Ok(None),
            End::Page => writer.end_page().map(|()| None),
            End::RowGroup => {
                let spare = locked(&self.queue).spare.pop();
                writer.end_group(spare.unwrap_or_default()).map(Some)
            }
        }
    }
}

impl Queue {
    /// The first block, unless a thread is encoding the column.
    fn begin(&mut self) -> Option<Arc<Block>> {
        if self.is_running { None } else { self.next() }
    }

    /// The next block, once it is filled; without one nobody encodes the column.
    fn next(&mut self) -> Option<Arc<Block>> {
        self.is_running = self.blocks.front().is_some_and(|block| block.is_filled());
        if self.is_running {
            self.blocks.pop_front()
        } else {
            None
        }
    }
}

/// What a thread that panicked has left is not used: the panic goes on in whoever waits.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use parquet::arrow::ArrowSchemaConverter;
    use rayon::ThreadPoolBuilder;

    use super::super::encode::{Cell, Layout, as_it_is};
    use super::*;
    use arrow::datatypes::{DataType, Field, Schema};

    /// Each row is a value, and so are all its cells.
    fn encoders(
        pool: &ThreadPool,
        columns: usize,
        filled: usize,
    ) -> (Encoders<'_, Vec<u32>>, Chunks) {
        Encoders::new(pool, writers(columns), move |rows: &Vec<u32>| {
            let cells = || Cell::<u32>::collect(rows.iter().copied());
            (0..filled).map(|_| cells()).collect()
        })
    }

    fn rows(count: u32) -> Vec<Vec<u32>> {
        vec![(0..count).collect(); 2]
    }

    fn writers(count: usize) -> Vec<ColumnWriter> {
        let field = Field::new("a", DataType::UInt32, false);
        let schema = ArrowSchemaConverter::new().convert(&Schema::new(vec![field]));
        let column = schema.unwrap().column(0);
        let writer = |_| ColumnWriter::new(column.clone(), Layout::Delta, as_it_is);
        (0..count).map(writer).collect()
    }

    #[test]
    fn every_column_has_its_part_of_every_row_group() {
        let pool = ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let (mut encoders, mut chunks) = encoders(&pool, 20, 20);
        for block in 1..=100 {
            let end = match block {
                _ if block % 20 == 0 => End::RowGroup,
                _ if block % 5 == 0 => End::Page,
                _ => End::Nothing,
            };
            encoders.write(rows(50), end);
        }
        drop(encoders);
        let mut bytes = Vec::new();
        for column in (0..20).rev() {
            let chunks = std::iter::from_fn(|| chunks.next(column).unwrap());
            bytes.extend(chunks.map(|chunk| chunk.bytes()));
        }
        assert_eq!(bytes.len(), 100);
        assert!(bytes.iter().all(|&column| column == bytes[0]), "{bytes:?}");
    }

    #[test]
    fn a_panic_goes_on_in_whoever_takes_the_chunks() {
        let pool = ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        // There are no cells for the second column.
        is_passed_on(encoders(&pool, 2, 1));
        is_passed_on(Encoders::new(&pool, writers(2), |_: &Vec<u32>| {
            panic!("rows of a test are not filled")
        }));
    }

    fn is_passed_on((mut encoders, mut chunks): (Encoders<'_, Vec<u32>>, Chunks)) {
        encoders.write(rows(1), End::Page);
        drop(encoders);
        let taken = catch_unwind(AssertUnwindSafe(|| chunks.next(0).map(|_| ())));
        assert!(taken.is_err());
    }
}
