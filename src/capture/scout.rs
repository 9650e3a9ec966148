//! Where the next records of a mapped file begin, so that what is needed of them can be asked for long
//! before they are read.
//!
//! Each record header says where the next one is, so following them waits for memory once a record.
//! The scout follows several chains of them side by side, from places in a stretch ahead where records
//! seem to begin. The reader then follows the one true chain, and finds its headers at hand. What
//! it reads depends on nothing here: a scout that is wrong costs time.

use std::ops::Range;

use super::format::Format;
use super::pcap::{CAPTURED_LEN_AT, Pcap};
use super::prefetch::{prefetch, prefetch_lines};

/// Bytes that are looked over at a time: what is found in them is in a cache until it is read.
const STRETCH: usize = 8 << 20;
/// In fewer bytes the chains would be short.
const STRETCH_MIN: usize = 256 << 10;
/// Chains that are followed side by side.
const CHAINS: usize = 32;
/// Records of this mean length and more keep a reader waiting for memory: shorter ones are many to a page,
/// where fetching all lines ahead of it costs less.
pub(super) const LONG: usize = 320;
/// Mean lengths of records that are worth it: of longer ones there are few.
const RECORD_LENS: Range<usize> = LONG..4096;
/// Bytes in which the first record of a chain is looked for.
const SEARCHED: usize = 2 * RECORD_LENS.end;
/// Lines of these that are asked for before.
const ASKED: usize = 8;
/// Records between asking for one and reading it.
const AHEAD: usize = 8;
/// Lines of a record that are read, at most, unless it is an odd one.
const NEEDED: usize = 2;

/// What is known of the records ahead.
pub(super) struct Scout {
    /// Nothing beyond this place is looked at: somebody else reads that.
    limit: usize,
    /// Where records begin.
    places: Vec<usize>,
    /// How many of these have been asked for.
    asked: usize,
    /// Up to where the trace was looked over.
    end: usize,
    /// Records read since it was, and from where on.
    read: usize,
    begun: usize,
}

impl Default for Scout {
    fn default() -> Self {
        Self {
            limit: usize::MAX,
            places: Vec::new(),
            asked: 0,
            end: 0,
            read: 0,
            begun: 0,
        }
    }
}

impl Scout {
    /// One for the bytes from `at` to `limit`, in which there are about so many records.
    pub(super) fn of(at: usize, limit: usize, records: usize) -> Self {
        Self {
            limit,
            read: records,
            // As if they had been read just before.
            begun: at.wrapping_sub(limit.saturating_sub(at)),
            ..Self::default()
        }
    }

    /// From the next stretch on, nothing beyond this place is looked at.
    pub(super) fn limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Starts to fetch what is needed of a record some way ahead of the one at `at`. Says whether that
    /// will do: else whatever comes next has to be fetched.
    #[inline]
    pub(super) fn fetch(&mut self, format: &Format, bytes: &[u8], at: usize) -> bool {
        if at >= self.end {
            self.look_over(format, bytes, at);
        }
        self.read += 1;
        let Some(&place) = self.places.get(self.asked) else {
            return !self.places.is_empty();
        };
        self.asked += 1;
        prefetch_lines(bytes, place, NEEDED);
        true
    }

    /// So many records were read without it.
    pub(super) fn skip(&mut self, records: u64) {
        let records = usize::try_from(records).unwrap_or(usize::MAX);
        self.asked = self.asked.saturating_add(records);
        self.read = self.read.saturating_add(records);
    }

    /// Looks over the stretch from the record at `at` on, if it is long enough and the records before it
    /// had such lengths that it pays.
    #[cold]
    fn look_over(&mut self, format: &Format, bytes: &[u8], at: usize) {
        let mean = at.wrapping_sub(self.begun) / self.read.max(1);
        self.places.clear();
        (self.asked, self.read, self.begun) = (AHEAD, 0, at);
        let len = self.limit.min(bytes.len()).saturating_sub(at).min(STRETCH);
        self.end = at.saturating_add(len.max(STRETCH_MIN));
        let Format::Pcap(pcap) = format else { return };
        if pcap.is_plain() && RECORD_LENS.contains(&mean) && len >= STRETCH_MIN {
            self.follow(pcap, bytes, at, mean);
        }
    }

