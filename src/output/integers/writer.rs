//! One integer column in one row group.

use parquet::basic::{Encoding as ParquetEncoding, LogicalType, Type};
use parquet::data_type::{BoolType, DataType, Int32Type, Int64Type};
use parquet::errors::Result;
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::schema::types::ColumnDescPtr;

use super::bits::Bits;
use super::cells::{Integers, Values};
use super::delta::Delta;
use super::dictionary::Dictionary;
use super::hybrid::Runs;
use super::pages::{EncodedChunk, Pages};

/// How the values of a page are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Packed differences.
    Delta,
    /// Places in a list; as they are once the list is long.
    Dictionary,
    /// As they are, and without the smallest and largest.
    Random,
    /// Booleans, as they are.
    Bits,
}

enum Encoder {
    Bits(Bits),
    Delta(Box<Delta>),
    Dictionary,
    Plain(Vec<u8>),
}

/// Turns cells into pages.
pub(crate) struct IntegerWriter {
    column: ColumnDescPtr,
    /// Of 32 bits.
    is_narrow: bool,
    encoder: Encoder,
    /// Begun with, even if later pages do without.
    dictionary: Option<Box<Dictionary>>,
    /// If the column may be null.
    levels: Option<Runs>,
    bounds: Option<Bounds>,
    /// Rows of the page.
    rows: usize,
    nulls: usize,
    pages: Pages,
}

impl IntegerWriter {
    pub(crate) fn new(column: ColumnDescPtr, encoding: Encoding) -> Self {
        let is_narrow = column.physical_type() == Type::INT32;
        Self {
            is_narrow,
            encoder: match encoding {
                Encoding::Delta => Encoder::Delta(Box::new(Delta::new(is_narrow))),
                Encoding::Dictionary => Encoder::Dictionary,
                Encoding::Bits => Encoder::Bits(Bits::default()),
                Encoding::Random => Encoder::Plain(Vec::new()),
            },
            dictionary: (encoding == Encoding::Dictionary).then(Box::default),
            levels: (column.max_def_level() > 0).then(Runs::default),
            bounds: (encoding != Encoding::Random).then(|| Bounds::new(&column)),
            rows: 0,
            nulls: 0,
            pages: Pages::new(),
            column,
        }
    }

    /// Adds cells to the page.
    pub(crate) fn write(&mut self, cells: &Integers) {
        self.rows += cells.rows();
        self.nulls += cells.rows() - cells.present();
        if let Some(levels) = &mut self.levels {
            cells.validity(|valid, rows| levels.push(u32::from(valid), rows));
        }
        if cells.present() == 0 {
            return;
        }
        let values = cells.values();
        match (&mut self.encoder, &mut self.dictionary) {
            (Encoder::Dictionary, Some(dictionary)) => return dictionary.extend(values),
            (Encoder::Dictionary, None) => {}
            (Encoder::Bits(bits), _) => bits.extend(values),
            (Encoder::Delta(delta), _) => delta.extend(values),
            (Encoder::Plain(page), _) => match values {
                Values::Each(values) => plain(values, self.is_narrow, page),
                Values::Same(value, times) => {
                    (0..times).for_each(|_| plain(&[value], self.is_narrow, page));
                }
            },
        }
        if let Some(bounds) = &mut self.bounds {
            match values {
                Values::Each(values) => bounds.widen(values),
                Values::Same(value, _) => bounds.widen(&[value]),
            }
        }
    }

