//! TCP options (spec 7.4).

use super::headers::TcpOptions;
use super::payload::{be16, be32};

/// The options field of most segments with a time stamp: two no-operations, kind 8, length 10.
const PLAIN_TIMESTAMPS: [u8; 4] = [1, 1, 8, 10];

/// What reading has found so far. It fits a register, which matters: a [`TcpOptions`] written
/// here and copied into the headers costs as much again as decoding a plain frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    seen: u8,
    window_scale: u8,
    mss: u16,
}

/// The bits of [`Found::seen`].
mod seen {
    pub(super) const MSS: u8 = 0x01;
    pub(super) const WINDOW_SCALE: u8 = 0x02;
    pub(super) const SACK_PERMITTED: u8 = 0x04;
    pub(super) const FAST_OPEN: u8 = 0x08;
    pub(super) const TIMESTAMPS: u8 = 0x10;
    pub(super) const SACK: u8 = 0x20;
    pub(super) const DSACK: u8 = 0x40;
    pub(super) const MPTCP: u8 = 0x80;
}

impl From<Found> for TcpOptions {
    #[inline]
    fn from(found: Found) -> Self {
        let has = |bit| found.seen & bit != 0;
        Self {
            window_scale: has(seen::WINDOW_SCALE).then_some(found.window_scale),
            mss: has(seen::MSS).then_some(found.mss),
            sack_permitted: has(seen::SACK_PERMITTED),
            fast_open: has(seen::FAST_OPEN),
            timestamps: has(seen::TIMESTAMPS),
            sack: has(seen::SACK),
            dsack: has(seen::DSACK),
            mptcp: has(seen::MPTCP),
        }
    }
}

/// Reads the captured part of a header's options; `ack` is the header's acknowledgment
/// number, which tells a duplicate SACK from others.
#[inline]
pub(super) fn read(options: &[u8], syn: bool, ack: u32) -> Found {
    if options.is_empty() {
        Found::default()
    } else if options.len() == 12 && options.starts_with(&PLAIN_TIMESTAMPS) {
        Found {
            seen: seen::TIMESTAMPS,
            ..Found::default()
        }
    } else {
        read_all(options, syn, ack)
    }
}

/// Reading stops at the end marker and at a length that cannot be.
#[inline(never)]
fn read_all(mut options: &[u8], syn: bool, ack: u32) -> Found {
    let mut found = Found::default();
    loop {
        match *options {
            [1, ref rest @ ..] => options = rest,
            [0, ..] | [] | [_] => return found,
            [kind, length, ..] => {
                let Some((option, rest)) = options.split_at_checked(usize::from(length)) else {
                    return found;
                };
                // The length counts kind and length, so below 2 there is no way on.
                let [_, _, value @ ..] = option else {
                    return found;
                };
                note(&mut found, kind, value, syn, ack);
                options = rest;
            }
        }
    }
}

fn note(found: &mut Found, kind: u8, value: &[u8], syn: bool, ack: u32) {
    match (kind, value) {
        (2, &[a, b]) if syn => {
            found.mss = be16([a, b]);
            found.seen |= seen::MSS;
        }
        (3, &[shift]) if syn => {
            found.window_scale = shift;
            found.seen |= seen::WINDOW_SCALE;
        }
        (4, []) if syn => found.seen |= seen::SACK_PERMITTED,
        (5, blocks) if !blocks.is_empty() && blocks.len().is_multiple_of(8) => {
            found.seen |= seen::SACK;
            if is_duplicate(blocks, ack) {
                found.seen |= seen::DSACK;
            }
        }
        (8, value) if value.len() == 8 => found.seen |= seen::TIMESTAMPS,
        (30, _) => found.seen |= seen::MPTCP,
        (34, _) | (254, [0xF9, 0x89, ..]) if syn => found.seen |= seen::FAST_OPEN,
        _ => {}
    }
}

/// Whether the first SACK block tells of a duplicate (RFC 2883, 4): it ends at or below the
/// acknowledgment number, or lies inside the second block.
fn is_duplicate(blocks: &[u8], ack: u32) -> bool {
    let mut blocks = blocks.as_chunks::<8>().0.iter().map(edges);
    let Some((left, right)) = blocks.next() else {
        return false;
    };
    let inside = |(outer_left, outer_right)| {
        at_or_below(outer_left, left) && at_or_below(right, outer_right)
    };
    at_or_below(right, ack) || blocks.next().is_some_and(inside)
}

/// The edges of a block: its first number, and the one behind its last.
fn edges(block: &[u8; 8]) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = *block;
    (be32([a, b, c, d]), be32([e, f, g, h]))
}

/// Whether `a` is not after `b` in sequence space.
fn at_or_below(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() <= 0
}
