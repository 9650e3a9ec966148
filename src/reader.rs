//! Reading: deals the packets of flows out to the workers, in batches.
//!
//! The [`Reader`] has no thread of its own. It goes from worker to worker, to whoever is about to run
//! out of packets to count: so there are as many busy threads as workers, and many packets are
//! counted by the thread that has just decoded them.

use std::mem;
use std::ops::ControlFlow;

use crossbeam_channel::{Receiver, Sender, TrySendError};

use crate::batch::{Batch, BatchEnd, Spent, shard};
use crate::bound::Bound;
use crate::capture::{Here, Inputs, Next, Packet, Take, TakeView};
use crate::config::Limit;
use crate::decode::{ANY, LinkInfo, TCP, UDP};
use crate::error::Error;
use crate::flow::{Candidate, PacketInfo};
use crate::helping::{self, Stopped};
use crate::intake::{DecodedPacket, Decoder, Intake, Joint};
use crate::pieces::{Ahead, Piece, Pieces};
use crate::sizes::Sizes;
use crate::summary::PacketSummary;

/// What a worker says when it is asked.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The weight of its table.
    Weight(u64),
    /// Its flows that would go first, in that order.
    Ranked(Vec<Candidate>),
}

/// The way to one worker and back.
pub(crate) struct Lane {
    pub(crate) full: Sender<Batch>,
    pub(crate) answers: Receiver<Answer>,
}

/// Reads the traces to their end, a turn at a time.
pub(crate) struct Reader<'r> {
    inputs: &'r mut Inputs<Decoder>,
    dealer: Dealer<'r>,
}

/// How a turn of reading ended.
pub(crate) enum Turn<'r> {
    /// The worker whose turn it was has enough to count, or something and nothing to read.
    Enough(Box<Reader<'r>>),
    /// So did the reading.
    Over(Read),
}

/// How the reading ended: what was counted of the packets, without the fates of those in flows.
pub(crate) type Read = Result<Result<PacketSummary, Stopped>, Error>;

/// Why packets are dealt out no further.
pub(crate) enum Pause {
    Enough,
    Stopped,
}

impl<'r> Reader<'r> {
    pub(crate) fn new(
        inputs: &'r mut Inputs<Decoder>,
        lanes: Vec<Lane>,
        spent: &'r Spent,
        intake: Intake,
        pieces: Option<Pieces>,
        limit: Option<Limit>,
        sizes: Sizes,
    ) -> Self {
        let dealer = Dealer {
            intake,
            pieces,
            bound: Bound::new(limit),
            batches: lanes.iter().map(|_| Batch::default()).collect(),
            lanes,
            spent,
            sizes,
            epoch_end: sizes.epoch,
        };
        Self { inputs, dealer }
    }

    /// Deals out packets in the turn of a worker, until it has been dealt `enough` batches, has some and would
    /// have to wait, or the traces end. `count` has it count all that waits for it, where that must not wait
    /// until the turn is over; an error says that it cannot.
    pub(crate) fn turn(
        mut self: Box<Self>,
        worker: usize,
        enough: usize,
        count: impl FnMut() -> Result<(), Stopped>,
    ) -> Turn<'r> {
        let Self { inputs, dealer } = &mut *self;
        let mut dealing = Dealing {
            dealer,
            worker,
            due: enough,
            count,
        };
        match inputs.each(&mut dealing) {
            Ok(ControlFlow::Break(Pause::Enough)) => Turn::Enough(self),
            Ok(ControlFlow::Break(Pause::Stopped)) => Turn::Over(Ok(Err(Stopped))),
            Ok(ControlFlow::Continue(())) => {
                let clock = dealing.dealer.intake.clock();
                let ended = dealing.end(BatchEnd::Trace(clock));
                Turn::Over(Ok(ended.map(|()| self.dealer.intake.finish())))
            }
            Err(error) => Turn::Over(Err(error)),
        }
    }
}

/// What is kept from turn to turn.
struct Dealer<'r> {
    intake: Intake,
    /// What is read ahead, unless nobody does that.
    pieces: Option<Pieces>,
    lanes: Vec<Lane>,
    batches: Vec<Batch>,
    spent: &'r Spent,
    bound: Bound,
    sizes: Sizes,
    /// The number of packets with which the epoch ends.
    epoch_end: u64,
}

/// A turn: puts each packet into the batch of its worker.
struct Dealing<'t, 'r, C> {
    dealer: &'t mut Dealer<'r>,
    /// Whose turn it is.
    worker: usize,
    /// Batches for that worker until the turn ends.
    due: usize,
    /// Has it count all that waits for it.
    count: C,
}

impl<C: FnMut() -> Result<(), Stopped>> Take for Dealing<'_, '_, C> {
    type Broken = Pause;

