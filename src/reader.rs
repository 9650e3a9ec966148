//! Reading: deals the packets of flows out to the workers, in batches.
//!
//! The [`Reader`] has no thread of its own. It goes from worker to worker, to whoever is about to run
//! out of packets to count: so there are as many busy threads as workers, and many packets are
//! counted by the thread that has just decoded them.

use std::mem;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender, TrySendError};

use crate::bound::Bound;
use crate::capture::{Inputs, Packet, Sight, Timestamp};
use crate::config::Limit;
use crate::decode::LinkInfo;
use crate::error::Error;
use crate::flow::{Candidate, PacketInfo, marks};
use crate::intake::{DecodedPacket, Decoder, Intake};
use crate::sizes::Sizes;
use crate::summary::PacketSummary;

/// Packets on their way to a worker.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) packets: Vec<PacketInfo>,
    /// What is around those of them that are wrapped.
    pub(crate) links: Vec<LinkInfo>,
    /// What ends with this batch.
    pub(crate) end: BatchEnd,
}

/// What ends with a batch, or what the worker is asked to do after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum BatchEnd {
    /// Nothing.
    #[default]
    None,
    /// An epoch, at this trace clock.
    Epoch(Timestamp),
    /// The trace, at this trace clock.
    Trace(Timestamp),
    /// Say what the table weighs at this trace clock.
    Weigh(Timestamp),
    /// Say which flows would go first, as many as have this weight.
    Rank(u64),
    /// End the flows ranked up to this one.
    Evict(Candidate),
}

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

/// Batches that have been counted and are filled again, the latest first: it may still be in a cache.
#[derive(Default)]
pub(crate) struct Spent(Mutex<Vec<Batch>>);

impl Spent {
    pub(crate) fn put(&self, mut batch: Batch) {
        batch.packets.clear();
        batch.links.clear();
        let mut batches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        batches.push(batch);
    }

    fn take(&self) -> Batch {
        let mut batches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        batches.pop().unwrap_or_default()
    }
}

/// Reads the traces to their end, a turn at a time.
pub(crate) struct Reader<'r> {
    inputs: &'r mut Inputs<Decoder>,
    dealer: Dealer<'r>,
}

/// How a turn of reading ended.
pub(crate) enum Turn<'r> {
    /// The worker whose turn it was has enough to count.
    Enough(Box<Reader<'r>>),
    /// So did the reading.
    Over(Read),
}

/// How the reading ended: what was counted of the packets, without the fates of those in flows.
pub(crate) type Read = Result<Result<PacketSummary, Stopped>, Error>;

/// The workers are gone: one of them, or the writer, has failed and says why itself.
pub(crate) struct Stopped;

/// Why packets are dealt out no further.
enum Pause {
    Enough,
    Stopped,
}

impl From<Stopped> for Pause {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl<'r> Reader<'r> {
    pub(crate) fn new(
        inputs: &'r mut Inputs<Decoder>,
        lanes: Vec<Lane>,
        spent: &'r Spent,
        intake: Intake,
        limit: Option<Limit>,
        sizes: Sizes,
    ) -> Self {
        let dealer = Dealer {
            intake,
            bound: Bound::new(limit),
            batches: lanes.iter().map(|_| Batch::default()).collect(),
            lanes,
            spent,
            sizes,
            epoch_end: sizes.epoch,
            turn: 0,
            due: 0,
        };
        Self { inputs, dealer }
    }

    /// Deals out packets in the turn of a worker, until it has been dealt `enough` batches or the
    /// traces end. `count` has it count all that waits for it, where that must not wait until the turn is
    /// over; an error says that it cannot.
    pub(crate) fn turn(
        mut self: Box<Self>,
        turn: usize,
        enough: usize,
        mut count: impl FnMut() -> Result<(), Stopped>,
    ) -> Turn<'r> {
        let Self { inputs, dealer } = &mut *self;
        (dealer.turn, dealer.due) = (turn, enough);
        let read = inputs.each(|sight| {
            let taken = match sight {
                Sight::Packet(packet) => dealer.packet(&packet, &mut count),
                Sight::View(packet) => dealer.decoded(packet, &mut count),
            };
            match taken {
                Ok(()) => ControlFlow::Continue(()),
                Err(pause) => ControlFlow::Break(pause),
            }
        });
        match read {
            Ok(ControlFlow::Break(Pause::Enough)) => Turn::Enough(self),
            Ok(ControlFlow::Break(Pause::Stopped)) => Turn::Over(Ok(Err(Stopped))),
            Ok(ControlFlow::Continue(())) => Turn::Over(Ok(self.dealer.finish(&mut count))),
            Err(error) => Turn::Over(Err(error)),
        }
    }
}

/// Puts each packet into the batch of its worker.
struct Dealer<'r> {
    intake: Intake,
    lanes: Vec<Lane>,
    batches: Vec<Batch>,
    spent: &'r Spent,
    bound: Bound,
    sizes: Sizes,
    /// The number of packets with which the epoch ends.
    epoch_end: u64,
    /// The worker whose turn it is.
    turn: usize,
    /// Batches for that worker until the turn ends.
    due: usize,
}

