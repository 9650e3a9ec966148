//! Traces of all kinds and numbers as one stream.

use std::ops::ControlFlow::{self, Break, Continue};
use std::path::PathBuf;

use super::testing::{BIG, COMPRESSIONS, LITTLE, Sample, compress, read, samples, write};
use super::{
    CaptureFormat, Compression, DamageReason, IoMode, Packet, ReadOptions, Take, TakeView,
};
use crate::error::Error;

fn read_named(paths: &[PathBuf]) -> (Vec<Sample>, Vec<super::TraceReport>) {
    read(paths, &ReadOptions::default()).unwrap()
}

#[test]
fn every_packaging_yields_the_same_packets() {
    let expected = samples(5000, 900);
    let folder = tempfile::tempdir().unwrap();
    let plain = [
        LITTLE.pcap(&expected),
        BIG.pcap_nanos(&expected),
        LITTLE.pcapng(&expected),
        BIG.pcapng(&expected),
    ];
    for bytes in plain {
        let path = write(folder.path(), "plain", &bytes);
        for io in [IoMode::Mmap, IoMode::Read] {
            let (samples, reports) = read(
                std::slice::from_ref(&path),
                &ReadOptions {
                    io,
                    ..ReadOptions::default()
                },
            )
            .unwrap();
            assert!(samples == expected);
            assert_eq!(reports[0].bytes, bytes.len() as u64);
        }
    }
    for compression in COMPRESSIONS {
        let packed = compress(compression, &BIG.pcapng(&expected));
        let path = write(folder.path(), "packed", &packed);
        let (samples, reports) = read_named(&[path]);
        assert!(samples == expected, "{compression}");
        assert_eq!(reports[0].damage, []);
        assert_eq!(reports[0].compression, Some(compression));
        assert_eq!(reports[0].bytes, packed.len() as u64);
    }
}

#[test]
fn members_of_compressed_files_are_read_one_after_the_other() {
    let expected = samples(300, 700);
    let bytes = LITTLE.pcap(&expected);
    let folder = tempfile::tempdir().unwrap();
    for compression in COMPRESSIONS {
        // Members end in the middle of records.
        let packed: Vec<u8> = bytes
            .chunks(70_001)
            .flat_map(|chunk| compress(compression, chunk))
            .collect();
        let mut padded = packed.clone();
        if compression == Compression::Gzip {
            padded.extend([0; 1000]);
            padded.extend(compress(compression, &[]));
            padded.extend(vec![0; 300_000]);
        }
        for packed in [packed, padded] {
            let (samples, reports) = read_named(&[write(folder.path(), "packed", &packed)]);
            assert!(samples == expected, "{compression}");
            assert_eq!(reports[0].damage, []);
        }
    }
}

