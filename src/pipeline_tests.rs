//! Who waits for whom in a run, and what a failure of one does to the others.

use std::fs;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::Error;
use crate::batch::{Batch, shard};
use crate::capture::{Inputs, ReadOptions};
use crate::config::{Config, FlowOptions, Limit};
use crate::decode::IpVersion;
use crate::intake::Intake;
use crate::key::{Endpoint, FlowKey, KeyHasher, Protocol};
use crate::output::OutputFolder;
use crate::pipeline;
use crate::sizes::Sizes;

/// So small that everyone waits for everyone else all the time, where no two may wait for each
/// other.
const TINY: [Sizes; 4] = [
    tiny(1, 1, 1, [1, 1], 1),
    tiny(5, 1, 2, [1, 2], 1),
    tiny(7, 2, 1, [1, 3], 2),
    tiny(40, 3, 3, [2, 2], 4),
];

const fn tiny(
    epoch: u64,
    batch: usize,
    batches: usize,
    [few, enough]: [usize; 2],
    pieces: usize,
) -> Sizes {
    Sizes {
        epoch,
        batch,
        batches,
        few,
        enough,
        stretch: 30,
        pieces,
    }
}

/// Which flows there are: all, more of one half of the workers than of the other, one half's.
const SHARES: [fn(u32) -> bool; 3] = [
    |_| true,
    |flow| flow % 4 == 0 || is_of_upper_half(flow),
    is_of_upper_half,
];

