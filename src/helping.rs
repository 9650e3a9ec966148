//! Waiting without idling: workers are the threads that encode, too, and do that while they wait for packets or for
//! room.
//!
//! So there are as many busy threads as cores. With a thread more for each that encodes, a scheduler puts
//! two workers on one core and leaves another one idle for milliseconds: docs/performance.md.

use std::mem;
use std::time::Duration;

use crossbeam_channel::{SendTimeoutError, Sender, TrySendError};
use rayon::Yield;

/// How long a worker waits before it looks again for something to do, at first and at most: nobody wakes it when
/// there is something to encode.
pub(crate) const PAUSE: Duration = Duration::from_micros(100);
const LONGEST: Duration = Duration::from_millis(5);

/// How long to wait next: longer each time, since there may be nothing to do for hours.
pub(crate) struct Patience(Duration);

impl Default for Patience {
    fn default() -> Self {
        Self(PAUSE)
    }
}

impl Patience {
    pub(crate) fn pause(&mut self) -> Duration {
        let longer = LONGEST.min(self.0 * 2);
        mem::replace(&mut self.0, longer)
    }
}

/// Encodes something that waits to be encoded; false if nothing does, or if this is no thread of a pool.
pub(crate) fn help() -> bool {
    rayon::yield_now() == Some(Yield::Executed)
}

/// Nobody receives any more: a worker, or the writer, has failed and says why itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopped;

/// Sends as soon as there is room, and helps until there is. Whoever makes room may wait for what is encoded, so a
/// worker must not wait for it in any other way.
///
/// # Errors
/// If nobody receives any more.
pub(crate) fn send<T>(sender: &Sender<T>, mut value: T) -> Result<(), Stopped> {
    let mut patience = Patience::default();
    loop {
        value = match sender.try_send(value) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Disconnected(_)) => return Err(Stopped),
            Err(TrySendError::Full(value)) => value,
        };
        if help() {
            patience = Patience::default();
        } else {
            value = match sender.send_timeout(value, patience.pause()) {
                Ok(()) => return Ok(()),
                Err(SendTimeoutError::Disconnected(_)) => return Err(Stopped),
                Err(SendTimeoutError::Timeout(value)) => value,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::bounded;
    use rayon::ThreadPoolBuilder;

    use super::*;

    #[test]
    fn whoever_sends_makes_room_if_nobody_else_can() {
        let pool = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let (sender, receiver) = bounded(1);
        let sent = pool.broadcast(|_| {
            for number in 0..5 {
                let receiver = receiver.clone();
                rayon::spawn(move || assert!(receiver.recv().is_ok()));
                send(&sender, number).unwrap();
            }
        });
        assert_eq!(sent.len(), 1);
    }

    #[test]
    fn nobody_waits_for_a_receiver_that_is_gone() {
        let (sender, receiver) = bounded(1);
        assert_eq!(send(&sender, 1), Ok(()));
        drop(receiver);
        assert_eq!(send(&sender, 2), Err(Stopped));
    }

    #[test]
    fn pauses_get_longer_and_end() {
        let mut patience = Patience::default();
        let pauses: Vec<_> = (0..20).map(|_| patience.pause()).collect();
        assert!(pauses.is_sorted() && pauses[0] == PAUSE && pauses[19] == LONGEST);
    }
}
