//! The folder of results: it appears whole or not at all.
//!
//! Everything is written into a hidden folder beside it, which takes its name at the very end.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::error::Error;

/// The files a run leaves.
const RESULTS: [&str; 3] = ["tcp.parquet", "udp.parquet", "summary.json"];

/// A folder in the making; removed again unless it is published.
#[derive(Debug)]
pub struct OutputFolder {
    target: PathBuf,
    temporary: Arc<Temporary>,
    force: bool,
}

/// Where the results are until they are published.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
    /// Neither can be done while the other is under way.
    published_or_abandoned: Mutex<bool>,
}

/// A way to give up an [`OutputFolder`] from another thread.
#[derive(Clone, Debug)]
pub struct Abandon(Arc<Temporary>);

impl Abandon {
    /// Removes what was written, unless it is published: then it stays. Nothing is published after
    /// that.
    pub fn abandon(&self) {
        let mut done = lock(&self.0.published_or_abandoned);
        if !*done {
            // A failed run must leave nothing; if it cannot be removed, nobody can be told.
            let _ = fs::remove_dir_all(&self.0.path);
            *done = true;
        }
    }
}

/// A thread that panicked with the lock has changed nothing.
fn lock(mutex: &Mutex<bool>) -> MutexGuard<'_, bool> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OutputFolder {
    /// Prepares to make `target`. What is there already must be an empty folder or, with `force`,
    /// one that holds earlier results and nothing else.
    ///
    /// # Errors
    /// If something else is there, or the folder cannot be made.
    pub fn create(target: &Path, force: bool) -> Result<Self, Error> {
        check(target, force)?;
        let target = absolute(target)?;
        let temporary = create_temporary(&target).map_err(Error::io(&target, "create"))?;
        Ok(Self {
            target,
            temporary: Arc::new(Temporary {
                path: temporary,
                published_or_abandoned: Mutex::new(false),
            }),
            force,
        })
    }

    /// A way to give it up from another thread.
    pub fn abandon(&self) -> Abandon {
        Abandon(Arc::clone(&self.temporary))
    }

    /// Where a result is written for now.
    pub fn path(&self, name: &str) -> PathBuf {
        self.temporary.path.join(name)
    }

    /// Lets the results appear.
    ///
    /// # Errors
    /// If the folder cannot be renamed, or if something has appeared meanwhile that must not be replaced.
    pub fn publish(self) -> Result<(), Error> {
        let temporary = &self.temporary.path;
        sync_files(temporary)?;
        sync_names(temporary)?;
        let mut done = lock(&self.temporary.published_or_abandoned);
        check(&self.target, self.force)?;
        let earlier = self.set_aside_earlier()?;
        fs::rename(temporary, &self.target).map_err(Error::io(&self.target, "create"))?;
        *done = true;
        drop(done);
        if let Some(parent) = self.target.parent() {
            sync_names(parent)?;
        }
        if let Some(earlier) = earlier {
            fs::remove_dir_all(&earlier).map_err(Error::io(earlier, "remove"))?;
        }
        Ok(())
    }

    /// Moves earlier results out of the way. An empty folder is simply replaced by the rename.
    fn set_aside_earlier(&self) -> Result<Option<PathBuf>, Error> {
        if !self.target.is_dir() || is_empty(&self.target)? {
            return Ok(None);
        }
        let mut earlier = self.temporary.path.clone().into_os_string();
        earlier.push("-replaced");
        let earlier = PathBuf::from(earlier);
        fs::rename(&self.target, &earlier).map_err(Error::io(&self.target, "replace"))?;
        Ok(Some(earlier))
    }
}

/// Waits until the disk has the files in a folder, all at once: a file system writes what came at the same
/// time together.
fn sync_files(folder: &Path) -> Result<(), Error> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io(folder, "look into"))? {
        paths.push(entry.map_err(Error::io(folder, "look into"))?.path());
    }
    thread::scope(|scope| {
        let mut synced = Vec::new();
        for path in &paths {
            let sync = move || File::options().write(true).open(path)?.sync_all();
            synced.push((path, scope.spawn(sync)));
        }
        synced.into_iter().try_for_each(|(path, synced)| {
            let synced = synced.join();
            synced
                .unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
                .map_err(Error::io(path, "write"))
        })
    })
}

/// Waits until the disk has the names in a folder. Windows opens no folder for that.
fn sync_names(folder: &Path) -> Result<(), Error> {
    if !cfg!(unix) {
        return Ok(());
    }
    File::open(folder)
        .and_then(|names| names.sync_all())
        .map_err(Error::io(folder, "write"))
}

impl Drop for OutputFolder {
    fn drop(&mut self) {
        self.abandon().abandon();
    }
}

/// Makes a hidden folder beside `target`. A run that was killed has left its own, and process ids come again.
fn create_temporary(target: &Path) -> io::Result<PathBuf> {
    let parent = target.parent().unwrap_or(Path::new("/"));
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let process = std::process::id();
    let mut attempt = 0_u32;
    loop {
        let temporary = parent.join(format!(".{name}.partial-{process}-{attempt}"));
        match fs::create_dir(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => attempt += 1,
            result => return result.map(|()| temporary),
        }
    }
}

fn check(target: &Path, force: bool) -> Result<(), Error> {
    let refuse = |reason: &str| {
        let source = io::Error::new(io::ErrorKind::AlreadyExists, reason);
        Err(Error::io(target, "write results into it")(source))
    };
    match fs::metadata(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io(target, "look into")(error)),
        Ok(metadata) if !metadata.is_dir() => return refuse("it is a file, not a folder"),
        Ok(_) => {}
    }
    let entries = fs::read_dir(target).map_err(Error::io(target, "look into"))?;
    let mut has_results = false;
    for entry in entries {
        let name = entry.map_err(Error::io(target, "look into"))?.file_name();
        if !RESULTS.iter().any(|result| name == *result) {
            return refuse("it holds other files than results; name a new folder with -o");
        }
        has_results = true;
    }
    if has_results && !force {
        return refuse(
            "it holds earlier results; replace them with --force or name another folder with -o",
        );
    }
    Ok(())
}

fn is_empty(folder: &Path) -> Result<bool, Error> {
    let mut entries = fs::read_dir(folder).map_err(Error::io(folder, "look into"))?;
    Ok(entries.next().is_none())
}

/// The path with a name at its end, so that something can stand beside it.
fn absolute(target: &Path) -> Result<PathBuf, Error> {
    if target.is_dir() {
        return target
            .canonicalize()
            .map_err(Error::io(target, "look into"));
    }
    std::path::absolute(target).map_err(Error::io(target, "create"))
}
