//! What stops a run. Odd traffic and damaged captures never do: they are counted in the summary.

use std::io;
use std::path::PathBuf;

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused something.
    #[error("{}: cannot {doing}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as a verb: "read", "create".
        doing: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file is no capture, or is one that cannot be followed.
    #[error("{}: at byte {offset}: {reason}", path.display())]
    Capture {
        /// The file.
        path: PathBuf,
        /// Where in the file (in its decompressed bytes, if it is compressed).
        offset: u64,
        /// What is wrong and, where there is something, what to do.
        reason: String,
    },
    /// Something that cannot happen has happened.
    #[error("internal error: {0}")]
    Internal(String),
}

impl Error {
    /// Wraps what the operating system said of `path` when asked to do `doing`.
    pub fn io(path: impl Into<PathBuf>, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            path,
            doing,
            source,
        }
    }
}
