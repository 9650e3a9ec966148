//! The classes of many segments that one packet hits: [`classify`](super::classify::classify) for
//! words of many segments.

use multiversion::multiversion;

use super::classify::{Class, Timing};
use super::order::Word;
use super::sequence::ACKED_ENOUGH;

/// Times that part the segments a packet hits; none if even one sent at the packet's own time is
/// on the far side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Sent since: the recovery is below the mean.
    pub(super) mean: Option<i64>,
    /// Sent since: the recovery is below the time-out.
    pub(super) before_rto: Option<i64>,
    /// Sent since: the recovery is not above the time-out.
    pub(super) up_to_rto: Option<i64>,
}

/// What decides the class of each segment, a bit for each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traits {
    /// Those that are hit: a run without holes, each of them as a whole.
    pub(super) places: Word,
    /// The recovery is below the mean.
    pub(super) is_young: Word,
    /// Right only if some are in `enough_before`.
    pub(super) before_rto: Word,
    pub(super) after_rto: Word,
    pub(super) same_id: Word,
    /// It has one number.
    pub(super) is_single: Word,
    pub(super) is_acked: Word,
    /// It was acknowledged more than three times.
    pub(super) is_acked_enough: Word,
    /// The one in front was.
    pub(super) enough_before: Word,
}

/// Segments that have all in common that decides their class but their times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alike {
    pub(super) nature: Nature,
    pub(super) oldest: i64,
    pub(super) newest: i64,
    pub(super) count: u32,
}

/// What decides the class of a segment but its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nature {
    pub(super) id: u16,
    /// It has one number.
    pub(super) is_single: bool,
    pub(super) is_acked: bool,
    /// It was acknowledged more than three times.
    pub(super) is_acked_enough: bool,
}

/// The segments in front are of one nature and were sent between two times, both inclusive: as all
/// that are like them, they have the class of the last one.
#[derive(Clone, Copy, Debug)]
struct Same {
    class: Class,
    nature: Nature,
    since: i64,
    until: i64,
}

/// What a packet makes of the segments it hits, one after the other.
pub(super) struct Verdict<'a> {
    bounds: Bounds,
    /// IP identification of the packet, 0 if absent.
    id: u16,
    is_window_closed: bool,
    /// The class of the segment in front, as masks: of all bits where its number has one.
    before: [u64; 3],
    /// It was acknowledged more than three times.
    is_acked_enough: bool,
    same: Option<Same>,
    tally: Tally,
    counts: &'a mut [u32; Class::COUNT],
}

impl Bounds {
    /// For a packet of that time.
    #[expect(clippy::cast_precision_loss, reason = "compared with floats")]
    pub(super) fn of(timing: &Timing, time: i64) -> Self {
        let Timing { mean, rto, .. } = *timing;
        let since = |is_reached: &dyn Fn(i64) -> bool, limit| match least(is_reached, limit) {
            Some(0) => None,
            Some(least) => Some(time.saturating_sub(least - 1)),
            None => Some(i64::MIN),
        };
        Self {
            mean: since(&|recovery| recovery as f64 >= mean, mean),
            before_rto: since(&|recovery| recovery as f64 >= rto, rto),
            up_to_rto: since(&|recovery| recovery as f64 > rto, rto),
        }
    }
}

