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
fn an_aggregate_yields_its_first_packet() {
    let subframe = join(&[&FIRST, &FOURTH, &[0, 53]]);
    let head = join(&[&wireless(0x88, 0x01), &[0x80, 0], &subframe, &SNAP]);
    opens(105, &[&head]);
    let (_, link) = open_as(105, &join(&[&head, &plain()]));
    assert_eq!(link.source_mac, Some(FOURTH));
}

#[test]
fn wireless_frames_without_a_readable_packet_are_not_ip() {
    let mut fragment = wireless(0x08, 0x02);
    fragment[22] = 0x11;
    for head in [
        wireless(0x80, 0x00),
        wireless(0xB4, 0x00),
        wireless(0x48, 0x01),
        wireless(0x08, 0x42),
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
