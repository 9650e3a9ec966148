//! The next generation format, from crafted bytes.

use super::testing::{BIG, LITTLE, Sample, Writer, read_bytes, samples, write};
use super::{
    ByteOrder, CaptureFormat, DamageReason, Inputs, LinkType, Packet, ReadOptions, Resolution,
    TraceReport,
};

fn packets(bytes: &[u8]) -> Vec<Sample> {
    let (samples, report) = read_bytes(bytes).unwrap();
    assert_eq!(report.damage, []);
    samples
}

/// The time of one packet whose interface has these options.
fn time_ns(writer: Writer, options: &[Vec<u8>], ticks: u64) -> i64 {
    let interface = writer.interface(1, 0, &options.concat());
    packets(
        &[
            writer.section(),
            interface,
            writer.enhanced(0, ticks, &[1; 20], 20),
        ]
        .concat(),
    )[0]
    .time_ns
}

fn reasons(report: &TraceReport) -> Vec<DamageReason> {
    report
        .damage
        .iter()
        .map(|damage| damage.reason.clone())
        .collect()
}

#[test]
fn both_byte_orders_hold_the_same_packets() {
    let expected = samples(20, 60);
    assert_eq!(packets(&LITTLE.pcapng(&expected)), expected);
    assert_eq!(packets(&BIG.pcapng(&expected)), expected);
}

#[test]
fn each_section_has_its_own_byte_order_and_interfaces() {
    let little = [
        LITTLE.section(),
        LITTLE.interface(101, 0, &[]),
        LITTLE.enhanced(0, 1, &[1], 1),
    ]
    .concat();
    let big = [
        BIG.section(),
        BIG.interface(1, 0, &[]),
        BIG.interface(113, 0, &[]),
        BIG.enhanced(1, 2, &[2], 2),
    ];
    let (samples, report) = read_bytes(&[little, big.concat()].concat()).unwrap();
    assert_eq!(
        samples
            .iter()
            .map(|sample| sample.link_type)
            .collect::<Vec<_>>(),
        [101, 113]
    );
    assert_eq!(report.format, Some(CaptureFormat::PcapNg));
    assert_eq!(report.byte_orders, [ByteOrder::Little, ByteOrder::Big]);
    assert_eq!(report.link_types, [LinkType(101), LinkType(113)]);
}

#[test]
fn times_follow_the_interfaces_resolution_and_round_down() {
    for writer in [LITTLE, BIG] {
        let resolution = |power: u8| writer.option(9, &[power]);
        assert_eq!(time_ns(writer, &[], 1_000_001), 1_000_001_000);
        assert_eq!(time_ns(writer, &[resolution(0)], 7), 7_000_000_000);
        assert_eq!(time_ns(writer, &[resolution(9)], 7), 7);
        assert_eq!(time_ns(writer, &[resolution(12)], 7_999), 7);
        assert_eq!(time_ns(writer, &[resolution(0x80 | 8)], 257), 1_003_906_250);
        assert_eq!(
            time_ns(writer, &[resolution(0x80 | 32)], 1 << 31),
            500_000_000
        );
        assert_eq!(time_ns(writer, &[resolution(0x7f)], u64::MAX), 0);
        assert_eq!(time_ns(writer, &[resolution(0xff)], u64::MAX), 0);
    }
}

#[test]
fn times_are_moved_by_the_interfaces_offset_and_clamped() {
    for writer in [LITTLE, BIG] {
        let offset = |seconds: i64| {
            let value = if writer.0 == ByteOrder::Big {
                seconds.to_be_bytes()
            } else {
                seconds.to_le_bytes()
            };
            writer.option(14, &value)
        };
        assert_eq!(time_ns(writer, &[offset(3600)], 5), 3_600_000_005_000);
        assert_eq!(time_ns(writer, &[offset(-1)], 5), -999_995_000);
        assert_eq!(time_ns(writer, &[offset(i64::MAX)], u64::MAX), i64::MAX);
        assert_eq!(time_ns(writer, &[offset(i64::MIN)], 0), i64::MIN);
        assert_eq!(time_ns(writer, &[], u64::MAX), i64::MAX);
    }
}

#[test]
fn options_end_where_they_overrun() {
    let mut overrunning = LITTLE.option(9, &[9]);
    overrunning.extend(LITTLE.u16(2));
    overrunning.extend(LITTLE.u16(60_000));
    assert_eq!(time_ns(LITTLE, &[overrunning], 7), 7);
    let ended = [LITTLE.option(0, &[]), LITTLE.option(9, &[9])];
    assert_eq!(time_ns(LITTLE, &ended, 7), 7_000);
}

