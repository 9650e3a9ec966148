//! Reading ahead of the reader: workers with nothing to count read stretches of the trace, and the reader
//! deals out what they found, once it has come to where they began.
//!
//! A piece holds what one pass over its packets can tell. What depends on the packets before them (their
//! numbers, the trace clock, the flows of later fragments) is added when it is dealt out: [`Intake::join`].

use std::collections::VecDeque;
use std::ops::{ControlFlow, Range};

use crossbeam_channel::{Receiver, Select, Sender, TryRecvError, bounded, never, unbounded};

use crate::batch::{Batch, Spent, shard};
use crate::capture::{Extent, Here, Next, Packet, State, Stretch, Take, Timestamp};
use crate::config::FlowOptions;
use crate::decode::{LinkInfo, TCP, UDP};
use crate::flow::PacketInfo;
use crate::helping::PAUSE;
use crate::intake::Intake;

/// Stretches ahead of the reader, for each worker.
const PLANNED: usize = 2;
/// A piece has no more packets than so many times what was expected: records may be shorter than those before.
const MOST: usize = 4;
/// Bytes that two workers read before they ask again how long records are.
const UNASKED: usize = 256 << 10;

/// The packets of a stretch.
pub(crate) struct Piece {
    pub(crate) intake: Intake,
    /// The time of the first packet.
    pub(crate) first: Timestamp,
    /// Those of each worker.
    pub(crate) lanes: Vec<Batch>,
    /// The clock of the part at each packet.
    pub(crate) clocks: Vec<Timestamp>,
    /// How many packets it may have.
    pub(crate) most: usize,
}

impl Take for Piece {
    /// It is full.
    type Broken = ();

    #[inline(always)]
    fn packet(&mut self, packet: Packet<'_>) -> ControlFlow<Self::Broken> {
        if self.clocks.is_empty() {
            self.first = packet.time;
        }
        let mut link = LinkInfo::default();
        // As in a turn.
        if let Some(info) = self.intake.plain::<TCP>(&packet, &mut link) {
            self.keep(info, &link);
        } else if let Some(info) = self.intake.plain::<UDP>(&packet, &mut link) {
            self.keep(info, &link);
        } else if let Some(info) = self.intake.packet(&packet, &mut link) {
            self.keep(info, &link);
        }
        self.clocks.push(self.intake.clock());
        if self.clocks.len() < self.most {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }
}

impl Piece {
    #[inline(always)]
    fn keep(&mut self, info: PacketInfo, link: &LinkInfo) {
        let lane = shard(info.hash, self.lanes.len());
        self.lanes[lane].push(info, link);
    }
}

/// What was found in a stretch, if anything was, and where.
type Found = Option<(Extent, Piece)>;

/// A stretch that is to be read.
pub(crate) struct Job {
    stretch: Stretch,
    intake: Intake,
    lanes: usize,
    found: Sender<Found>,
}

impl Job {
    /// Reads the stretch.
    pub(crate) fn run(self, spent: &Spent) {
        let records = self.stretch.records();
        // Lanes have not all the same.
        let room = |records: usize| records + records / 8;
        let lane = || {
            let mut batch = spent.take();
            batch.packets.reserve_exact(room(records / self.lanes));
            batch
        };
        let mut piece = Piece {
            intake: self.intake,
            first: Timestamp(0),
            lanes: (0..self.lanes).map(|_| lane()).collect(),
            clocks: Vec::with_capacity(room(records)),
            most: MOST * records,
        };
        let extent = self.stretch.read(&mut piece);
        // The reader may have gone by.
        let _ = self.found.send(extent.map(|extent| (extent, piece)));
    }
}

/// The stretches ahead of the reader.
pub(crate) struct Pieces {
    jobs: Sender<Job>,
    /// Jobs that no worker has begun, in the order of the trace: those of the last ones planned.
    waiting: Receiver<Job>,
    /// Where the stretches were planned.
    state: Option<State>,
    planned: VecDeque<Planned>,
    /// Up to where the trace is planned.
    end: usize,
    lanes: usize,
    /// Only where records are long.
    only_long: bool,
    /// Records in a stretch, about.
    records: usize,
}

struct Planned {
    places: Range<usize>,
    found: Receiver<Found>,
}

/// What the reader does next.
pub(crate) enum Ahead {
    /// It reads by itself.
    Go(Next),
    /// It deals out a piece, which begins where it stands.
    Deal(Extent, Box<Piece>),
    /// It waits for the piece that begins here.
    Wait,
}

impl Pieces {
    /// Of stretches of about so many records. The workers take the jobs from the channel. There are none
    /// for one, who is never without work, nor with a limit, since all are then asked between two packets.
    pub(crate) fn new(
        lanes: usize,
        options: &FlowOptions,
        records: usize,
    ) -> (Option<Self>, Receiver<Job>) {
        if lanes < 2 || options.limit.is_some() {
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
            // Of two workers the other one is without work only where the one that reads waits for memory,
            // or where to count a packet takes less time than to read it.
            only_long: lanes == 2 && options.groups.analyse_tcp(),
            records,
        };
        (Some(pieces), waiting)
    }

