//! The program's own flow tables, fed from memory, with rows as the reference has them: so that
//! both can be held against each other and against expected rows.

#![allow(
    dead_code,
    reason = "each test that includes this module uses its part"
)]

mod cells;

use std::path::Path;

use goostat::capture::{Inputs, LinkType, Packet, ReadOptions, Timestamp};
use goostat::config::{FlowOptions, Group, Groups};
use goostat::decode::{Fate, LinkInfo, Want, decode};
use goostat::flow::{ClosedFlows, PacketInfo, TcpFlow, Tracker, UdpFlow};
use goostat::key::KeyHasher;
use goostat::output::{tcp_batch, udp_batch};
use goostat::summary::Fates;
use goostat::{Captured, Error, Intake};

use crate::reference::{RefOptions, RefOutput, RefPacket, Row};

pub(crate) use cells::rows;

/// The groups that the reference knows.
pub(crate) const GROUPS: &[Group] = &[Group::Core, Group::Time, Group::Rtt, Group::Seq, Group::Opt];

/// What must not change a single cell.
#[derive(Clone, Debug)]
pub(crate) struct How {
    /// How many tables share the flows, at least 1.
    pub tables: u64,
    /// Seed of the key hash.
    pub seed: u64,
    /// All hashes are taken modulo this: a small one makes keys collide.
    pub hashes: u64,
    /// How many packets a table counts together, at most; at least 1.
    pub batch: usize,
    /// The epoch ends after packets with these numbers, in ascending order.
    pub epoch_ends: Vec<usize>,
    /// The groups of columns.
    pub groups: Groups,
}

impl Default for How {
    fn default() -> Self {
        Self {
            tables: 1,
            seed: 1,
            hashes: u64::MAX,
            batch: usize::MAX,
            epoch_ends: Vec::new(),
            groups: Groups::of(GROUPS),
        }
    }
}

/// The program's options where the reference has these.
pub(crate) fn options(options: &RefOptions, groups: Groups) -> FlowOptions {
    FlowOptions {
        tcp_idle: options.tcp_idle,
        tcp_singleton: options.tcp_singleton,
        tcp_linger: options.tcp_linger,
        udp_idle: options.udp_idle,
        udp_singleton: options.udp_singleton,
        active_timeout: options.active_timeout,
        max_segments: options.max_segments,
        groups,
        ..FlowOptions::default()
    }
}

/// The packets of a trace, decoded.
pub(crate) fn read(path: &Path) -> Result<Vec<RefPacket>, Error> {
    let want = Want {
        options: true,
        link: false,
        ..Want::default()
    };
    let view = move |packet: &Packet<'_>| RefPacket {
        time: packet.time.0,
        captured_len: u32::try_from(packet.captured.len()).expect("records have 32-bit sizes"),
        original_len: packet.original_len,
        decoded: {
            let (frame, length) = packet.frame();
            decode(
                packet.link_type,
                frame,
                length,
                want,
                &mut LinkInfo::default(),
            )
        },
    };
    let mut inputs = Inputs::open(&[path.to_owned()], &ReadOptions::default(), view)?;
    let mut packets = Vec::new();
    inputs.read(|packet| packets.push(*packet))?;
    Ok(packets)
}

/// Tracks the flows of a whole trace, as [`crate::reference::track`] does.
pub(crate) fn track(packets: &[RefPacket], reference: &RefOptions, how: &How) -> RefOutput {
    let options = options(reference, how.groups);
    let mut tables = Tables::new(&options, how);
    let mut epoch_ends = how.epoch_ends.iter().peekable();
    for (number, packet) in packets.iter().enumerate() {
        tables.packet(packet);
        if epoch_ends.next_if(|&&end| end == number).is_some() {
            tables.end_epoch();
        }
    }
    tables.finish(&options)
}

/// Some tables that share the flows of a trace, and what they have closed.
struct Tables {
    intake: Intake,
    trackers: Vec<Tracker>,
    waiting: Vec<Vec<PacketInfo>>,
    hashes: u64,
    batch: usize,
    closed: ClosedFlows,
}

