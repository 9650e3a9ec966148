//! The threads of a run and what passes between them.
//!
//! ```text
//!            batches            closed flows, epoch by epoch
//! reader ──────────────► worker 0 ──────────────► writer ──► tcp.parquet
//!        ╲ ◄─ recycled ─┘       ...              ╱      └──► udp.parquet
//!         ╲────────────► worker N ──────────────╱
//! ```
//! The reader is passed on among the workers: whoever is about to run out of batches reads until it
//! has enough of them, and the others have, too. Workers with nothing to count read ahead of it. They are also
//! the threads that encode what the writer has put together.
//!
//! An epoch is a fixed number of packets of the trace, so every worker ends it at the same packet
//! and with the same trace clock. Each orders the flows it closed in an epoch by their first packets,
//! and the writer merges them: the files do not depend on how many workers there are.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, select_biased, unbounded};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::batch::{Batch, BatchEnd, Spent};
use crate::capture::{Inputs, Timestamp};
use crate::config::Config;
use crate::decode::Fate;
use crate::error::Error;
use crate::flow::{Closed, TcpFlow, Tracker, UdpFlow};
use crate::helping::{self, Patience, Stopped, help};
use crate::intake::{Decoder, Intake};
use crate::merge::{Run, merge};
use crate::output::{OutputFolder, TableWriter, tcp_columns, udp_columns};
use crate::pieces::{Job, Pieces};
use crate::reader::{Answer, Lane, Read, Reader, Turn};
use crate::sizes::Sizes;
use crate::summary::{Fates, FlowSummary, PacketSummary, TableSummary};

/// What the pipeline counted.
pub(crate) struct Outcome {
    pub(crate) packets: PacketSummary,
    pub(crate) flows: FlowSummary,
}

/// Runs reader, workers and writer until the traces end.
pub(crate) fn run(
    config: &Config,
    inputs: &mut Inputs<Decoder>,
    intake: Intake,
    folder: &OutputFolder,
    sizes: Sizes,
) -> Result<Outcome, Error> {
    let pool = ThreadPoolBuilder::new()
        .num_threads(config.threads.max(1))
        .thread_name(worker_name)
        .build()
        .map_err(cannot_start)?;
    // There may be a most.
    let count = pool.current_num_threads();
    let spent = Spent::default();
    thread::scope(|scope| {
        let mut lanes = Vec::new();
        let mut closed = Vec::new();
        let mut begun = Vec::new();
        let (pieces, jobs) = Pieces::new(count, &config.flow, sizes.stretch);
        for number in 0..count {
            let (full, full_out) = bounded(sizes.batches);
            let (closed_in, closed_out) = bounded(sizes.pieces);
            let (answers_in, answers) = unbounded();
            lanes.push(Lane { full, answers });
            closed.push(Run::new(closed_out));
            begun.push(Mutex::new(Some(Worker {
                number,
                tracker: Tracker::new(config.flow.clone()),
                full: full_out,
                jobs: jobs.clone(),
                spent: &spent,
                closed: closed_in,
                answers: answers_in,
                sizes,
                state: State::Counting,
            })));
        }
        let limit = config.flow.limit;
        let reader = Reader::new(inputs, lanes, &spent, intake, pieces, limit, sizes);
        let (pass_on, turns) = bounded(1);
        let turns = Turns { pass_on, turns };
        turns.pass_on(Box::new(reader));
        let pool = &pool;
        let write = move || Writer::create(config, folder, pool)?.run(closed);
        let writer = thread::Builder::new().name("writer".to_owned());
        let writer = writer.spawn_scoped(scope, write).map_err(cannot_start)?;
        let workers = pool.broadcast(|thread| {
            let worker = &begun[thread.index()];
            let worker = worker.lock().unwrap_or_else(PoisonError::into_inner).take();
            // One that panics takes what it has with it, so that the others end.
            let run = || worker.and_then(|worker| worker.run(&turns));
            let read = catch_unwind(AssertUnwindSafe(run));
            read.map_err(|_| panicked(&worker_name(thread.index())))
        });
        let written = writer.join().map_err(|_| panicked("writer"));
        let workers = workers.into_iter().collect::<Result<Vec<_>, _>>()?;
        let (flows, in_flows) = written??;
        let read = workers.into_iter().flatten().next();
        let stopped = || Error::Internal("a worker stopped early".to_owned());
        let mut packets = read.ok_or_else(stopped)??.map_err(|_| stopped())?;
        packets.fates.merge(&in_flows);
        Ok(Outcome { packets, flows })
    })
}

fn cannot_start(error: impl Display) -> Error {
    Error::Internal(format!("cannot start a thread: {error}"))
}

/// The message of its panic is on standard error already.
fn panicked(thread: &str) -> Error {
    Error::Internal(format!(
        "{thread} panicked: this is a bug, please report it"
    ))
}

fn worker_name(number: usize) -> String {
    format!("worker {number}")
}

/// The reader on its way from worker to worker.
struct Turns<'r> {
    pass_on: Sender<Box<Reader<'r>>>,
    turns: Receiver<Box<Reader<'r>>>,
}

impl<'r> Turns<'r> {
    fn pass_on(&self, reader: Box<Reader<'r>>) {
        // There is one reader, so there is room, and whoever passes it on could take it.
        let _ = self.pass_on.send(reader);
    }
}

