//! Who is the client: decided by the first packet of a flow, never changed (spec 3.2).

use super::PacketInfo;
use crate::config::FlowOptions;
use crate::decode::tcp_flags::{ACK, SYN};
use crate::decode::{AddressBytes, IpVersion};
use crate::key::{End, Protocol};

/// What decided who the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientBy {
    /// It sent a SYN.
    Syn,
    /// It got a SYN+ACK.
    SynAck,
    /// It is the only internal endpoint.
    Internal,
    /// Its peer alone has a port below 1024.
    Port,
    /// It sent the first packet, or answers a group address that did.
    First,
}

impl ClientBy {
    /// The value of the column `client_by`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Syn => "syn",
            Self::SynAck => "synack",
            Self::Internal => "internal",
            Self::Port => "port",
            Self::First => "first",
        }
    }
}

/// The client of the flow that begins with `packet`, and how it was told.
pub(super) fn client(packet: &PacketInfo, options: &FlowOptions) -> (End, ClientBy) {
    let sender = packet.facts.from();
    match packet.key.protocol {
        Protocol::Tcp => tcp_client(packet, sender, options),
        Protocol::Udp => udp_client(packet, sender),
    }
}

fn tcp_client(packet: &PacketInfo, sender: End, options: &FlowOptions) -> (End, ClientBy) {
    if packet.facts.is_bare_syn() {
        return (sender, ClientBy::Syn);
    }
    if packet.facts.flag(SYN | ACK) {
        return (receiver(packet, sender), ClientBy::SynAck);
    }
    let key = &packet.key;
    let is_internal = |end| options.is_internal(key.version, &key.endpoint(end).address);
    match (is_internal(End::Low), is_internal(End::High)) {
        (true, false) => return (End::Low, ClientBy::Internal),
        (false, true) => return (End::High, ClientBy::Internal),
        _ => {}
    }
    match (key.low.port < 1024, key.high.port < 1024) {
        (true, false) => (End::High, ClientBy::Port),
        (false, true) => (End::Low, ClientBy::Port),
        _ => (sender, ClientBy::First),
    }
}

fn udp_client(packet: &PacketInfo, sender: End) -> (End, ClientBy) {
    let is_group = |end| is_group(packet.key.version, &packet.key.endpoint(end).address);
    if is_group(sender) && !is_group(sender.other()) {
        (receiver(packet, sender), ClientBy::First)
    } else {
        (sender, ClientBy::First)
    }
}

/// Who gets the packet. With equal endpoints every packet is the client's (spec 3.1).
fn receiver(packet: &PacketInfo, sender: End) -> End {
    if packet.key.low == packet.key.high {
        sender
    } else {
        sender.other()
    }
}

/// Multicast and broadcast addresses, which no host has as its own.
fn is_group(version: IpVersion, address: &AddressBytes) -> bool {
    match version {
        IpVersion::V4 => address[0] & 0xf0 == 0xe0 || address[..4] == [255; 4],
        IpVersion::V6 => address[0] == 0xff,
    }
}
