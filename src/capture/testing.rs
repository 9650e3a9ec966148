//! Captures made for tests, byte by byte.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::{
    ByteOrder, Compression, Here, Inputs, Next, Packet, ReadOptions, Take, TakeView, TraceReport,
};
use crate::error::Error;

/// A packet with bytes of its own, as tests compare it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) time_ns: i64,
    pub(crate) captured: Vec<u8>,
    pub(crate) original_len: u32,
    pub(crate) link_type: u32,
}

/// Packets whose bytes and lengths differ, a second apart.
pub(crate) fn samples(count: u32, captured_len: u32) -> Vec<Sample> {
    let sample = |i: u32| Sample {
        time_ns: (1_700_000_000 + i64::from(i)) * 1_000_000_000 + 123_456_000,
        captured: (0..captured_len + i % 7)
            .map(|byte| (byte * 31 + i).to_le_bytes()[0])
            .collect(),
        original_len: captured_len + i % 7 + i % 3,
        link_type: 1,
    };
    (0..count).map(sample).collect()
}

/// Writes captures in either byte order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writer(pub(crate) ByteOrder);

pub(crate) const LITTLE: Writer = Writer(ByteOrder::Little);
pub(crate) const BIG: Writer = Writer(ByteOrder::Big);

impl Writer {
    pub(crate) fn u16(self, value: u16) -> [u8; 2] {
        match self.0 {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => value.to_be_bytes(),
        }
    }

    pub(crate) fn u32(self, value: u32) -> [u8; 4] {
        match self.0 {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => value.to_be_bytes(),
        }
    }

    pub(crate) fn words(self, words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|&word| self.u32(word)).collect()
    }

    /// The file header of a pcap file.
    pub(crate) fn pcap_header(
        self,
        magic: u32,
        version: (u16, u16),
        snap_len: u32,
        network: u32,
    ) -> Vec<u8> {
        let versions = [self.u16(version.0), self.u16(version.1)].concat();
        [
            self.u32(magic).to_vec(),
            versions,
            self.words(&[0, 0, snap_len, network]),
        ]
        .concat()
    }

    /// A pcap record with a time in units of the file.
    pub(crate) fn record(
        self,
        seconds: u32,
        fraction: u32,
        captured: &[u8],
        original_len: u32,
    ) -> Vec<u8> {
        let captured_len = u32::try_from(captured.len()).unwrap();
        [
            self.words(&[seconds, fraction, captured_len, original_len]),
            captured.to_vec(),
        ]
        .concat()
    }

    /// A pcap file of version 2.4 in microseconds.
    pub(crate) fn pcap(self, samples: &[Sample]) -> Vec<u8> {
        let header = self.pcap_header(0xa1b2_c3d4, (2, 4), 65_535, 1);
        [header, self.records(samples, 1000)].concat()
    }

    /// A pcap file of version 2.4 in nanoseconds.
    pub(crate) fn pcap_nanos(self, samples: &[Sample]) -> Vec<u8> {
        let header = self.pcap_header(0xa1b2_3c4d, (2, 4), 65_535, 1);
        [header, self.records(samples, 1)].concat()
    }

    pub(crate) fn records(self, samples: &[Sample], unit_ns: i64) -> Vec<u8> {
        let record = |sample: &Sample| {
            let seconds = u32::try_from(sample.time_ns / 1_000_000_000).unwrap();
            let fraction = u32::try_from(sample.time_ns % 1_000_000_000 / unit_ns).unwrap();
            self.record(seconds, fraction, &sample.captured, sample.original_len)
        };
        samples.iter().flat_map(record).collect()
    }

    /// A pcapng block with its lengths; `body` is padded.
    pub(crate) fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padded = body.len().next_multiple_of(4);
        let len = u32::try_from(padded + 12).unwrap();
        let mut block = [self.words(&[kind, len]), body.to_vec()].concat();
        block.resize(8 + padded, 0);
        block.extend(self.u32(len));
        block
    }

    /// A section header of unknown length.
    pub(crate) fn section(self) -> Vec<u8> {
        let body = [
            self.words(&[0x1a2b_3c4d]),
            [self.u16(1), self.u16(0)].concat(),
            vec![0xff; 8],
        ]
        .concat();
        self.block(0x0a0d_0d0a, &body)
    }

    /// An interface description; `options` are complete with their padding.
    pub(crate) fn interface(self, link_type: u16, snap_len: u32, options: &[u8]) -> Vec<u8> {
        let head = [self.u16(link_type), self.u16(0)].concat();
        self.block(
            1,
            &[head, self.words(&[snap_len]), options.to_vec()].concat(),
        )
    }

    pub(crate) fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let len = u16::try_from(value.len()).unwrap();
        let mut option = [
            self.u16(code).to_vec(),
            self.u16(len).to_vec(),
            value.to_vec(),
        ]
        .concat();
        option.resize(option.len().next_multiple_of(4), 0);
        option
    }

    /// An enhanced packet block without options.
    pub(crate) fn enhanced(
        self,
        interface: u32,
        ticks: u64,
        captured: &[u8],
        original_len: u32,
    ) -> Vec<u8> {
        self.enhanced_with(interface, ticks, captured, original_len, &[])
    }

    /// An enhanced packet block; `options` are complete with their padding.
    pub(crate) fn enhanced_with(
        self,
        interface: u32,
        ticks: u64,
        captured: &[u8],
        original_len: u32,
        options: &[u8],
    ) -> Vec<u8> {
        let captured_len = u32::try_from(captured.len()).unwrap();
        let head = self.words(&[
            interface,
            u32::try_from(ticks >> 32).unwrap(),
            u32::try_from(ticks & 0xffff_ffff).unwrap(),
            captured_len,
            original_len,
        ]);
        let mut captured = captured.to_vec();
        captured.resize(captured.len().next_multiple_of(4), 0);
        self.block(6, &[head, captured, options.to_vec()].concat())
    }

    /// A pcapng file of one section and one interface in microseconds.
    pub(crate) fn pcapng(self, samples: &[Sample]) -> Vec<u8> {
        let ticks = |sample: &Sample| u64::try_from(sample.time_ns / 1000).unwrap();
        let packet = |sample: &Sample| {
            self.enhanced(0, ticks(sample), &sample.captured, sample.original_len)
        };
        [
            self.section(),
            self.interface(1, 0, &[]),
            samples.iter().flat_map(packet).collect(),
        ]
        .concat()
    }
}

