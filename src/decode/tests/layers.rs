//! Each row of the table of layers (spec 2), and what the link columns see of it.

use super::*;

#[test]
fn raw_ip_is_told_by_its_first_nibble() {
    for link_type in [12, 14, 101, 228] {
        assert_eq!(ports_as(link_type, &plain()), PLAIN);
    }
    for link_type in [12, 14, 101, 229] {
        assert_eq!(ports_as(link_type, &ipv6(6, &tcp(b""))), PLAIN);
    }
    assert_eq!(fate_as(101, &[0x50; 40]), Some(Fate::BadIp));
    assert_eq!(fate_as(101, &[]), Some(Fate::ShortIp));
}

#[test]
fn loopback_knows_families_in_either_byte_order_and_ethernet_types() {
    for link_type in [0, 108] {
        for family in [[0, 0, 0, 2], [2, 0, 0, 0], [0, 0, 0x08, 0x00]] {
            assert_eq!(ports_as(link_type, &join(&[&family, &plain()])), PLAIN);
        }
        for family in [10, 24, 28, 30] {
            let packet = ipv6(6, &tcp(b""));
            assert_eq!(
                ports_as(link_type, &join(&[&[0, 0, 0, family], &packet])),
                PLAIN
            );
            assert_eq!(
                ports_as(link_type, &join(&[&[family, 0, 0, 0], &packet])),
                PLAIN
            );
        }
        let unknown = join(&[&[7, 0, 0, 0], &plain()]);
        assert_eq!(fate_as(link_type, &unknown), Some(Fate::NonIp));
        assert_eq!(fate_as(link_type, &[2, 0, 0]), Some(Fate::ShortLink));
    }
}

#[test]
fn ppp_has_short_and_long_protocols_with_and_without_address() {
    let packet = plain();
    for head in [
        &[0x21][..],
        &[0x00, 0x21],
        &[0xFF, 0x03, 0x21],
        &[0xFF, 0x03, 0, 0x21],
    ] {
        for link_type in [9, 50, 51] {
            assert_eq!(ports_as(link_type, &join(&[head, &packet])), PLAIN);
        }
    }
    let six = join(&[&[0x00, 0x57], &ipv6(6, &tcp(b""))]);
    assert_eq!(ports_as(9, &six), PLAIN);
    let labelled = join(&[&[0x02, 0x81], &[0, 0x10, 0x01, 64], &packet]);
    assert_eq!(ports_as(9, &labelled), PLAIN);
    assert_eq!(open_as(9, &labelled).1.mpls_label, Some(0x100));
    assert_eq!(fate_as(9, &[0xC0, 0x21, 1, 1]), Some(Fate::NonIp));
    assert_eq!(fate_as(9, &[0xFF, 0x03]), Some(Fate::ShortLink));
    // PPP over Ethernet and Cisco's framing, captured under PPP's own numbers.
    assert_eq!(
        ports_as(51, &join(&[&[0x11, 0, 0, 1, 0, 47, 0, 0x21], &packet])),
        PLAIN
    );
    assert_eq!(
        ports_as(50, &join(&[&[0x0F, 0, 0x08, 0x00], &packet])),
        PLAIN
    );
}

#[test]
fn cisco_hdlc_carries_ethernet_types() {
    assert_eq!(
        ports_as(104, &join(&[&[0x0F, 0, 0x08, 0x00], &plain()])),
        PLAIN
    );
    let keep_alive = [0x8F, 0, 0x80, 0x35, 0, 0, 0, 2];
    assert_eq!(fate_as(104, &keep_alive), Some(Fate::NonIp));
}

