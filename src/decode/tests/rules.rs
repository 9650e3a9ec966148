//! Which header counts, fragments, and the fate of packets without one (spec 2, 3.5).

use super::*;

const MORE: Fragmentation = Fragmentation {
    identification: 500,
    more: true,
    offset: 0,
};
const LATER: Fragmentation = Fragmentation {
    identification: 500,
    more: false,
    offset: 185,
};

/// VXLAN to port 4789 from port 7777 around an Ethernet frame.
fn vxlan(inner: &[u8]) -> Vec<u8> {
    let payload = join(&[&[8, 0, 0, 0, 0, 0, 77, 0], inner]);
    ethernet(0x0800, &ipv4(17, &udp(7777, 4789, &payload)))
}

#[test]
fn the_innermost_readable_header_counts() {
    let headers = headers(&vxlan(&inner_ethernet(0x86DD, &ipv6(6, &tcp(b"hello")))));
    assert_eq!(headers.ip.version, IpVersion::V6);
    assert_eq!(headers.ip.source, SOURCE_6);
    assert_eq!(headers.ip.destination, DESTINATION_6);
    assert_eq!(headers.source_port, 1000);
}

#[test]
fn what_cannot_be_opened_falls_back_to_the_udp_header_around_it() {
    let ping = ipv4(1, &[8, 0, 0, 0, 0, 0, 0, 0]);
    for inner in [
        inner_ethernet(0x0806, &[0; 28]),
        inner_ethernet(0x0800, &ping),
        inner_ethernet(0x0800, &[0x45]),
        inner_ethernet(0x0800, &[0x55; 40]),
        inner_ethernet(0x0800, &ipv4_fragment(1, LATER, &[0; 8])),
        vec![2; 13],
    ] {
        let frame = vxlan(&inner);
        assert_eq!(ports(&frame), Some((7777, 4789)));
        let link = link(&frame);
        assert_eq!(
            (link.tunnel, link.source_mac),
            (None, Some([2, 0, 0, 0, 0, 2]))
        );
    }
}

#[test]
fn the_innermost_of_several_udp_headers_is_fallen_back_to() {
    let teredo = udp(5555, 3544, &ipv6(58, &[128, 0, 0, 0]));
    let frame = vxlan(&inner_ethernet(0x0800, &ipv4(17, &teredo)));
    assert_eq!(ports(&frame), Some((5555, 3544)));
    assert_eq!(tunnel(&frame), (Some(Tunnel::Vxlan), Some(77)));
}

#[test]
fn tunnels_without_udp_leave_the_reason() {
    let gre = join(&[&[0, 0, 0x65, 0x58], &inner_ethernet(0x0806, &[0; 28])]);
    assert_eq!(fate(&ethernet(0x0800, &ipv4(47, &gre))), Some(Fate::NonIp));
    assert_eq!(
        fate(&ethernet(0x0800, &ipv4(4, &[0x45]))),
        Some(Fate::ShortIp)
    );
}

#[test]
fn short_and_bad_transport_headers_never_fall_back() {
    let mut offset_4 = tcp(b"");
    offset_4[12] = 0x40;
    for (protocol, segment, expected) in [
        (6, &tcp(b"")[..19], Fate::ShortTcp),
        (6, &offset_4[..], Fate::BadTcp),
        (17, &udp(1, 2, b"")[..7], Fate::ShortUdp),
    ] {
        let packet = ipv4(protocol, segment);
        assert_eq!(fate(&ethernet(0x0800, &packet)), Some(expected));
        assert_eq!(
            fate(&vxlan(&inner_ethernet(0x0800, &packet))),
            Some(expected)
        );
    }
}

#[test]
fn padding_behind_the_ip_length_is_no_header() {
    let mut frame = ethernet(0x0800, &ipv4(6, &tcp(b"")[..12]));
    frame.resize(60, 0);
    assert_eq!(fate(&frame), Some(Fate::ShortTcp));
    let outer = ipv4(4, &plain()[..32]);
    assert_eq!(
        fate(&ethernet(0x0800, &join(&[&outer, &[0; 30]]))),
        Some(Fate::ShortTcp)
    );
}

#[test]
fn every_other_fate_has_a_reason() {
    let total_length_19 = {
        let mut packet = plain();
        packet[3] = 19;
        packet
    };
    let mut ihl_4 = plain();
    ihl_4[0] = 0x44;
    let mut options_cut = plain();
    options_cut[0] = 0x4F;
    for (frame, expected) in [
        (ethernet(0x0806, &[0; 28]), Fate::NonIp),
        (ethernet(0x0800, &[])[..13].to_vec(), Fate::ShortLink),
        (ethernet(0x8100, &[0, 1, 8]), Fate::ShortLink),
        (ethernet(0x0800, &plain()[..19]), Fate::ShortIp),
        (ethernet(0x0800, &options_cut), Fate::ShortIp),
        (ethernet(0x86DD, &ipv6(6, &tcp(b""))[..39]), Fate::ShortIp),
        (ethernet(0x86DD, &ipv6(60, &[6, 1, 0, 0])), Fate::ShortIp),
        (ethernet(0x86DD, &ipv6(44, &[6, 0, 0])), Fate::ShortIp),
        (ethernet(0x0800, &ipv4(51, &[6, 4])), Fate::ShortIp),
        (ethernet(0x0800, &ihl_4), Fate::BadIp),
        (ethernet(0x0800, &total_length_19), Fate::BadIp),
        (ethernet(0x86DD, &plain()), Fate::BadIp),
        (ethernet(0x0800, &ipv4(1, &[8, 0, 0, 0])), Fate::OtherIp),
        (ethernet(0x0800, &ipv4(50, &[0; 40])), Fate::OtherIp),
        (ethernet(0x86DD, &ipv6(59, &[])), Fate::OtherIp),
    ] {
        assert_eq!(fate(&frame), Some(expected), "{frame:02x?}");
    }
}

