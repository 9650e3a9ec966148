//! Numbers in as few bits as they need.

/// Appends the low `width` bits of each value, the first in the lowest bits, up to a full byte.
/// No value may have more.
#[inline(always)] // with what its caller may use of the processor
pub(super) fn pack(values: &[u64], width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let mut word = 0;
    let mut used = 0;
    for &value in values {
        word |= value << used;
        used += width;
        if used >= 64 {
            out.extend_from_slice(&word.to_le_bytes());
            used -= 64;
            // What did not fit; a shift by all 64 bits is none in Rust.
            word = value.checked_shr(width - used).unwrap_or_default();
        }
    }
    let bytes = used.div_ceil(8) as usize;
    out.extend_from_slice(&word.to_le_bytes()[..bytes]);
}

/// How many bits `value` needs.
pub(super) fn width(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// ULEB128: seven bits a byte, the lowest first.
pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The same of a signed number, small ones of either sign in few bytes.
pub(super) fn put_zigzag(value: i64, out: &mut Vec<u8>) {
    put_varint(((value << 1) ^ (value >> 63)).cast_unsigned(), out);
}
