//! Decoding: the shortcut for plain frames against the general descent, and etherparse as a
//! witness where it can read a frame without loss.
#![no_main]

use std::sync::LazyLock;

use etherparse::{EtherType, LinkExtSlice, LinkSlice, NetSlice, SlicedPacket, TransportSlice};
use goostat::capture::LinkType;
use goostat::decode::{
    Decap, Decoded, Headers, IpVersion, LinkInfo, Transport, Want, decode, decode_any, opens,
};
use libfuzzer_sys::fuzz_target;

/// The link types that are opened, one that may be (149) and one that never is; often Ethernet.
static LINK_TYPES: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let opened = (0..=300).filter(|&number| opens(LinkType(number)));
    [1; 8]
        .into_iter()
        .chain(opened)
        .chain([149, 65_536])
        .collect()
});
/// Ports of tunnels over UDP, which etherparse does not open.
const TUNNEL_PORTS: [u16; 5] = [1701, 2152, 3544, 4789, 6081];

fuzz_target!(|data: &[u8]| {
    let Some((&[link_type, more], frame)) = data.split_first_chunk::<2>() else {
        return;
    };
    let link_type = LINK_TYPES[usize::from(link_type) % LINK_TYPES.len()];
    let captured_len = u32::try_from(frame.len()).expect("inputs are short");
    let original_len = match more {
        0..=127 => captured_len,
        128..=253 => captured_len + u32::from(more),
        254 => u32::MAX,
        255 => captured_len / 2,
    };
    both_ways_agree(LinkType(link_type), frame, original_len);
    if link_type == 1 && more < 128 {
        etherparse_agrees(frame, captured_len);
    }
});

fn both_ways_agree(link_type: LinkType, frame: &[u8], original_len: u32) {
    let yes_or_no = [false, true];
    let wants = yes_or_no.into_iter().flat_map(|options| {
        let links = yes_or_no.into_iter();
        links.flat_map(move |link| {
            [Decap::All, Decap::None].map(|decap| Want {
                options,
                link,
                decap,
            })
        })
    });
    for want in wants {
        let (mut fast_link, mut any_link) = (LinkInfo::default(), LinkInfo::default());
        let fast = decode(link_type, frame, original_len, want, &mut fast_link);
        let any = decode_any(link_type, frame, original_len, want, &mut any_link);
        assert_eq!((fast, fast_link), (any, any_link));
    }
}

/// Frames with nothing but plain headers, of which etherparse has no doubt.
fn etherparse_agrees(frame: &[u8], original_len: u32) {
    let Ok(seen) = SlicedPacket::from_ethernet(frame) else {
        return;
    };
    let is_ethernet = matches!(seen.link, Some(LinkSlice::Ethernet2(_)));
    let has_plain_tags = seen.link_exts.iter().all(|extension| match extension {
        LinkExtSlice::Vlan(tag) => tag.ether_type() != EtherType::MACSEC,
        _ => false,
    });
    let (Some(net), Some(transport)) = (seen.net, seen.transport) else {
        return;
    };
    if !is_ethernet || !has_plain_tags || !is_whole(&net) {
        return;
    }
    let want = Want {
        options: true,
        link: true,
        ..Want::default()
    };
    let mut link = LinkInfo::default();
    let decoded = decode(LinkType::ETHERNET, frame, original_len, want, &mut link);
    match transport {
        TransportSlice::Tcp(tcp) => {
            let headers = transport_of(&decoded);
            same_ip(headers, &net);
            let Transport::Tcp(header) = headers.transport else {
                panic!("{decoded:?} is no TCP");
            };
            assert_eq!(
                (headers.source_port, headers.destination_port),
                (tcp.source_port(), tcp.destination_port())
            );
            assert_eq!(
                (header.seq, header.ack),
                (tcp.sequence_number(), tcp.acknowledgment_number())
            );
            assert_eq!(header.window, tcp.window_size());
            assert_eq!(header.flags, tcp.slice()[13]);
            assert_eq!(size(headers.payload_len), tcp.payload().len());
        }
        TransportSlice::Udp(udp) => {
            let ports = [udp.source_port(), udp.destination_port()];
            if ports.iter().any(|port| TUNNEL_PORTS.contains(port)) {
                return;
            }
            let headers = transport_of(&decoded);
            same_ip(headers, &net);
            assert!(
                matches!(headers.transport, Transport::Udp),
                "{decoded:?} is no UDP"
            );
            assert_eq!([headers.source_port, headers.destination_port], ports);
            // A length of 0 is taken as "to the end" there, and as a bad one here.
            if udp.length() >= 8 {
                assert_eq!(size(headers.payload_len), udp.payload().len());
                assert!(!headers.bad_len);
            }
        }
        _ => {}
    }
}

/// No fragments, and a length that the header states.
fn is_whole(net: &NetSlice<'_>) -> bool {
    match net {
        NetSlice::Ipv4(ip) => !ip.is_payload_fragmented() && ip.extensions().auth.is_none(),
        NetSlice::Ipv6(ip) => !ip.is_payload_fragmented() && ip.header().payload_length() > 0,
        _ => false,
    }
}

fn transport_of(decoded: &Decoded) -> &Headers {
    match decoded {
        Decoded::Transport(headers) => headers,
        other => panic!("etherparse sees a transport header where we see {other:?}"),
    }
}

fn same_ip(ours: &Headers, theirs: &NetSlice<'_>) {
    match theirs {
        NetSlice::Ipv4(ip) => {
            let header = ip.header();
            assert_eq!(ours.ip.version, IpVersion::V4);
            assert_eq!(ours.ip.source[..4], header.source());
            assert_eq!(ours.ip.destination[..4], header.destination());
            assert_eq!(ours.ip.length, u32::from(header.total_len()));
            assert_eq!(
                (ours.ip.ttl, ours.ip.id),
                (header.ttl(), header.identification())
            );
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header();
            assert_eq!(ours.ip.version, IpVersion::V6);
            assert_eq!(ours.ip.source, header.source());
            assert_eq!(ours.ip.destination, header.destination());
            assert_eq!(ours.ip.length, 40 + u32::from(header.payload_length()));
            assert_eq!(ours.ip.ttl, header.hop_limit());
        }
        NetSlice::Arp(_) => {}
    }
}

fn size(len: u32) -> usize {
    usize::try_from(len).expect("it is in memory")
}
