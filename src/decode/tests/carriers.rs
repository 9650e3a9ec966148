//! Link types beyond the table of the spec: wireless, serial lines, other local networks, and
//! headers of the capturing system.

use super::*;

const SNAP: [u8; 8] = [0xAA, 0xAA, 3, 0, 0, 0, 8, 0];
const FIRST: [u8; 6] = [2, 0, 0, 0, 0, 1];
const SECOND: [u8; 6] = [2, 0, 0, 0, 0, 2];
const THIRD: [u8; 6] = [2, 0, 0, 0, 0, 3];
const FOURTH: [u8; 6] = [2, 0, 0, 0, 0, 4];

/// Sees that [`plain`]'s ports are found behind `head`.
fn opens(link_type: u32, head: &[&[u8]]) {
    let frame = join(&[&head.concat(), &plain()]);
    assert_eq!(ports_as(link_type, &frame), PLAIN, "link type {link_type}");
}

/// An 802.11 header with three addresses.
fn wireless(kind: u8, flags: u8) -> Vec<u8> {
    join(&[&[kind, flags, 0, 0], &FIRST, &SECOND, &THIRD, &[0x10, 0]])
}

/// One packet of an aggregated frame, without the padding behind it.
fn msdu(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap();
    join(&[&FIRST, &FOURTH, &length.to_be_bytes(), payload])
}

/// An aggregated frame of these packets, each padded to words but the last.
fn aggregated(payloads: &[&[u8]]) -> Vec<u8> {
    let mut frame = join(&[&wireless(0x88, 0x01), &[0x80, 0]]);
    let mut packets = Vec::new();
    for payload in payloads {
        packets.resize(packets.len().next_multiple_of(4), 0);
        packets.extend(msdu(payload));
    }
    frame.extend(packets);
    frame
}

/// A radiotap header with nothing but its flags field.
fn radiotap(flags: u8) -> [u8; 9] {
    [0, 0, 9, 0, 2, 0, 0, 0, flags]
}

#[test]
fn wireless_data_frames_are_opened() {
    opens(105, &[&wireless(0x08, 0x02), &SNAP]);
    opens(105, &[&wireless(0x88, 0x01), &[0, 0], &SNAP]);
    opens(105, &[&wireless(0x88, 0x81), &[0, 0], &[0; 4], &SNAP]);
    opens(105, &[&wireless(0x88, 0x03), &FOURTH, &[0, 0], &SNAP]);
}

#[test]
fn the_sender_of_a_wireless_frame_depends_on_its_way() {
    for (flags, sender) in [(0, SECOND), (1, SECOND), (2, THIRD), (3, FOURTH)] {
        let frame = join(&[&wireless(0x08, flags), &FOURTH, &SNAP, &plain()]);
        assert_eq!(open_as(105, &frame).1.source_mac, Some(sender));
    }
}

#[test]
fn an_aggregate_yields_its_first_packet_with_a_transport_header() {
    let arp = [0xAA, 0xAA, 3, 0, 0, 0, 8, 6, 0, 1];
    let tagged_arp = [0xAA, 0xAA, 3, 0, 0, 0, 0x81, 0, 0, 9, 8, 6];
    let packet = join(&[&SNAP, &plain()]);
    for (packets, further) in [
        (&[&packet[..]][..], 0),
        (&[&packet, &packet, &packet], 2),
        (&[&arp, &tagged_arp, &packet, &arp], 1),
    ] {
        let frame = aggregated(packets);
        assert_eq!(ports_as(105, &frame), PLAIN);
        let (decoded, link) = open_as(105, &frame);
        assert_eq!((link.source_mac, link.vlan_id), (Some(FOURTH), None));
        let Decoded::Transport(headers) = decoded else {
            panic!("{decoded:?}")
        };
        assert_eq!(headers.further_msdus, further);
    }
    let neither = aggregated(&[&arp, &arp]);
    assert_eq!(fate_as(105, &neither), Some(Fate::NonIp));
}

#[test]
fn a_packet_of_an_aggregate_ends_where_it_says() {
    let mut zero_length = plain();
    zero_length[2..4].fill(0);
    let packet = join(&[&SNAP, &zero_length]);
    let (decoded, _) = open_as(105, &aggregated(&[&packet, &packet]));
    let Decoded::Transport(headers) = decoded else {
        panic!("{decoded:?}")
    };
    assert_eq!((headers.ip.length, headers.payload_len), (45, 5));
    let endless = aggregated(&[&[0_u8; 2][..]].repeat(4000));
    assert_eq!(fate_as(105, &endless), Some(Fate::NonIp));
}

