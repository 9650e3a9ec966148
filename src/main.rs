//! The command line of goostat.

mod cli;

use std::panic;
use std::process::ExitCode;

use clap::Parser;

/// Flows are allocated by workers and freed by encoders, many millions of them: docs/performance.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Number of the option in mimalloc.h: the milliseconds after which free memory goes back to the
/// operating system, or −1 for never. The crate names only some of the options.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Keeps freed memory for the flows to come, which the kernel would hand out cleared again.
fn keep_freed_memory() {
    // SAFETY: it writes a number into mimalloc's table of options, for which it asks no more than
    // a valid option, and no other thread runs yet.
    #[expect(unsafe_code, reason = "measured: docs/performance.md, what was tried")]
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, -1);
    }
}

fn main() -> ExitCode {
    keep_freed_memory();
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

#[cfg(test)]
mod tests {
    use super::{PURGE_DELAY, keep_freed_memory};

    fn purge_delay() -> std::ffi::c_long {
        // SAFETY: it reads a number from mimalloc's table of options.
        #[expect(unsafe_code, reason = "the option has no safe reader")]
        unsafe {
            libmimalloc_sys::mi_option_get(PURGE_DELAY)
        }
    }

    /// Another option would have another default.
    #[test]
    fn the_option_is_the_one_that_is_meant() {
        assert_eq!(purge_delay(), 1000);
        keep_freed_memory();
        assert_eq!(purge_delay(), -1);
    }
}
