//! The threads of a run and what passes between them.
//!
//! ```text
//!            batches            closed flows, epoch by epoch
//! reader ──────────────► worker 0 ──────────────► writer ──► tcp.parquet
//!        ╲ ◄─ recycled ─┘       ...              ╱      └──► udp.parquet
//!         ╲────────────► worker N ──────────────╱
//! ```
//! The reader is passed on among the workers: whoever is about to run out of batches reads until it
//! has enough of them, and the others have, too.
//!
//! An epoch is a fixed number of packets of the trace, so every worker ends it at the same packet
//! and with the same trace clock. Each orders the flows it closed in an epoch by their first packets,
//! and the writer merges them: the files do not depend on how many workers there are.

use std::thread::{self, ScopedJoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded, select, unbounded};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::capture::{Inputs, Timestamp};
use crate::config::Config;
use crate::decode::Fate;
use crate::error::Error;
use crate::flow::{Closed, TcpFlow, Tracker, UdpFlow};
use crate::intake::{Decoder, Intake};
use crate::merge::{Run, merge};
use crate::output::{OutputFolder, TableWriter, tcp_columns, udp_columns};
use crate::reader::{Answer, Batch, BatchEnd, Lane, Read, Reader, Spent, Stopped, Turn};
use crate::summary::{Fates, FlowSummary, PacketSummary, TableSummary};