#[test]
fn protected_frames_have_a_fate_of_their_own() {
    let vector = [1, 0, 0, 0x20, 0, 0, 0, 0];
    let short_vector = [1, 2, 3, 0];
    let unreadable = [0x17; 40];
    for body in [
        join(&[&vector, &unreadable]),
        join(&[&short_vector, &SNAP, &plain()]),
        vec![],
    ] {
        let frame = join(&[&wireless(0x08, 0x42), &body]);
        assert_eq!(fate_as(105, &frame), Some(Fate::Protected));
    }
    let mut later = wireless(0x08, 0x42);
    later[22] = 0x11;
    let later = join(&[&later, &unreadable]);
    assert_eq!(fate_as(105, &later), Some(Fate::Protected));
}

#[test]
fn frames_that_were_decrypted_are_opened_with_their_bit_and_their_vector() {
    let vector = [1, 0, 0, 0x20, 0, 0, 0, 0];
    opens(105, &[&wireless(0x08, 0x42), &SNAP]);
    opens(105, &[&wireless(0x08, 0x42), &vector, &SNAP]);
    opens(105, &[&wireless(0x88, 0x41), &[0, 0], &vector, &SNAP]);
    let packet = join(&[&SNAP, &plain()]);
    for vector in [&[][..], &vector] {
        let head = join(&[&wireless(0x88, 0x41), &[0x80, 0], vector]);
        let frame = join(&[&head, &msdu(&packet)]);
        assert_eq!(ports_as(105, &frame), PLAIN);
    }
}

#[test]
fn radiotap_tells_of_a_check_sequence_at_the_end() {
    let mut packet = plain();
    packet[2..4].fill(0);
    let head = join(&[&wireless(0x08, 0x02), &SNAP]);
    for (flags, payload_len) in [(0, 9), (0x10, 5)] {
        let frame = join(&[&radiotap(flags), &head, &packet, b"FCS!"]);
        let (decoded, _) = open_as(127, &frame);
        let Decoded::Transport(headers) = decoded else {
            panic!("{decoded:?}")
        };
        assert_eq!(headers.payload_len, payload_len);
    }
}

#[test]
fn wireless_frames_without_a_readable_packet_are_not_ip() {
    let mut fragment = wireless(0x08, 0x02);
    fragment[22] = 0x11;
    for head in [
        wireless(0x80, 0x00),
        wireless(0xB4, 0x00),
        wireless(0x48, 0x01),
        fragment,
    ] {
        let frame = join(&[&head, &SNAP, &plain()]);
        assert_eq!(fate_as(105, &frame), Some(Fate::NonIp));
    }
    assert_eq!(
        fate_as(105, &wireless(0x08, 0)[..20]),
        Some(Fate::ShortLink)
    );
}

#[test]
fn radiotap_of_any_length_is_stepped_over() {
    opens(127, &[&radiotap(0), &wireless(0x08, 0x02), &SNAP]);
    opens(
        127,
        &[&[0, 0, 8, 0, 0, 0, 0, 0], &wireless(0x08, 0x02), &SNAP],
    );
    let frame = join(&[&[1, 0, 8, 0, 0, 0, 0, 0], &wireless(0x08, 0x02)]);
    assert_eq!(fate_as(127, &frame), Some(Fate::BadLink));
    assert_eq!(fate_as(127, &[0, 0, 3, 0, 0, 0, 0, 0]), Some(Fate::BadLink));
}

#[test]
fn radiotap_tells_of_padding_behind_the_wireless_header() {
    let quality = join(&[&wireless(0x88, 0x01), &[0, 0], &[0xEE, 0xEE]]);
    opens(127, &[&radiotap(0x20), &quality, &SNAP]);
    let with_time = [&[0, 0, 17, 0, 3, 0, 0, 0][..], &[0; 8], &[0x20]].concat();
    opens(127, &[&with_time, &quality, &SNAP]);
    let two_words = [0, 0, 13, 0, 2, 0, 0, 0x80, 0, 0, 0, 0, 0x20];
    opens(127, &[&two_words, &quality, &SNAP]);
    let no_padding_needed = wireless(0x08, 0x02);
    opens(127, &[&radiotap(0x20), &no_padding_needed, &SNAP]);
}

