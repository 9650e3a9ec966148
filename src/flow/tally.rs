//! Everyday packets of a connection, counted together.
//!
//! Without the groups that analyse each packet, one with ACK, perhaps PSH, and no other flag, that comes in
//! the order of time and has no contradiction in its headers, changes nothing but sums once a SYN has
//! got its SYN+ACK. So these two packets and the sums are kept, and counted when the flow gets its state.

use super::tcp::{first_number, unwrap};
use super::{PacketFacts, Span, marks};
use crate::decode::tcp_flags::{ACK, CWR, ECE, PSH, SYN};
use crate::key::End;
use crate::prefetch::prefetch_head;

/// The everyday packets that came after the answer to a SYN, up to 65,535 of each side: of the larger endpoint, they
/// are the second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally([Sums; 2]);

/// The everyday packets of one side: a cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Sums {
    pub(super) times: Span,
    /// Of packets with payload.
    pub(super) data_times: Span,
    /// The sequence number of the last packet, unwrapped (spec 6.1).
    pub(super) reference: i64,
    /// All three stay below 2^32: so many packets, of less than 2^16 bytes each.
    pub(super) bytes_ip: u32,
    pub(super) bytes: u32,
    pub(super) bytes_frame: u32,
    pub(super) pkts: u16,
    pub(super) pkts_data: u16,
    pub(super) psh: u16,
    pub(super) truncated: u16,
    pub(super) ttl_min: u8,
    pub(super) ttl_max: u8,
    pub(super) tos_or: u8,
}

impl Tally {
    /// Whether packets can be counted together after a SYN and the answer to it. Then both sides are
    /// established, and both have their SYN's number.
    pub(super) fn may_follow(syn: &PacketFacts, answer: &PacketFacts) -> bool {
        syn.flags & !(ECE | CWR) == SYN
            && answer.flags & !(ECE | CWR) == SYN | ACK
            && syn.from() != answer.from()
    }

    /// None yet.
    pub(super) fn begin(&mut self, syn: &PacketFacts, answer: &PacketFacts) {
        for packet in [syn, answer] {
            self.of_mut(packet.from()).begin(packet.seq);
        }
    }

    /// Whether it is an everyday packet by itself.
    #[inline(always)]
    pub(super) fn may_take(packet: &PacketFacts) -> bool {
        packet.flags & !PSH == ACK
            && packet.marks & (marks::FRAGMENT | marks::BAD_LEN | marks::TSO) == 0
            && packet.tos & 3 != 3
            && packet.ip_len.max(packet.frame_len).max(packet.payload_len) <= u32::from(u16::MAX)
    }

    /// Adds an everyday packet, if there is room; none that came before it has a later time.
    #[inline(always)]
    pub(super) fn add(&mut self, packet: &PacketFacts) -> bool {
        let sums = self.of_mut(packet.from());
        if sums.pkts == u16::MAX {
            return false;
        }
        sums.add(packet);
        true
    }

    /// Starts to fetch the sums to which the sender of `packet` adds.
    #[inline]
    pub(super) fn prefetch(&self, packet: &PacketFacts) {
        prefetch_head(self.of(packet.from()));
    }

    /// The sums of those that came from `end`.
    #[inline(always)]
    pub(super) fn of(&self, end: End) -> &Sums {
        &self.0[usize::from(end == End::High)]
    }

    #[inline(always)]
    fn of_mut(&mut self, end: End) -> &mut Sums {
        &mut self.0[usize::from(end == End::High)]
    }
}

impl Sums {
    /// None yet, after a packet of that number. They are written where they stay: a copy would have to wait
    /// for what was just written.
    fn begin(&mut self, seq: u32) {
        (self.times, self.data_times) = (Span::default(), Span::default());
        self.reference = first_number(seq);
        (self.bytes_ip, self.bytes, self.bytes_frame) = (0, 0, 0);
        (self.pkts, self.pkts_data, self.psh, self.truncated) = (0, 0, 0, 0);
        (self.ttl_min, self.ttl_max, self.tos_or) = (u8::MAX, 0, 0);
    }

    #[inline(always)]
    fn add(&mut self, packet: &PacketFacts) {
        self.times.add(packet.time);
        if packet.payload_len > 0 {
            self.data_times.add(packet.time);
            self.pkts_data += 1;
        }
        self.pkts += 1;
        self.reference = unwrap(packet.seq, self.reference);
        self.bytes_ip += packet.ip_len;
        self.bytes += packet.payload_len;
        self.bytes_frame += packet.frame_len;
        self.psh += u16::from(packet.flags & PSH != 0);
        self.truncated += u16::from(packet.has(marks::TRUNCATED));
        self.ttl_min = self.ttl_min.min(packet.ttl);
        self.ttl_max = self.ttl_max.max(packet.ttl);
        self.tos_or |= packet.tos;
    }
}
