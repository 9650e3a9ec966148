//! The bytes behind the headers opened so far, with the length that those headers state.

/// What is left to open. Both numbers matter: headers are read from what was captured,
/// lengths are counted by what the headers say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payload<'a> {
    /// Its captured bytes, none of them beyond the end of an IP packet around it.
    pub(super) captured: &'a [u8],
    /// Its length up to the end of the innermost IP packet around it, or else of the frame.
    pub(super) length: usize,
}

impl<'a> Payload<'a> {
    /// Takes a header of `N` bytes off the front, if it was captured.
    #[inline]
    pub(super) fn take<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (header, captured) = self.captured.split_first_chunk::<N>()?;
        self.captured = captured;
        self.length = self.length.saturating_sub(N);
        Some(header)
    }

    /// Steps over `count` bytes, if they were captured.
    #[inline]
    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        self.captured = self.captured.get(count..)?;
        self.length = self.length.saturating_sub(count);
        Some(())
    }

    /// Keeps its first `length` bytes: what an IP header says is its own.
    #[inline]
    pub(super) fn limit(&mut self, length: usize) {
        self.captured = self.captured.get(..length).unwrap_or(self.captured);
        self.length = length;
    }

    /// The upper half of its first byte, where IP has its version.
    #[inline]
    pub(super) fn first_nibble(&self) -> Option<u8> {
        self.captured.first().map(|byte| byte >> 4)
    }
}

/// Two bytes in network order.
#[inline]
pub(super) fn be16(bytes: [u8; 2]) -> u16 {
    u16::from_be_bytes(bytes)
}

/// Three bytes in network order, as VXLAN and Geneve have them.
#[inline]
pub(super) fn be24([a, b, c]: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, a, b, c])
}

/// Four bytes in network order.
#[inline]
pub(super) fn be32(bytes: [u8; 4]) -> u32 {
    u32::from_be_bytes(bytes)
}
