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

/// The time from one packet to another, which those around them are not far from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Era {
    /// The earlier end.
    pub(crate) first: Timestamp,
    /// The later end.
    pub(crate) last: Timestamp,
}

impl Era {
    /// That of a single packet.
    #[inline]
    pub(crate) fn of(time: Timestamp) -> Self {
        Self {
            first: time,
            last: time,
        }
    }

    /// Whether `time` is in it, or at most `ns` nanoseconds away.
    #[inline]
    pub(crate) fn is_near(self, time: Timestamp, ns: i64) -> bool {
        time.since(self.last) <= ns && self.first.since(time) <= ns
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
    /// NetBSD's class of raw packets; an address family stands in the lower half.
    pub(crate) const RAW_CLASS: u32 = 0x0224_0000;
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
    /// How many of its last bytes on the wire are the frame's check sequence, as the capture
    /// promises.
    pub check_sequence_len: u8,
}

impl<'a> Packet<'a> {
    /// What was captured of the frame, and its length on the wire, both without the check
    /// sequence.
    #[inline]
    pub fn frame(&self) -> (&'a [u8], u32) {
        if self.check_sequence_len == 0 {
            return (self.captured, self.original_len);
        }
        let length = self
            .original_len
            .saturating_sub(u32::from(self.check_sequence_len));
        let frame = self.captured.get(..length as usize);
        (frame.unwrap_or(self.captured), length)
    }
}