#[test]
fn simple_packets_have_no_time_and_end_where_the_snap_length_says() {
    let simple = |original_len: u32, data: &[u8]| {
        LITTLE.block(3, &[&LITTLE.u32(original_len), data].concat())
    };
    let header = |snap_len| [LITTLE.section(), LITTLE.interface(1, snap_len, &[])].concat();
    let packets = packets(
        &[
            header(6),
            simple(100, &[1; 8]),
            simple(5, &[2; 8]),
            header(0),
            simple(7, &[3; 8]),
        ]
        .concat(),
    );
    let lengths: Vec<_> = packets
        .iter()
        .map(|packet| (packet.time_ns, packet.captured.len()))
        .collect();
    assert_eq!(lengths, [(0, 6), (0, 5), (0, 7)]);
    assert_eq!(packets[0].original_len, 100);
}

#[test]
fn the_obsolete_packet_block_has_a_short_interface_number() {
    for writer in [LITTLE, BIG] {
        let head = [writer.u16(1), writer.u16(999)].concat();
        let body = [head, writer.words(&[0, 8, 3, 60]), vec![1, 2, 3]].concat();
        let interfaces = [writer.interface(1, 0, &[]), writer.interface(101, 0, &[])].concat();
        let packets = packets(&[writer.section(), interfaces, writer.block(2, &body)].concat());
        let expected = Sample {
            time_ns: 8000,
            captured: vec![1, 2, 3],
            original_len: 60,
            link_type: 101,
        };
        assert_eq!(packets, [expected]);
    }
}

#[test]
fn unknown_blocks_are_passed_over() {
    let expected = samples(2, 60);
    let bytes = [
        LITTLE.pcapng(&expected[..1]),
        LITTLE.block(0x8000_0001, &[9; 30]),
    ]
    .concat();
    let rest = LITTLE.enhanced(
        0,
        expected[1].time_ns.unsigned_abs() / 1000,
        &expected[1].captured,
        expected[1].original_len,
    );
    assert_eq!(packets(&[bytes, rest].concat()), expected);
}

#[test]
fn a_packet_of_an_unknown_interface_is_damage() {
    let bytes = [
        LITTLE.pcapng(&samples(1, 60)),
        LITTLE.enhanced(9, 0, &[1; 20], 20),
    ]
    .concat();
    let (samples, report) = read_bytes(&bytes).unwrap();
    assert_eq!(samples.len(), 1);
    assert_eq!(reasons(&report), [DamageReason::UnknownInterface(9)]);
    assert_eq!(report.damage_bytes, 52);
}

#[test]
fn a_packet_longer_than_its_block_is_damage() {
    let mut packet = LITTLE.enhanced(0, 0, &[1; 20], 20);
    packet[20] = 21;
    let expected = samples(1, 60);
    let (samples, report) = read_bytes(&[LITTLE.pcapng(&expected), packet].concat()).unwrap();
    assert_eq!(samples, expected);
    assert_eq!(reasons(&report), [DamageReason::ShortBlock(6)]);
}

#[test]
fn an_interface_that_cannot_be_read_keeps_its_number() {
    let interfaces = [
        LITTLE.block(1, &[1, 0, 0, 0]),
        LITTLE.interface(101, 0, &[]),
    ]
    .concat();
    let bytes = [
        LITTLE.section(),
        interfaces,
        LITTLE.enhanced(1, 0, &[1; 20], 20),
    ]
    .concat();
    let (samples, report) = read_bytes(&bytes).unwrap();
    assert_eq!(samples[0].link_type, 101);
    assert_eq!(reasons(&report), [DamageReason::ShortBlock(1)]);
}

#[test]
fn a_wrong_trailing_length_is_noted_and_the_block_followed() {
    let expected = samples(3, 60);
    let mut bytes = LITTLE.pcapng(&expected[..2]);
    let trailer = bytes.len() - 4;
    bytes[trailer] = 0;
    let rest = LITTLE.enhanced(
        0,
        expected[2].time_ns.unsigned_abs() / 1000,
        &expected[2].captured,
        expected[2].original_len,
    );
    let (samples, report) = read_bytes(&[bytes, rest].concat()).unwrap();
    assert_eq!(samples, expected);
    assert_eq!(
        reasons(&report),
        [DamageReason::TrailerMismatch {
            leading: 96,
            trailing: 0
        }]
    );
    assert_eq!(report.damage_bytes, 0);
}

#[test]
fn a_length_that_leaves_out_the_padding_is_understood() {
    let mut packet = LITTLE.enhanced(0, 0, &[1; 21], 21);
    let len = packet.len();
    packet[4] = 53;
    packet[len - 4] = 53;
    let expected = samples(1, 60);
    let bytes = [
        LITTLE.section(),
        LITTLE.interface(1, 0, &[]),
        packet,
        LITTLE.pcapng(&expected),
    ]
    .concat();
    let packets = packets(&bytes);
    assert_eq!((packets.len(), packets[0].captured.len()), (2, 21));
}

