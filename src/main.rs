//! The command line of goostat.

mod cli;

use std::panic;
use std::process::ExitCode;

use clap::Parser;

/// What is encoded, flows that had states, and much more is allocated by one thread and freed by another: docs/performance.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    // What a panic left half-written is gone by the time it arrives here; its message is out.
    match panic::catch_unwind(|| cli::main(cli)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            cli::tell(&format!("goostat: {error}"));
            ExitCode::FAILURE
        }
        Err(_) => {
            cli::tell("goostat: this is a bug, please report it");
            ExitCode::FAILURE
        }
    }
}
