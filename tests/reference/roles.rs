//! Who sends a packet, in which flow it belongs, and who is the client (spec 3.1, 3.2).

use goostat::decode::{Headers, Transport};

use super::address::Endpoint;
use super::facts::Flags;
use super::flow::Flow;
use super::side::Direction;

pub(crate) fn protocol_of(headers: &Headers) -> u8 {
    match headers.transport {
        Transport::Tcp(_) => 6,
        Transport::Udp => 17,
    }
}

pub(crate) fn source_of(headers: &Headers) -> Endpoint {
    Endpoint {
        version: headers.ip.version,
        address: headers.ip.source,
        port: headers.source_port,
    }
}

pub(crate) fn destination_of(headers: &Headers) -> Endpoint {
    Endpoint {
        version: headers.ip.version,
        address: headers.ip.destination,
        port: headers.destination_port,
    }
}

/// If both endpoints are equal, every packet is the client's (spec 3.1).
pub(crate) fn direction_of(flow: &Flow, headers: &Headers) -> Direction {
    if source_of(headers) == flow.client {
        Direction::ClientToServer
    } else {
        Direction::ServerToClient
    }
}

/// Who the client is, and how that was decided (spec 3.2); true if it is the sender.
pub(crate) fn client_of(headers: &Headers) -> (bool, &'static str) {
    let (sender, receiver) = (source_of(headers), destination_of(headers));
    let Transport::Tcp(header) = &headers.transport else {
        let to_receiver =
            sender.is_multicast_or_broadcast() && !receiver.is_multicast_or_broadcast();
        return (!to_receiver, "first");
    };
    let flags = Flags::of(header.flags);
    if flags.syn {
        return if flags.ack {
            (false, "synack")
        } else {
            (true, "syn")
        };
    }
    if sender.is_internal() != receiver.is_internal() {
        return (sender.is_internal(), "internal");
    }
    if (sender.port < 1024) != (receiver.port < 1024) {
        return (sender.port > receiver.port, "port");
    }
    (true, "first")
}
