//! Asks the processor to fetch memory that will be needed soon.

/// Bytes that are fetched at once.
const LINE: usize = 64;

/// Starts to fetch the cache lines of `value`.
#[inline]
pub(crate) fn prefetch<T>(value: &T) {
    for line in (0..size_of::<T>()).step_by(LINE) {
        prefetch_line(std::ptr::from_ref(value).cast::<u8>(), line);
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn prefetch_line(start: *const u8, offset: usize) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch is a hint that never faults, whatever its address; this one lies inside
    // the value that the caller holds a reference to.
    #[expect(unsafe_code, reason = "measured: docs/performance.md, prefetch")]
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(offset).cast());
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn prefetch_line(_start: *const u8, _offset: usize) {}

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
