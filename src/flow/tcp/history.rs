//! The column `history`: letters for what happened, in order (spec 7.1).
//!
//! The letters are always followed, since `conn_state` asks what the first one was and what the
//! client had sent before its RST; they are kept only for the group `seq`.

use smallvec::SmallVec;

use super::super::{Side, Sides};
use super::TcpPacket;
use super::state::EndpointState;
use crate::decode::tcp_flags::{ACK, FIN, RST, SYN};

/// Letters of one side that are written once, or that later rules ask for.
mod seen {
    pub(super) const INCONSISTENT: u8 = 1;
    pub(super) const MIXED_SYN: u8 = 1 << 1;
    pub(super) const DATA: u8 = 1 << 2;
    pub(super) const ACK: u8 = 1 << 3;
    pub(super) const SYN_ACK: u8 = 1 << 4;
    pub(super) const FIN: u8 = 1 << 5;
    pub(super) const ANY_SYN: u8 = 1 << 6;
    pub(super) const RST: u8 = 1 << 7;
    /// What a client that had only begun to open has not sent.
    pub(super) const BEYOND_SYN: u8 = SYN_ACK | ACK | FIN | INCONSISTENT | MIXED_SYN;
}

#[derive(Clone, Debug, Default)]
struct SideEvents {
    seen: u8,
    /// Numbers of its latest SYN, FIN and RST, where `seen` says that there is one.
    syn: u32,
    fin: u32,
    rst: u32,
}

/// Events of one side of which the first, tenth, hundredth … are written.
#[derive(Clone, Copy, Debug, Default)]
struct Repeated {
    zero_windows: u32,
    retransmissions: u32,
    gaps: u32,
}

/// The letters so far.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    letters: SmallVec<[u8; 16]>,
    sides: Sides<SideEvents>,
    /// Made when the first such event happens.
    repeated: Option<Box<Sides<Repeated>>>,
    keep: bool,
    begun: bool,
    begins_with_syn: bool,
    half: bool,
}

/// What the rules ask of a packet beyond its headers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    /// State of the sender before the packet.
    pub(super) me: EndpointState,
    /// State of its peer before the packet.
    pub(super) peer: EndpointState,
    /// It carried payload and numbers that were seen before.
    pub(super) is_retransmission: bool,
    /// It told of a gap at its peer, and both sides are established after it.
    pub(super) is_gap: bool,
}

impl History {
    /// Bytes of the letters that are not in the flow itself, with room to grow.
    pub(super) fn far_bytes(&self) -> u64 {
        let letters = match self.letters.spilled() {
            true => 2 * self.letters.len(),
            false => 0,
        };
        (letters + self.repeated.as_deref().map_or(0, size_of_val)) as u64
    }

    /// The letters of a flow whose first packet comes from `first`.
    pub(super) fn begin(first: Side, keep: bool) -> Self {
        let mut history = Self {
            keep,
            ..Self::default()
        };
        if first == Side::Server {
            history.begun = true;
            history.push(b'^');
        }
        history
    }

    /// Adds the letters of a packet.
    #[inline(always)]
    pub(super) fn add(&mut self, side: Side, packet: TcpPacket<'_>, event: Event) {
        if let Some(letter) = self.sides[side].letter(packet) {
            self.write(side, letter);
        }
        let is_open = event.peer != EndpointState::Closed && event.me != EndpointState::Reset;
        if packet.window == 0 && !packet.flag(RST) && is_open {
            self.repeat(side, b'w', |events| &mut events.zero_windows);
        }
        if event.is_retransmission {
            self.repeat(side, b't', |events| &mut events.retransmissions);
        }
        if event.is_gap {
            self.repeat(side.peer(), b'g', |events| &mut events.gaps);
        }
    }

    /// Counts an event that may come often, and writes its letter at every power of ten.
    #[cold]
    fn repeat(&mut self, side: Side, letter: u8, count: impl Fn(&mut Repeated) -> &mut u32) {
        let count = count(&mut self.repeated.get_or_insert_default()[side]);
        *count = count.saturating_add(1);
        if is_power_of_ten(*count) {
            self.write(side, letter);
        }
    }

    #[cold]
    fn write(&mut self, side: Side, letter: u8) {
        let is_first = !std::mem::replace(&mut self.begun, true);
        if side == Side::Client {
            self.begins_with_syn |= is_first && letter == b's';
            let events = &self.sides[Side::Client];
            // Judged at the first R; a later one cannot turn the answer to yes.
            if letter == b'r' && !self.half {
                self.half = self.begins_with_syn && events.seen & seen::BEYOND_SYN == 0;
            }
        }
        self.push(match side {
            Side::Client => letter.to_ascii_uppercase(),
            Side::Server => letter,
        });
    }

    fn push(&mut self, letter: u8) {
        if self.keep {
            self.letters.push(letter);
        }
    }

    /// Whether the client reset what it had only begun to open (*half* in the specification).
    pub(super) fn is_half(&self) -> bool {
        self.half
    }

    /// The letters, as text.
    pub(super) fn letters(&self) -> &str {
        std::str::from_utf8(&self.letters).unwrap_or_default()
    }
}

impl SideEvents {
    /// The letter of a packet's flags, in lower case, if it is new.
    #[inline(always)]
    fn letter(&mut self, packet: TcpPacket<'_>) -> Option<u8> {
        if packet.flags & (SYN | FIN | RST) != 0 {
            return self.control_letter(packet);
        }
        let (bit, letter) = if packet.payload_len > 0 {
            (seen::DATA, b'd')
        } else if packet.flag(ACK) {
            (seen::ACK, b'a')
        } else {
            return None;
        };
        self.once(bit, letter)
    }

    fn control_letter(&mut self, packet: TcpPacket<'_>) -> Option<u8> {
        let is = |flag| packet.flag(flag);
        if is(FIN | RST) {
            return self.once(seen::INCONSISTENT, b'i');
        }
        if is(SYN) && packet.flags & (FIN | RST) != 0 {
            return self.once(seen::MIXED_SYN, b'q');
        }
        let after_payload = packet.seq.wrapping_add(packet.payload_len);
        let (number, last, bit, letter) = if is(SYN) {
            let letter = if is(ACK) { b'h' } else { b's' };
            (packet.seq, &mut self.syn, seen::ANY_SYN, letter)
        } else if is(FIN) {
            (after_payload, &mut self.fin, seen::FIN, b'f')
        } else {
            (packet.seq, &mut self.rst, seen::RST, b'r')
        };
        let is_new = self.seen & bit == 0 || *last != number;
        *last = number;
        self.seen |= bit;
        if is_new && letter == b'h' {
            self.seen |= seen::SYN_ACK;
        }
        is_new.then_some(letter)
    }

    fn once(&mut self, bit: u8, letter: u8) -> Option<u8> {
        let is_new = self.seen & bit == 0;
        self.seen |= bit;
        is_new.then_some(letter)
    }
}

/// 1, 10, 100, 1000 …
fn is_power_of_ten(mut count: u32) -> bool {
    while count >= 10 && count.is_multiple_of(10) {
        count /= 10;
    }
    count == 1
}

#[cfg(test)]
mod tests {
    use super::is_power_of_ten;

    #[test]
    fn repeated_events_are_written_at_powers_of_ten() {
        let written: Vec<u32> = (0..=10_000).filter(|&n| is_power_of_ten(n)).collect();
        assert_eq!(written, [1, 10, 100, 1000, 10_000]);
    }
}
