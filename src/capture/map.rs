//! A file in memory.

use std::fs::File;
use std::io;

use memmap2::Mmap;

/// A mapped file, and the file itself to ask about its length.
pub(crate) struct Mapping {
    map: Mmap,
    file: File,
}

impl Mapping {
    /// Maps all of `file` for one sequential read. If the file is cut short meanwhile, the kernel
    /// ends the process with SIGBUS: no Rust code can turn that into an error. See
    /// [`Mapping::is_whole`] and [`IoMode::Read`](super::IoMode::Read).
    pub(crate) fn new(file: File) -> io::Result<Self> {
        // SAFETY: the bytes are only read, and no invariant rests on two reads agreeing: every
        // length is checked against the slice it was read from. A file that shrinks is the caller's
        // to watch for, as said above.
        #[expect(unsafe_code, reason = "a file mapping cannot be made safe")]
        let map = unsafe { Mmap::map(&file)? };
        #[cfg(unix)]
        map.advise(memmap2::Advice::Sequential)?;
        Ok(Self { map, file })
    }

    /// All bytes the file had when it was mapped.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Whether the file still has all bytes that were mapped.
    pub(crate) fn is_whole(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.len() >= self.map.len() as u64)
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
}
