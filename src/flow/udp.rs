//! One UDP conversation: counted, never closed (spec 8.3).

use super::base::Tracked;
use super::shelf::PLACE_BYTES;
use super::{EndReason, Flow, MacAddress, PacketFacts, PacketInfo, Side, Sides};
use crate::config::FlowOptions;
use crate::decode::LinkInfo;

/// A UDP flow.
#[derive(Clone, Debug)]
pub struct UdpFlow {
    /// Key, roles, times, packets and bytes.
    pub flow: Flow,
    /// Packets of each side without payload.
    pub pkts_zero_len: Sides<u64>,
}

impl Tracked for UdpFlow {
    fn begin(packet: &PacketInfo, link: Option<&LinkInfo>, options: &FlowOptions) -> Self {
        Self {
            flow: Flow::begin(packet, link, options),
            pkts_zero_len: Sides::default(),
        }
    }

    #[inline]
    fn count(
        &mut self,
        packet: &PacketFacts,
        mac: Option<MacAddress>,
        _options: &FlowOptions,
    ) -> bool {
        let side = self.flow.side_of(packet);
        self.flow.count(packet, side, mac);
        self.pkts_zero_len[side] += u64::from(packet.payload_len == 0);
        false
    }

    #[inline]
    fn flow(&self) -> &Flow {
        &self.flow
    }

    #[inline]
    fn flow_mut(&mut self) -> &mut Flow {
        &mut self.flow
    }

    fn bytes(&self) -> u64 {
        PLACE_BYTES + size_of::<Self>() as u64 + self.flow.far_bytes()
    }

    #[inline]
    fn closed(&self) -> Option<EndReason> {
        None
    }

    #[inline]
    fn timeout(&self, options: &FlowOptions) -> i64 {
        if self.is_singleton() {
            options.udp_singleton
        } else {
            options.udp_idle
        }
    }

    fn silence_reason(&self) -> EndReason {
        if self.is_singleton() {
            EndReason::Singleton
        } else {
            EndReason::Idle
        }
    }

    #[inline]
    fn is_reused_by(&self, _packet: &PacketFacts) -> bool {
        false
    }
}

impl UdpFlow {
    #[inline]
    fn is_singleton(&self) -> bool {
        self.flow.sides[Side::Client].pkts + self.flow.sides[Side::Server].pkts == 1
    }

    /// Which sides sent packets: the column `reply`.
    pub fn reply(&self) -> &'static str {
        let is_heard = |side: Side| self.flow.sides[side].pkts > 0;
        match (is_heard(Side::Client), is_heard(Side::Server)) {
            (true, true) => "both",
            (true, false) => "c_only",
            (false, _) => "s_only",
        }
    }
}
