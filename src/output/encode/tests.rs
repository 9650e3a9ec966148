//! What the encoder writes, the parquet crate reads.

use std::sync::Arc;

use arrow::array::{Array, AsArray, PrimitiveArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Int64Type, Schema, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use bytes::Bytes;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;
use parquet::file::statistics::Statistics;
use parquet::file::writer::SerializedFileWriter;
use proptest::prelude::*;

use super::pack::{pack, put_varint, put_zigzag, width};
use super::{Cell, Cells, ColumnWriter, Encoded, Layout, Print, as_it_is};

const LAYOUTS: [Layout; 3] = [Layout::Delta, Layout::Rare, Layout::Random];

/// A file of one column, each part a page. The writer had another row group before.
pub(super) fn file(
    parts: &[Cells],
    data_type: DataType,
    is_nullable: bool,
    layout: Layout,
    print: Print,
) -> Bytes {
    let field = Field::new("a", data_type, is_nullable);
    let schema = ArrowSchemaConverter::new()
        .convert(&Schema::new(vec![field]))
        .unwrap();
    let properties = Arc::new(WriterProperties::builder().build());
    let mut file =
        SerializedFileWriter::new(Vec::new(), schema.root_schema_ptr(), properties).unwrap();
    let mut column = ColumnWriter::new(schema.column(0), layout, print);
    let write = |part: &Cells, column: &mut ColumnWriter| {
        column.write(part).unwrap();
        column.end_page().unwrap();
    };
    parts.iter().rev().for_each(|part| write(part, &mut column));
    column.end_group(Encoded::default()).unwrap();
    parts.iter().for_each(|part| write(part, &mut column));
    let chunk = column.end_group(Encoded::default()).unwrap();
    let mut group = file.next_row_group().unwrap();
    chunk.append_to_row_group(&mut group).unwrap();
    group.close().unwrap();
    file.into_inner().unwrap().into()
}

/// What a reader makes of it, and the smallest and largest by the statistics.
fn read<T: ArrowPrimitiveType>(file: Bytes) -> (Vec<Option<T::Native>>, Option<Statistics>) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let statistics = reader
        .metadata()
        .row_group(0)
        .column(0)
        .statistics()
        .cloned();
    let batches = reader.with_batch_size(1000).build().unwrap();
    let cells = batches.flat_map(|batch| {
        let batch = batch.unwrap();
        let cells: PrimitiveArray<T> = batch.column(0).as_primitive().clone();
        (0..cells.len())
            .map(|at| cells.is_valid(at).then(|| cells.value(at)))
            .collect::<Vec<_>>()
    });
    (cells.collect(), statistics)
}

/// All encodings, with nulls and without, and the smallest and largest value.
fn holds<T>(parts: &[Vec<Option<T::Native>>])
where
    T: ArrowPrimitiveType,
    T::Native: Cell<T::Native> + Ord,
    Option<T::Native>: Cell<T::Native>,
{
    let nullable: Vec<Cells> = parts
        .iter()
        .map(|part| Cell::collect(part.iter().copied()))
        .collect();
    let cells: Vec<Option<T::Native>> = parts.concat();
    let present: Vec<Vec<T::Native>> = parts
        .iter()
        .map(|part| part.iter().copied().flatten().collect())
        .collect();
    let required: Vec<Cells> = present
        .iter()
        .map(|part| Cell::collect(part.iter().copied()))
        .collect();
    let values: Vec<T::Native> = present.concat();
    for layout in LAYOUTS {
        let (read_back, statistics) =
            read::<T>(file(&nullable, T::DATA_TYPE, true, layout, as_it_is));
        assert_eq!(read_back, cells, "{layout:?}, with nulls");
        assert_eq!(statistics.is_none(), layout == Layout::Random);
        if let Some(statistics) = statistics {
            let nulls = cells.len() - values.len();
            assert_eq!(statistics.null_count_opt(), Some(nulls as u64));
            assert_eq!(
                bound::<T>(statistics.min_bytes_opt()),
                values.iter().min().copied()
            );
            assert_eq!(
                bound::<T>(statistics.max_bytes_opt()),
                values.iter().max().copied()
            );
        }
        let (read_back, _) = read::<T>(file(&required, T::DATA_TYPE, false, layout, as_it_is));
        let read_back: Vec<T::Native> = read_back.into_iter().flatten().collect();
        assert_eq!(read_back, values, "{layout:?}, without nulls");
    }
    for (cells, part) in nullable.iter().zip(parts) {
        let array = cells.array(&T::DATA_TYPE, as_it_is);
        let expected: PrimitiveArray<T> = part.iter().copied().collect();
        assert_eq!(array.as_primitive::<T>(), &expected);
    }
}

