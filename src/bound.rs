//! When the flow tables have to be looked at, so that they never hold more than their limit.
//!
//! A packet adds one flow at most, and a flow grows by so many bytes at most: between two looks
//! there are as many packets as certainly fit.

use crate::config::Limit;

/// Bytes that one packet can add to a table: the state of a flow, and what its lists may grow by.
const GROWTH_BYTES: u64 = 4096;

/// The limit of all tables together, and how far off it is.
pub(crate) struct Bound {
    limit: Option<Limit>,
    /// Packets until the limit may be reached.
    room: u64,
}

impl Bound {
    pub(crate) fn new(limit: Option<Limit>) -> Self {
        let mut bound = Self { limit, room: 0 };
        bound.found(0);
        bound
    }

    /// Counts a packet. Whether the tables may be full with it.
    #[inline]
    pub(crate) fn is_reached(&mut self) -> bool {
        self.room -= 1;
        self.room == 0
    }

    /// What has to go of tables that weigh `weight`: nothing unless they are full, and then an
    /// eighth, so that many packets pass before the next look.
    pub(crate) fn excess(&self, weight: u64) -> u64 {
        let (most, growth) = self.terms();
        if weight.saturating_add(growth) > most {
            weight.saturating_sub(most - most / 8).max(1)
        } else {
            0
        }
    }

    /// The tables weigh `weight` now.
    pub(crate) fn found(&mut self, weight: u64) {
        let (most, growth) = self.terms();
        self.room = (most.saturating_sub(weight) / growth).max(1);
    }

    /// The limit, and what one packet can add.
    fn terms(&self) -> (u64, u64) {
        match self.limit {
            None => (u64::MAX, 1),
            Some(Limit::Flows(flows)) => (flows, 1),
            Some(Limit::Bytes(bytes)) => (bytes, GROWTH_BYTES),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets until the next look.
    fn room(bound: &mut Bound) -> u64 {
        (1..).find(|_| bound.is_reached()).unwrap()
    }

    #[test]
    fn the_first_look_is_when_every_packet_was_a_flow() {
        assert_eq!(room(&mut Bound::new(Some(Limit::Flows(1000)))), 1000);
        let bytes = 100 * GROWTH_BYTES;
        assert_eq!(room(&mut Bound::new(Some(Limit::Bytes(bytes)))), 100);
    }

    #[test]
    fn an_eighth_goes_from_full_tables_and_nothing_from_others() {
        let mut bound = Bound::new(Some(Limit::Flows(1000)));
        assert_eq!((bound.excess(999), bound.excess(1000)), (0, 125));
        bound.found(875);
        assert_eq!(room(&mut bound), 125);
    }

    #[test]
    fn a_table_of_one_flow_is_looked_at_with_every_packet() {
        let mut bound = Bound::new(Some(Limit::Flows(1)));
        assert_eq!((bound.excess(0), bound.excess(1)), (0, 1));
        bound.found(0);
        assert_eq!(room(&mut bound), 1);
    }
}
