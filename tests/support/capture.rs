//! Captures taken to pieces and put together again, for tests that change what is in them.

use std::fs;
use std::path::Path;

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;

/// Ethernet, as a link type.
pub(crate) const ETHERNET: u32 = 1;

/// One packet of a capture.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) time_ns: i64,
    pub(crate) original_len: u32,
    pub(crate) bytes: Vec<u8>,
}

/// A capture in pieces.
#[derive(Clone)]
pub(crate) struct Capture {
    pub(crate) link_type: u32,
    pub(crate) records: Vec<Record>,
}

/// How a capture is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    pub(crate) big_endian: bool,
    pub(crate) nanoseconds: bool,
}

impl Capture {
    /// Takes a little-endian pcap file to pieces; what is cut short at its end is left out.
    pub(crate) fn read(path: &Path) -> Self {
        let file = fs::read(path).unwrap();
        let word = |at: usize| {
            Some(u32::from_le_bytes(
                file.get(at..at + 4)?.try_into().unwrap(),
            ))
        };
        let unit = match word(0) {
            Some(MICROSECONDS) => 1000,
            Some(NANOSECONDS) => 1,
            other => panic!("{}: {other:x?} is no little-endian pcap", path.display()),
        };
        let mut records = Vec::new();
        let mut at = 24;
        while let Some(original_len) = word(at + 12) {
            let len = word(at + 8).unwrap() as usize;
            let Some(bytes) = file.get(at + 16..at + 16 + len) else {
                break;
            };
            let seconds = i64::from(word(at).unwrap());
            let time_ns = seconds * 1_000_000_000 + i64::from(word(at + 4).unwrap()) * unit;
            records.push(Record {
                time_ns,
                original_len,
                bytes: bytes.to_vec(),
            });
            at += 16 + len;
        }
        Self {
            link_type: word(20).unwrap(),
            records,
        }
    }

    /// The bytes of a pcap file.
    pub(crate) fn pcap(&self, form: Form) -> Vec<u8> {
        let magic = if form.nanoseconds {
            NANOSECONDS
        } else {
            MICROSECONDS
        };
        let mut file = Writer {
            big_endian: form.big_endian,
            bytes: Vec::new(),
        };
        file.words(&[magic]);
        file.halves(&[2, 4]);
        file.words(&[0, 0, 262_144, self.link_type]);
        for record in &self.records {
            let [seconds, fraction] = form.time(record.time_ns);
            let len = u32::try_from(record.bytes.len()).unwrap();
            file.words(&[seconds, fraction, len, record.original_len]);
            file.bytes.extend(&record.bytes);
        }
        file.bytes
    }

    /// The bytes of a pcapng file with times in nanoseconds.
    pub(crate) fn pcapng(&self) -> Vec<u8> {
        let mut file = Writer {
            big_endian: false,
            bytes: Vec::new(),
        };
        file.words(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d]);
        file.halves(&[1, 0]);
        file.words(&[u32::MAX, u32::MAX, 28]);
        // An interface with if_tsresol 9.
        file.words(&[1, 32, self.link_type, 0]);
        file.halves(&[9, 1]);
        file.words(&[9, 0, 32]);
        for record in &self.records {
            file.enhanced_packet(record);
        }
        file.bytes
    }

    /// Writes it as a little-endian pcap file in nanoseconds.
    pub(crate) fn write(&self, path: &Path) {
        let form = Form {
            big_endian: false,
            nanoseconds: true,
        };
        fs::write(path, self.pcap(form)).unwrap();
    }
}

impl Form {
    /// Seconds, and what is left in this form's unit.
    fn time(self, time_ns: i64) -> [u32; 2] {
        let seconds = time_ns.div_euclid(1_000_000_000);
        let nanoseconds = time_ns.rem_euclid(1_000_000_000);
        let fraction = if self.nanoseconds {
            nanoseconds
        } else {
            nanoseconds / 1000
        };
        [seconds, fraction].map(|part| u32::try_from(part).unwrap())
    }
}

/// Numbers in one byte order.
struct Writer {
    big_endian: bool,
    bytes: Vec<u8>,
}

impl Writer {
    fn words(&mut self, words: &[u32]) {
        for word in words {
            let bytes = if self.big_endian {
                word.to_be_bytes()
            } else {
                word.to_le_bytes()
            };
            self.bytes.extend(bytes);
        }
    }

    fn halves(&mut self, halves: &[u16]) {
        for half in halves {
            let bytes = if self.big_endian {
                half.to_be_bytes()
            } else {
                half.to_le_bytes()
            };
            self.bytes.extend(bytes);
        }
    }

    fn enhanced_packet(&mut self, record: &Record) {
        let len = u32::try_from(record.bytes.len()).unwrap();
        let block_len = 32 + len.next_multiple_of(4);
        let time = u64::try_from(record.time_ns).unwrap().to_be_bytes();
        let (high, low) = time.split_at(4);
        let [high, low] = [high, low].map(|half| u32::from_be_bytes(half.try_into().unwrap()));
        self.words(&[6, block_len, 0, high, low, len, record.original_len]);
        self.bytes.extend(&record.bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.words(&[block_len]);
    }
}
