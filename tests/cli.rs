//! The real program: exit codes, messages, and that results appear whole or not at all.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "what cannot go on here is a test that fails"
)]

mod support;

use std::fs;
use std::io::pipe;
use std::path::Path;
use std::process::Stdio;

use goostat::decode::Fate;
use serde_json::Value;
use support::program::{Done, Place, can_mount, set_mode};
use support::table::Table;
use support::traces::trace;

const RESULTS: [&str; 3] = ["summary.json", "tcp.parquet", "udp.parquet"];

/// Asserts that `place/out` holds the results and nothing else, and that nothing else was left.
#[track_caller]
fn assert_results(place: &Place, others: &[&str]) {
    let mut expected: Vec<&str> = others.to_vec();
    expected.push("out");
    expected.sort_unstable();
    assert_eq!(place.entries(), expected);
    let mut names: Vec<_> = fs::read_dir(place.path("out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, RESULTS);
}

fn small() -> String {
    trace("tcp/refused.pcap").path.to_str().unwrap().to_owned()
}

fn truncated() -> String {
    trace("crafted/truncated-last-record.pcap")
        .path
        .to_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_run_leaves_both_tables_and_the_summary() {
    let place = Place::new();
    let done = place.run(&[&small(), "-o", "out"]);
    done.expect(
        0,
        &["12 packets", "TCP: 4 rows", "UDP: 0 rows", "results in out"],
    );
    assert_eq!(done.stdout, "");
    assert_results(&place, &[]);
    assert_eq!(Table::read(&place.path("out/tcp.parquet")).len(), 4);
    assert_eq!(Table::read(&place.path("out/udp.parquet")).len(), 0);
}

#[test]
fn the_results_are_named_after_the_first_trace() {
    let place = Place::new();
    fs::copy(small(), place.path("morning.pcap.gz")).unwrap();
    place
        .run(&["morning.pcap.gz"])
        .expect(0, &["results in morning.out"]);
    assert_eq!(place.entries(), ["morning.out", "morning.pcap.gz"]);
}

#[test]
fn usage_errors_exit_with_2_and_say_what_to_do() {
    let place = Place::new();
    for (arguments, words) in [
        (&[][..], "<TRACE>"),
        (&["--no-such-flag"], "--no-such-flag"),
        (&["x.pcap", "--threads", "0"], "0 is not in 1..=1024"),
        (&["x.pcap", "--threads", "many"], "many"),
        (
            &["x.pcap", "--columns", "core,tcp"],
            "[possible values: core, time, rtt, seq, opt, link, all]",
        ),
        (&["x.pcap", "--tcp-idle", "10 parsecs"], "no time"),
        (&["x.pcap", "--internal", "10.0.0.0/33"], "at most 32"),
        (&["completions", "tcsh"], "possible values: bash"),
    ] {
        let done = place.run(arguments);
        done.expect(2, &["--help", words]);
        assert_eq!(done.stdout, "");
    }
    assert_eq!(place.entries(), [""; 0]);
}

#[test]
fn results_are_replaced_only_by_force() {
    let place = Place::new();
    place.run(&[&small(), "-o", "out"]).expect(0, &[]);
    let before = fs::read(place.path("out/summary.json")).unwrap();
    let tables = fs::read(place.path("out/tcp.parquet")).unwrap();
    let other = trace("udp/dns.pcap").path;
    let other = other.to_str().unwrap();
    place
        .run(&[other, "-o", "out"])
        .expect_failure(&["out", "earlier results", "--force", "-o"]);
    assert_eq!(fs::read(place.path("out/summary.json")).unwrap(), before);
    place.run(&[other, "-o", "out", "--force"]).expect(0, &[]);
    assert_results(&place, &[]);
    assert_ne!(fs::read(place.path("out/tcp.parquet")).unwrap(), tables);
    // With --force there need not be anything to replace.
    fs::remove_dir_all(place.path("out")).unwrap();
    place
        .run(&[&small(), "-o", "out", "--force"])
        .expect(0, &[]);
    assert_results(&place, &[]);
}

#[test]
fn a_failed_run_does_not_touch_the_results_it_was_to_replace() {
    let place = Place::new();
    place.run(&[&small(), "-o", "out"]).expect(0, &[]);
    let before = fs::read(place.path("out/tcp.parquet")).unwrap();
    place
        .run(&[&truncated(), "-o", "out", "--force", "--strict"])
        .expect_failure(&["truncated-last-record"]);
    assert_results(&place, &[]);
    assert_eq!(fs::read(place.path("out/tcp.parquet")).unwrap(), before);
}

#[test]
fn other_peoples_files_are_never_replaced() {
    let place = Place::new();
    fs::create_dir(place.path("out")).unwrap();
    place.file("out/thesis.tex", "ten years of work");
    let trace = small();
    for (folder, words) in [("out", "other files"), ("out/thesis.tex", "not a folder")] {
        place
            .run(&[&trace, "-o", folder])
            .expect_failure(&[folder, words]);
        place
            .run(&[&trace, "-o", folder, "--force"])
            .expect_failure(&[folder, words]);
    }
    assert_eq!(place.entries(), ["out"]);
    assert_eq!(
        fs::read(place.path("out/thesis.tex")).unwrap(),
        b"ten years of work"
    );
}

#[test]
fn files_that_appear_during_the_run_are_not_replaced_either() {
    let place = Place::new();
    let mut command = place.command();
    command.args(["-", "-o", "out"]).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // The run has begun when its own folder is there, and cannot end before its input does.
    while place.entries().is_empty() {
        std::thread::yield_now();
    }
    fs::create_dir(place.path("out")).unwrap();
    place.file("out/thesis.tex", "ten years of work");
    let bytes = fs::read(small()).unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), &bytes).unwrap();
    let done = Done::from(child.wait_with_output().unwrap());
    done.expect_failure(&["out", "other files"]);
    assert_eq!(place.entries(), ["out"]);
    assert_eq!(
        fs::read(place.path("out/thesis.tex")).unwrap(),
        b"ten years of work"
    );
}

#[test]
fn an_empty_folder_is_filled() {
    let place = Place::new();
    fs::create_dir(place.path("out")).unwrap();
    place.run(&[&small(), "-o", "out"]).expect(0, &[]);
    assert_results(&place, &[]);
}

/// A run that was killed leaves its hidden folder; where process ids repeat, as in containers, the next one must
/// not stumble over it.
#[test]
fn what_a_killed_run_has_left_is_in_nobodys_way() {
    let place = Place::new();
    let script = r#"mkdir ".out.partial-$$-0"; exec "$@""#;
    place
        .run_in_shell(script, &[&small(), "-o", "out"])
        .expect(0, &[]);
    assert!(place.path("out/tcp.parquet").exists());
}

#[test]
fn input_that_cannot_be_read_ends_the_run() {
    let place = Place::new();
    place
        .run(&["absent.pcap", "-o", "out"])
        .expect_failure(&["absent.pcap", "No such file"]);
    place
        .run(&[&small(), "absent.pcap", "-o", "out", "--strict"])
        .expect_failure(&["absent.pcap"]);
    let secret = place.file("secret.pcap", fs::read(small()).unwrap());
    set_mode(&secret, 0);
    let arguments = ["secret.pcap", "-o", "out"];
    place
        .run_as_nobody(&arguments)
        .expect_failure(&["secret.pcap", "Permission denied"]);
    assert_eq!(place.entries(), ["secret.pcap"]);
}

#[test]
fn what_cannot_be_read_among_others_is_told_and_the_rest_is_done() {
    let place = Place::new();
    place.file("notes.txt", "no capture");
    let done = place.run(&["absent.pcap", &small(), "notes.txt", "-o", "out"]);
    done.expect(
        1,
        &[
            "12 packets in 1.1 kB of 1 trace:",
            "goostat: absent.pcap: cannot read: No such file",
            "goostat: notes.txt: at byte 0: ",
            "goostat: 2 traces could not be read; the results hold the rest",
        ],
    );
    assert_eq!(Table::read(&place.path("out/tcp.parquet")).len(), 4);
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(place.path("out/summary.json")).unwrap()).unwrap();
    let failures = json["traces"].as_array().unwrap().iter();
    let failures: Vec<bool> = failures.map(|trace| trace["failure"].is_string()).collect();
    assert_eq!(failures, [true, true, false]);
}

