//! Which flow a later fragment belongs to: what the first fragments of the trace were (spec 3.5).
//!
//! The reader keeps this, since a later fragment has no ports to tell its worker by. The worker
//! then checks that the flow of the first fragment still lives.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};

use crate::capture::Timestamp;
use crate::flow::{FragmentKey, PacketInfo};

/// How long the fragments of a packet may be apart, in nanoseconds.
const LIFETIME: i64 = 30_000_000_000;
/// First fragments kept. Under a flood the oldest are forgotten.
const LIMIT: usize = 1 << 16;

/// The first fragments of the last 30 s.
pub(crate) struct Fragments {
    /// Later fragments take over flow and direction of these packets.
    firsts: HashMap<FragmentKey, PacketInfo, ahash::RandomState>,
    /// Keys in the order they were stored, with the number of the packet, to forget them by.
    order: VecDeque<(FragmentKey, u64)>,
}

impl Fragments {
    pub(crate) fn new(hasher: ahash::RandomState) -> Self {
        Self {
            firsts: HashMap::with_hasher(hasher),
            order: VecDeque::new(),
        }
    }

    /// Stores a first fragment.
    #[cold]
    pub(crate) fn store(&mut self, key: FragmentKey, packet: &PacketInfo) {
        self.forget(packet.clock);
        self.order.push_back((key, packet.number));
        self.firsts.insert(key, *packet);
    }

    /// The first fragment that a later one, captured at `time`, belongs to.
    #[cold]
    pub(crate) fn find(
        &self,
        key: &FragmentKey,
        time: Timestamp,
        clock: Timestamp,
    ) -> Option<&PacketInfo> {
        let first = self.firsts.get(key)?;
        let is_late = time.since(first.facts.time) > LIFETIME || is_past(first, clock);
        (!is_late).then_some(first)
    }

    /// Forgets what nothing can belong to any more, and the oldest where there are too many.
    fn forget(&mut self, clock: Timestamp) {
        while let Some(&(key, number)) = self.order.front() {
            let Entry::Occupied(entry) = self.firsts.entry(key) else {
                self.order.pop_front();
                continue;
            };
            let first = entry.get();
            // A key that was stored again has a later place in the order, too.
            let is_current = first.number == number;
            if is_current && !is_past(first, clock) && self.order.len() < LIMIT {
                break;
            }
            if is_current {
                entry.remove();
            }
            self.order.pop_front();
        }
    }
}

fn is_past(first: &PacketInfo, clock: Timestamp) -> bool {
    clock.since(first.facts.time.max(first.clock)) > LIFETIME
}
