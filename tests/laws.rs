//! What holds for every capture: the same packets give the same bytes, and no packet vanishes.

#![allow(
    clippy::unwrap_used,
    reason = "what cannot go on here is a test that fails"
)]

mod made;
mod support;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use goostat::capture::IoMode;
use goostat::config::{Group, Groups};
use goostat::{Config, Error};
use made::{Kind, Target, make};
use support::capture::{Capture, Form};
use support::conservation::violations;
use support::job::{config, for_each, run, run_on, scratch};
use support::traces::{CorpusFile, Trace, corpus, packets_by_readme, testdata, trace};

const THREADS: [usize; 4] = [1, 2, 3, 7];

#[test]
fn the_number_of_threads_changes_no_byte_of_testdata() {
    for_each(&testdata(), |trace| threads_change_nothing(&trace.path));
}

#[test]
fn the_number_of_threads_changes_no_byte_of_the_corpus() {
    let files: Vec<CorpusFile> = corpus().into_iter().step_by(40).collect();
    for_each(&files, |file| threads_change_nothing(&file.path));
}

#[test]
fn the_number_of_threads_changes_no_byte_of_a_long_trace() {
    let folder = scratch();
    let path = folder.path().join("long.pcap");
    let made = make(&path, Kind::Mixed, Target::Packets(500_000));
    assert_eq!(made.packets, 500_000);
    let results = run_on(&path);
    assert_eq!(results.summary.packets.read, made.packets);
    assert_eq!(violations(&results), Vec::<String>::new());
    assert!((results.tcp().len() + results.udp().len()) as u64 >= made.flows);
    assert_eq!(threads_change_nothing(&path), Vec::<String>::new());
}

#[test]
fn mapping_a_file_or_reading_it_is_the_same() {
    for_each(&testdata(), |trace| {
        let read = || {
            let mut config = config(&[&trace.path]);
            config.read.io = IoMode::Read;
            config
        };
        compare(&trace.name, &[config(&[&trace.path]), read()])
    });
}

/// The hash decides which worker has a flow, and its seed is drawn anew in each run.
#[test]
fn the_seed_of_the_hash_changes_no_byte() {
    for_each(&testdata(), |trace| {
        let seeded = |seed| Config {
            hash_seed: Some(seed),
            threads: 3,
            ..config(&[&trace.path])
        };
        compare(&trace.name, &[seeded(1), seeded(2), seeded(u64::MAX)])
    });
}

/// Without groups that analyse, everyday packets are counted by another way.
#[test]
fn cells_are_the_same_whichever_groups_are_asked_for() {
    for_each(&testdata(), |trace| groups_change_nothing(&trace.path));
    let files: Vec<CorpusFile> = corpus().into_iter().step_by(20).collect();
    for_each(&files, |file| groups_change_nothing(&file.path));
}

fn groups_change_nothing(path: &Path) -> Vec<String> {
    use Group::{Core, Link, Opt, Rtt, Time};
    let with = |groups: Groups| {
        let mut config = config(&[path]);
        config.flow.groups = groups;
        run(config)
    };
    let Ok(all) = with(Groups::all()) else {
        return Vec::new();
    };
    let mut wrong = Vec::new();
    for groups in [
        &[Core][..],
        &[Core, Time],
        &[Core, Time, Link],
        &[Core, Link, Opt],
        &[Core, Rtt],
    ] {
        let some = with(Groups::of(groups)).unwrap();
        for (all, some) in [(all.tcp(), some.tcp()), (all.udp(), some.udp())] {
            if all.len() != some.len() {
                wrong.push(format!("{groups:?}: {} rows of {}", some.len(), all.len()));
            }
            for (all, some) in all.rows().zip(some.rows()) {
                for (name, cell) in some.cells().filter(|(name, cell)| all.cell(name) != *cell) {
                    let expected = all.cell(name);
                    wrong.push(format!("{groups:?}: {name} is {cell:?}, not {expected:?}"));
                }
            }
        }
    }
    told_of(&path.display().to_string(), wrong)
}

fn threads_change_nothing(path: &Path) -> Vec<String> {
    let configs = THREADS.map(|threads| Config {
        threads,
        ..config(&[path])
    });
    compare(&path.display().to_string(), &configs)
}

/// Runs all `configs`, which have to leave the same bytes or fail with the same words.
fn compare(name: &str, configs: &[Config]) -> Vec<String> {
    let outcome = |config: &Config| match run(config.clone()) {
        Ok(results) => Ok(results.digests()),
        Err(error) => Err(error.to_string()),
    };
    let first = outcome(&configs[0]);
    let others = configs[1..].iter().map(outcome).enumerate();
    others
        .filter(|(_, other)| *other != first)
        .map(|(index, other)| format!("{name}: run {}: {other:?}, not {first:?}", index + 1))
        .collect()
}

