//! What may happen to a run from outside: files that change under it, signals, and folders that
//! vanish. Each is really done to the real program.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "what cannot go on here is a test that fails"
)]

mod made;
mod support;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use made::{Kind, Target};
use serde_json::Value;
use support::program::Place;
use support::table::Table;
use support::traces::trace;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn make(place: &Place, name: &str, kind: Kind, target: Target) {
    made::make(&place.path(name), kind, target);
}

fn start(place: &Place, arguments: &[&str], stdin: Stdio) -> Child {
    begin(place.command(), arguments, stdin)
}

fn begin(mut command: Command, arguments: &[&str], stdin: Stdio) -> Child {
    command.args(arguments).stdin(stdin);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// A run that has begun on a trace whose rows take a while to write.
fn start_flood(place: &Place) -> Child {
    make(
        place,
        "flood.pcap",
        Kind::Synflood,
        Target::Packets(400_000),
    );
    let child = start(place, &["flood.pcap", "-o", "out"], Stdio::null());
    wait_for_output(place);
    child
}

/// A run that has begun on a pipe with 206 packets. More are to come, as from tcpdump.
fn start_pipe(place: &Place) -> (Child, ChildStdin) {
    start_pipe_with(place, place.command())
}

fn start_pipe_with(place: &Place, command: Command) -> (Child, ChildStdin) {
    let mut child = begin(command, &["-", "-o", "out"], Stdio::piped());
    let bytes = fs::read(trace("packagings/le.pcap").path).unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&bytes).unwrap();
    wait_for_output(place);
    (child, pipe)
}

/// Waits for the end, which has to come.
fn end(mut child: Child) -> (Output, String) {
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "the program hangs");
        sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    (output, stderr)
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-s", name, &id]).status();
    assert!(sent.unwrap().success());
}

/// Waits until the run has begun to write.
fn wait_for_output(place: &Place) {
    let deadline = Instant::now() + PATIENCE;
    let has_begun = |place: &Place| {
        let entries = place.entries();
        let hidden = entries.iter().find(|name| name.starts_with(".out.partial"));
        hidden.is_some_and(|name| place.path(name).join("udp.parquet").exists())
    };
    while !has_begun(place) {
        let entries = place.entries();
        assert!(
            Instant::now() < deadline,
            "the run does not begin: {entries:?}"
        );
        sleep(Duration::from_millis(1));
    }
}

fn cut(place: &Place, len: u64) {
    let mut how = OpenOptions::new();
    let file = how.write(true).open(place.path("big.pcap")).unwrap();
    file.set_len(len).unwrap();
}

fn summary(place: &Place) -> Value {
    serde_json::from_slice(&fs::read(place.path("out/summary.json")).unwrap()).unwrap()
}

#[test]
fn a_mapped_file_that_is_cut_short_is_told_of_and_ends_nothing_without_words() {
    let place = Place::new();
    for cut_to in [0, 5_000_000] {
        make(&place, "big.pcap", Kind::Web, Target::Bytes(100_000_000));
        let child = start(&place, &["big.pcap", "-o", "out", "--force"], Stdio::null());
        wait_for_output(&place);
        cut(&place, cut_to);
        let (output, stderr) = end(child);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        let words = "big.pcap: at byte ";
        assert!(stderr.contains(words), "{stderr}");
        assert!(
            stderr.contains("the file was cut short while it was read"),
            "{stderr}"
        );
        let summary = summary(&place);
        assert!(summary["traces"][0]["failure"].is_string());
        let read = summary["packets"]["read"].as_u64().unwrap();
        assert!(read < 100_000_000 / 784, "not all was there: {read}");
    }
}

#[test]
fn a_file_that_is_cut_short_can_be_followed_by_reading_it() {
    let place = Place::new();
    make(&place, "big.pcap", Kind::Web, Target::Bytes(100_000_000));
    let arguments = ["big.pcap", "-o", "out", "--io", "read"];
    let child = start(&place, &arguments, Stdio::null());
    wait_for_output(&place);
    cut(&place, 5_000_000);
    let (output, stderr) = end(child);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(summary(&place)["packets"]["read"].as_u64().unwrap() > 0);
}