/// `bytes`, compressed in one piece.
pub(crate) fn compress(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    match compression {
        Compression::Gzip => {
            flate2::read::GzEncoder::new(bytes, flate2::Compression::fast())
                .read_to_end(&mut packed)
                .unwrap();
        }
        Compression::Zstd => packed = zstd::encode_all(bytes, 1).unwrap(),
        Compression::Xz => {
            liblzma::read::XzEncoder::new(bytes, 0)
                .read_to_end(&mut packed)
                .unwrap();
        }
        Compression::Bzip2 => {
            bzip2::read::BzEncoder::new(bytes, bzip2::Compression::fast())
                .read_to_end(&mut packed)
                .unwrap();
        }
        Compression::Lz4 => {
            // By default one write becomes one block, of which a cut leaves nothing.
            let info =
                lz4_flex::frame::FrameInfo::new().block_size(lz4_flex::frame::BlockSize::Max64KB);
            let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, &mut packed);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap();
        }
    }
    packed
}

pub(crate) const COMPRESSIONS: [Compression; 5] = [
    Compression::Gzip,
    Compression::Zstd,
    Compression::Xz,
    Compression::Bzip2,
    Compression::Lz4,
];

/// Writes `bytes` to a file of `folder`.
pub(crate) fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Everything that the traces hold, and their reports.
pub(crate) fn read(
    paths: &[PathBuf],
    options: &ReadOptions,
) -> Result<(Vec<Sample>, Vec<TraceReport>), Error> {
    let mut inputs = Inputs::open(paths, options, sample)?;
    let mut samples = Vec::new();
    for _ in 0..2 {
        // The second time there is no more.
        inputs.read(|sample| samples.push(sample.clone()))?;
    }
    Ok((samples, inputs.finish()))
}