/// A bound of the statistics: the lowest bytes of the 4 or 8 that stand there.
fn bound<T: ArrowPrimitiveType>(bytes: Option<&[u8]>) -> Option<T::Native> {
    let size = size_of::<T::Native>();
    let bytes: Vec<u8> = bytes?[..size].to_vec();
    let array = arrow::array::ArrayData::builder(T::DATA_TYPE)
        .len(1)
        .add_buffer(bytes.into())
        .build()
        .unwrap();
    Some(PrimitiveArray::<T>::from(array).value(0))
}

/// Runs, noise of any width around any value, extremes, nulls in runs and alone.
fn parts() -> impl Strategy<Value = Vec<Vec<Option<u64>>>> {
    let piece = (
        any::<u64>(),
        0..64_u32,
        any::<u64>(),
        1..300_usize,
        0..4_u32,
    )
        .prop_map(|(base, shift, mut seed, times, kind)| -> Vec<Option<u64>> {
            let noise = move || {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                base.wrapping_add(seed >> shift)
            };
            let values = std::iter::repeat_with(noise).take(times);
            match kind {
                0 => vec![Some(base >> shift); times],
                1 => vec![None; times],
                2 => values
                    .map(|value| (value & 1 == 0).then_some(value))
                    .collect(),
                _ => values.map(Some).collect(),
            }
        });
    let extremes = Just(vec![
        Some(0),
        Some(u64::MAX),
        Some(1 << 63),
        Some((1 << 63) - 1),
        Some(1 << 31),
        Some((1 << 31) - 1),
        Some(u64::from(u32::MAX)),
        Some(0),
    ]);
    let piece = prop_oneof![5 => piece, 1 => extremes];
    let part = prop::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat());
    prop::collection::vec(part, 1..4)
}

fn narrowed<N>(parts: &[Vec<Option<u64>>], narrow: impl Fn(u64) -> N) -> Vec<Vec<Option<N>>> {
    parts
        .iter()
        .map(|part| part.iter().map(|cell| cell.map(&narrow)).collect())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_integers_are_read_back(parts in parts()) {
        holds::<UInt8Type>(&narrowed(&parts, |value| value as u8));
        holds::<UInt16Type>(&narrowed(&parts, |value| value as u16));
        holds::<UInt32Type>(&narrowed(&parts, |value| value as u32));
        holds::<UInt64Type>(&parts);
        holds::<Int64Type>(&narrowed(&parts, u64::cast_signed));
    }

    #[test]
    fn packed_bits_are_the_values(values in prop::collection::vec(any::<u64>(), 0..70), bits in 0..=64_u32) {
        let values: Vec<u64> = values
            .iter()
            .map(|value| value & u64::MAX.checked_shr(64 - bits).unwrap_or(0))
            .collect();
        let mut bytes = Vec::new();
        pack(&values, bits, &mut bytes);
        assert_eq!(bytes.len(), (values.len() * bits as usize).div_ceil(8));
        for (number, value) in values.iter().enumerate() {
            for bit in 0..bits as usize {
                let at = number * bits as usize + bit;
                assert_eq!(u64::from(bytes[at / 8] >> (at % 8) & 1), value >> bit & 1);
            }
        }
    }
}

