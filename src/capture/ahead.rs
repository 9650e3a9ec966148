//! A thread that reads a trace, and looks at its packets, ahead of whoever takes what was seen.
//!
//! Of a packet that waits only the view of it is kept, which is small beside its bytes: those are
//! looked at where they have just been decompressed, and their block is filled again.

use std::io;
use std::ops::ControlFlow;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::feed::pass_on_panic;
use super::packet::Packet;
use super::report::TraceReport;
use super::trace::Trace;
use crate::error::Error;

/// Packets that are handed over together.
const BATCH: usize = 1024;

/// Batches that wait to be taken when nothing is gained from having more.
const BATCHES_MIN: usize = 8;

/// What is made of each packet where it is read: in the thread that reads its trace, while its
/// bytes are at hand. Functions of a packet are viewers.
pub trait Viewer: Clone + Send + 'static {
    /// What is made.
    type View: Send + 'static;

    /// Looks at a packet.
    fn view(&self, packet: &Packet<'_>) -> Self::View;
}

impl<T: Send + 'static, F: Fn(&Packet<'_>) -> T + Clone + Send + 'static> Viewer for F {
    type View = T;

    #[inline]
    fn view(&self, packet: &Packet<'_>) -> T {
        self(packet)
    }
}

enum Message<V> {
    /// The trace is one.
    Begun,
    Views(Vec<V>),
    End(End),
}

/// How the reading ended.
struct End {
    /// What was found out, if the trace was begun.
    report: Option<Box<TraceReport>>,
    error: Option<Error>,
}

/// The taker's end of the thread. Dropping it makes the thread end, as soon as it has something to
/// hand over.
pub(crate) struct Ahead<V> {
    full: Receiver<Message<V>>,
    spare: Sender<Vec<V>>,
    thread: Option<JoinHandle<()>>,
    batch: Vec<V>,
    /// How many of the batch were taken.
    taken: usize,
    report: Option<Box<TraceReport>>,
}

impl<V: Send + 'static> Ahead<V> {
    /// Starts to read the trace that `begin` makes. No more than about `waiting_bytes` of views
    /// wait to be taken.
    pub(crate) fn start(
        begin: impl FnOnce() -> Result<Trace, Error> + Send + 'static,
        viewer: impl Viewer<View = V>,
        waiting_bytes: usize,
    ) -> io::Result<Self> {
        let batches = waiting_bytes / (BATCH * size_of::<V>().max(1));
        let (full_sender, full) = bounded(batches.max(BATCHES_MIN));
        let (spare, spare_receiver) = unbounded();
        let thread = thread::Builder::new()
            .name("scan".to_owned())
            .spawn(move || {
                let end = match begin() {
                    Ok(trace) => scan(trace, &viewer, &full_sender, &spare_receiver),
                    Err(error) => Some(End {
                        report: None,
                        error: Some(error),
                    }),
                };
                if let Some(end) = end {
                    // Whoever no longer listens does not want to know.
                    let _ = full_sender.send(Message::End(end));
                }
            })?;
        Ok(Self {
            full,
            spare,
            thread: Some(thread),
            batch: Vec::new(),
            taken: 0,
            report: None,
        })
    }

    /// Waits until the trace is known to be one.
    pub(crate) fn begin(&mut self) -> Result<(), Error> {
        self.fetch().map(|_| ())
    }

    /// Gives `take` the views that are left, until it breaks off.
    #[inline]
    pub(crate) fn read<B>(
        &mut self,
        mut take: impl FnMut(&V) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, Error> {
        loop {
            while let Some(view) = self.batch.get(self.taken) {
                self.taken += 1;
                if let ControlFlow::Break(value) = take(view) {
                    return Ok(ControlFlow::Break(value));
                }
            }
            if !self.fetch()? {
                return Ok(ControlFlow::Continue(()));
            }
        }
    }

    /// What was found out about the trace, if it was read to its end.
    pub(crate) fn finish(self) -> Option<TraceReport> {
        self.report.map(|report| *report)
    }

    /// Takes what comes next from the thread; false if it is the end.
    #[cold]
    fn fetch(&mut self) -> Result<bool, Error> {
        self.taken = 0;
        match self.full.recv() {
            Ok(Message::Begun) => Ok(true),
            Ok(Message::Views(views)) => {
                let taken = std::mem::replace(&mut self.batch, views);
                // A thread that has ended needs no more room.
                let _ = self.spare.send(taken);
                Ok(true)
            }
            Ok(Message::End(end)) => {
                self.batch.clear();
                self.report = end.report;
                end.error.map_or(Ok(false), Err)
            }
            Err(_) => {
                // The thread said how it ended, long ago, or it panicked.
                pass_on_panic(&mut self.thread);
                self.batch.clear();
                Ok(false)
            }
        }
    }
}

/// Reads a trace to its end; `None` if nobody takes what is seen any more.
fn scan<L: Viewer>(
    mut trace: Trace,
    viewer: &L,
    full: &Sender<Message<L::View>>,
    spare: &Receiver<Vec<L::View>>,
) -> Option<End> {
    full.send(Message::Begun).ok()?;
    loop {
        let mut views = spare.try_recv().unwrap_or_default();
        views.clear();
        views.reserve(BATCH);
        let read = trace.read(&mut |packet: Packet<'_>| {
            views.push(viewer.view(&packet));
            match views.len() {
                BATCH => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        });
        if !views.is_empty() {
            full.send(Message::Views(views)).ok()?;
        }
        if let Ok(ControlFlow::Break(())) = read {
            continue;
        }
        return Some(End {
            report: Some(Box::new(trace.finish())),
            error: read.err(),
        });
    }
}
