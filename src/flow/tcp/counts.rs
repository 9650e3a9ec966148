//! The counters of the groups `seq` and `opt`, one set for each side.
//!
//! A flow has two of each, so what is zero in most flows stands apart, and a flag or a zero says
//! that there is no value where an `Option` would take four bytes more.

use super::super::{PacketFacts, marks};
use super::classify::Class;
use super::sequence::Overlap;

/// Counters of the group `seq`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the column table explains each")]
pub struct SeqCounts {
    anomalies: Option<Box<Anomalies>>,
    pub(super) inflight: Range,
    pub init_inflight: u32,
    pub msgs: u32,
}

/// The smallest and the largest of some sizes above zero; both are zero as long as there is none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Range {
    min: u32,
    max: u32,
}

/// Counters that stay at zero in most flows, apart from the others until one does not.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the column table explains each")]
pub struct Anomalies {
    pub bytes_retx: u64,
    pub pkts_retx: u64,
    pub pkts_ooo: u64,
    pub rtx_rto: u32,
    pub rtx_fr: u32,
    pub reordered: u32,
    pub net_dup: u32,
    pub rtx_unknown: u32,
    pub flow_ctrl: u32,
    pub unneeded_rto: u32,
    pub unneeded_fr: u32,
    pub dup_acks: u32,
    pub triple_dup_acks: u32,
    pub keepalives: u32,
    pub zero_win_probes: u32,
    pub dsack: u32,
    pub seg_dropped: u32,
    pub sack_pkts: u32,
    pub win_zero: u32,
}

/// What the group `opt` keeps.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the column table explains each")]
pub struct OptCounts {
    /// Payloads.
    pub(super) segment: Range,
    win_max: u32,
    /// The smallest above zero.
    win_min: u32,
    win_init: u32,
    mss: u16,
    /// The [`marks`] of all options seen.
    pub seen: u16,
    window_scale: u8,
    has_window: bool,
}

impl Range {
    #[inline]
    pub(super) fn add(&mut self, size: u32) {
        self.max = self.max.max(size);
        self.min = if self.min == 0 {
            size
        } else {
            self.min.min(size)
        };
    }

    /// The smallest and the largest, if there is one.
    fn get(self) -> Option<(u32, u32)> {
        (self.max > 0).then_some((self.min, self.max))
    }
}

impl SeqCounts {
    /// Bytes beside the counters themselves.
    pub(super) fn far_bytes(&self) -> u64 {
        self.anomalies.as_deref().map_or(0, size_of_val) as u64
    }

    /// Smallest and largest flight.
    pub fn inflight(&self) -> Option<(u32, u32)> {
        self.inflight.get()
    }

    /// The counters that are mostly zero, if one is not.
    pub fn anomalies(&self) -> Option<&Anomalies> {
        self.anomalies.as_deref()
    }

    #[cold]
    pub(super) fn anomalies_mut(&mut self) -> &mut Anomalies {
        self.anomalies.get_or_insert_default()
    }

    #[cold]
    pub(super) fn count_overlap(&mut self, overlap: &Overlap) {
        let anomalies = self.anomalies_mut();
        anomalies.bytes_retx += overlap.payload.unsigned_abs();
        anomalies.pkts_retx += u64::from(overlap.numbers > 0);
        anomalies.pkts_ooo += u64::from(overlap.out_of_order);
        anomalies.seg_dropped = anomalies.seg_dropped.saturating_add(overlap.dropped);
    }

    /// Adds how many segments and holes had each class.
    #[cold]
    pub(super) fn count_classes(&mut self, classes: &[u32; Class::COUNT]) {
        let anomalies = self.anomalies_mut();
        for (class, counter) in [
            (Class::Rto, &mut anomalies.rtx_rto),
            (Class::FastRetransmit, &mut anomalies.rtx_fr),
            (Class::Reordered, &mut anomalies.reordered),
            (Class::NetworkDuplicate, &mut anomalies.net_dup),
            (Class::FlowControl, &mut anomalies.flow_ctrl),
            (Class::UnneededRto, &mut anomalies.unneeded_rto),
            (Class::UnneededFastRetransmit, &mut anomalies.unneeded_fr),
            (Class::Unknown, &mut anomalies.rtx_unknown),
        ] {
            *counter = counter.saturating_add(classes[class as usize]);
        }
    }
}

impl OptCounts {
    /// Step 6: the options of a packet (spec 7.4).
    #[inline]
    pub(super) fn count(&mut self, packet: &PacketFacts) {
        self.seen |= packet.marks & marks::OPTIONS;
        if packet.has(marks::WINDOW_SCALE) {
            self.window_scale = packet.window_scale;
        }
        if packet.has(marks::MSS) {
            self.mss = packet.mss;
        }
    }

    #[inline]
    pub(super) fn count_window(&mut self, window: u32) {
        if !self.has_window {
            (self.has_window, self.win_init) = (true, window);
        }
        self.win_max = self.win_max.max(window);
        if window > 0 && (self.win_min == 0 || window < self.win_min) {
            self.win_min = window;
        }
    }

    fn has(&self, option: u16) -> bool {
        self.seen & option != 0
    }

    /// Window scale as sent.
    pub fn window_scale(&self) -> Option<u8> {
        self.has(marks::WINDOW_SCALE).then_some(self.window_scale)
    }

    /// Maximum segment size as sent.
    pub fn mss(&self) -> Option<u16> {
        self.has(marks::MSS).then_some(self.mss)
    }

    /// Smallest and largest payload.
    pub fn segment(&self) -> Option<(u32, u32)> {
        self.segment.get()
    }

    /// The first window.
    pub fn win_init(&self) -> Option<u32> {
        self.has_window.then_some(self.win_init)
    }

    /// The largest window.
    pub fn win_max(&self) -> Option<u32> {
        self.has_window.then_some(self.win_max)
    }

    /// The smallest window above zero.
    pub fn win_min(&self) -> Option<u32> {
        Some(self.win_min).filter(|&window| window > 0)
    }
}