    #[inline(always)]
    fn packet(&mut self, packet: Packet<'_>) -> ControlFlow<Pause> {
        let mut link = LinkInfo::default();
        let intake = &mut self.dealer.intake;
        // Each way has its own copy of all that follows.
        let taken = if let Some(info) = intake.plain::<TCP>(&packet, &mut link) {
            self.send(info, &link)
        } else if let Some(info) = intake.plain::<UDP>(&packet, &mut link) {
            self.send(info, &link)
        } else if let Some(info) = intake.plain::<ANY>(&packet, &mut link) {
            self.send(info, &link)
        } else {
            self.other(packet)
        };
        self.go_on(taken)
    }

    fn next(&mut self, here: &Here<'_>) -> ControlFlow<Pause, Next> {
        let taken = loop {
            let dealer = &mut *self.dealer;
            let ahead = match &mut dealer.pieces {
                _ if self.due == 0 => return ControlFlow::Break(Pause::Enough),
                None => return ControlFlow::Continue(Next::Ask(usize::MAX)),
                Some(pieces) => pieces.next(here, &dealer.intake, dealer.spent),
            };
            match ahead {
                Ahead::Go(next) => return ControlFlow::Continue(next),
                Ahead::Deal(extent, piece) => break self.deal(*piece).map(|()| extent),
                Ahead::Wait if self.wait() => {}
                // Whoever reads it goes on from there.
                Ahead::Wait => return ControlFlow::Break(Pause::Enough),
            }
        };
        match taken {
            Ok(extent) => ControlFlow::Continue(Next::Taken(extent)),
            Err(Stopped) => ControlFlow::Break(Pause::Stopped),
        }
    }
}

impl<C: FnMut() -> Result<(), Stopped>> TakeView<DecodedPacket> for Dealing<'_, '_, C> {
    fn view(&mut self, packet: &DecodedPacket) -> ControlFlow<Pause> {
        let taken = match self.dealer.intake.decoded(packet) {
            Some((info, link)) => self.send(info, link),
            None => Ok(()),
        };
        self.go_on(taken)
    }
}

impl<C: FnMut() -> Result<(), Stopped>> Dealing<'_, '_, C> {
    /// What is done with a packet that is not as most are. It is given by value: a plain one need not be in memory.
    #[inline(never)]
    fn other(&mut self, packet: Packet<'_>) -> Result<(), Stopped> {
        let mut link = LinkInfo::default();
        match self.dealer.intake.other(&packet, &mut link) {
            Some(info) => self.send(info, &link),
            None => Ok(()),
        }
    }

    /// Ends the epoch after its last packet, and the turn when that is due.
    #[inline(always)]
    fn go_on(&mut self, taken: Result<(), Stopped>) -> ControlFlow<Pause> {
        if taken.is_err() || self.end_epoch().is_err() {
            return ControlFlow::Break(Pause::Stopped);
        }
        match self.due {
            0 => ControlFlow::Break(Pause::Enough),
            _ => ControlFlow::Continue(()),
        }
    }

    #[inline(always)]
    fn end_epoch(&mut self) -> Result<(), Stopped> {
        if self.dealer.intake.packets() != self.dealer.epoch_end {
            return Ok(());
        }
        self.dealer.epoch_end += self.dealer.sizes.epoch;
        self.end(BatchEnd::Epoch(self.dealer.intake.clock()))
    }

    /// Puts a packet into the batch of its worker.
    #[inline(always)]
    fn send(&mut self, info: PacketInfo, link: &LinkInfo) -> Result<(), Stopped> {
        let dealer = &mut *self.dealer;
        let lane = shard(info.hash, dealer.lanes.len());
        let batch = &mut dealer.batches[lane];
        batch.push(info, link);
        if batch.packets.len() >= dealer.sizes.batch {
            self.hand_over(lane, BatchEnd::None)?;
        }
        if self.dealer.bound.is_reached() {
            self.keep_within()?;
        }
        Ok(())
    }

    /// Where a piece has to be waited for: reads another one or encodes meanwhile, or waits a moment. Says no if the
    /// worker whose turn it is has something to count.
    fn wait(&self) -> bool {
        let dealer = &*self.dealer;
        let Some(pieces) = &dealer.pieces else {
            return true;
        };
        if pieces.help(dealer.spent) {
            return true;
        }
        if !dealer.lanes[self.worker].full.is_empty() {
            return false;
        }
        if !helping::help() {
            pieces.wait();
        }
        true
    }

