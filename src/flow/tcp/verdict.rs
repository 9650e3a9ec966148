//! The classes of many segments that one packet hits: [`classify`](super::classify::classify) for
//! words of 64 segments.

use super::classify::{Class, Timing};

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
    pub(super) places: u64,
    /// The recovery is below the mean.
    pub(super) is_young: u64,
    pub(super) before_rto: u64,
    pub(super) after_rto: u64,
    pub(super) same_id: u64,
    /// It has one number.
    pub(super) is_single: u64,
    pub(super) is_acked: u64,
    /// It was acknowledged more than three times.
    pub(super) is_acked_enough: u64,
}

/// What a packet makes of the segments it hits, one after the other.
pub(super) struct Verdict<'a> {
    pub(super) bounds: Bounds,
    /// IP identification of the packet, 0 if absent.
    pub(super) id: u16,
    pub(super) is_window_closed: bool,
    /// The class of the segment in front.
    pub(super) class_before: Class,
    /// It was acknowledged more than three times.
    pub(super) is_acked_enough: bool,
    pub(super) counts: &'a mut [u32; Class::COUNT],
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

impl Verdict<'_> {
    /// The classes of a block's segments, as bits of their numbers. Counts them.
    pub(super) fn classes_of(&mut self, traits: &Traits) -> [u64; 3] {
        let places = traits.places;
        let first = places & places.wrapping_neg();
        let flow_control = if self.is_window_closed {
            traits.is_single
        } else {
            0
        };
        let inherited = places & traits.is_young & !flow_control;
        let mut class = self.own_classes(traits, flow_control, places & !inherited, first);
        for (number, word) in class.iter_mut().enumerate() {
            let is_before = self.class_before as u64 >> number & 1 == 1;
            let behind = *word << 1 | if is_before { first } else { 0 };
            // Added to a run of ones, its lowest bit carries through all of it.
            let heirs = inherited & behind;
            *word |= inherited & !inherited.wrapping_add(heirs);
        }
        let last = 63 - places.leading_zeros();
        self.class_before = Class::at(&class, last as usize);
        self.is_acked_enough = traits.is_acked_enough >> last & 1 == 1;
        self.count(class, places);
        class
    }

    /// The classes of segments that inherit none, out of `places`.
    fn own_classes(&self, traits: &Traits, flow_control: u64, places: u64, first: u64) -> [u64; 3] {
        let is_acked = traits.is_acked;
        let enough_before = traits.is_acked_enough << 1 & !first;
        let enough_before = enough_before | if self.is_acked_enough { first } else { 0 };
        let mut rest = places;
        let mut take = |those: u64| {
            let taken = rest & those;
            rest &= !those;
            taken
        };
        let flow_control = take(flow_control);
        let duplicate = take(traits.same_id);
        let fast = take(traits.before_rto & enough_before);
        let late = take(traits.after_rto);
        let mut class = [0; 3];
        for (those, number) in [
            (flow_control, Class::FlowControl),
            (duplicate, Class::NetworkDuplicate),
            (fast & !is_acked, Class::FastRetransmit),
            (fast & is_acked, Class::UnneededFastRetransmit),
            (late & !is_acked, Class::Rto),
            (late & is_acked, Class::UnneededRto),
            (rest, Class::Unknown),
        ] {
            for (at, word) in class.iter_mut().enumerate() {
                *word |= those * (number as u64 >> at & 1);
            }
        }
        class
    }

    /// Counts classes, the last of which is that of the segment in front of what comes next.
    fn count(&mut self, class: [u64; 3], places: u64) {
        if class.iter().all(|&word| word == 0 || word == places) {
            self.counts[self.class_before as usize] += places.count_ones();
            return;
        }
        let [low, middle, high] = class;
        let (neither, one, other, both) =
            (!low & !middle, low & !middle, !low & middle, low & middle);
        let (lower, upper) = (places & !high, places & high);
        let those = [
            neither & lower,
            one & lower,
            other & lower,
            both & lower,
            neither & upper,
            one & upper,
            other & upper,
            both & upper,
        ];
        // All at once: where there is no instruction for it, counting ones takes long.
        let ones = those.map(u64::count_ones);
        for (count, ones) in self.counts.iter_mut().zip(ones) {
            *count += ones;
        }
    }
}