/// The smallest number from 0 on for which it is reached, and stays so; near `guess` if floats are
/// as fine as integers there.
#[expect(clippy::cast_possible_truncation, reason = "it is a guess")]
fn least(is_reached: &dyn Fn(i64) -> bool, guess: f64) -> Option<i64> {
    let guess = (guess as i64).max(0);
    for number in [guess, guess.saturating_add(1)] {
        if is_reached(number) && (number == 0 || !is_reached(number - 1)) {
            return Some(number);
        }
    }
    let (mut low, mut high) = (0, i64::MAX);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_reached(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    is_reached(low).then_some(low)
}

impl<'a> Verdict<'a> {
    /// Of a packet with that identification, behind a segment of class `before`.
    pub(super) fn new(
        bounds: Bounds,
        (id, is_window_closed): (u16, bool),
        (class_before, acked): (Class, u16),
        counts: &'a mut [u32; Class::COUNT],
    ) -> Self {
        Self {
            bounds,
            id,
            is_window_closed,
            before: masks(class_before),
            is_acked_enough: acked >= ACKED_ENOUGH,
            same: None,
            tally: Tally::default(),
            counts,
        }
    }

    #[inline]
    pub(super) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// IP identification of the packet, 0 if absent.
    #[inline]
    pub(super) fn id(&self) -> u16 {
        self.id
    }

    /// The class of segments that are alike, if all have the same. Counts them.
    #[inline]
    pub(super) fn class_of_all(&mut self, alike: &Alike) -> Option<Class> {
        let is_same = |same: Same| {
            same.nature == alike.nature && same.since <= alike.oldest && alike.newest <= same.until
        };
        let class = match self.same {
            Some(same) if is_same(same) => same.class,
            _ => {
                let class = self.own_class_of_all(alike)?;
                self.before = masks(class);
                self.is_acked_enough = alike.nature.is_acked_enough;
                class
            }
        };
        self.counts[class as usize] += alike.count;
        Some(class)
    }

    fn own_class_of_all(&mut self, alike: &Alike) -> Option<Class> {
        let nature = alike.nature;
        let mut same = Same {
            class: self.class_before(),
            nature,
            since: i64::MIN,
            until: i64::MAX,
        };
        let mut all_since = |bound: Option<i64>| match bound {
            Some(bound) if bound <= alike.oldest => {
                same.since = same.since.max(bound);
                Some(true)
            }
            Some(bound) if bound <= alike.newest => None,
            Some(bound) => {
                same.until = same.until.min(bound - 1);
                Some(false)
            }
            None => Some(false),
        };
        let is_young = all_since(self.bounds.mean)?;
        let before_rto = all_since(self.bounds.before_rto)?;
        let after_rto = !all_since(self.bounds.up_to_rto)?;
        let is_fast = before_rto && nature.is_acked_enough;
        let class = match () {
            () if self.is_window_closed && nature.is_single => Class::FlowControl,
            () if is_young => same.class,
            () if self.id != 0 && self.id == nature.id => Class::NetworkDuplicate,
            () if is_fast != (before_rto && self.is_acked_enough) => return None,
            () if is_fast && nature.is_acked => Class::UnneededFastRetransmit,
            () if is_fast => Class::FastRetransmit,
            () if after_rto && nature.is_acked => Class::UnneededRto,
            () if after_rto => Class::Rto,
            () => Class::Unknown,
        };
        self.same = Some(Same { class, ..same });
        Some(class)
    }

    fn class_before(&self) -> Class {
        Class::at(&self.before.map(Word::from), 1)
    }

    /// Those of `places`, of a block in which `is_acked_enough`, whose neighbour in front was acknowledged
    /// more than three times.
    #[inline]
    pub(super) fn enough_before(&self, places: Word, is_acked_enough: Word) -> Word {
        let front = if self.is_acked_enough {
            first_of(places)
        } else {
            0
        };
        (is_acked_enough << 1) | front
    }

    /// The classes of `count` segments of a block, as bits of their numbers.
    #[inline(always)]
    pub(super) fn classes_of(&mut self, traits: &Traits, count: u32) -> [Word; 3] {
        let places = traits.places;
        let is_plain =
            places & traits.is_young | traits.enough_before == 0 && !self.is_window_closed;
        let class = if is_plain {
            plain_classes(traits)
        } else {
            self.mixed_classes(traits)
        };
        self.tally.add(class, count, self.counts);
        let last = places & !(places >> 1);
        self.before = class.map(|word| u64::from(word & last != 0).wrapping_neg());
        self.is_acked_enough = traits.is_acked_enough & last != 0;
        self.same = None;
        class
    }

    #[inline(always)]
    fn mixed_classes(&self, traits: &Traits) -> [Word; 3] {
        let places = traits.places;
        let flow_control = if self.is_window_closed {
            places & traits.is_single
        } else {
            0
        };
        let inherited = places & traits.is_young & !flow_control;
        let own = own_classes(traits, flow_control, places & !inherited);
        // Whatever takes long comes before the class in front is asked for: each block waits for it.
        let own = own.map(|own| own | run_behind(own << 1, inherited));
        let front = run_behind(first_of(places), inherited);
        [0, 1, 2].map(|at| own[at] | front & both_halves(self.before[at]))
    }
}

/// The classes of segments where none inherits and no fast retransmission and no probe can be.
#[inline]
fn plain_classes(traits: &Traits) -> [Word; 3] {
    let late = traits.places & traits.after_rto & !traits.same_id;
    let known = traits.places & !late;
    [known, known & !traits.same_id, late & traits.is_acked]
}

/// The classes of segments that inherit none, out of `places`.
#[inline]
fn own_classes(traits: &Traits, flow_control: Word, places: Word) -> [Word; 3] {
    let places = places & !flow_control;
    let duplicate = places & traits.same_id;
    let rest = places & !traits.same_id;
    let fast = rest & traits.before_rto & traits.enough_before;
    let late = rest & traits.after_rto & !fast;
    let unknown = rest & !(fast | late);
    [
        duplicate | unknown | flow_control,
        fast | unknown,
        (fast | late) & traits.is_acked | flow_control,
    ]
}

impl Drop for Verdict<'_> {
    fn drop(&mut self) {
        self.tally.count(self.counts);
    }
}

