//! Lengths (spec 3.3, 3.4), the fields of the headers, and TCP options (spec 7.4).

use super::*;
use crate::decode::tcp_options::{DSACK, FAST_OPEN, MPTCP, SACK, SACK_PERMITTED, TIMESTAMPS};

fn options(flags: u8, options: &[u8]) -> TcpOptions {
    let mut padded = options.to_vec();
    padded.resize(options.len().next_multiple_of(4), 0);
    let frame = ethernet(0x0800, &ipv4(6, &tcp_with(flags, &padded, b"")));
    match headers(&frame).transport {
        Transport::Tcp(tcp) => tcp.options,
        Transport::Udp => panic!("TCP was built"),
    }
}

const SYN: u8 = tcp_flags::SYN;
const ACK: u8 = tcp_flags::ACK;

/// A SACK option of blocks given by their edges; the headers here acknowledge 0x2000.
fn sack(blocks: &[(u32, u32)]) -> Vec<u8> {
    let edges = blocks
        .iter()
        .flat_map(|(left, right)| [left.to_be_bytes(), right.to_be_bytes()]);
    let edges = edges.flatten().collect::<Vec<_>>();
    join(&[&[5, u8::try_from(2 + edges.len()).unwrap()], &edges])
}

#[test]
fn fields_are_read_from_the_header_that_counts() {
    let frame = ethernet(
        0x0800,
        &ipv4_fragment(
            6,
            Fragmentation {
                identification: 77,
                ..Fragmentation::default()
            },
            &tcp(b"hello"),
        ),
    );
    let headers = headers(&frame);
    assert_eq!(
        headers.ip.source,
        [10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    );
    assert_eq!(
        headers.ip.destination,
        [192, 0, 2, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    );
    assert_eq!((headers.ip.ttl, headers.ip.tos, headers.ip.id), (61, 2, 77));
    assert_eq!((headers.ip.length, headers.payload_len), (45, 5));
    assert!(!headers.bad_len && !headers.tso);
    let Transport::Tcp(tcp) = headers.transport else {
        panic!("TCP was built")
    };
    assert_eq!(
        (tcp.seq, tcp.ack, tcp.flags, tcp.window),
        (0x1000, 0x2000, 0x18, 0xFFFE)
    );

    let six = super::headers(&ethernet(0x86DD, &ipv6(17, &udp(1, 2, b"hello"))));
    assert_eq!((six.ip.ttl, six.ip.tos, six.ip.id), (62, 0xB8, 0));
    assert_eq!((six.ip.length, six.payload_len), (53, 5));
}

#[test]
fn lengths_do_not_depend_on_what_was_captured() {
    let segment = tcp_with(0x10, &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2], &[0; 900]);
    for packet in [
        ethernet(0x0800, &ipv4(6, &segment)),
        ethernet(0x86DD, &ipv6(6, &segment)),
    ] {
        let original_len = u32::try_from(packet.len()).unwrap();
        let ip_len = packet.len() - 14;
        for captured in 14 + ip_len - 900 - 12..=packet.len() {
            let (decoded, _) = open_cut(1, &packet[..captured], original_len);
            let Decoded::Transport(headers) = decoded else {
                panic!("{decoded:?}")
            };
            assert_eq!(headers.payload_len, 900);
            assert_eq!(headers.ip.length, u32::try_from(ip_len).unwrap());
        }
    }
}

#[test]
fn trailing_padding_never_counts() {
    let mut frame = ethernet(0x0800, &ipv4(6, &tcp(b"")));
    frame.resize(60, 0xAA);
    assert_eq!(headers(&frame).payload_len, 0);
}

#[test]
fn an_ipv4_length_of_zero_reaches_to_the_end_of_the_frame() {
    let mut packet = ipv4(6, &tcp(b"hello"));
    packet[2..4].fill(0);
    let frame = ethernet(0x0800, &packet);
    let (decoded, _) = open_cut(1, &frame, 70_014);
    let Decoded::Transport(headers) = decoded else {
        panic!("{decoded:?}")
    };
    assert!(headers.tso && !headers.bad_len);
    assert_eq!((headers.ip.length, headers.payload_len), (70_000, 69_960));
}

#[test]
fn an_ipv6_length_of_zero_does_too() {
    let mut packet = ipv6(6, &tcp(b"hello"));
    packet[4..6].fill(0);
    let (decoded, _) = open_cut(1, &ethernet(0x86DD, &packet), 70_014);
    let Decoded::Transport(headers) = decoded else {
        panic!("{decoded:?}")
    };
    assert!(headers.tso);
    assert_eq!((headers.ip.length, headers.payload_len), (70_000, 69_940));
}

/// A jumbogram with this jumbo payload length, captured up to its transport header.
fn jumbogram(next: u8, jumbo_len: u32, segment: &[u8]) -> Vec<u8> {
    let option = [&[next, 0, 0xC2, 4][..], &jumbo_len.to_be_bytes()].concat();
    let mut packet = ipv6(0, &join(&[&option, segment]));
    packet[4..6].fill(0);
    ethernet(0x86DD, &packet)
}

#[test]
fn a_jumbogram_ends_where_its_option_says() {
    let lengths = |frame: &[u8], original_len| {
        let (decoded, _) = open_cut(1, frame, original_len);
        let Decoded::Transport(headers) = decoded else {
            panic!("{decoded:?}")
        };
        assert!(headers.tso && !headers.bad_len);
        (headers.ip.length, headers.payload_len)
    };
    let of_tcp =
        |jumbo_len, original_len| lengths(&jumbogram(6, jumbo_len, &tcp(b"")), original_len);
    assert_eq!(of_tcp(70_000, 70_054), (70_040, 70_000 - 28));
    assert_eq!(
        of_tcp(70_000, 70_058),
        (70_040, 70_000 - 28),
        "a check sequence"
    );
    assert_eq!(of_tcp(u32::MAX, 70_054), (70_040, 70_000 - 28), "too long");
    assert_eq!(
        of_tcp(1000, 70_054),
        (70_040, 70_000 - 28),
        "no jumbo length"
    );
    let mut datagram = udp(1, 2, b"");
    datagram[4..6].fill(0);
    let frame = jumbogram(17, 70_000, &datagram);
    assert_eq!(lengths(&frame, 70_054), (70_040, 70_000 - 16));
}

#[test]
fn a_jumbo_option_without_a_length_of_zero_says_nothing() {
    let option = [&[6, 0, 0xC2, 4][..], &70_000_u32.to_be_bytes()].concat();
    let frame = ethernet(0x86DD, &ipv6(0, &join(&[&option, &tcp(b"hello")])));
    let headers = headers(&frame);
    assert!(!headers.tso);
    assert_eq!((headers.ip.length, headers.payload_len), (73, 5));
}

#[test]
fn options_before_a_jumbo_option_are_stepped_over_and_odd_ones_end_it() {
    let jumbo = [0xC2, 4, 0, 1, 0x11, 0x70];
    let of = |options: &[u8]| {
        let mut packet = ipv6(0, &join(&[&[6, 1], options, &tcp(b"")]));
        packet[4..6].fill(0);
        match open_cut(1, &ethernet(0x86DD, &packet), 100_000).0 {
            Decoded::Transport(headers) => headers.ip.length,
            other => panic!("{other:?}"),
        }
    };
    let unlimited = 100_000 - 14;
    assert_eq!(
        of(&[&[0, 0, 1, 2, 0, 0, 1, 0][..], &jumbo].concat()),
        70_040
    );
    assert_eq!(
        of(&[&jumbo[..], &[1, 6, 0, 0, 0, 0, 0, 0]].concat()),
        70_040
    );
    assert_eq!(
        of(&[&[1, 250, 0, 0, 0, 0, 0, 0][..], &jumbo].concat()),
        unlimited
    );
    assert_eq!(of(&[0xC2; 14]), unlimited);
}

#[test]
fn a_length_of_zero_inside_a_tunnel_reaches_to_the_outer_end() {
    let mut inner = ipv4(6, &tcp(b"hello"));
    inner[2..4].fill(0);
    let vxlan = join(&[&[8, 0, 0, 0, 0, 0, 1, 0], &inner_ethernet(0x0800, &inner)]);
    let mut frame = ethernet(0x0800, &ipv4(17, &udp(1, 4789, &vxlan)));
    frame.extend([0; 10]);
    let headers = headers(&frame);
    assert!(headers.tso);
    assert_eq!((headers.ip.length, headers.payload_len), (45, 5));
}

#[test]
fn a_tcp_header_longer_than_the_packet_is_a_bad_length() {
    let mut segment = tcp(b"hello");
    segment[12] = 0xF0;
    let headers = headers(&ethernet(0x0800, &ipv4(6, &segment)));
    assert!(headers.bad_len);
    assert_eq!(headers.payload_len, 0);
}

#[test]
fn udp_believes_the_shorter_of_two_lengths() {
    let with_length = |length: u16| {
        let mut datagram = udp(1, 2, b"hello");
        datagram[4..6].copy_from_slice(&length.to_be_bytes());
        let headers = headers(&ethernet(0x0800, &ipv4(17, &datagram)));
        (headers.payload_len, headers.bad_len)
    };
    assert_eq!(with_length(13), (5, false));
    assert_eq!(with_length(10), (2, false));
    assert_eq!(with_length(14), (5, true));
    assert_eq!(with_length(8), (0, false));
    assert_eq!(with_length(7), (0, true));
    assert_eq!(with_length(0), (0, true));
}

#[test]
fn a_first_fragment_of_udp_counts_the_whole_datagram_and_one_of_tcp_itself() {
    let more = Fragmentation {
        identification: 1,
        more: true,
        offset: 0,
    };
    let mut datagram = udp(1, 2, &[0; 1472]);
    datagram[4..6].copy_from_slice(&3008_u16.to_be_bytes());
    let udp = headers(&ethernet(0x0800, &ipv4_fragment(17, more, &datagram)));
    assert_eq!(
        (udp.payload_len, udp.bad_len, udp.ip.length),
        (3000, false, 1500)
    );
    datagram[4..6].copy_from_slice(&7_u16.to_be_bytes());
    let bad = headers(&ethernet(0x0800, &ipv4_fragment(17, more, &datagram)));
    assert_eq!((bad.payload_len, bad.bad_len), (0, true));
    let tcp = headers(&ethernet(0x0800, &ipv4_fragment(6, more, &tcp(&[0; 1460]))));
    assert_eq!((tcp.payload_len, tcp.bad_len), (1460, false));
}

#[test]
fn offers_are_read_from_packets_with_syn_alone() {
    let offers = [2, 4, 5, 180, 3, 3, 7, 4, 2, 34, 2, 30, 4, 0, 0];
    let mut expected = TcpOptions::default();
    expected.note_mss(1460);
    expected.note_window_scale(7);
    expected.note(SACK_PERMITTED | FAST_OPEN | MPTCP);
    assert_eq!(options(SYN, &offers), expected);
    assert_eq!(options(SYN | ACK, &offers), expected);
    let mut mptcp = TcpOptions::default();
    mptcp.note(MPTCP);
    assert_eq!(options(ACK, &offers), mptcp);
}

#[test]
fn the_last_offer_wins() {
    let twice = options(SYN, &[2, 4, 5, 180, 2, 4, 1, 0, 3, 3, 1, 3, 3, 15]);
    assert_eq!((twice.mss(), twice.window_scale()), (Some(256), Some(15)));
}

#[test]
fn time_stamps_are_read_alone_and_among_others() {
    let stamp = [8, 10, 0, 0, 0, 1, 0, 0, 0, 2];
    assert!(options(ACK, &join(&[&[1, 1], &stamp])).has(TIMESTAMPS));
    assert!(options(SYN, &join(&[&[4, 2], &stamp])).has(TIMESTAMPS));
    assert!(options(SYN, &join(&[&[4, 2], &stamp])).has(SACK_PERMITTED));
    assert!(!options(ACK, &[8, 8, 0, 0, 0, 1, 0, 0]).has(TIMESTAMPS));
}

#[test]
fn fast_open_has_an_experimental_form() {
    assert!(options(SYN, &[254, 4, 0xF9, 0x89]).has(FAST_OPEN));
    assert!(!options(SYN, &[254, 4, 0xF9, 0x88]).has(FAST_OPEN));
    assert!(!options(ACK, &[254, 4, 0xF9, 0x89]).has(FAST_OPEN));
}

#[test]
fn reading_stops_at_end_and_at_lengths_that_cannot_be() {
    for stop in [&[0, 0][..], &[9, 0], &[9, 1], &[9, 40], &[9]] {
        let offers = join(&[&[4, 2], stop, &[2, 4, 5, 180]]);
        let found = options(SYN, &offers);
        assert!(found.has(SACK_PERMITTED));
        assert_eq!(found.mss(), None, "behind {stop:?}");
    }
    assert_eq!(
        options(SYN, &[2, 3, 5, 4, 2]).mss(),
        None,
        "of a length that is not its own"
    );
}

#[test]
fn options_that_were_not_captured_are_not_read() {
    let frame = ethernet(
        0x0800,
        &ipv4(6, &tcp_with(SYN, &[2, 4, 5, 180, 4, 2, 1, 1], b"")),
    );
    let (decoded, _) = open_cut(1, &frame[..frame.len() - 3], 100);
    let Decoded::Transport(Headers {
        transport: Transport::Tcp(tcp),
        ..
    }) = decoded
    else {
        panic!("{decoded:?}")
    };
    assert_eq!(
        (tcp.options.mss(), tcp.options.has(SACK_PERMITTED)),
        (Some(1460), false)
    );
}

#[test]
fn options_are_read_only_if_wanted() {
    let frame = ethernet(0x0800, &ipv4(6, &tcp_with(SYN, &[2, 4, 5, 180], b"")));
    let decoded = decode(
        LinkType::ETHERNET,
        &frame,
        100,
        Want::default(),
        &mut LinkInfo::default(),
    );
    let Decoded::Transport(Headers {
        transport: Transport::Tcp(tcp),
        ..
    }) = decoded
    else {
        panic!("{decoded:?}")
    };
    assert_eq!(tcp.options, TcpOptions::default());
}

#[test]
fn a_sack_needs_a_block() {
    assert!(options(ACK, &sack(&[(0x3000, 0x3100)])).has(SACK));
    assert!(!options(ACK, &[5, 2]).has(SACK));
    assert!(!options(ACK, &[5, 6, 0, 0, 0, 0]).has(SACK));
}

#[test]
fn a_duplicate_sack_repeats_what_is_acknowledged_or_in_the_second_block() {
    let is_duplicate = |blocks: &[(u32, u32)]| options(ACK, &sack(blocks)).has(DSACK);
    assert!(
        is_duplicate(&[(0x1F00, 0x2000)]),
        "ends at the acknowledgment"
    );
    assert!(!is_duplicate(&[(0x1F00, 0x2001)]));
    assert!(!is_duplicate(&[(0x3000, 0x3100)]));
    assert!(is_duplicate(&[(0x3000, 0x3100), (0x3000, 0x3200)]));
    assert!(is_duplicate(&[(0x3080, 0x3100), (0x3000, 0x3100)]));
    assert!(!is_duplicate(&[(0x3000, 0x3100), (0x3001, 0x3100)]));
    assert!(!is_duplicate(&[(0x3000, 0x3100), (0x3000, 0x30FF)]));
    assert!(!is_duplicate(&[
        (0x3000, 0x3100),
        (0x4000, 0x4100),
        (0x3000, 0x3200)
    ]));
    assert!(
        is_duplicate(&[(0xFFFF_FF00, 0xFFFF_FFFF)]),
        "across the wrap"
    );
}