/// Batches on their way to a worker.
const BATCHES_IN_FLIGHT: usize = 16;
/// A worker that has fewer batches to count reads, unless another does.
const FEW: usize = 4;
/// It reads until it has so many.
const ENOUGH: usize = 8;
/// Pieces of closed flows on their way from a worker to the writer.
const PIECES_IN_FLIGHT: usize = 12;

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
) -> Result<Outcome, Error> {
    let pool = ThreadPoolBuilder::new()
        .num_threads(config.threads)
        .thread_name(|number| format!("encoder {number}"))
        .build()
        .map_err(|error| Error::Internal(error.to_string()))?;
    let spent = Spent::default();
    thread::scope(|scope| {
        let mut lanes = Vec::new();
        let mut closed = Vec::new();
        let mut begun = Vec::new();
        for number in 0..config.threads.max(1) {
            let (full, full_out) = bounded(BATCHES_IN_FLIGHT);
            let (closed_in, closed_out) = bounded(PIECES_IN_FLIGHT);
            let (answers_in, answers) = unbounded();
            lanes.push(Lane { full, answers });
            closed.push(Run::new(closed_out));
            begun.push(Worker {
                number,
                tracker: Tracker::new(config.flow.clone()),
                full: full_out,
                spent: &spent,
                closed: closed_in,
                answers: answers_in,
                state: State::Counting,
            });
        }
        let reader = Reader::new(inputs, lanes, &spent, intake, config.flow.limit);
        let (pass_on, turns) = bounded(1);
        let turns = Turns { pass_on, turns };
        turns.pass_on(Box::new(reader));
        let mut workers = Vec::new();
        for worker in begun {
            #[cfg(test)]
            let is_broken = config.flow.community_id_seed == tests::BROKEN;
            let turns = turns.clone();
            let name = format!("worker {}", worker.number);
            let work = move || {
                #[cfg(test)]
                assert!(!is_broken, "a worker of a test breaks");
                worker.run(&turns)
            };
            workers.push(spawn(scope, name, work)?);
        }
        drop(turns);
        let pool = &pool;
        let writer = spawn(scope, "writer".to_owned(), move || {
            Writer::create(config, folder, pool)?.run(closed)
        })?;
        // All are waited for before the first failure counts: a scope left early would panic itself.
        let workers: Vec<_> = workers.into_iter().map(join).collect();
        let written = join(writer);
        let workers = workers.into_iter().collect::<Result<Vec<_>, _>>()?;
        let (flows, in_flows) = written??;
        let read = workers.into_iter().flatten().next();
        let stopped = || Error::Internal("a worker stopped early".to_owned());
        let mut packets = read.ok_or_else(stopped)??.map_err(|_| stopped())?;
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

/// The reader on its way from worker to worker.
#[derive(Clone)]
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
    spent: &'r Spent,
    closed: Sender<Closed>,
    answers: Sender<Answer>,
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
        while self.state == State::Counting {
            if self.full.len() < FEW
                && let Ok(reader) = turns.turns.try_recv()
            {
                read = self.read(reader, turns).or(read);
                continue;
            }
            select! {
                recv(self.full) -> batch => match batch {
                    Ok(batch) => self.count(batch),
                    Err(_) => self.state = State::Failed,
                },
                recv(turns.turns) -> reader => if let Ok(reader) = reader {
                    read = self.read(reader, turns).or(read);
                },
            }
        }
        if let State::Ended(clock) = self.state {
            let closed = self.closed;
            let _ = self.tracker.finish(clock, |piece| closed.send(piece));
        }
        read
    }

    /// Reads until enough batches wait for this worker.
    fn read(&mut self, reader: Box<Reader<'r>>, turns: &Turns<'r>) -> Option<Read> {
        let waiting = self.full.len();
        if waiting >= FEW {
            // They came just before the reader did.
            turns.pass_on(reader);
            return None;
        }
        let due = ENOUGH - waiting;
        match reader.turn(self.number, due, || self.count_all()) {
            Turn::Enough(reader) => {
                turns.pass_on(reader);
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
    fn count(&mut self, batch: Batch) {
        self.tracker.process(&batch.packets, &batch.links);
        let end = batch.end;
        self.spent.put(batch);
        match end {
            BatchEnd::None => {}
            BatchEnd::Epoch(clock) => {
                let closed = &self.closed;
                let handed_over = self.tracker.end_epoch(clock, |piece| closed.send(piece));
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
        // Both wait for the disk at the same time, and neither in a thread that it has to wait for.
        let (tcp, udp) = thread::scope(|scope| {
            let tcp = spawn(scope, "tcp.parquet".to_owned(), || self.tcp.finish());
            let udp = self.udp.finish();
            (tcp.and_then(join), udp)
        });
        (self.flows.tcp.bytes, self.flows.udp.bytes) = (tcp??.bytes, udp?.bytes);
        Ok((self.flows, self.fates))
    }

    /// Writes what the workers closed in an epoch.
    fn epoch(&mut self, workers: &mut [Run]) -> Result<(), Error> {
        self.tcp.write(merge(workers, Run::tcp))?;
        self.udp.write(merge(workers, Run::udp))?;
        for worker in workers {
            worker.end_epoch(&mut self.fates);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use crate::capture::ReadOptions;
    use crate::config::FlowOptions;
    use crate::decode::IpVersion;
    use crate::key::{Endpoint, FlowKey, KeyHasher, Protocol};
    use crate::reader::{EPOCH, shard};
    use crate::{Config, Error};

    /// A seed with which workers panic.
    pub(super) const BROKEN: u16 = 0xdead;

    #[test]
    fn a_panic_of_a_worker_ends_the_run_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for threads in [1, 3] {
            let trace = Path::new("testdata/mixed/http-dns.pcap");
            let mut config = config(trace, folder.path(), threads);
            config.flow.community_id_seed = BROKEN;
            let error = crate::run(&config, |_| ()).unwrap_err();
            assert!(matches!(error, Error::Internal(_)), "{error}");
            assert!(error.to_string().contains("worker 0 panicked"), "{error}");
            assert!(folder.path().read_dir().unwrap().next().is_none());
        }
    }

    /// All flows belong to one worker, or four of five, which closes more of them in an epoch than may
    /// wait for the writer. The other one reads, and has to end the epoch for the writer to go on.
    #[test]
    fn a_worker_with_most_of_the_flows_is_waited_for() {
        let all: fn(u32) -> bool = is_of_worker_1;
        for wanted in [all, |number| number % 4 == 0 || is_of_worker_1(number)] {
            let folder = tempfile::tempdir().unwrap();
            let trace = folder.path().join("trace.pcap");
            std::fs::write(&trace, flows(EPOCH + 40_000, wanted)).unwrap();
            let config = config(&trace, folder.path(), 2);
            let (done, result) = mpsc::channel();
            thread::spawn(move || {
                let _ = done.send(crate::run(&config, |_| ()));
            });
            let summary = result.recv_timeout(Duration::from_secs(100));
            let summary = summary.expect("it ends").unwrap();
            assert_eq!(summary.flows.udp.rows, EPOCH + 40_000);
        }
    }

    const SEED: u64 = 7;

    fn config(trace: &Path, folder: &Path, threads: usize) -> Config {
        Config {
            traces: vec![trace.into()],
            out: folder.join("out"),
            force: false,
            read: ReadOptions::default(),
            threads,
            flow: FlowOptions::default(),
            hash_seed: Some(SEED),
        }
    }

    fn is_of_worker_1(number: u32) -> bool {
        shard(KeyHasher::seeded(SEED).hash(&key(number)), 2) == 1
    }

    /// A capture of datagrams a millisecond apart, each in a flow of its own, of those that are
    /// `wanted`.
    fn flows(count: u64, wanted: impl Fn(u32) -> bool) -> Vec<u8> {
        let head: [u32; 6] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 101];
        let mut bytes: Vec<u8> = head.iter().flat_map(|word| word.to_le_bytes()).collect();
        let mine = (0_u32..).filter(|&number| wanted(number));
        for (at, number) in (0_u32..).zip(mine.take(usize::try_from(count).unwrap())) {
            let words = [at / 1000, at % 1000 * 1000, 28, 28];
            bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            bytes.extend([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0]);
            bytes.extend(number.to_be_bytes());
            bytes.extend([9, 9, 9, 9, 0, 53, 0, 53, 0, 8, 0, 0]);
        }
        bytes
    }

    fn key(number: u32) -> FlowKey {
        let endpoint = |address: [u8; 4]| {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&address);
            Endpoint {
                address: bytes,
                port: 53,
            }
        };
        let (from, to) = (endpoint(number.to_be_bytes()), endpoint([9; 4]));
        FlowKey::new(IpVersion::V4, Protocol::Udp, from, to).0
    }
}