#[test]
fn prism_avs_and_per_packet_information_are_stepped_over() {
    let frame = join(&[&wireless(0x08, 0x02), &SNAP]);
    let prism = [&[0x44, 0, 0, 0, 144, 0, 0, 0][..], &[0; 136]].concat();
    opens(119, &[&prism, &frame]);
    let avs = [&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64][..], &[0; 56]].concat();
    opens(119, &[&avs, &frame]);
    opens(163, &[&avs, &frame]);
    opens(192, &[&[0, 0, 12, 0, 105, 0, 0, 0], &[0; 4], &frame]);
    assert_eq!(fate_as(192, &[0, 0, 7, 0, 1, 0, 0, 0]), Some(Fate::BadLink));
    let nested = [0, 0, 8, 0, 192, 0, 0, 0].repeat(5000);
    assert_eq!(fate_as(192, &nested), Some(Fate::ShortLink));
}

#[test]
fn packet_taps_and_packet_filter_logs_are_stepped_over() {
    let tap = [&[108, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0][..], &[0; 96]].concat();
    opens(258, &[&tap, &ethernet(0x0800, &[])]);
    assert_eq!(fate_as(258, &[255; 12]), Some(Fate::ShortLink));
    let log = [&[61, 2][..], &[0; 62]].concat();
    opens(117, &[&log]);
    let six = join(&[&[61, 24], &[0; 62], &ipv6(6, &tcp(b""))]);
    assert_eq!(ports_as(117, &six), PLAIN);
    assert_eq!(fate_as(117, &[0, 2]), Some(Fate::NonIp));
}

#[test]
fn frame_relay_carries_protocols_snap_and_ciscos_types() {
    opens(107, &[&[0x18, 0x41, 3, 0xCC]]);
    opens(107, &[&[0x18, 0x40, 0, 1, 3, 0xCC]]);
    opens(107, &[&[0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 8, 0]]);
    opens(107, &[&[0x18, 0x41, 3, 0xCF, 0, 0x21]]);
    opens(107, &[&[0x18, 0x41, 8, 0]]);
    let six = join(&[&[0x18, 0x41, 3, 0x8E], &ipv6(6, &tcp(b""))]);
    assert_eq!(ports_as(107, &six), PLAIN);
    assert_eq!(fate_as(107, &[0x18, 0x41, 3, 0x83, 0]), Some(Fate::NonIp));
}

#[test]
fn serial_lines_may_tell_the_direction() {
    opens(204, &[&[1, 0xFF, 3, 0, 0x21]]);
    opens(205, &[&[1, 0x0F, 0, 8, 0]]);
    opens(206, &[&[1, 0x18, 0x41, 3, 0xCC]]);
    opens(166, &[&[0, 3, 0, 0x21]]);
}

#[test]
fn atm_cable_and_routers_headers_are_stepped_over() {
    opens(100, &[&SNAP]);
    opens(123, &[&[2, 0, 0, 100], &SNAP]);
    opens(123, &[&[1, 0, 0, 100, 0, 5], &ethernet(0x0800, &[])]);
    opens(143, &[&[0, 0, 0, 59, 0x8E, 0x73], &ethernet(0x0800, &[])]);
    opens(
        143,
        &[&[1, 2, 0, 61, 0, 0, 0xFD, 0x9C], &ethernet(0x0800, &[])],
    );
    assert_eq!(fate_as(143, &[0xC0, 0, 0, 0, 0, 0]), Some(Fate::NonIp));
    opens(178, &[b"MGC\0", &ethernet(0x0800, &[])]);
    opens(
        178,
        &[
            b"MGC\x80",
            &[0, 6, 1, 1, 0, 2, 1, 0],
            &ethernet(0x0800, &[]),
        ],
    );
    opens(179, &[b"MGC\0", &[0xFF, 3, 0, 0x21]]);
    opens(180, &[b"MGC\0", &[0x18, 0x41, 3, 0xCC]]);
    opens(181, &[b"MGC\0", &[0x0F, 0, 8, 0]]);
    assert_eq!(fate_as(178, b"MGC\x02...."), Some(Fate::NonIp));
    assert_eq!(fate_as(178, b"no magic"), Some(Fate::BadLink));
}

