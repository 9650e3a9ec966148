//! The files that the command line means.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use super::source::is_standard_input;
use crate::error::Error;

/// A file that may be a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) path: PathBuf,
    /// Somebody named it, so it has to be a trace; a file of a folder may be anything.
    pub(crate) named: bool,
}

/// Replaces each folder by the files in it and below, sorted by name.
pub(crate) fn expand(paths: &[PathBuf]) -> Result<Vec<Candidate>, Error> {
    let mut candidates = Vec::new();
    for path in paths {
        if is_standard_input(path) || !path.is_dir() {
            candidates.push(Candidate {
                path: path.clone(),
                named: true,
            });
            continue;
        }
        let mut files = files_below(path)?;
        files.sort();
        candidates.extend(
            files
                .into_iter()
                .map(|path| Candidate { path, named: false }),
        );
    }
    Ok(candidates)
}

/// All regular files in a folder and in its subfolders, without the hidden ones. Links to files are
/// followed, links to folders are not: they may lead in circles.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let refused = Error::io(&folder, "list");
        list(&folder, &mut files, &mut folders).map_err(refused)?;
    }
    Ok(files)
}

fn list(folder: &Path, files: &mut Vec<PathBuf>, folders: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if is_hidden(&entry) {
            continue;
        }
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            folders.push(path);
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}