fn sample(packet: &Packet<'_>) -> Sample {
    Sample {
        time_ns: packet.time.0,
        captured: packet.captured.to_vec(),
        original_len: packet.original_len,
        link_type: packet.link_type.0,
    }
}

/// Takes what it can of stretches of so many records.
struct InStretches {
    records: usize,
    samples: Vec<Sample>,
    /// Packets of stretches.
    taken: u64,
    /// Where packets are taken one by one up to.
    until: usize,
}

impl Take for InStretches {
    type Broken = Infallible;

    fn packet(&mut self, packet: Packet<'_>) -> ControlFlow<Infallible> {
        self.samples.push(sample(&packet));
        ControlFlow::Continue(())
    }

    fn next(&mut self, here: &Here<'_>) -> ControlFlow<Infallible, Next> {
        // The first record of a stretch is a guess, unless one begins where the last one ended.
        let from = self.until.max(here.at());
        let mut found = Self::of(self.records);
        let extent = here
            .stretch(from, self.records)
            .and_then(|stretch| stretch.read(&mut found));
        self.until = extent.map_or(usize::MAX, |extent| extent.start);
        match extent {
            Some(extent) if extent.start == here.at() => {
                self.samples.append(&mut found.samples);
                self.taken += extent.seen.packets;
                self.until = extent.end + 1;
                ControlFlow::Continue(Next::Taken(extent))
            }
            _ => ControlFlow::Continue(Next::Read(self.until.max(here.at() + 1))),
        }
    }
}

impl TakeView<Sample> for InStretches {
    fn view(&mut self, view: &Sample) -> ControlFlow<Infallible> {
        self.samples.push(view.clone());
        ControlFlow::Continue(())
    }
}

impl InStretches {
    fn of(records: usize) -> Self {
        Self {
            records,
            samples: Vec::new(),
            taken: 0,
            until: 0,
        }
    }
}

/// Everything that a trace holds, its report, and how many packets were in stretches.
pub(crate) fn read_in_stretches(
    path: &Path,
    records: usize,
) -> Result<(Vec<Sample>, Vec<TraceReport>, u64), Error> {
    let paths = [path.to_owned()];
    let mut inputs = Inputs::open(&paths, &ReadOptions::default(), sample)?;
    let mut take = InStretches::of(records);
    let ControlFlow::Continue(()) = inputs.each(&mut take)?;
    Ok((take.samples, inputs.finish(), take.taken))
}

/// Everything that one trace of these bytes holds, and its report: mapped, in stretches, read as a stream
/// and compressed, which must not differ.
pub(crate) fn read_bytes(bytes: &[u8]) -> Result<(Vec<Sample>, TraceReport), Error> {
    let folder = tempfile::tempdir().unwrap();
    let options = ReadOptions::default();
    let path = write(folder.path(), "trace", bytes);
    let mapped = read(std::slice::from_ref(&path), &options);
    for records in [1, 10] {
        match (&mapped, read_in_stretches(&path, records)) {
            (Ok((samples, reports)), Ok((others, other_reports, _))) => {
                assert_eq!(*samples, others);
                assert_eq!(format!("{reports:?}"), format!("{other_reports:?}"));
            }
            (Err(_), Err(_)) => {}
            _ => panic!("mapped and in stretches differ"),
        }
    }
    let streamed = read(
        &[path],
        &ReadOptions {
            io: super::IoMode::Read,
            ..options.clone()
        },
    );
    let path = write(folder.path(), "packed", &compress(Compression::Lz4, bytes));
    let packed = read(&[path], &options);
    for other in [streamed, packed] {
        match (&mapped, &other) {
            (Ok((samples, reports)), Ok((others, other_reports))) => {
                assert_eq!(samples, others);
                assert_eq!(reports[0].damage, other_reports[0].damage);
            }
            (Err(_), Err(_)) => {}
            _ => panic!("mapped and streamed differ"),
        }
    }
    mapped.map(|(samples, mut reports)| (samples, reports.remove(0)))
}
