//! A thread that reads a stream, and decompresses it, ahead of whoever takes its blocks.
//!
//! Blocks come through a bounded channel and go back through another one to be filled again. Each
//! has room in front of its bytes, where the taker puts the incomplete record that the block before
//! ended with: so records lie in one piece, and only these few bytes are ever copied.

use std::io::{self, Read};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};

use super::compression::Compression;
use super::stop::Stop;

/// Room in front of a block's bytes. Records longer than this are rare, and are pieced together
/// elsewhere.
pub(crate) const HEADROOM: usize = 256 << 10;

/// Bytes that a decoder is asked for at a time. What it has made in a call that ends with an error
/// is lost, so it is not asked for more.
const PIECE_LEN: usize = 32 << 10;

/// How long a slow pipe is waited for before somebody looks whether to go on.
const PATIENCE: Duration = Duration::from_millis(50);

/// How much is read ahead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Bytes in a block.
    pub(crate) block_len: usize,
    /// Blocks that wait to be taken.
    pub(crate) blocks: usize,
}

impl Pace {
    /// For a trace that is read to its end. Blocks of four times as many bytes changed nothing in a
    /// scan of gzip files.
    pub(crate) const FULL: Self = Self {
        block_len: 1 << 20,
        blocks: 8,
    };

    /// For a look at the first packet: little is read that may not be wanted.
    pub(crate) const PEEK: Self = Self {
        block_len: 64 << 10,
        blocks: 1,
    };
}

/// Some bytes of the stream.
pub(crate) struct Block {
    /// [`HEADROOM`] bytes without meaning, then the stream's.
    pub(crate) bytes: Vec<u8>,
    /// Where the stream's bytes end.
    pub(crate) end: usize,
    /// How many bytes had been read from disk when the block was full.
    pub(crate) disk_bytes: u64,
}

/// How a stream ended.
pub(crate) enum End {
    /// Where it should.
    Complete,
    /// The compressed data makes no sense from here on.
    Damaged(String),
    /// The operating system refused to go on.
    Failed(io::Error),
}

enum Message {
    Block(Block),
    End(End, u64),
}

/// What comes next from a [`Feed`].
pub(crate) enum Next {
    /// More bytes.
    Block(Block),
    /// No more bytes, after so many from disk.
    End(End, u64),
    /// The reading shall end here.
    Stopped,
}

/// The taker's end of the thread. Dropping it makes the thread end, as soon as it has a block to
/// hand over.
pub(crate) struct Feed {
    full: Receiver<Message>,
    spare: Sender<Vec<u8>>,
    thread: Option<JoinHandle<()>>,
}

impl Feed {
    /// Starts reading `input`.
    pub(crate) fn start(
        input: Box<dyn Read + Send>,
        compression: Option<Compression>,
        pace: Pace,
    ) -> io::Result<Self> {
        let (full_sender, full) = bounded(pace.blocks);
        let (spare, spare_receiver) = unbounded();
        let pump = Pump {
            full: full_sender,
            spare: spare_receiver,
            pace,
            eager: compression.is_none(),
        };
        let name =
            compression.map_or_else(|| "read".to_owned(), |compression| compression.to_string());
        let thread = thread::Builder::new()
            .name(name)
            .spawn(move || pump.run(input, compression))?;
        Ok(Self {
            full,
            spare,
            thread: Some(thread),
        })
    }

    /// Waits for what comes next, or until the reading shall stop. After an end there is nothing:
    /// do not ask.
    pub(crate) fn next(&mut self, stop: &Stop) -> Next {
        loop {
            if stop.is_stopped() {
                return Next::Stopped;
            }
            match self.full.recv_timeout(PATIENCE) {
                Ok(Message::Block(block)) => return Next::Block(block),
                Ok(Message::End(end, disk_bytes)) => return Next::End(end, disk_bytes),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.fallen_silent(),
            }
        }
    }

    /// Gives a block's bytes back to be filled again.
    pub(crate) fn recycle(&self, bytes: Vec<u8>) {
        // A thread that has ended needs no more blocks.
        let _ = self.spare.send(bytes);
    }

