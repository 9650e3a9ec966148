//! Damage costs only what it hit.

use proptest::prelude::*;

use super::testing::{
    BIG, COMPRESSIONS, LITTLE, Sample, Writer, compress, read, read_bytes, samples, write,
};
use super::{DamageReason, ReadOptions, Timestamp, TraceReport};

/// Where the records of a pcap file begin.
fn places(samples: &[Sample]) -> Vec<usize> {
    samples
        .iter()
        .scan(24, |at, sample| {
            Some(std::mem::replace(at, *at + 16 + sample.captured.len()))
        })
        .collect()
}

fn reasons(report: &TraceReport) -> Vec<DamageReason> {
    report
        .damage
        .iter()
        .map(|damage| damage.reason.clone())
        .collect()
}

#[test]
fn a_record_with_an_absurd_length_costs_itself() {
    let expected = samples(50, 300);
    for writer in [LITTLE, BIG] {
        let mut bytes = writer.pcap(&expected);
        let at = places(&expected)[20];
        bytes[at + 8..at + 12].fill(0xee);
        let (found, report) = read_bytes(&bytes).unwrap();
        assert_eq!(found, [&expected[..20], &expected[21..]].concat());
        let [damage] = &report.damage[..] else {
            panic!("{report:?}")
        };
        assert_eq!(
            (damage.offset, damage.bytes),
            (at as u64, 16 + expected[20].captured.len() as u64)
        );
        assert_eq!(damage.reason, DamageReason::BadLength(0xeeee_eeee));
        assert_eq!(damage.before, Some(Timestamp(expected[19].time_ns)));
        assert_eq!(damage.after, Some(Timestamp(expected[21].time_ns)));
    }
}

#[test]
fn a_first_record_that_is_broken_costs_itself() {
    let expected = samples(50, 300);
    let mut bytes = LITTLE.pcap(&expected);
    bytes[32..36].fill(0xee);
    let (found, report) = read_bytes(&bytes).unwrap();
    assert_eq!(found, expected[1..]);
    assert_eq!((report.damage[0].before, report.damage_count), (None, 1));
}

#[test]
fn a_record_that_reaches_over_others_costs_itself() {
    let expected = samples(50, 300);
    let mut bytes = LITTLE.pcap(&expected);
    let at = places(&expected)[20];
    bytes[at + 8..at + 12].copy_from_slice(&2000_u32.to_le_bytes());
    let (found, report) = read_bytes(&bytes).unwrap();
    assert_eq!(found, [&expected[..20], &expected[21..]].concat());
    assert_eq!(reasons(&report), [DamageReason::Overlong(2000)]);
}

#[test]
fn a_record_that_reaches_over_the_end_costs_itself() {
    let expected = samples(50, 300);
    let mut bytes = LITTLE.pcap(&expected);
    let at = places(&expected)[40];
    bytes[at + 8..at + 12].copy_from_slice(&200_000_u32.to_le_bytes());
    let (found, report) = read_bytes(&bytes).unwrap();
    assert_eq!(found, [&expected[..40], &expected[41..]].concat());
    assert_eq!(reasons(&report), [DamageReason::CutShort]);
    assert_eq!(report.damage_bytes, 16 + expected[40].captured.len() as u64);
}

#[test]
fn a_record_that_ends_too_early_is_followed_by_a_gap() {
    let expected = samples(50, 300);
    let mut bytes = LITTLE.pcap(&expected);
    let at = places(&expected)[20];
    bytes[at + 8..at + 12].copy_from_slice(&100_u32.to_le_bytes());
    let (found, report) = read_bytes(&bytes).unwrap();
    assert_eq!(found.len(), 50);
    assert_eq!(found[21..], expected[21..]);
    assert_eq!(found[20].captured, expected[20].captured[..100]);
    assert_eq!(
        report.damage_bytes,
        expected[20].captured.len() as u64 - 100
    );
}

#[test]
fn a_piece_missing_in_the_middle_costs_the_records_it_hit() {
    let expected = samples(60, 300);
    let places = places(&expected);
    for missing in [1, 16, 333, 5_001] {
        let mut bytes = LITTLE.pcap(&expected);
        bytes.drain(places[20] + 100..places[20] + 100 + missing);
        let (found, report) = read_bytes(&bytes).unwrap();
        let resumed = places.partition_point(|&place| place < places[20] + 100 + missing);
        assert!(found.ends_with(&expected[resumed..]), "{missing}");
        assert!(
            found.starts_with(&expected[..20]) && found.len() <= 21 + 60 - resumed,
            "{missing}"
        );
        assert_eq!(report.damage_count, 1, "{missing}");
    }
}

