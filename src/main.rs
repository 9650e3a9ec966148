//! The command line of goostat.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::main(cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::tell(&format!("goostat: {error}"));
            ExitCode::FAILURE
        }
    }
}
