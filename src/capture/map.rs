//! A file in memory.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;
#[cfg(unix)]
use std::thread;

use memmap2::Mmap;

#[cfg(target_os = "linux")]
use super::lost_pages::Watched;

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

    /// Has bytes read from the disk that will be wanted soon, if they seem to be only there. The kernel reads
    /// ahead of whoever touches a mapping, but a little, and only while the places are in order.
    pub(crate) fn ask_for(&self, places: Range<usize>) {
        #[cfg(unix)]
        {
            let places = places.start..places.end.min(self.map.len());
            // To have what is there read again takes a look at each page. The first of these may be one of
            // those that were asked for before.
            if !places.is_empty() && !self.is_cached(places.end - 1) {
                let advice = memmap2::Advice::WillNeed;
                // It is advice: what is not taken costs time.
                let _ = self.map.advise_range(advice, places.start, places.len());
            }
        }
        #[cfg(not(unix))]
        let _ = places;
    }

    /// Whether a byte is in the page cache, as far as the system can tell.
    #[cfg(unix)]
    fn is_cached(&self, at: usize) -> bool {
        #[cfg(target_os = "linux")]
        {
            use rustix::io::{Errno, ReadWriteFlags, preadv2};
            let mut byte = [0];
            let mut buffers = [io::IoSliceMut::new(&mut byte)];
            let read = preadv2(&self.file, &mut buffers, at as u64, ReadWriteFlags::NOWAIT);
            read != Err(Errno::AGAIN)
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = at;
            false
        }
    }

    /// Gives back the memory of bytes that have been read, as much as the kernel has to let go sooner or
    /// later: so a run takes no more than a part of the file, and threads that wait for others have less
    /// to do at its end. It is done in a thread of its own; whoever reads the bytes again gets them again.
    pub(crate) fn leave(self: &Arc<Self>, read: Range<usize>) {
        #[cfg(unix)]
        {
            let this = Arc::clone(self);
            // Without a thread for it, the memory stays until the file is unmapped.
            let _ = thread::Builder::new()
                .name("unmap".to_owned())
                .spawn(move || this.forget(read));
        }
        #[cfg(not(unix))]
        let _ = read;
    }

    #[cfg(unix)]
    fn forget(&self, read: Range<usize>) {
        let advice = memmap2::UncheckedAdvice::DontNeed;
        // SAFETY: nobody ever writes to the pages, so that nothing is lost with them: they are the file's,
        // or zeros where that was cut short, and come back as such when they are touched.
        #[expect(unsafe_code, reason = "measured: docs/performance.md, unmapping")]
        let left = unsafe {
            self.map
                .unchecked_advise_range(advice, read.start, read.len())
        };
        // It is advice: what is not taken costs memory.
        drop(left);
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

// Windows lets no file shrink that is mapped.
#[cfg(test)]
#[cfg(unix)]
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

    /// Asks for all of a file that is on the disk only, if this one can be put there.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_was_asked_for_is_read() {
        use rustix::fs::{Advice, fadvise};
        let bytes = vec![7; 8 << 20];
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file.sync_all().unwrap();
        let mapping = Mapping::new(file.try_clone().unwrap()).unwrap();
        assert!(mapping.is_cached(0));
        mapping.ask_for(10..10);
        mapping.ask_for(bytes.len()..usize::MAX);
        fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        let last = bytes.len() - 1;
        if !mapping.is_cached(last) {
            mapping.ask_for(1..usize::MAX);
            let is_read = || mapping.is_cached(last / 2) && mapping.is_cached(last);
            let mut tries = 0..1000;
            while !is_read() && tries.next().is_some() {
                thread::sleep(std::time::Duration::from_millis(10));
            }
            assert!(is_read());
        }
        assert!(mapping.bytes() == bytes);
    }

    /// Bytes of a mapping that are in memory, as far as this process has touched them.
    #[cfg(target_os = "linux")]
    fn resident(mapping: &Mapping) -> usize {
        let start = format!("{:x}-", mapping.bytes().as_ptr() as usize);
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut lines = maps.lines().skip_while(|line| !line.starts_with(&start));
        let rss = lines.find_map(|line| line.strip_prefix("Rss:"));
        let kilobytes = rss.and_then(|rss| rss.split_whitespace().next());
        kilobytes.unwrap().parse::<usize>().unwrap() << 10
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_was_left_takes_no_memory_and_reads_as_before() {
        let len = 1 << 20;
        let mut file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = (0..len).map(|at: u32| (at % 251) as u8).collect();
        file.write_all(&bytes).unwrap();
        let other = file.try_clone().unwrap();
        let mapping = Mapping::new(file).unwrap();
        assert!(mapping.bytes() == bytes && resident(&mapping) > 0);
        mapping.forget(0..bytes.len() / 2);
        assert!(resident(&mapping) <= bytes.len() / 2);
        assert!(mapping.bytes() == bytes && !mapping.has_lost_pages());
        // Nor does it bring back what is gone.
        other.set_len(4096).unwrap();
        let all_zero = || mapping.bytes()[4096..].iter().all(|byte| *byte == 0);
        assert!(all_zero() && mapping.has_lost_pages());
        mapping.forget(0..bytes.len());
        assert!(all_zero() && mapping.bytes()[..4096] == bytes[..4096]);
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
