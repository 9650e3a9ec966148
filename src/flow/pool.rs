//! Numbered places for values of one kind, in chunks that stay where they are, and go when they have not
//! been needed for a while.

/// Numbers of places from one chunk to the next.
pub(super) const NUMBERS: u32 = u64::BITS;

/// The places, so many in a chunk: 64 at most, a bit for each in a word. 63 values of 128 bytes fit into 8 KiB,
/// of which allocators have a size, with what it takes to begin them at a cache line.
pub(super) struct Pool<T, const CHUNK: usize = 63> {
    /// None without memory.
    chunks: Vec<Option<Box<[T; CHUNK]>>>,
    /// Which places of each are free. They stand apart, together, where they are in a cache.
    free: Vec<u64>,
    /// Those with a free place, the latest last: it may still be in a cache.
    open: Vec<u32>,
    /// How many have a place in use, and how many had since the pool was trimmed, at most.
    used: usize,
    most: usize,
    /// No place will be taken any more.
    is_closed: bool,
}

impl<T, const CHUNK: usize> Default for Pool<T, CHUNK> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            free: Vec::new(),
            open: Vec::new(),
            used: 0,
            most: 0,
            is_closed: false,
        }
    }
}

impl<T: Default, const CHUNK: usize> Pool<T, CHUNK> {
    /// A chunk with nothing in use.
    const ALL_FREE: u64 = u64::MAX >> (u64::BITS as usize - CHUNK);

    /// A place that is free, with whatever was there.
    #[inline]
    pub(super) fn take(&mut self) -> (u32, &mut T) {
        let number = self.open.last().copied();
        let number = number.unwrap_or_else(|| self.grow());
        let free = &mut self.free[number as usize];
        if *free == Self::ALL_FREE {
            self.used += 1;
            self.most = self.most.max(self.used);
        }
        let at = free.trailing_zeros();
        *free &= *free - 1;
        if *free == 0 {
            self.open.pop();
        }
        let place = number * NUMBERS + at;
        let chunk = self.chunks[number as usize].get_or_insert_with(begin);
        (place, &mut chunk[at as usize])
    }

    /// One chunk more.
    #[cold]
    fn grow(&mut self) -> u32 {
        let number = u32::try_from(self.chunks.len()).ok();
        let number = number.filter(|number| number.checked_mul(2 * NUMBERS).is_some());
        let number = number.expect("a pool holds fewer than 2^31 values");
        self.chunks.push(None);
        self.free.push(Self::ALL_FREE);
        self.open.push(number);
        number
    }

    /// Frees a place that is in use.
    #[inline]
    pub(super) fn free(&mut self, place: u32) {
        let (number, at) = split(place);
        let free = &mut self.free[number];
        if *free == 0 {
            self.open.push(place / NUMBERS);
        }
        *free |= 1 << at;
        if *free == Self::ALL_FREE {
            self.used -= 1;
            if self.is_closed {
                self.chunks[number] = None;
            }
        }
    }

