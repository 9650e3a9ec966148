//! The pages of one column in a row group, framed by the parquet crate and compressed where that
//! pays.

use std::io::{self, Read, Write};
use std::mem;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, EncodingMask, PageType, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriteSpec, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::scratch::Scratch;
use crate::output::ZSTD_LEVEL;

/// A page with fewer bytes is not worth the attempt.
const WORTH: usize = 64;
/// Pages for which there is room behind the first one: as many as follow in a row group, and one more.
const FOLLOWING: usize = 6;
/// Bytes of the first page by which it is told whether compression pays.
const SAMPLE: usize = 8 << 10;

/// Pages so far.
pub(super) struct Pages {
    data: Vec<u8>,
    /// Whether all of them are compressed, in whatever row group.
    is_compressed: Option<bool>,
    group: Group,
}

/// What is known of the pages of a row group.
struct Group {
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
    pages: Encoded,
    close: ColumnCloseResult,
}

/// The dictionary's page, if there is one, and those behind it.
#[derive(Default)]
pub(crate) struct Encoded {
    dictionary: Vec<u8>,
    data: Vec<u8>,
}

impl Length for &Encoded {
    fn len(&self) -> u64 {
        (self.dictionary.len() + self.data.len()) as u64
    }
}

impl<'p> ChunkReader for &'p Encoded {
    type T = io::Chain<&'p [u8], &'p [u8]>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let mut read = self.dictionary.chain(&*self.data);
        io::copy(&mut read.by_ref().take(start), &mut io::sink())?;
        Ok(read)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let mut bytes = Vec::new();
        let read = self.get_read(start)?;
        read.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }
}

impl EncodedChunk {
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        (&self.pages).len()
    }

    /// Writes it, and returns the memory that it was in.
    pub(crate) fn append_to_row_group<W: std::io::Write + Send>(
        self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<Encoded> {
        group.append_column(&&self.pages, self.close)?;
        Ok(self.pages)
    }
}

impl Group {
    fn new(is_compressed: Option<bool>) -> Self {
        Self {
            is_compressed,
            index: OffsetIndexBuilder::new(),
            uncompressed: 0,
            rows: 0,
            encodings: Vec::new(),
        }
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
}

impl Pages {
    /// `is_compressed`: whether all of them are, if that does not depend on the first.
    pub(super) fn new(is_compressed: Option<bool>) -> Self {
        Self {
            data: Vec::new(),
            is_compressed,
            group: Group::new(is_compressed),
        }
    }

    /// Adds a data page: levels and values of `rows` rows.
    pub(super) fn push(
        &mut self,
        page: &mut Scratch,
        rows: usize,
        encoding: Encoding,
    ) -> Result<()> {
        let group = &mut self.group;
        let is_compressed = match group.is_compressed {
            Some(known) => known,
            None => gains(page)?,
        };
        group.is_compressed = Some(is_compressed);
        let num_values = u32::try_from(rows)?;
        let offset = self.data.len();
        let written = append(page, is_compressed, &mut self.data, |buf| Page::DataPage {
            buf,
            num_values,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        })?;
        if offset == 0 {
            // Those that follow are about as long: what grows by itself is copied again and again.
            self.data.reserve(FOLLOWING * self.data.len());
        }
        group.index.append_row_count(i64::try_from(rows)?);
        group.index.append_offset_and_size(
            i64::try_from(offset)?,
            i32::try_from(written.compressed_size)?,
        );
        group.rows += rows;
        group.count(&written, encoding);
        Ok(())
    }

    /// The dictionary's page, which stands before the others, in `out`.
    fn push_dictionary(
        &mut self,
        page: &mut Scratch,
        count: usize,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let is_compressed = self.group.is_compressed.unwrap_or_default();
        let num_values = u32::try_from(count)?;
        let written = append(page, is_compressed, out, |buf| Page::DictionaryPage {
            buf,
            num_values,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        })?;
        self.group.count(&written, Encoding::PLAIN);
        Ok(())
    }

    /// Ends the chunk; `page` has the plain values of its dictionary, if it has one, `dictionary` how
    /// many they are. The next page begins another chunk, in the memory of `spare`.
    pub(super) fn end_group(
        &mut self,
        column: &ColumnDescPtr,
        page: &mut Scratch,
        dictionary: Option<usize>,
        statistics: Option<Statistics>,
        spare: Encoded,
    ) -> Result<EncodedChunk> {
        let mut pages = spare;
        pages.dictionary.clear();
        pages.data.clear();
        if let Some(count) = dictionary {
            self.push_dictionary(page, count, &mut pages.dictionary)?;
        }
        mem::swap(&mut self.data, &mut pages.data);
        let mut group = mem::replace(&mut self.group, Group::new(self.is_compressed));
        let codec = match group.is_compressed {
            Some(true) => Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?),
            _ => Compression::UNCOMPRESSED,
        };
        let used = group.encodings.iter().map(|pages| pages.encoding);
        let encodings: Vec<Encoding> = used.chain([Encoding::RLE]).collect();
        // A dictionary is listed first, as it stands.
        group
            .encodings
            .sort_by_key(|pages| pages.page_type != PageType::DICTIONARY_PAGE);
        let mut metadata = ColumnChunkMetaData::builder(column.clone())
            .set_compression(codec)
            .set_encodings_mask(EncodingMask::new_from_encodings(encodings.iter()))
            .set_page_encoding_stats(group.encodings)
            .set_total_compressed_size(i64::try_from((&pages).len())?)
            .set_total_uncompressed_size(i64::try_from(group.uncompressed)?)
            .set_num_values(i64::try_from(group.rows)?)
            .set_data_page_offset(0);
        if let Some(statistics) = statistics {
            metadata = metadata.set_statistics(statistics);
        }
        let close = ColumnCloseResult {
            bytes_written: (&pages).len(),
            rows_written: group.rows as u64,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(group.index.build()),
        };
        Ok(EncodedChunk {
            close: close.update_dictionary_location(pages.dictionary.len())?,
            pages,
        })
    }
}

/// Appends a page behind its header, which `frame` makes, compressed or not.
fn append(
    page: &mut Scratch,
    is_compressed: bool,
    out: &mut Vec<u8>,
    frame: impl FnOnce(Bytes) -> Page,
) -> Result<PageWriteSpec> {
    let uncompressed = page.page().len();
    if is_compressed {
        page.compress()?;
    }
    page.lend(|bytes| {
        let mut out = TrackedWrite::new(out);
        let page = CompressedPage::new(frame(bytes), uncompressed);
        let written = SerializedPageWriter::new(&mut out).write_page(page)?;
        out.flush()?;
        Ok(written)
    })
}

/// Whether a page with this one's beginning gets 2 % smaller at least.
fn gains(page: &mut Scratch) -> Result<bool> {
    let sample = page.page().len().min(SAMPLE);
    Ok(page.page().len() >= WORTH && page.compressed_size(sample)? < sample - sample / 50)
}