#[test]
fn no_two_wait_for_each_other_and_the_bytes_are_the_same() {
    for share in SHARES {
        let trace = trace(&packets(500, share));
        for sizes in TINY {
            for limit in [None, Some(3), Some(20)] {
                let run = |threads| run(&trace, threads, limit, sizes, false).unwrap();
                let alone = run(1);
                for threads in [2, 3, 5] {
                    assert!(
                        run(threads) == alone,
                        "{threads} threads, {limit:?}, {sizes:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn who_reads_ahead_changes_no_byte() {
    let trace = crate::pieces_tests::trace(2000);
    for sizes in TINY.into_iter().chain([Sizes::default()]) {
        let alone = run(&trace, 1, None, sizes, false).unwrap();
        for threads in [2, 3, 5] {
            let tables = run(&trace, threads, None, sizes, false).unwrap();
            assert!(tables == alone, "{threads} threads, {sizes:?}");
        }
    }
}

/// With more rows than may wait to be encoded: who waits for room for more has to encode some.
#[test]
fn no_two_wait_for_each_other_to_encode() {
    let flows: Vec<u32> = (0..40_000).collect();
    let trace = trace(&flows);
    let sizes = Sizes {
        pieces: 1,
        ..Sizes::default()
    };
    let alone = run(&trace, 1, None, sizes, false).unwrap();
    for threads in [2, 3] {
        let tables = run(&trace, threads, None, sizes, false).unwrap();
        assert!(tables == alone, "{threads} threads");
    }
}

#[test]
fn whatever_fails_ends_the_run_and_leaves_nothing() {
    let mut packets = packets(500, SHARES[0]);
    let whole = trace(&packets);
    packets[400] = BROKEN;
    let failures = [
        (trace(&packets), false, "panicked"),
        (whole[..whole.len() - 1].to_vec(), false, "ends inside"),
        (whole, true, "cannot create"),
    ];
    for (trace, is_taken, message) in failures {
        for sizes in TINY.into_iter().chain([Sizes::default()]) {
            for (threads, limit) in [(1, None), (2, None), (3, None), (3, Some(3))] {
                let error = run(&trace, threads, limit, sizes, is_taken).unwrap_err();
                assert!(error.to_string().contains(message), "{error}");
            }
        }
    }
}

/// The flow at which a worker breaks.
const BROKEN: u32 = 0xdead_dead;

/// Whether a worker shall break at this batch.
pub(crate) fn is_broken(batch: &Batch) -> bool {
    let broken = key(BROKEN);
    batch.packets.iter().any(|packet| packet.key == broken)
}

const SEED: u64 = 7;

/// Both tables that become of a trace, unless it takes for ever. The writer finds the name of one
/// of them taken, or not.
fn run(
    trace: &[u8],
    threads: usize,
    limit: Option<u64>,
    sizes: Sizes,
    is_taken: bool,
) -> Result<[Vec<u8>; 2], Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.pcap");
    fs::write(&path, trace).unwrap();
    let config = Config {
        traces: vec![path],
        out: folder.path().join("out"),
        force: false,
        read: ReadOptions {
            strict: true,
            ..ReadOptions::default()
        },
        threads,
        flow: FlowOptions {
            limit: limit.map(Limit::Flows),
            ..FlowOptions::default()
        },
        hash_seed: Some(SEED),
    };
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(tables(&config, sizes, is_taken)));
    // A second at a time: whoever is stopped from outside for long has not hung.
    let result = (0..100).find_map(|_| result.recv_timeout(Duration::from_secs(1)).ok());
    let tables = result.unwrap_or_else(|| panic!("{threads} threads, {limit:?}, {sizes:?}"));
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "nothing is left beside the trace");
    tables
}

fn tables(config: &Config, sizes: Sizes, is_taken: bool) -> Result<[Vec<u8>; 2], Error> {
    let folder = OutputFolder::create(&config.out, config.force)?;
    if is_taken {
        fs::create_dir(folder.path("udp.parquet")).unwrap();
    }
    let intake = Intake::new(&config.flow, KeyHasher::seeded(SEED));
    let mut inputs = Inputs::open(&config.traces, &config.read, intake.decoder())?;
    pipeline::run(config, &mut inputs, intake, &folder, sizes)?;
    Ok(["tcp.parquet", "udp.parquet"].map(|name| fs::read(folder.path(name)).unwrap()))
}

fn is_of_upper_half(flow: u32) -> bool {
    shard(KeyHasher::seeded(SEED).hash(&key(flow)), 2) == 1
}

/// The flows of so many packets, of those that are `wanted`. Half of the packets, or more, are the
/// first ones of their flows.
fn packets(count: usize, wanted: impl Fn(u32) -> bool) -> Vec<u32> {
    let flows: Vec<u32> = (0..).filter(|&flow| wanted(flow)).take(count).collect();
    let earlier = |at: usize| flows[at * 7919 % (at + 1)];
    (0..count)
        .map(|at| if at % 2 == 0 { flows[at] } else { earlier(at) })
        .collect()
}

/// A capture of packets half a second apart, of these flows: datagrams and SYNs.
fn trace(packets: &[u32]) -> Vec<u8> {
    let head: [u32; 6] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 101];
    let mut bytes: Vec<u8> = head.iter().flat_map(|word| word.to_le_bytes()).collect();
    for (at, flow) in (0_u32..).zip(packets) {
        let words = [at / 2, at % 2 * 500_000, 40, 40];
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        let (protocol, header) = match protocol(*flow) {
            Protocol::Tcp => (6, [0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0]),
            Protocol::Udp => (17, [0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        };
        bytes.extend([0x45, 0, 0, 40, 0, 0, 0, 0, 64, protocol, 0, 0]);
        bytes.extend(flow.to_be_bytes());
        bytes.extend([9, 9, 9, 9, 0, 53, 0, 53]);
        bytes.extend(header);
    }
    bytes
}

fn protocol(flow: u32) -> Protocol {
    match flow % 3 {
        0 => Protocol::Tcp,
        _ => Protocol::Udp,
    }
}

fn key(flow: u32) -> FlowKey {
    let endpoint = |address: [u8; 4]| {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&address);
        Endpoint {
            address: bytes,
            port: 53,
        }
    };
    let (from, to) = (endpoint(flow.to_be_bytes()), endpoint([9; 4]));
    FlowKey::new(IpVersion::V4, protocol(flow), from, to).0
}
