//! What else is on a link: tags and tunnels around frames, fragments, packets of other protocols, broken ones.

use super::rng::Rng;
use super::wire::{self, ETHERNET_LEN, Ends, Header, Side, TCP, UDP};

/// What a flow's frames are wrapped in.
#[derive(Clone, Copy)]
pub(crate) enum Wrap {
    None,
    Vlan(u16),
    QinQ(u16),
    Mpls(u16),
    Gre,
    Vxlan,
}

impl Wrap {
    pub(crate) fn choose(rng: &mut Rng) -> Self {
        match rng.below(100) {
            0..80 => Self::None,
            80..90 => Self::Vlan(100 + rng.within(0, 9)),
            90..93 => Self::QinQ(100 + rng.within(0, 9)),
            93..96 => Self::Mpls(rng.within(16, 99)),
            96..98 => Self::Gre,
            _ => Self::Vxlan,
        }
    }

    /// Wraps `frame`.
    pub(crate) fn around(self, frame: &mut Vec<u8>) {
        let place = 12;
        match self {
            Self::None => {}
            Self::Vlan(id) => insert(frame, place, &[&[0x81, 0], &id.to_be_bytes()]),
            Self::QinQ(id) => insert(
                frame,
                place,
                &[&[0x88, 0xa8], &id.to_be_bytes(), &[0x81, 0, 0, 7]],
            ),
            Self::Mpls(label) => {
                let entry = u32::from(label) << 12 | 0x1ff;
                insert(frame, ETHERNET_LEN, &[&entry.to_be_bytes()]);
                frame[12..ETHERNET_LEN].copy_from_slice(&[0x88, 0x47]);
            }
            Self::Gre => {
                let kind = [frame[12], frame[13]];
                let inner = frame.split_off(ETHERNET_LEN);
                outer(frame, 47, 4 + inner.len());
                frame.extend([0, 0]);
                frame.extend(kind);
                frame.extend(inner);
            }
            Self::Vxlan => {
                let inner = std::mem::take(frame);
                outer(frame, UDP, 16 + inner.len());
                frame.extend([0xc0, 0, 0x12, 0xb5]);
                frame.extend(wire::u16_of(16 + inner.len()).to_be_bytes());
                frame.extend([0, 0, 8, 0, 0, 0, 0, 0, 42, 0]);
                frame.extend(inner);
            }
        }
    }
}

fn insert(frame: &mut Vec<u8>, place: usize, parts: &[&[u8]]) {
    frame.splice(place..place, parts.concat());
}

/// The headers of a tunnel between two routers.
fn outer(frame: &mut Vec<u8>, protocol: u8, len: usize) {
    let ends = Ends {
        v6: false,
        hosts: [[198, 51, 100, 1], [198, 51, 100, 2]],
        ports: [0, 0],
    };
    wire::ip(frame, &ends, &header(7), protocol, len);
}

fn header(id: u16) -> Header {
    Header {
        from: Side::Client,
        id,
        flags: 0,
        seq: 0,
        ack: 0,
        stamp: None,
    }
}

/// Cuts a plain frame into fragments; the transport header is in the first.
pub(crate) fn fragments(frame: &[u8], rng: &mut Rng) -> Vec<Vec<u8>> {
    let v6 = frame[12] == 0x86;
    let body = ETHERNET_LEN + if v6 { 40 } else { 20 };
    let piece = 8 * usize::from(rng.within(20, 60));
    let pieces = frame[body..].chunks(piece);
    let id = rng.bytes::<4>();
    let last = pieces.len().saturating_sub(1);
    let cut = |(number, data): (usize, &[u8])| {
        let offset = wire::u16_of(number * piece);
        let mut fragment = frame[..body].to_vec();
        if v6 {
            let next = std::mem::replace(&mut fragment[20], 44);
            fragment[18..20].copy_from_slice(&wire::u16_of(8 + data.len()).to_be_bytes());
            fragment.extend([next, 0]);
            fragment.extend((offset | u16::from(number != last)).to_be_bytes());
            fragment.extend(id);
        } else {
            let more = u16::from(number != last) << 13;
            fragment[16..18].copy_from_slice(&wire::u16_of(20 + data.len()).to_be_bytes());
            fragment[20..22].copy_from_slice(&((offset / 8) | more).to_be_bytes());
            wire::set_checksum(&mut fragment[ETHERNET_LEN..]);
        }
        fragment.extend_from_slice(data);
        wire::pad(&mut fragment);
        fragment
    };
    pieces.enumerate().map(cut).collect()
}

/// A packet of no flow: another protocol, or none.
pub(crate) fn stray(frame: &mut Vec<u8>, ends: &Ends, rng: &mut Rng) {
    let protocol = match rng.below(8) {
        0..3 => 1,
        3 => 2,
        4 => 50,
        5 => 132,
        6 => {
            frame.clear();
            wire::ethernet(frame, Side::Client, 0x0806);
            frame.extend([0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1]);
            frame.extend([0, 0, 0, 0, 0, 0, 10, 0, 0, 2]);
            return wire::pad(frame);
        }
        _ => {
            frame.clear();
            wire::ethernet(frame, Side::Server, 0x88cc);
            frame.extend([2, 7, 4, 2, 0, 0, 0, 0, 2, 0, 0]);
            return wire::pad(frame);
        }
    };
    let v4 = Ends { v6: false, ..*ends };
    wire::ip(frame, &v4, &header(rng.u16()), protocol, 64);
    frame.extend([8, 0, 0, 0, 0, 1, 0, 1]);
    frame.resize(ETHERNET_LEN + 84, 0xa5);
}

/// A packet that is not what its headers say.
pub(crate) fn broken(frame: &mut Vec<u8>, ends: &Ends, rng: &mut Rng) {
    let v4 = Ends { v6: false, ..*ends };
    let head = header(rng.u16());
    let start = ETHERNET_LEN;
    match rng.below(8) {
        // 12 bytes of a TCP header.
        0 => {
            wire::ip(frame, &v4, &head, TCP, 12);
            frame.extend([0x80, 1, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1]);
        }
        // A data offset of 3.
        1 => {
            wire::tcp(frame, &v4, &head, [&[], &[]]);
            frame[start + 32] = 0x30;
        }
        // 4 bytes of a UDP header.
        2 => {
            wire::ip(frame, &v4, &head, UDP, 4);
            frame.extend([0x80, 1, 0, 53]);
        }
        // A UDP length beyond the packet: counted all the same.
        3 => {
            wire::udp(frame, &v4, &head, &[0; 30]);
            frame[start + 24] = 0x7f;
        }
        // An IP header of 12 bytes.
        4 => {
            wire::udp(frame, &v4, &head, &[]);
            frame[start] = 0x43;
        }
        // Half an IP header.
        5 => {
            wire::udp(frame, &v4, &head, &[]);
            frame.truncate(start + 10);
        }
        // Half an Ethernet header.
        6 => {
            wire::udp(frame, &v4, &head, &[]);
            frame.truncate(9);
        }
        // A later fragment without its first one.
        _ => {
            wire::udp(frame, &v4, &head, &[0; 100]);
            frame[start + 7] = 99;
        }
    }
}
