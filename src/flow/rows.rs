//! Flows that ended, on their way to a file: a few at a time, in memory that comes back.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::base::{EndReason, Tracked};

/// Flows that are handed over together.
const PIECE: usize = 256;

/// A few flows that ended, in the order of their first packets, and what the summary says of them:
/// it is counted here, where they have just been in hand.
#[derive(Debug)]
pub struct Rows<F> {
    flows: Vec<Spaced<F>>,
    /// The place of each one's first packet in the trace. They stand apart: whoever merges needs nothing else.
    numbers: Vec<u64>,
    /// How many of them ended for each reason, in the order of [`EndReason::ALL`].
    pub reasons: [u64; EndReason::ALL.len()],
    /// Packets of them all.
    pub packets: u64,
    /// Where their memory goes, while there is a table that may need it.
    spare: Weak<Mutex<Stock<F>>>,
}

/// A flow, and room by which it and its neighbour are not a power of two apart: else the same field of all of them would
/// fall into a few sets of a cache.
#[derive(Debug)]
struct Spaced<F> {
    flow: F,
    _room: u64,
}

impl<F> From<F> for Spaced<F> {
    #[inline(always)]
    fn from(flow: F) -> Self {
        Self { flow, _room: 0 }
    }
}

impl<F> Rows<F> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// The flow at a place, if there is one.
    #[inline]
    pub fn get(&self, at: usize) -> Option<&F> {
        self.flows.get(at).map(|spaced| &spaced.flow)
    }

    /// The place in the trace of the first packet of the flow at a place here.
    #[inline]
    pub(crate) fn number(&self, at: usize) -> Option<u64> {
        self.numbers.get(at).copied()
    }

    /// Takes all flows out. What was counted of them stays.
    pub fn take(&mut self) -> impl Iterator<Item = F> {
        self.numbers.clear();
        self.flows.drain(..).map(|spaced| spaced.flow)
    }
}

impl<F> Default for Rows<F> {
    fn default() -> Self {
        Self {
            flows: Vec::new(),
            numbers: Vec::new(),
            reasons: [0; EndReason::ALL.len()],
            packets: 0,
            spare: Weak::new(),
        }
    }
}

/// Flows of which nothing is known but their order.
impl<F> FromIterator<F> for Rows<F> {
    fn from_iter<I: IntoIterator<Item = F>>(flows: I) -> Self {
        let mut rows = Self::default();
        rows.flows.extend(flows.into_iter().map(Spaced::from));
        rows
    }
}

impl<F> Drop for Rows<F> {
    fn drop(&mut self) {
        // Of what is smaller an allocator has enough.
        if self.flows.capacity() == PIECE
            && let Some(stock) = self.spare.upgrade()
        {
            Spare(stock).put(mem::take(&mut self.flows));
        }
    }
}

/// Memory of pieces that are done with.
#[derive(Debug)]
pub(super) struct Spare<F>(Arc<Mutex<Stock<F>>>);

#[derive(Debug)]
struct Stock<F> {
    pieces: Vec<Vec<Spaced<F>>>,
    /// So many were there at all times since it was trimmed.
    unneeded: usize,
}

impl<F> Default for Spare<F> {
    fn default() -> Self {
        let stock = Stock {
            pieces: Vec::new(),
            unneeded: 0,
        };
        Self(Arc::new(Mutex::new(stock)))
    }
}

impl<F> Spare<F> {
    fn stock(&self) -> MutexGuard<'_, Stock<F>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, mut flows: Vec<Spaced<F>>) {
        flows.clear();
        self.stock().pieces.push(flows);
    }

    fn take(&self) -> Option<Vec<Spaced<F>>> {
        let mut stock = self.stock();
        let piece = stock.pieces.pop();
        stock.unneeded = stock.unneeded.min(stock.pieces.len());
        piece
    }

    /// Gives back memory that was not needed since this was done before.
    pub(super) fn trim(&self) {
        let mut stock = self.stock();
        let needed = stock.pieces.len() - stock.unneeded;
        stock.pieces.truncate(needed);
        stock.unneeded = needed;
    }

    /// A piece with room for as many of `left` flows as it may have.
    fn begin(&self, left: usize) -> Rows<F> {
        let room = left.min(PIECE);
        let flows = if room == PIECE { self.take() } else { None };
        Rows {
            flows: flows.unwrap_or_else(|| Vec::with_capacity(room)),
            numbers: Vec::with_capacity(room),
            spare: Arc::downgrade(&self.0),
            ..Rows::default()
        }
    }
}