#[test]
fn quoted_headers_of_icmp_errors_are_not_opened() {
    let error = join(&[&[3, 3, 0, 0, 0, 0, 0, 0], &plain()]);
    assert_eq!(
        fate(&ethernet(0x0800, &ipv4(1, &error))),
        Some(Fate::OtherIp)
    );
}

#[test]
fn a_first_fragment_is_a_packet_with_an_identification() {
    let first = ipv4_fragment(17, MORE, &udp(53, 5353, &[0; 32]));
    assert_eq!(headers(&ethernet(0x0800, &first)).first_fragment, Some(500));
    let six = ipv6(44, &fragment_6(6, 0, true, &tcp(b"")));
    assert_eq!(
        headers(&ethernet(0x86DD, &six)).first_fragment,
        Some(0xDEAD_BEEF)
    );
    assert_eq!(headers(&ethernet(0x0800, &plain())).first_fragment, None);
}

#[test]
fn an_identification_of_zero_is_absent_but_joins_fragments() {
    let zero = Fragmentation {
        identification: 0,
        ..MORE
    };
    let headers = headers(&ethernet(0x0800, &ipv4_fragment(6, zero, &tcp(b""))));
    assert_eq!((headers.ip.id, headers.first_fragment), (0, Some(0)));
}

#[test]
fn an_atomic_fragment_is_none() {
    let atomic = ipv6(44, &fragment_6(6, 0, false, &tcp(b"hello")));
    let headers = headers(&ethernet(0x86DD, &atomic));
    assert_eq!((headers.first_fragment, headers.payload_len), (None, 5));
}

#[test]
fn a_later_fragment_tells_what_it_belongs_to() {
    let packet = ipv4_fragment(17, LATER, &[0; 48]);
    let (decoded, _) = open_as(1, &join(&[&ethernet(0x0800, &packet), &[0; 6]]));
    let Decoded::Fragment(fragment) = decoded else {
        panic!("{decoded:?}")
    };
    assert_eq!((fragment.protocol, fragment.identification), (17, 500));
    assert_eq!(fragment.ip.length, 68);

    let six = ipv6(44, &fragment_6(6, 100, true, &[0; 16]));
    let (decoded, _) = open_as(1, &ethernet(0x86DD, &six));
    let Decoded::Fragment(fragment) = decoded else {
        panic!("{decoded:?}")
    };
    assert_eq!(
        (fragment.protocol, fragment.identification),
        (6, 0xDEAD_BEEF)
    );
    assert_eq!(fragment.ip.version, IpVersion::V6);
}

#[test]
fn a_later_fragment_never_falls_back_and_others_have_no_flow() {
    let inner = inner_ethernet(0x0800, &ipv4_fragment(6, LATER, &[0; 48]));
    let (decoded, _) = open_as(1, &vxlan(&inner));
    assert!(matches!(decoded, Decoded::Fragment(_)));
    let icmp = ethernet(0x0800, &ipv4_fragment(1, LATER, &[0; 48]));
    assert_eq!(fate(&icmp), Some(Fate::OtherIp));
    let extension = ipv6(44, &fragment_6(60, 3, false, &[0; 48]));
    assert_eq!(fate(&ethernet(0x86DD, &extension)), Some(Fate::OtherIp));
}

#[test]
fn the_identity_is_that_of_the_header_in_front_of_what_counts() {
    let first = ipv4_fragment(4, MORE, &plain());
    assert_eq!(headers(&ethernet(0x0800, &first)).first_fragment, None);
    let inner = Fragmentation {
        identification: 9,
        ..MORE
    };
    let nested = ipv4_fragment(4, MORE, &ipv4_fragment(6, inner, &tcp(b"")));
    assert_eq!(headers(&ethernet(0x0800, &nested)).first_fragment, Some(9));
}

#[test]
fn sixteen_ip_headers_are_opened_and_no_more() {
    let nest = |depth: usize| (1..depth).fold(plain(), |packet, _| ipv4(4, &packet));
    assert_eq!(ports(&ethernet(0x0800, &nest(16))), PLAIN);
    assert_eq!(fate(&ethernet(0x0800, &nest(17))), Some(Fate::TooDeep));
    let teredo = |packet: &[u8]| ipv6(17, &udp(3544, 3544, packet));
    let deep = (0..20).fold(ipv6(6, &tcp(b"")), |packet, _| teredo(&packet));
    assert_eq!(ports(&ethernet(0x86DD, &deep)), Some((3544, 3544)));
}

#[test]
fn chains_as_long_as_a_packet_end() {
    let options = [60, 0, 1, 4, 0, 0, 0, 0].repeat(8000);
    assert_eq!(
        fate(&ethernet(0x86DD, &ipv6(60, &options))),
        Some(Fate::ShortIp)
    );
    let tags = [0, 1, 0x81, 0].repeat(60_000);
    assert_eq!(fate(&ethernet(0x8100, &tags)), Some(Fate::ShortLink));
    assert_eq!(fate(&ethernet(0x8847, &[0; 60_000])), Some(Fate::ShortLink));
}
