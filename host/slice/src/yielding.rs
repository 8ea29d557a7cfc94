//! An allocator that gives up the processor of whoever allocates, once the process has asked for that.
//!
//! A thread that is woken up is put on a processor that has only idle work, and yet at times waits there until the clock's
//! next tick, some milliseconds: when another processor woke it, or when it has had a trifle more than its share. It comes on
//! as soon as the one that runs asks for something of the kernel. A compiler asks for nothing but memory, and that all the
//! time.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a thread that allocates keeps its processor.
const PERIOD: Duration = Duration::from_micros(50);
/// After how many allocations a thread looks at the clock.
const ALLOCATIONS: u32 = 16;

static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on, every thread that allocates gives up its processor every 50 µs, if the program's allocator is a
/// [`Yielding`] one. Where nobody else wants the processor, that costs one hundredth of it.
pub fn yield_often() {
    ASKED.store(true, Ordering::Relaxed);
}

/// An allocator for [`yield_often`]. Until that is asked for, it is the one within.
pub struct Yielding<A>(A);

impl<A> Yielding<A> {
    /// Allocates with another allocator.
    pub const fn new(allocator: A) -> Self {
        Self(allocator)
    }
}

// SAFETY: each call goes on to an allocator that keeps the contract, with the caller's own promises. What happens before
// neither allocates nor panics.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Yielding<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        give_way();
        // SAFETY: as above.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        give_way();
        // SAFETY: as above.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        give_way();
        // SAFETY: as above.
        unsafe { self.0.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { self.0.dealloc(memory, layout) }
    }
}

#[inline]
fn give_way() {
    if ASKED.load(Ordering::Relaxed) && THREAD.with(|thread| thread.is_due(now)) {
        thread::yield_now();
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a thread ran is never simulated")]
fn now() -> Instant {
    Instant::now()
}

thread_local! {
    // Needs neither memory nor a destructor, so it may be used while memory is allocated.
    static THREAD: Turn = const { Turn { allocations: Cell::new(0), since: Cell::new(None) } };
}

/// What a thread did since it last gave way.
struct Turn {
    allocations: Cell<u32>,
    since: Cell<Option<Instant>>,
}

impl Turn {
    /// Takes note of an allocation, and says whether it is time to give way.
    fn is_due(&self, now: impl FnOnce() -> Instant) -> bool {
        let allocations = self.allocations.get() + 1;
        self.allocations.set(allocations % ALLOCATIONS);
        if allocations < ALLOCATIONS {
            return false;
        }
        let now = now();
        let due = self.since.get().is_none_or(|since| now.saturating_duration_since(since) >= PERIOD);
        if due {
            self.since.set(Some(now));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use std::alloc::System;

    use super::*;

    #[test]
    fn a_thread_gives_way_when_its_time_is_over() {
        let turn = Turn { allocations: Cell::new(0), since: Cell::new(None) };
        let begin = now();
        let allocate = |count: u32, microseconds| -> Vec<u32> {
            let at = begin + Duration::from_micros(microseconds);
            (1..=count).filter(|_| turn.is_due(|| at)).collect()
        };
        assert_eq!(allocate(15, 0), [0; 0], "the clock is not looked at");
        assert_eq!(allocate(17, 1), [1]);
        assert_eq!(allocate(16, 50), [0; 0], "49 us");
        assert_eq!(allocate(16, 51), [16]);
    }

    #[test]
    fn memory_is_that_of_the_allocator_within() {
        yield_often();
        let yielding = Yielding::new(System);
        let layout = Layout::new::<[u8; 100]>();
        // SAFETY: the layouts are those of the calls before, and no size is zero.
        unsafe {
            let memory = yielding.alloc(layout);
            memory.write_bytes(7, 100);
            let memory = yielding.realloc(memory, layout, 200);
            assert_eq!(std::slice::from_raw_parts(memory, 100), [7; 100]);
            yielding.dealloc(memory, Layout::new::<[u8; 200]>());
            let memory = yielding.alloc_zeroed(layout);
            assert_eq!(std::slice::from_raw_parts(memory, 100), [0; 100]);
            yielding.dealloc(memory, layout);
        }
    }
}