/// Flows on their way to a sink, piece by piece.
pub(super) struct Pieces<'s, F, S> {
    rows: Rows<F>,
    /// Flows that may still come.
    left: usize,
    spare: &'s Spare<F>,
    sink: S,
}

impl<'s, F: Tracked, E, S: FnMut(Rows<F>) -> Result<(), E>> Pieces<'s, F, S> {
    /// Of no more than so many flows.
    pub(super) fn new(left: usize, spare: &'s Spare<F>, sink: S) -> Self {
        Self {
            rows: spare.begin(left),
            left,
            spare,
            sink,
        }
    }

    /// Makes a flow where it stays until it is kept or taken back.
    #[inline(always)]
    pub(super) fn place(&mut self, make: impl FnOnce() -> F) -> &mut F {
        self.left = self.left.saturating_sub(1);
        let flows = &mut self.rows.flows;
        flows.push(Spaced::from(make()));
        &mut flows.last_mut().expect("it was just added").flow
    }

    /// The flow placed last is complete.
    #[inline(always)]
    pub(super) fn keep(&mut self, number: u64) -> Result<(), E> {
        let rows = &mut self.rows;
        let flow = rows.flows.last().expect("one was placed").flow.flow();
        rows.reasons[flow.end_reason as usize] += 1;
        rows.packets += flow.packets();
        rows.numbers.push(number);
        if rows.flows.len() < PIECE {
            return Ok(());
        }
        (self.sink)(mem::take(rows))?;
        self.rows = self.spare.begin(self.left);
        Ok(())
    }

    /// The flow placed last is none of them.
    pub(super) fn take_back(&mut self) -> Option<F> {
        self.rows.flows.pop().map(|spaced| spaced.flow)
    }

    /// Hands over the last piece.
    pub(super) fn end(mut self) -> Result<(), E> {
        let flows = &mut self.rows.flows;
        if flows.len() < flows.capacity() / 2 {
            // Most of those it has room for were taken back, and it may wait for long.
            flows.shrink_to_fit();
        }
        (self.sink)(self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{TcpFlow, UdpFlow};
    use super::*;

    #[test]
    fn flows_are_no_power_of_two_apart() {
        assert!(!size_of::<Spaced<TcpFlow>>().is_power_of_two());
        assert!(!size_of::<Spaced<UdpFlow>>().is_power_of_two());
    }

    #[test]
    fn memory_of_a_full_piece_comes_back_from_wherever_it_goes() {
        let spare = Spare::<String>::default();
        let mut rows = spare.begin(PIECE + 1);
        rows.flows.extend((0..PIECE).map(|n| n.to_string().into()));
        let address = rows.flows.as_ptr();
        std::thread::spawn(move || drop(rows)).join().unwrap();
        let small = spare.begin(PIECE - 1);
        assert_ne!(small.flows.as_ptr(), address);
        drop(small);
        let next = spare.begin(PIECE);
        assert_eq!((next.flows.as_ptr(), next.flows.len()), (address, 0));
        assert!(spare.take().is_none(), "there is no other");
    }

    #[test]
    fn memory_that_is_not_needed_goes() {
        let spare = Spare::<String>::default();
        let begin = |count: usize| (0..count).map(|_| spare.begin(PIECE)).collect::<Vec<_>>();
        let kept = || spare.stock().pieces.len();
        drop(begin(5));
        spare.trim();
        assert_eq!(kept(), 5, "all were needed");
        drop(begin(2));
        spare.trim();
        assert_eq!(kept(), 2);
        spare.trim();
        assert_eq!(kept(), 0);
    }
}