#[test]
fn what_is_no_capture_ends_the_run() {
    let place = Place::new();
    place.file("empty.pcap", "");
    place.file(
        "notes.txt",
        "These are notes, and rather long ones, but no packets.",
    );
    place.file("short.pcap", [0xd4, 0xc3, 0xb2, 0xa1, 2]);
    place.file(
        "empty.gz",
        fs::read(trace("crafted/truncated.pcap.gz").path)
            .unwrap()
            .split_at(10)
            .0,
    );
    for name in ["empty.pcap", "notes.txt", "short.pcap", "empty.gz"] {
        let done = place.run(&[name, "-o", "out"]);
        done.expect_failure(&[name]);
        assert!(!place.path("out").exists());
    }
    assert_eq!(
        place.entries(),
        ["empty.gz", "empty.pcap", "notes.txt", "short.pcap"]
    );
}

#[test]
fn a_capture_without_packets_gives_tables_without_rows() {
    for name in ["crafted/header-only.pcap", "crafted/header-only.pcapng"] {
        let place = Place::new();
        place
            .run(&[trace(name).path.to_str().unwrap(), "-o", "out"])
            .expect(0, &["0 packets"]);
        assert_results(&place, &[]);
        let full = Place::new();
        full.run(&[&small(), "-o", "out"]).expect(0, &[]);
        for table in ["out/tcp.parquet", "out/udp.parquet"] {
            let empty = Table::read(&place.path(table));
            assert_eq!(empty.len(), 0);
            assert_eq!(empty.schema, Table::read(&full.path(table)).schema);
            assert!(empty.schema.fields().len() > 40);
        }
    }
}

