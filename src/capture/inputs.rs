//! All traces as one stream of packets.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use super::feed::Pace;
use super::folder::{self, Candidate};
use super::packet::{Packet, Timestamp};
use super::progress::Progress;
use super::report::{Damage, DamageReason, TraceReport};
use super::source::{self, Source};
use super::stop::Stop;
use super::trace::Trace;
use crate::error::Error;

/// Bytes in a block of a stream. Four times as many changed nothing in a scan of gzip files.
const BLOCK_LEN: usize = 1 << 20;

/// Blocks that wait to be read when nothing is gained from having more.
const BLOCKS_MIN: usize = 8;

/// Decompressed bytes that may wait to be read, in all files that are being decompressed together.
/// Where files are no longer than their share of it, as rotated ones often are, so many of them are
/// decompressed side by side.
const WAITING_BYTES_MAX: usize = 512 << 20;

/// How traces are read.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// Damage in a trace is an error.
    pub strict: bool,
    /// How files that are not compressed come into memory.
    pub io: IoMode,
    /// How many compressed files are decompressed at a time besides the one that is being read,
    /// each in its thread.
    pub ahead: usize,
    /// Ends the reading early.
    pub stop: Stop,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            strict: false,
            io: IoMode::default(),
            ahead: 1,
            stop: Stop::default(),
        }
    }
}

/// How files that are not compressed come into memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IoMode {
    /// Mapped: fastest. Of a file that is cut short meanwhile what is gone is lost, which is told;
    /// on systems other than Linux it ends the process.
    #[default]
    Mmap,
    /// Read by a thread, for files that may change.
    Read,
}

/// All traces of a run.
pub struct Inputs {
    options: ReadOptions,
    /// Those not yet begun.
    waiting: VecDeque<Waiting>,
    current: Option<Trace>,
    reports: Vec<TraceReport>,
    progress: Arc<Progress>,
    pace: Pace,
    interrupted: bool,
}

/// A trace that is known to be one.
struct Waiting {
    candidate: Candidate,
    /// Its first packet's time.
    first: Option<Timestamp>,
    /// Bytes on disk, if it is no pipe.
    size: Option<u64>,
    /// Is read, or decompressed, by a thread, which can work ahead.
    streamed: bool,
    state: State,
}

enum State {
    Closed,
    Opened(Source),
    /// Looked into and kept, because it could not be opened again.
    Begun(Box<Trace>),
}

impl Inputs {
    /// Finds the traces that `paths` mean and puts them in the order of their first packets; where
    /// these are equal, in the order given. A folder stands for the files in it and below, hidden
    /// ones excepted; `-` is standard input.
    ///
    /// # Errors
    /// If no path can be opened and is a capture, or `options` are strict and one is not. Otherwise
    /// files that cannot be read, and files of folders that are no captures, are reported.
    pub fn open(paths: &[PathBuf], options: &ReadOptions) -> Result<Self, Error> {
        let candidates = folder::expand(paths)?;
        let together = if candidates.len() > 1 {
            options.ahead.saturating_add(1).min(candidates.len())
        } else {
            usize::MAX
        };
        let blocks = (WAITING_BYTES_MAX / BLOCK_LEN / together).max(BLOCKS_MIN);
        let mut inputs = Self {
            options: options.clone(),
            waiting: VecDeque::with_capacity(candidates.len()),
            current: None,
            reports: Vec::new(),
            progress: Arc::default(),
            pace: Pace {
                block_len: BLOCK_LEN,
                blocks,
            },
            interrupted: false,
        };
        let alone = candidates.len() == 1;
        let mut refused = None;
        for candidate in candidates {
            if options.stop.is_stopped() {
                break;
            }
            match inputs.look(&candidate, alone) {
                Ok(waiting) => inputs.waiting.push_back(waiting),
                Err(error) if options.strict => return Err(error),
                Err(error) => {
                    inputs.skip(&candidate, &error);
                    if candidate.named {
                        refused.get_or_insert(error);
                    }
                }
            }
        }
        if inputs.waiting.is_empty() && !options.stop.is_stopped() {
            return Err(refused.unwrap_or_else(|| nothing_in(paths)));
        }
        inputs
            .waiting
            .make_contiguous()
            .sort_by_key(|waiting| waiting.first);
        let sizes: Option<u64> = inputs.waiting.iter().map(|waiting| waiting.size).sum();
        inputs.progress = Arc::new(Progress::new(sizes.unwrap_or(0)));
        Ok(inputs)
    }