    /// The thread says how the stream ended before it goes, unless it panicked.
    fn fallen_silent(&mut self) -> Next {
        pass_on_panic(&mut self.thread);
        Next::End(
            End::Failed(io::Error::other("the reading thread is gone")),
            0,
        )
    }
}

/// Waits for a thread that is ending; if it panicked, so do we.
pub(crate) fn pass_on_panic(thread: &mut Option<JoinHandle<()>>) {
    if let Some(Err(panic)) = thread.take().map(JoinHandle::join) {
        resume_unwind(panic);
    }
}

/// The thread's end.
struct Pump {
    full: Sender<Message>,
    spare: Receiver<Vec<u8>>,
    pace: Pace,
    /// Hand over whatever there is: a pipe may be slow, and its next bytes may never come.
    eager: bool,
}

impl Pump {
    fn run(self, input: Box<dyn Read + Send>, compression: Option<Compression>) {
        let tally = Arc::new(Tally::default());
        let counted: Box<dyn Read + Send> = Box::new(Counted {
            input,
            tally: Arc::clone(&tally),
        });
        let opened = match compression {
            Some(compression) => compression.decoder(counted),
            None => Ok(counted),
        };
        let end = match opened {
            Ok(mut stream) => self.pump(&mut *stream, &tally),
            Err(error) => Some(tally.judge(error)),
        };
        if let Some(end) = end {
            // Whoever no longer listens does not want to know.
            let _ = self.full.send(Message::End(end, tally.bytes()));
        }
    }

    /// Hands over blocks until the stream ends; `None` if nobody takes them any more.
    fn pump(&self, stream: &mut dyn Read, tally: &Tally) -> Option<End> {
        loop {
            let mut bytes = self.empty_block();
            let (len, end) =
                self.fill(stream, bytes.get_mut(HEADROOM..).unwrap_or_default(), tally);
            if len > 0 {
                let block = Block {
                    bytes,
                    end: HEADROOM + len,
                    disk_bytes: tally.bytes(),
                };
                self.full.send(Message::Block(block)).ok()?;
            }
            if end.is_some() {
                return end;
            }
        }
    }

    /// A block that came back, if it is still as it was: one that grew for a long record is let go.
    fn empty_block(&self) -> Vec<u8> {
        let len = HEADROOM + self.pace.block_len;
        let spare = self.spare.try_iter().find(|bytes| bytes.len() == len);
        spare.unwrap_or_else(|| vec![0; len])
    }

    fn fill(&self, stream: &mut dyn Read, room: &mut [u8], tally: &Tally) -> (usize, Option<End>) {
        let mut len = 0;
        while let Some(rest) = room.get_mut(len..).filter(|rest| !rest.is_empty()) {
            let piece_len = if self.eager {
                rest.len()
            } else {
                rest.len().min(PIECE_LEN)
            };
            match stream.read(rest.get_mut(..piece_len).unwrap_or_default()) {
                Ok(0) => return (len, Some(End::Complete)),
                Ok(more) => len += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (len, Some(tally.judge(error))),
            }
            if self.eager {
                break;
            }
        }
        (len, None)
    }
}

/// What the disk side of a stream went through.
#[derive(Default)]
struct Tally {
    bytes: AtomicU64,
    failed: AtomicBool,
}

impl Tally {
    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Tells a failure of the disk from data that cannot be decompressed.
    fn judge(&self, error: io::Error) -> End {
        if self.failed.load(Ordering::Relaxed) {
            End::Failed(error)
        } else {
            End::Damaged(error.to_string())
        }
    }
}

/// A reader that keeps a tally.
struct Counted {
    input: Box<dyn Read + Send>,
    tally: Arc<Tally>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buffer) {
            Ok(len) => {
                self.tally.bytes.fetch_add(len as u64, Ordering::Relaxed);
                Ok(len)
            }
            Err(error) => {
                let passing = error.kind() == io::ErrorKind::Interrupted;
                self.tally.failed.fetch_or(!passing, Ordering::Relaxed);
                Err(error)
            }
        }
    }
}