#[test]
fn a_folder_of_captures_is_one_trace() {
    let place = Place::new();
    let folder = trace("packagings/split").path;
    place
        .run(&[folder.to_str().unwrap(), "-o", "out"])
        .expect(0, &["206 packets", "3 traces"]);
    let whole = Place::new();
    let path = trace("packagings/le.pcap").path;
    whole
        .run(&[path.to_str().unwrap(), "-o", "out"])
        .expect(0, &["206 packets"]);
    for table in ["out/tcp.parquet", "out/udp.parquet"] {
        assert_eq!(
            fs::read(place.path(table)).unwrap(),
            fs::read(whole.path(table)).unwrap()
        );
    }
}

#[test]
fn a_folder_may_hold_other_files_but_has_to_hold_a_capture() {
    let place = Place::new();
    fs::create_dir_all(place.path("captures/deeper")).unwrap();
    place.file("captures/notes.txt", "on these captures");
    place
        .run(&["captures", "-o", "out"])
        .expect_failure(&["captures"]);
    fs::copy(small(), place.path("captures/deeper/a.pcap")).unwrap();
    place.run(&["captures", "-o", "out"]).expect(
        0,
        &["12 packets in", "of 1 trace:", "notes.txt is no capture"],
    );
    assert_results(&place, &["captures"]);
}

/// Traces of the same time are not merged, which is told. One given twice is such a pair.
#[test]
fn traces_that_overlap_are_told_of() {
    let place = Place::new();
    place.run(&[&small(), &small(), "-o", "out"]).expect(
        0,
        &[
            "24 packets",
            "begins before",
            "mergecap puts their packets in order",
        ],
    );
    let split = trace("packagings/split").path;
    let done = place.run(&[split.to_str().unwrap(), "-o", "out2"]);
    assert!(!done.expect(0, &["206 packets"]).stderr.contains("warning"));
}

