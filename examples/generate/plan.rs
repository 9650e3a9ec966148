//! What the packets of a flow are, before they have addresses and times.

use super::rng::Rng;
use super::wire::{ACK, FIN, PSH, RST, SYN, Side};

use Side::{Client, Server};

/// The payload of a full segment: what is left of 1500 bytes of IP, with time stamps.
const MSS: u16 = 1448;

/// One packet of a flow. Numbers count from the side's initial sequence number.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    pub(crate) from: Side,
    pub(crate) flags: u8,
    pub(crate) len: u16,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    /// Carries the IP identification of the side's packet before: the network's copy of it.
    pub(crate) copy: bool,
}

/// A flow in the making: knows the next number of each side.
pub(crate) struct Plan<'p> {
    steps: &'p mut Vec<Step>,
    next: [u32; 2],
}

impl<'p> Plan<'p> {
    pub(crate) fn new(steps: &'p mut Vec<Step>) -> Self {
        steps.clear();
        Self {
            steps,
            next: [0, 0],
        }
    }

    /// The next packet of a side, in order.
    pub(crate) fn send(&mut self, from: Side, flags: u8, len: u16) {
        self.resend(from, flags, len, self.next[from as usize]);
        let numbers = u32::from(len) + (flags & (SYN | FIN)).count_ones();
        self.next[from as usize] += numbers;
    }

    /// A packet whose number is given.
    fn resend(&mut self, from: Side, flags: u8, len: u16, seq: u32) {
        let ack = match flags & ACK {
            0 => 0,
            _ => self.next[from.peer() as usize],
        };
        self.steps.push(Step {
            from,
            flags,
            len,
            seq,
            ack,
            copy: false,
        });
    }

    /// A pure ACK of `ack`.
    fn ack(&mut self, from: Side, ack: u32) {
        self.send(from, ACK, 0);
        if let Some(step) = self.steps.last_mut() {
            step.ack = ack;
        }
    }

    fn handshake(&mut self) {
        self.send(Client, SYN, 0);
        self.send(Server, SYN | ACK, 0);
        self.send(Client, ACK, 0);
    }

    fn close(&mut self, rng: &mut Rng) {
        let first = if rng.chance(500) { Client } else { Server };
        self.send(first, FIN | ACK, 0);
        self.send(first.peer(), FIN | ACK, 0);
        let last = if rng.chance(50) { RST } else { ACK };
        self.send(first, last, 0);
    }

    fn full(&mut self, from: Side, segments: usize) {
        for _ in 0..segments {
            self.send(from, ACK, MSS);
        }
    }
}

/// 16 packets of 784 bytes on average: a download, an upload, or two requests on one connection.
pub(crate) fn web(steps: &mut Vec<Step>, rng: &mut Rng) {
    let mut plan = Plan::new(steps);
    plan.handshake();
    let sender = if rng.chance(150) { Client } else { Server };
    plan.send(Client, ACK | PSH, rng.within(250, 700));
    if rng.chance(200) {
        plan.full(Server, 3);
        plan.send(Client, ACK, 0);
        plan.send(Client, ACK | PSH, rng.within(250, 700));
        plan.full(Server, 3);
        plan.send(Server, ACK | PSH, rng.within(400, MSS));
    } else {
        plan.full(sender, 4);
        plan.send(sender.peer(), ACK, 0);
        plan.full(sender, 3);
        plan.send(sender, ACK | PSH, rng.within(600, MSS));
    }
    plan.close(rng);
}

/// A long conversation in packets of 103 bytes on average.
pub(crate) fn small(steps: &mut Vec<Step>, rng: &mut Rng, packets: usize) {
    let mut plan = Plan::new(steps);
    plan.handshake();
    for _ in 0..packets.saturating_sub(6) / 2 {
        let sender = if rng.chance(500) { Client } else { Server };
        plan.send(sender, ACK | PSH, rng.within(20, 121));
        plan.send(sender.peer(), ACK, 0);
    }
    plan.close(rng);
}

