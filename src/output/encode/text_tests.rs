//! Texts and fractions: what the encoder writes, the parquet crate reads.

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Float64Type};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Encoding;
use parquet::file::statistics::Statistics;
use proptest::prelude::*;

use super::tests::file;
use super::{Cell, Cells, Layout, Print, as_it_is};

/// Each byte in two letters.
fn print_twice(key: &[u8], out: &mut Vec<u8>) {
    out.extend(key.iter().flat_map(|&byte| [byte, byte]));
}

fn read_texts(file: Bytes) -> Vec<Option<String>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let batches = reader.with_batch_size(1000).build().unwrap();
    let cells = batches.flat_map(|batch| {
        let batch = batch.unwrap();
        let texts = batch.column(0).as_string::<i32>();
        let owned = texts.iter().map(|cell| cell.map(str::to_owned));
        owned.collect::<Vec<_>>()
    });
    cells.collect()
}

fn texts<T: AsRef<str>>(parts: &[Vec<Option<T>>]) -> Vec<Cells> {
    let parts = parts.iter().map(|part| {
        let keys = part.iter().map(Option::as_ref);
        Cells::texts(keys.map(|cell| cell.map(|text| text.as_ref().as_bytes())))
    });
    parts.collect()
}

/// Both layouts of text, with nulls and without, each part a page.
fn holds(parts: &[Vec<Option<String>>]) {
    let present: Vec<Vec<Option<String>>> = parts
        .iter()
        .map(|part| part.iter().filter(|cell| cell.is_some()).cloned().collect())
        .collect();
    for layout in [Layout::Words, Layout::Unique] {
        for (parts, is_nullable) in [(parts, true), (&present[..], false)] {
            for print in [as_it_is as Print, print_twice] {
                let printed = |cell: &String| {
                    let mut text = Vec::new();
                    print(cell.as_bytes(), &mut text);
                    String::from_utf8(text).unwrap()
                };
                let expected: Vec<Option<String>> = parts
                    .concat()
                    .iter()
                    .map(|cell| cell.as_ref().map(printed))
                    .collect();
                let cells = texts(parts);
                let file = file(&cells, DataType::Utf8, is_nullable, layout, print);
                assert_eq!(read_texts(file), expected, "{layout:?}, {is_nullable}");
                let arrays = cells.iter().flat_map(|cells| {
                    let array = cells.array(&DataType::Utf8, print);
                    let texts = array.as_string::<i32>().iter();
                    texts
                        .map(|cell| cell.map(str::to_owned))
                        .collect::<Vec<_>>()
                });
                assert_eq!(arrays.collect::<Vec<_>>(), expected);
            }
        }
    }
}

/// Few texts and many, short ones and long ones, in runs and alone, with nulls and without.
fn parts() -> impl Strategy<Value = Vec<Vec<Option<String>>>> {
    let piece = ("[ -~]{0,40}", 1..200_usize, 0..5_u32).prop_map(
        |(text, times, kind)| -> Vec<Option<String>> {
            let numbered = (0..times).map(|n| format!("{text}{n}"));
            match kind {
                0 => vec![Some(text); times],
                1 => vec![None; times],
                2 => numbered
                    .enumerate()
                    .map(|(n, text)| (n % 3 > 0).then_some(text))
                    .collect(),
                3 => (0..times)
                    .map(|n| Some(text[..text.len() * (n % 2)].to_owned()))
                    .collect(),
                _ => numbered.map(Some).collect(),
            }
        },
    );
    let part = prop::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat());
    prop::collection::vec(part, 1..4)
}

fn read_fractions(file: Bytes) -> (Vec<Option<u64>>, Option<Statistics>) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let statistics = reader
        .metadata()
        .row_group(0)
        .column(0)
        .statistics()
        .cloned();
    let batches = reader.build().unwrap();
    let cells = batches.flat_map(|batch| {
        let batch = batch.unwrap();
        let fractions = batch.column(0).as_primitive::<Float64Type>();
        let bits = fractions.iter().map(|cell| cell.map(f64::to_bits));
        bits.collect::<Vec<_>>()
    });
    (cells.collect(), statistics)
}

