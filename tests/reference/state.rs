//! What each side has shown, and the verdict on both (spec 7.1, *States* and *conn_state*).

use super::facts::{Facts, Flags};
use super::flow::Flow;
use super::side::Direction;

/// The state of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum EndpointState {
    /// I
    #[default]
    Inactive,
    /// SS
    SynSent,
    /// SAS
    SynAckSent,
    /// P
    Partial,
    /// E
    Established,
    /// C
    Closed,
    /// R
    Reset,
}

/// A side's state and the one before it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EndpointStates {
    pub now: EndpointState,
    pub before: EndpointState,
}

impl EndpointStates {
    fn set(&mut self, state: EndpointState) {
        if self.now != state {
            self.before = self.now;
            self.now = state;
        }
    }

    pub(crate) fn is_established(&self) -> bool {
        self.now == EndpointState::Established
            || (self.now == EndpointState::Closed && self.before == EndpointState::Established)
    }
}

/// The states of both sides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BothStates {
    pub c: EndpointState,
    pub s: EndpointState,
}

pub(crate) fn of(flow: &Flow) -> BothStates {
    BothStates {
        c: flow.c.states.now,
        s: flow.s.states.now,
    }
}

/// The table of state changes, row by row. The first column is the state before the packet.
pub(crate) fn advance(flow: &mut Flow, direction: Direction, facts: &Facts) {
    use EndpointState::{Closed, Established, Inactive, Partial, Reset, SynAckSent, SynSent};
    let Flags { fin, rst, .. } = facts.flags;
    let (me, peer) = flow.me_and_peer(direction);
    let (me, peer) = (&mut me.states, &mut peer.states);
    match me.now {
        Inactive => advance_inactive(me, peer, direction, facts),
        SynSent | SynAckSent => {
            if fin {
                me.set(Closed);
            }
            if rst {
                me.set(Reset);
            }
        }
        Established | Partial => advance_open(me, peer, facts),
        Closed => {
            if rst && peer.now != Closed {
                me.set(Reset);
            }
        }
        Reset => {}
    }
}

/// The rows of I.
fn advance_inactive(
    me: &mut EndpointStates,
    peer: &mut EndpointStates,
    direction: Direction,
    facts: &Facts,
) {
    use EndpointState::{Closed, Established, Inactive, Partial, Reset, SynAckSent, SynSent};
    let Flags {
        fin, syn, rst, ack, ..
    } = facts.flags;
    let from_client = direction == Direction::ClientToServer;
    if syn && from_client {
        me.set(match (ack, peer.now) {
            (true, _) => SynAckSent,
            (false, Established) => Established,
            (false, _) => SynSent,
        });
    } else if syn {
        if peer.now == SynSent {
            peer.set(Established);
        }
        me.set(Established);
    }
    if fin {
        me.set(Closed);
    }
    if rst {
        me.set(Reset);
    }
    let says_nothing = !from_client && facts.len == 0 && peer.now == SynSent;
    if me.now == Inactive && !says_nothing {
        let answers = ack && peer.now == Established;
        me.set(if answers { Established } else { Partial });
    }
}

/// The rows of E and P.
fn advance_open(me: &mut EndpointStates, peer: &mut EndpointStates, facts: &Facts) {
    use EndpointState::{Closed, Inactive, Partial, Reset, SynSent};
    let Flags {
        fin, syn, rst, ack, ..
    } = facts.flags;
    if syn && !ack && me.now == Partial && peer.now == Inactive {
        me.set(SynSent);
    }
    if fin && !rst {
        me.set(Closed);
        if peer.now == Reset && peer.before == Closed {
            peer.set(Closed);
        }
    }
    if rst {
        me.set(Reset);
    }
}

/// The verdict at the end of the row.
pub(crate) fn conn_state(flow: &Flow) -> &'static str {
    use EndpointState::{Closed, Established, Inactive, Partial, Reset, SynAckSent, SynSent};
    let no_payload = flow.c.bytes + flow.s.bytes == 0;
    let half =
        !flow.server_began && flow.history.starts_with('S') && flow.reset_while_half == Some(true);
    match (flow.c.states.now, flow.s.states.now) {
        (SynSent | SynAckSent, Reset) => "REJ",
        (Reset, Reset) if no_payload => "REJ",
        (Inactive | Partial, Reset) => "RSTRH",
        (_, Reset) => "RSTR",
        (Reset, Inactive | Partial) if half => "RSTOS0",
        (Reset, Inactive | Partial) => "OTH",
        (Reset, _) => "RSTO",
        (Closed, Closed) => "SF",
        (Closed, Inactive | Partial) => "SH",
        (Closed, _) => "S2",
        (Inactive | Partial, Closed) => "SHR",
        (_, Closed) => "S3",
        (SynSent, Inactive) => "S0",
        (Established, Established) => "S1",
        _ => "OTH",
    }
}