    /// What comes next where the reader stands.
    pub(crate) fn next(&mut self, here: &Here<'_>, intake: &Intake, spent: &Spent) -> Ahead {
        let at = here.at();
        if !intake.can_join() {
            // One packet more.
            return Ahead::Go(Next::Ask(at + 1));
        }
        if self.only_long && !here.has_long_records() {
            return Ahead::Go(Next::Ask(at.saturating_add(UNASKED)));
        }
        self.plan(here, intake);
        while let Some(next) = self.planned.front() {
            if at < next.places.start {
                return Ahead::Go(Next::Read(next.places.start));
            }
            match next.found.try_recv() {
                Ok(Some((extent, piece))) if extent.start == at => {
                    self.planned.pop_front();
                    return Ahead::Deal(extent, Box::new(piece));
                }
                Err(TryRecvError::Empty) if !self.take_back(spent) && at < next.places.end => {
                    return Ahead::Wait;
                }
                // It is of no use, or was not begun.
                _ => _ = self.planned.pop_front(),
            }
        }
        Ahead::Go(Next::Read(usize::MAX))
    }

    /// Reads a stretch that no worker has begun; false if there is none.
    pub(crate) fn help(&self, spent: &Spent) -> bool {
        let job = self.waiting.try_recv();
        job.map(|job| job.run(spent)).is_ok()
    }

    /// Waits a moment, or until the next piece has been read.
    pub(crate) fn wait(&self) {
        if let Some(next) = self.planned.front() {
            let mut select = Select::new();
            select.recv(&next.found);
            // Whoever asks will ask again.
            let _ = select.ready_timeout(PAUSE);
        }
    }

    /// Takes the job of the next stretch back from the workers; false if one of them has it.
    fn take_back(&self, spent: &Spent) -> bool {
        if self.waiting.len() < self.planned.len() {
            return false;
        }
        let first = self.planned.front().map(|next| &next.places);
        match self.waiting.try_recv() {
            Ok(job) if Some(job.stretch.places()) == first => true,
            // A worker was faster, and this is the job after it.
            Ok(job) => {
                job.run(spent);
                false
            }
            Err(_) => false,
        }
    }

    /// Plans the next stretches.
    fn plan(&mut self, here: &Here<'_>, intake: &Intake) {
        let state = Some(here.state());
        if self.state != state {
            self.waiting.try_iter().for_each(drop);
            self.planned.clear();
            self.state = state;
            self.end = 0;
        }
        self.end = self.end.max(here.at());
        while self.planned.len() < PLANNED * self.lanes {
            let Some(stretch) = here.stretch(self.end, self.records) else {
                break;
            };
            let places = stretch.places().clone();
            self.end = places.end;
            let (sender, found) = bounded(1);
            let job = Job {
                stretch,
                intake: intake.part(),
                lanes: self.lanes,
                found: sender,
            };
            // There is always a receiver: this has one.
            let _ = self.jobs.send(job);
            self.planned.push_back(Planned { places, found });
        }
    }
}
