//! Packets to bytes: Ethernet frames in a little-endian microsecond pcap.

use goostat::decode::{
    Decoded, Fate, Headers, IpHeader, IpVersion, LaterFragment, TcpHeader, TcpOptions, Transport,
    tcp_options,
};

use crate::reference::RefPacket;

/// Bytes of an Ethernet header.
pub(crate) const ETHERNET_LEN: u32 = 14;

/// Where a fragment stands in its packet.
#[derive(Clone, Copy)]
enum Place {
    Whole,
    First(u32),
    Later(u32),
}

/// A capture of the packets. Their times must be whole microseconds of 1970 to 2106, and their
/// lengths agree, as those of `TcpDraft` and `UdpDraft` do.
pub(crate) fn pcap(packets: &[RefPacket]) -> Vec<u8> {
    let mut capture = Vec::new();
    capture.extend_from_slice(&0xa1b2_c3d4_u32.to_le_bytes());
    capture.extend_from_slice(&2_u16.to_le_bytes());
    capture.extend_from_slice(&4_u16.to_le_bytes());
    capture.extend_from_slice(&[0; 8]);
    capture.extend_from_slice(&65_535_u32.to_le_bytes());
    capture.extend_from_slice(&1_u32.to_le_bytes());
    for packet in packets {
        let microseconds = packet.time.div_euclid(1000);
        assert_eq!(packet.time.rem_euclid(1000), 0, "a pcap has microseconds");
        let seconds = u32::try_from(microseconds.div_euclid(1_000_000)).expect("32-bit seconds");
        let fraction = u32::try_from(microseconds.rem_euclid(1_000_000)).expect("below a million");
        let frame = frame(packet);
        assert_eq!(
            frame.len(),
            size(packet.original_len),
            "lengths agree: {packet:?}"
        );
        for field in [seconds, fraction, packet.captured_len, packet.original_len] {
            capture.extend_from_slice(&field.to_le_bytes());
        }
        capture.extend_from_slice(&frame[..size(packet.captured_len)]);
    }
    capture
}

fn size(len: u32) -> usize {
    usize::try_from(len).expect("a packet fits into memory")
}

fn low_16_bits(value: u32) -> u16 {
    u16::try_from(value & 0xffff).expect("it has 16 bits")
}

/// The whole frame, whatever was captured of it.
fn frame(packet: &RefPacket) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    match &packet.decoded {
        Decoded::Transport(headers) => put_transport(&mut frame, headers),
        Decoded::Fragment(fragment) => put_later_fragment(&mut frame, fragment),
        Decoded::Other(Fate::NonIp) => frame.extend_from_slice(&[8, 6]),
        Decoded::Other(fate) => panic!("no frame of fate {fate:?} can be made"),
    }
    frame.resize(size(packet.original_len).max(frame.len()), b'x');
    frame
}

fn put_transport(frame: &mut Vec<u8>, headers: &Headers) {
    let (protocol, transport) = match &headers.transport {
        Transport::Tcp(header) => (6, tcp_header(headers, header)),
        Transport::Udp => (17, udp_header(headers)),
    };
    let place = headers.first_fragment.map_or(Place::Whole, Place::First);
    put_ip(frame, &headers.ip, protocol, place, headers.tso);
    frame.extend_from_slice(&transport);
}

fn put_later_fragment(frame: &mut Vec<u8>, fragment: &LaterFragment) {
    let place = Place::Later(fragment.identification);
    put_ip(frame, &fragment.ip, fragment.protocol, place, false);
}

fn put_ip(frame: &mut Vec<u8>, ip: &IpHeader, protocol: u8, place: Place, tso: bool) {
    match ip.version {
        IpVersion::V4 => put_ipv4(frame, ip, protocol, place, tso),
        IpVersion::V6 => put_ipv6(frame, ip, protocol, place, tso),
    }
}

fn put_ipv4(frame: &mut Vec<u8>, ip: &IpHeader, protocol: u8, place: Place, tso: bool) {
    let total_length = if tso { 0 } else { low_16_bits(ip.length) };
    let (id, fragment_field) = match place {
        Place::Whole => (ip.id, 0),
        Place::First(identification) => (low_16_bits(identification), 0x2000),
        // Which offset does not matter, only that there is one.
        Place::Later(identification) => (low_16_bits(identification), 185_u16),
    };
    frame.extend_from_slice(&[8, 0, 0x45, ip.tos]);
    for field in [total_length, id, fragment_field] {
        frame.extend_from_slice(&field.to_be_bytes());
    }
    frame.extend_from_slice(&[ip.ttl, protocol, 0, 0]);
    frame.extend_from_slice(&ip.source[..4]);
    frame.extend_from_slice(&ip.destination[..4]);
}

