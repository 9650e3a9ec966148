//! Rows in order in, one Parquet file out.
//!
//! Rows are taken in blocks of fixed size, whatever sizes they come in, so that the bytes of the
//! file depend on the rows alone. A block is first turned into cells, a cache's worth of rows at a
//! time, which are dropped while they are in that cache; then every column is encoded and compressed
//! by itself. Threads of a pool do both ([`Encoders`]), while the next blocks are gathered.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::add_encoded_arrow_schema_to_metadata;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use rayon::ThreadPool;

use super::columns::{Column, FileColumn, file_columns, schema};
use super::encode::Cells;
use super::encoders::{Encoders, End};
use super::file::TableFile;
use crate::config::{FlowOptions, Limit};
use crate::error::Error;
use crate::flow::Rows;
use crate::prefetch::prefetch;

/// Rows that become cells together: their flows fit in a core's cache.
const CHUNK: usize = 512;
/// Chunks that are encoded together.
const BLOCK: usize = 8;
/// Rows of a page: of packed integers, some ten thousand bytes.
const PAGE: usize = 5 * BLOCK * CHUNK;
/// Rows of a row group: what DuckDB reads as one unit of work.
const ROW_GROUP: usize = 30 * BLOCK * CHUNK;

/// Writes one of the tables. It waits for the threads of its pool, so it is not for one of them.
pub struct TableWriter<'p, F> {
    path: PathBuf,
    /// Whole chunks of the next block, then one that is not.
    pending: Vec<Chunk<F>>,
    encoders: Encoders<'p, Chunk<F>>,
    /// Dropped behind the encoders, whose end it waits for.
    file: TableFile,
    group_rows: usize,
    rows: u64,
}

/// What a finished file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
}

impl<'p, F: Send + Sync + 'static> TableWriter<'p, F> {
    /// Begins the file at `path`, with the columns of `table` that the options ask for.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub fn create(
        path: &Path,
        table: Vec<Column<F>>,
        options: &FlowOptions,
        pool: &'p ThreadPool,
    ) -> Result<Self, Error> {
        let columns = file_columns(table, options.groups);
        let schema = schema(&columns);
        let file = File::create(path).map_err(Error::io(path, "create"))?;
        let file = begin(BufWriter::with_capacity(1 << 20, file), &schema, options)
            .map_err(|error| parquet_error(path, error))?;
        let descriptors = file.schema_descr().columns();
        let writers = columns.iter().zip(descriptors);
        let writers = writers.map(|(column, descriptor)| column.writer(descriptor));
        let writers = writers.collect();
        let (encoders, chunks) = Encoders::new(pool, writers, move |rows| fill(&columns, rows));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self {
            path: path.to_owned(),
            encoders,
            file: TableFile::begin(file, chunks, name.into_owned())
                .map_err(Error::io(path, "write"))?,
            pending: Vec::new(),
            group_rows: 0,
            rows: 0,
        })
    }

    /// Adds rows, in their final order.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&mut self, rows: impl IntoIterator<Item = F>) -> Result<(), Error> {
        let piece: Arc<Rows<F>> = Arc::new(rows.into_iter().collect());
        (0..piece.len()).try_for_each(|at| self.add(&piece, at))
    }

    /// Adds a row of a piece.
    pub(crate) fn add(&mut self, piece: &Arc<Rows<F>>, at: usize) -> Result<(), Error> {
        let last = self.pending.last_mut();
        if let Some(chunk) = last.filter(|chunk| chunk.rows.len() < CHUNK) {
            chunk.add(piece, at);
            return Ok(());
        }
        if self.pending.len() == BLOCK {
            self.block()?;
        }
        let mut chunk = Chunk::default();
        chunk.add(piece, at);
        self.pending.push(chunk);
        Ok(())
    }

    /// Writes what is left and the footer.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish(self) -> Result<Written, Error> {
        self.end()?.wait()
    }

    /// The same, without waiting for it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn end(mut self) -> Result<Ending, Error> {
        self.block()?;
        if self.group_rows > 0 {
            self.encode(Vec::new(), End::RowGroup)?;
        }
        Ok(Ending {
            path: self.path,
            file: self.file,
            rows: self.rows,
        })
    }

    /// Encodes the rows that wait.
    fn block(&mut self) -> Result<(), Error> {
        let chunks = std::mem::take(&mut self.pending);
        let rows: usize = chunks.iter().map(|chunk| chunk.rows.len()).sum();
        if rows == 0 {
            return Ok(());
        }
        self.group_rows += rows;
        self.rows += rows as u64;
        let end = match self.group_rows {
            ROW_GROUP.. => End::RowGroup,
            rows if rows.is_multiple_of(PAGE) => End::Page,
            _ => End::Nothing,
        };
        self.encode(chunks, end)
    }

    fn encode(&mut self, chunks: Vec<Chunk<F>>, end: End) -> Result<(), Error> {
        if end == End::RowGroup {
            self.group_rows = 0;
            let room = self.file.wait_for_room();
            room.map_err(|error| parquet_error(&self.path, error))?;
        }
        self.encoders.write(chunks, end);
        Ok(())
    }
}

