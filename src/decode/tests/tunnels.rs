//! Tunnels over IP and UDP (spec 2), and what the link columns see of them.

use super::*;

#[test]
fn without_decapsulation_the_outermost_packet_counts() {
    let shallow = |frame: &[u8]| {
        let want = Want {
            decap: Decap::None,
            ..ALL
        };
        let mut link = LinkInfo::default();
        let length = u32::try_from(frame.len()).unwrap();
        let decoded = decode(LinkType::ETHERNET, frame, length, want, &mut link);
        assert_eq!((link.tunnel, link.tunnel_id), (None, None));
        decoded
    };
    let vxlan = join(&[&[8, 0, 0, 0, 0, 0, 1, 0], &inner_ethernet(0x0800, &plain())]);
    let labelled = join(&[&[0, 0x10, 0x01, 64], &ipv4(17, &udp(9, 4789, &vxlan))]);
    for frame in [
        ethernet(0x0800, &ipv4(17, &udp(9, 4789, &vxlan))),
        ethernet(0x8100, &tag(5, 0x8847, &labelled)),
    ] {
        let Decoded::Transport(headers) = shallow(&frame) else {
            panic!("UDP was built")
        };
        assert_eq!((headers.source_port, headers.destination_port), (9, 4789));
        assert_eq!(headers.payload_len, u32::try_from(vxlan.len()).unwrap());
    }
    let ether_ip = join(&[&[0x30, 0], &inner_ethernet(0x0800, &plain())]);
    for (protocol, carried) in [
        (4, plain()),
        (41, ipv6(6, &tcp(b""))),
        (47, join(&[&[0, 0, 8, 0], &plain()])),
        (97, ether_ip),
        (137, join(&[&[0, 0x10, 0x01, 64], &plain()])),
    ] {
        let frame = ethernet(0x0800, &ipv4(protocol, &carried));
        assert_eq!(ports(&frame), PLAIN);
        assert_eq!(shallow(&frame), Decoded::Other(Fate::OtherIp));
    }
    let authentication = join(&[&[6, 4, 0, 0], &[0; 20], &tcp(b"")]);
    let frame = ethernet(0x0800, &ipv4(51, &authentication));
    assert!(matches!(shallow(&frame), Decoded::Transport(_)));
}

#[test]
fn ip_carries_ip_of_either_version() {
    let (four, six) = (plain(), ipv6(6, &tcp(b"")));
    for (frame, name) in [
        (ethernet(0x0800, &ipv4(4, &four)), Tunnel::IpIp),
        (ethernet(0x0800, &ipv4(41, &six)), Tunnel::SixInFour),
        (ethernet(0x86DD, &ipv6(4, &four)), Tunnel::FourInSix),
        (ethernet(0x86DD, &ipv6(41, &six)), Tunnel::SixInSix),
    ] {
        assert_eq!(ports(&frame), PLAIN);
        assert_eq!(tunnel(&frame), (Some(name), None));
    }
}

#[test]
fn ip_carries_authentication_ether_ip_and_mpls() {
    let authentication = join(&[&[6, 4, 0, 0], &[0; 20], &tcp(b"")]);
    assert_eq!(ports(&ethernet(0x0800, &ipv4(51, &authentication))), PLAIN);
    assert_eq!(ports(&ethernet(0x86DD, &ipv6(51, &authentication))), PLAIN);

    let ether_ip = join(&[&[0x30, 0], &inner_ethernet(0x0800, &plain())]);
    let frame = ethernet(0x0800, &ipv4(97, &ether_ip));
    assert_eq!(ports(&frame), PLAIN);
    assert_eq!(tunnel(&frame), (Some(Tunnel::EtherIp), None));
    let version_4 = join(&[&[0x40], &ether_ip[1..]]);
    assert_eq!(
        fate(&ethernet(0x0800, &ipv4(97, &version_4))),
        Some(Fate::OtherIp)
    );

    let labelled = join(&[&[0, 0x10, 0x01, 64], &plain()]);
    let frame = ethernet(0x86DD, &ipv6(137, &labelled));
    assert_eq!(ports(&frame), PLAIN);
    assert_eq!(tunnel(&frame), (Some(Tunnel::MplsInIp), None));
    assert_eq!(link(&frame).mpls_label, Some(0x100));
}

#[test]
fn ipv6_extension_headers_are_stepped_over() {
    for kind in [0, 43, 60, 135, 139, 140] {
        let extension = join(&[&[6, 1], &[0; 14], &tcp(b"hello")]);
        let frame = ethernet(0x86DD, &ipv6(kind, &extension));
        assert_eq!(ports(&frame), PLAIN);
        assert_eq!(headers(&frame).payload_len, 5);
        assert_eq!(
            fate(&ethernet(0x0800, &ipv4(kind, &extension))),
            Some(Fate::OtherIp)
        );
    }
}

/// GRE from its flags on, over IPv4.
fn gre(head: &[u8], packet: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &ipv4(47, &join(&[head, packet])))
}