fn put_ipv6(frame: &mut Vec<u8>, ip: &IpHeader, protocol: u8, place: Place, tso: bool) {
    let payload_length = if tso { 0 } else { low_16_bits(ip.length - 40) };
    let fragment = match place {
        Place::Whole => None,
        Place::First(identification) => Some((identification, 1_u16)),
        Place::Later(identification) => Some((identification, 1480)),
    };
    let next_header = if fragment.is_some() { 44 } else { protocol };
    frame.extend_from_slice(&[0x86, 0xdd, 0x60 | (ip.tos >> 4), ip.tos << 4, 0, 0]);
    frame.extend_from_slice(&payload_length.to_be_bytes());
    frame.extend_from_slice(&[next_header, ip.ttl]);
    frame.extend_from_slice(&ip.source);
    frame.extend_from_slice(&ip.destination);
    if let Some((identification, field)) = fragment {
        frame.extend_from_slice(&[protocol, 0]);
        frame.extend_from_slice(&field.to_be_bytes());
        frame.extend_from_slice(&identification.to_be_bytes());
    }
}

/// The UDP header; a bad length is one that the IP header leaves no room for, or below 8.
fn udp_header(headers: &Headers) -> Vec<u8> {
    let length = match (headers.bad_len, headers.payload_len) {
        (false, payload_len) => payload_len + 8,
        (true, 0) => 7,
        (true, payload_len) => payload_len + 9,
    };
    let mut bytes = Vec::new();
    for field in [
        headers.source_port,
        headers.destination_port,
        low_16_bits(length),
        0,
    ] {
        bytes.extend_from_slice(&field.to_be_bytes());
    }
    bytes
}

/// The TCP header with its options; a bad length is a header that reaches beyond the IP packet.
fn tcp_header(headers: &Headers, header: &TcpHeader) -> Vec<u8> {
    let options = tcp_options(&header.options, header.ack);
    let words = u8::try_from(5 + options.len() / 4).expect("options have at most 40 bytes");
    let words = words + u8::from(headers.bad_len);
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&headers.source_port.to_be_bytes());
    bytes.extend_from_slice(&headers.destination_port.to_be_bytes());
    bytes.extend_from_slice(&header.seq.to_be_bytes());
    bytes.extend_from_slice(&header.ack.to_be_bytes());
    bytes.extend_from_slice(&[words << 4, header.flags]);
    bytes.extend_from_slice(&header.window.to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&options);
    bytes
}

/// Bytes of the header with the options that it is said to have.
pub(crate) fn tcp_header_len(header: &TcpHeader) -> u32 {
    let options = tcp_options(&header.options, header.ack);
    20 + u32::try_from(options.len()).expect("options have at most 40 bytes")
}

/// Options that read as these do, padded with no-operations to whole words.
fn tcp_options(options: &TcpOptions, ack: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mss) = options.mss() {
        bytes.extend_from_slice(&[2, 4]);
        bytes.extend_from_slice(&mss.to_be_bytes());
    }
    if let Some(scale) = options.window_scale() {
        bytes.extend_from_slice(&[3, 3, scale]);
    }
    if options.has(tcp_options::SACK_PERMITTED) {
        bytes.extend_from_slice(&[4, 2]);
    }
    if options.has(tcp_options::TIMESTAMPS) {
        bytes.extend_from_slice(&[8, 10, 0, 0, 0, 1, 0, 0, 0, 1]);
    }
    if options.has(tcp_options::SACK) {
        // A block at or below the ack repeats what is acknowledged.
        let end = if options.has(tcp_options::DSACK) {
            ack
        } else {
            ack.wrapping_add(2000)
        };
        bytes.extend_from_slice(&[5, 10]);
        bytes.extend_from_slice(&end.wrapping_sub(1000).to_be_bytes());
        bytes.extend_from_slice(&end.to_be_bytes());
    }
    if options.has(tcp_options::FAST_OPEN) {
        bytes.extend_from_slice(&[34, 2]);
    }
    if options.has(tcp_options::MPTCP) {
        bytes.extend_from_slice(&[30, 4, 0, 0]);
    }
    bytes.resize(bytes.len().next_multiple_of(4), 1);
    bytes
}
