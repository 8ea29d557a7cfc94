//! The `sandclock` program: hands the arguments over, and is the only place that exits.

fn main() {
    let exit = sandclock_host::cli::main(std::env::args_os());
    #[expect(clippy::disallowed_methods, reason = "this is the one place that exits")]
    std::process::exit(exit.code());
}