/// Sees that [`plain`]'s ports are found in a tunnel of this kind and id, whose tags are not
/// the frame's.
fn opens(frame: &[u8], expected: Tunnel, id: Option<u64>) {
    assert_eq!(ports(frame), PLAIN, "{expected:?}");
    assert_eq!(tunnel(frame), (Some(expected), id));
    assert_eq!(link(frame).vlan_id, None);
}

#[test]
fn gre_carries_ip_ethernet_ppp_and_more() {
    let gre_of = |protocol: [u8; 2], packet: &[u8]| gre(&join(&[&[0, 0], &protocol]), packet);
    let tagged = join(&[&[0, 5, 8, 0], &plain()]);
    let labelled = join(&[&[0, 0x10, 1, 64], &plain()]);
    let service = join(&[&[0, 2, 1, 1, 0, 0, 7, 255], &plain()]);
    opens(&gre_of([0x08, 0x00], &plain()), Tunnel::Gre, None);
    opens(
        &gre_of([0x86, 0xDD], &ipv6(6, &tcp(b""))),
        Tunnel::Gre,
        None,
    );
    opens(
        &gre_of([0x65, 0x58], &inner_ethernet(0x8100, &tagged)),
        Tunnel::Gre,
        None,
    );
    opens(&gre_of([0x81, 0x00], &tagged), Tunnel::Gre, None);
    opens(&gre_of([0x88, 0xA8], &tagged), Tunnel::Gre, None);
    opens(&gre_of([0x88, 0x47], &labelled), Tunnel::Gre, None);
    opens(
        &gre_of([0x88, 0x0B], &join(&[&[0xFF, 3, 0, 0x21], &plain()])),
        Tunnel::Gre,
        None,
    );
    opens(&gre_of([0x89, 0x4F], &service), Tunnel::Nsh, Some(7));
}

#[test]
fn gre_has_optional_fields_and_a_version_for_pptp() {
    let (checksum, key, sequence) = ([0; 4], [0, 0, 1, 44], [0, 0, 0, 1]);
    let all = join(&[&[0xB0, 0, 8, 0], &checksum, &key, &sequence]);
    opens(&gre(&all, &plain()), Tunnel::Gre, Some(300));
    let keyed = join(&[&[0x20, 0, 8, 0], &key]);
    opens(&gre(&keyed, &plain()), Tunnel::Gre, Some(300));
    let call = [0, 50, 0, 6];
    let pptp = join(&[
        &[0x30, 0x81, 0x88, 0x0B],
        &call,
        &sequence,
        &sequence,
        &[0x21],
    ]);
    opens(&gre(&pptp, &plain()), Tunnel::Gre, Some(6));
}

#[test]
fn erspan_has_three_headers() {
    let inner = inner_ethernet(0x0800, &plain());
    let sequence = [0, 0, 0, 1];
    opens(&gre(&[0, 0, 0x88, 0xBE], &inner), Tunnel::Erspan, None);
    let second = join(&[
        &[0x10, 0, 0x88, 0xBE],
        &sequence,
        &[0x10, 0, 0xFC, 9, 0, 0, 0, 0],
    ]);
    opens(&gre(&second, &inner), Tunnel::Erspan, Some(9));
    let third = join(&[&[0x10, 0, 0x22, 0xEB], &sequence, &[0x20, 0, 0, 9], &[0; 8]]);
    opens(&gre(&third, &inner), Tunnel::Erspan, Some(9));
    let longer = join(&[&third[..19], &[1], &[0; 8]]);
    opens(&gre(&longer, &inner), Tunnel::Erspan, Some(9));
}

#[test]
fn gre_that_cannot_be_opened_is_another_protocol() {
    let routed = [0x40, 0, 8, 0, 0, 0, 0, 0];
    let version_2 = [0, 2, 8, 0];
    let unknown = [0, 0, 0x64, 0];
    let acknowledgment = [0x20, 0x81, 0x88, 0x0B, 0, 0, 0, 6, 0, 0, 0, 2];
    let cut = [0x20, 0, 8, 0, 1];
    for head in [&routed[..], &version_2, &unknown] {
        assert_eq!(fate(&gre(head, &plain())), Some(Fate::OtherIp));
    }
    for whole in [&acknowledgment[..], &cut, &[0]] {
        assert_eq!(fate(&gre(whole, &[])), Some(Fate::OtherIp));
    }
}

/// UDP to a tunnel's port, or from it, around a tunnel's header and a packet.
fn over_udp(port: u16, head: &[u8], packet: &[u8]) -> [Vec<u8>; 2] {
    let payload = join(&[head, packet]);
    [(7777, port), (port, 7777)].map(|(source, destination)| {
        ethernet(0x0800, &ipv4(17, &udp(source, destination, &payload)))
    })
}

