//! Which compression a trace has, and the crate that undoes it.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use lz4_flex::frame::{Error as Lz4Error, FrameDecoder};

/// Compressed bytes that are read at a time.
const INPUT_BUFFER_LEN: usize = 256 << 10;

/// zstd's largest window, which `--long=31` asks for; by default the crate stops at 128 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 31;

/// Memory an xz stream may ask for; `xz -9` needs a sixteenth.
const XZ_MEMORY_MAX: u64 = 1 << 30;

/// The compressed bytes.
type Input = BufReader<Box<dyn Read + Send>>;

/// The compressions that are undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952, with any number of members.
    Gzip,
    /// RFC 8878, with any number of frames.
    Zstd,
    /// The .xz format, with any number of streams.
    Xz,
    /// bzip2, with any number of streams.
    Bzip2,
    /// The LZ4 frame format, with any number of frames.
    Lz4,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
            Self::Lz4 => "lz4",
        })
    }
}

impl Compression {
    /// Tells the compression by the first bytes; `None` if it is none that is known.
    pub(crate) fn detect(head: &[u8]) -> Option<Self> {
        match *head {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            // The second is a skippable frame, with which parallel compressors begin.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [
                b'B',
                b'Z',
                b'h',
                b'1'..=b'9',
                0x31,
                0x41,
                0x59,
                0x26,
                0x53,
                0x59,
                ..,
            ]
            | [
                b'B',
                b'Z',
                b'h',
                b'1'..=b'9',
                0x17,
                0x72,
                0x45,
                0x38,
                0x50,
                0x90,
                ..,
            ] => Some(Self::Bzip2),
            // The second is the format of lz4 before 1.4.
            [0x04, 0x22, 0x4d, 0x18, ..] | [0x02, 0x21, 0x4c, 0x18, ..] => Some(Self::Lz4),
            _ => None,
        }
    }

    /// What `compressed` was before it was compressed.
    pub(crate) fn decoder(
        self,
        compressed: Box<dyn Read + Send>,
    ) -> io::Result<Box<dyn Read + Send>> {
        let input = BufReader::with_capacity(INPUT_BUFFER_LEN, compressed);
        Ok(match self {
            Self::Gzip => Box::new(GzipReader {
                member: Some(GzDecoder::new(input)),
            }),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Box::new(decoder)
            }
            Self::Xz => Box::new(XzReader::new(input)?),
            Self::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
            Self::Lz4 => Box::new(Lz4Reader::new(input)),
        })
    }
}

/// All members of a gzip file, one after the other. Zeros behind one are padding, as from tapes, and no member.
struct GzipReader {
    /// `None` at the end.
    member: Option<GzDecoder<Input>>,
}

impl Read for GzipReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let len = member.read(buffer)?;
            if len > 0 || buffer.is_empty() {
                return Ok(len);
            }
            if let Some(ended) = self.member.take() {
                self.member = behind_zeros(ended.into_inner())?;
            }
        }
        Ok(0)
    }
}

/// The next member of a gzip file, if there is one.
fn behind_zeros(mut input: Input) -> io::Result<Option<GzDecoder<Input>>> {
    loop {
        let bytes = input.fill_buf()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        if bytes.is_empty() {
            return Ok(None);
        }
        let is_next = zeros < bytes.len();
        input.consume(zeros);
        if is_next {
            return Ok(Some(GzDecoder::new(input)));
        }
    }
}

/// An xz stream. The crate drops what it decompressed in a call that ends with an error; this keeps
/// it.
struct XzReader {
    decoder: XzDecoder<Input>,
    delivered: u64,
    failure: Option<io::Error>,
}

impl XzReader {
    fn new(input: Input) -> io::Result<Self> {
        let stream = Stream::new_stream_decoder(XZ_MEMORY_MAX, CONCATENATED)?;
        Ok(Self {
            decoder: XzDecoder::new_stream(input, stream),
            delivered: 0,
            failure: None,
        })
    }
}

impl Read for XzReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let outcome = self.decoder.read(buffer);
        let made = self.decoder.total_out().saturating_sub(self.delivered);
        self.delivered = self.decoder.total_out();
        match (outcome, usize::try_from(made)) {
            (Err(error), Ok(made)) if (1..=buffer.len()).contains(&made) => {
                self.failure = Some(error);
                Ok(made)
            }
            (outcome, _) => outcome,
        }
    }
}

/// All frames of an LZ4 stream, one after the other; fails where it is cut short.
///
/// `lz4_flex` says "end" after each frame, and also where a frame stops between two blocks. To tell
/// these apart, it is given bytes that are neither a frame nor a block once the input has ended:
/// which of the two it complains about shows where it stands. Each frame has a decoder of its own,
/// because one that is used again keeps its buffers, and panics where they have not the size it
/// expects (with debug assertions).
struct Lz4Reader {
    /// `None` only while it is exchanged.
    decoder: Option<FrameDecoder<Lz4Input>>,
}

impl Lz4Reader {
    fn new(input: Input) -> Self {
        Self {
            decoder: Some(FrameDecoder::new(Lz4Input {
                input,
                probing: false,
            })),
        }
    }

    /// Goes on behind a frame of `len` bytes without content, or behind one that seems to have
    /// ended.
    fn next_frame(&mut self, skipped_len: u32) -> io::Result<()> {
        let Some(decoder) = &mut self.decoder else {
            return Ok(());
        };
        decoder.get_mut().skip(u64::from(skipped_len))?;
        decoder.get_mut().probing = decoder.get_mut().input.fill_buf()?.is_empty();
        if !decoder.get_ref().probing {
            self.decoder = self
                .decoder
                .take()
                .map(|decoder| FrameDecoder::new(decoder.into_inner()));
        }
        Ok(())
    }
}

impl Read for Lz4Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.decoder {
            let probing = decoder.get_ref().probing;
            match decoder.read(buffer) {
                Ok(0) if !buffer.is_empty() && !probing => self.next_frame(0)?,
                Ok(len) => return Ok(len),
                Err(error) => match lz4_error(&error) {
                    Some(Lz4Error::WrongMagicNumber) if probing => return Ok(0),
                    Some(Lz4Error::BlockTooBig) if probing => {
                        return Err(io::Error::new(
                            io::ErrorKind::UnexpectedEof,
                            "the frame is cut short",
                        ));
                    }
                    Some(&Lz4Error::SkippableFrame(len)) => self.next_frame(len)?,
                    _ => return Err(error),
                },
            }
        }
        Ok(0)
    }
}

/// The error of `lz4_flex` inside an I/O error.
fn lz4_error(error: &io::Error) -> Option<&Lz4Error> {
    error.get_ref()?.downcast_ref()
}

/// The compressed bytes, and what is served after them.
struct Lz4Input {
    input: Input,
    /// Once set, the input is `FF FF FF FF …`: no frame's magic number, and the length of no block.
    probing: bool,
}

impl Lz4Input {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.input.by_ref().take(bytes), &mut io::sink())?;
        if skipped == bytes {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

impl Read for Lz4Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.probing {
            buffer.fill(0xff);
            return Ok(buffer.len());
        }
        self.input.read(buffer)
    }
}
