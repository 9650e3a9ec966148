//! The two halves of the handshake (spec 7.2), each timed by its first occasion.

use super::super::Side;
use super::TcpPacket;
use crate::capture::Timestamp;
use crate::decode::tcp_flags::{ACK, RST, SYN};

/// One half: from the latest packet of a kind to the first of another.
#[derive(Clone, Copy, Debug)]
pub(super) enum Half {
    /// From the client's SYN to the server's first SYN+ACK.
    SynSynAck = 0,
    /// From the server's SYN+ACK to the client's first ACK.
    SynAckAck = 1,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Neither packet was seen.
    #[default]
    Unseen,
    /// The first was.
    Begun,
    /// Both were: the time is known.
    Timed,
    /// The second was, without the first or before it: there is no time.
    Missed,
}

/// Both halves.
#[derive(Clone, Debug, Default)]
pub(super) struct Handshake {
    /// Time of the latest first packet; once it is answered, the time between the two.
    nanoseconds: [i64; 2],
    states: [State; 2],
}

impl Handshake {
    #[inline(always)]
    pub(super) fn track(&mut self, side: Side, packet: TcpPacket<'_>) {
        let flags = packet.flags & (SYN | ACK);
        if flags == ACK {
            // Most packets: which side sent them is asked only where it matters.
            if self.states[Half::SynAckAck as usize] == State::Begun {
                self.answer(side, packet);
            }
            return;
        }
        match (side, flags) {
            (Side::Client, SYN) => self.begin(Half::SynSynAck, packet.time),
            (Side::Server, flags) if flags == SYN | ACK => {
                self.end(Half::SynSynAck, packet.time);
                self.begin(Half::SynAckAck, packet.time);
            }
            _ => {}
        }
    }

    /// An acknowledgement after a SYN+ACK.
    #[cold]
    fn answer(&mut self, side: Side, packet: TcpPacket<'_>) {
        if side == Side::Client && !packet.flag(RST) {
            self.end(Half::SynAckAck, packet.time);
        }
    }

    /// The client's first acknowledgement, or a later one.
    pub(super) fn acknowledge(&mut self, time: Timestamp) {
        if self.states[Half::SynAckAck as usize] == State::Begun {
            self.end(Half::SynAckAck, time);
        }
    }

    /// The packet that begins it, perhaps once more.
    fn begin(&mut self, half: Half, time: Timestamp) {
        let half = half as usize;
        if matches!(self.states[half], State::Unseen | State::Begun) {
            (self.nanoseconds[half], self.states[half]) = (time.0, State::Begun);
        }
    }

    /// The packet that ends it, even if it has not begun: then there is no time.
    fn end(&mut self, half: Half, time: Timestamp) {
        let (nanoseconds, state) = (
            &mut self.nanoseconds[half as usize],
            &mut self.states[half as usize],
        );
        match *state {
            State::Begun => {
                *nanoseconds = time.since(Timestamp(*nanoseconds));
                let is_forward = *nanoseconds >= 0;
                *state = if is_forward {
                    State::Timed
                } else {
                    State::Missed
                };
            }
            State::Unseen => *state = State::Missed,
            State::Timed | State::Missed => {}
        }
    }

    /// The time between the two packets of `half`.
    pub(super) fn get(&self, half: Half) -> Option<i64> {
        let half = half as usize;
        (self.states[half] == State::Timed).then_some(self.nanoseconds[half])
    }
}