#[test]
fn one_capture_in_many_packagings_gives_the_same_bytes() {
    let folder = scratch();
    let original = trace("packagings/le.pcap").path;
    let mut packagings: Vec<PathBuf> = [
        "be.pcap",
        "le-ns.pcap",
        "be-ns.pcap",
        "le.pcapng",
        "le.pcap.gz",
        "members.pcap.gz",
        "le.pcap.bz2",
        "le.pcap.xz",
        "split",
    ]
    .iter()
    .map(|name| trace(&format!("packagings/{name}")).path)
    .collect();
    packagings.extend(compress(&original, folder.path()));
    assert_eq!(packagings.len(), 14);
    let expected = run_on(&original);
    for packaging in packagings {
        let results = run_on(&packaging);
        assert_eq!(results.summary.packets.read, 206);
        assert_eq!(
            results.digests(),
            expected.digests(),
            "{}",
            packaging.display()
        );
    }
}

/// The file in every compression, with a name that says nothing about it.
fn compress(original: &Path, folder: &Path) -> Vec<PathBuf> {
    let plain = fs::read(original).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&plain).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    bzip2.write_all(&plain).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 6);
    xz.write_all(&plain).unwrap();
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(&plain).unwrap();
    let files = [
        ("a", gzip.finish().unwrap()),
        ("b", bzip2.finish().unwrap()),
        ("c", xz.finish().unwrap()),
        ("d", lz4.finish().unwrap()),
        ("e", zstd::encode_all(plain.as_slice(), 3).unwrap()),
    ];
    files
        .map(|(name, bytes)| {
            let path = folder.join(name);
            fs::write(&path, bytes).unwrap();
            path
        })
        .to_vec()
}

/// The times of a capture in nanoseconds survive every form that can hold them.
#[test]
fn nanoseconds_are_the_same_in_every_form() {
    let original = trace("tcp/ping-pong-nanoseconds.pcap").path;
    let capture = Capture::read(&original);
    assert!(
        capture
            .records
            .iter()
            .any(|record| record.time_ns % 1000 != 0)
    );
    let folder = scratch();
    let nanoseconds = |big_endian| Form {
        big_endian,
        nanoseconds: true,
    };
    let expected = run_on(&original).digests();
    let forms = [
        capture.pcap(nanoseconds(false)),
        capture.pcap(nanoseconds(true)),
        capture.pcapng(),
    ];
    for (index, bytes) in forms.iter().enumerate() {
        let path = folder.path().join(index.to_string());
        fs::write(&path, bytes).unwrap();
        assert_eq!(run_on(&path).digests(), expected, "form {index}");
    }
}

#[test]
fn every_packet_of_testdata_is_accounted_for() {
    let counted = packets_by_readme();
    for_each(&testdata(), |trace| {
        let results = run_on(&trace.path);
        let mut wrong = violations(&results);
        let read = results.summary.packets.read;
        if let Some(&packets) = counted.get(&trace.name)
            && packets != read
        {
            wrong.push(format!("{read} packets were read of {packets}"));
        }
        told_of(&trace.name, wrong)
    });
}

#[test]
fn testdata_is_described() {
    let counted = packets_by_readme();
    let untold: Vec<Trace> = testdata()
        .into_iter()
        .filter(|trace| !counted.contains_key(&trace.name))
        .collect();
    // How far a broken gzip stream can be followed is nobody's promise.
    let names: Vec<&str> = untold.iter().map(|trace| trace.name.as_str()).collect();
    assert_eq!(names, ["crafted/truncated.pcap.gz"]);
}

#[test]
fn every_packet_of_the_corpus_is_accounted_for() {
    let files = corpus();
    let (refused, counted) = (AtomicU64::new(0), AtomicU64::new(0));
    for_each(&files, |file| {
        let results = match run(config(&[&file.path])) {
            Ok(results) => results,
            Err(Error::Capture { .. }) => {
                refused.fetch_add(1, Ordering::Relaxed);
                return Vec::new();
            }
            Err(error) => return vec![error.to_string()],
        };
        let mut wrong = violations(&results);
        let read = results.summary.packets.read;
        if let Some(packets) = file.packets {
            counted.fetch_add(1, Ordering::Relaxed);
            if packets != read {
                wrong.push(format!("{read} packets were read of {packets}"));
            }
        }
        told_of(&file.path.display().to_string(), wrong)
    });
    let share = |count: AtomicU64| count.into_inner() * 100 / (files.len() as u64).max(1);
    assert!(share(refused) < 5, "many captures were refused");
    assert!(
        files.is_empty() || share(counted) > 80,
        "few captures could be compared"
    );
}

fn told_of(name: &str, wrong: Vec<String>) -> Vec<String> {
    wrong
        .into_iter()
        .map(|what| format!("{name}: {what}"))
        .collect()
}
