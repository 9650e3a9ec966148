//! Reading ahead of the reader: workers with nothing to count read stretches of the trace, and the reader
//! deals out what they found, once it has come to where they began.
//!
//! A piece holds what one pass over its packets can tell. What depends on the packets before them (their
//! numbers, the trace clock, the flows of later fragments) is added when it is dealt out: [`Intake::join`].

use std::collections::VecDeque;
use std::convert::Infallible;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Select, Sender, TryRecvError, bounded, never, unbounded};

use crate::batch::{Batch, Spent, shard};
use crate::capture::{Extent, Here, Packet, State, Stretch, Take, Timestamp};
use crate::config::Limit;
use crate::decode::LinkInfo;
use crate::flow::PacketInfo;
use crate::intake::Intake;

/// The packets of a stretch.
pub(crate) struct Piece {
    pub(crate) extent: Extent,
    /// The time of the first packet.
    pub(crate) first: Timestamp,
    pub(crate) intake: Intake,
    /// Those of each worker.
    pub(crate) lanes: Vec<Batch>,
    /// The clock of the part at each packet.
    pub(crate) clocks: Vec<Timestamp>,
}

/// Stretches ahead of the reader, for each worker.
const PLANNED: usize = 2;

/// A stretch that is to be read.
pub(crate) struct Job {
    stretch: Stretch,
    /// Somebody reads it, or the reader does not want it any more.
    begun: Arc<AtomicBool>,
    intake: Intake,
    lanes: usize,
    found: Sender<Option<Piece>>,
}

impl Job {
    /// Reads the stretch.
    pub(crate) fn run(self, spent: &Spent) {
        if self.begun.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut making = Making {
            intake: self.intake,
            lanes: (0..self.lanes).map(|_| spent.take()).collect(),
            clocks: Vec::new(),
            first: Timestamp(0),
        };
        let extent = self.stretch.read(&mut making);
        // Whoever drops the last stretch of a trace unmaps it: that shall not be a worker.
        drop(self.stretch);
        let piece = extent.map(|extent| making.piece(extent));
        // The reader may have gone by.
        let _ = self.found.send(piece);
    }
}

/// A piece in the making.
struct Making {
    intake: Intake,
    lanes: Vec<Batch>,
    clocks: Vec<Timestamp>,
    first: Timestamp,
}

impl Take for Making {
    type Broken = Infallible;

    #[inline(always)]
    fn packet(&mut self, packet: Packet<'_>) -> ControlFlow<Self::Broken> {
        if self.clocks.is_empty() {
            self.first = packet.time;
        }
        let mut link = LinkInfo::default();
        match self.intake.plain(&packet, &mut link) {
            Some(info) => self.put(info, &link),
            None => self.other(&packet),
        }
        self.clocks.push(self.intake.clock());
        ControlFlow::Continue(())
    }
}

impl Making {
    #[inline(never)]
    fn other(&mut self, packet: &Packet<'_>) {
        let mut link = LinkInfo::default();
        if let Some(info) = self.intake.other(packet, &mut link) {
            self.put(info, &link);
        }
    }

    #[inline(always)]
    fn put(&mut self, info: PacketInfo, link: &LinkInfo) {
        let lane = shard(info.hash, self.lanes.len());
        self.lanes[lane].push(info, link);
    }

    fn piece(self, extent: Extent) -> Piece {
        Piece {
            extent,
            first: self.first,
            intake: self.intake,
            lanes: self.lanes,
            clocks: self.clocks,
        }
    }
}

/// The stretches ahead of the reader.
pub(crate) struct Pieces {
    jobs: Sender<Job>,
    /// Jobs that no worker has begun, in the order of the trace.
    waiting: Receiver<Job>,
    /// Where the stretches were planned.
    state: Option<State>,
    planned: VecDeque<Planned>,
    /// Up to where the trace is planned.
    end: usize,
    lanes: usize,
    /// Records in a stretch, about.
    records: usize,
}