#[test]
fn linux_cooked_captures_tell_the_sender() {
    let mac = [2, 0, 0, 0, 0, 9];
    let sll = join(&[&[0, 0, 0, 1, 0, 6], &mac, &[0, 0, 0x08, 0x00], &plain()]);
    assert_eq!(ports_as(113, &sll), PLAIN);
    assert_eq!(open_as(113, &sll).1.source_mac, Some(mac));
    let head = [0x08, 0x00, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6];
    let sll2 = join(&[&head, &mac, &[0, 0], &plain()]);
    assert_eq!(ports_as(276, &sll2), PLAIN);
    assert_eq!(open_as(276, &sll2).1.source_mac, Some(mac));
    let tunnel_device = join(&[&[0, 0, 3, 0, 0, 0], &[0; 8], &[0x08, 0x00], &plain()]);
    assert_eq!(ports_as(113, &tunnel_device), PLAIN);
    assert_eq!(open_as(113, &tunnel_device).1.source_mac, None);
    let llc = join(&[
        &sll[..14],
        &[0, 4],
        &[0xAA, 0xAA, 3, 0, 0, 0, 8, 0],
        &plain(),
    ]);
    assert_eq!(ports_as(113, &llc), PLAIN);
}

#[test]
fn fddi_slip_enc_mpls_and_netfilter_captures_are_opened() {
    let packet = plain();
    let fddi = [0x50, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 9];
    let snap = [0xAA, 0xAA, 3, 0, 0, 0, 8, 0];
    assert_eq!(ports_as(10, &join(&[&fddi, &snap, &packet])), PLAIN);
    assert_eq!(open_as(10, &fddi).1.source_mac, Some([2, 0, 0, 0, 0, 9]));
    assert_eq!(ports_as(8, &join(&[&[0; 16], &packet])), PLAIN);
    assert_eq!(ports_as(8, &packet), PLAIN);
    assert_eq!(ports_as(109, &join(&[&[0; 12], &packet])), PLAIN);
    assert_eq!(
        ports_as(219, &join(&[&[0, 0x10, 0x01, 64], &packet])),
        PLAIN
    );
    let prefix = [5, 0, 10, 0, b'x', 0, 0, 0];
    let little = join(&[&[2, 0, 0, 1], &prefix, &[49, 0, 9, 0], &packet]);
    assert_eq!(ports_as(239, &little), PLAIN);
    let big = join(&[&[2, 0, 0, 1], &[0, 49, 0, 9], &packet]);
    assert_eq!(ports_as(239, &big), PLAIN);
    let bridge = join(&[
        &[7, 0, 0, 1],
        &[8, 0, 1, 0, 8, 0, 3, 0],
        &[49, 0, 9, 0],
        &packet,
    ]);
    assert_eq!(ports_as(239, &bridge), PLAIN);
    let endless = join(&[&[2, 0, 0, 1], &[0, 0, 3, 0], &packet]);
    assert_eq!(fate_as(239, &endless), Some(Fate::NonIp));
}

#[test]
fn unknown_link_types_are_bad_link() {
    assert_eq!(
        fate_as(147, &ethernet(0x0800, &plain())),
        Some(Fate::BadLink)
    );
    assert_eq!(fate_as(u32::MAX, &[]), Some(Fate::BadLink));
}

#[test]
fn any_number_of_tags_is_opened_and_two_are_told() {
    for kind in [0x8100, 0x88A8, 0x9100, 0x9200, 0x9300] {
        assert_eq!(ports(&ethernet(kind, &tag(5, 0x0800, &plain()))), PLAIN);
    }
    let three = ethernet(
        0x88A8,
        &tag(0xF064, 0x8100, &tag(7, 0x8100, &tag(9, 0x0800, &plain()))),
    );
    assert_eq!(ports(&three), PLAIN);
    assert_eq!(link(&three).vlan_id, Some(100));
    assert_eq!(link(&three).vlan_id2, Some(7));
    assert_eq!(link(&ethernet(0x0800, &plain())).vlan_id, None);
}

#[test]
fn a_priority_tag_is_vlan_zero() {
    let frame = ethernet(0x8100, &tag(0xE000, 0x0800, &plain()));
    assert_eq!(link(&frame).vlan_id, Some(0));
}

#[test]
fn llc_is_opened_for_snap_and_ip() {
    let length = 100;
    for oui in [[0, 0, 0], [0, 0, 0xF8]] {
        let snap = join(&[&[0xAA, 0xAA, 3], &oui, &[8, 0], &plain()]);
        assert_eq!(ports(&ethernet(length, &snap)), PLAIN);
        assert_eq!(ports(&ethernet(0x8100, &tag(1, length, &snap))), PLAIN);
    }
    let sap = join(&[&[6, 6, 3], &plain()]);
    assert_eq!(ports(&ethernet(length, &sap)), PLAIN);
    let spanning_tree = [0x42, 0x42, 3, 0, 0, 0, 0];
    assert_eq!(fate(&ethernet(length, &spanning_tree)), Some(Fate::NonIp));
    let cisco = [0xAA, 0xAA, 3, 0, 0, 0x0C, 0x20, 0, 1];
    assert_eq!(fate(&ethernet(length, &cisco)), Some(Fate::NonIp));
    assert_eq!(fate(&ethernet(length, &[0xAA])), Some(Fate::NonIp));
}