#[test]
fn other_local_networks_are_opened() {
    let ring = [0x10, 0x40];
    opens(6, &[&ring, &FIRST, &SECOND, &SNAP]);
    let routed = [0x82, 0, 0, 0, 0, 2, 0x06, 0x10, 0, 1, 0, 2];
    opens(6, &[&ring, &FIRST, &routed, &SNAP]);
    let (_, link) = open_as(6, &join(&[&ring, &FIRST, &routed, &SNAP]));
    assert_eq!(link.source_mac, Some(SECOND));
    assert_eq!(fate_as(6, &[0; 14]), Some(Fate::NonIp));
    opens(138, &[&[0; 16], &[8, 0]]);
    opens(242, &[&[0; 40], &[8, 0, 0, 0]]);
}

#[test]
fn older_and_rarer_local_networks_are_opened() {
    opens(122, &[&[0, 0], &FIRST, &[0, 0], &SECOND, &SNAP]);
    opens(7, &[&[1, 2, 240]]);
    opens(7, &[&[1, 2, 212, 0, 0, 1]]);
    opens(129, &[&[1, 2, 0, 0, 212, 3, 0, 1]]);
    assert_eq!(fate_as(7, &[1, 2, 212, 2, 0, 1]), Some(Fate::NonIp));
    assert_eq!(fate_as(7, &[1, 2, 213, 0, 0, 1]), Some(Fate::NonIp));
    let addresses = [[0x96; 6].as_slice(), &[0xE0], &[0x98; 6], &[0x61]].concat();
    opens(3, &[&addresses, &[0x03, 0xCC]]);
    opens(202, &[&[0], &addresses, &[0x03, 0xCC]]);
    let text = join(&[&addresses, &[0x03, 0xF0], &plain()]);
    assert_eq!(fate_as(3, &text), Some(Fate::NonIp));
    assert_eq!(fate_as(3, &[0; 7000]), Some(Fate::ShortLink));
}

#[test]
fn ip_over_infiniband_is_found_in_datagrams_and_messages() {
    let (local, global) = ([0, 2, 0, 1, 0, 20, 0, 2], [0, 3, 0, 1, 0, 20, 0, 2]);
    let transport = |operation: u8| [&[operation][..], &[0; 11]].concat();
    opens(247, &[&local, &transport(0x64), &[0; 8], &[8, 0, 0, 0]]);
    opens(247, &[&local, &transport(0x65), &[0; 12], &[8, 0, 0, 0]]);
    opens(247, &[&global, &[0; 40], &transport(0x04), &[8, 0, 0, 0]]);
    let write = join(&[&local, &transport(0x0A), &[0; 16], &plain()]);
    assert_eq!(fate_as(247, &write), Some(Fate::NonIp));
}

#[test]
fn switches_put_their_tags_behind_the_addresses_or_before_them() {
    let addresses = join(&[&FIRST, &SECOND]);
    opens(281, &[&addresses, &[0; 4], &[8, 0]]);
    opens(282, &[&[0; 4], &ethernet(0x0800, &[])]);
    opens(284, &[&addresses, &[0; 4], &[8, 0]]);
    opens(285, &[&addresses, &[0xDA, 0xDA, 0, 0], &[0; 4], &[8, 0]]);
    let tagged = join(&[&addresses, &[0x25, 0, 0x60, 7], &[8, 0], &plain()]);
    let (_, link) = open_as(284, &tagged);
    assert_eq!((link.vlan_id, link.source_mac), (Some(7), Some(SECOND)));
    let (_, link) = open_as(281, &tagged);
    assert_eq!(link.vlan_id, None);
}

