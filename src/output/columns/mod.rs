//! The table of columns: one entry each, from which schema, encoder and docs/columns.md follow.
//!
//! A name that begins with `x_` stands for two columns, `c_` for the client and `s_` for the server.

mod common;
mod fill;
mod link;
mod tcp;
mod tcp_analysis;
mod udp;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use parquet::schema::types::ColumnDescPtr;

use crate::config::{FlowOptions, Group, Groups};
use crate::flow::{Flow, Side, TcpFlow, UdpFlow};
use crate::output::encode::{Cells, ColumnWriter, Layout, Print};

/// A flow of either table, seen by the columns that both have.
pub trait Row: Send + Sync {
    /// What all flows have.
    fn flow(&self) -> &Flow;
}

impl Row for TcpFlow {
    fn flow(&self) -> &Flow {
        &self.flow
    }
}

impl Row for UdpFlow {
    fn flow(&self) -> &Flow {
        &self.flow
    }
}

/// Fills one column for some rows; of an `x_` column, for one side.
///
/// A trait object, so that columns of all types fit in one list; it is called once for hundreds of rows.
type Fill<F> = Box<dyn Fn(&[&F], Side) -> Cells + Send + Sync>;

/// One entry of the table.
pub struct Column<F> {
    /// Its name; with `x_` in front it is two columns.
    pub name: &'static str,
    /// The group that switches it.
    pub group: Group,
    /// Its unit, or nothing.
    pub unit: &'static str,
    /// The field of Tstat's logs that it comes from, or nothing.
    pub tstat: &'static str,
    /// When it is null, or nothing if it never is.
    pub null: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// Its type.
    pub data_type: DataType,
    /// Its encoding.
    pub layout: Layout,
    /// What the keys of a text column read.
    print: Print,
    fill: Fill<F>,
}

/// One column of a file.
pub(crate) struct FileColumn<F> {
    pub(crate) name: String,
    side: Side,
    entry: Arc<Column<F>>,
}

impl<F> Column<F> {
    /// Says when the column is null.
    fn null(mut self, when: &'static str) -> Self {
        self.null = when;
        self
    }

    /// Names the field of Tstat's logs.
    fn tstat(mut self, name: &'static str) -> Self {
        self.tstat = name;
        self
    }

    /// Says that nearly every row has the same value. Packed differences would pay for another one
    /// in the 127 around it.
    fn rare(self) -> Self {
        self.layout(Layout::Rare)
    }

    /// Chooses another encoding than the type's usual one.
    fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// The sides it is written for, with the names in the file.
    pub fn names(&self) -> Vec<(Side, String)> {
        match self.name.strip_prefix("x_") {
            Some(rest) => vec![
                (Side::Client, format!("c_{rest}")),
                (Side::Server, format!("s_{rest}")),
            ],
            None => vec![(Side::Client, self.name.to_owned())],
        }
    }

    fn tstat_name(&self, side: Side) -> String {
        let sided = match side {
            Side::Client => "c_",
            Side::Server => "s_",
        };
        match self.tstat.strip_prefix("x_") {
            Some(rest) => format!("{sided}{rest}"),
            None => self.tstat.to_owned(),
        }
    }
}

impl<F> FileColumn<F> {
    /// The column's values for `rows`.
    pub(crate) fn fill(&self, rows: &[&F]) -> Cells {
        (self.entry.fill)(rows, self.side)
    }

    fn array(&self, rows: &[&F]) -> ArrayRef {
        let cells = self.fill(rows);
        cells.array(&self.entry.data_type, self.entry.print)
    }

    /// Its encoder for a row group.
    pub(crate) fn writer(&self, descriptor: &ColumnDescPtr) -> ColumnWriter {
        ColumnWriter::new(Arc::clone(descriptor), self.entry.layout, self.entry.print)
    }

    fn field(&self) -> Field {
        let entry = &self.entry;
        let metadata = [
            ("group", entry.group.name().to_owned()),
            ("unit", entry.unit.to_owned()),
            ("doc", entry.doc.to_owned()),
            ("tstat", entry.tstat_name(self.side)),
        ];
        let metadata: HashMap<String, String> = metadata
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        Field::new(&self.name, entry.data_type.clone(), !entry.null.is_empty())
            .with_metadata(metadata)
    }
}

/// The columns of tcp.parquet. `seed` is that of the Community ID.
pub fn tcp_columns(seed: u16) -> Vec<Column<TcpFlow>> {
    let mut columns = common::columns(seed);
    columns.extend(tcp::columns());
    columns
}

/// The columns of udp.parquet. `seed` is that of the Community ID.
pub fn udp_columns(seed: u16) -> Vec<Column<UdpFlow>> {
    let mut columns = common::columns(seed);
    columns.extend(udp::columns());
    columns
}

/// Rows of tcp.parquet as they are written, with the columns that the options ask for.
///
/// # Errors
/// If the column table contradicts itself, which its tests exclude.
pub fn tcp_batch(rows: &[&TcpFlow], options: &FlowOptions) -> Result<RecordBatch, ArrowError> {
    let seed = options.community_id_seed;
    batch(rows, &file_columns(tcp_columns(seed), options.groups))
}

/// Rows of udp.parquet as they are written, with the columns that the options ask for.
///
/// # Errors
/// If the column table contradicts itself, which its tests exclude.
pub fn udp_batch(rows: &[&UdpFlow], options: &FlowOptions) -> Result<RecordBatch, ArrowError> {
    let seed = options.community_id_seed;
    batch(rows, &file_columns(udp_columns(seed), options.groups))
}

fn batch<F>(rows: &[&F], columns: &[FileColumn<F>]) -> Result<RecordBatch, ArrowError> {
    let arrays = columns.iter().map(|column| column.array(rows)).collect();
    RecordBatch::try_new(schema(columns), arrays)
}

/// The columns of a file with the given groups, one for each side where there are two.
pub(crate) fn file_columns<F>(table: Vec<Column<F>>, groups: Groups) -> Vec<FileColumn<F>> {
    let wanted = table.into_iter().filter(|entry| groups.has(entry.group));
    wanted
        .map(Arc::new)
        .flat_map(|entry| {
            let names = entry.names();
            names.into_iter().map(move |(side, name)| FileColumn {
                name,
                side,
                entry: Arc::clone(&entry),
            })
        })
        .collect()
}

/// The Arrow schema of a file.
pub(crate) fn schema<F>(columns: &[FileColumn<F>]) -> SchemaRef {
    let fields: Vec<Field> = columns.iter().map(FileColumn::field).collect();
    Arc::new(Schema::new(fields))
}
