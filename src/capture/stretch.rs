//! Reading a mapped file in several places at once.
//!
//! Whoever takes the packets of a trace may cut what is ahead into stretches, and have others read
//! these meanwhile. Where the first record of a stretch begins is a guess; the reader, which comes from the
//! true beginning of the trace, checks it: what was read from where it stands now is what it would read
//! itself. Anything else is dropped.

use std::ops::Range;
use std::sync::{Arc, Weak};

use super::chain;
use super::format::Format;
use super::inputs::Take;
use super::map::Mapping;
use super::packet::{Era, LinkType};
use super::scout::LONG;
use super::walk::{Seen, Walk};

/// Bytes in which the first record of a stretch is looked for. Of longer records there are few.
const SEARCHED: usize = 8192;

/// Bytes of a record, at most, by which the length of a stretch is told: the start of a file may have longer ones
/// than the rest, or blocks that are no packets.
const MEAN_MAX: usize = 4096;

/// A stretch of a file.
pub(crate) struct Stretch {
    mapping: Arc<Mapping>,
    /// As it is where the reader stands.
    format: Format,
    link_type: LinkType,
    places: Range<usize>,
    near: Era,
    records: usize,
}

/// The records that were followed in a stretch.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Where the first one begins, and where the one behind them does.
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) seen: Seen,
}

impl Stretch {
    /// The places in which its records begin.
    pub(crate) fn places(&self) -> &Range<usize> {
        &self.places
    }

    /// How many records are in it, about.
    pub(crate) fn records(&self) -> usize {
        self.records
    }

    /// Gives `take` the packets of the records that seem to begin here, as long as it takes them, up to where
    /// something has to be looked at closer; `None` if nothing does, or if bytes were read that are no longer in the file.
    pub(crate) fn read<T: Take>(&self, take: &mut T) -> Option<Extent> {
        let bytes = self.mapping.bytes();
        let searched = self.places.start..self.places.end.min(self.places.start + SEARCHED);
        let start = chain::find(&self.format, bytes, searched, true, Some(self.near))?;
        let until = self.places.end;
        let mut walk = Walk::short(start, until, self.records);
        // What is left of it is for others.
        let _ = match &self.format {
            Format::Pcap(_) => walk.follow(&self.format, bytes, until, || false, take),
            format @ Format::PcapNg(_) => {
                walk.follow_blocks(format.clone(), bytes, until, self.link_type, take)
            }
        };
        let extent = Extent {
            start,
            end: walk.at,
            seen: walk.seen,
        };
        let is_whole = !self.mapping.has_lost_pages();
        (is_whole && extent.seen.packets > 0).then_some(extent)
    }
}

/// Where the reader stands in a trace of which stretches can be read.
pub struct Here<'t> {
    pub(super) mapping: &'t Arc<Mapping>,
    pub(super) format: &'t Format,
    pub(super) formats: u64,
    pub(super) link_type: LinkType,
    pub(super) at: usize,
    pub(super) near: Era,
    pub(super) packets: u64,
}

/// What is to be done next in such a trace.
pub enum Next {
    /// Give on the packets up to this place, one by one, then ask again.
    Ask(usize),
    /// The same; somebody else may read what begins there.
    Read(usize),
    /// Go on behind these: they have been taken.
    Taken(Extent),
}

impl Here<'_> {
    /// The place of the next record.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Whether records are so long that who reads them waits for memory.
    pub(crate) fn has_long_records(&self) -> bool {
        self.mean_len() >= LONG
    }

    /// Bytes of the file for each packet so far.
    fn mean_len(&self) -> usize {
        let mean = self.at as u64 / self.packets.max(1);
        usize::try_from(mean).unwrap_or(usize::MAX)
    }

    /// The stretch of so many bytes from a place on, or what there is of it.
    pub(crate) fn stretch(&self, from: usize, records: usize) -> Option<Stretch> {
        let len = self.mean_len().min(MEAN_MAX).saturating_mul(records);
        let end = self.mapping.bytes().len();
        let places = from..from.saturating_add(len).min(end);
        (!places.is_empty()).then(|| Stretch {
            mapping: Arc::clone(self.mapping),
            format: self.format.clone(),
            link_type: self.link_type,
            places,
            near: self.near,
            records,
        })
    }

    /// What is known of the trace here.
    pub(crate) fn state(&self) -> State {
        State {
            mapping: Arc::downgrade(self.mapping),
            formats: self.formats,
            changes: self.format.changes(),
            link_type: self.link_type,
        }
    }
}

