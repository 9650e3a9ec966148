//! The letters of `history` (spec 7.1).

use super::facts::{Facts, Flags};
use super::flow::Flow;
use super::side::{Direction, Letters};
use super::state::{BothStates, EndpointState};

/// Writes the letters of one packet, after the states have changed; `before` is what they were.
pub(crate) fn write(flow: &mut Flow, direction: Direction, facts: &Facts, before: BothStates) {
    let from_client = direction == Direction::ClientToServer;
    let both_established = flow.c.states.is_established() && flow.s.states.is_established();
    let (my_state, peer_state) = match direction {
        Direction::ClientToServer => (before.c, before.s),
        Direction::ServerToClient => (before.s, before.c),
    };
    let (me, peer) = flow.me_and_peer(direction);
    let (mine, theirs) = (&mut me.letters, &mut peer.letters);
    let mut letters = Vec::new();

    if let Some(letter) = packet_letter(mine, facts) {
        letters.push(cased(letter, from_client));
    }
    let window_closed = facts.header.window == 0
        && !facts.flags.rst
        && peer_state != EndpointState::Closed
        && my_state != EndpointState::Reset;
    if window_closed && nth_counts(&mut mine.zero_windows) {
        letters.push(cased('w', from_client));
    }
    let retransmitted = facts.len > 0 && facts.seen.rex > 0;
    if retransmitted && nth_counts(&mut mine.retransmissions) {
        letters.push(cased('t', from_client));
    }
    let gap = facts.peer_gap && both_established;
    if gap && nth_counts(&mut theirs.gaps) {
        letters.push(cased('g', !from_client));
    }

    for letter in letters {
        if letter == 'R' && flow.reset_while_half.is_none() {
            flow.reset_while_half = Some(!flow.history.contains(['H', 'A', 'F', 'I', 'Q']));
        }
        flow.history.push(letter);
    }
}

fn cased(letter: char, upper: bool) -> char {
    if upper {
        letter.to_ascii_uppercase()
    } else {
        letter
    }
}

/// The packet's one letter of the first kind, if its turn is one that is written.
fn packet_letter(mine: &mut Letters, facts: &Facts) -> Option<char> {
    let Flags {
        fin, syn, rst, ack, ..
    } = facts.flags;
    let seq = facts.header.seq;
    if fin && rst {
        return once(mine, 'i');
    }
    if syn && (fin || rst) {
        return once(mine, 'q');
    }
    if syn {
        let letter = if ack { 'h' } else { 's' };
        return changed(&mut mine.last_syn_seq, seq).then_some(letter);
    }
    if fin {
        let number = seq.wrapping_add(facts.payload_len());
        return changed(&mut mine.last_fin_number, number).then_some('f');
    }
    if rst {
        return changed(&mut mine.last_rst_seq, seq).then_some('r');
    }
    if facts.len > 0 {
        return once(mine, 'd');
    }
    if ack {
        return once(mine, 'a');
    }
    None
}

fn once(mine: &mut Letters, letter: char) -> Option<char> {
    if mine.once.contains(&letter) {
        return None;
    }
    mine.once.push(letter);
    Some(letter)
}

/// Remembers the number; true if there was none before or another one.
fn changed(last: &mut Option<u32>, number: u32) -> bool {
    last.replace(number) != Some(number)
}

/// Counts an event; true for the first, tenth, hundredth …
fn nth_counts(events: &mut u64) -> bool {
    *events += 1;
    let mut power = 1;
    while power < *events {
        power *= 10;
    }
    power == *events
}
