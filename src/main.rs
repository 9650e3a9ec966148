//! The command line of goostat.

mod cli;

use std::process::ExitCode;

use clap::Parser;

/// Flows are allocated by workers and freed by the writer, many millions of them: docs/performance.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::main(cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::tell(&format!("goostat: {error}"));
            ExitCode::FAILURE
        }
    }
}
