//! The closed flows of all workers as one row of rows, in the order of their first packets.

use std::mem;
use std::vec::IntoIter;

use crossbeam_channel::Receiver;

use crate::flow::{Closed, Fragments, TcpFlow, UdpFlow};
use crate::output::Row;

/// Rows that are merged together.
const PIECE: usize = 512;

/// What one worker closes, epoch by epoch and in order within each.
pub(crate) struct Run {
    pieces: Receiver<Closed>,
    /// The piece that comes next; `None` once the worker is done.
    next: Option<Closed>,
    tcp: IntoIter<Box<TcpFlow>>,
    udp: IntoIter<Box<UdpFlow>>,
}

impl Run {
    pub(crate) fn new(pieces: Receiver<Closed>) -> Self {
        Self {
            pieces,
            next: None,
            tcp: Vec::new().into_iter(),
            udp: Vec::new().into_iter(),
        }
    }

    /// Waits for the next epoch; false if there is none.
    pub(crate) fn has_more(&mut self) -> bool {
        self.receive();
        self.next.is_some()
    }

    /// The TCP flows at hand; empty once the epoch has no more.
    pub(crate) fn tcp(&mut self) -> &mut IntoIter<Box<TcpFlow>> {
        while self.tcp.len() == 0
            && let Some(Closed::Tcp(rows)) = &mut self.next
        {
            self.tcp = mem::take(rows).into_iter();
            self.receive();
        }
        &mut self.tcp
    }

    /// The same for UDP, after all of TCP.
    pub(crate) fn udp(&mut self) -> &mut IntoIter<Box<UdpFlow>> {
        while self.udp.len() == 0
            && let Some(Closed::Udp(rows)) = &mut self.next
        {
            self.udp = mem::take(rows).into_iter();
            self.receive();
        }
        &mut self.udp
    }

    /// What ends the epoch.
    pub(crate) fn fragments(&mut self) -> Fragments {
        match self.next.take() {
            Some(Closed::Fragments(fragments)) => fragments,
            _ => Fragments::default(), // The worker failed; its result says why.
        }
    }

    fn receive(&mut self) {
        self.next = self.pieces.recv().ok();
    }
}

/// The next rows of an epoch, in order; `None` if it has no more.
pub(crate) fn merge<F: Row>(
    runs: &mut [Run],
    rows: impl Fn(&mut Run) -> &mut IntoIter<Box<F>>,
) -> Option<Vec<Box<F>>> {
    let mut merged = Vec::with_capacity(PIECE);
    let mut heads: Vec<Option<u64>> = runs.iter_mut().map(|run| head(rows(run))).collect();
    while merged.len() < PIECE {
        let heads_left = heads.iter().enumerate();
        let first = heads_left
            .filter_map(|(at, head)| Some((head.as_ref()?, at)))
            .min();
        let Some((_, at)) = first else {
            break;
        };
        let run = rows(&mut runs[at]);
        merged.extend(run.next());
        heads[at] = head(rows(&mut runs[at]));
    }
    (!merged.is_empty()).then_some(merged)
}

/// The number of the first row.
fn head<F: Row>(rows: &IntoIter<Box<F>>) -> Option<u64> {
    rows.as_slice().first().map(|row| row.flow().number)
}