#[test]
fn vxlan_and_geneve_are_opened_on_either_port() {
    let inner = inner_ethernet(0x8100, &tag(5, 0x0800, &plain()));
    for frame in over_udp(4789, &[8, 0, 0, 0, 0, 0, 77, 0], &inner) {
        opens(&frame, Tunnel::Vxlan, Some(77));
    }
    for frame in over_udp(6081, &[0, 0, 0x65, 0x58, 0, 0, 78, 0], &inner) {
        opens(&frame, Tunnel::Geneve, Some(78));
    }
    for frame in over_udp(6081, &[1, 0, 0x08, 0x00, 0, 0, 78, 0, 1, 2, 3, 4], &plain()) {
        opens(&frame, Tunnel::Geneve, Some(78));
    }
}

#[test]
fn gtp_u_is_opened_with_sequence_and_extensions() {
    let sequenced = [0x32, 255, 0, 49, 0, 1, 0, 0, 0, 9, 0, 0];
    let extended = [0x34, 255, 0, 57, 0, 1, 0, 0, 0, 0, 0, 0x85];
    let extensions = [1, 0, 9, 0xC0, 2, 0, 0, 0, 0, 0, 0, 0];
    for frame in over_udp(2152, &[0x30, 255, 0, 45, 0, 1, 0, 0], &plain()) {
        opens(&frame, Tunnel::GtpU, Some(65536));
    }
    for frame in over_udp(2152, &sequenced, &ipv6(6, &tcp(b""))) {
        opens(&frame, Tunnel::GtpU, Some(65536));
    }
    for frame in over_udp(2152, &join(&[&extended, &extensions]), &plain()) {
        opens(&frame, Tunnel::GtpU, Some(65536));
    }
}

#[test]
fn teredo_is_opened_with_authentication_and_origin() {
    let packet = ipv6(6, &tcp(b""));
    let origin = [0, 0, 1, 1, 1, 1, 1, 1];
    let authentication = join(&[&[0, 1, 2, 1], &[0; 12]]);
    for head in [
        vec![],
        origin.to_vec(),
        authentication.clone(),
        join(&[&authentication, &origin]),
    ] {
        for frame in over_udp(3544, &head, &packet) {
            opens(&frame, Tunnel::Teredo, None);
        }
    }
}

#[test]
fn l2tp_data_is_opened_with_length_sequence_and_offset() {
    let all = [
        0x4A, 2, 0, 99, 0, 1, 0, 8, 0, 0, 0, 0, 0, 2, 0xEE, 0xEE, 0xFF, 3, 0, 0x21,
    ];
    for head in [&[0, 2, 0, 1, 0, 8, 0x21][..], &all] {
        for frame in over_udp(1701, head, &plain()) {
            opens(&frame, Tunnel::L2tp, Some(8));
        }
    }
}

#[test]
fn what_only_looks_like_a_tunnel_is_udp() {
    let inner = inner_ethernet(0x0800, &plain());
    let six = ipv6(6, &tcp(b""));
    let empty_extension = [0x34, 255, 0, 53, 0, 1, 0, 0, 0, 0, 0, 0x85, 0, 0, 0, 0];
    for (port, head, packet) in [
        (4789, &[0, 0, 0, 0, 0, 0, 77, 0][..], &inner),
        (6081, &[0x40, 0, 0x65, 0x58, 0, 0, 78, 0], &inner),
        (2152, &[0x50, 255, 0, 45, 0, 1, 0, 0], &plain()),
        (2152, &[0x20, 255, 0, 45, 0, 1, 0, 0], &plain()),
        (2152, &[0x30, 1, 0, 45, 0, 1, 0, 0], &plain()),
        (2152, &empty_extension, &plain()),
        (3544, &[], &plain()),
        (3544, &[0, 2, 0, 0, 0, 0, 0], &six),
        (1701, &[0x80, 2, 0, 1, 0, 8, 0x21], &plain()),
        (1701, &[0, 3, 0, 1, 0, 8, 0x21], &plain()),
    ] {
        for frame in over_udp(port, head, packet) {
            assert!(ports(&frame).is_some_and(|ports| ports != (1000, 80)));
            assert_eq!(tunnel(&frame), (None, None));
        }
    }
}

#[test]
fn the_innermost_tunnel_and_sender_and_the_outermost_tags_are_told() {
    let vxlan = join(&[
        &[8, 0, 0, 0, 0, 0, 1, 0],
        &inner_ethernet(0x8100, &tag(3, 0x0800, &plain())),
    ]);
    let outer = ipv4(17, &udp(1, 4789, &vxlan));
    let gre = ipv4(47, &join(&[&[0, 0, 8, 0], &outer]));
    let frame = ethernet(0x8100, &tag(6, 0x0800, &gre));
    let link = link(&frame);
    assert_eq!(
        (link.tunnel, link.tunnel_id),
        (Some(Tunnel::Vxlan), Some(1))
    );
    assert_eq!((link.vlan_id, link.vlan_id2), (Some(6), None));
    assert_eq!(link.source_mac, Some([2, 0, 0, 0, 0, 4]));
}
