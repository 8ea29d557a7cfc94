//! The `sandclock` program: hands the arguments over, and is the only place that exits.

use sandclock_slice::Yielding;
use tikv_jemallocator::Jemalloc;

/// Gives memory back that is free, wherever it lies: what is left of a configuration of many tasks lies between what was
/// needed to read it. In a child that compiles, whoever allocates gives way.
#[global_allocator]
static MEMORY: Yielding<Jemalloc> = Yielding::new(Jemalloc);

fn main() {
    let exit = sandclock_host::cli::main(std::env::args_os());
    #[expect(clippy::disallowed_methods, reason = "this is the one place that exits")]
    std::process::exit(exit.code());
}