/// What cannot be listed costs itself, links are followed, in circles too, and what is no file is told of.
#[cfg(unix)]
#[test]
fn a_folder_may_hold_closed_folders_and_links() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let place = Place::new();
    fs::create_dir_all(place.path("captures/closed")).unwrap();
    fs::create_dir(place.path("elsewhere")).unwrap();
    let open = fs::Permissions::from_mode(0o777);
    fs::set_permissions(place.path("."), open).unwrap();
    fs::copy(small(), place.path("elsewhere/a.pcap")).unwrap();
    symlink("../elsewhere", place.path("captures/day1")).unwrap();
    symlink(".", place.path("captures/circle")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(place.path("captures/socket")).unwrap();
    place.run(&["captures", "-o", "out", "--json"]).expect(
        0,
        &[
            "12 packets in",
            "of 1 trace:",
            "captures/socket is no capture",
        ],
    );
    symlink("nothing", place.path("captures/day2")).unwrap();
    let closed = fs::Permissions::from_mode(0o000);
    fs::set_permissions(place.path("captures/closed"), closed).unwrap();
    let done = place.run_as_nobody(&["captures", "-o", "out2"]);
    done.expect(
        1,
        &[
            "12 packets in",
            "captures/closed: cannot list: ",
            "captures/day2: cannot open: ",
        ],
    );
    assert!(Table::read(&place.path("out2/tcp.parquet")).len() > 0);
    place
        .run_as_nobody(&["captures", "-o", "out3", "--strict"])
        .expect_failure(&["captures/"]);
    fs::create_dir(place.path("empty")).unwrap();
    place
        .run(&["empty", "-o", "out4"])
        .expect_failure(&["empty: ", "there is no capture in this folder"]);
}

#[test]
fn a_dash_is_standard_input() {
    let place = Place::new();
    let gz = fs::read(trace("packagings/le.pcap.gz").path).unwrap();
    place
        .run_with_input(&["-"], gz)
        .expect(0, &["206 packets", "stdin.out"]);
    assert_eq!(place.entries(), ["stdin.out"]);
    let rows = Table::read(&place.path("stdin.out/tcp.parquet")).len();
    assert!(rows > 0);
    let nothing = place.run_with_input(&["-", "-o", "out"], Vec::new());
    nothing.expect_failure(&["-"]);
    assert_eq!(place.entries(), ["stdin.out"]);
}

#[test]
fn results_that_cannot_be_put_anywhere_end_the_run() {
    let place = Place::new();
    place.file("file", "");
    place
        .run(&[&small(), "-o", "file/out"])
        .expect_failure(&["file", "Not a directory"]);
    place
        .run(&[&small(), "-o", "absent/out"])
        .expect_failure(&["absent", "No such file"]);
    let locked = place.path("locked");
    fs::create_dir(&locked).unwrap();
    set_mode(&locked, 0o555);
    // Nobody can look for the traces in the project's folder, which may be closed to them.
    let bytes = fs::read(small()).unwrap();
    place.file("a.pcap", bytes);
    let done = place.run_as_nobody(&["a.pcap", "-o", "locked/out"]);
    done.expect_failure(&["locked", "Permission denied"]);
    assert_eq!(place.entries(), ["a.pcap", "file", "locked"]);
    assert!(fs::read_dir(locked).unwrap().next().is_none());
}

#[test]
fn a_file_system_that_is_read_only_ends_the_run() {
    if !can_mount() {
        return;
    }
    let place = Place::new();
    fs::create_dir(place.path("mounted")).unwrap();
    let script =
        r#"exec unshare -rm sh -c 'mount -t tmpfs -o ro tmpfs mounted; exec "$@"' sh "$@""#;
    let done = place.run_in_shell(script, &[&small(), "-o", "mounted/out"]);
    done.expect_failure(&["mounted", "Read-only file system"]);
}

