//! Opening a trace: what kind of file it is, how it is compressed, and where its bytes come from.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::path::Path;

use super::compression::Compression;
use super::feed::{Feed, Pace};
use super::inputs::IoMode;
use super::map::Mapping;
use super::window::Window;
use crate::error::Error;

/// The path that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// As many bytes as it takes to tell a compression.
const MAGIC_LEN: usize = 16;

/// An open trace, of which nothing is known yet but where to get its bytes.
pub(crate) struct Source {
    pub(crate) window: Window,
    pub(crate) compression: Option<Compression>,
    /// Bytes on disk; `None` for a pipe.
    pub(crate) size: Option<u64>,
}

impl Source {
    /// Whether a thread of its own may read the trace: a file that is not mapped, or what is
    /// compressed. Of another pipe each packet is wanted as soon as it comes.
    pub(crate) fn can_go_ahead(&self) -> bool {
        self.window.is_streamed() && (self.size.is_some() || self.compression.is_some())
    }

    /// Opens `path`. A stream begins to be read, and decompressed, in its own thread.
    pub(crate) fn open(path: &Path, io: IoMode, pace: Pace) -> Result<Self, Error> {
        Self::open_file(path, io, pace).map_err(Error::io(path, "read"))
    }

    fn open_file(path: &Path, io: IoMode, pace: Pace) -> io::Result<Self> {
        let mut file = if is_standard_input(path) {
            standard_input()?
        } else {
            File::open(path)?
        };
        let metadata = file.metadata()?;
        // Files that the kernel makes up say that they are empty.
        let regular = metadata.is_file() && metadata.len() > 0 && !is_standard_input(path);
        let size = regular.then_some(metadata.len());
        let magic = read_magic(&mut file)?;
        let compression = Compression::detect(&magic);
        if !regular {
            let input = Box::new(Cursor::new(magic).chain(file));
            let window = Window::streamed(Feed::start(input, compression, pace)?);
            return Ok(Self {
                window,
                compression,
                size,
            });
        }
        file.rewind()?;
        let window = if compression.is_none() && io == IoMode::Mmap {
            Window::mapped(Mapping::new(file)?)
        } else {
            Window::streamed(Feed::start(Box::new(file), compression, pace)?)
        };
        Ok(Self {
            window,
            compression,
            size,
        })
    }
}

/// Whether `path` can be opened once more, with the same bytes.
pub(crate) fn is_repeatable(path: &Path) -> bool {
    !is_standard_input(path) && path.metadata().is_ok_and(|metadata| metadata.is_file())
}

pub(crate) fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == STANDARD_INPUT
}

/// Standard input without the small buffer that the standard library puts before it.
#[cfg(unix)]
fn standard_input() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

#[cfg(windows)]
fn standard_input() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(File::from(io::stdin().as_handle().try_clone_to_owned()?))
}

/// The first bytes, fewer if there are no more.
fn read_magic(file: &mut File) -> io::Result<Vec<u8>> {
    let mut magic = Vec::with_capacity(MAGIC_LEN);
    file.take(MAGIC_LEN as u64).read_to_end(&mut magic)?;
    Ok(magic)
}
