//! The files that the command line means.

use std::collections::HashSet;
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

/// What some paths mean.
#[derive(Debug, Default)]
pub(crate) struct Expanded {
    pub(crate) candidates: Vec<Candidate>,
    /// Folders that cannot be listed, and what in folders is neither file nor folder.
    pub(crate) refused: Vec<(Candidate, Error)>,
}

/// Replaces each folder by the files in it and below, sorted by name.
pub(crate) fn expand(paths: &[PathBuf]) -> Expanded {
    let mut expanded = Expanded::default();
    for path in paths {
        if is_standard_input(path) || !path.is_dir() {
            expanded.candidates.push(Candidate {
                path: path.clone(),
                named: true,
            });
            continue;
        }
        let mut files = expanded.files_below(path);
        files.sort();
        expanded.candidates.extend(
            files
                .into_iter()
                .map(|path| Candidate { path, named: false }),
        );
    }
    expanded
}

impl Expanded {
    /// All regular files in a folder and in its subfolders, without the hidden ones. Links are followed; each
    /// folder is taken once, since they may lead in circles.
    fn files_below(&mut self, folder: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![folder.to_owned()];
        let mut seen = HashSet::new();
        while let Some(folder) = folders.pop() {
            let known = folder.canonicalize().unwrap_or_else(|_| folder.clone());
            if seen.insert(known)
                && let Err(error) = self.list(&folder, &mut files, &mut folders)
            {
                let error = Error::io(&folder, "list")(error);
                self.refuse(folder, error);
            }
        }
        files
    }

    fn list(
        &mut self,
        folder: &Path,
        files: &mut Vec<PathBuf>,
        folders: &mut Vec<PathBuf>,
    ) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if is_hidden(&entry) {
                continue;
            }
            let path = entry.path();
            match path.metadata() {
                Ok(metadata) if metadata.is_dir() => folders.push(path),
                Ok(metadata) if metadata.is_file() => files.push(path),
                Ok(_) => {
                    let error = Error::Capture {
                        path: path.clone(),
                        offset: 0,
                        reason: "it is no file".to_owned(),
                    };
                    self.refuse(path, error);
                }
                Err(error) => {
                    let error = Error::io(&path, "open")(error);
                    self.refuse(path, error);
                }
            }
        }
        Ok(())
    }

    fn refuse(&mut self, path: PathBuf, error: Error) {
        let candidate = Candidate { path, named: false };
        self.refused.push((candidate, error));
    }
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}