#[test]
fn frames_without_content_are_passed_over() {
    let expected = samples(30, 700);
    let folder = tempfile::tempdir().unwrap();
    let skippable = [&[0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    for compression in [Compression::Zstd, Compression::Lz4] {
        let (first, second) = expected.split_at(10);
        let parts = [
            compress(compression, &LITTLE.pcap(first)),
            compress(compression, &LITTLE.pcap(second)),
        ];
        let (samples, reports) =
            read_named(&[write(folder.path(), "packed", &parts.join(&skippable[..]))]);
        assert!(samples == expected, "{compression}");
        assert_eq!(reports[0].damage, []);
    }
}

#[test]
fn compressed_data_cut_short_keeps_what_came_before() {
    // Bytes that hardly compress, so that a cut half-way is one half-way through the packets.
    let mut state = 1_u32;
    let mut expected = samples(4000, 900);
    for byte in expected.iter_mut().flat_map(|sample| &mut sample.captured) {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (state >> 24) as u8;
    }
    let bytes = LITTLE.pcap(&expected);
    let folder = tempfile::tempdir().unwrap();
    for compression in COMPRESSIONS {
        let packed = compress(compression, &bytes);
        for cut in [packed.len() / 2, packed.len() - 1] {
            let (samples, reports) = read_named(&[write(folder.path(), "packed", &packed[..cut])]);
            assert!(
                samples.len() > 1500 && samples[..] == expected[..samples.len()],
                "{compression}"
            );
            let last = &reports[0].damage.last().expect("damage").reason;
            assert!(
                matches!(last, DamageReason::Compression(_)),
                "{compression}: {last:?}"
            );
        }
        let strict = ReadOptions {
            strict: true,
            ..ReadOptions::default()
        };
        let path = write(folder.path(), "packed", &packed[..packed.len() / 2]);
        assert!(matches!(read(&[path], &strict), Err(Error::Capture { .. })));
    }
}

#[test]
fn broken_compressed_data_keeps_what_came_before() {
    let expected = samples(4000, 900);
    let folder = tempfile::tempdir().unwrap();
    for compression in COMPRESSIONS {
        let mut packed = compress(compression, &LITTLE.pcap(&expected));
        packed.extend(b"and something else that is no member");
        let (samples, reports) = read_named(&[write(folder.path(), "packed", &packed)]);
        assert!(samples == expected, "{compression}");
        assert!(
            reports[0].damage_count == 1 || compression == Compression::Gzip,
            "{compression}"
        );
    }
}

#[test]
fn compressed_data_that_holds_no_capture_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for compression in COMPRESSIONS {
        let path = write(
            folder.path(),
            "packed",
            &compress(compression, b"this is just some text, is it not"),
        );
        let error = read(&[path], &ReadOptions::default()).unwrap_err();
        assert!(error.to_string().contains("no capture"), "{error}");
        let path = write(
            folder.path(),
            "packed",
            &compress(compression, &LITTLE.pcap(&samples(9, 60)))[..17],
        );
        let error = read(&[path], &ReadOptions::default()).unwrap_err();
        assert!(error.to_string().contains("decompressed"), "{error}");
    }
}

#[test]
fn traces_are_ordered_by_their_first_packet() {
    let expected = samples(40, 60);
    let folder = tempfile::tempdir().unwrap();
    let parts: Vec<&[Sample]> = expected.chunks(10).collect();
    let paths = [
        write(
            folder.path(),
            "a",
            &compress(Compression::Zstd, &LITTLE.pcap(parts[3])),
        ),
        write(folder.path(), "b", &BIG.pcapng(parts[1])),
        write(folder.path(), "c", &LITTLE.pcap(&[])),
        write(
            folder.path(),
            "d",
            &compress(Compression::Gzip, &BIG.pcap(parts[0])),
        ),
        write(
            folder.path(),
            "e",
            &compress(Compression::Lz4, &BIG.pcap(parts[2])),
        ),
    ];
    for ahead in [0, 1, 9] {
        let (samples, reports) = read(
            &paths,
            &ReadOptions {
                ahead,
                ..ReadOptions::default()
            },
        )
        .unwrap();
        assert_eq!(samples, expected);
        let order: Vec<_> = reports
            .iter()
            .map(|report| report.path.file_name().unwrap().to_str().unwrap())
            .collect();
        assert_eq!(order, ["c", "d", "b", "e", "a"]);
    }
}

#[test]
fn traces_that_begin_together_stay_in_the_order_given() {
    let folder = tempfile::tempdir().unwrap();
    let sample = samples(1, 60);
    let names = ["z", "a", "m"];
    let paths = names.map(|name| write(folder.path(), name, &LITTLE.pcap(&sample)));
    let (_, reports) = read_named(&paths);
    assert!(reports.iter().map(|report| &report.path).eq(&paths));
}

#[test]
fn a_folder_stands_for_the_files_in_it_and_below() {
    let expected = samples(30, 60);
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("below");
    std::fs::create_dir(&below).unwrap();
    std::fs::create_dir(folder.path().join(".hidden")).unwrap();
    write(&below, "b", &LITTLE.pcap(&expected[..10]));
    write(folder.path(), "a", &LITTLE.pcap(&expected[10..]));
    write(folder.path(), "notes.txt", b"not a capture");
    write(folder.path(), "empty", b"");
    write(folder.path(), ".hidden.pcap", &LITTLE.pcap(&expected));
    write(&folder.path().join(".hidden"), "c", &LITTLE.pcap(&expected));
    let (samples, reports) = read_named(&[folder.path().to_owned()]);
    assert_eq!(samples, expected);
    assert_eq!(reports.len(), 4);
    let skipped: Vec<_> = reports
        .iter()
        .filter(|report| report.format.is_none())
        .collect();
    assert_eq!(skipped.len(), 2);
    assert!(
        skipped
            .iter()
            .all(|report| matches!(report.damage[0].reason, DamageReason::NotACapture(_)))
    );
    let strict = ReadOptions {
        strict: true,
        ..ReadOptions::default()
    };
    assert!(read(&[folder.path().to_owned()], &strict).is_err());
}

#[test]
fn a_folder_without_captures_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    assert!(read(&[folder.path().to_owned()], &ReadOptions::default()).is_err());
    write(folder.path(), "notes.txt", b"not a capture");
    assert!(read(&[folder.path().to_owned()], &ReadOptions::default()).is_err());
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    let error = read(&["no such file".into()], &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
}

fn captured_len(packet: &Packet<'_>) -> usize {
    packet.captured.len()
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_is_read_once_and_keeps_its_place_in_the_order() {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    let expected = samples(300, 600);
    let folder = tempfile::tempdir().unwrap();
    for compression in [None, Some(Compression::Gzip)] {
        let bytes = LITTLE.pcap(&expected[..200]);
        let bytes = compression.map_or(bytes.clone(), |compression| compress(compression, &bytes));
        let (reader, mut writer) = std::io::pipe().unwrap();
        let writing = std::thread::spawn(move || writer.write_all(&bytes).unwrap());
        let pipe = PathBuf::from(format!("/proc/self/fd/{}", reader.as_raw_fd()));
        let later = write(folder.path(), "later", &LITTLE.pcap(&expected[200..]));
        let options = ReadOptions::default();
        let opened = super::Inputs::open(&[later, pipe], &options, captured_len);
        drop(reader);
        let mut inputs = opened.unwrap();
        assert_eq!(inputs.progress().total(), None);
        let mut lengths = Vec::new();
        inputs.read(|length| lengths.push(*length)).unwrap();
        assert!(
            lengths
                .into_iter()
                .eq(expected.iter().map(|sample| sample.captured.len()))
        );
        assert_eq!(inputs.finish()[0].compression, compression);
        writing.join().unwrap();
    }
}

#[test]
fn progress_ends_at_the_total() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = LITTLE.pcap(&samples(9000, 1200));
    let paths = [
        write(folder.path(), "a", &bytes),
        write(folder.path(), "b", &compress(Compression::Lz4, &bytes)),
    ];
    let options = ReadOptions::default();
    let mut inputs = super::Inputs::open(&paths, &options, captured_len).unwrap();
    let progress = inputs.progress();
    let (mut seen, mut latest) = (Vec::new(), u64::MAX);
    let read = inputs.read(|_| {
        if progress.done() != latest {
            latest = progress.done();
            seen.push(latest);
        }
    });
    read.unwrap();
    assert!(seen.len() > 3 && seen.is_sorted(), "{seen:?}");
    assert_eq!(inputs.finish()[0].format, Some(CaptureFormat::Pcap));
    assert_eq!(Some(progress.done()), progress.total());
}

#[test]
fn strict_reading_names_file_and_offset() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = LITTLE.pcap(&samples(9, 60));
    let path = write(folder.path(), "cut", &bytes[..bytes.len() - 1]);
    let strict = ReadOptions {
        strict: true,
        ..ReadOptions::default()
    };
    match read(std::slice::from_ref(&path), &strict) {
        Err(Error::Capture {
            path: named,
            offset,
            ..
        }) => {
            assert_eq!(named, path);
            assert_eq!(offset, (bytes.len() - 16 - 61) as u64);
        }
        other => panic!("{other:?}"),
    }
}

