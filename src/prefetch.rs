//! Asks the processor to fetch memory that will be needed soon.

/// Bytes that are fetched at once.
const LINE: usize = 64;

/// Starts to fetch the cache lines that `value` lies in.
#[inline]
pub(crate) fn prefetch<T: ?Sized>(value: &T) {
    let start = std::ptr::from_ref(value).cast::<u8>();
    let (size, align) = (size_of_val(value), align_of_val(value));
    for offset in (0..size).step_by(LINE) {
        prefetch_line(start.wrapping_add(offset));
    }
    // Where it does not begin with a line, it may end in one more; not if it fits in its alignment.
    if align < LINE && size > align {
        prefetch_line(start.wrapping_add(size - 1));
    }
}

/// Starts to fetch the cache line in which `value` begins.
#[inline]
pub(crate) fn prefetch_head<T>(value: &T) {
    prefetch_line(std::ptr::from_ref(value).cast());
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn prefetch_line(line: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch is a hint that never faults, whatever its address; this one is of a
    // line of the value that the caller holds a reference to.
    #[expect(unsafe_code, reason = "measured: docs/performance.md, prefetch")]
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(line.cast());
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn prefetch_line(_line: *const u8) {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Under Miri or a sanitizer this would show an access outside the value.
    #[test]
    fn any_place_may_be_asked_for() {
        prefetch(&[0u8; 1000]);
        prefetch(&());
    }
}