    /// The next packet; `None` when all traces are at their end.
    ///
    /// # Errors
    /// If a trace cannot be read on, or is damaged, and the options are strict.
    #[inline]
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, Error> {
        loop {
            let advanced = match &mut self.current {
                Some(trace) => trace.advance(),
                None => Ok(false),
            };
            match advanced {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) => self.give_up(error)?,
            }
            if !self.begin_next()? {
                return Ok(None);
            }
        }
        Ok(self.current.as_ref().map(Trace::packet))
    }

    /// Whether the reading was stopped before the traces ended.
    pub fn was_interrupted(&self) -> bool {
        self.interrupted
    }

    /// How far the reading has come; it goes on telling while packets are read.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// What was found out about the traces, in the order they were read in. One that was not begun
    /// is not among them.
    pub fn finish(mut self) -> Vec<TraceReport> {
        self.reports.extend(self.current.take().map(Trace::finish));
        self.reports
    }

    /// Opens a trace, and reads up to its first packet unless it is `alone`, when no order depends
    /// on it.
    fn look(&self, candidate: &Candidate, alone: bool) -> Result<Waiting, Error> {
        let keep = alone || !source::is_repeatable(&candidate.path);
        let pace = if keep { self.pace } else { Pace::PEEK };
        let source = Source::open(&candidate.path, self.options.io, pace)?;
        let (size, streamed) = (source.size, source.window.is_streamed());
        let mut trace = Trace::begin(candidate.path.clone(), source, &self.options)?;
        let first = if alone { None } else { trace.peek()? };
        let state = if keep {
            State::Begun(Box::new(trace))
        } else {
            State::Closed
        };
        Ok(Waiting {
            candidate: candidate.clone(),
            first,
            size,
            streamed,
            state,
        })
    }

    /// Reports a file that could not be begun.
    fn skip(&mut self, candidate: &Candidate, error: &Error) {
        let metadata = candidate.path.metadata();
        let mut report = TraceReport {
            path: candidate.path.clone(),
            bytes: metadata.map_or(0, |metadata| metadata.len()),
            ..TraceReport::default()
        };
        match error {
            Error::Capture { offset, reason, .. } if !candidate.named => report.note(Damage {
                offset: *offset,
                bytes: report.bytes,
                reason: DamageReason::NotACapture(reason.clone()),
                before: None,
                after: None,
            }),
            error => report.failure = Some(error.to_string()),
        }
        self.reports.push(report);
    }

    /// Ends a trace that cannot be read on, or all of them if the reading shall stop. What was read
    /// of it is kept.
    #[cold]
    fn give_up(&mut self, error: Error) -> Result<(), Error> {
        let stopped = self.options.stop.is_stopped();
        if self.options.strict && !stopped {
            return Err(error);
        }
        if let Some(trace) = self.current.take() {
            let mut report = trace.finish();
            report.failure = (!stopped).then(|| error.to_string());
            self.reports.push(report);
        }
        Ok(())
    }

    /// Ends the current trace and begins the next one; false if there is none.
    #[cold]
    fn begin_next(&mut self) -> Result<bool, Error> {
        self.reports.extend(self.current.take().map(Trace::finish));
        if self.options.stop.is_stopped() {
            self.interrupted = true;
            return Ok(false);
        }
        while let Some(waiting) = self.waiting.pop_front() {
            let begun = self.begin(waiting.state, &waiting.candidate);
            self.open_ahead();
            match begun {
                Ok(mut trace) => {
                    trace.tell(self.progress());
                    self.current = Some(trace);
                    return Ok(true);
                }
                Err(error) if self.options.strict => return Err(error),
                Err(error) => self.skip(&waiting.candidate, &error),
            }
        }
        Ok(false)
    }

    fn begin(&self, state: State, candidate: &Candidate) -> Result<Trace, Error> {
        let source = match state {
            State::Begun(trace) => return Ok(*trace),
            State::Opened(source) => source,
            State::Closed => Source::open(&candidate.path, self.options.io, self.pace)?,
        };
        Trace::begin(candidate.path.clone(), source, &self.options)
    }

    /// Has the threads of the next streamed files begin their work.
    fn open_ahead(&mut self) {
        let next = self
            .waiting
            .iter_mut()
            .filter(|waiting| waiting.streamed)
            .take(self.options.ahead);
        for waiting in next.filter(|waiting| matches!(waiting.state, State::Closed)) {
            // A file that cannot be opened now is left for its turn, which will say why.
            if let Ok(source) = Source::open(&waiting.candidate.path, self.options.io, self.pace) {
                waiting.state = State::Opened(source);
            }
        }
    }
}

/// Folders without a single trace in them are a mistake.
fn nothing_in(paths: &[PathBuf]) -> Error {
    Error::Capture {
        path: paths.first().cloned().unwrap_or_default(),
        offset: 0,
        reason: "there is no capture in this folder".to_owned(),
    }
}
