//! The outermost header, by the capture's link type (<https://www.tcpdump.org/linktypes.html>).

use super::descent::{Descent, End, Layer, Step};
use super::headers::Fate;
use crate::capture::LinkType;

use super::lan::SwitchTag;
use super::{host, lan, taps, wan, wireless};

/// The layer of a link type's number. All that there are fit 16 bits, but for NetBSD's raw
/// packets of an address family.
pub(super) fn numbered(link_type: u32) -> Step {
    let layer = match u16::try_from(link_type) {
        Ok(link_type) => Some(Layer::Link(link_type)),
        Err(_) => link_type
            .checked_sub(LinkType::RAW_CLASS)
            .and_then(host::address_family),
    };
    layer.ok_or(End::Stuck(Fate::BadLink))
}

/// Opens the header that a link type's number names.
pub(super) fn open(descent: &mut Descent<'_, '_>, link_type: u16) -> Step {
    match link_type {
        0 | 108 => host::loopback(descent),
        1 => Ok(Layer::Ethernet),
        3 => lan::ax25(descent),
        6 => lan::token_ring(descent),
        7 => lan::arcnet(descent, false),
        8 => wan::slip(descent),
        9 | 50 => wan::serial(descent),
        10 => lan::fddi(descent),
        11 | 100 => Ok(Layer::Llc),
        12 | 14 | 101 => Ok(Layer::Ip),
        13 | 109 => host::enc(descent),
        19 | 106 => host::classical_ip(descent),
        51 => wan::ppp_or_pppoe(descent),
        104 | 112 => wan::cisco_hdlc(descent),
        105 => wireless::ieee_802_11(descent),
        107 => wan::frame_relay(descent),
        113 => host::linux_cooked(descent),
        117 => host::packet_filter_log(descent),
        119 => wireless::prism(descent),
        122 => lan::fibre_channel(descent),
        123 => wan::sun_atm(descent),
        127 => wireless::radiotap(descent),
        129 => lan::arcnet(descent, true),
        138 => lan::firewire(descent),
        143 => wan::docsis(descent),
        149 => host::private_packet_tap(descent),
        163 => wireless::avs(descent),
        166 => wan::ppp_of_pppd(descent),
        // Frames that were PPP over Ethernet are Ethernet.
        167 | 178 => wan::juniper(descent, Layer::Ethernet),
        179 => wan::juniper(descent, Layer::Ppp),
        180 => wan::juniper(descent, Layer::Link(107)),
        181 => wan::juniper(descent, Layer::Link(104)),
        192 => host::per_packet_information(descent),
        202 => wan::directed(descent, Layer::Link(3)),
        204 => wan::directed(descent, Layer::Ppp),
        205 => wan::directed(descent, Layer::Link(104)),
        206 => wan::directed(descent, Layer::Link(107)),
        219 => Ok(Layer::Mpls),
        226 => host::solaris_ip(descent),
        228 => Ok(Layer::Ipv4),
        229 => Ok(Layer::Ipv6),
        239 => host::netfilter_log(descent),
        242 => lan::infiniband(descent),
        247 => lan::infiniband_raw(descent),
        258 => host::packet_tap(descent),
        276 => host::linux_cooked_2(descent),
        281 => lan::switch_tag(descent, SwitchTag::Broadcom),
        282 => lan::prepended_tag(descent),
        284 => lan::switch_tag(descent, SwitchTag::Marvell),
        285 => lan::switch_tag(descent, SwitchTag::MarvellTyped),
        _ => taps::open(descent, link_type),
    }
}
