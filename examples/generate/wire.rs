//! Frames as they stand on the wire: Ethernet, IPv4 or IPv6, TCP or UDP. TCP and UDP checksums are 0.

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const PSH: u8 = 0x08;
pub(crate) const ACK: u8 = 0x10;

pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;

pub(crate) const ETHERNET_LEN: usize = 14;
/// The shortest frame that a capture shows: 64 bytes less the check sequence.
const FRAME_MIN: usize = 60;

/// The link's two ends: the hosts' router and the Internet's.
const MACS: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client = 0,
    Server = 1,
}

impl Side {
    pub(crate) fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Who talks to whom.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) v6: bool,
    /// IPv4 addresses stand in the last four bytes; IPv6 has a prefix before them.
    pub(crate) hosts: [[u8; 4]; 2],
    pub(crate) ports: [u16; 2],
}

/// One packet of TCP or UDP, without its payload.
#[derive(Clone, Copy)]
pub(crate) struct Header {
    pub(crate) from: Side,
    /// IPv4 identification.
    pub(crate) id: u16,
    pub(crate) flags: u8,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    /// What the clock of the time stamp option shows; none means no options at all.
    pub(crate) stamp: Option<u32>,
}

/// Builds a TCP segment's frame in `frame`.
pub(crate) fn tcp(frame: &mut Vec<u8>, ends: &Ends, header: &Header, payload: [&[u8]; 2]) {
    let options: u8 = match header.stamp {
        None => 0,
        Some(_) if header.flags & SYN != 0 => 20,
        Some(_) => 12,
    };
    let len = 20 + usize::from(options) + payload[0].len() + payload[1].len();
    ip(frame, ends, header, TCP, len);
    ports(frame, ends, header.from);
    frame.extend(header.seq.to_be_bytes());
    frame.extend(header.ack.to_be_bytes());
    frame.extend([(5 + options / 4) << 4, header.flags]);
    let window: u16 = if header.flags & SYN != 0 { 64240 } else { 502 };
    frame.extend(window.to_be_bytes());
    frame.extend([0; 4]);
    if let Some(stamp) = header.stamp {
        tcp_options(frame, header, stamp);
    }
    finish(frame, payload);
}

fn tcp_options(frame: &mut Vec<u8>, header: &Header, stamp: u32) {
    let answers = header.flags & ACK != 0;
    let echo = if answers { stamp.wrapping_sub(20) } else { 0 };
    if header.flags & SYN != 0 {
        frame.extend([2, 4, 5, 0xb4, 4, 2]);
    } else {
        frame.extend([1, 1]);
    }
    frame.extend([8, 10]);
    frame.extend(stamp.to_be_bytes());
    frame.extend(echo.to_be_bytes());
    if header.flags & SYN != 0 {
        frame.extend([1, 3, 3, 7]);
    }
}

/// Builds a UDP datagram's frame in `frame`.
pub(crate) fn udp(frame: &mut Vec<u8>, ends: &Ends, header: &Header, payload: &[u8]) {
    let len = 8 + payload.len();
    ip(frame, ends, header, UDP, len);
    ports(frame, ends, header.from);
    frame.extend(u16_of(len).to_be_bytes());
    frame.extend([0; 2]);
    finish(frame, [payload, &[]]);
}

fn ports(frame: &mut Vec<u8>, ends: &Ends, from: Side) {
    frame.extend(ends.ports[from as usize].to_be_bytes());
    frame.extend(ends.ports[from.peer() as usize].to_be_bytes());
}

fn finish(frame: &mut Vec<u8>, payload: [&[u8]; 2]) {
    frame.extend_from_slice(payload[0]);
    frame.extend_from_slice(payload[1]);
    pad(frame);
}

/// Short frames are filled up on the wire.
pub(crate) fn pad(frame: &mut Vec<u8>) {
    if frame.len() < FRAME_MIN {
        frame.resize(FRAME_MIN, 0);
    }
}

/// The Ethernet and IP headers before `len` bytes of `protocol`.
pub(crate) fn ip(frame: &mut Vec<u8>, ends: &Ends, header: &Header, protocol: u8, len: usize) {
    frame.clear();
    ethernet(frame, header.from, if ends.v6 { 0x86dd } else { 0x0800 });
    let [source, target] = match header.from {
        Side::Client => ends.hosts,
        Side::Server => [ends.hosts[1], ends.hosts[0]],
    };
    let ttl = match header.from {
        Side::Client => 63,
        Side::Server => 40 + (source[3] & 15),
    };
    if ends.v6 {
        frame.extend([0x60, 0, 0, 0]);
        frame.extend(u16_of(len).to_be_bytes());
        frame.extend([protocol, ttl]);
        for host in [source, target] {
            frame.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0]);
            frame.extend(host);
        }
        return;
    }
    frame.extend([0x45, 0]);
    frame.extend(u16_of(20 + len).to_be_bytes());
    frame.extend(header.id.to_be_bytes());
    frame.extend([0x40, 0, ttl, protocol, 0, 0]);
    frame.extend(source);
    frame.extend(target);
    set_checksum(&mut frame[ETHERNET_LEN..]);
}

pub(crate) fn ethernet(frame: &mut Vec<u8>, from: Side, kind: u16) {
    frame.extend(MACS[from.peer() as usize]);
    frame.extend(MACS[from as usize]);
    frame.extend(kind.to_be_bytes());
}

/// Fills in an IPv4 header's checksum.
pub(crate) fn set_checksum(header: &mut [u8]) {
    header[10..12].fill(0);
    let sum: u32 = header[..20]
        .chunks_exact(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    let [_, _, high, low] = (!folded).to_be_bytes();
    header[10..12].copy_from_slice(&[high, low]);
}

pub(crate) fn u16_of(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}