#[test]
fn a_section_cut_short_at_the_end_is_damage() {
    let bytes = [
        LITTLE.pcapng(&samples(2, 60)),
        LITTLE.section()[..20].to_vec(),
    ]
    .concat();
    let (samples, report) = read_bytes(&bytes).unwrap();
    assert_eq!(samples.len(), 2);
    assert_eq!(report.damage_bytes, 20);
}

#[test]
fn a_section_that_tells_the_wrong_byte_order_is_noted_and_followed() {
    let expected = samples(20, 60);
    let mut second = LITTLE.pcapng(&expected[10..]);
    second[8..12].reverse();
    let (samples, report) = read_bytes(&[BIG.pcapng(&expected[..10]), second].concat()).unwrap();
    assert_eq!(samples, expected);
    assert_eq!(reasons(&report), [DamageReason::BadSection]);
}

#[test]
fn resolutions_are_reported_in_plain_words() {
    let interfaces = [
        LITTLE.interface(1, 0, &LITTLE.option(9, &[9])),
        LITTLE.interface(1, 0, &LITTLE.option(9, &[0x88])),
    ];
    let (_, report) = read_bytes(&[LITTLE.section(), interfaces.concat()].concat()).unwrap();
    let words: Vec<_> = report
        .resolutions
        .iter()
        .map(Resolution::to_string)
        .collect();
    assert_eq!(words, ["ns", "2^-8 s"]);
}

/// The captured and the stated length of each frame, and what the report says of check sequences.
fn frames(bytes: &[u8]) -> (Vec<(usize, u32)>, Option<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "trace", bytes);
    let view = |packet: &Packet<'_>| {
        let (frame, length) = packet.frame();
        (frame.len(), length)
    };
    let mut inputs = Inputs::open(&[path], &ReadOptions::default(), view).unwrap();
    let mut frames = Vec::new();
    inputs.read(|frame| frames.push(*frame)).unwrap();
    (frames, inputs.finish()[0].check_sequence_len)
}

#[test]
fn check_sequences_that_are_promised_are_no_part_of_the_frame() {
    let pcapng = [
        LITTLE.section(),
        LITTLE.interface(1, 0, &LITTLE.option(13, &[4])),
        LITTLE.interface(1, 0, &[]),
        LITTLE.enhanced(0, 0, &[7; 20], 20),
        LITTLE.enhanced(0, 0, &[7; 15], 20),
        LITTLE.enhanced(0, 0, &[7; 18], 20),
        LITTLE.enhanced(0, 0, &[7; 2], 2),
        LITTLE.enhanced(1, 0, &[7; 20], 20),
    ];
    let pcap = [
        LITTLE.pcap_header(0xa1b2_c3d4, (2, 4), 65_535, 0x2400_0001),
        LITTLE.record(1, 0, &[7; 20], 20),
    ];
    let cut = [(16, 16), (15, 16), (16, 16), (0, 0), (20, 20)];
    for (bytes, expected) in [(pcapng.concat(), &cut[..]), (pcap.concat(), &cut[..1])] {
        assert_eq!(frames(&bytes), (expected.to_vec(), Some(4)));
    }
}

#[test]
fn a_check_sequence_of_a_packets_own_counts() {
    for order in [LITTLE, BIG] {
        let flags = |value: u32| order.option(2, &order.u32(value));
        let comment = order.option(1, b"a comment");
        let end = order.option(0, &[]);
        let packet = |interface, options: &[Vec<u8>]| {
            order.enhanced_with(interface, 0, &[7; 17], 20, &options.concat())
        };
        let bytes = [
            order.section(),
            order.interface(1, 0, &order.option(13, &[4])),
            order.interface(1, 0, &[]),
            packet(0, &[]),
            packet(0, &[flags(2 << 5 | 1)]),
            packet(1, &[comment.clone(), flags(4 << 5 | 0xff00_0000)]),
            // Not known; behind the end; too short; one of so many that it is not seen.
            packet(0, &[flags(0x1e1f)]),
            packet(1, &[end, flags(4 << 5)]),
            packet(1, &[order.option(2, &[0x80, 0x80])]),
            packet(1, &[comment.repeat(8), flags(4 << 5)]),
            packet(1, &[comment.repeat(7), flags(4 << 5)]),
        ];
        let (frames, _) = frames(&bytes.concat());
        let lengths: Vec<u32> = frames.iter().map(|(_, length)| *length).collect();
        assert_eq!(lengths, [16, 18, 16, 16, 20, 20, 20, 16]);
    }
}
