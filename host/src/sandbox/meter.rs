//! Counts memory, tables and instances of an attempt over all its parts, and says no at the limit.
//!
//! The engine's own limiter counts each memory by itself: 20 memories took 1 GiB under a limit of 80 MiB.

use wasmtime::{ResourceLimiter, Store, UpdateDeadline};

use crate::model::limits::{Fuel, Limit, Limits};
use crate::sandbox::bounds;

/// Sets a store's guest going: with so much fuel, or until the clock beside it has it stop for a moment. Either way it lets
/// others run from time to time, and can be dropped then.
///
/// # Errors
/// If the store's engine meters the other way.
pub(crate) fn wind<T>(store: &mut Store<T>, fuel: Fuel) -> wasmtime::Result<()> {
    match fuel {
        Fuel::Metered(units) => {
            store.set_fuel(units)?;
            store.fuel_async_yield_interval(Some(bounds::YIELD_INTERVAL))
        }
        Fuel::Unmetered if store.get_fuel().is_ok() => wasmtime::bail!("the plugin was compiled to be metered"),
        Fuel::Unmetered => {
            store.set_epoch_deadline(1);
            store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
            Ok(())
        }
    }
}

/// Counts what an attempt has taken.
#[derive(Debug)]
pub(crate) struct Meter {
    limits: Limits,
    memory: u64,
    peak_memory: u64,
    table_elements: u64,
    peak_table_elements: u64,
    hit: Option<Hit>,
}

/// A limit that the guest ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    /// The limit.
    pub(crate) limit: Limit,
    /// What it allows.
    pub(crate) allowed: u64,
    /// What the guest asked for in all.
    pub(crate) used: u64,
}

impl Meter {
    /// Nothing taken yet.
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, memory: 0, peak_memory: 0, table_elements: 0, peak_table_elements: 0, hit: None }
    }

    /// What the attempt may take.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The most linear memory there was at once, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.peak_memory
    }

    /// The most elements that there were in tables at once.
    pub(crate) fn peak_table_elements(&self) -> u64 {
        self.peak_table_elements
    }

    /// The limit that the guest ran into last, if any, and did not get past since.
    pub(crate) fn hit(&self) -> Option<Hit> {
        self.hit
    }

    /// A guest that is given less than it was refused goes on, and what comes later has other reasons.
    fn coped_with(&mut self, limit: Limit) {
        self.hit = self.hit.filter(|hit| hit.limit != limit);
    }

    /// Whether a total is allowed; notes it if it is not.
    fn allow(&mut self, limit: Limit, allowed: u64, used: u64) -> bool {
        if used > allowed {
            self.hit = Some(Hit { limit, allowed, used });
        }
        used <= allowed
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if beyond_own(maximum, desired) && desired as u64 <= self.limits.memory {
            return Ok(false);
        }
        // Growth that the system then refuses stays counted: the engine's note of it does not say which one failed.
        let total = self.memory.saturating_add((desired - current) as u64);
        if !self.allow(Limit::Memory, self.limits.memory, total) {
            return Ok(false);
        }
        self.coped_with(Limit::Memory);
        self.memory = total;
        self.peak_memory = self.peak_memory.max(total);
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if beyond_own(maximum, desired) && desired as u64 <= self.limits.table_elements {
            return Ok(false);
        }
        let total = self.table_elements.saturating_add((desired - current) as u64);
        if !self.allow(Limit::TableElements, self.limits.table_elements, total) {
            return Ok(false);
        }
        self.coped_with(Limit::TableElements);
        self.table_elements = total;
        self.peak_table_elements = self.peak_table_elements.max(total);
        Ok(true)
    }

    fn instances(&self) -> usize {
        usize::try_from(self.limits.instances).unwrap_or(usize::MAX)
    }

    fn memories(&self) -> usize {
        bounds::MEMORIES as usize
    }

    fn tables(&self) -> usize {
        bounds::TABLES as usize
    }
}

/// Whether a memory or table is to grow beyond the maximum that the plugin itself declares for it.
fn beyond_own(maximum: Option<usize>, desired: usize) -> bool {
    maximum.is_some_and(|maximum| desired > maximum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_count_together() {
        let limits = Limits { memory: 100, table_elements: 10, ..Limits::default() };
        let mut meter = Meter::new(limits);
        for (current, desired, maximum, expected) in [
            (0, 60, None, true),
            (0, 40, Some(50), true),
            (40, 60, Some(50), false),
            (0, 0, None, true),
            (40, 41, Some(50), false),
        ] {
            assert_eq!(meter.memory_growing(current, desired, maximum).unwrap(), expected, "{current} to {desired}");
        }
        assert_eq!(meter.hit(), Some(Hit { limit: Limit::Memory, allowed: 100, used: 101 }));
        assert_eq!(meter.peak_memory(), 100);
        assert!(meter.table_growing(0, 10, None).unwrap());
        assert!(!meter.table_growing(10, 11, None).unwrap());
        assert_eq!(meter.hit(), Some(Hit { limit: Limit::TableElements, allowed: 10, used: 11 }));
    }

    #[test]
    fn a_later_growth_ends_a_refusal() {
        let mut meter = Meter::new(Limits { memory: 100, ..Limits::default() });
        assert!(!meter.memory_growing(0, 101, None).unwrap());
        assert!(meter.table_growing(0, 1, None).unwrap() && meter.hit().is_some());
        assert!(meter.memory_growing(0, 100, None).unwrap() && meter.hit().is_none());
    }

    #[test]
    fn a_plugins_own_maximum_is_not_our_limit() {
        let mut meter = Meter::new(Limits::default());
        assert!(!meter.memory_growing(0, 2 << 16, Some(1 << 16)).unwrap());
        assert_eq!((meter.hit(), meter.peak_memory()), (None, 0));
    }
}