/// A table to which nothing more is added.
pub struct Ending {
    path: PathBuf,
    file: TableFile,
    rows: u64,
}

impl Ending {
    /// Waits until all of it is written. The disk may not have it yet.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn wait(self) -> Result<Written, Error> {
        let bytes = self.file.finish();
        Ok(Written {
            rows: self.rows,
            bytes: bytes.map_err(|error| parquet_error(&self.path, error))?,
        })
    }
}

/// Some rows, in their order, and the pieces that they are in. A piece goes with the last chunk that has rows of it.
struct Chunk<F> {
    pieces: Vec<Arc<Rows<F>>>,
    /// In which of these each row is, and where.
    rows: Vec<(usize, usize)>,
}

impl<F> Default for Chunk<F> {
    fn default() -> Self {
        Self {
            pieces: Vec::new(),
            rows: Vec::with_capacity(CHUNK),
        }
    }
}

impl<F> Chunk<F> {
    fn add(&mut self, piece: &Arc<Rows<F>>, at: usize) {
        // The pieces that workers are at came last.
        let held = self
            .pieces
            .iter()
            .rposition(|held| Arc::ptr_eq(held, piece));
        let number = held.unwrap_or_else(|| {
            self.pieces.push(Arc::clone(piece));
            self.pieces.len() - 1
        });
        self.rows.push((number, at));
    }
}

/// All columns of some rows.
fn fill<F>(columns: &[FileColumn<F>], chunk: &Chunk<F>) -> Vec<Cells> {
    let row = |&(piece, at): &(usize, usize)| {
        let row = chunk.pieces[piece].get(at);
        row.expect("rows are added with their pieces")
    };
    let rows: Vec<&F> = chunk.rows.iter().map(row).collect();
    rows.iter().for_each(|row| prefetch(*row));
    columns.iter().map(|column| column.fill(&rows)).collect()
}

fn begin(
    file: BufWriter<File>,
    schema: &SchemaRef,
    options: &FlowOptions,
) -> Result<SerializedFileWriter<BufWriter<File>>, ParquetError> {
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("goostat version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(metadata(options)))
        .build();
    add_encoded_arrow_schema_to_metadata(schema, &mut properties);
    let schema = ArrowSchemaConverter::new().convert(schema)?;
    SerializedFileWriter::new(file, schema.root_schema_ptr(), Arc::new(properties))
}

/// What shaped the rows: the version and the options, never paths, threads or dates.
fn metadata(options: &FlowOptions) -> Vec<KeyValue> {
    let internal: Vec<String> = options.internal.iter().map(ToString::to_string).collect();
    let active = options
        .active_timeout
        .map_or("off".to_owned(), |limit| limit.to_string());
    let limit = match options.limit {
        None => "off".to_owned(),
        Some(Limit::Flows(flows)) => format!("{flows} flows"),
        Some(Limit::Bytes(bytes)) => format!("{bytes} bytes"),
    };
    [
        ("goostat.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("goostat.columns", options.groups.names()),
        ("goostat.tcp_idle_ns", options.tcp_idle.to_string()),
        (
            "goostat.tcp_singleton_ns",
            options.tcp_singleton.to_string(),
        ),
        ("goostat.tcp_linger_ns", options.tcp_linger.to_string()),
        ("goostat.udp_idle_ns", options.udp_idle.to_string()),
        (
            "goostat.udp_singleton_ns",
            options.udp_singleton.to_string(),
        ),
        ("goostat.active_timeout_ns", active),
        ("goostat.limit", limit),
        ("goostat.internal", internal.join(",")),
        ("goostat.max_segments", options.max_segments.to_string()),
        ("goostat.decap", options.decap.name().to_owned()),
        (
            "goostat.community_id_seed",
            options.community_id_seed.to_string(),
        ),
    ]
    .into_iter()
    .map(|(key, value)| KeyValue::new(key.to_owned(), value))
    .collect()
}

/// Parquet's error, or the operating system's inside it.
fn parquet_error(path: &Path, error: ParquetError) -> Error {
    let source = match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(io) => *io,
            Err(other) => std::io::Error::other(other),
        },
        other => std::io::Error::other(other),
    };
    Error::io(path, "write")(source)
}
