//! What holds for any bytes, and etherparse as a witness for plain packets.

use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use proptest::prelude::*;

use super::*;

/// Headers around a packet; each takes what is inside and returns the whole, and what
/// announces it is chosen by the next one.
#[derive(Clone, Copy, Debug)]
enum Wrap {
    Four(u8),
    Six(u8),
    Tag,
    Vxlan,
    Gre,
    Fragment,
}

fn wrap() -> impl Strategy<Value = Wrap> {
    let protocol = prop_oneof![
        Just(4),
        Just(6),
        Just(17),
        Just(41),
        Just(47),
        Just(44),
        any::<u8>()
    ];
    prop_oneof![
        protocol.clone().prop_map(Wrap::Four),
        protocol.prop_map(Wrap::Six),
        Just(Wrap::Tag),
        Just(Wrap::Vxlan),
        Just(Wrap::Gre),
        Just(Wrap::Fragment),
    ]
}

fn apply(packet: &[u8], wrap: Wrap) -> Vec<u8> {
    match wrap {
        Wrap::Four(protocol) => ipv4(protocol, packet),
        Wrap::Six(next) => ipv6(next, packet),
        Wrap::Tag => tag(5, 0x0800, packet),
        Wrap::Vxlan => {
            let inner = inner_ethernet(0x0800, packet);
            ipv4(
                17,
                &udp(9, 4789, &join(&[&[8, 0, 0, 0, 0, 0, 1, 0], &inner])),
            )
        }
        Wrap::Gre => ipv4(47, &join(&[&[0, 0, 8, 0], packet])),
        Wrap::Fragment => ipv6(44, &fragment_6(17, 0, true, packet)),
    }
}

/// Frames that are nearly right: nested headers with some bytes changed, cut somewhere.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let transport = prop_oneof![
        (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..10)).prop_map(|(flags, words)| {
            let options = words.iter().flat_map(|&byte| [byte, byte % 12, 1, byte]);
            tcp_with(flags, &options.collect::<Vec<_>>(), b"payload")
        }),
        (any::<u16>(), any::<u16>()).prop_map(|(from, to)| udp(from, to, b"payload")),
    ];
    let whole = (
        transport,
        prop_oneof![
            Just(Wrap::Four(6)),
            Just(Wrap::Four(17)),
            Just(Wrap::Six(6)),
            Just(Wrap::Six(17))
        ],
        proptest::collection::vec(wrap(), 0..3),
        prop_oneof![
            Just(0x0800_u16),
            Just(0x86DD),
            Just(0x8100),
            Just(0x8847),
            any::<u16>()
        ],
    );
    let frame = whole.prop_map(|(transport, first, wraps, ether_type)| {
        let packet = wraps
            .iter()
            .fold(apply(&transport, first), |packet, &wrap| {
                apply(&packet, wrap)
            });
        ethernet(ether_type, &packet)
    });
    let edits = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    let cut = prop_oneof![3 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)];
    (frame, edits, cut).prop_map(|(mut frame, edits, cut)| {
        for (place, byte) in edits {
            let place = place.index(frame.len());
            frame[place] = byte;
        }
        frame.truncate(cut.map_or(frame.len(), |cut| cut.index(frame.len())));
        frame
    })
}

/// The link types that are opened.
const KNOWN: &[u32] = &[
    0, 1, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 19, 50, 51, 99, 100, 101, 104, 105, 106, 107, 108,
    109, 112, 113, 117, 119, 122, 123, 127, 128, 129, 138, 143, 163, 166, 167, 178, 179, 180, 181,
    192, 197, 202, 204, 205, 206, 219, 226, 228, 229, 239, 240, 241, 242, 247, 258, 259, 274, 276,
    279, 281, 282, 284, 285,
];

#[test]
fn a_link_type_is_opened_or_bad_link() {
    let opened: Vec<u32> = (0..1000)
        .filter(|&number| opens(LinkType(number)))
        .collect();
    assert_eq!(opened, KNOWN);
}

fn link_types() -> impl Strategy<Value = u32> {
    prop_oneof![
        prop::sample::select(KNOWN),
        Just(149),
        0_u32..300,
        any::<u32>(),
    ]
}

