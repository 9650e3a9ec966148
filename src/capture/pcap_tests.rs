//! The classic format, from crafted bytes.

use super::testing::{BIG, LITTLE, Sample, Writer, read_bytes, samples};
use super::{ByteOrder, CaptureFormat, DamageReason, LinkType, Resolution, Timestamp};
use proptest::prelude::*;

use super::format::{Found, Step};
use super::pcap::Pcap;
use crate::error::Error;

fn packets(bytes: &[u8]) -> Vec<Sample> {
    let (samples, report) = read_bytes(bytes).unwrap();
    assert_eq!(report.damage, []);
    assert_eq!(report.packets, samples.len() as u64);
    samples
}

fn refusal(bytes: &[u8]) -> String {
    match read_bytes(bytes) {
        Err(Error::Capture {
            offset: 0, reason, ..
        }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_byte_orders_and_both_units_hold_the_same_packets() {
    let expected = samples(20, 60);
    for writer in [LITTLE, BIG] {
        assert_eq!(packets(&writer.pcap(&expected)), expected);
        assert_eq!(packets(&writer.pcap_nanos(&expected)), expected);
    }
}

#[test]
fn nanoseconds_are_kept() {
    let sample = Sample {
        time_ns: 1_700_000_000_123_456_789,
        ..samples(1, 60).remove(0)
    };
    assert_eq!(
        packets(&BIG.pcap_nanos(std::slice::from_ref(&sample))),
        [sample]
    );
}

#[test]
fn the_report_says_what_the_header_says() {
    let (_, report) = read_bytes(&BIG.pcap_nanos(&samples(3, 60))).unwrap();
    assert_eq!(report.format, Some(CaptureFormat::Pcap));
    assert_eq!(report.byte_orders, [ByteOrder::Big]);
    assert_eq!(report.resolutions, [Resolution::Decimal(9)]);
    assert_eq!(report.link_types, [LinkType(1)]);
    assert_eq!(report.first, Some(Timestamp(1_700_000_000_123_456_000)));
    assert_eq!(report.last, Some(Timestamp(1_700_000_002_123_456_000)));
}

#[test]
fn modified_record_headers_are_eight_bytes_longer() {
    for writer in [LITTLE, BIG] {
        let mut bytes = writer.pcap_header(0xa1b2_cd34, (2, 4), 65_535, 1);
        for second in 1..=3 {
            bytes.extend(writer.words(&[second, 5, 4, 60, 77, 88]));
            bytes.extend([1, 2, 3, 4]);
        }
        let (samples, report) = read_bytes(&bytes).unwrap();
        assert_eq!(report.format, Some(CaptureFormat::PcapModified));
        assert_eq!(samples.len(), 3);
        assert_eq!(samples[2].time_ns, 3_000_005_000);
        assert_eq!(samples[2].captured, [1, 2, 3, 4]);
        assert_eq!(samples[2].original_len, 60);
    }
}

fn of_version(writer: Writer, version: (u16, u16), lengths: [u32; 2]) -> Vec<u8> {
    let mut bytes = writer.pcap_header(0xa1b2_c3d4, version, 65_535, 1);
    bytes.extend(writer.words(&[1, 0, lengths[0], lengths[1]]));
    bytes.extend([7; 10]);
    bytes
}

#[test]
fn old_versions_state_the_original_length_first() {
    for (version, lengths) in [
        ((2, 0), [90, 10]),
        ((2, 2), [90, 10]),
        ((2, 3), [90, 10]),
        ((2, 3), [10, 90]),
        ((2, 4), [10, 90]),
        ((543, 0), [90, 10]),
    ] {
        let packets = packets(&of_version(LITTLE, version, lengths));
        assert_eq!(
            (packets[0].captured.len(), packets[0].original_len),
            (10, 90),
            "version {version:?}"
        );
    }
}

#[test]
fn a_packet_may_be_longer_than_it_was() {
    let packets = packets(&of_version(LITTLE, (2, 4), [10, 4]));
    assert_eq!(
        (packets[0].captured.len(), packets[0].original_len),
        (10, 4)
    );
}

#[test]
fn the_upper_bits_of_the_link_type_tell_of_the_check_sequence() {
    let mut bytes = LITTLE.pcap_header(0xa1b2_c3d4, (2, 4), 65_535, 0x2400_0001);
    bytes.extend(LITTLE.record(1, 0, &[1; 20], 20));
    let (samples, report) = read_bytes(&bytes).unwrap();
    assert_eq!(samples[0].link_type, 1);
    assert_eq!(samples[0].captured.len(), 20);
    assert_eq!(report.check_sequence_len, Some(4));
}

#[test]
fn a_class_of_link_types_is_ignored_but_for_netbsds_raw_packets() {
    for (network, expected) in [(0x0001_0065, 101), (0x0224_0002, 0x0224_0002)] {
        let mut bytes = LITTLE.pcap_header(0xa1b2_c3d4, (2, 4), 65_535, network);
        bytes.extend(LITTLE.record(1, 0, &[1; 20], 20));
        assert_eq!(packets(&bytes)[0].link_type, expected);
    }
}

#[test]
fn a_fraction_of_more_than_a_second_counts_as_what_it_says() {
    let mut bytes = LITTLE.pcap(&[]);
    bytes.extend(LITTLE.record(u32::MAX, u32::MAX, &[1; 20], 20));
    assert_eq!(
        packets(&bytes)[0].time_ns,
        4_294_967_295_000_000_000 + 4_294_967_295_000
    );
}

#[test]
fn a_header_without_packets_is_a_capture() {
    let (samples, report) = read_bytes(&LITTLE.pcap(&[])).unwrap();
    assert_eq!((samples, report.packets, report.first), (vec![], 0, None));
    assert_eq!(report.link_types, [LinkType(1)]);
}

#[test]
fn a_packet_without_bytes_is_a_packet() {
    let mut bytes = LITTLE.pcap(&[]);
    bytes.extend(LITTLE.record(1, 0, &[], 60));
    bytes.extend(LITTLE.record(1, 0, &[], 0));
    assert_eq!(packets(&bytes).len(), 2);
}

#[test]
fn zeros_are_no_packets() {
    for writer in [LITTLE, BIG] {
        let expected = samples(20, 60);
        let mut bytes = writer.pcap(&expected);
        let end = bytes.len() as u64;
        bytes.extend(vec![0; 100_000]);
        let (samples, report) = read_bytes(&bytes).unwrap();
        assert_eq!(samples, expected);
        let [damage] = &report.damage[..] else {
            panic!("{report:?}")
        };
        assert_eq!((damage.offset, damage.bytes), (end, 100_000));
        assert_eq!(damage.reason, DamageReason::Zeros);
        // Those that follow are found again.
        let more = &writer.pcap(&expected)[24..];
        bytes.extend(more);
        let (samples, report) = read_bytes(&bytes).unwrap();
        assert_eq!(samples, [&expected[..], &expected].concat());
        assert_eq!((report.damage_count, report.damage_bytes), (1, 100_000));
    }
}

#[test]
fn a_cut_last_record_keeps_all_before_it() {
    let expected = samples(5, 60);
    let whole = LITTLE.pcap(&expected);
    let last = whole.len() - 16 - expected[4].captured.len();
    for cut in last + 1..whole.len() {
        let (samples, report) = read_bytes(&whole[..cut]).unwrap();
        assert_eq!(samples, expected[..4]);
        let [damage] = &report.damage[..] else {
            panic!("{report:?}")
        };
        assert_eq!(
            (damage.offset, damage.bytes),
            (last as u64, (cut - last) as u64)
        );
        assert_eq!(damage.reason, DamageReason::CutShort);
        assert_eq!(
            (damage.before, damage.after),
            (Some(Timestamp(expected[3].time_ns)), None)
        );
    }
}

#[test]
fn files_put_together_are_read_one_after_the_other() {
    let expected = samples(40, 60);
    let (first, rest) = expected.split_at(11);
    let (second, third) = rest.split_at(12);
    let bytes = [
        LITTLE.pcap(first),
        BIG.pcap_nanos(second),
        BIG.pcapng(third),
    ]
    .concat();
    let (samples, report) = read_bytes(&bytes).unwrap();
    assert_eq!(samples, expected);
    assert_eq!(report.damage, []);
    assert_eq!(report.byte_orders, [ByteOrder::Little, ByteOrder::Big]);
    assert_eq!(report.format, Some(CaptureFormat::Pcap));
    let bytes = [LITTLE.pcapng(first), BIG.pcap(rest)].concat();
    assert_eq!(packets(&bytes), expected);
}

#[test]
fn a_long_packet_is_believed_if_it_leads_on() {
    let long = Sample {
        captured: vec![5; 3 << 20],
        original_len: 3 << 20,
        ..samples(1, 60).remove(0)
    };
    let after = samples(3, 60);
    let bytes = LITTLE.pcap(&[vec![long.clone()], after.clone()].concat());
    assert_eq!(packets(&bytes), [vec![long.clone()], after].concat());
    assert_eq!(packets(&LITTLE.pcap(std::slice::from_ref(&long))), [long]);
}

#[test]
fn what_is_no_capture_is_refused_with_a_reason() {
    assert!(refusal(b"").contains("empty"));
    assert!(refusal(b"hello, this is text").contains("no capture"));
    assert!(refusal(&LITTLE.pcap(&[])[..23]).contains("cut short"));
    assert!(refusal(&LITTLE.section()[..11]).contains("pcapng"));
    assert!(refusal(b"snoop\0\0\0and so on and so on").contains("snoop"));
    assert!(refusal(b"iptrace 2.0 and so on and so on").contains("AIX"));
}

proptest! {
    /// What is taken for plain is what the judge of all records makes of it.
    #[test]
    fn plain_records_are_records(
        lens in prop::collection::vec(0u32..200, 1..20),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ended in any::<bool>(),
    ) {
        let packets: Vec<Sample> = lens.iter().flat_map(|&len| samples(1, len)).collect();
        let mut bytes = LITTLE.pcap(&packets);
        for (place, value) in damage {
            let place = place.index(bytes.len() - 24);
            bytes[24 + place] = value;
        }
        let pcap = Pcap::detect(&bytes).unwrap();
        let (mut at, mut found) = (24, Found::NOTHING);
        while let Some(header) = pcap.plain_header(&bytes, at) {
            let Some((packet, _)) = pcap.plain_record(&bytes, at, &header) else { break };
            let step = pcap.step(&bytes, at, ended, &mut found);
            prop_assert!(matches!(step, Step::Packet));
            prop_assert_eq!(packet.captured, &bytes[found.start..found.end]);
            prop_assert_eq!(packet.time, found.time);
            prop_assert_eq!(packet.original_len, found.original_len);
            prop_assert_eq!(packet.link_type, found.link_type);
            prop_assert_eq!(packet.check_sequence_len, found.check_sequence_len);
            prop_assert_eq!(pcap.behind(&bytes, at), Some(found.next));
            at = found.next;
        }
    }
}
