//! All traces as one stream of packets.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use super::ahead::{Ahead, Viewer};
use super::feed::Pace;
use super::folder::{self, Candidate};
use super::packet::{Packet, Timestamp};
use super::progress::Progress;
use super::report::{Damage, DamageReason, TraceReport};
use super::source::{self, Source};
use super::stop::Stop;
use super::stretch::{Here, Next};
use super::trace::Trace;
use crate::error::Error;

/// How traces are read.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// Damage in a trace is an error.
    pub strict: bool,
    /// How files that are not compressed come into memory.
    pub io: IoMode,
    /// How many compressed files are read at a time besides the one whose packets are taken.
    pub ahead: usize,
    /// Bytes of views that may wait to be taken, of all traces that are read ahead together. Where the
    /// views of files are no more than their share of it, as of rotated ones they often are, so many
    /// files are decompressed side by side.
    pub waiting_bytes: usize,
    /// Ends the reading early.
    pub stop: Stop,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            strict: false,
            io: IoMode::default(),
            ahead: 1,
            waiting_bytes: 512 << 20,
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

/// All traces of a run, and what `L` makes of their packets.
pub struct Inputs<L: Viewer> {
    options: ReadOptions,
    viewer: L,
    /// Those not yet begun.
    waiting: VecDeque<Waiting<L::View>>,
    current: Option<Current<L::View>>,
    reports: Vec<TraceReport>,
    progress: Arc<Progress>,
    /// Bytes of views that may wait for each trace.
    waiting_bytes: usize,
    interrupted: bool,
}

/// Whoever takes packets one after the other. A trait, not a function, since its methods can be made part
/// of the loops that call them: functions of a packet take packets, too.
pub trait Take {
    /// Why it breaks off.
    type Broken;

    /// Takes a packet.
    fn packet(&mut self, packet: Packet<'_>) -> ControlFlow<Self::Broken>;

    /// What is to be done next: where a mapped file can be read in several places at once, it may have
    /// taken packets from there.
    #[inline]
    fn next(&mut self, _here: &Here<'_>) -> ControlFlow<Self::Broken, Next> {
        ControlFlow::Continue(Next::Ask(usize::MAX))
    }
}

impl<B, F: FnMut(Packet<'_>) -> ControlFlow<B>> Take for F {
    type Broken = B;

    #[inline(always)]
    fn packet(&mut self, packet: Packet<'_>) -> ControlFlow<B> {
        self(packet)
    }
}

/// Whoever also takes what a viewer made of the packets that were read ahead.
pub trait TakeView<V>: Take {
    /// Takes what was made of a packet.
    fn view(&mut self, view: &V) -> ControlFlow<Self::Broken>;
}

/// Gives a function what a viewer makes of all packets.
struct All<L, F> {
    viewer: L,
    take: F,
}

impl<L: Viewer, F: FnMut(&L::View)> Take for All<L, F> {
    type Broken = Infallible;

    #[inline]
    fn packet(&mut self, packet: Packet<'_>) -> ControlFlow<Infallible> {
        (self.take)(&self.viewer.view(&packet));
        ControlFlow::Continue(())
    }
}

impl<L: Viewer, F: FnMut(&L::View)> TakeView<L::View> for All<L, F> {
    #[inline]
    fn view(&mut self, view: &L::View) -> ControlFlow<Infallible> {
        (self.take)(view);
        ControlFlow::Continue(())
    }
}

/// The trace whose packets are being taken.
enum Current<V> {
    /// Read here: a mapped file, or a pipe whose next packet may be long in coming.
    Here(Box<Trace>),
    /// Read by its own thread.
    Ahead(Ahead<V>),
}

/// A trace that is known to be one.
struct Waiting<V> {
    candidate: Candidate,
    /// Its first packet's time.
    first: Option<Timestamp>,
    /// Bytes on disk, if it is no pipe.
    size: Option<u64>,
    /// A thread of its own reads it.
    goes_ahead: bool,
    state: State<V>,
}

enum State<V> {
    Closed,
    Ahead(Ahead<V>),
    /// Looked into and kept, because it could not be opened again.
    Begun(Box<Trace>),
}

impl<V: Send + 'static> Current<V> {
    /// What was found out about the trace, up to the packet at hand; nothing of one that is read
    /// by its own thread and was left before its end.
    fn finish(self) -> Option<TraceReport> {
        match self {
            Self::Here(trace) => Some(trace.finish()),
            Self::Ahead(ahead) => ahead.finish(),
        }
    }
}

