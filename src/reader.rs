//! The reading thread's work: deals the packets of flows out to the workers, in batches.

use crossbeam_channel::{Receiver, Sender};

use crate::capture::{Inputs, Packet, Timestamp};
use crate::decode::LinkInfo;
use crate::error::Error;
use crate::flow::PacketInfo;
use crate::intake::Intake;
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

/// What ends with a batch, and the trace clock then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum BatchEnd {
    /// Nothing.
    #[default]
    None,
    /// An epoch.
    Epoch(Timestamp),
    /// The trace.
    Trace(Timestamp),
}

/// The way to one worker and back.
pub(crate) struct Lane {
    pub(crate) full: Sender<Batch>,
    pub(crate) empty: Receiver<Batch>,
}

/// Reads the traces to their end.
pub(crate) struct Reader {
    intake: Intake,
    lanes: Vec<Lane>,
    batches: Vec<Batch>,
}

/// The workers are gone: one of them, or the writer, has failed and says why itself.
pub(crate) struct Stopped;

impl Reader {
    pub(crate) fn new(lanes: Vec<Lane>, intake: Intake) -> Self {
        Self {
            intake,
            batches: lanes.iter().map(|_| Batch::default()).collect(),
            lanes,
        }
    }

    /// Deals out all packets. Returns what was counted of them, without the fates of those in
    /// flows.
    pub(crate) fn run(
        mut self,
        inputs: &mut Inputs,
    ) -> Result<Result<PacketSummary, Stopped>, Error> {
        while let Some(packet) = inputs.next_packet()? {
            if self.packet(&packet).is_err() {
                return Ok(Err(Stopped));
            }
        }
        let end = BatchEnd::Trace(self.intake.clock());
        Ok(self.end(end).map(|()| self.intake.finish()))
    }

    #[inline]
    fn packet(&mut self, packet: &Packet<'_>) -> Result<(), Stopped> {
        let mut link = LinkInfo::default();
        if let Some(info) = self.intake.packet(packet, &mut link) {
            self.send(&info, &link)?;
        }
        if self.intake.packets().is_multiple_of(EPOCH) {
            self.end(BatchEnd::Epoch(self.intake.clock()))?;
        }
        Ok(())
    }

    /// Puts a packet into the batch of its worker.
    #[inline]
    fn send(&mut self, info: &PacketInfo, link: &LinkInfo) -> Result<(), Stopped> {
        let lane = shard(info.hash, self.lanes.len());
        let batch = &mut self.batches[lane];
        batch.packets.push(*info);
        if self.intake.wants_link() {
            batch.links.push(*link);
        }
        if batch.packets.len() >= BATCH {
            self.hand_over(lane, BatchEnd::None)?;
        }
        Ok(())
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
