//! From Rust to `.wasm`: the sample plugins and the guests of the tests.
//!
//! Gives what the toolchain at hand makes, a component or a core module: the host takes both, so nothing is adapted here.

mod debian;
mod rustup;
mod toolchain;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::command::{self, say};
use crate::project::{root, shown, target};
use toolchain::Toolchain;

/// Builds every crate in `plugins/` to `target/plugins/`.
pub(crate) fn plugins() -> anyhow::Result<()> {
    let names = plugin_names(&root().join("plugins"))?;
    if names.is_empty() {
        say("there are no plugins in plugins/ yet");
        return Ok(());
    }
    let toolchain = Toolchain::get()?;
    let mut cargo = toolchain.cargo();
    for name in &names {
        cargo.args(["--package", name]);
    }
    build("the sample plugins", &toolchain, &mut cargo)?;
    collect(&toolchain, &names, &target().join("plugins"))
}

/// Builds every program of `tests/guests/` to `target/guests/`.
pub(crate) fn guests() -> anyhow::Result<()> {
    let manifest = root().join("tests/guests/Cargo.toml");
    if !manifest.exists() {
        say("there are no guests in tests/guests/ that have to be built");
        return Ok(());
    }
    let names = program_names(&root().join("tests/guests/src/bin"))?;
    let toolchain = Toolchain::get()?;
    let mut cargo = toolchain.cargo();
    cargo.arg("--bins").arg("--manifest-path").arg(manifest);
    build("the guests of the tests", &toolchain, &mut cargo)?;
    collect(&toolchain, &names, &target().join("guests"))
}

/// Builds the guest of the benchmarks that also answers HTTP to `folder`: a component, since another host is to serve it.
pub(crate) fn greeter(folder: &Path) -> anyhow::Result<()> {
    const NAME: &str = "greeter";
    let toolchain = Toolchain::get()?;
    if !matches!(toolchain, Toolchain::Rustup) {
        bail!("`wasmtime serve` takes components only, which rustup's wasm32-wasip2 target makes");
    }
    let mut cargo = toolchain.cargo();
    build("the guest that is served", &toolchain, cargo.args(["--package", NAME]))?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", shown(folder)))?;
    let file = format!("{NAME}.wasm");
    put(&toolchain.built().join(&file), &folder.join(&file))
}

fn build(what: &str, toolchain: &Toolchain, cargo: &mut Command) -> anyhow::Result<()> {
    command::run(&format!("building {what} with {toolchain}"), cargo).with_context(|| format!("cannot build {what}"))
}

/// The plugins that have their source in `folder`: one crate in a folder of its own name each.
fn plugin_names(folder: &Path) -> anyhow::Result<Vec<String>> {
    sorted_names(folder, |path| {
        path.join("Cargo.toml").exists().then(|| path.file_name()?.to_str().map(str::to_owned)).flatten()
    })
}

/// The programs that cargo finds in `folder`: `name.rs` or `name/main.rs`.
fn program_names(folder: &Path) -> anyhow::Result<Vec<String>> {
    sorted_names(folder, |path| {
        let is_program = path.extension() == Some(OsStr::new("rs")) || path.join("main.rs").exists();
        is_program.then(|| path.file_stem()?.to_str().map(str::to_owned)).flatten()
    })
}

fn sorted_names(folder: &Path, name: impl Fn(PathBuf) -> Option<String>) -> anyhow::Result<Vec<String>> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", shown(folder)))?;
        names.extend(name(entry.path()));
    }
    names.sort();
    Ok(names)
}

/// Copies what was built for `names` into `folder`, and takes out what is there from before.
fn collect(toolchain: &Toolchain, names: &[String], folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", shown(folder)))?;
    for name in names {
        // A program keeps its dashes, a library has underscores instead.
        let spellings = [name.clone(), name.replace('-', "_")];
        let built = spellings.map(|spelling| toolchain.built().join(format!("{spelling}.wasm")));
        let Some(built) = built.iter().find(|path| path.exists()) else {
            bail!("`{name}` was built, but gave no {}: is it a cdylib or a program of that name?", shown(&built[0]));
        };
        put(built, &folder.join(format!("{name}.wasm")))?;
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let expected = path.file_stem().and_then(OsStr::to_str).is_some_and(|stem| names.iter().any(|n| n == stem));
        if !expected {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", shown(&path)))?;
        }
    }
    say(&format!("{} in {}: {}", counted(names.len(), "file"), shown(folder), names.join(", ")));
    Ok(())
}

/// Puts a copy of `from` at `to` in one step, so that a host that watches the folder never sees half of it. Leaves a
/// file alone that has the content already.
pub(crate) fn put(from: &Path, to: &Path) -> anyhow::Result<()> {
    let copy = || -> std::io::Result<()> {
        let content = fs::read(from)?;
        if fs::read(to).is_ok_and(|present| present == content) {
            return Ok(());
        }
        let beside = to.with_extension("part");
        fs::write(&beside, content)?;
        fs::rename(beside, to)
    };
    copy().with_context(|| format!("cannot copy {} to {}", shown(from), shown(to)))
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_found_by_their_form() {
        let folder = target().join("xtask-tests/sources");
        let _ = fs::remove_dir_all(&folder);
        for file in ["b/Cargo.toml", "a-b/Cargo.toml", "notes/README.md", "loop.rs", "flood/main.rs"] {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        assert_eq!(plugin_names(&folder).unwrap(), ["a-b", "b"]);
        assert_eq!(program_names(&folder).unwrap(), ["flood", "loop"]);
        assert_eq!(plugin_names(&folder.join("nowhere")).unwrap(), [""; 0]);
    }
}