struct Planned {
    places: Range<usize>,
    begun: Arc<AtomicBool>,
    found: Receiver<Option<Piece>>,
}

/// What the reader does next.
pub(crate) enum Ahead {
    /// It reads up to this place by itself.
    Read(usize),
    /// It deals out a piece, which begins where it stands.
    Deal(Box<Piece>),
    /// It waits for the piece that begins here.
    Wait,
}

impl Pieces {
    /// Of stretches of about so many records. The workers take the jobs from the channel. There are none
    /// for one or two, who are never without work, nor with a limit, since all are then asked between two
    /// packets.
    pub(crate) fn new(
        lanes: usize,
        limit: Option<Limit>,
        records: usize,
    ) -> (Option<Self>, Receiver<Job>) {
        if lanes < 3 || limit.is_some() {
            return (None, never());
        }
        let (jobs, waiting) = unbounded();
        let pieces = Self {
            jobs,
            waiting: waiting.clone(),
            state: None,
            planned: VecDeque::new(),
            end: 0,
            lanes,
            records,
        };
        (Some(pieces), waiting)
    }

    /// What comes next where the reader stands.
    pub(crate) fn next(&mut self, here: &Here<'_>, intake: &Intake, spent: &Spent) -> Ahead {
        let at = here.at();
        if !intake.can_join() {
            // One packet more.
            return Ahead::Read(at + 1);
        }
        self.plan(here, intake, spent);
        while let Some(next) = self.planned.front() {
            if at < next.places.start {
                return Ahead::Read(next.places.start);
            }
            match next.found.try_recv() {
                Ok(Some(piece)) if piece.extent.start == at => {
                    self.planned.pop_front();
                    return Ahead::Deal(Box::new(piece));
                }
                Err(TryRecvError::Empty) if !next.cancel() && at < next.places.end => {
                    return Ahead::Wait;
                }
                // It is of no use, or was not begun.
                _ => self.drop_first(spent),
            }
        }
        Ahead::Read(usize::MAX)
    }

    /// Reads a stretch that no worker has begun; false if there is none.
    pub(crate) fn help(&self, spent: &Spent) -> bool {
        let job = self.waiting.try_recv();
        job.map(|job| job.run(spent)).is_ok()
    }

    /// Waits until the next piece has been read.
    pub(crate) fn wait(&self) {
        if let Some(next) = self.planned.front() {
            let mut select = Select::new();
            select.recv(&next.found);
            select.ready();
        }
    }

    /// Drops the first of the stretches that are planned.
    fn drop_first(&mut self, spent: &Spent) {
        if let Some(dropped) = self.planned.pop_front() {
            dropped.cancel();
        }
        // Its job, if nobody took it, is the first that waits, and would wait for ever.
        if self.waiting.len() > self.planned.len() {
            self.help(spent);
        }
    }

    /// Plans the next stretches.
    fn plan(&mut self, here: &Here<'_>, intake: &Intake, spent: &Spent) {
        let state = Some(here.state());
        if self.state != state {
            while !self.planned.is_empty() {
                self.drop_first(spent);
            }
            self.state = state;
            self.end = 0;
        }
        self.end = self.end.max(here.at());
        while self.planned.len() < PLANNED * self.lanes {
            let Some(stretch) = here.stretch(self.end, self.records) else {
                break;
            };
            let places = self.end..stretch.end();
            self.end = places.end;
            let begun = Arc::default();
            let (sender, found) = bounded(1);
            let job = Job {
                stretch,
                begun: Arc::clone(&begun),
                intake: intake.part(),
                lanes: self.lanes,
                found: sender,
            };
            // There is always a receiver: this has one.
            let _ = self.jobs.send(job);
            self.planned.push_back(Planned {
                places,
                begun,
                found,
            });
        }
    }
}

impl Planned {
    /// Whether nobody has begun it, and nobody will.
    fn cancel(&self) -> bool {
        !self.begun.swap(true, Ordering::Relaxed)
    }
}
