//! The file of a table, and the thread that writes it.
//!
//! Nobody else waits for the disk: a column's chunk of a row group is appended as soon as it is encoded and
//! those before it are there, and each row group goes to the disk while the next ones are encoded.

use std::fs::File;
use std::io::{self, BufWriter};
use std::panic::resume_unwind;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::SerializedFileWriter;

use super::encoders::Chunks;

/// Row groups that may end before the first of them is written: a slow disk holds up the encoding then.
const AHEAD: usize = 2;

/// A file that a thread writes, which has closed it when this is dropped. What sends its chunks has to be
/// dropped before.
pub(super) struct TableFile {
    /// One for each row group that may end now.
    room: Receiver<()>,
    /// There until it has been waited for.
    thread: Option<JoinHandle<Result<u64>>>,
}

impl TableFile {
    /// Has `chunks` written behind what is in `file` already.
    pub(super) fn begin(
        file: SerializedFileWriter<BufWriter<File>>,
        chunks: Chunks,
        name: String,
    ) -> io::Result<Self> {
        let (written, room) = bounded(AHEAD);
        (0..AHEAD).for_each(|_| _ = written.send(()));
        let writing = Writing {
            file,
            chunks,
            written,
        };
        let thread = thread::Builder::new().name(name);
        let thread = thread.spawn(move || writing.run())?;
        Ok(Self {
            room,
            thread: Some(thread),
        })
    }

    /// Waits until another row group may end.
    pub(super) fn wait_for_room(&mut self) -> Result<()> {
        match self.room.recv() {
            Ok(()) => Ok(()),
            // Nothing is written any more.
            Err(_) => self.join().map(|_| ()),
        }
    }

    /// Waits until all is written that has been encoded, and the footer. Returns the bytes.
    pub(super) fn finish(mut self) -> Result<u64> {
        self.join()
    }

    fn join(&mut self) -> Result<u64> {
        let thread = self.thread.take().ok_or_else(stopped)?;
        let ended = thread.join();
        ended.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

/// Whoever gives up a table may remove its file, which some systems forbid while it is open.
impl Drop for TableFile {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // What it was to write nobody wants.
            let _ = thread.join();
        }
    }
}

/// What the thread has.
struct Writing {
    file: SerializedFileWriter<BufWriter<File>>,
    chunks: Chunks,
    written: Sender<()>,
}

impl Writing {
    fn run(mut self) -> Result<u64> {
        while self.row_group()? {
            self.file.flush()?;
            self.file.inner().get_ref().sync_data()?;
            // Nobody may wait for it any more.
            let _ = self.written.try_send(());
        }
        let file = self.file.into_inner()?.into_inner();
        let file = file.map_err(io::IntoInnerError::into_error)?;
        Ok(file.metadata()?.len())
    }

    /// Writes the next row group, if there is one.
    fn row_group(&mut self) -> Result<bool> {
        let Some(first) = self.chunks.next(0)? else {
            return Ok(false);
        };
        let mut group = self.file.next_row_group()?;
        let mut next = Some(first);
        for column in 0..self.chunks.columns() {
            let chunk = match next.take() {
                Some(chunk) => chunk,
                None => self.chunks.next(column)?.ok_or_else(stopped)?,
            };
            let spare = chunk.append_to_row_group(&mut group)?;
            self.chunks.recycle(column, spare);
        }
        group.close()?;
        Ok(true)
    }
}

#[cold]
fn stopped() -> ParquetError {
    ParquetError::General("a row group has no end".to_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, Schema};
    use parquet::arrow::ArrowSchemaConverter;
    use rayon::ThreadPoolBuilder;

    use super::super::encode::{Cell, ColumnWriter, Layout, as_it_is};
    use super::super::encoders::{Encoders, End};
    use super::super::{TableWriter, udp_columns};
    use super::*;
    use crate::config::FlowOptions;

    /// The error does not wait for the end of the table.
    #[test]
    fn no_row_group_ends_where_none_can_be_written() {
        let schema = Schema::new(vec![Field::new("a", DataType::UInt32, false)]);
        let schema = ArrowSchemaConverter::new().convert(&schema).unwrap();
        let writer = ColumnWriter::new(schema.column(0), Layout::Delta, as_it_is);
        let pool = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let (mut encoders, chunks) = Encoders::new(&pool, vec![writer], |row: &u32| {
            vec![Cell::<u32>::collect([*row].into_iter())]
        });
        let full = BufWriter::new(File::create("/dev/full").unwrap());
        let file = SerializedFileWriter::new(full, schema.root_schema_ptr(), Arc::default());
        let mut file = TableFile::begin(file.unwrap(), chunks, "full".to_owned()).unwrap();
        let mut ended = 0;
        while file.wait_for_room().is_ok() {
            encoders.write(vec![1], End::RowGroup);
            ended += 1;
        }
        assert_eq!(ended, AHEAD);
        assert!(file.finish().is_err());
    }

    #[test]
    fn a_table_that_is_given_up_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let pool = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        for number in 0..50 {
            let path = folder.path().join(number.to_string());
            let options = FlowOptions::default();
            drop(TableWriter::create(&path, udp_columns(0), &options, &pool).unwrap());
            let open = fs::read_dir("/proc/self/fd").unwrap();
            let mut open = open.filter_map(|open| fs::read_link(open.ok()?.path()).ok());
            assert!(open.all(|open| open != path));
        }
    }
}