/// Which trace is read, and in which way: what was read ahead in another way is worth nothing.
pub(crate) struct State {
    mapping: Weak<Mapping>,
    formats: u64,
    changes: u64,
    link_type: LinkType,
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        let key = |state: &Self| (state.formats, state.changes, state.link_type);
        self.mapping.ptr_eq(&other.mapping) && key(self) == key(other)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ReadOptions;
    use super::super::testing::{BIG, LITTLE, Sample, read, read_in_stretches, samples, write};

    /// How many packets of a capture are taken in stretches; all are the same as without.
    fn taken(bytes: &[u8], records: usize) -> u64 {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), "trace", bytes);
        let (samples, reports, taken) = read_in_stretches(&path, records).unwrap();
        let (expected, expected_reports) = read(&[path], &ReadOptions::default()).unwrap();
        assert_eq!(samples, expected);
        assert_eq!(format!("{reports:?}"), format!("{expected_reports:?}"));
        taken
    }

    #[test]
    fn the_first_records_of_stretches_are_found_behind_their_borders() {
        let bytes = LITTLE.pcap(&samples(2000, 300));
        // The first packet is alone, and so is one before each stretch, which begins a byte too late.
        let taken = taken(&bytes, 50);
        assert!((1900..1980).contains(&taken), "{taken}");
    }

    #[test]
    fn pcapng_files_have_stretches_and_unusual_pcap_files_have_none() {
        let samples = samples(2000, 300);
        for bytes in [LITTLE.pcapng(&samples), BIG.pcapng(&samples)] {
            let taken = taken(&bytes, 50);
            assert!((1900..1980).contains(&taken), "{taken}");
        }
        assert_eq!(taken(&BIG.pcap(&samples), 50), 0);
    }

    #[test]
    fn a_capture_inside_a_packet_is_not_taken_for_the_trace() {
        let inner = LITTLE.pcap(&samples(300, 200));
        let mut outer = samples(600, 300);
        outer[300] = Sample {
            original_len: u32::try_from(inner.len()).unwrap(),
            captured: inner,
            ..outer[300].clone()
        };
        let taken = taken(&LITTLE.pcap(&outer), 50);
        assert!((200..599).contains(&taken), "{taken}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_gone_of_a_file_is_in_no_stretch() {
        use std::convert::Infallible;
        use std::io::Write;
        use std::ops::ControlFlow;

        use super::super::{Packet, Timestamp};
        use super::*;

        struct Count(u64);

        impl Take for Count {
            type Broken = Infallible;

            fn packet(&mut self, _: Packet<'_>) -> ControlFlow<Infallible> {
                self.0 += 1;
                ControlFlow::Continue(())
            }
        }

        let bytes = LITTLE.pcap(&samples(2000, 300));
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let cut = file.try_clone().unwrap();
        let mapping = Arc::new(Mapping::new(file).unwrap());
        cut.set_len(48 << 12).unwrap();
        let read = |places: Range<usize>| {
            let stretch = Stretch {
                mapping: Arc::clone(&mapping),
                format: Format::detect(&bytes).unwrap().0,
                link_type: LinkType::ETHERNET,
                near: Era::of(Timestamp(1_700_000_000_000_000_000)),
                records: 300,
                places,
            };
            let mut count = Count(0);
            stretch.read(&mut count).map(|_| count.0)
        };
        assert!(read(24..100_000).is_some_and(|count| count > 200));
        assert_eq!(read(100_000..bytes.len()), None);
    }
}
