//! What a capture holds: packets, their times and their link types.

/// A point in trace time: nanoseconds since 1970-01-01T00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Nanoseconds from `earlier` to `self`; negative if `self` came first. Saturates.
    #[inline]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The kind of the outermost header, as numbered in <https://www.tcpdump.org/linktypes.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u32);

impl LinkType {
    /// Ethernet frames without preamble and frame check sequence.
    pub const ETHERNET: Self = Self(1);
    /// Raw IP, version by the first nibble.
    pub const RAW: Self = Self(101);
}

/// One packet of a capture.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// When it was captured; zero if the capture does not say.
    pub time: Timestamp,
    /// What was captured of it, from the link header on.
    pub captured: &'a [u8],
    /// How long it was on the wire, in bytes.
    pub original_len: u32,
    /// What its first header is.
    pub link_type: LinkType,
}