/// Classes of the segments of some blocks, to be counted together.
#[derive(Debug, Default)]
struct Tally {
    /// A word of each for each block.
    low: [Word; Tally::BLOCKS],
    middle: [Word; Tally::BLOCKS],
    high: [Word; Tally::BLOCKS],
    /// How many blocks.
    len: usize,
    /// How many segments.
    segments: u32,
}

impl Tally {
    const BLOCKS: usize = 4;

    /// Adds the classes of so many segments; all other bits are 0.
    #[inline]
    fn add(&mut self, class: [Word; 3], segments: u32, counts: &mut [u32; Class::COUNT]) {
        let at = self.len % Self::BLOCKS;
        [self.low[at], self.middle[at], self.high[at]] = class;
        self.segments += segments;
        self.len += 1;
        if self.len == Self::BLOCKS {
            self.count(counts);
        }
    }

    fn count(&mut self, counts: &mut [u32; Class::COUNT]) {
        if self.len == 0 {
            return;
        }
        count_tally(self, counts);
        *self = Self::default();
    }
}

/// With the instruction that counts ones, where there is one: without it that takes a third of a block's
/// time.
#[multiversion(targets("x86_64+popcnt"))]
fn count_tally(tally: &Tally, counts: &mut [u32; Class::COUNT]) {
    let ones_in_both = |words: &[Word; Tally::BLOCKS], others: &[Word; Tally::BLOCKS]| {
        ones(&std::array::from_fn(|at| words[at] & others[at]))
    };
    let Tally {
        low, middle, high, ..
    } = tally;
    let (lows, middles) = (ones(low), ones(middle));
    let is_fast = low.iter().zip(middle).map(|(low, middle)| middle & !low);
    let has_fast = is_fast.fold(0, |any, word| any | word) != 0;
    let both = if has_fast {
        ones_in_both(low, middle)
    } else {
        middles
    };
    let (mut flow_control, mut unneeded_fast, mut unneeded, mut reordered) = (0, 0, 0, 0);
    if high.iter().fold(0, |any, word| any | word) != 0 {
        let low_and_high = std::array::from_fn(|at| low[at] & high[at]);
        reordered = ones_in_both(&low_and_high, middle);
        flow_control = ones(&low_and_high) - reordered;
        unneeded_fast = ones_in_both(middle, high) - reordered;
        unneeded = ones(high) - flow_control - unneeded_fast - reordered;
    }
    let neither = tally.segments + both - lows - middles;
    for (class, count) in [
        (Class::Rto, neither - unneeded),
        (Class::NetworkDuplicate, lows - both - flow_control),
        (Class::FastRetransmit, middles - both - unneeded_fast),
        (Class::Unknown, both - reordered),
        (Class::UnneededRto, unneeded),
        (Class::FlowControl, flow_control),
        (Class::UnneededFastRetransmit, unneeded_fast),
        (Class::Reordered, reordered),
    ] {
        counts[class as usize] += count;
    }
}

/// How many bits are set.
#[inline(always)]
fn ones(words: &[Word; Tally::BLOCKS]) -> u32 {
    words.iter().map(|word| word.count_ones()).sum()
}

/// The lowest bit.
#[inline]
fn first_of(places: Word) -> Word {
    places & places.wrapping_neg()
}

/// A mask for each bit of a class's number.
fn masks(class: Class) -> [u64; 3] {
    [0, 1, 2].map(|bit| (class as u64 >> bit & 1).wrapping_neg())
}

#[inline]
fn both_halves(mask: u64) -> Word {
    Word::from(mask) << 64 | Word::from(mask)
}

/// Those of `members` that stand in a row from one of `starts` on, each of which is the first of a
/// row if it is one of them.
#[inline]
fn run_behind(starts: Word, members: Word) -> Word {
    // Added to a row of ones, its lowest bit carries through all of it.
    members & !members.wrapping_add(starts & members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_class_is_counted(
            blocks in prop::collection::vec((any::<[Word; 3]>(), any::<Word>()), 0..4),
        ) {
            let mut wanted = [0; Class::COUNT];
            let (mut tally, mut found) = (Tally::default(), wanted);
            for (class, places) in blocks {
                let class = class.map(|word| word & places);
                tally.add(class, places.count_ones(), &mut found);
                for bit in (0..Word::BITS).filter(|bit| places >> bit & 1 == 1) {
                    wanted[Class::at(&class, 1 << bit) as usize] += 1;
                }
            }
            tally.count(&mut found);
            prop_assert_eq!(found, wanted);
        }
    }
}