    /// Deals out the packets of a piece.
    fn deal(&mut self, piece: Piece) -> Result<(), Stopped> {
        self.deal_begun()?;
        let before = self.dealer.intake.packets();
        let intake = &mut self.dealer.intake;
        let (joint, mut later) = intake.join(piece.first, piece.intake);
        let batches = &mut self.dealer.batches;
        for (batch, lane) in batches.iter_mut().zip(piece.lanes) {
            self.dealer.spent.put(mem::replace(batch, lane));
        }
        while self.dealer.epoch_end <= self.dealer.intake.packets() {
            let end = joint.number_in_part(self.dealer.epoch_end);
            let mut rests = self.cut(end);
            let behind = later.split_off(later.partition_point(|(number, _)| *number < end));
            self.complete(joint, &later);
            later = behind;
            let last = self.dealer.epoch_end - before - 1;
            let clock = usize::try_from(last)
                .ok()
                .and_then(|last| piece.clocks.get(last));
            let clock = clock.map_or(joint.clock, |clock| joint.clock.max(*clock));
            self.dealer.epoch_end += self.dealer.sizes.epoch;
            self.end(BatchEnd::Epoch(clock))?;
            self.dealer.batches.swap_with_slice(&mut rests);
            rests
                .into_iter()
                .for_each(|batch| self.dealer.spent.put(batch));
        }
        self.complete(joint, &later);
        self.deal_begun()
    }

    /// Deals out batches that are not full.
    fn deal_begun(&mut self) -> Result<(), Stopped> {
        for lane in 0..self.dealer.lanes.len() {
            if !self.dealer.batches[lane].packets.is_empty() {
                self.hand_over(lane, BatchEnd::None)?;
            }
        }
        Ok(())
    }

    /// Cuts off what comes from a number on.
    fn cut(&mut self, number: u64) -> Vec<Batch> {
        let spent = self.dealer.spent;
        let batches = self.dealer.batches.iter_mut();
        let cut = batches.map(|batch| {
            let mut rest = spent.take();
            batch.split(number, &mut rest);
            rest
        });
        cut.collect()
    }

    /// Puts later fragments, in their order, where they belong, and says what is still to be done.
    fn complete(&mut self, joint: Joint, later: &[(u64, PacketInfo)]) {
        let lanes = self.dealer.lanes.len();
        for (lane, batch) in self.dealer.batches.iter_mut().enumerate() {
            if !later.is_empty() {
                let own = later
                    .iter()
                    .filter(|(_, info)| shard(info.hash, lanes) == lane);
                batch.insert(&own.copied().collect::<Vec<_>>());
            }
            batch.joint = (!batch.packets.is_empty()).then_some(joint);
        }
    }

    /// Lets flows go if the tables may be full, all of them together: which ones does not depend
    /// on how many tables there are.
    #[cold]
    fn keep_within(&mut self) -> Result<(), Stopped> {
        self.end(BatchEnd::Weigh(self.dealer.intake.clock()))?;
        let mut weight = 0;
        for answer in self.answers()? {
            if let Answer::Weight(more) = answer {
                weight += more;
            }
        }
        let excess = self.dealer.bound.excess(weight);
        if excess > 0 {
            self.end(BatchEnd::Rank(excess))?;
            let mut ranked = Vec::new();
            for answer in self.answers()? {
                if let Answer::Ranked(more) = answer {
                    ranked.extend(more);
                }
            }
            ranked.sort_unstable();
            let mut freed = 0;
            let last = ranked.iter().find(|candidate| {
                freed += candidate.weight;
                freed >= excess
            });
            if let Some(last) = last.or(ranked.last()) {
                self.end(BatchEnd::Evict(*last))?;
            }
            weight = weight.saturating_sub(freed);
        }
        self.dealer.bound.found(weight);
        Ok(())
    }

    /// What all workers say, also the one whose turn it is.
    fn answers(&mut self) -> Result<Vec<Answer>, Stopped> {
        (self.count)()?;
        let answers = self.dealer.lanes.iter().map(|lane| lane.answers.recv());
        answers.collect::<Result<_, _>>().map_err(|_| Stopped)
    }

    /// Tells every worker that an epoch or the trace ends here.
    fn end(&mut self, end: BatchEnd) -> Result<(), Stopped> {
        // The worker whose turn it is comes last: what it has closed in an epoch it can hand over only
        // when all others know that the epoch has ended.
        let lanes = self.dealer.lanes.len();
        (1..=lanes).try_for_each(|after| self.hand_over((self.worker + after) % lanes, end))
    }

    fn hand_over(&mut self, lane: usize, end: BatchEnd) -> Result<(), Stopped> {
        if lane == self.worker {
            self.due = self.due.saturating_sub(1);
        }
        let dealer = &mut *self.dealer;
        let mut batch = mem::replace(&mut dealer.batches[lane], dealer.spent.take());
        batch.end = end;
        let full = &dealer.lanes[lane].full;
        match full.try_send(batch) {
            Ok(()) => Ok(()),
            Err(TrySendError::Disconnected(_)) => Err(Stopped),
            // Its worker may wait for the writer, which then waits for what the worker whose turn
            // it is has closed: all of that comes first. Or it is that worker's own lane.
            Err(TrySendError::Full(batch)) => {
                (self.count)()?;
                helping::send(full, batch)
            }
        }
    }
}