/// The trace is long enough for tables that do not fit, and they grow over the limit only when they are written.
#[test]
fn a_full_disk_ends_the_run_and_nothing_is_left_on_it() {
    if !can_mount() {
        return;
    }
    let place = Place::new();
    fs::create_dir(place.path("mounted")).unwrap();
    let script = r#"exec unshare -rm sh -c '
        mount -t tmpfs -o size=16k tmpfs mounted
        "$@"
        code=$?
        ls -A mounted
        exit $code' sh "$@""#;
    let path = trace("tcp/many-short-connections.pcap").path;
    let done = place.run_in_shell(script, &[path.to_str().unwrap(), "-o", "mounted/out"]);
    done.expect_failure(&["mounted", "No space left on device"]);
}

/// A limit on the size of files stops a write as a full disk does, and needs nobody's permission.
#[test]
fn a_limit_on_files_ends_the_run_and_nothing_is_left() {
    let place = Place::new();
    let script = r#"trap "" XFSZ; ulimit -f 1; exec "$@""#;
    place
        .run_in_shell(script, &[&small(), "-o", "out"])
        .expect_failure(&["parquet", "File too large"]);
    assert_eq!(place.entries(), [""; 0]);
}

#[test]
fn damage_is_a_warning_that_says_what_was_lost() {
    let place = Place::new();
    let done = place.run(&[&truncated(), "-o", "out"]);
    done.expect(
        0,
        &[
            "warning: ",
            "truncated-last-record.pcap",
            "at byte ",
            "bytes are lost",
            "59 packets",
        ],
    );
    assert_results(&place, &[]);
    let done = place.run(&[&truncated(), "-o", "quiet", "--quiet"]);
    done.expect(0, &["warning: "]);
    assert_eq!(done.stderr.lines().count(), 1);
}

#[test]
fn damage_is_an_error_to_the_strict() {
    for (name, offset) in [
        ("crafted/truncated-last-record.pcap", true),
        ("crafted/truncated-record-header.pcap", true),
        ("crafted/truncated-last-block.pcapng", true),
        ("crafted/absurd-length.pcap", true),
        ("crafted/truncated.pcap.gz", true),
    ] {
        let place = Place::new();
        let path = trace(name).path;
        let done = place.run(&[path.to_str().unwrap(), "-o", "out", "--strict"]);
        let file = Path::new(name).file_name().unwrap().to_str().unwrap();
        done.expect_failure(&[file]);
        assert_eq!(done.stderr.contains("at byte "), offset, "{done:?}");
        assert_eq!(place.entries(), [""; 0]);
        place
            .run(&[path.to_str().unwrap(), "-o", "out"])
            .expect(0, &[file, "warning"]);
    }
    let place = Place::new();
    place
        .run(&[&small(), "-o", "out", "--strict"])
        .expect(0, &[]);
}

#[test]
fn the_summary_as_json_is_the_summary_file_and_adds_up() {
    let place = Place::new();
    let path = trace("mixed/http-dns.pcap").path;
    let done = place.run(&[path.to_str().unwrap(), "-o", "out", "--json"]);
    done.expect(0, &["206 packets"]);
    let told: Value = serde_json::from_str(&done.stdout).unwrap();
    let written = fs::read_to_string(place.path("out/summary.json")).unwrap();
    assert_eq!(told, serde_json::from_str::<Value>(&written).unwrap());
    let packets = &told["packets"];
    let fates = packets["fates"].as_object().unwrap();
    assert_eq!(fates.len(), Fate::ALL.len());
    let sum: u64 = fates.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!((sum, packets["read"].as_u64()), (206, Some(206)));
    let trace = &told["traces"][0];
    assert_eq!(trace["packets"], 206);
    assert_eq!(trace["bytes"], fs::metadata(&path).unwrap().len());
    assert_eq!(
        (&trace["format"], &trace["link_types"][0]),
        (&"pcap".into(), &1.into())
    );
    assert_eq!(trace["damage"].as_array().unwrap().len(), 0);
    assert!(trace["first_ns"].as_i64() < trace["last_ns"].as_i64());
    for table in ["tcp", "udp"] {
        let table = &told["flows"][table];
        let reasons = table["end_reasons"].as_object().unwrap().values();
        let sum: u64 = reasons.map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(table["rows"].as_u64(), Some(sum));
        assert!(sum > 0);
    }
    for rate in [
        "seconds",
        "packets_per_second",
        "bytes_per_second",
        "peak_memory_bytes",
    ] {
        assert!(told[rate].as_f64().unwrap() > 0.0, "{rate}");
    }
}