/// Request and answer, then silence.
pub(crate) fn open(steps: &mut Vec<Step>, rng: &mut Rng) {
    let mut plan = Plan::new(steps);
    plan.handshake();
    plan.send(Client, ACK | PSH, rng.within(80, 200));
    plan.send(Server, ACK | PSH, rng.within(100, 500));
    plan.send(Client, ACK, 0);
}

/// A SYN that nobody answers.
pub(crate) fn syn(steps: &mut Vec<Step>) {
    Plan::new(steps).send(Client, SYN, 0);
}

/// A port that is probed: refused, filtered, or open and reset by the scanner.
pub(crate) fn probe(steps: &mut Vec<Step>, rng: &mut Rng) {
    let mut plan = Plan::new(steps);
    plan.send(Client, SYN, 0);
    match rng.below(100) {
        0..70 => plan.send(Server, RST | ACK, 0),
        70..98 => {}
        _ => {
            plan.send(Server, SYN | ACK, 0);
            plan.send(Client, RST, 0);
        }
    }
}

/// A UDP query, and its answer if there is one. Its length is up to what it says.
pub(crate) fn query(steps: &mut Vec<Step>, answered: bool) {
    let mut plan = Plan::new(steps);
    plan.send(Client, 0, 0);
    if answered {
        plan.send(Server, 0, 0);
    }
}

/// What happens to a segment on its way.
enum Fate {
    Arrives,
    /// Lost beyond the probe, which sees it and its repetition.
    LostBehind,
    /// Lost before the probe, which sees a hole.
    LostBefore,
    /// Comes after the next one.
    Late,
    /// Comes twice.
    Copied,
}

fn fate(rng: &mut Rng) -> Fate {
    match rng.below(1000) {
        0..15 => Fate::LostBehind,
        15..25 => Fate::LostBefore,
        25..35 => Fate::Late,
        35..40 => Fate::Copied,
        _ => Fate::Arrives,
    }
}

/// A download over a bad line: losses on both sides of the probe, reordering, copies, duplicate ACKs.
pub(crate) fn lossy(steps: &mut Vec<Step>, rng: &mut Rng) {
    let mut plan = Plan::new(steps);
    plan.handshake();
    if rng.chance(20) {
        // The client did not hear the answer, and asks again.
        plan.resend(Client, SYN, 0, 0);
        plan.resend(Server, SYN | ACK, 0, 0);
    }
    plan.send(Client, ACK | PSH, rng.within(250, 700));
    let mut sent = 0;
    let segments = rng.within(8, 60);
    while sent < segments {
        let len = if sent + 1 == segments { 700 } else { MSS };
        sent += 1;
        segment(&mut plan, rng, len);
    }
    plan.close(rng);
}

/// One segment of a download and all that comes of it.
fn segment(plan: &mut Plan<'_>, rng: &mut Rng, len: u16) {
    let seq = plan.next[Server as usize];
    match fate(rng) {
        Fate::Arrives => {
            plan.send(Server, ACK, len);
            if rng.chance(500) {
                plan.send(Client, ACK, 0);
            }
        }
        Fate::Copied => {
            plan.send(Server, ACK, len);
            plan.resend(Server, ACK, len, seq);
            if let Some(copy) = plan.steps.last_mut() {
                copy.copy = true;
            }
            plan.send(Client, ACK, 0);
        }
        Fate::LostBehind => {
            plan.send(Server, ACK, len);
            recover(plan, rng, seq, len);
        }
        Fate::LostBefore => {
            plan.next[Server as usize] += u32::from(len);
            recover(plan, rng, seq, len);
        }
        Fate::Late => {
            plan.next[Server as usize] += u32::from(len);
            plan.send(Server, ACK, MSS);
            plan.resend(Server, ACK, len, seq);
            plan.send(Client, ACK, 0);
        }
    }
}

/// The client misses `seq`: it says so with every segment that arrives, until it is sent again.
fn recover(plan: &mut Plan<'_>, rng: &mut Rng, seq: u32, len: u16) {
    for _ in 0..rng.within(0, 5) {
        plan.send(Server, ACK, MSS);
        plan.ack(Client, seq);
    }
    plan.resend(Server, ACK, len, seq);
    plan.send(Client, ACK, 0);
}
