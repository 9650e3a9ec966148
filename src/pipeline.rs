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
use crate::flow::{Closed, EndReason, Fragments, TcpFlow, Tracker, UdpFlow};
use crate::intake::Intake;
use crate::key::KeyHasher;
use crate::output::{OutputFolder, Row, TableWriter, tcp_columns, udp_columns};
use crate::reader::{Batch, BatchEnd, Lane, Reader};
use crate::summary::{Fates, FlowSummary, TableSummary};

/// Batches on their way to a worker.
const BATCHES_IN_FLIGHT: usize = 16;
/// Epochs of closed flows that may wait for the writer.
const EPOCHS_IN_FLIGHT: usize = 2;

/// What the pipeline counted.
pub(crate) struct Outcome {
    pub(crate) fates: Fates,
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
        let mut fates = read?.map_err(stopped)?;
        fates.merge(&in_flows);
        Ok(Outcome { fates, flows })
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
    closed: &Sender<Share>,
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
            BatchEnd::Epoch(clock) => closed.send(tracker.end_epoch(clock).into()),
            BatchEnd::Trace(clock) => {
                let _ = closed.send(tracker.finish(clock).into());
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
    fn run(mut self, workers: &[Receiver<Share>]) -> Result<(FlowSummary, Fates), Error> {
        while let Some(epoch) = gather(workers) {
            self.epoch(epoch)?;
        }
        // Both wait for the disk at the same time.
        let (tcp, udp) = self.pool.join(|| self.tcp.finish(), || self.udp.finish());
        (self.flows.tcp.bytes, self.flows.udp.bytes) = (tcp?.bytes, udp?.bytes);
        Ok((self.flows, self.fates))
    }

    fn epoch(&mut self, share: Share) -> Result<(), Error> {
        self.fates.add(Fate::FragJoined, share.fragments.joined);
        self.fates.add(Fate::FragOrphan, share.fragments.orphaned);
        self.fates.add(Fate::Tcp, share.tcp.packets);
        self.fates.add(Fate::Udp, share.udp.packets);
        self.tcp.write(share.tcp.finish(&mut self.flows.tcp))?;
        self.udp.write(share.udp.finish(&mut self.flows.udp))
    }
}

/// The rows of one table that ended in an epoch, with the places of their first packets, by which
/// they are ordered.
struct Rows<F> {
    numbered: Vec<(u64, Box<F>)>,
    reasons: [u64; EndReason::ALL.len()],
    packets: u64,
}

impl<F: Row> Rows<F> {
    /// Counts and orders them. Workers do so, who have just had the flows in hand.
    fn new(flows: Vec<Box<F>>) -> Self {
        let mut rows = Self {
            numbered: Vec::with_capacity(flows.len()),
            reasons: [0; EndReason::ALL.len()],
            packets: 0,
        };
        for flow in flows {
            let shared = flow.flow();
            rows.reasons[shared.end_reason as usize] += 1;
            rows.packets += shared.packets();
            rows.numbered.push((shared.number, flow));
        }
        rows.numbered.sort_unstable_by_key(|row| row.0);
        rows
    }

    fn add(&mut self, other: Self) {
        self.numbered.extend(other.numbered);
        self.packets += other.packets;
        for (sum, count) in self.reasons.iter_mut().zip(other.reasons) {
            *sum += count;
        }
    }

    /// The rows in order, once they are counted in the summary.
    fn finish(mut self, table: &mut TableSummary) -> impl Iterator<Item = Box<F>> {
        for (reason, count) in EndReason::ALL.into_iter().zip(self.reasons) {
            table.count(reason, count);
        }
        // A stable sort finds that there is one run of each worker, and merges them.
        self.numbered.sort_by_key(|row| row.0);
        self.numbered.into_iter().map(|(_, row)| row)
    }
}

/// What a worker closed in an epoch, or all of them.
struct Share {
    tcp: Rows<TcpFlow>,
    udp: Rows<UdpFlow>,
    fragments: Fragments,
}

impl From<Closed> for Share {
    fn from(closed: Closed) -> Self {
        Self {
            tcp: Rows::new(closed.tcp),
            udp: Rows::new(closed.udp),
            fragments: closed.fragments,
        }
    }
}

/// What all workers closed in the next epoch; `None` once they are done.
fn gather(workers: &[Receiver<Share>]) -> Option<Share> {
    let mut all = Share::from(Closed::default());
    for worker in workers {
        let share = worker.recv().ok()?;
        all.tcp.add(share.tcp);
        all.udp.add(share.udp);
        all.fragments.joined += share.fragments.joined;
        all.fragments.orphaned += share.fragments.orphaned;
    }
    Some(all)
}
