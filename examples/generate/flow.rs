//! A flow that is under way.

use super::payload::{App, Payloads};
use super::plan::Step;
use super::rng::Rng;
use super::wire::{self, ACK, Ends, Header};

pub(crate) struct Flow {
    pub(crate) number: u64,
    pub(crate) ends: Ends,
    pub(crate) app: App,
    /// TCP options are sent.
    pub(crate) options: bool,
    pub(crate) steps: Vec<Step>,
    next: usize,
    isn: [u32; 2],
    ids: [u16; 2],
}

impl Flow {
    pub(crate) fn new(number: u64, ends: Ends, app: App, rng: &mut Rng) -> Self {
        Self {
            number,
            ends,
            app,
            options: true,
            steps: Vec::new(),
            next: 0,
            isn: [rng.u32(), rng.u32()],
            ids: [rng.u16(), rng.u16()],
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.next >= self.steps.len()
    }

    /// Builds the next packet's frame.
    pub(crate) fn build(
        &mut self,
        frame: &mut Vec<u8>,
        payloads: &mut Payloads,
        rng: &mut Rng,
        clock_ns: u64,
    ) {
        let Some(&step) = self.steps.get(self.next) else {
            return;
        };
        self.next += 1;
        let header = self.header(&step, clock_ns);
        if self.app == App::Dns {
            wire::udp(
                frame,
                &self.ends,
                &header,
                payloads.dns(self.number, step.from),
            );
            return;
        }
        let begins = step.seq == 1;
        let payload = payloads.stream(rng, self.app, step.from, begins, usize::from(step.len));
        wire::tcp(frame, &self.ends, &header, payload);
    }

    fn header(&mut self, step: &Step, clock_ns: u64) -> Header {
        let side = step.from as usize;
        if !step.copy {
            self.ids[side] = self.ids[side].wrapping_add(1).max(1);
        }
        let peer = self.isn[step.from.peer() as usize];
        let [.., a, b, c, d] = (clock_ns / 1_000_000).to_be_bytes();
        let stamp = u32::from_be_bytes([a, b, c, d]).wrapping_add(self.isn[0]);
        Header {
            from: step.from,
            id: self.ids[side],
            flags: step.flags,
            seq: self.isn[side].wrapping_add(step.seq),
            ack: match step.flags & ACK {
                0 => 0,
                _ => peer.wrapping_add(step.ack),
            },
            stamp: self.options.then_some(stamp),
        }
    }
}
