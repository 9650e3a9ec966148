//! Captures from arbitrary bytes: nothing panics or hangs, no byte is counted twice, and the same
//! bytes say the same whether they are mapped, read, or decompressed.
#![no_main]

#[path = "../trace_file.rs"]
mod trace_file;

use std::io::Write;

use goostat::capture::{IoMode, TraceReport};
use libfuzzer_sys::fuzz_target;

use trace_file::{OwnedPacket, read};

/// The fewest bytes of a record.
const RECORD_MIN: usize = 16;
/// How a section of pcapng begins.
const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

fuzz_target!(|data: &[u8]| {
    let Some((&how, bytes)) = data.split_first() else {
        return;
    };
    let mapped = read(bytes, IoMode::Mmap, false);
    let Ok((packets, report)) = &mapped else {
        assert!(read(bytes, IoMode::Read, false).is_err());
        return;
    };
    if report.compression.is_none() {
        bytes_add_up(bytes, packets, report);
    }
    let again = match how % 7 {
        0 | 1 => read(bytes, IoMode::Read, false),
        2 if report.compression.is_none() => read(&gzip(bytes), IoMode::Mmap, false),
        3 if report.compression.is_none() => read(&zstandard(bytes), IoMode::Mmap, false),
        4 if report.compression.is_none() => read(&xz(bytes), IoMode::Mmap, false),
        5 if report.compression.is_none() => read(&bzip2(bytes), IoMode::Mmap, false),
        6 if report.compression.is_none() => read(&lz4(bytes), IoMode::Mmap, false),
        _ => return,
    };
    let (packets_again, report_again) = again.expect("it can be read in one way");
    assert!(
        packets == &packets_again,
        "packets depend on how they are read"
    );
    assert_eq!(report.damage, report_again.damage);
    assert_eq!(report.damage_bytes, report_again.damage_bytes);
    match read(bytes, IoMode::Mmap, true) {
        Ok((strictly, _)) => assert!(report.damage_count == 0 && &strictly == packets),
        Err(_) => assert!(report.damage_count > 0),
    }
});

/// Every byte belongs to a header, to a packet, or to damage.
fn bytes_add_up(bytes: &[u8], packets: &[OwnedPacket], report: &TraceReport) {
    let len = bytes.len();
    assert!(
        packets.len() <= len / RECORD_MIN,
        "{} packets in {len} bytes",
        packets.len()
    );
    let captured: usize = packets.iter().map(|packet| packet.captured.len()).sum();
    let damaged = usize::try_from(report.damage_bytes).expect("no more than there are");
    let rest = len
        .checked_sub(captured + damaged)
        .expect("bytes are counted once");
    assert!(rest >= packets.len() * RECORD_MIN);
    // Another capture may begin behind the first one.
    let has_blocks = bytes.windows(SECTION.len()).any(|window| window == SECTION);
    if !has_blocks {
        // Headers have 16 or 24 bytes, and the first one is that of the file.
        assert!(
            rest.is_multiple_of(8) && rest >= 24,
            "{rest} bytes are neither packets nor damage"
        );
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

fn zstandard(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory takes all")
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}
