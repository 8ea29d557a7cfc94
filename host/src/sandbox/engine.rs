//! Makes the engines that run guests: with pooled memory where the system allows it, on demand where it does not.

use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig};

use crate::sandbox::{Profile, Settings, Wasi, bounds};

/// Address space reserved for each pooled memory; the engine's default, needed for checks without instructions.
const MEMORY_RESERVATION: u64 = 1 << 32;

/// Makes the engine of a profile.
pub(super) fn engine(profile: Profile, settings: &Settings) -> wasmtime::Result<Engine> {
    let mut pooled = profile.config();
    pooled.allocation_strategy(pool(profile, settings));
    Engine::new(&pooled).or_else(|refusal| {
        tracing::warn!(
            %profile,
            reason = format!("{refusal:#}"),
            "memory for guests cannot be pooled here, so each attempt costs some 40 us more; \
             a smaller host.max-concurrent-runs or more address space (ulimit -v) may help"
        );
        Engine::new(&on_demand(profile))
    })
}

fn on_demand(profile: Profile) -> Config {
    profile.config()
}

/// Slots for `max_concurrent` attempts, each of the largest kind: no attempt can take another's slot.
///
/// The figures behind the choices: keeping pages resident and scanning for the touched ones is 3.5 times as fast as the
/// defaults on one thread and 8.4 times on two, where giving pages back to the kernel interrupts every processor.
fn pool(profile: Profile, settings: &Settings) -> PoolingAllocationConfig {
    let attempts = u32::try_from(settings.max_concurrent.max(1)).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(attempts)
        .total_stacks(attempts.saturating_mul(stacks(profile)))
        .total_core_instances(attempts.saturating_mul(settings.max_instances))
        .max_core_instances_per_component(settings.max_instances)
        .total_memories(attempts.saturating_mul(bounds::MEMORIES))
        .max_memories_per_component(bounds::MEMORIES)
        .max_memories_per_module(bounds::MEMORIES)
        // The address space is reserved in any case, and a reload may raise the `limits.memory` of a task.
        .max_memory_size(usize::try_from(MEMORY_RESERVATION).unwrap_or(usize::MAX))
        .total_tables(attempts.saturating_mul(bounds::TABLES))
        .max_tables_per_component(bounds::TABLES)
        .max_tables_per_module(bounds::TABLES)
        .table_elements(usize::try_from(settings.max_table_elements).unwrap_or(usize::MAX))
        .max_component_instance_size(bounds::INSTANCE_SIZE)
        .max_core_instance_size(bounds::INSTANCE_SIZE)
        .max_unused_warm_slots(attempts)
        .linear_memory_keep_resident(bounds::KEEP_MEMORY)
        .table_keep_resident(bounds::KEEP_TABLE)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// The stacks that one attempt can come to have at once.
///
/// They are address space: 64 attempts of WASI 0.3 reserve 2.3 GiB, which takes 3 ms once.
fn stacks(profile: Profile) -> u32 {
    match profile.wasi {
        Wasi::V02 => 1,
        // Each call that goes on has one, and so has one that is about to be refused; the engine keeps another ready.
        Wasi::V03 => bounds::CALLS_AT_ONCE + 2,
    }
}
