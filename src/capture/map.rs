//! A file in memory.

use std::fs::File;
use std::io;
use std::thread;

use memmap2::Mmap;

#[cfg(target_os = "linux")]
use super::lost_pages::Watched;

/// Unmapping more bytes than this takes milliseconds.
const LARGE: usize = 64 << 20;

/// A mapped file, and the file itself to ask about its length.
pub(crate) struct Mapping {
    /// Dropped before the map.
    #[cfg(target_os = "linux")]
    watched: Watched,
    map: Mmap,
    file: File,
}

impl Mapping {
    /// Maps all of `file` for one sequential read. If the file is cut short meanwhile, what is gone
    /// reads as zeros, and [`Mapping::is_whole`] says so; on systems other than Linux the process
    /// ends with SIGBUS. See [`IoMode::Read`](super::IoMode::Read).
    pub(crate) fn new(file: File) -> io::Result<Self> {
        // SAFETY: the bytes are only read, and no invariant rests on two reads agreeing: every
        // length is checked against the slice it was read from. A file that shrinks is watched
        // for, as said above.
        #[expect(unsafe_code, reason = "a file mapping cannot be made safe")]
        let map = unsafe { Mmap::map(&file)? };
        #[cfg(unix)]
        map.advise(memmap2::Advice::Sequential)?;
        Ok(Self {
            #[cfg(target_os = "linux")]
            watched: Watched::new(&map)?,
            map,
            file,
        })
    }

    /// All bytes the file had when it was mapped.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Unmaps the file, a large one in a thread of its own: the kernel takes 14 ms for each gigabyte,
    /// for which nobody has to wait.
    pub(crate) fn release(self) {
        let Self { map, .. } = self;
        if map.len() > LARGE {
            // Without a thread for it, the map is dropped here.
            let _ = thread::Builder::new()
                .name("unmap".to_owned())
                .spawn(move || drop(map));
        }
    }

    /// Whether the file still has all bytes that were mapped, and always had.
    pub(crate) fn is_whole(&self) -> io::Result<bool> {
        Ok(!self.has_lost_pages() && self.file.metadata()?.len() >= self.map.len() as u64)
    }

    /// Whether bytes were read that were no longer there.
    #[inline]
    pub(crate) fn has_lost_pages(&self) -> bool {
        #[cfg(target_os = "linux")]
        return self.watched.is_lost();
        #[cfg(not(target_os = "linux"))]
        return false;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_that_shrinks_is_no_longer_whole() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[1; 10]).unwrap();
        let other = file.try_clone().unwrap();
        let mapping = Mapping::new(file).unwrap();
        assert_eq!(mapping.bytes(), [1; 10]);
        assert!(mapping.is_whole().unwrap());
        other.set_len(9).unwrap();
        assert!(!mapping.is_whole().unwrap());
        other.set_len(20).unwrap();
        assert!(mapping.is_whole().unwrap());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_gone_of_a_mapped_file_reads_as_zeros_and_is_told() {
        let len = 1 << 20;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![7; len]).unwrap();
        let other = file.try_clone().unwrap();
        let mapping = Mapping::new(file).unwrap();
        let untouched = Mapping::new(other.try_clone().unwrap()).unwrap();
        other.set_len(10_000).unwrap();
        let bytes = mapping.bytes();
        assert_eq!((bytes[0], bytes[9_999]), (7, 7));
        assert_eq!((bytes[len - 1], bytes[len / 2], bytes[10_000]), (0, 0, 0));
        assert!(mapping.has_lost_pages());
        other.set_len(2 * len as u64).unwrap();
        assert!(
            !mapping.is_whole().unwrap(),
            "it was not whole all the time"
        );
        assert!(!untouched.has_lost_pages());
    }
}