#[test]
fn a_file_that_grows_is_read_to_where_it_ended_or_ends() {
    for io in ["mmap", "read"] {
        let place = Place::new();
        make(&place, "big.pcap", Kind::Web, Target::Bytes(30_000_000));
        let arguments = ["big.pcap", "-o", "out", "--io", io];
        let child = start(&place, &arguments, Stdio::null());
        wait_for_output(&place);
        let mut file = OpenOptions::new();
        let mut file = file.append(true).open(place.path("big.pcap")).unwrap();
        file.write_all(&[0; 7]).unwrap();
        let (output, stderr) = end(child);
        assert_eq!(output.status.code(), Some(0), "{io}: {stderr}");
    }
}

#[test]
fn the_first_signal_ends_the_reading_and_what_was_read_is_written() {
    for name in ["INT", "TERM"] {
        let place = Place::new();
        let (child, pipe) = start_pipe(&place);
        sleep(Duration::from_millis(300));
        signal(&child, name);
        let (output, stderr) = end(child);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(
            stderr.contains("goostat: stopped; writing what was read"),
            "{stderr}"
        );
        assert!(
            stderr.contains("the results hold what was read"),
            "{stderr}"
        );
        let summary = summary(&place);
        assert_eq!(summary["interrupted"], true);
        assert_eq!(summary["packets"]["read"], 206);
        assert!(Table::read(&place.path("out/tcp.parquet")).len() > 0);
        drop(pipe);
    }
}

#[test]
fn a_signal_ends_the_reading_of_a_mapped_file_too() {
    let place = Place::new();
    make(&place, "big.pcap", Kind::Web, Target::Bytes(200_000_000));
    let child = start(&place, &["big.pcap", "-o", "out"], Stdio::null());
    wait_for_output(&place);
    signal(&child, "TERM");
    let (output, stderr) = end(child);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let summary = summary(&place);
    assert_eq!(summary["interrupted"], true);
    assert!(summary["packets"]["read"].as_u64().unwrap() < 200_000_000 / 790);
}

/// A terminal that goes away ends a run, but none that was started with `nohup`.
#[cfg(target_os = "linux")]
#[test]
fn a_hangup_ends_the_reading_unless_it_is_to_be_ignored() {
    for (script, code) in [(r#"exec "$@""#, 1), (r#"trap "" HUP; exec "$@""#, 0)] {
        let place = Place::new();
        let (child, pipe) = start_pipe_with(&place, place.shell(script));
        sleep(Duration::from_millis(300));
        signal(&child, "HUP");
        sleep(Duration::from_millis(300));
        drop(pipe);
        let (output, stderr) = end(child);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert_eq!(summary(&place)["interrupted"], code == 1);
    }
}

#[test]
fn the_second_signal_ends_it_all_and_leaves_nothing() {
    let place = Place::new();
    let child = start_flood(&place);
    sleep(Duration::from_millis(200));
    signal(&child, "INT");
    sleep(Duration::from_millis(100));
    signal(&child, "INT");
    let (output, stderr) = end(child);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert_eq!(place.entries(), ["flood.pcap"]);
}

#[test]
fn a_killed_run_leaves_no_folder_that_looks_finished() {
    let place = Place::new();
    let child = start_flood(&place);
    signal(&child, "KILL");
    let (output, _) = end(child);
    assert_eq!(output.status.signal(), Some(9));
    assert!(!place.path("out").exists());
    let arguments = [trace("packagings/le.pcap").path];
    let done = Command::new(env!("CARGO_BIN_EXE_goostat"))
        .current_dir(place.path("."))
        .args(arguments)
        .args(["-o", "out"])
        .output();
    assert!(done.unwrap().status.success());
    assert!(place.path("out/summary.json").exists());
}

#[test]
fn results_whose_folder_vanishes_end_the_run() {
    let place = Place::new();
    let (child, pipe) = start_pipe(&place);
    for name in place.entries() {
        fs::remove_dir_all(place.path(&name)).unwrap();
    }
    drop(pipe);
    let (output, stderr) = end(child);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("No such file or directory"), "{stderr}");
    assert_eq!(place.entries(), Vec::<String>::new());
}
