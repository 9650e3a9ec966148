//! Packet traces in, one row for every TCP connection and UDP conversation out.
//!
//! ```text
//! capture ──► decode ──► reader ──► flow (N workers) ──► output
//! packets     headers    batches    closed flows         Parquet files
//! ```
//! [`run`] does it all. The parts can be used alone: [`capture::Inputs`] reads packets from any
//! capture, [`decode::decode`] finds the headers that count, [`flow::Tracker`] turns packets into
//! flows, [`output::TableWriter`] writes them. docs/design.md says why it is built this way.

mod batch;
mod bound;
pub mod capture;
pub mod config;
pub mod decode;
mod error;
pub mod flow;
mod fragments;
mod helping;
mod intake;
pub mod key;
mod merge;
pub mod output;
mod pieces;
#[cfg(test)]
mod pieces_tests;
mod pipeline;
#[cfg(test)]
mod pipeline_tests;
mod prefetch;
mod reader;
mod sizes;
pub mod summary;

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

pub use config::Config;
pub use error::Error;
pub use intake::{Captured, DecodedPacket, Decoder, Intake};
pub use summary::Summary;

use capture::{Inputs, Progress};
use key::KeyHasher;
use output::OutputFolder;
use sizes::Sizes;

/// Reads the traces, writes both tables and the summary into `config.out`, and returns the summary.
///
/// `watch` is told of the progress before the first packet is read.
///
/// # Errors
/// If no trace can be read, or one cannot or is damaged where `config` is strict, or if the results
/// cannot be written. Nothing is left behind then.
pub fn run(config: &Config, watch: impl FnOnce(Arc<Progress>)) -> Result<Summary, Error> {
    run_into(
        OutputFolder::create(&config.out, config.force)?,
        config,
        watch,
    )
}

/// The same into a folder that is at hand, so that somebody else may abandon it meanwhile.
///
/// # Errors
/// As [`run`].
pub fn run_into(
    folder: OutputFolder,
    config: &Config,
    watch: impl FnOnce(Arc<Progress>),
) -> Result<Summary, Error> {
    let begun = Instant::now();
    let hasher = config
        .hash_seed
        .map_or_else(KeyHasher::random, KeyHasher::seeded);
    let intake = Intake::new(&config.flow, hasher);
    let mut inputs = Inputs::open(&config.traces, &config.read, intake.decoder())?;
    watch(inputs.progress());
    let outcome = pipeline::run(config, &mut inputs, intake, &folder, Sizes::default())?;
    let summary = summarise(inputs, outcome, begun.elapsed().as_secs_f64());
    write_summary(&folder, &summary)?;
    folder.publish()?;
    Ok(summary)
}

#[expect(clippy::cast_precision_loss, reason = "rates are floats")]
fn summarise(inputs: Inputs<Decoder>, outcome: pipeline::Outcome, seconds: f64) -> Summary {
    let interrupted = inputs.was_interrupted();
    let progress = inputs.progress();
    let reports = inputs.finish();
    let read: u64 = reports.iter().map(|report| report.packets).sum();
    let bytes = progress.done();
    assert_eq!(
        read,
        outcome.packets.fates.total(),
        "every packet has exactly one fate"
    );
    let (skipped, traces): (Vec<_>, Vec<_>) = reports.iter().partition(|report| is_skipped(report));
    Summary {
        version: env!("CARGO_PKG_VERSION"),
        traces: traces
            .into_iter()
            .map(summary::TraceSummary::from)
            .collect(),
        skipped: skipped
            .into_iter()
            .map(|report| report.path.display().to_string())
            .collect(),
        interrupted,
        packets: outcome.packets,
        flows: outcome.flows,
        seconds,
        packets_per_second: read as f64 / seconds,
        bytes_per_second: bytes as f64 / seconds,
        peak_memory_bytes: summary::peak_memory(),
    }
}

/// A file of a folder that is no capture, as against one that cannot be read.
fn is_skipped(report: &capture::TraceReport) -> bool {
    report.format.is_none() && report.failure.is_none()
}

fn write_summary(folder: &OutputFolder, summary: &Summary) -> Result<(), Error> {
    let path = folder.path("summary.json");
    let json = serde_json::to_string_pretty(summary)
        .map_err(|error| Error::Internal(error.to_string()))?;
    let mut file = File::create(&path).map_err(Error::io(&path, "create"))?;
    writeln!(file, "{json}").map_err(Error::io(&path, "write"))
}