    /// Follows the chains.
    fn follow(&mut self, pcap: &Pcap, bytes: &[u8], at: usize, mean: usize) {
        let part = (self.end - at) / CHAINS;
        for number in 0..CHAINS {
            prefetch_lines(bytes, at + number * part, ASKED);
        }
        let mut chains: [Chain; CHAINS] = std::array::from_fn(|number| {
            let start = at + number * part;
            let begin = match number {
                0 => Some(at),
                _ => begin(pcap, bytes, start..start + part),
            };
            Chain {
                // Nothing is followed in a part without records.
                at: begin.unwrap_or(usize::MAX),
                end: start + part,
                places: Vec::with_capacity(part / mean * 5 / 4),
            }
        });
        let mut is_done = false;
        while !is_done {
            is_done = true;
            for chain in &mut chains {
                is_done &= !chain.step(pcap, bytes);
            }
        }
        let count = chains.iter().map(|chain| chain.places.len()).sum();
        self.places.reserve_exact(count);
        for chain in &chains {
            self.places.extend_from_slice(&chain.places);
        }
    }
}

/// The first place near the beginning of `part` where a record may begin that leads to another one.
fn begin(pcap: &Pcap, bytes: &[u8], part: Range<usize>) -> Option<usize> {
    let leads = |&at: &usize| {
        let next = pcap.behind(bytes, at);
        next.is_some_and(|next| pcap.may_begin(bytes, next))
    };
    let searched = part.start..part.end.min(part.start + SEARCHED);
    pcap.may_begin_in(bytes, searched).find(leads)
}

/// Records one after the other.
struct Chain {
    at: usize,
    end: usize,
    places: Vec<usize>,
}

impl Chain {
    /// Goes on to the next record; false if that is beyond the end.
    #[inline]
    fn step(&mut self, pcap: &Pcap, bytes: &[u8]) -> bool {
        if self.at >= self.end {
            return false;
        }
        self.places.push(self.at);
        self.at = pcap.behind(bytes, self.at).unwrap_or(usize::MAX);
        // The other chains go on first.
        prefetch(bytes, self.at.saturating_add(CAPTURED_LEN_AT));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{LITTLE, samples};
    use super::*;

    /// A capture of two stretches and a half, and where its records begin.
    fn capture() -> (Vec<u8>, Vec<usize>) {
        let bytes = LITTLE.pcap(&samples(1000, 1500));
        let (header, records) = bytes.split_at(24);
        let count = STRETCH * 5 / 2 / records.len() + 1;
        let bytes = [header.to_vec(), records.repeat(count)].concat();
        let mut places = vec![24];
        while let Some(&[a, b, c, d]) = bytes
            .get(places[places.len() - 1] + 8..)
            .and_then(<[u8]>::first_chunk)
        {
            places.push(places[places.len() - 1] + 16 + u32::from_le_bytes([a, b, c, d]) as usize);
        }
        places.pop();
        (bytes, places)
    }

    /// Where the first record from `place` on is, in their list.
    fn first_from(places: &[usize], place: usize) -> usize {
        places.iter().position(|&at| at >= place).unwrap()
    }

    #[test]
    fn it_finds_the_records_that_are_read() {
        let (bytes, places) = capture();
        let (format, _) = Format::detect(&bytes).unwrap();
        let mut scout = Scout::default();
        let fetched = |&place: &usize| scout.fetch(&format, &bytes, place);
        let known: Vec<bool> = places.iter().map(fetched).collect();
        // The first stretch tells how long records are.
        let first = first_from(&places, 24 + STRETCH);
        assert!(!known[first - 1] && known[first]);
        // The last one is shorter.
        let last = first_from(&places, places[first] + STRETCH);
        assert_eq!(scout.places, places[last..]);
    }

    #[test]
    fn it_looks_at_nothing_beyond_its_limit() {
        let (bytes, places) = capture();
        let (format, _) = Format::detect(&bytes).unwrap();
        let (first, limit) = (places.len() / 5, 3 * STRETCH_MIN);
        let mut scout = Scout::of(places[first], places[first] + limit, places.len() / 10);
        assert!(scout.fetch(&format, &bytes, places[first]));
        let end = first_from(&places, places[first] + limit);
        assert_eq!(scout.places, places[first..end]);
        // What follows is too short, until there is no limit any more.
        assert!(!scout.fetch(&format, &bytes, places[end]));
        scout.limit(usize::MAX);
        let next = first_from(&places, places[end] + STRETCH_MIN);
        let known = places[end + 1..=next].iter();
        let known: Vec<bool> = known
            .map(|&place| scout.fetch(&format, &bytes, place))
            .collect();
        assert_eq!(known.iter().position(|&is| is), Some(next - end - 1));
    }

    #[test]
    fn where_no_record_begins_nothing_is_followed() {
        let (mut bytes, places) = capture();
        let (format, _) = Format::detect(&bytes).unwrap();
        let middle = places[places.len() / 5];
        bytes[middle..].fill(0xff);
        let mut scout = Scout::of(24, 24 + STRETCH, 5000);
        scout.fetch(&format, &bytes, 24);
        assert_eq!(scout.places.last(), Some(&middle));
    }
}