impl Tables {
    fn new(options: &FlowOptions, how: &How) -> Self {
        Self {
            intake: Intake::new(options, KeyHasher::seeded(how.seed)),
            trackers: (0..how.tables)
                .map(|_| Tracker::new(options.clone()))
                .collect(),
            waiting: (0..how.tables).map(|_| Vec::new()).collect(),
            hashes: how.hashes,
            batch: how.batch,
            closed: ClosedFlows::default(),
        }
    }

    fn packet(&mut self, packet: &RefPacket) {
        let captured = Captured {
            time: Timestamp(packet.time),
            link_type: LinkType::ETHERNET,
            original_len: packet.original_len,
            is_truncated: packet.captured_len < packet.original_len,
        };
        let Some(mut info) = self.intake.headers(&captured, &packet.decoded) else {
            return;
        };
        let tables = u64::try_from(self.trackers.len()).expect("there are few");
        let table = usize::try_from((info.hash >> 32) % tables).expect("there are few");
        info.hash %= self.hashes;
        self.waiting[table].push(info);
        if self.waiting[table].len() >= self.batch {
            self.count(table);
        }
    }

    /// Has a table count what waits for it.
    fn count(&mut self, table: usize) {
        let waiting = &mut self.waiting[table];
        self.trackers[table].process(waiting, &[]);
        waiting.clear();
    }

    fn end_epoch(&mut self) {
        let clock = self.intake.clock();
        for table in 0..self.trackers.len() {
            self.count(table);
            let Ok(()) = self.trackers[table].end_epoch(clock, |piece| self.closed.add(piece));
        }
    }

    fn finish(mut self, options: &FlowOptions) -> RefOutput {
        let clock = self.intake.clock();
        for (mut tracker, waiting) in self.trackers.into_iter().zip(self.waiting) {
            tracker.process(&waiting, &[]);
            let Ok(()) = tracker.finish(clock, |piece| self.closed.add(piece));
        }
        output(self.closed, self.intake.fates().clone(), options)
    }
}

/// Rows in the order of their first packets, and the fates.
fn output(mut closed: ClosedFlows, mut fates: Fates, options: &FlowOptions) -> RefOutput {
    closed.tcp.sort_by_key(|row| row.flow.number);
    closed.udp.sort_by_key(|row| row.flow.number);
    let tcp: Vec<&TcpFlow> = closed.tcp.iter().collect();
    let udp: Vec<&UdpFlow> = closed.udp.iter().collect();
    let tcp_packets = tcp.iter().map(|row| row.flow.packets()).sum();
    let udp_packets = udp.iter().map(|row| row.flow.packets()).sum();
    fates.add(Fate::Tcp, tcp_packets);
    fates.add(Fate::Udp, udp_packets);
    fates.add(Fate::FragJoined, closed.fragments.joined);
    fates.add(Fate::FragOrphan, closed.fragments.orphaned);
    let counts = Fate::ALL.map(|fate| (fate.name(), fates.count(fate)));
    RefOutput {
        tcp: tcp_rows(&tcp, options),
        udp: udp_rows(&udp, options),
        fates: counts.into_iter().filter(|(_, count)| *count > 0).collect(),
    }
}

/// Rows of the TCP table as they are written. No rows cost nothing, which fuzzing likes.
pub(crate) fn tcp_rows(flows: &[&TcpFlow], options: &FlowOptions) -> Vec<Row> {
    if flows.is_empty() {
        return Vec::new();
    }
    rows(&tcp_batch(flows, options).expect("the columns agree"))
}

/// The same of the UDP table.
pub(crate) fn udp_rows(flows: &[&UdpFlow], options: &FlowOptions) -> Vec<Row> {
    if flows.is_empty() {
        return Vec::new();
    }
    rows(&udp_batch(flows, options).expect("the columns agree"))
}