/// A worker's table, and its ways back to the reader and on to the writer.
struct Worker<'r> {
    number: usize,
    tracker: Tracker,
    full: Receiver<Batch>,
    jobs: Receiver<Job>,
    spent: &'r Spent,
    closed: Sender<Closed>,
    answers: Sender<Answer>,
    sizes: Sizes,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Counting,
    /// The trace has ended, at this trace clock.
    Ended(Timestamp),
    /// The reader or the writer has failed; its result says why.
    Failed,
}

impl<'r> Worker<'r> {
    /// Counts batches, and reads when there are few. Says how the reading ended if that was in a turn
    /// of its own.
    fn run(mut self, turns: &Turns<'r>) -> Option<Read> {
        let mut read = None;
        let mut patience = Patience::default();
        while self.state == State::Counting {
            if help() {
                patience = Patience::default();
                continue;
            }
            if self.full.len() < self.sizes.few
                && let Ok(reader) = turns.turns.try_recv()
            {
                read = self.read(reader, turns).or(read);
                continue;
            }
            select_biased! {
                recv(self.full) -> batch => match batch {
                    Ok(batch) => self.count(batch),
                    Err(_) => self.state = State::Failed,
                },
                recv(turns.turns) -> reader => if let Ok(reader) = reader {
                    read = self.read(reader, turns).or(read);
                },
                recv(self.jobs) -> job => if let Ok(job) = job {
                    job.run(self.spent);
                },
                default(patience.pause()) => continue,
            }
            patience = Patience::default();
        }
        if let State::Ended(clock) = self.state {
            let closed = self.closed;
            let _ = self
                .tracker
                .finish(clock, |piece| helping::send(&closed, piece));
        }
        read
    }

    /// Reads until enough batches wait for this worker, or some do and it would have to wait itself.
    fn read(&mut self, reader: Box<Reader<'r>>, turns: &Turns<'r>) -> Option<Read> {
        let waiting = self.full.len();
        if waiting >= self.sizes.few {
            // They came just before the reader did.
            turns.pass_on(reader);
            return None;
        }
        let due = self.sizes.enough - waiting;
        match reader.turn(self.number, due, || self.count_all()) {
            Turn::Enough(reader) => {
                turns.pass_on(reader);
                // Before it reads again it counts.
                if let Ok(batch) = self.full.try_recv() {
                    self.count(batch);
                }
                None
            }
            Turn::Over(read) => Some(read),
        }
    }

    /// Counts all batches that wait.
    fn count_all(&mut self) -> Result<(), Stopped> {
        while self.state == State::Counting
            && let Ok(batch) = self.full.try_recv()
        {
            self.count(batch);
        }
        match self.state {
            State::Failed => Err(Stopped),
            State::Counting | State::Ended(_) => Ok(()),
        }
    }

    /// Counts a batch, and does what is asked at its end.
    fn count(&mut self, mut batch: Batch) {
        #[cfg(test)]
        assert!(
            !crate::pipeline_tests::is_broken(&batch),
            "a worker of a test breaks"
        );
        batch.settle();
        self.tracker.process(&batch.packets, &batch.links);
        let end = batch.end;
        self.spent.put(batch);
        match end {
            BatchEnd::None => {}
            BatchEnd::Epoch(clock) => {
                let closed = &self.closed;
                let handed_over = self
                    .tracker
                    .end_epoch(clock, |piece| helping::send(closed, piece));
                if handed_over.is_err() {
                    self.state = State::Failed;
                }
            }
            BatchEnd::Trace(clock) => self.state = State::Ended(clock),
            BatchEnd::Weigh(clock) => {
                let weight = self.tracker.weigh(clock);
                self.answer(Answer::Weight(weight));
            }
            BatchEnd::Rank(excess) => {
                let ranked = self.tracker.rank(excess);
                self.answer(Answer::Ranked(ranked));
            }
            BatchEnd::Evict(last) => self.tracker.evict(&last),
        }
    }

    fn answer(&self, answer: Answer) {
        // A reader that has failed asks no more, and its result says why.
        let _ = self.answers.send(answer);
    }
}

/// Both files in the making.
struct Writer<'p> {
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
    fn run(mut self, mut workers: Vec<Run>) -> Result<(FlowSummary, Fates), Error> {
        while workers.iter_mut().all(Run::has_more) {
            self.epoch(&mut workers)?;
        }
        for worker in &workers {
            worker
                .tcp
                .count(&mut self.flows.tcp, &mut self.fates, Fate::Tcp);
            worker
                .udp
                .count(&mut self.flows.udp, &mut self.fates, Fate::Udp);
        }
        let (tcp, udp) = (self.tcp.end()?, self.udp.end()?);
        (self.flows.tcp.bytes, self.flows.udp.bytes) = (tcp.wait()?.bytes, udp.wait()?.bytes);
        Ok((self.flows, self.fates))
    }

    /// Writes what the workers closed in an epoch.
    fn epoch(&mut self, workers: &mut [Run]) -> Result<(), Error> {
        merge(workers, Run::tcp, |piece, at| self.tcp.add(piece, at))?;
        merge(workers, Run::udp, |piece, at| self.udp.add(piece, at))?;
        for worker in workers {
            worker.end_epoch(&mut self.fates);
        }
        Ok(())
    }
}
