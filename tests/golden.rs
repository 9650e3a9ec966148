//! Every trace in testdata gives the rows that stand beside it in `<trace>.expected.txt`.
//!
//! `GOOSTAT_ACCEPT=1 cargo test --test golden` writes these files anew. What has changed in them is to be
//! read and explained before it is committed.

#![allow(
    clippy::unwrap_used,
    reason = "what cannot go on here is a test that fails"
)]

mod support;

use std::env;
use std::fs;

use support::job::{for_each, run_on};
use support::text::tell;
use support::traces::{Trace, manifest_dir, testdata};

#[test]
fn every_trace_gives_the_rows_that_stand_beside_it() {
    // The packagings of one trace are one trace: laws.rs compares them.
    let traces: Vec<Trace> = testdata()
        .into_iter()
        .filter(|trace| !trace.name.starts_with("packagings/"))
        .collect();
    let accept = env::var_os("GOOSTAT_ACCEPT").is_some();
    for_each(&traces, |trace| check(trace, accept));
}

fn check(trace: &Trace, accept: bool) -> Vec<String> {
    let results = run_on(&trace.path);
    let told = tell(&results.tcp(), &results.udp());
    let expectation = trace.beside(".expected.txt");
    if accept {
        fs::write(&expectation, told).unwrap();
        return Vec::new();
    }
    let name = &trace.name;
    let Ok(expected) = fs::read_to_string(&expectation) else {
        return vec![format!("{name}: there are no expected rows beside it")];
    };
    let difference = first_difference(&expected, &told);
    difference
        .map(|difference| format!("{name}: {difference}"))
        .into_iter()
        .collect()
}

#[test]
fn no_rows_stand_beside_a_trace_that_is_gone() {
    let root = manifest_dir().join("testdata");
    for folder in fs::read_dir(root).unwrap() {
        let folder = folder.unwrap().path();
        let files = folder.is_dir().then(|| fs::read_dir(folder).unwrap());
        for file in files.into_iter().flatten() {
            let path = file.unwrap().path();
            let path = path.to_str().unwrap();
            let trace = path.strip_suffix(".expected.txt").unwrap_or(path);
            assert!(fs::exists(trace).unwrap(), "{path}");
        }
    }
}

/// The first line that differs, and in it the first words that do.
fn first_difference(expected: &str, told: &str) -> Option<String> {
    let mut expected_lines = expected.lines();
    let mut told_lines = told.lines();
    for number in 1.. {
        let (expected, told) = (expected_lines.next(), told_lines.next());
        if expected != told {
            let words = |line: Option<&str>, other: Option<&str>| -> String {
                let Some(line) = line else {
                    return "nothing".to_owned();
                };
                let other: Vec<&str> = other.unwrap_or_default().split(' ').collect();
                let different = line.split(' ').filter(|word| !other.contains(word));
                different.collect::<Vec<_>>().join(" ")
            };
            return Some(format!(
                "line {number} should say '{}' and says '{}'",
                words(expected, told),
                words(told, expected)
            ));
        }
        expected?;
    }
    None
}