fn fractions(parts: &[Vec<Option<f64>>]) -> (Vec<Option<u64>>, Option<(u64, u64)>) {
    let cells: Vec<Cells> = parts
        .iter()
        .map(|part| Cell::<f64>::collect(part.iter().copied()))
        .collect();
    let file = file(&cells, DataType::Float64, true, Layout::Split, as_it_is);
    let (cells, statistics) = read_fractions(file);
    let Some(Statistics::Double(bounds)) = statistics else {
        panic!("fractions have statistics");
    };
    let nulls = cells.iter().filter(|cell| cell.is_none()).count() as u64;
    assert_eq!(bounds.null_count_opt(), Some(nulls));
    let range = bounds.min_opt().zip(bounds.max_opt());
    (
        cells,
        range.map(|(least, most)| (least.to_bits(), most.to_bits())),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_texts_are_read_back(parts in parts()) {
        holds(&parts);
    }

    #[test]
    fn any_fractions_are_read_back(
        parts in prop::collection::vec(
            prop::collection::vec(prop::option::of(any::<f64>()), 0..700),
            1..4,
        )
    ) {
        let (cells, range) = fractions(&parts);
        let bits: Vec<Option<u64>> =
            parts.concat().iter().map(|cell| cell.map(f64::to_bits)).collect();
        assert_eq!(cells, bits);
        if let Some((least, most)) = range {
            let (least, most) = (f64::from_bits(least), f64::from_bits(most));
            assert!(parts.concat().iter().flatten().all(|value| (least..=most).contains(value)));
            assert!(parts.concat().contains(&Some(least)) && parts.concat().contains(&Some(most)));
        }
    }
}

#[test]
fn bounds_of_fractions() {
    let bounds = |values: &[f64]| {
        let cells: Vec<Option<f64>> = values.iter().copied().map(Some).collect();
        fractions(&[cells]).1
    };
    let bits = |least: f64, most: f64| Some((least.to_bits(), most.to_bits()));
    assert_eq!(bounds(&[2.5, -1.0, 7.0, -3.5]), bits(-3.5, 7.0));
    assert_eq!(bounds(&[0.0]), bits(-0.0, 0.0));
    assert_eq!(bounds(&[-0.0]), bits(-0.0, 0.0));
    let infinite = f64::INFINITY;
    assert_eq!(
        bounds(&[-infinite, 1.0, infinite]),
        bits(-infinite, infinite)
    );
    assert_eq!(bounds(&[1.0, f64::NAN]), None);
    assert_eq!(bounds(&[-f64::NAN, 1.0]), None);
    assert_eq!(bounds(&[]), None);
}

#[test]
fn texts_that_are_nearly_all_new_do_without_a_list() {
    let encodings = |texts_of: &dyn Fn(usize) -> usize| {
        let part: Vec<_> = (0..3000).map(|n| Some(texts_of(n).to_string())).collect();
        let file = file(
            &texts(&[part]),
            DataType::Utf8,
            false,
            Layout::Words,
            as_it_is,
        );
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let column = reader.metadata().row_group(0).column(0).clone();
        column
            .encodings()
            .any(|encoding| encoding == Encoding::RLE_DICTIONARY)
    };
    assert!(encodings(&|n| n / 2));
    assert!(encodings(&|n| n % 7));
    assert!(!encodings(&|n| n));
}

#[test]
fn nothing_but_nulls_and_empty_texts() {
    holds(&[vec![None; 3000]]);
    holds(&[vec![None; 3], vec![Some(String::new()); 9], vec![None; 3]]);
}

#[test]
fn a_list_of_texts_that_gets_too_long_ends() {
    // Three of four come again, so that the first page has a list.
    let all: Vec<_> = (0..200_000).map(|n| Some((n / 2).to_string())).collect();
    let parts: Vec<Vec<Option<String>>> = all.chunks(50_000).map(<[_]>::to_vec).collect();
    holds(&parts);
}
