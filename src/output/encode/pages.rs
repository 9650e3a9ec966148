//! The pages of one column in one row group, framed by the parquet crate and compressed where that
//! pays.

use std::cell::RefCell;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, EncodingMask, PageType, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriteSpec, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;

use crate::output::ZSTD_LEVEL;

/// A page with fewer bytes is not worth the attempt.
const WORTH: usize = 64;
/// Bytes of the first page by which it is told whether compression pays.
const SAMPLE: usize = 8 << 10;

thread_local! {
    /// Each thread's own: it holds tables of some hundred kilobytes.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

/// Pages so far.
pub(super) struct Pages {
    data: TrackedWrite<Vec<u8>>,
    /// Whether compression gains anything here, by the first data page if it is not known before.
    /// All pages of a chunk must be alike in this.
    is_compressed: Option<bool>,
    index: OffsetIndexBuilder,
    uncompressed: usize,
    rows: usize,
    encodings: Vec<PageEncodingStats>,
}

/// All that belongs to one column in one row group.
pub(crate) struct EncodedChunk {
    bytes: Bytes,
    close: ColumnCloseResult,
}

impl EncodedChunk {
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn append_to_row_group<W: std::io::Write + Send>(
        self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<()> {
        group.append_column(&self.bytes, self.close)
    }
}

impl Pages {
    /// `is_compressed`: whether all of them are, if that does not depend on the first.
    pub(super) fn new(is_compressed: Option<bool>) -> Self {
        Self {
            data: TrackedWrite::new(Vec::new()),
            is_compressed,
            index: OffsetIndexBuilder::new(),
            uncompressed: 0,
            rows: 0,
            encodings: Vec::new(),
        }
    }

    /// Adds a data page: levels and values of `rows` rows.
    pub(super) fn push(&mut self, page: Vec<u8>, rows: usize, encoding: Encoding) -> Result<()> {
        let uncompressed = page.len();
        let page = self.compress(page)?;
        let page = Page::DataPage {
            buf: page.into(),
            num_values: u32::try_from(rows)?,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let page = CompressedPage::new(page, uncompressed);
        let written = SerializedPageWriter::new(&mut self.data).write_page(page)?;
        self.index.append_row_count(i64::try_from(rows)?);
        self.index.append_offset_and_size(
            i64::try_from(written.offset)?,
            i32::try_from(written.compressed_size)?,
        );
        self.rows += rows;
        self.count(&written, encoding);
        Ok(())
    }

    fn compress(&mut self, page: Vec<u8>) -> Result<Vec<u8>> {
        let is_compressed = match self.is_compressed {
            Some(known) => known,
            None => gains(&page)?,
        };
        self.is_compressed = Some(is_compressed);
        if is_compressed { zstd(&page) } else { Ok(page) }
    }

    fn count(&mut self, written: &PageWriteSpec, encoding: Encoding) {
        self.uncompressed += written.uncompressed_size;
        let page_type = written.page_type;
        match self.encodings.last_mut() {
            Some(last) if last.page_type == page_type && last.encoding == encoding => {
                last.count += 1;
            }
            _ => self.encodings.push(PageEncodingStats {
                page_type,
                encoding,
                count: 1,
            }),
        }
    }

    /// The dictionary's page, which stands before the others.
    fn dictionary(&mut self, values: Vec<u8>, count: usize) -> Result<Vec<u8>> {
        let uncompressed = values.len();
        let values = match self.is_compressed {
            Some(true) => zstd(&values)?,
            _ => values,
        };
        let page = Page::DictionaryPage {
            buf: values.into(),
            num_values: u32::try_from(count)?,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        let mut out = TrackedWrite::new(Vec::new());
        let page = CompressedPage::new(page, uncompressed);
        let written = SerializedPageWriter::new(&mut out).write_page(page)?;
        self.count(&written, Encoding::PLAIN);
        out.into_inner()
    }

    /// Ends the chunk; `dictionary` has its plain bytes and how many values they are.
    pub(super) fn close(
        mut self,
        column: &ColumnDescPtr,
        dictionary: Option<(Vec<u8>, usize)>,
        statistics: Option<Statistics>,
    ) -> Result<EncodedChunk> {
        let (has_dictionary, mut bytes) = match dictionary {
            Some((values, count)) => (true, self.dictionary(values, count)?),
            None => (false, Vec::new()),
        };
        let ahead = bytes.len();
        let data = self.data.into_inner()?;
        if has_dictionary {
            bytes.extend_from_slice(&data);
        } else {
            bytes = data;
        }
        let codec = match self.is_compressed {
            Some(true) => Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?),
            _ => Compression::UNCOMPRESSED,
        };
        let used = self.encodings.iter().map(|pages| pages.encoding);
        let encodings: Vec<Encoding> = used.chain([Encoding::RLE]).collect();
        // A dictionary is listed first, as it stands.
        self.encodings
            .sort_by_key(|pages| pages.page_type != PageType::DICTIONARY_PAGE);
        let mut metadata = ColumnChunkMetaData::builder(column.clone())
            .set_compression(codec)
            .set_encodings_mask(EncodingMask::new_from_encodings(encodings.iter()))
            .set_page_encoding_stats(self.encodings)
            .set_total_compressed_size(i64::try_from(bytes.len())?)
            .set_total_uncompressed_size(i64::try_from(self.uncompressed)?)
            .set_num_values(i64::try_from(self.rows)?)
            .set_data_page_offset(0);
        if let Some(statistics) = statistics {
            metadata = metadata.set_statistics(statistics);
        }
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: self.rows as u64,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(self.index.build()),
        };
        Ok(EncodedChunk {
            bytes: bytes.into(),
            close: close.update_dictionary_location(ahead)?,
        })
    }
}

/// Whether a page with this one's beginning gets 2 % smaller at least.
fn gains(page: &[u8]) -> Result<bool> {
    let sample = page.get(..SAMPLE).unwrap_or(page);
    Ok(page.len() >= WORTH && zstd(sample)?.len() < sample.len() - sample.len() / 50)
}

fn zstd(bytes: &[u8]) -> Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|compressor| {
        let compressor = match compressor {
            Some(compressor) => compressor,
            None => compressor.insert(Compressor::new(ZSTD_LEVEL)?),
        };
        Ok(compressor.compress(bytes)?)
    })
}
