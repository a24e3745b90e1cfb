//! Work and memory, counted in octets allocated: the same at every run, unlike time.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What `step` gives, and how many octets it allocated in all, freed ones included. Only meaningful while
/// nothing else runs.
pub fn of<T>(step: impl FnOnce() -> T) -> (T, usize) {
    let region = Region::new(ALLOCATOR);
    let outcome = step();
    let change = region.change();
    (outcome, change.bytes_allocated.saturating_add_signed(change.bytes_reallocated.max(0)))
}