/// Two compressed traces, more packets each than are handed over at once.
fn two_packed(folder: &std::path::Path) -> (Vec<Sample>, [PathBuf; 2]) {
    let expected = samples(9000, 60);
    let (earlier, later) = expected.split_at(5000);
    let paths = [("later", later), ("earlier", earlier)].map(|(name, samples)| {
        let bytes = compress(Compression::Gzip, &LITTLE.pcap(samples));
        write(folder, name, &bytes)
    });
    (expected, paths)
}

#[test]
fn traces_read_ahead_come_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let (expected, paths) = two_packed(folder.path());
    for ahead in [0, 1, 5] {
        let options = ReadOptions {
            ahead,
            ..ReadOptions::default()
        };
        let (samples, reports) = read(&paths, &options).unwrap();
        assert_eq!(samples, expected);
        assert_eq!([5000, 4000], [reports[0].packets, reports[1].packets]);
    }
}

/// Takes packets until there are 6,000.
struct Some6000(u32);

impl Take for Some6000 {
    type Broken = &'static str;

    fn packet(&mut self, packet: Packet<'_>) -> ControlFlow<&'static str> {
        self.view(&captured_len(&packet))
    }
}

impl TakeView<usize> for Some6000 {
    fn view(&mut self, _: &usize) -> ControlFlow<&'static str> {
        self.0 += 1;
        match self.0 {
            6000 => Break("enough"),
            _ => Continue(()),
        }
    }
}

#[test]
fn a_trace_that_is_left_early_is_not_reported() {
    let folder = tempfile::tempdir().unwrap();
    let (_, paths) = two_packed(folder.path());
    let mut inputs = super::Inputs::open(&paths, &ReadOptions::default(), captured_len).unwrap();
    let read = inputs.each(&mut Some6000(0));
    assert_eq!(read.unwrap(), Break("enough"));
    let reports = inputs.finish();
    assert_eq!(
        [5000],
        reports.iter().map(|r| r.packets).collect::<Vec<_>>()[..]
    );
}

#[test]
fn a_stop_ends_the_trace_that_is_read_ahead() {
    let folder = tempfile::tempdir().unwrap();
    let (_, paths) = two_packed(folder.path());
    let options = ReadOptions::default();
    let mut inputs = super::Inputs::open(&paths, &options, captured_len).unwrap();
    let mut taken = 0;
    let read = inputs.read(|_| {
        taken += 1;
        options.stop.stop();
    });
    read.unwrap();
    assert!(inputs.was_interrupted());
    let reports = inputs.finish();
    assert_eq!(
        [taken],
        reports.iter().map(|r| r.packets).collect::<Vec<_>>()[..]
    );
}

#[test]
#[should_panic(expected = "a viewer of a test breaks")]
fn a_panic_where_a_trace_is_read_ahead_is_passed_on() {
    let folder = tempfile::tempdir().unwrap();
    let (_, paths) = two_packed(folder.path());
    let view = |packet: &Packet<'_>| {
        assert!(packet.captured.is_empty(), "a viewer of a test breaks");
    };
    let mut inputs = super::Inputs::open(&paths, &ReadOptions::default(), view).unwrap();
    let _ = inputs.read(|()| ());
}
