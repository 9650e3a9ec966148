//! The threads of a run and what passes between them.
//!
//! ```text
//!            batches            closed flows, epoch by epoch
//! reader ──────────────► worker 0 ──────────────► writer ──► tcp.parquet
//!        ╲ ◄─ recycled ─┘       ...              ╱      └──► udp.parquet
//!         ╲────────────► worker N ──────────────╱
//! ```
//! An epoch is a fixed number of packets of the trace, so every worker ends it at the same packet
//! and with the same trace clock. The writer gathers the flows that all workers closed in an epoch
//! and orders them by their first packets: the files do not depend on how many workers there are.

use std::thread::{self, ScopedJoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::capture::Inputs;
use crate::config::Config;
use crate::decode::Fate;
use crate::error::Error;
use crate::flow::{Closed, TcpFlow, Tracker, UdpFlow};
use crate::intake::Intake;
use crate::key::KeyHasher;
use crate::output::{OutputFolder, Row, TableWriter, tcp_columns, udp_columns};
use crate::reader::{Batch, BatchEnd, Lane, Reader};
use crate::summary::{Fates, FlowSummary, PacketSummary, TableSummary};

/// Batches on their way to a worker.
const BATCHES_IN_FLIGHT: usize = 16;
/// Epochs of closed flows that may wait for the writer.
const EPOCHS_IN_FLIGHT: usize = 2;

/// What the pipeline counted.
pub(crate) struct Outcome {
    pub(crate) packets: PacketSummary,
    pub(crate) flows: FlowSummary,
}

/// Runs reader, workers and writer until the traces end.
pub(crate) fn run(
    config: &Config,
    inputs: &mut Inputs,
    folder: &OutputFolder,
) -> Result<Outcome, Error> {
    let pool = ThreadPoolBuilder::new()
        .num_threads(config.threads)
        .thread_name(|number| format!("encoder {number}"))
        .build()
        .map_err(|error| Error::Internal(error.to_string()))?;
    let hasher = config
        .hash_seed
        .map_or_else(KeyHasher::random, KeyHasher::seeded);
    thread::scope(|scope| {
        let mut lanes = Vec::new();
        let mut closed = Vec::new();
        let mut workers = Vec::new();
        for number in 0..config.threads.max(1) {
            let (full, full_out) = bounded(BATCHES_IN_FLIGHT);
            let (empty_in, empty) = unbounded();
            let (closed_in, closed_out) = bounded(EPOCHS_IN_FLIGHT);
            lanes.push(Lane { full, empty });
            closed.push(closed_out);
            let tracker = Tracker::new(config.flow.clone());
            let work = move || worker(tracker, &full_out, &empty_in, &closed_in);
            workers.push(spawn(scope, format!("worker {number}"), work)?);
        }
        let pool = &pool;
        let writer = spawn(scope, "writer".to_owned(), move || {
            Writer::create(config, folder, pool)?.run(&closed)
        })?;
        let read = Reader::new(lanes, Intake::new(&config.flow, hasher)).run(inputs);
        // The reader's lanes are gone by now, so the workers drain their queues and end.
        for worker in workers {
            join(worker)?;
        }
        let (flows, in_flows) = join(writer)??;
        let stopped = |_| Error::Internal("a worker stopped early".to_owned());
        let mut packets = read?.map_err(stopped)?;
        packets.fates.merge(&in_flows);
        Ok(Outcome { packets, flows })
    })
}

fn spawn<'scope, 'env, T: Send + 'scope>(
    scope: &'scope thread::Scope<'scope, 'env>,
    name: String,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>, Error> {
    thread::Builder::new()
        .name(name)
        .spawn_scoped(scope, work)
        .map_err(|error| Error::Internal(format!("cannot start a thread: {error}")))
}

/// A thread's result. The message of a panic is on standard error already.
fn join<T>(thread: ScopedJoinHandle<'_, T>) -> Result<T, Error> {
    let name = thread.thread().name().unwrap_or("a thread").to_owned();
    thread
        .join()
        .map_err(|_| Error::Internal(format!("{name} panicked: this is a bug, please report it")))
}

/// A worker's life: counts batches, hands over what closed at the end of each epoch.
fn worker(
    mut tracker: Tracker,
    full: &Receiver<Batch>,
    empty: &Sender<Batch>,
    closed: &Sender<Closed>,
) {
    for mut batch in full {
        tracker.process(&batch.packets, &batch.links);
        let end = batch.end;
        batch.packets.clear();
        batch.links.clear();
        // The reader is gone when the last batches come back: nobody needs them then.
        let _ = empty.send(batch);
        let handed_over = match end {
            BatchEnd::None => Ok(()),
            BatchEnd::Epoch(clock) => closed.send(tracker.end_epoch(clock)),
            BatchEnd::Trace(clock) => {
                let _ = closed.send(tracker.finish(clock));
                return;
            }
        };
        if handed_over.is_err() {
            return; // The writer failed; its result says why.
        }
    }
}

/// Both files in the making.
struct Writer<'p> {
    pool: &'p ThreadPool,
    tcp: TableWriter<'p, TcpFlow>,
    udp: TableWriter<'p, UdpFlow>,
    flows: FlowSummary,
    fates: Fates,
}