#[test]
fn four_missing_bytes_cost_the_record_they_are_missing_from() {
    // The original length then stands where the captured one is looked for, and both are the same.
    let mut expected = samples(50, 300);
    for sample in &mut expected {
        sample.original_len = u32::try_from(sample.captured.len()).unwrap();
    }
    let begin = places(&expected)[20];
    for writer in [LITTLE, BIG] {
        for place in [begin, begin + 6, begin + 12, begin + 16, begin + 200] {
            let mut bytes = writer.pcap(&expected);
            bytes.drain(place..place + 4);
            let (found, report) = read_bytes(&bytes).unwrap();
            assert_eq!(found[..20], expected[..20], "{place}");
            assert_eq!(found[found.len() - 29..], expected[21..], "{place}");
            assert_eq!(report.damage_count, 1, "{place}");
        }
    }
}

#[test]
fn a_packet_made_of_damage_hides_nothing() {
    let expected = samples(50, 300);
    let mut bytes = LITTLE.pcap(&expected);
    let rest = bytes.split_off(places(&expected)[20]);
    bytes.extend(LITTLE.record(700_000_000, 1, &[0; 19], 19)); // 1992
    bytes.extend([0xff; 16]);
    bytes.extend(rest);
    let (found, report) = read_bytes(&bytes).unwrap();
    assert_eq!(found[..20], expected[..20]);
    assert_eq!(found[21..], expected[20..]);
    assert_eq!((report.damage_count, report.damage_bytes), (1, 16));
}

#[test]
fn zeros_in_the_middle_cost_what_they_replaced() {
    let expected = samples(200, 900);
    let mut bytes = LITTLE.pcapng(&expected);
    let begin = bytes.len() / 2;
    bytes[begin..begin + 50_000].fill(0);
    let (found, report) = read_bytes(&bytes).unwrap();
    assert!(found.len() > 200 - 50_000 / 900 - 3 && found.len() < 200);
    assert!(found.iter().all(|sample| expected.contains(sample)));
    assert_eq!(report.damage_count, 1);
}

#[test]
fn a_piece_missing_from_pcapng_costs_the_blocks_it_hit() {
    let expected = samples(60, 300);
    for writer in [LITTLE, BIG] {
        for missing in [1, 4, 333, 5_001] {
            let mut bytes = writer.pcapng(&expected);
            bytes.drain(5_000..5_000 + missing);
            let (found, report) = read_bytes(&bytes).unwrap();
            assert!(
                found.len() >= 60 - 2 - missing.div_ceil(332),
                "{missing}: {}",
                found.len()
            );
            assert!(found.iter().all(|sample| expected.contains(sample)));
            assert_eq!(report.damage_count, 1);
        }
    }
}

#[test]
fn a_capture_inside_a_packet_is_not_followed() {
    // Somebody downloads a capture, and the record after that packet is broken.
    let mut expected = samples(30, 300);
    expected[10].captured = LITTLE.pcap(&samples(12, 60));
    expected[10].original_len = 1400;
    let mut bytes = LITTLE.pcap(&expected);
    let at = places(&expected)[11];
    bytes[at + 8..at + 12].fill(0xee);
    let (found, report) = read_bytes(&bytes).unwrap();
    assert_eq!(found, [&expected[..11], &expected[12..]].concat());
    assert_eq!(report.damage_count, 1);
}

#[test]
fn another_capture_is_found_behind_garbage() {
    let expected = samples(60, 300);
    let (first, second) = expected.split_at(30);
    for writer in [LITTLE, BIG] {
        let garbage = vec![0xaa; 3000];
        for tail in [writer.pcap_nanos(second), writer.pcapng(second)] {
            let (found, report) =
                read_bytes(&[LITTLE.pcap(first), garbage.clone(), tail.clone()].concat()).unwrap();
            assert_eq!((found, report.damage_bytes), (expected.clone(), 3000));
            let (found, report) =
                read_bytes(&[BIG.pcapng(first), garbage.clone(), tail].concat()).unwrap();
            assert_eq!((found, report.damage_bytes), (expected.clone(), 3000));
        }
    }
}

#[test]
fn garbage_behind_the_last_record_is_left() {
    let expected = samples(10, 300);
    for garbage in [
        vec![0xaa; 100],
        vec![0xff; 5 << 20],
        b"PK\x05\x06 trailing junk of some archive".to_vec(),
    ] {
        for bytes in [LITTLE.pcap(&expected), LITTLE.pcapng(&expected)] {
            let (found, report) = read_bytes(&[bytes, garbage.clone()].concat()).unwrap();
            assert_eq!(
                (found, report.damage_bytes),
                (expected.clone(), garbage.len() as u64)
            );
        }
    }
}