    /// From now on places are only freed, and memory goes at once.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
    }

    /// Gives back the memory of chunks if more than a quarter were never needed since this was done before;
    /// says whether it did.
    pub(super) fn trim(&mut self) -> bool {
        let with_memory = self.chunks.iter().flatten().count();
        let mut spare = with_memory.saturating_sub(self.most + self.most / 4);
        self.most = self.used;
        if spare == 0 {
            return false;
        }
        for (chunk, free) in self.chunks.iter_mut().zip(&self.free) {
            if spare > 0 && *free == Self::ALL_FREE && chunk.take().is_some() {
                spare -= 1;
            }
        }
        let last = self.chunks.iter().rposition(Option::is_some);
        let len = last.map_or(0, |last| last + 1);
        self.chunks.truncate(len);
        self.chunks.shrink_to(2 * len);
        self.free.truncate(len);
        self.free.shrink_to(2 * len);
        let chunks = &self.chunks;
        self.open.retain(|&number| (number as usize) < len);
        self.open.shrink_to(2 * len);
        // Those with memory are filled first.
        self.open
            .sort_by_key(|&number| chunks[number as usize].is_some());
        true
    }

    /// What is at a place in use.
    #[inline]
    pub(super) fn at(&self, place: u32) -> &T {
        self.get(place).expect("a place in use has memory")
    }

    /// The same, to be changed.
    #[inline]
    pub(super) fn at_mut(&mut self, place: u32) -> &mut T {
        self.get_mut(place).expect("a place in use has memory")
    }

    /// What is at any place that has memory, in use or not.
    #[inline]
    pub(super) fn get(&self, place: u32) -> Option<&T> {
        let (number, at) = split(place);
        self.chunks.get(number)?.as_ref()?.get(at)
    }

    /// The same, to be changed.
    #[inline]
    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        let (number, at) = split(place);
        self.chunks.get_mut(number)?.as_mut()?.get_mut(at)
    }

    /// How many chunks there are, with memory or without.
    pub(super) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// Whether a chunk has memory.
    pub(super) fn has_memory(&self, chunk: usize) -> bool {
        self.chunks.get(chunk).is_some_and(Option::is_some)
    }

    /// What is at all places that have memory.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        let numbers = (0..).step_by(NUMBERS as usize);
        let chunks = numbers.zip(&mut self.chunks);
        chunks
            .flat_map(|(number, chunk)| (number..).zip(chunk.iter_mut().flat_map(|all| &mut **all)))
    }

    /// The same; memory goes on the way.
    pub(super) fn into_values(self) -> impl Iterator<Item = T> {
        let chunks = self.chunks.into_iter().flatten();
        chunks.flat_map(|chunk| (chunk as Box<[_]>).into_iter())
    }
}

/// The memory of a chunk. Its values are made where they stay: an array would be made on the stack and copied.
#[cold]
fn begin<T: Default, const CHUNK: usize>() -> Box<[T; CHUNK]> {
    let values: Box<[T]> = (0..CHUNK).map(|_| T::default()).collect();
    values.try_into().ok().expect("it has as many values")
}

#[inline]
fn split(place: u32) -> (usize, usize) {
    let (number, at) = (place / NUMBERS, place % NUMBERS);
    (number as usize, at as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl<T, const CHUNK: usize> Pool<T, CHUNK> {
        fn chunks_with_memory(&self) -> usize {
            self.chunks.iter().flatten().count()
        }
    }

    proptest! {
        /// Places are taken, and freed from the first, the last or the middle on.
        #[test]
        fn what_is_kept_stays_and_what_is_not_needed_goes(
            steps in proptest::collection::vec((0_usize..400, 0_usize..400, 0_usize..3), 1..10),
        ) {
            let mut pool = Pool::<usize>::default();
            let mut kept: Vec<(u32, usize)> = Vec::new();
            let mut value = 0;
            for (taken, freed, order) in steps {
                for _ in 0..taken {
                    let (place, new) = pool.take();
                    value += 1;
                    *new = value;
                    kept.push((place, value));
                }
                for _ in 0..freed.min(kept.len()) {
                    let at = [0, kept.len() - 1, kept.len() / 2][order];
                    let (place, value) = kept.swap_remove(at);
                    prop_assert_eq!(*pool.at(place), value);
                    pool.free(place);
                }
            }
            for &(place, value) in &kept {
                prop_assert_eq!(*pool.at(place), value);
            }
            let mut used: Vec<u32> = kept.iter().map(|(place, _)| place / NUMBERS).collect();
            used.sort_unstable();
            used.dedup();
            prop_assert_eq!(pool.used, used.len());
            pool.trim();
            pool.trim();
            prop_assert!(pool.chunks_with_memory() <= used.len() + used.len() / 4);
            for &(place, value) in &kept {
                prop_assert_eq!(*pool.at(place), value);
            }
            let before = pool.chunks_with_memory();
            for (place, _) in kept {
                pool.free(place);
            }
            pool.trim();
            prop_assert_eq!(pool.chunks_with_memory(), before, "they were in use since");
            pool.trim();
            prop_assert_eq!(pool.chunks_with_memory(), 0);
            let places: Vec<u32> = (0..100).map(|_| pool.take().0).collect();
            pool.close();
            for place in places {
                prop_assert!(pool.chunks_with_memory() > 0);
                pool.free(place);
            }
            prop_assert_eq!(pool.chunks_with_memory(), 0);
        }
    }
}
