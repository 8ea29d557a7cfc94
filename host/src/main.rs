//! The `sandclock` program: hands the arguments over, and is the only place that exits.

/// Gives memory back that is free, wherever it lies: what is left of a configuration of many tasks lies between what was
/// needed to read it.
#[global_allocator]
static MEMORY: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    let exit = sandclock_host::cli::main(std::env::args_os());
    #[expect(clippy::disallowed_methods, reason = "this is the one place that exits")]
    std::process::exit(exit.code());
}
