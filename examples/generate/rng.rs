//! Numbers that look random and are the same on every machine (splitmix64).

pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Some bytes of the next number.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let bytes = self.next().to_le_bytes();
        std::array::from_fn(|place| bytes[place % 8])
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.bytes())
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.bytes())
    }

    /// A number below `end`, or 0 if that is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let scaled = (self.next() >> 32) * end as u64;
        usize::try_from(scaled >> 32).unwrap_or(0)
    }

    /// A number from `low` up to `high`.
    pub(crate) fn within(&mut self, low: u16, high: u16) -> u16 {
        let offset = self.below(usize::from(high - low) + 1);
        low + u16::try_from(offset).unwrap_or(0)
    }

    /// True so many times in a thousand.
    pub(crate) fn chance(&mut self, per_mille: usize) -> bool {
        self.below(1000) < per_mille
    }
}