#[test]
fn endace_records_tell_what_they_hold() {
    let whole = ethernet(0x0800, &plain());
    let record = |kind: u8, wire_len: usize| {
        let [a, b] = u16::try_from(wire_len).unwrap().to_be_bytes();
        [&[0; 8][..], &[kind, 4, 0, 99, 0, 0, a, b]].concat()
    };
    let header = record(2, whole.len() + 4);
    opens(197, &[&header, &[0, 0], &ethernet(0x0800, &[])]);
    let more = record(0x82, whole.len() + 4);
    let extensions = [[0x90, 0, 0, 0, 0, 0, 0, 0], [4, 0, 0, 0, 0, 0, 0, 0]].concat();
    opens(197, &[&more, &extensions, &[0, 0], &ethernet(0x0800, &[])]);
    opens(197, &[&record(1, 60), &[0xFF, 3, 0, 0x21]]);
    opens(197, &[&record(1, 60), &[0x0F, 0, 8, 0]]);
    opens(197, &[&record(5, 60), &[0; 4], &[0xFF, 3, 0, 0x21]]);
    opens(197, &[&record(4, 60), &[0; 4], &SNAP]);
    opens(197, &[&record(22, 60)]);
    assert_eq!(fate_as(197, &record(27, 60)), Some(Fate::NonIp));
    assert_eq!(fate_as(197, &[0xFF; 999]), Some(Fate::ShortLink));
}

#[test]
fn what_measuring_cards_put_before_ethernet_is_stepped_over() {
    let frame = ethernet(0x0800, &[]);
    let preamble = [0x55; 7];
    opens(128, &[&[1, 0, 0, 1, 1], &frame]);
    opens(128, &[&[1, 0, 0, 1, 0, 10, 1, 99, 1], &frame]);
    opens(128, &[&[1, 1, 0, 18, 1], &wireless(0x08, 0x02), &SNAP]);
    assert_eq!(fate_as(128, &[1, 4, 0, 0, 1]), Some(Fate::NonIp));
    assert_eq!(fate_as(128, &[2, 0, 0, 1, 1]), Some(Fate::BadLink));
    opens(240, &[&[0, 4, 0, 0], &frame]);
    opens(241, &[&[0, 6, 0, 0], &preamble, &[0xD5], &frame]);
    opens(241, &[&[0x40, 6, 0, 0], &preamble[..3], &[0xD5], &frame]);
    let endless = join(&[&[0, 6, 0, 0], &[0x55; 99]]);
    assert_eq!(fate_as(241, &endless), Some(Fate::NonIp));
    assert_eq!(fate_as(240, &[0, 8, 0, 0]), Some(Fate::BadLink));
    assert_eq!(fate_as(240, &[0, 5, 0, 0]), Some(Fate::NonIp));
    opens(259, &[&[0xD5, 0x55, 0x55, 0, 1, 0x7A], &frame]);
    opens(259, &[&[0x55, 0xD5, 0x55, 0x55, 0, 1, 0x7A], &frame]);
    let encrypted = [0xD5, 0x55, 0x56, 0, 1, 0x7A];
    assert_eq!(fate_as(259, &encrypted), Some(Fate::Protected));
    opens(274, &[&preamble, &[0xD5], &frame]);
    opens(274, &[&preamble, &[0xE6], &frame]);
    let later = join(&[&preamble[..6], &[0x61, 0xE6], &frame]);
    assert_eq!(fate_as(274, &later), Some(Fate::NonIp));
    let length = u32::try_from(frame.len() + plain().len() + 4).unwrap();
    let card = [&[0x50, 0, 0, 0][..], &length.to_be_bytes(), &[0; 24]].concat();
    opens(279, &[&card, &frame]);
    assert_eq!(fate_as(279, &[0x53; 40]), Some(Fate::NonIp));
    opens(99, &[&[0; 6], &[8, 0], &[0; 36]]);
}

#[test]
fn systems_have_headers_of_their_own_for_ip() {
    opens(106, &[&SNAP]);
    opens(106, &[&[]]);
    opens(226, &[&[2, 2, 0, 0], &[0; 20]]);
    let six = join(&[&[2, 26, 0, 0], &[0; 20], &ipv6(6, &tcp(b""))]);
    assert_eq!(ports_as(226, &six), PLAIN);
    opens(0x0224_0002, &[&[]]);
    let six = ipv6(6, &tcp(b""));
    assert_eq!(ports_as(0x0224_0018, &six), PLAIN);
    assert_eq!(fate_as(0x0224_0007, &six), Some(Fate::BadLink));
}

#[test]
fn a_private_link_type_is_a_packet_tap_if_it_looks_like_one() {
    let tap = [&[108, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0][..], &[0; 96]].concat();
    opens(149, &[&tap, &ethernet(0x0800, &[])]);
    assert_eq!(fate_as(149, &[108; 200]), Some(Fate::BadLink));
    assert_eq!(fate_as(149, &[]), Some(Fate::BadLink));
}
