//! Packets from what one would say about them: headers whose lengths agree with each other.

use std::net::{IpAddr, SocketAddr};

use goostat::decode::{
    AddressBytes, Decoded, Headers, IpHeader, IpVersion, LaterFragment, TcpHeader, TcpOptions,
    Transport,
};

use super::wire;
use crate::reference::RefPacket;

/// A TCP packet to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TcpDraft {
    /// Nanoseconds since 1970.
    pub time: i64,
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub ttl: u8,
    /// IPv4 identification; IPv6 has none.
    pub id: u16,
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    pub window: u16,
    pub options: TcpOptions,
    pub payload_len: u32,
}

impl TcpDraft {
    /// The packet, captured whole.
    pub(crate) fn packet(&self) -> RefPacket {
        let header = TcpHeader {
            seq: self.seq,
            ack: self.ack,
            flags: self.flags,
            window: self.window,
            options: self.options,
        };
        let transport_len = wire::tcp_header_len(&header) + self.payload_len;
        let ip = ip_header(
            self.source,
            self.destination,
            self.ttl,
            self.id,
            transport_len,
        );
        let headers = Headers {
            ip,
            source_port: self.source.port(),
            destination_port: self.destination.port(),
            transport: Transport::Tcp(header),
            payload_len: self.payload_len,
            bad_len: false,
            tso: false,
            first_fragment: None,
            further_msdus: 0,
        };
        whole(self.time, Decoded::Transport(headers), ip.length)
    }
}

/// A UDP packet or a fragment of one to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UdpDraft {
    /// Nanoseconds since 1970.
    pub time: i64,
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub ttl: u8,
    /// IPv4 identification, and that of the fragments in both versions.
    pub id: u16,
    /// Payload of the whole datagram.
    pub payload_len: u32,
}

impl UdpDraft {
    /// The packet, captured whole.
    pub(crate) fn packet(&self) -> RefPacket {
        let headers = self.headers(self.payload_len + 8, None);
        whole(self.time, Decoded::Transport(headers), headers.ip.length)
    }

    /// A first fragment that carries `carried` bytes, the UDP header among them.
    pub(crate) fn first_fragment(&self, carried: u32) -> RefPacket {
        let extension = self.fragment_header_len();
        let headers = self.headers(carried + extension, Some(u32::from(self.id)));
        whole(self.time, Decoded::Transport(headers), headers.ip.length)
    }

    /// A later fragment that carries `carried` bytes.
    pub(crate) fn later_fragment(&self, carried: u32) -> RefPacket {
        let carried = carried + self.fragment_header_len();
        let ip = ip_header(self.source, self.destination, self.ttl, self.id, carried);
        let fragment = LaterFragment {
            ip,
            protocol: 17,
            identification: u32::from(self.id),
        };
        whole(self.time, Decoded::Fragment(fragment), ip.length)
    }

    fn fragment_header_len(&self) -> u32 {
        if self.source.is_ipv6() { 8 } else { 0 }
    }

    fn headers(&self, transport_len: u32, first_fragment: Option<u32>) -> Headers {
        Headers {
            ip: ip_header(
                self.source,
                self.destination,
                self.ttl,
                self.id,
                transport_len,
            ),
            source_port: self.source.port(),
            destination_port: self.destination.port(),
            transport: Transport::Udp,
            payload_len: self.payload_len,
            bad_len: false,
            tso: false,
            first_fragment,
            further_msdus: 0,
        }
    }
}

fn whole(time: i64, decoded: Decoded, ip_length: u32) -> RefPacket {
    let len = wire::ETHERNET_LEN + ip_length;
    RefPacket {
        time,
        captured_len: len,
        original_len: len,
        decoded,
    }
}

fn ip_header(
    source: SocketAddr,
    destination: SocketAddr,
    ttl: u8,
    id: u16,
    transport_len: u32,
) -> IpHeader {
    let (version, header_len, id) = match source {
        SocketAddr::V4(_) => (IpVersion::V4, 20, id),
        SocketAddr::V6(_) => (IpVersion::V6, 40, 0),
    };
    IpHeader {
        version,
        source: address_bytes(source.ip()),
        destination: address_bytes(destination.ip()),
        length: header_len + transport_len,
        ttl,
        tos: 0,
        id,
    }
}

fn address_bytes(address: IpAddr) -> AddressBytes {
    match address {
        IpAddr::V4(address) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&address.octets());
            bytes
        }
        IpAddr::V6(address) => address.octets(),
    }
}
