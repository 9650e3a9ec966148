//! What a flow costs in memory: bytes on the heap for each flow of a table, all told.
//!
//! The figures stand in docs/performance.md. The bounds here are what the design promises.

use std::alloc::{GlobalAlloc, Layout, System};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use goostat::capture::{LinkType, Packet, Timestamp};
use goostat::config::{FlowOptions, Group, Groups};
use goostat::decode::tcp_flags::{ACK, PSH, SYN};
use goostat::decode::{Decoded, Headers, IpHeader, IpVersion, TcpHeader, TcpOptions, Transport};
use goostat::flow::Tracker;
use goostat::key::KeyHasher;
use goostat::{Captured, Intake};

/// Counts the bytes that are allocated, and the most that ever were.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on unchanged to the system's allocator; only sizes are noted.
#[expect(unsafe_code, reason = "an allocator cannot be written without")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the promises of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the pointer comes from `alloc` above with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One packet of flow `flow`.
#[derive(Clone, Copy)]
struct Sent {
    from_client: bool,
    flags: u8,
    seq: u32,
    ack: u32,
    len: u32,
}

fn client(flags: u8, seq: u32, ack: u32, len: u32) -> Sent {
    Sent {
        from_client: true,
        flags,
        seq,
        ack,
        len,
    }
}

fn server(flags: u8, seq: u32, ack: u32, len: u32) -> Sent {
    Sent {
        from_client: false,
        ..client(flags, seq, ack, len)
    }
}

fn decoded(flow: u32, sent: Sent) -> Decoded {
    let mut host = [0; 16];
    host[0] = 10;
    host[1..4].copy_from_slice(&flow.to_be_bytes()[1..]);
    let mut peer = [0; 16];
    peer[..4].copy_from_slice(&[198, 51, 100, 2]);
    let (source, destination) = if sent.from_client {
        (host, peer)
    } else {
        (peer, host)
    };
    let (source_port, destination_port) = if sent.from_client {
        (40000, 80)
    } else {
        (80, 40000)
    };
    Decoded::Transport(Headers {
        ip: IpHeader {
            version: IpVersion::V4,
            source,
            destination,
            length: 40 + sent.len,
            ttl: 64,
            tos: 0,
            id: 7,
        },
        source_port,
        destination_port,
        transport: Transport::Tcp(TcpHeader {
            seq: sent.seq,
            ack: sent.ack,
            flags: sent.flags,
            window: 65535,
            options: TcpOptions::default(),
        }),
        payload_len: sent.len,
        bad_len: false,
        tso: false,
        first_fragment: None,
        further_msdus: 0,
    })
}

/// A table of `flows` flows that exchanged `packets`.
fn table(options: FlowOptions, flows: u32, packets: &[Sent]) -> (Intake, Tracker) {
    let mut intake = Intake::new(&options, KeyHasher::seeded(1));
    let mut tracker = Tracker::new(options);
    for &sent in packets {
        for flow in 0..flows {
            let packet = Packet {
                time: Timestamp(0),
                captured: &[],
                original_len: 0,
                link_type: LinkType::ETHERNET,
                check_sequence_len: 0,
            };
            let info = intake
                .headers(&Captured::from(&packet), &decoded(flow, sent))
                .expect("it is a packet of a flow");
            tracker.process(&[info], &[]);
        }
    }
    (intake, tracker)
}

/// Ends two epochs: at the ends of epochs, memory goes back that is no longer needed.
fn end_epochs(tracker: &mut Tracker, clock: Timestamp) {
    for _ in 0..2 {
        let ended = tracker.end_epoch(clock, |_| Ok::<_, Infallible>(()));
        ended.expect("nothing fails");
    }
}

/// Bytes on the heap for each of `flows` flows that exchanged `packets`.
fn bytes_per_flow(groups: Groups, flows: u32, packets: &[Sent]) -> usize {
    let options = FlowOptions {
        groups,
        ..FlowOptions::default()
    };
    let before = HELD.load(Ordering::Relaxed);
    let (_intake, mut tracker) = table(options, flows, packets);
    end_epochs(&mut tracker, Timestamp(0));
    assert_eq!(tracker.len(), flows as usize);
    (HELD.load(Ordering::Relaxed) - before) / flows as usize
}

