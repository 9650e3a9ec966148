//! Where the next records of a mapped file begin, so that what is needed of them can be asked for long
//! before they are read.
//!
//! Each record header says where the next one is, so following them waits for memory once a record.
//! The scout follows several chains of them side by side, from places in a stretch ahead where records
//! seem to begin. The reader then follows the one true chain, and finds its headers at hand. What
//! it reads depends on nothing here: a scout that is wrong costs time.

use std::ops::Range;

use super::chain;
use super::format::Format;
use super::packet::{Era, Timestamp};
use super::pcap::Pcap;
use super::prefetch::prefetch;

/// Bytes that are looked over at a time: what is found in them is in a cache until it is read.
const STRETCH: usize = 8 << 20;
/// Chains that are followed side by side.
const CHAINS: usize = 16;
/// Records of this mean length and more keep a reader waiting for memory: shorter ones are many to a page,
/// where fetching all lines ahead of it costs less.
pub(super) const LONG: usize = 320;
/// Mean lengths of records that are worth it: of longer ones there are few.
const RECORD_LENS: Range<usize> = LONG..4096;
/// Bytes in which the first record of a chain is looked for.
const SEARCHED: usize = 2 * RECORD_LENS.end;
/// Records between asking for one and reading it.
const AHEAD: usize = 8;
/// Bytes of a record that are read, at most, unless it is an odd one.
const NEEDED: usize = 128;

/// What is known of the records ahead.
pub(super) struct Scout {
    /// Bytes that are looked over at a time.
    stretch: usize,
    /// Where they begin.
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
            stretch: STRETCH,
            places: Vec::new(),
            asked: 0,
            end: 0,
            read: 0,
            begun: 0,
        }
    }
}

impl Scout {
    /// One for a stretch of so many bytes from `at` on, in which there are about so many records.
    pub(super) fn of(stretch: usize, records: usize, at: usize) -> Self {
        Self {
            stretch,
            read: records,
            // As if they had been read just before.
            begun: at.wrapping_sub(stretch),
            ..Self::default()
        }
    }

    /// Starts to fetch what is needed of a record some way ahead of the one at `at`. Says whether that
    /// will do: else whatever comes next has to be fetched.
    #[inline]
    pub(super) fn fetch(
        &mut self,
        format: &Format,
        bytes: &[u8],
        at: usize,
        time: Timestamp,
    ) -> bool {
        if at >= self.end {
            self.look_over(format, bytes, at, time);
        }
        self.read += 1;
        let Some(&place) = self.places.get(self.asked) else {
            return !self.places.is_empty();
        };
        self.asked += 1;
        for line in (0..NEEDED).step_by(64) {
            prefetch(bytes, place + line);
        }
        true
    }

    /// So many records were read without it.
    pub(super) fn skip(&mut self, records: u64) {
        let records = usize::try_from(records).unwrap_or(usize::MAX);
        self.asked = self.asked.saturating_add(records);
        self.read = self.read.saturating_add(records);
    }

    /// Looks over the stretch from the record at `at` on, if it is a whole one and the records before it
    /// had such lengths that it pays.
    #[cold]
    fn look_over(&mut self, format: &Format, bytes: &[u8], at: usize, time: Timestamp) {
        let mean = at.wrapping_sub(self.begun) / self.read.max(1);
        let is_worth_it = RECORD_LENS.contains(&mean);
        self.places.clear();
        (self.asked, self.read, self.begun) = (AHEAD, 0, at);
        self.end = at.saturating_add(self.stretch);
        let Format::Pcap(pcap) = format else { return };
        if is_worth_it && self.end + chain::LOOK_AHEAD < bytes.len() {
            self.follow(format, pcap, bytes, at, time);
        }
    }

    /// Follows the chains.
    fn follow(&mut self, format: &Format, pcap: &Pcap, bytes: &[u8], at: usize, time: Timestamp) {
        let part = self.stretch / CHAINS;
        let near = Some(Era::of(time));
        let begins = |number: usize| {
            let mut candidates = at + number * part..at + number * part + SEARCHED;
            let holds = |&at: &usize| {
                pcap.may_begin(bytes, at) && chain::holds(format, bytes, at, false, near)
            };
            match number {
                0 => Some(at),
                _ => candidates.find(holds),
            }
        };
        let mut chains: [Chain; CHAINS] = std::array::from_fn(|number| Chain {
            // Nothing is followed in a part without records.
            at: begins(number).unwrap_or(usize::MAX),
            end: at + (number + 1) * part,
            places: Vec::new(),
        });
        let mut is_done = false;
        while !is_done {
            is_done = true;
            for chain in &mut chains {
                is_done &= !chain.step(pcap, bytes);
            }
        }
        for chain in &chains {
            self.places.extend_from_slice(&chain.places);
        }
    }
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
        prefetch(bytes, self.at);
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

    #[test]
    fn it_finds_the_records_that_are_read() {
        let (bytes, places) = capture();
        let (format, _) = Format::detect(&bytes).unwrap();
        let mut scout = Scout::default();
        let time = Timestamp(1_700_000_000_000_000_000);
        let fetched = |&place: &usize| scout.fetch(&format, &bytes, place, time);
        let known: Vec<bool> = places.iter().map(fetched).collect();
        // The first stretch tells how long records are, and the last one is not whole.
        let first = places
            .iter()
            .position(|&place| place >= 24 + STRETCH)
            .unwrap();
        assert!(!known[first - 1] && known[first]);
        let found = &scout.places[..];
        assert!(found.is_empty(), "nothing is known of the last stretch");
        let mut scout = Scout::of(STRETCH, first, places[first]);
        scout.fetch(&format, &bytes, places[first], time);
        let end = places
            .iter()
            .position(|&place| place >= places[first] + STRETCH);
        assert_eq!(scout.places, places[first..end.unwrap()]);
    }

    #[test]
    fn where_no_record_begins_nothing_is_followed() {
        let (mut bytes, places) = capture();
        let (format, _) = Format::detect(&bytes).unwrap();
        let middle = places[places.len() / 5];
        bytes[middle..].fill(0xff);
        let mut scout = Scout::of(STRETCH, 5000, 24);
        scout.fetch(&format, &bytes, 24, Timestamp(1_700_000_000_000_000_000));
        assert_eq!(scout.places.last(), Some(&middle));
    }
}
