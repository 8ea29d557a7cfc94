//! Fuzzing: libFuzzer over the targets of `tests/fuzz/`, for as long as one likes.

use anyhow::bail;

use crate::command::{self, say};
use crate::project::{cargo, root, target};
use crate::tool::Tool;

const CARGO_FUZZ: Tool = Tool { name: "cargo-fuzz", version: "0.13.2" };

/// How long each target is fuzzed unless one says otherwise, in seconds.
const SECONDS: &str = "1200";
/// The longest input, in bytes.
const LONGEST: u32 = 4096;

/// Fuzzes one target, or all of them, one after the other.
pub(crate) fn run(only: Option<&str>, seconds: Option<&str>) -> anyhow::Result<()> {
    let folder = root().join("tests/fuzz");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder.join("seeds"))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    if let Some(only) = only.filter(|only| !names.iter().any(|name| name == only)) {
        bail!("there is no target `{only}`; there are: {}", names.join(", "));
    }
    CARGO_FUZZ.program()?;
    let seconds = seconds.unwrap_or(SECONDS);
    for name in names.iter().filter(|name| only.is_none_or(|only| only == *name)) {
        let corpus = target().join("fuzz/corpus").join(name);
        std::fs::create_dir_all(&corpus)?;
        let mut fuzz = cargo();
        // Without a sanitizer: what is fuzzed is safe Rust, and the engine's own guard pages are not the sanitizer's.
        fuzz.args(["fuzz", "run", "--fuzz-dir"]).arg(folder.join("libfuzzer")).args(["--sanitizer", "none"]);
        fuzz.arg("--target-dir").arg(target().join("fuzz/build")).arg(name);
        fuzz.arg(corpus).arg(folder.join("seeds").join(name));
        fuzz.args(["--", &format!("-max_total_time={seconds}"), &format!("-max_len={LONGEST}"), "-timeout=20"]);
        fuzz.arg("-print_final_stats=1").arg(format!("-artifact_prefix={}/", target().join("fuzz").display()));
        // Instrumentation is not stable, the compiler's version is: so no other toolchain is needed.
        fuzz.env("RUSTC_BOOTSTRAP", "1").env("PATH", path()?);
        let purpose = format!("fuzzing {name} for {seconds} s (the first build takes about ten minutes on two cores)");
        command::run(&purpose, &mut fuzz)?;
    }
    say("nothing was found; an input that breaks a promise would be kept in target/fuzz");
    Ok(())
}

/// Where cargo finds cargo-fuzz as well.
fn path() -> anyhow::Result<std::ffi::OsString> {
    let before = std::env::var_os("PATH").unwrap_or_default();
    let own = target().join("tools/bin");
    Ok(std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&before)))?)
}
