//! Packets on their way from the reader to the workers.

use std::sync::{Mutex, PoisonError};

use crate::capture::Timestamp;
use crate::decode::LinkInfo;
use crate::flow::{Candidate, PacketInfo, marks};
use crate::intake::Joint;

/// Packets on their way to a worker.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) packets: Vec<PacketInfo>,
    /// What is around those of them that are wrapped.
    pub(crate) links: Vec<LinkInfo>,
    /// What ends with this batch.
    pub(crate) end: BatchEnd,
    /// What the packets lack if they come from a piece of the trace.
    pub(crate) joint: Option<Joint>,
}

impl Batch {
    #[inline(always)]
    pub(crate) fn push(&mut self, info: PacketInfo, link: &LinkInfo) {
        self.packets.push(info);
        if info.facts.has(marks::WRAPPED) {
            self.links.push(*link);
        }
    }

    /// Gives the packets what they lack.
    pub(crate) fn settle(&mut self) {
        if let Some(joint) = self.joint.take() {
            let packets = self.packets.iter_mut();
            packets.for_each(|packet| joint.settle(packet));
        }
    }

    /// Moves packets with this number and higher ones, of a piece, to another batch.
    pub(crate) fn split(&mut self, number: u64, rest: &mut Self) {
        let at = self
            .packets
            .partition_point(|packet| packet.number < number);
        let wrapped = |packet: &&PacketInfo| packet.facts.has(marks::WRAPPED);
        let links = self.packets[..at].iter().filter(wrapped).count();
        rest.packets.extend(self.packets.drain(at..));
        rest.links.extend(self.links.drain(links..));
    }

    /// Puts packets of a piece before those with the same number and higher ones.
    pub(crate) fn insert(&mut self, more: &[(u64, PacketInfo)]) {
        let Some((_, any)) = more.first() else { return };
        let mut rest = self.packets.len();
        self.packets.resize(rest + more.len(), *any);
        for (earlier, (number, info)) in more.iter().enumerate().rev() {
            let at = self.packets[..rest].partition_point(|packet| packet.number < *number);
            self.packets.copy_within(at..rest, at + earlier + 1);
            self.packets[at + earlier] = *info;
            rest = at;
        }
    }
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

    pub(crate) fn take(&self) -> Batch {
        let mut batches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        batches.pop().unwrap_or_default()
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