#[test]
fn mpls_is_followed_to_the_bottom_of_the_stack() {
    let outer = [0x00, 0x01, 0xE0, 64];
    let bottom = [0x00, 0x02, 0x01, 64];
    for kind in [0x8847, 0x8848] {
        let frame = ethernet(kind, &join(&[&outer, &bottom, &plain()]));
        assert_eq!(ports(&frame), PLAIN);
        assert_eq!(link(&frame).mpls_label, Some(0x1E));
    }
    let pseudowire = join(&[&bottom, &[0; 4], &inner_ethernet(0x0800, &plain())]);
    let frame = ethernet(0x8847, &pseudowire);
    assert_eq!(ports(&frame), PLAIN);
    assert_eq!(link(&frame).source_mac, Some([2, 0, 0, 0, 0, 4]));
    assert_eq!(fate(&ethernet(0x8847, &outer)), Some(Fate::ShortLink));
    assert_eq!(
        fate(&ethernet(0x8847, &join(&[&bottom, &[0x90; 30]]))),
        Some(Fate::NonIp)
    );
}

#[test]
fn pppoe_backbone_bridges_and_service_headers_are_opened() {
    let session = join(&[&[0x11, 0, 0, 1, 0, 47, 0, 0x21], &plain()]);
    assert_eq!(ports(&ethernet(0x8864, &session)), PLAIN);
    let discovery = join(&[&[0x11, 0xA7], &session[2..]]);
    assert_eq!(fate(&ethernet(0x8864, &discovery)), Some(Fate::NonIp));

    let customer = inner_ethernet(0x8100, &tag(8, 0x0800, &plain()));
    let backbone = ethernet(0x88A8, &tag(9, 0x88E7, &join(&[&[0, 0, 1, 0], &customer])));
    assert_eq!(ports(&backbone), PLAIN);
    assert_eq!(link(&backbone).vlan_id, Some(9));
    assert_eq!(link(&backbone).vlan_id2, Some(8));

    let path = [0, 0, 42, 255];
    let base = [0, 6, 1];
    let context = [0; 16];
    let nsh = |next: u8, packet: &[u8]| join(&[&base, &[next], &path, &context, packet]);
    let frame = ethernet(
        0x894F,
        &nsh(3, &inner_ethernet(0x8100, &tag(8, 0x0800, &plain()))),
    );
    assert_eq!(ports(&frame), PLAIN);
    assert_eq!(tunnel(&frame), (Some(Tunnel::Nsh), Some(42)));
    assert_eq!(link(&frame).vlan_id, None);
    assert_eq!(ports(&ethernet(0x894F, &nsh(1, &plain()))), PLAIN);
    assert_eq!(
        ports(&ethernet(0x894F, &nsh(2, &ipv6(6, &tcp(b""))))),
        PLAIN
    );
    assert_eq!(ports(&ethernet(0x894F, &nsh(4, &nsh(1, &plain())))), PLAIN);
    assert_eq!(
        fate(&ethernet(0x894F, &nsh(9, &plain()))),
        Some(Fate::NonIp)
    );
}

#[test]
fn link_facts_are_left_alone_when_nobody_wants_them() {
    let frame = ethernet(0x8100, &tag(6, 0x0800, &plain()));
    let mut link = LinkInfo {
        vlan_id: Some(1),
        ..LinkInfo::default()
    };
    decode(LinkType::ETHERNET, &frame, 100, Want::default(), &mut link);
    assert_eq!(link.vlan_id, Some(1));
    decode(LinkType::ETHERNET, &[], 0, ALL, &mut link);
    assert_eq!(
        link,
        LinkInfo::default(),
        "wanted facts are those of this frame alone"
    );
}
