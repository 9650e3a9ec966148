//! The outermost header, by the capture's link type (<https://www.tcpdump.org/linktypes.html>).

use super::descent::{Descent, End, Layer, Step};
use super::headers::Fate;
use super::{host, lan, wan, wireless};

/// The layer of a link type's number; all that there are fit 16 bits.
pub(super) fn numbered(link_type: u32) -> Step {
    match u16::try_from(link_type) {
        Ok(link_type) => Ok(Layer::Link(link_type)),
        Err(_) => Err(End::Stuck(Fate::BadLink)),
    }
}

/// Opens the header that a link type's number names.
pub(super) fn open(descent: &mut Descent<'_, '_>, link_type: u16) -> Step {
    match link_type {
        0 | 108 => host::loopback(descent),
        1 => Ok(Layer::Ethernet),
        6 => lan::token_ring(descent),
        8 => wan::slip(descent),
        9 | 50 => wan::serial(descent),
        10 => lan::fddi(descent),
        12 | 14 | 101 => Ok(Layer::Ip),
        51 => wan::ppp_or_pppoe(descent),
        100 => Ok(Layer::Llc),
        104 => wan::cisco_hdlc(descent),
        105 => wireless::ieee_802_11(descent),
        107 => wan::frame_relay(descent),
        109 => host::enc(descent),
        113 => host::linux_cooked(descent),
        117 => host::packet_filter_log(descent),
        119 => wireless::prism(descent),
        123 => wan::sun_atm(descent),
        127 => wireless::radiotap(descent),
        138 => lan::firewire(descent),
        143 => wan::docsis(descent),
        163 => wireless::avs(descent),
        166 => wan::ppp_of_pppd(descent),
        178 => wan::juniper(descent, Layer::Ethernet),
        179 => wan::juniper(descent, Layer::Ppp),
        180 => wan::juniper(descent, Layer::Link(107)),
        181 => wan::juniper(descent, Layer::Link(104)),
        192 => host::per_packet_information(descent),
        204 => wan::directed(descent, Layer::Ppp),
        205 => wan::directed(descent, Layer::Link(104)),
        206 => wan::directed(descent, Layer::Link(107)),
        219 => Ok(Layer::Mpls),
        228 => Ok(Layer::Ipv4),
        229 => Ok(Layer::Ipv6),
        239 => host::netfilter_log(descent),
        242 => lan::infiniband(descent),
        258 => host::packet_tap(descent),
        276 => host::linux_cooked_2(descent),
        _ => Err(End::Stuck(Fate::BadLink)),
    }
}
