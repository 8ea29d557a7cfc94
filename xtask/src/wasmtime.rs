//! `wasmtime serve`, which `cargo xtask bench serve` compares with: built from crates.io into a folder of this repository
//! alone, with optimisation, and with no more than it takes.

use std::process::Command;

use crate::command;
use crate::project::{cargo, target};

const VERSION: &str = "48.0.8";
const FEATURES: &str = "serve,run,component-model-async,cranelift,parallel-compilation,pooling-allocator";

/// Has the program at `target/tools/bin/wasmtime`; it is built first, if need be.
pub(crate) fn build() -> anyhow::Result<()> {
    let tools = target().join("tools");
    let fits = |found: String| found.split_whitespace().nth(1) == Some(VERSION);
    if command::output(Command::new(tools.join("bin/wasmtime")).arg("--version")).is_ok_and(fits) {
        return Ok(());
    }
    let mut install = cargo();
    install.args(["install", "wasmtime-cli", "--locked", "--force", "--version", VERSION]);
    install.args(["--no-default-features", "--features", FEATURES]);
    install.arg("--root").arg(&tools).arg("--target-dir").arg(tools.join("build"));
    command::run(&format!("building wasmtime {VERSION} into target/tools (once, about ten minutes)"), &mut install)
}