impl<L: Viewer> Inputs<L> {
    /// Finds the traces that `paths` mean and puts them in the order of their first packets; where
    /// these are equal, in the order given. A folder stands for the files in it and below, hidden
    /// ones excepted; `-` is standard input. `viewer` looks at every packet.
    ///
    /// # Errors
    /// If no path can be opened and is a capture, or `options` are strict and one is not. Otherwise
    /// files that cannot be read, and files of folders that are no captures, are reported.
    pub fn open(paths: &[PathBuf], options: &ReadOptions, viewer: L) -> Result<Self, Error> {
        let folder::Expanded {
            candidates,
            refused,
        } = folder::expand(paths);
        // Nothing is gained from reading the only one far ahead.
        let waiting_bytes = match candidates.len() {
            0 | 1 => 0,
            many => options.waiting_bytes / options.ahead.saturating_add(1).min(many),
        };
        let mut inputs = Self {
            options: options.clone(),
            viewer,
            waiting: VecDeque::with_capacity(candidates.len()),
            current: None,
            reports: Vec::new(),
            progress: Arc::default(),
            waiting_bytes,
            interrupted: false,
        };
        let alone = candidates.len() == 1;
        let mut first_error = None;
        let mut refuse = |inputs: &mut Self, candidate: &Candidate, error| {
            if options.strict {
                return Err(error);
            }
            if inputs.skip(candidate, &error) {
                first_error.get_or_insert(error);
            }
            Ok(())
        };
        for (candidate, error) in refused {
            refuse(&mut inputs, &candidate, error)?;
        }
        for candidate in candidates {
            if options.stop.is_stopped() {
                break;
            }
            match inputs.look(&candidate, alone) {
                Ok(waiting) => inputs.waiting.push_back(waiting),
                Err(error) => refuse(&mut inputs, &candidate, error)?,
            }
        }
        if inputs.waiting.is_empty() && !options.stop.is_stopped() {
            return Err(first_error.unwrap_or_else(|| nothing_in(paths)));
        }
        inputs
            .waiting
            .make_contiguous()
            .sort_by_key(|waiting| waiting.first);
        let sizes: Option<u64> = inputs.waiting.iter().map(|waiting| waiting.size).sum();
        inputs.progress = Arc::new(Progress::new(sizes.unwrap_or(0)));
        Ok(inputs)
    }

    /// Gives `take` what is made of every packet that is left.
    ///
    /// # Errors
    /// If a trace cannot be read on, or is damaged, and the options are strict.
    pub fn read(&mut self, take: impl FnMut(&L::View)) -> Result<(), Error> {
        let viewer = self.viewer.clone();
        let ControlFlow::Continue(()) = self.each(&mut All { viewer, take })?;
        Ok(())
    }

