//! Traces made for a test, by the generator that makes those of the benchmarks.

#![allow(
    dead_code,
    reason = "each test that includes this module makes its kinds of traces"
)]

#[path = "../../examples/generate/traces.rs"]
mod traces;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

pub(crate) use traces::{Kind, Stats, Target};

/// Writes a trace to `path`.
pub(crate) fn make(path: &Path, kind: Kind, target: Target) -> Stats {
    let mut file = BufWriter::new(File::create(path).expect("the test's folder can be written"));
    let stats = traces::write(kind, target, &mut file).expect("there is room");
    file.flush().expect("there is room");
    stats
}
