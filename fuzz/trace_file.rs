//! Bytes as a trace that can be opened, and all that is in it.

#![allow(dead_code, reason = "each target uses its part")]

use std::path::PathBuf;

use goostat::Error;
use goostat::capture::{Inputs, IoMode, Packet, ReadOptions, TraceReport};

/// A packet with bytes of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnedPacket {
    pub(crate) time: i64,
    pub(crate) captured: Vec<u8>,
    pub(crate) original_len: u32,
    pub(crate) link_type: u32,
}

impl From<Packet<'_>> for OwnedPacket {
    fn from(packet: Packet<'_>) -> Self {
        Self {
            time: packet.time.0,
            captured: packet.captured.to_vec(),
            original_len: packet.original_len,
            link_type: packet.link_type.0,
        }
    }
}

/// A file of this process that holds `bytes`; the next one takes its place.
pub(crate) fn file(bytes: &[u8]) -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    };
    let path = folder.join(format!("goostat-fuzz-{}", std::process::id()));
    std::fs::write(&path, bytes).expect("a temporary file can be written");
    path
}

/// Reads a trace to its end.
pub(crate) fn read(
    bytes: &[u8],
    io: IoMode,
    strict: bool,
) -> Result<(Vec<OwnedPacket>, TraceReport), Error> {
    let options = ReadOptions {
        strict,
        io,
        ..ReadOptions::default()
    };
    let own = |packet: &Packet<'_>| OwnedPacket::from(*packet);
    let mut inputs = Inputs::open(&[file(bytes)], &options, own)?;
    let mut packets = Vec::new();
    inputs.read(|packet| packets.push(packet.clone()))?;
    let mut reports = inputs.finish();
    let report = reports.pop().expect("there is one trace");
    assert!(reports.is_empty());
    assert_eq!(usize::try_from(report.packets), Ok(packets.len()));
    Ok((packets, report))
}