#[test]
fn quiet_says_nothing_when_nothing_is_wrong() {
    let place = Place::new();
    let done = place.run(&[&small(), "-o", "out", "--quiet"]);
    done.expect(0, &[]);
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", ""));
    assert_results(&place, &[]);
    let done = place.run(&[&small(), "-o", "json", "--quiet", "--json"]);
    assert_eq!(done.stderr, "");
    assert!(serde_json::from_str::<Value>(&done.stdout).is_ok());
}

#[test]
fn nothing_moves_where_nobody_looks() {
    let place = Place::new();
    let path = trace("lossy/loss-2pct.pcap").path;
    let done = place.run(&[path.to_str().unwrap(), "-o", "out"]);
    // A progress bar goes back to the beginning of its line.
    let moving = |c: char| c.is_control() && c != '\n';
    assert!(!done.stderr.contains(moving), "{done:?}");
}

#[test]
fn link_types_are_told_with_their_names() {
    let place = Place::new();
    let mut bytes = fs::read(trace("tcp/refused.pcap").path).unwrap();
    bytes[20..24].copy_from_slice(&189_u32.to_le_bytes());
    place.file("usb.pcap", bytes);
    let done = place.run(&["usb.pcap", "-o", "out", "--json"]);
    done.expect(0, &["bad_link 12 (link type 189 USB_LINUX)\n"]);
    let told: Value = serde_json::from_str(&done.stdout).unwrap();
    let expected = serde_json::json!([
        {"number": 189, "name": "USB_LINUX", "opened": false, "packets": 12}
    ]);
    assert_eq!(told["packets"]["link_types"], expected);
    let both = place.run(&["usb.pcap", &small(), "-o", "both", "--json"]);
    let told: Value = serde_json::from_str(&both.stdout).unwrap();
    let types = told["packets"]["link_types"].as_array().unwrap();
    assert_eq!(types[0]["number"], 1);
    assert_eq!(
        (&types[0]["opened"], &types[0]["packets"]),
        (&true.into(), &12.into())
    );
    assert_eq!(types.len(), 2);
}

/// An 802.11 frame of two packets, then one that is encrypted.
#[test]
fn wireless_frames_have_one_fate_each_and_more_packets_are_counted() {
    let ip = [
        0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ];
    let llc = [0xAA, 0xAA, 3, 0, 0, 0, 8, 0];
    let udp = [3, 232, 0, 53, 0, 8, 0, 0];
    let addresses = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    let msdu = [&addresses[..], &[0, 36], &llc, &ip, &udp, &[0, 0]].concat();
    let header = |kind, flags| [&[kind, flags, 0, 0][..], &addresses, &[2; 6], &[16, 0]].concat();
    let two = [header(0x88, 1), vec![0x80, 0], msdu.clone(), msdu].concat();
    let encrypted = [header(0x08, 0x41), vec![7; 50]].concat();
    let file_header = &fs::read(small()).unwrap()[..20];
    let mut bytes = [file_header, &105_u32.to_le_bytes()].concat();
    for frame in [two, encrypted] {
        let length = u32::try_from(frame.len()).unwrap();
        for word in [1, 0, length, length] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(frame);
    }
    let place = Place::new();
    place.file("wifi.pcap", bytes);
    let done = place.run(&["wifi.pcap", "-o", "out", "--json"]);
    done.expect(0, &["2 packets", "udp 1, protected 1"]);
    let told: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(told["packets"]["further_msdus"], 1);
}

#[test]
fn tunnels_are_opened_or_not() {
    let place = Place::new();
    let path = trace("tunnel/geneve.pcap").path;
    let path = path.to_str().unwrap();
    place.run(&[path, "-o", "all"]).expect(0, &[]);
    place
        .run(&[path, "-o", "none", "--decap", "none"])
        .expect(0, &[]);
    let ports = |out: &str| {
        let table = Table::read(&place.path(out).join("udp.parquet"));
        table
            .rows()
            .filter(|row| row.int("s_port") == Some(6081))
            .count()
    };
    assert_eq!((ports("all"), ports("none") > 0), (0, true));
}