/// Decodes both ways with every combination of what is wanted.
fn both_ways_agree(link_type: u32, frame: &[u8], original_len: u32) {
    for wanted in 0..8_u8 {
        let want = Want {
            options: wanted & 1 != 0,
            link: wanted & 2 != 0,
            decap: if wanted & 4 != 0 {
                Decap::None
            } else {
                Decap::All
            },
        };
        let (mut fast_link, mut any_link) = (LinkInfo::default(), LinkInfo::default());
        let fast = decode(
            LinkType(link_type),
            frame,
            original_len,
            want,
            &mut fast_link,
        );
        let any = decode_any(
            LinkType(link_type),
            frame,
            original_len,
            want,
            &mut any_link,
        );
        assert_eq!((fast, fast_link), (any, any_link));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_decode_to_something(
        link_type in link_types(),
        frame in proptest::collection::vec(any::<u8>(), 0..200),
        original_len: u32,
    ) {
        both_ways_agree(link_type, &frame, original_len);
    }

    #[test]
    fn the_shortcut_agrees_with_the_descent(frame in frames(), more in 0_u32..2000) {
        let original_len = u32::try_from(frame.len()).unwrap() + more;
        both_ways_agree(1, &frame, original_len);
    }

    #[test]
    fn any_link_type_survives_frames_that_are_nearly_right(
        link_type in link_types(),
        frame in frames(),
        skip in 0_usize..30,
    ) {
        both_ways_agree(link_type, frame.get(skip..).unwrap_or(&[]), 1500);
    }

    #[test]
    fn etherparse_sees_the_same_in_plain_packets(
        six: bool,
        tagged in prop::option::of(0_u16..4096),
        is_tcp: bool,
        ports: (u16, u16),
        numbers: (u32, u32),
        window: u16,
        payload in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        prop_assume!(![ports.0, ports.1].iter().any(|&port| udp_tunnel::is_tunnel_port(port)));
        let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let builder = match (tagged, six) {
            (Some(id), false) => builder.single_vlan(id.try_into().unwrap()).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 9),
            (Some(id), true) => builder.single_vlan(id.try_into().unwrap()).ipv6(SOURCE_6, DESTINATION_6, 9),
            (None, false) => builder.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 9),
            (None, true) => builder.ipv6(SOURCE_6, DESTINATION_6, 9),
        };
        let mut frame = Vec::new();
        if is_tcp {
            builder.tcp(ports.0, ports.1, numbers.0, window).ack(numbers.1).write(&mut frame, &payload).unwrap();
        } else {
            builder.udp(ports.0, ports.1).write(&mut frame, &payload).unwrap();
        }
        agrees_with_etherparse(&frame, tagged);
    }
}

/// Compares what counts with etherparse's reading of the same frame.
fn agrees_with_etherparse(frame: &[u8], tagged: Option<u16>) {
    let seen = SlicedPacket::from_ethernet(frame).unwrap();
    let ours = headers(frame);
    assert_eq!(link(frame).vlan_id, tagged);
    match seen.net.unwrap() {
        NetSlice::Ipv4(ip) => {
            let header = ip.header();
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
            assert_eq!(ours.ip.source, header.source());
            assert_eq!(ours.ip.destination, header.destination());
            assert_eq!(ours.ip.length, 40 + u32::from(header.payload_length()));
            assert_eq!(ours.ip.ttl, header.hop_limit());
        }
        NetSlice::Arp(_) => panic!("IP was built"),
    }
    let payload_len = usize::try_from(ours.payload_len).unwrap();
    let ports = (ours.source_port, ours.destination_port);
    match (seen.transport.unwrap(), ours.transport) {
        (TransportSlice::Tcp(tcp), Transport::Tcp(header)) => {
            assert_eq!(ports, (tcp.source_port(), tcp.destination_port()));
            assert_eq!(header.seq, tcp.sequence_number());
            assert_eq!(header.ack, tcp.acknowledgment_number());
            assert_eq!(header.window, tcp.window_size());
            assert_eq!(payload_len, tcp.payload().len());
        }
        (TransportSlice::Udp(udp), Transport::Udp) => {
            assert_eq!(ports, (udp.source_port(), udp.destination_port()));
            assert_eq!(payload_len, udp.payload().len());
        }
        other => panic!("{other:?}"),
    }
}