#[test]
fn damage_is_the_same_wherever_the_blocks_of_a_stream_end() {
    // Damage every 200 kB in 5 MB, which streams read in pieces of 1 MiB.
    let expected = samples(9000, 540);
    let mut bytes = LITTLE.pcap(&expected);
    for place in places(&expected).into_iter().step_by(360).skip(1) {
        bytes[place + 8..place + 12].fill(0x99);
    }
    let (found, report) = read_bytes(&bytes).unwrap();
    assert_eq!((found.len(), report.damage_count), (9000 - 24, 24));
}

#[test]
fn hostile_bytes_take_linear_time() {
    // Half a chain of records from every place: each candidate looks good for a while.
    let record = LITTLE.record(1_700_000_000, 1, &[0], 1);
    let mut bytes = LITTLE.pcap(&samples(3, 60));
    while bytes.len() < 1 << 20 {
        bytes.extend(record.repeat(60));
        bytes.extend([0xff; 16]);
    }
    let begin = std::time::Instant::now();
    read_bytes(&bytes).unwrap();
    read_bytes(&[LITTLE.pcap(&[]), vec![0xff; 4 << 20]].concat()).unwrap();
    assert!(begin.elapsed().as_secs() < 60, "{:?}", begin.elapsed());
}

/// All bytes are of packets, headers or damage.
fn account(bytes: &[u8]) {
    let Ok((found, report)) = read_bytes(bytes) else {
        return;
    };
    assert_eq!(report.packets, found.len() as u64);
    let captured: usize = found.iter().map(|sample| sample.captured.len()).sum();
    assert!(captured as u64 + report.damage_bytes <= bytes.len() as u64);
    assert_eq!(
        report.first,
        found.iter().map(|sample| Timestamp(sample.time_ns)).min()
    );
    assert_eq!(
        report.last,
        found.iter().map(|sample| Timestamp(sample.time_ns)).max()
    );
    if report.format == Some(super::CaptureFormat::Pcap)
        && report.byte_orders.len() == 1
        && report.resolutions.len() == 1
    {
        let headers = 24 + 16 * found.len() as u64;
        assert_eq!(
            headers + captured as u64 + report.damage_bytes,
            bytes.len() as u64
        );
    }
}

fn writer() -> impl Strategy<Value = Writer> {
    prop_oneof![Just(LITTLE), Just(BIG)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_behind_a_header_are_accounted_for(writer in writer(), tail in prop::collection::vec(any::<u8>(), 0..3000)) {
        account(&[writer.pcap(&samples(2, 60)), tail.clone()].concat());
        account(&[writer.pcapng(&samples(2, 60)), tail].concat());
    }

    #[test]
    fn changed_bytes_are_accounted_for(
        writer in writer(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..40),
        cut in any::<prop::sample::Index>(),
    ) {
        for mut bytes in [writer.pcap(&samples(30, 90)), writer.pcapng(&samples(30, 90))] {
            for (place, byte) in &changes {
                let place = 24 + place.index(bytes.len() - 24);
                bytes[place] = *byte;
            }
            bytes.truncate(24 + cut.index(bytes.len() - 24));
            account(&bytes);
        }
    }

    #[test]
    fn changed_compressed_bytes_end_well(
        kind in 0..5_usize,
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut packed = compress(COMPRESSIONS[kind], &LITTLE.pcap(&samples(30, 90)));
        let place = place.index(packed.len());
        packed[place] = byte;
        let folder = tempfile::tempdir().unwrap();
        if let Ok((samples, reports)) = read(&[write(folder.path(), "packed", &packed)], &ReadOptions::default()) {
            prop_assert_eq!(reports[0].packets, samples.len() as u64);
        }
    }
}

/// Five bytes too many in front of a block: they and the block look like the head of a pcap file,
/// its version included.
#[test]
fn a_magic_in_the_midst_of_a_pcapng_file_begins_no_other_capture() {
    let expected = samples(60, 300);
    for writer in [LITTLE, BIG] {
        let place = writer.pcapng(&expected[..30]).len();
        for magic in [[0xa1, 0xb2, 0x3c, 0x4d, 2], [0xd4, 0xc3, 0xb2, 0xa1, 2]] {
            let mut bytes = writer.pcapng(&expected);
            bytes.splice(place..place, magic);
            let (found, report) = read_bytes(&bytes).unwrap();
            assert_eq!((found, report.damage_bytes), (expected.clone(), 5));
        }
    }
}

#[test]
fn short_captures_put_together_are_read_whole() {
    let expected = samples(7, 100);
    let bytes = |writer: Writer, at: usize| writer.pcap(&expected[at..at + 1]);
    let parts = [
        LITTLE.pcapng(&expected[..1]),
        bytes(LITTLE, 1),
        bytes(BIG, 2),
        LITTLE.pcap(&[]),
        bytes(BIG, 3),
        LITTLE.pcapng(&expected[4..7]),
    ];
    let (found, report) = read_bytes(&parts.concat()).unwrap();
    assert_eq!((found, report.damage_count), (expected, 0));
}