#[test]
fn only_the_columns_asked_for_are_written() {
    let place = Place::new();
    place
        .run(&[&small(), "-o", "out", "--columns", "core,time"])
        .expect(0, &[]);
    let schema = Table::read(&place.path("out/tcp.parquet")).schema;
    let groups: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.metadata()["group"].as_str())
        .collect();
    assert!(groups.contains(&"core") && groups.contains(&"time"));
    assert!(groups.iter().all(|group| ["core", "time"].contains(group)));
}

#[test]
fn help_and_version_and_the_other_texts_are_there() {
    let place = Place::new();
    let version = place.run(&["--version"]);
    version.expect(0, &[]);
    assert_eq!(
        version.stdout,
        concat!("goostat ", env!("CARGO_PKG_VERSION"), "\n")
    );
    for flag in ["--help", "-h"] {
        let help = place.run(&[flag]);
        help.expect(0, &[]);
        for words in [
            "TRACE",
            "--out",
            "--threads",
            "--columns",
            "--strict",
            "--force",
            "Exit codes",
        ] {
            assert!(help.stdout.contains(words), "{flag}: no {words}");
        }
    }
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let completions = place.run(&["completions", shell]);
        completions.expect(0, &[]);
        assert!(
            completions.stdout.contains("goostat") && completions.stdout.contains("threads"),
            "{shell}"
        );
    }
    let man = place.run(&["man"]);
    man.expect(0, &[]);
    assert!(man.stdout.contains(".TH goostat 1") && man.stdout.contains("strict"));
    let columns = place.run(&["columns"]);
    assert!(
        columns.expect(0, &[]).stdout.contains("| c_pkts |")
            || columns.stdout.contains("| x_pkts |")
    );
    assert_eq!(place.entries(), [""; 0]);
}

/// Messages to a full disk or a closed window are lost, and nothing else is.
#[test]
fn a_run_that_cannot_tell_of_it_is_a_run() {
    let place = Place::new();
    for (name, code) in [
        (small(), 0),
        (truncated(), 0),
        ("absent.pcap".to_owned(), 1),
    ] {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let mut command = place.command();
        command
            .args([name.as_str(), "-o", "out", "--force"])
            .stderr(full);
        Done::of(&mut command).expect(code, &[]);
        assert_results(&place, &[]);
    }
}

/// `script` lends a terminal to the program, on which the bar stands until the summary takes its place.
#[test]
fn the_progress_bar_goes_before_the_summary_comes() {
    let place = Place::new();
    let script = r#"exec script -qec "$1 $2 -o out" /dev/null"#;
    let done = place.run_in_shell(script, &[small()]);
    if done.code == Some(127) {
        eprintln!("LEFT OUT: there is no program named script");
        return;
    }
    done.expect(0, &[]);
    let (before, _) = done.stdout.split_once("12 packets").unwrap();
    assert!(before.contains("B of "), "no bar: {done:?}");
    let (_, line) = before.rsplit_once(['\r', '\n', 'K']).unwrap();
    assert_eq!(line, "", "{done:?}");
}

/// `goostat man | head`: whoever stops reading has seen enough.
#[test]
fn a_reader_that_stops_is_no_error() {
    let place = Place::new();
    for arguments in [
        &["man"][..],
        &["completions", "bash"],
        &[&small(), "-o", "out", "--json"],
    ] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let done = Done::of(place.command().args(arguments).stdout(writer));
        done.expect(0, &[]);
    }
    assert_results(&place, &[]);
}

#[test]
fn a_summary_that_cannot_be_printed_is_an_error() {
    let place = Place::new();
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut command = place.command();
    command.args([&small(), "-o", "out", "--json"]).stdout(full);
    Done::of(&mut command).expect_failure(&["standard output", "No space left"]);
    assert_results(&place, &[]);
}