#[test]
fn few_values_at_the_borders_of_blocks() {
    for count in [
        0, 1, 2, 7, 8, 9, 31, 32, 33, 127, 128, 129, 130, 256, 257, 511, 512, 513,
    ] {
        let rising: Vec<Option<i64>> = (0..count).map(|n| Some(n * n)).collect();
        holds::<Int64Type>(&[vec![Some(-1)], rising, vec![Some(5); count as usize]]);
    }
}

#[test]
fn differences_beyond_the_type() {
    holds::<UInt32Type>(&[vec![Some(u32::MAX), Some(0), Some(1 << 31), Some(u32::MAX)]]);
    holds::<Int64Type>(&[vec![
        Some(i64::MAX),
        Some(i64::MIN),
        Some(0),
        Some(i64::MIN),
    ]]);
}

#[test]
fn booleans_are_read_back() {
    for count in [0, 1, 7, 8, 9, 63, 64, 65, 1000] {
        let mixed: Vec<bool> = (0..count).map(|n| n % 3 == 0 || n % 7 == 1).collect();
        let parts = [mixed, vec![true; count], vec![false; 10]];
        let cells: Vec<Cells> = parts
            .iter()
            .map(|part| Cell::collect(part.iter().copied()))
            .collect();
        let file = file(&cells, DataType::Boolean, false, Layout::Bits, as_it_is);
        let batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let batches = batches.with_batch_size(5000).build().unwrap();
        let read_back: Vec<bool> = batches
            .flat_map(|batch| {
                let batch = batch.unwrap();
                let bits = batch.column(0).as_boolean();
                bits.iter().map(Option::unwrap).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(read_back, parts.concat());
    }
}

#[test]
fn nothing_but_nulls() {
    holds::<UInt32Type>(&[vec![None; 5000]]);
    holds::<UInt64Type>(&[vec![None; 3], vec![Some(u64::MAX)], vec![None; 3]]);
}

#[test]
fn a_dictionary_that_gets_too_long_ends() {
    let all: Vec<Option<u32>> = (0..40_000_u32).map(Some).collect();
    let parts: Vec<_> = all.chunks(7_000).map(<[_]>::to_vec).collect();
    holds::<UInt32Type>(&parts);
}

#[test]
fn constants_take_no_room() {
    let zeros: Vec<Cells> = (0..100)
        .map(|_| Cell::<u32>::collect(vec![0_u32; 512].into_iter()))
        .collect();
    for layout in [Layout::Delta, Layout::Rare] {
        let field = Field::new("a", UInt32Type::DATA_TYPE, false);
        let schema = ArrowSchemaConverter::new()
            .convert(&Schema::new(vec![field]))
            .unwrap();
        let mut column = ColumnWriter::new(schema.column(0), layout, as_it_is);
        zeros.iter().for_each(|part| column.write(part).unwrap());
        let chunk = column.end_group(Encoded::default()).unwrap();
        assert!(chunk.bytes() < 200, "{layout:?}");
    }
}

#[test]
fn numbers_of_any_length() {
    let bytes = |put: fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        put(&mut out);
        out
    };
    assert_eq!(bytes(|out| put_varint(0, out)), [0]);
    assert_eq!(bytes(|out| put_varint(300, out)), [0xac, 0x02]);
    assert_eq!(bytes(|out| put_varint(u64::MAX, out)).len(), 10);
    assert_eq!(bytes(|out| put_zigzag(-1, out)), [1]);
    assert_eq!(bytes(|out| put_zigzag(1, out)), [2]);
    assert_eq!(bytes(|out| put_zigzag(i64::MIN, out)).len(), 10);
    assert_eq!([0, 1, 2, 255, u64::MAX].map(width), [0, 1, 2, 8, 64]);
}
