//! The reading thread's work: deals the packets of flows out to the workers, in batches.

use std::ops::ControlFlow;

use crossbeam_channel::{Receiver, Sender};

use crate::bound::Bound;
use crate::capture::{Inputs, Packet, Sight, Timestamp};
use crate::config::Limit;
use crate::decode::LinkInfo;
use crate::error::Error;
use crate::flow::{Candidate, PacketInfo};
use crate::intake::{DecodedPacket, Decoder, Intake};
use crate::summary::PacketSummary;

/// Packets in an epoch. Flows that end in one epoch are sorted and written together.
pub(crate) const EPOCH: u64 = 1 << 17;
/// Packets in a batch. From 256 to 4,096 the end-to-end bench shows no difference.
pub(crate) const BATCH: usize = 1024;

/// Packets on their way to a worker.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) packets: Vec<PacketInfo>,
    /// One for each packet if the group `link` is on, else none.
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
    pub(crate) empty: Receiver<Batch>,
    pub(crate) answers: Receiver<Answer>,
}

/// Reads the traces to their end.
pub(crate) struct Reader {
    intake: Intake,
    lanes: Vec<Lane>,
    batches: Vec<Batch>,
    bound: Bound,
}

/// The workers are gone: one of them, or the writer, has failed and says why itself.
pub(crate) struct Stopped;

impl Reader {
    pub(crate) fn new(lanes: Vec<Lane>, intake: Intake, limit: Option<Limit>) -> Self {
        Self {
            intake,
            bound: Bound::new(limit),
            batches: lanes.iter().map(|_| Batch::default()).collect(),
            lanes,
        }
    }

    /// Deals out all packets. Returns what was counted of them, without the fates of those in
    /// flows.
    pub(crate) fn run(
        mut self,
        inputs: &mut Inputs<Decoder>,
    ) -> Result<Result<PacketSummary, Stopped>, Error> {
        let read = inputs.each(|sight| {
            let taken = match sight {
                Sight::Packet(packet) => self.packet(&packet),
                Sight::View(packet) => self.decoded(packet),
            };
            match taken {
                Ok(()) => ControlFlow::Continue(()),
                Err(stopped) => ControlFlow::Break(stopped),
            }
        })?;
        if let ControlFlow::Break(stopped) = read {
            return Ok(Err(stopped));
        }
        let end = BatchEnd::Trace(self.intake.clock());
        Ok(self.end(end).map(|()| self.intake.finish()))
    }

    #[inline(always)]
    fn packet(&mut self, packet: &Packet<'_>) -> Result<(), Stopped> {
        let mut link = LinkInfo::default();
        match self.intake.plain(packet, &mut link) {
            Some(info) => self.send(info, &link)?,
            None => self.other(packet)?,
        }
        self.end_epoch()
    }

    /// The same for a packet that is not as most are.
    #[inline(never)]
    fn other(&mut self, packet: &Packet<'_>) -> Result<(), Stopped> {
        let mut link = LinkInfo::default();
        match self.intake.other(packet, &mut link) {
            Some(info) => self.send(info, &link),
            None => Ok(()),
        }
    }

    /// The same for a packet that was decoded elsewhere.
    fn decoded(&mut self, packet: &DecodedPacket) -> Result<(), Stopped> {
        if let Some((info, link)) = self.intake.decoded(packet) {
            self.send(info, link)?;
        }
        self.end_epoch()
    }

    #[inline]
    fn end_epoch(&mut self) -> Result<(), Stopped> {
        if self.intake.packets().is_multiple_of(EPOCH) {
            self.end(BatchEnd::Epoch(self.intake.clock()))?;
        }
        Ok(())
    }

    /// Puts a packet into the batch of its worker.
    #[inline(always)]
    fn send(&mut self, info: PacketInfo, link: &LinkInfo) -> Result<(), Stopped> {
        let lane = shard(info.hash, self.lanes.len());
        let batch = &mut self.batches[lane];
        batch.packets.push(info);
        if self.intake.wants_link() {
            batch.links.push(*link);
        }
        if batch.packets.len() >= BATCH {
            self.hand_over(lane, BatchEnd::None)?;
        }
        if self.bound.is_reached() {
            self.keep_within()?;
        }
        Ok(())
    }

    /// Lets flows go if the tables may be full, all of them together: which ones does not depend
    /// on how many tables there are.
    #[cold]
    fn keep_within(&mut self) -> Result<(), Stopped> {
        self.end(BatchEnd::Weigh(self.intake.clock()))?;
        let mut weight = 0;
        for answer in self.answers()? {
            if let Answer::Weight(more) = answer {
                weight += more;
            }
        }
        let excess = self.bound.excess(weight);
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
        self.bound.found(weight);
        Ok(())
    }

    /// What all workers say.
    fn answers(&self) -> Result<Vec<Answer>, Stopped> {
        let answers = self.lanes.iter().map(|lane| lane.answers.recv());
        answers.collect::<Result<_, _>>().map_err(|_| Stopped)
    }

    /// Tells every worker that an epoch or the trace ends here.
    fn end(&mut self, end: BatchEnd) -> Result<(), Stopped> {
        (0..self.lanes.len()).try_for_each(|lane| self.hand_over(lane, end))
    }

    fn hand_over(&mut self, lane: usize, end: BatchEnd) -> Result<(), Stopped> {
        let next = self.lanes[lane].empty.try_recv().unwrap_or_default();
        let mut batch = std::mem::replace(&mut self.batches[lane], next);
        batch.end = end;
        self.lanes[lane].full.send(batch).map_err(|_| Stopped)
    }
}

/// The worker for a hash, by its upper half; the lower half finds the flow in the worker's table.
#[inline]
fn shard(hash: u64, workers: usize) -> usize {
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