    /// Ends the page, if it has rows.
    pub(crate) fn end_page(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut page = Vec::with_capacity(self.page_bytes());
        if let Some(levels) = &mut self.levels {
            page.extend_from_slice(&[0; 4]);
            levels.finish(1, &mut page);
            let bytes = u32::try_from(page.len() - 4)?;
            page[..4].copy_from_slice(&bytes.to_le_bytes());
        }
        let encoding = match &mut self.encoder {
            Encoder::Delta(delta) => {
                delta.finish(&mut page);
                ParquetEncoding::DELTA_BINARY_PACKED
            }
            Encoder::Bits(bits) => {
                bits.finish(&mut page);
                ParquetEncoding::PLAIN
            }
            Encoder::Plain(values) => {
                page.append(values);
                ParquetEncoding::PLAIN
            }
            Encoder::Dictionary => {
                if let Some(dictionary) = &mut self.dictionary {
                    dictionary.finish(&mut page);
                    if dictionary.is_full() {
                        self.encoder = Encoder::Plain(Vec::new());
                    }
                }
                ParquetEncoding::RLE_DICTIONARY
            }
        };
        self.pages.push(page, self.rows, encoding)?;
        self.rows = 0;
        Ok(())
    }

    /// What the page will take, as far as it is known: few allocations, and none too large.
    fn page_bytes(&self) -> usize {
        match &self.encoder {
            Encoder::Delta(delta) => delta.bytes(),
            Encoder::Plain(values) => values.len() + 64,
            Encoder::Bits(_) | Encoder::Dictionary => 64,
        }
    }

    /// Ends the column's part of the row group.
    pub(crate) fn close(mut self) -> Result<EncodedChunk> {
        self.end_page()?;
        let dictionary = self.dictionary.map(|dictionary| {
            let values = dictionary.values();
            if let Some(bounds) = &mut self.bounds {
                bounds.widen(values);
            }
            let mut page = Vec::new();
            plain(values, self.is_narrow, &mut page);
            (page, values.len())
        });
        let nulls = self.nulls as u64;
        let physical = self.column.physical_type();
        let statistics = self.bounds.map(|bounds| bounds.statistics(nulls, physical));
        self.pages.close(&self.column, dictionary, statistics)
    }
}

/// Appends values as they are.
fn plain(values: &[i64], is_narrow: bool, out: &mut Vec<u8>) {
    if is_narrow {
        out.extend(
            values
                .iter()
                .flat_map(|&value| (value as i32).to_le_bytes()),
        );
    } else {
        out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
}

/// The smallest and the largest value.
struct Bounds {
    /// Unsigned numbers of 64 bits compare like signed ones with the first bit turned.
    turn: i64,
    is_signed: bool,
    range: Option<(i64, i64)>,
}

impl Bounds {
    fn new(column: &ColumnDescPtr) -> Self {
        let is_signed = !matches!(
            column.logical_type_ref(),
            Some(LogicalType::Integer(integer)) if !integer.is_signed
        );
        let is_wide = column.physical_type() == Type::INT64;
        Self {
            turn: if is_wide && !is_signed { i64::MIN } else { 0 },
            is_signed,
            range: None,
        }
    }

    fn widen(&mut self, values: &[i64]) {
        let Some(&any) = values.first() else { return };
        let any = any ^ self.turn;
        let (mut least, mut most) = self.range.unwrap_or((any, any));
        for value in values {
            let value = value ^ self.turn;
            least = least.min(value);
            most = most.max(value);
        }
        self.range = Some((least, most));
    }

    fn statistics(&self, nulls: u64, physical: Type) -> Statistics {
        let bounds = self.range.map(|(least, most)| {
            let bounds = [least, most];
            bounds.map(|bound| bound ^ self.turn)
        });
        match physical {
            Type::BOOLEAN => self.of_type::<BoolType>(bounds, |value| value != 0, nulls),
            Type::INT32 => self.of_type::<Int32Type>(bounds, |value| value as i32, nulls),
            _ => self.of_type::<Int64Type>(bounds, |value| value, nulls),
        }
    }

    fn of_type<T: DataType>(
        &self,
        bounds: Option<[i64; 2]>,
        narrow: impl Fn(i64) -> T::T,
        nulls: u64,
    ) -> Statistics {
        let [least, most] = [0, 1].map(|end| bounds.map(|bounds| narrow(bounds[end])));
        ValueStatistics::<T::T>::new(least, most, None, Some(nulls), false)
            .with_backwards_compatible_min_max(self.is_signed)
            .into()
    }
}
