//! The memory floor: how long it takes to touch every cache line of mapped files, in order.
//!
//! `cargo run --release --example floor -- FILE...` prints the seconds, mapping included.

use std::fs::File;
use std::io;
use std::process::ExitCode;
use std::time::Instant;

use memmap2::Mmap;

/// Bytes of a cache line.
const LINE: usize = 64;

fn main() -> ExitCode {
    let begun = Instant::now();
    let mut sum = 0;
    for path in std::env::args().skip(1) {
        match touch(&path) {
            Ok(bytes) => sum += bytes,
            Err(error) => {
                eprintln!("{path}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    std::hint::black_box(sum);
    println!("{seconds:.6}");
    ExitCode::SUCCESS
}

/// Adds up one byte of each line.
fn touch(path: &str) -> io::Result<u64> {
    let file = File::open(path)?;
    // SAFETY: the bytes are only read, and any value of theirs is right.
    #[expect(unsafe_code, reason = "a file mapping cannot be made safe")]
    let map = unsafe { Mmap::map(&file)? };
    #[cfg(unix)]
    map.advise(memmap2::Advice::Sequential)?;
    Ok(map.iter().step_by(LINE).map(|&byte| u64::from(byte)).sum())
}
