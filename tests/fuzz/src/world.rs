//! The host as guests see it: whatever a guest asks of it, an attempt ends as the guest's fault, and soon.
//!
//! A fixed guest reads a script and calls what the host serves, with the numbers and pointers that it finds there. There
//! are two, one of each WASI; the first byte of an input says which.

use std::sync::LazyLock;

use sandclock_host::fuzzing;
use sandclock_host::sandbox::Prepared;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::attempt::{GROUND, SANDBOX, run};
use crate::world::calls::{Call, calls};

mod calls;
mod script;

pub(crate) fn feed(bytes: &[u8]) {
    let Some((which, script)) = bytes.split_first() else { return };
    let guest = if which & 1 == 0 { &OF_WASI_02 } else { &OF_WASI_03 };
    run(guest, script);
}

static OF_WASI_02: LazyLock<Prepared> = LazyLock::new(|| prepared("of-wasi-02", "wasi:cli/run@0.2.12#run"));
static OF_WASI_03: LazyLock<Prepared> = LazyLock::new(|| prepared("of-wasi-03", "wasi:cli/run@0.3.0#run"));

const WIT: &str = concat!(
    include_str!("world/world.wit"),
    include_str!("world/wasi-0.2.12.wit"),
    include_str!("world/wasi-0.3.0.wit")
);

fn prepared(world: &str, export: &str) -> Prepared {
    let component = scripted(world, export).expect("the guest is well-formed");
    fuzzing::prepared(&SANDBOX, &component).expect("it compiles").expect("the host serves what it imports")
}

/// The guest that does what its standard input says.
fn scripted(world: &str, export: &str) -> anyhow::Result<Vec<u8>> {
    let (resolve, world, calls) = all(world)?;
    // At 512, 544, 576, 592 and 608.
    let peer = GROUND.peer;
    let texts = format!("{peer:32}{:32}{:16}{:16}{:16}", format!("http://{peer}/"), "file", "GET", "other");
    let mut module = wat::parse_str(script::guest(&calls, export, &texts))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    ComponentEncoder::default().module(&module)?.encode()
}

/// A world, and what a guest of it can call.
fn all(world: &str) -> anyhow::Result<(Resolve, wit_parser::WorldId, Vec<Call>)> {
    let mut resolve = Resolve::default();
    resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit"))?;
    let package = resolve.push_str("world.wit", WIT)?;
    let world = resolve.select_world(&[package], Some(world))?;
    let calls = calls(&resolve, &resolve.worlds[world]);
    Ok((resolve, world, calls))
}

#[cfg(test)]
mod tests;