/// Bytes on the heap when so many flows that exchanged `packets` are over, and long gone.
fn bytes_after(flows: u32, packets: &[Sent]) -> usize {
    let before = HELD.load(Ordering::Relaxed);
    let (_intake, mut tracker) = table(FlowOptions::default(), flows, packets);
    end_epochs(&mut tracker, Timestamp(3_600_000_000_000));
    assert!(tracker.is_empty());
    end_epochs(&mut tracker, Timestamp(3_600_000_000_000));
    HELD.load(Ordering::Relaxed) - before
}

fn handshake() -> Vec<Sent> {
    vec![
        client(SYN, 1000, 0, 0),
        server(SYN | ACK, 5000, 1001, 0),
        client(ACK, 1001, 5001, 0),
    ]
}

/// Requests and answers of a segment each, more than are kept as packets, each acknowledged.
fn long_without_loss() -> Vec<Sent> {
    let mut packets = handshake();
    packets.extend((0..20).flat_map(|n| {
        let (seq, ack) = (1001 + n * 300, 5001 + n * 1400);
        [
            client(ACK | PSH, seq, ack, 300),
            server(ACK | PSH, ack, seq + 300, 1400),
        ]
    }));
    packets
}

/// A request and an answer, both acknowledged.
fn open_without_loss() -> Vec<Sent> {
    let mut packets = handshake();
    packets.extend([
        client(ACK | PSH, 1001, 5001, 300),
        server(ACK, 5001, 1301, 1400),
        server(ACK | PSH, 6401, 1301, 1400),
        client(ACK, 1301, 7801, 0),
    ]);
    packets
}

/// Every second segment of the server is missing.
fn with_holes(holes: u32) -> Vec<Sent> {
    let mut packets = handshake();
    packets.extend((0..=holes).map(|n| server(ACK, 5001 + n * 2000, 1001, 1000)));
    packets
}

/// One test, since other tests would allocate at the same time.
#[test]
fn a_flow_costs_no_more_than_its_state() {
    let all = Groups::all();
    let core = Groups::of(&[Group::Core, Group::Time]);
    let syn = &handshake()[..1];
    let figures = [
        ("half-open: a SYN", bytes_per_flow(all, 30_000, syn), 160),
        (
            "half-open: a SYN, core,time",
            bytes_per_flow(core, 30_000, syn),
            160,
        ),
        (
            "handshake",
            bytes_per_flow(all, 10_000, &handshake()),
            HANDSHAKE,
        ),
        (
            "open, no loss",
            bytes_per_flow(all, 10_000, &open_without_loss()),
            OPEN,
        ),
        (
            "open, no loss, core,time",
            bytes_per_flow(core, 10_000, &open_without_loss()),
            OPEN_CORE,
        ),
        (
            "long, no loss: a state and no list of segments",
            bytes_per_flow(all, 10_000, &long_without_loss()),
            LONG,
        ),
        (
            "long, no loss, core,time",
            bytes_per_flow(core, 10_000, &long_without_loss()),
            LONG_CORE,
        ),
        (
            "1,000 holes",
            bytes_per_flow(all, 100, &with_holes(1000)),
            HOLES,
        ),
    ];
    for (name, bytes, _) in figures {
        println!("{name}: {bytes} bytes a flow");
    }
    for (name, bytes, bound) in figures {
        assert!(bytes <= bound, "{name}: {bytes} bytes, more than {bound}");
    }
    for packets in [syn, &handshake(), &long_without_loss()] {
        let bytes = bytes_after(100_000, packets);
        println!(
            "{bytes} bytes when 100,000 flows of {} packets are gone",
            packets.len()
        );
        assert!(bytes <= AFTER);
    }
}

const HANDSHAKE: usize = 330;
const OPEN: usize = 490;
const OPEN_CORE: usize = 370;
const LONG: usize = 1_100;
const LONG_CORE: usize = 370;
const HOLES: usize = 36_000;
/// Of a table that had many flows, bytes.
const AFTER: usize = 32_000;
