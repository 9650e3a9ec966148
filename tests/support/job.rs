//! Running the main job in this process, and what it leaves.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use goostat::capture::ReadOptions;
use goostat::config::FlowOptions;
use goostat::{Config, Error, Summary};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::table::Table;

/// The folder that one run has made; it goes with this value.
pub(crate) struct Results {
    pub(crate) summary: Summary,
    folder: TempDir,
}

impl Results {
    pub(crate) fn tcp(&self) -> Table {
        Table::read(&self.path("tcp.parquet"))
    }

    pub(crate) fn udp(&self) -> Table {
        Table::read(&self.path("udp.parquet"))
    }

    /// What summary.json says.
    pub(crate) fn json(&self) -> serde_json::Value {
        let text = fs::read_to_string(self.path("summary.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// SHA-256 of tcp.parquet and of udp.parquet.
    pub(crate) fn digests(&self) -> [String; 2] {
        ["tcp.parquet", "udp.parquet"].map(|name| digest(&fs::read(self.path(name)).unwrap()))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("results").join(name)
    }
}

fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The defaults, with one worker; the place of the results is filled in by [`run`].
pub(crate) fn config(traces: &[&Path]) -> Config {
    Config {
        traces: traces.iter().map(|&path| path.to_owned()).collect(),
        out: PathBuf::new(),
        force: false,
        read: ReadOptions::default(),
        threads: 1,
        flow: FlowOptions::default(),
        hash_seed: None,
    }
}

/// Does the job into a folder of its own.
pub(crate) fn run(mut config: Config) -> Result<Results, Error> {
    let folder = scratch();
    config.out = folder.path().join("results");
    let summary = goostat::run(&config, |_| ())?;
    Ok(Results { summary, folder })
}

/// Does the job on one trace with the defaults.
pub(crate) fn run_on(trace: &Path) -> Results {
    run(config(&[trace])).unwrap_or_else(|error| panic!("{error}"))
}

/// A temporary folder, in memory where there is such a place: a run waits until its results are on the disk.
pub(crate) fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() {
        memory.to_owned()
    } else {
        env::temp_dir()
    };
    tempfile::Builder::new()
        .prefix("goostat-test-")
        .tempdir_in(place)
        .unwrap()
}

/// Calls `check` on all `items`, on all cores, and fails with everything that they said.
pub(crate) fn for_each<T: Sync>(items: &[T], check: impl Fn(&T) -> Vec<String> + Sync) {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let said = check(item);
                    failures.lock().unwrap().extend(said);
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
