//! TCP options (spec 7.4).

use super::headers::{TcpOptions, tcp_options};
use super::payload::{be16, be32};

/// The options field of most segments with a time stamp: two no-operations, kind 8, length 10.
const PLAIN_TIMESTAMPS: [u8; 4] = [1, 1, 8, 10];

/// Reads the captured part of a header's options; `ack` is the header's acknowledgment
/// number, which tells a duplicate SACK from others.
#[inline(always)]
pub(super) fn read(options: &[u8], syn: bool, ack: u32) -> TcpOptions {
    if options.is_empty() {
        TcpOptions::default()
    } else if options.len() == 12 && options.starts_with(&PLAIN_TIMESTAMPS) {
        TcpOptions {
            seen: tcp_options::TIMESTAMPS,
            ..TcpOptions::default()
        }
    } else {
        read_all(options, syn, ack)
    }
}

/// Reading stops at the end marker and at a length that cannot be.
#[inline(never)]
fn read_all(mut options: &[u8], syn: bool, ack: u32) -> TcpOptions {
    let mut found = TcpOptions::default();
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

fn note(found: &mut TcpOptions, kind: u8, value: &[u8], syn: bool, ack: u32) {
    match (kind, value) {
        (2, &[a, b]) if syn => found.note_mss(be16([a, b])),
        (3, &[shift]) if syn => found.note_window_scale(shift),
        (4, []) if syn => found.note(tcp_options::SACK_PERMITTED),
        (5, blocks) if !blocks.is_empty() && blocks.len().is_multiple_of(8) => {
            found.note(tcp_options::SACK);
            if is_duplicate(blocks, ack) {
                found.note(tcp_options::DSACK);
            }
        }
        (8, value) if value.len() == 8 => found.note(tcp_options::TIMESTAMPS),
        (30, _) => found.note(tcp_options::MPTCP),
        (34, _) | (254, [0xF9, 0x89, ..]) if syn => found.note(tcp_options::FAST_OPEN),
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