impl Dealer<'_> {
    #[inline(always)]
    fn packet(
        &mut self,
        packet: &Packet<'_>,
        count: &mut impl FnMut() -> Result<(), Stopped>,
    ) -> Result<(), Pause> {
        let mut link = LinkInfo::default();
        match self.intake.plain(packet, &mut link) {
            Some(info) => self.send(info, &link, count)?,
            None => self.other(packet, count)?,
        }
        self.go_on(count)
    }

    /// The same for a packet that is not as most are.
    #[inline(never)]
    fn other(
        &mut self,
        packet: &Packet<'_>,
        count: &mut impl FnMut() -> Result<(), Stopped>,
    ) -> Result<(), Stopped> {
        let mut link = LinkInfo::default();
        match self.intake.other(packet, &mut link) {
            Some(info) => self.send(info, &link, count),
            None => Ok(()),
        }
    }

    /// The same for a packet that was decoded elsewhere.
    fn decoded(
        &mut self,
        packet: &DecodedPacket,
        count: &mut impl FnMut() -> Result<(), Stopped>,
    ) -> Result<(), Pause> {
        if let Some((info, link)) = self.intake.decoded(packet) {
            self.send(info, link, count)?;
        }
        self.go_on(count)
    }

    /// Ends the epoch after its last packet, and the turn when that is due.
    #[inline]
    fn go_on(&mut self, count: &mut impl FnMut() -> Result<(), Stopped>) -> Result<(), Pause> {
        if self.intake.packets() == self.epoch_end {
            self.epoch_end += self.sizes.epoch;
            self.end(BatchEnd::Epoch(self.intake.clock()), count)?;
        }
        if self.due == 0 {
            return Err(Pause::Enough);
        }
        Ok(())
    }

    /// Puts a packet into the batch of its worker.
    #[inline(always)]
    fn send(
        &mut self,
        info: PacketInfo,
        link: &LinkInfo,
        count: &mut impl FnMut() -> Result<(), Stopped>,
    ) -> Result<(), Stopped> {
        let lane = shard(info.hash, self.lanes.len());
        let batch = &mut self.batches[lane];
        batch.packets.push(info);
        if info.facts.has(marks::WRAPPED) {
            batch.links.push(*link);
        }
        if batch.packets.len() >= self.sizes.batch {
            self.hand_over(lane, BatchEnd::None, count)?;
        }
        if self.bound.is_reached() {
            self.keep_within(count)?;
        }
        Ok(())
    }

    /// Lets flows go if the tables may be full, all of them together: which ones does not depend
    /// on how many tables there are.
    #[cold]
    fn keep_within(
        &mut self,
        count: &mut impl FnMut() -> Result<(), Stopped>,
    ) -> Result<(), Stopped> {
        self.end(BatchEnd::Weigh(self.intake.clock()), count)?;
        let mut weight = 0;
        for answer in self.answers(count)? {
            if let Answer::Weight(more) = answer {
                weight += more;
            }
        }
        let excess = self.bound.excess(weight);
        if excess > 0 {
            self.end(BatchEnd::Rank(excess), count)?;
            let mut ranked = Vec::new();
            for answer in self.answers(count)? {
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
                self.end(BatchEnd::Evict(*last), count)?;
            }
            weight = weight.saturating_sub(freed);
        }
        self.bound.found(weight);
        Ok(())
    }

    /// What all workers say, also the one whose turn it is.
    fn answers(
        &self,
        count: &mut impl FnMut() -> Result<(), Stopped>,
    ) -> Result<Vec<Answer>, Stopped> {
        count()?;
        let answers = self.lanes.iter().map(|lane| lane.answers.recv());
        answers.collect::<Result<_, _>>().map_err(|_| Stopped)
    }

    /// Tells every worker that an epoch or the trace ends here.
    fn end(
        &mut self,
        end: BatchEnd,
        count: &mut impl FnMut() -> Result<(), Stopped>,
    ) -> Result<(), Stopped> {
        // The worker whose turn it is comes last: what it has closed in an epoch it can hand over only
        // when all others know that the epoch has ended.
        let lanes = self.lanes.len();
        (1..=lanes).try_for_each(|after| self.hand_over((self.turn + after) % lanes, end, count))
    }

    fn hand_over(
        &mut self,
        lane: usize,
        end: BatchEnd,
        count: &mut impl FnMut() -> Result<(), Stopped>,
    ) -> Result<(), Stopped> {
        if lane == self.turn {
            self.due = self.due.saturating_sub(1);
        }
        let mut batch = mem::replace(&mut self.batches[lane], self.spent.take());
        batch.end = end;
        let full = &self.lanes[lane].full;
        match full.try_send(batch) {
            Ok(()) => Ok(()),
            Err(TrySendError::Disconnected(_)) => Err(Stopped),
            // Its worker may wait for the writer, which then waits for what the worker whose turn
            // it is has closed: all of that comes first. Or it is that worker's own lane.
            Err(TrySendError::Full(batch)) => {
                count()?;
                full.send(batch).map_err(|_| Stopped)
            }
        }
    }

    /// Hands over what is left, and says what was counted.
    fn finish(
        mut self,
        count: &mut impl FnMut() -> Result<(), Stopped>,
    ) -> Result<PacketSummary, Stopped> {
        let end = BatchEnd::Trace(self.intake.clock());
        self.end(end, count).map(|()| self.intake.finish())
    }
}

/// The worker for a hash, by its upper half; the lower half finds the flow in the worker's table.
#[inline]
pub(crate) fn shard(hash: u64, workers: usize) -> usize {
    let scaled = (hash >> 32) * workers as u64;
    usize::try_from(scaled >> 32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_used_evenly() {
        let mut used = [0; 7];
        for hash in (0..7000u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
            used[shard(hash, 7)] += 1;
        }
        assert!(used.iter().all(|&n| (900..1100).contains(&n)), "{used:?}");
    }
}
