//! The closed flows of all workers as one row of rows, in the order of their first packets.

use std::mem;
use std::sync::Arc;

use crossbeam_channel::Receiver;

use crate::decode::Fate;
use crate::flow::{Closed, EndReason, Rows, TcpFlow, UdpFlow};
use crate::summary::{Fates, TableSummary};

/// What one worker closes, epoch by epoch and in order within each.
pub(crate) struct Run {
    pieces: Receiver<Closed>,
    /// The piece that comes next; `None` once the worker is done.
    next: Option<Closed>,
    pub(crate) tcp: Queue<TcpFlow>,
    pub(crate) udp: Queue<UdpFlow>,
}

impl Run {
    pub(crate) fn new(pieces: Receiver<Closed>) -> Self {
        Self {
            pieces,
            next: None,
            tcp: Queue::default(),
            udp: Queue::default(),
        }
    }

    /// Waits for the next epoch; false if there is none.
    pub(crate) fn has_more(&mut self) -> bool {
        self.receive();
        self.next.is_some()
    }

    /// The TCP flows at hand; empty once the epoch has no more.
    pub(crate) fn tcp(&mut self) -> &mut Queue<TcpFlow> {
        while self.tcp.first().is_none()
            && let Some(Closed::Tcp(rows)) = &mut self.next
        {
            self.tcp.refill(mem::take(rows));
            self.receive();
        }
        &mut self.tcp
    }

    /// The same for UDP, after all of TCP.
    pub(crate) fn udp(&mut self) -> &mut Queue<UdpFlow> {
        while self.udp.first().is_none()
            && let Some(Closed::Udp(rows)) = &mut self.next
        {
            self.udp.refill(mem::take(rows));
            self.receive();
        }
        &mut self.udp
    }

    /// Ends the epoch, and counts its later fragments.
    pub(crate) fn end_epoch(&mut self, fates: &mut Fates) {
        // A worker that failed has none; its result says why.
        if let Some(Closed::Fragments(fragments)) = self.next.take() {
            fates.add(Fate::FragJoined, fragments.joined);
            fates.add(Fate::FragOrphan, fragments.orphaned);
        }
    }

    fn receive(&mut self) {
        self.next = self.pieces.recv().ok();
    }
}

/// Flows of one table that a worker closed, and what was counted of all that came so far.
pub(crate) struct Queue<F> {
    piece: Arc<Rows<F>>,
    /// Which flow of the piece is the next one.
    at: usize,
    reasons: [u64; EndReason::ALL.len()],
    packets: u64,
}

impl<F> Default for Queue<F> {
    fn default() -> Self {
        Self {
            piece: Arc::default(),
            at: 0,
            reasons: [0; EndReason::ALL.len()],
            packets: 0,
        }
    }
}

impl<F> Queue<F> {
    fn refill(&mut self, rows: Rows<F>) {
        self.packets += rows.packets;
        for (sum, more) in self.reasons.iter_mut().zip(rows.reasons) {
            *sum += more;
        }
        (self.piece, self.at) = (Arc::new(rows), 0);
    }

    /// Adds all that came to the summary.
    pub(crate) fn count(&self, table: &mut TableSummary, fates: &mut Fates, fate: Fate) {
        for (reason, count) in EndReason::ALL.into_iter().zip(self.reasons) {
            table.count(reason, count);
        }
        fates.add(fate, self.packets);
    }

    /// The place in the trace of the next flow's first packet.
    fn first(&self) -> Option<u64> {
        self.piece.number(self.at)
    }
}

/// Gives `take` the rest of an epoch, in order: in which piece each row is, and which of its rows it is. `queue` is a
/// worker's, filled again when it is empty.
///
/// # Errors
/// The first one of `take`.
pub(crate) fn merge<F, E>(
    runs: &mut [Run],
    queue: fn(&mut Run) -> &mut Queue<F>,
    mut take: impl FnMut(&Arc<Rows<F>>, usize) -> Result<(), E>,
) -> Result<(), E> {
    let mut heads: Vec<Option<u64>> = runs.iter_mut().map(|run| queue(run).first()).collect();
    loop {
        let waiting = heads.iter().enumerate();
        let first = waiting.filter_map(|(at, head)| Some(((*head)?, at))).min();
        let Some((_, at)) = first else {
            return Ok(());
        };
        let next = queue(&mut runs[at]);
        take(&next.piece, next.at)?;
        next.at += 1;
        heads[at] = queue(&mut runs[at]).first();
    }
}