    /// The same until `take` breaks off. It looks for itself at the packets that have not been looked
    /// at: where every instruction counts, what it makes of them need not be put together for it.
    ///
    /// # Errors
    /// If a trace cannot be read on, or is damaged, and the options are strict.
    #[inline]
    pub fn each<T: TakeView<L::View>>(
        &mut self,
        take: &mut T,
    ) -> Result<ControlFlow<T::Broken>, Error> {
        loop {
            let read = match &mut self.current {
                Some(Current::Here(trace)) => trace.read(take),
                Some(Current::Ahead(ahead)) => ahead.read(|view| take.view(view)),
                None => Ok(ControlFlow::Continue(())),
            };
            match read {
                Ok(ControlFlow::Continue(())) => {}
                Ok(broken_off) => return Ok(broken_off),
                Err(error) => self.give_up(error)?,
            }
            if !self.begin_next()? {
                return Ok(ControlFlow::Continue(()));
            }
        }
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
    /// is not among them, nor is a compressed one that was left before its end.
    pub fn finish(mut self) -> Vec<TraceReport> {
        self.reports
            .extend(self.current.take().and_then(Current::finish));
        self.reports
    }

    /// Opens a trace, and reads up to its first packet unless it is `alone`, when no order depends
    /// on it.
    fn look(&self, candidate: &Candidate, alone: bool) -> Result<Waiting<L::View>, Error> {
        let keep = alone || !source::is_repeatable(&candidate.path);
        let pace = if keep { Pace::FULL } else { Pace::PEEK };
        let source = Source::open(&candidate.path, self.options.io, pace)?;
        let (size, goes_ahead) = (source.size, source.can_go_ahead());
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
            goes_ahead,
            state,
        })
    }

    /// Reports a file that could not be begun. Says whether that is a failure, as against a file of a folder that
    /// is no capture.
    fn skip(&mut self, candidate: &Candidate, error: &Error) -> bool {
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
        let is_failure = report.failure.is_some();
        self.reports.push(report);
        is_failure
    }

    /// Ends a trace that cannot be read on, or all of them if the reading shall stop. What was read
    /// of it is kept.
    #[cold]
    fn give_up(&mut self, error: Error) -> Result<(), Error> {
        let stopped = self.options.stop.is_stopped();
        if self.options.strict && !stopped {
            return Err(error);
        }
        if let Some(mut report) = self.current.take().and_then(Current::finish) {
            report.failure = (!stopped).then(|| error.to_string());
            self.reports.push(report);
        }
        Ok(())
    }

    /// Ends the current trace and begins the next one; false if there is none.
    #[cold]
    fn begin_next(&mut self) -> Result<bool, Error> {
        self.reports
            .extend(self.current.take().and_then(Current::finish));
        if self.options.stop.is_stopped() {
            self.interrupted = true;
            return Ok(false);
        }
        while let Some(waiting) = self.waiting.pop_front() {
            let Waiting {
                candidate, state, ..
            } = waiting;
            let begun = self.begin(state, waiting.goes_ahead, &candidate);
            self.go_ahead();
            match begun {
                Ok(current) => {
                    self.current = Some(current);
                    return Ok(true);
                }
                Err(error) if self.options.strict => return Err(error),
                Err(error) => _ = self.skip(&candidate, &error),
            }
        }
        Ok(false)
    }

    fn begin(
        &self,
        state: State<L::View>,
        goes_ahead: bool,
        candidate: &Candidate,
    ) -> Result<Current<L::View>, Error> {
        let mut ahead = match state {
            State::Ahead(ahead) => ahead,
            State::Begun(trace) if goes_ahead => self.start(candidate, || Ok(*trace))?,
            State::Begun(trace) => return Ok(self.here(*trace)),
            State::Closed => {
                let source = self.open_source(candidate)?;
                if !source.can_go_ahead() {
                    let trace = Trace::begin(candidate.path.clone(), source, &self.options)?;
                    return Ok(self.here(trace));
                }
                self.start_with(candidate, source)?
            }
        };
        ahead.begin()?;
        Ok(Current::Ahead(ahead))
    }

    fn here(&self, mut trace: Trace) -> Current<L::View> {
        trace.tell(self.progress());
        Current::Here(Box::new(trace))
    }

    fn open_source(&self, candidate: &Candidate) -> Result<Source, Error> {
        Source::open(&candidate.path, self.options.io, Pace::FULL)
    }

    /// Has a thread read the trace in `source`.
    fn start_with(&self, candidate: &Candidate, source: Source) -> Result<Ahead<L::View>, Error> {
        let (path, options) = (candidate.path.clone(), self.options.clone());
        self.start(candidate, move || Trace::begin(path, source, &options))
    }

    /// Has a thread read the trace that `begin` makes.
    fn start(
        &self,
        candidate: &Candidate,
        begin: impl FnOnce() -> Result<Trace, Error> + Send + 'static,
    ) -> Result<Ahead<L::View>, Error> {
        let progress = self.progress();
        let begin = move || {
            let mut trace = begin()?;
            trace.tell(progress);
            Ok(trace)
        };
        Ahead::start(begin, self.viewer.clone(), self.waiting_bytes)
            .map_err(Error::io(&candidate.path, "read"))
    }

    /// Has the threads of the next traces begin their work.
    fn go_ahead(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        let next = waiting
            .iter_mut()
            .filter(|waiting| waiting.goes_ahead)
            .take(self.options.ahead);
        for waiting in next.filter(|waiting| matches!(waiting.state, State::Closed)) {
            let candidate = &waiting.candidate;
            let started = self
                .open_source(candidate)
                .and_then(|source| self.start_with(candidate, source));
            // A file that cannot be opened now is left for its turn, which will say why.
            if let Ok(ahead) = started {
                waiting.state = State::Ahead(ahead);
            }
        }
        self.waiting = waiting;
    }
}

/// Folders without a single trace in them are a mistake.
fn nothing_in(paths: &[PathBuf]) -> Error {
    let path = paths.first().cloned().unwrap_or_default();
    let nothing = io::Error::new(
        io::ErrorKind::NotFound,
        "there is no capture in this folder",
    );
    Error::io(path, "begin")(nothing)
}
