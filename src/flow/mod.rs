//! Packets in, closed flows out: what a flow is, when it ends, and all that is measured on the way
//! (spec 3 to 7). No clock and no input or output: time comes with the packets.
//!
//! [`Tracker`] is one worker's table. It finds a packet's flow, applies the life cycle, and hands
//! the packet to a [`TcpFlow`] or a [`UdpFlow`], which counts it.

mod base;
mod ending;
mod index;
mod packet;
mod pool;
mod roles;
mod rows;
mod shelf;
mod slab;
mod table;
mod tally;
pub(crate) mod tcp;
mod udp;
mod young;

pub use base::{EndReason, Flow, Oddities, SideCounts, SideHeaders};
pub use ending::{Candidate, Closed, ClosedFlows, Fragments};
pub use packet::{FragmentKey, MacAddress, PacketFacts, PacketInfo, marks};
pub use roles::ClientBy;
pub use rows::Rows;
pub use table::Tracker;
pub use tcp::TcpFlow;
pub use udp::UdpFlow;

/// Which side of a flow: what the columns `c_` and `s_` stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client (spec 3.2).
    Client = 0,
    /// Its peer.
    Server = 1,
}

impl Side {
    /// The other one.
    #[inline]
    pub fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Something each side has one of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sides<T>([T; 2]);

impl<T> Sides<T> {
    /// The client's and the server's.
    pub fn new(client: T, server: T) -> Self {
        Self([client, server])
    }

    /// The side that sent the packet at hand, then its peer.
    #[inline]
    pub(crate) fn me_and_peer(&mut self, me: Side) -> (&mut T, &mut T) {
        let [client, server] = &mut self.0;
        match me {
            Side::Client => (client, server),
            Side::Server => (server, client),
        }
    }
}

impl<T> std::ops::Index<Side> for Sides<T> {
    type Output = T;

    #[inline]
    fn index(&self, side: Side) -> &T {
        &self.0[side as usize]
    }
}

impl<T> std::ops::IndexMut<Side> for Sides<T> {
    #[inline]
    fn index_mut(&mut self, side: Side) -> &mut T {
        &mut self.0[side as usize]
    }
}

/// The smallest and the largest of the times seen so far, in whatever order they came (spec 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    first: i64,
    last: i64,
}

impl Default for Span {
    fn default() -> Self {
        Self {
            first: i64::MAX,
            last: i64::MIN,
        }
    }
}

impl Span {
    /// Adds a time.
    #[inline]
    pub(crate) fn add(&mut self, time: crate::capture::Timestamp) {
        self.first = self.first.min(time.0);
        self.last = self.last.max(time.0);
    }

    /// The span over the times of both.
    #[inline]
    fn and(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }

    /// Smallest and largest time, if there was any.
    #[inline]
    pub fn get(&self) -> Option<(i64, i64)> {
        (self.first <= self.last).then_some((self.first, self.last))
    }
}