impl<'p> Writer<'p> {
    fn create(config: &Config, folder: &OutputFolder, pool: &'p ThreadPool) -> Result<Self, Error> {
        let options = &config.flow;
        let seed = options.community_id_seed;
        Ok(Self {
            pool,
            tcp: TableWriter::create(
                &folder.path("tcp.parquet"),
                tcp_columns(seed),
                options,
                pool,
            )?,
            udp: TableWriter::create(
                &folder.path("udp.parquet"),
                udp_columns(seed),
                options,
                pool,
            )?,
            flows: FlowSummary {
                tcp: TableSummary::new(),
                udp: TableSummary::new(),
            },
            fates: Fates::default(),
        })
    }

    /// Writes epoch after epoch until the workers have no more.
    fn run(mut self, workers: &[Receiver<Closed>]) -> Result<(FlowSummary, Fates), Error> {
        while let Some(epoch) = gather(workers) {
            self.epoch(epoch)?;
        }
        // Both wait for the disk at the same time.
        let (tcp, udp) = self.pool.join(|| self.tcp.finish(), || self.udp.finish());
        (self.flows.tcp.bytes, self.flows.udp.bytes) = (tcp?.bytes, udp?.bytes);
        Ok((self.flows, self.fates))
    }

    fn epoch(&mut self, closed: Closed) -> Result<(), Error> {
        self.fates.add(Fate::FragJoined, closed.fragments.joined);
        self.fates.add(Fate::FragOrphan, closed.fragments.orphaned);
        let tcp = ordered(closed.tcp, &mut self.flows.tcp, Fate::Tcp, &mut self.fates);
        self.tcp.write(tcp)?;
        let udp = ordered(closed.udp, &mut self.flows.udp, Fate::Udp, &mut self.fates);
        self.udp.write(udp)
    }
}

/// What all workers closed in the next epoch; `None` once they are done.
fn gather(workers: &[Receiver<Closed>]) -> Option<Closed> {
    let mut all = Closed::default();
    for worker in workers {
        let closed = worker.recv().ok()?;
        all.tcp.extend(closed.tcp);
        all.udp.extend(closed.udp);
        all.fragments.joined += closed.fragments.joined;
        all.fragments.orphaned += closed.fragments.orphaned;
    }
    Some(all)
}

/// Rows in the order of their first packets, counted.
fn ordered<F: Row>(
    mut rows: Vec<Box<F>>,
    table: &mut TableSummary,
    fate: Fate,
    fates: &mut Fates,
) -> Vec<Box<F>> {
    rows.sort_by_cached_key(|row| row.flow().number);
    for row in &rows {
        table.count(row.flow());
        fates.add(fate, row.flow().packets());
    }
    rows
}
