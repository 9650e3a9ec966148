//! Frames for the tests of `decode`, built from the inside to the outside, and what is asked of them.

mod carriers;
mod laws;
mod layers;
mod lengths;
mod rules;
mod tunnels;

use super::*;

/// What is seen of every frame here.
const ALL: Want = Want {
    options: true,
    link: true,
    decap: Decap::All,
};

/// The captured bytes of a header and what is behind it.
fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let addresses = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    join(&[&addresses, &ether_type.to_be_bytes(), payload])
}

/// A frame of another sender than [`ethernet`]'s.
fn inner_ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let addresses = [2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 4];
    join(&[&addresses, &ether_type.to_be_bytes(), payload])
}

/// What stands behind the type of a tag: its own value and the next type.
fn tag(id: u16, ether_type: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&id.to_be_bytes(), &ether_type.to_be_bytes(), payload])
}

/// The middle of an IPv4 header: identification, then flags and offset.
#[derive(Clone, Copy, Default)]
struct Fragmentation {
    identification: u16,
    more: bool,
    /// In units of eight bytes.
    offset: u16,
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_fragment(protocol, Fragmentation::default(), payload)
}

fn ipv4_fragment(protocol: u8, fragmentation: Fragmentation, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap();
    let field = fragmentation.offset | if fragmentation.more { 0x2000 } else { 0 };
    join(&[
        &[0x45, 0x02],
        &length.to_be_bytes(),
        &fragmentation.identification.to_be_bytes(),
        &field.to_be_bytes(),
        &[61, protocol, 0, 0, 10, 0, 0, 1, 192, 0, 2, 7],
        payload,
    ])
}

const SOURCE_6: [u8; 16] = [0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const DESTINATION_6: [u8; 16] = [0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap();
    join(&[
        &[0x6B, 0x80, 0, 0],
        &length.to_be_bytes(),
        &[next, 62],
        &SOURCE_6,
        &DESTINATION_6,
        payload,
    ])
}

/// An IPv6 fragment header and what is behind it; the offset in units of eight bytes.
fn fragment_6(next: u8, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let field = (offset << 3) | u16::from(more);
    join(&[
        &[next, 0],
        &field.to_be_bytes(),
        &0xDEAD_BEEF_u32.to_be_bytes(),
        payload,
    ])
}

/// A TCP segment from port 1000 to 80 with ACK and PSH.
fn tcp(payload: &[u8]) -> Vec<u8> {
    tcp_with(0x18, &[], payload)
}

fn tcp_with(flags: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    assert!(options.len().is_multiple_of(4), "options fill words");
    let offset = u8::try_from(5 + options.len() / 4).unwrap() << 4;
    join(&[
        &[0x03, 0xE8, 0, 80],
        &[0, 0, 0x10, 0, 0, 0, 0x20, 0],
        &[offset, flags, 0xFF, 0xFE, 0, 0, 0, 0],
        options,
        payload,
    ])
}

fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    join(&[
        &source.to_be_bytes(),
        &destination.to_be_bytes(),
        &length.to_be_bytes(),
        &[0, 0],
        payload,
    ])
}

/// The innermost packet of most tests: TCP from port 1000 to 80 with five bytes.
fn plain() -> Vec<u8> {
    ipv4(6, &tcp(b"hello"))
}

/// Decodes a whole frame, and sees that the shortcut makes no difference.
fn open_as(link_type: u32, frame: &[u8]) -> (Decoded, LinkInfo) {
    let original_len = u32::try_from(frame.len()).unwrap();
    open_cut(link_type, frame, original_len)
}

/// Decodes what was captured of a frame of `original_len` bytes.
fn open_cut(link_type: u32, frame: &[u8], original_len: u32) -> (Decoded, LinkInfo) {
    let link_type = LinkType(link_type);
    let (mut link, mut link_any) = (LinkInfo::default(), LinkInfo::default());
    let decoded = decode(link_type, frame, original_len, ALL, &mut link);
    let any = decode_any(link_type, frame, original_len, ALL, &mut link_any);
    assert_eq!((decoded, link), (any, link_any));
    (decoded, link)
}

/// The headers that count in an Ethernet frame.
fn headers(frame: &[u8]) -> Headers {
    match open_as(1, frame).0 {
        Decoded::Transport(headers) => headers,
        other => panic!("no transport header but {other:?}"),
    }
}

/// The ports that count, if any.
fn ports_as(link_type: u32, frame: &[u8]) -> Option<(u16, u16)> {
    match open_as(link_type, frame).0 {
        Decoded::Transport(headers) => Some((headers.source_port, headers.destination_port)),
        _ => None,
    }
}

fn ports(frame: &[u8]) -> Option<(u16, u16)> {
    ports_as(1, frame)
}

/// The ports of [`plain`].
const PLAIN: Option<(u16, u16)> = Some((1000, 80));

fn fate_as(link_type: u32, frame: &[u8]) -> Option<Fate> {
    match open_as(link_type, frame).0 {
        Decoded::Other(fate) => Some(fate),
        _ => None,
    }
}

fn fate(frame: &[u8]) -> Option<Fate> {
    fate_as(1, frame)
}

fn link(frame: &[u8]) -> LinkInfo {
    open_as(1, frame).1
}

/// The innermost tunnel and its id.
fn tunnel(frame: &[u8]) -> (Option<Tunnel>, Option<u64>) {
    let link = link(frame);
    (link.tunnel, link.tunnel_id)
}
