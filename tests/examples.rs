//! The worked examples of the specification's section 9, in testdata/examples, through the whole
//! program: a capture in, the Parquet files read back. And once more through its parts in memory.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod exchange;
mod reference;
mod tracked;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use goostat::Config;
use goostat::capture::ReadOptions;
use goostat::config::{FlowOptions, Groups};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use exchange::{Exchange, check_strictly};
use reference::{RefOptions, Row, track};
use tracked::How;

/// How many examples the specification has.
const EXAMPLES: usize = 25;

#[test]
fn the_program_writes_the_rows_of_every_example() {
    for text in examples() {
        check_strictly(&text, |capture| run(capture, 2));
    }
}

#[test]
fn the_tables_in_memory_give_the_rows_of_every_example() {
    for text in examples() {
        // An exchange's packets are what decoding its capture yields, or this would differ.
        let packets = Exchange::parse(&text).packets;
        check_strictly(&text, |_| {
            let output = tracked::track(&packets, &RefOptions::default(), &How::default());
            [output.tcp, output.udp].concat()
        });
    }
}

#[test]
fn the_reference_gives_the_rows_of_every_example() {
    for text in examples() {
        let packets = Exchange::parse(&text).packets;
        check_strictly(&text, |_| {
            let output = track(&packets, &RefOptions::default());
            [output.tcp, output.udp].concat()
        });
    }
}

#[test]
fn an_example_that_expects_something_else_fails() {
    let text = fs::read_to_string(folder().join("E01.txt")).unwrap();
    let wrong = text.replace("rtt_cnt=3", "rtt_cnt=4");
    assert_ne!(text, wrong);
    let outcome = std::panic::catch_unwind(|| check_strictly(&wrong, |capture| run(capture, 1)));
    let message = *outcome.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("c_rtt_cnt is 3, not 4"), "{message}");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/examples")
}

fn examples() -> Vec<String> {
    let texts: Vec<String> = (1..=EXAMPLES)
        .map(|number| folder().join(format!("E{number:02}.txt")))
        .map(|path| fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
        .collect();
    let files = fs::read_dir(folder()).unwrap().count();
    assert_eq!(files, texts.len(), "every example is checked");
    texts
}

/// Runs the program on a capture and reads its tables.
fn run(capture: &[u8], threads: usize) -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.pcap");
    fs::write(&trace, capture).unwrap();
    let out = folder.path().join("out");
    let config = Config {
        traces: vec![trace],
        out: out.clone(),
        force: false,
        read: ReadOptions::default(),
        threads,
        flow: FlowOptions {
            groups: Groups::all(),
            ..FlowOptions::default()
        },
        hash_seed: None,
    };
    goostat::run(&config, |_| {}).unwrap();
    ["tcp.parquet", "udp.parquet"]
        .iter()
        .flat_map(|file| read_back(&out.join(file)))
        .collect()
}

fn read_back(path: &Path) -> Vec<Row> {
    let file = File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap();
    reader
        .flat_map(|batch| tracked::rows(&batch.unwrap()))
        .collect()
}
