//! The host as guests see it: whatever a guest asks of it, an attempt ends as the guest's fault, and soon.
//!
//! A fixed guest reads a script and calls what the host serves, with the numbers and pointers that it finds there.

use std::sync::LazyLock;

use sandclock_host::fuzzing;
use sandclock_host::sandbox::Prepared;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::attempt::{SANDBOX, run};

mod script;

pub(crate) fn feed(bytes: &[u8]) {
    run(&SCRIPTED, bytes);
}

static SCRIPTED: LazyLock<Prepared> = LazyLock::new(|| {
    let component = scripted().expect("the guest is well-formed");
    fuzzing::prepared(&SANDBOX, &component).expect("it compiles").expect("the host serves what it imports")
});

/// The guest that does what its standard input says.
fn scripted() -> anyhow::Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit"))?;
    let package = resolve.push_str("world.wit", include_str!("world.wit"))?;
    let world = resolve.select_world(&[package], None)?;
    let mut module = wat::parse_str(script::guest())?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    ComponentEncoder::default().module(&module)?.encode()
}

#[cfg(test)]
mod tests {
    use sandclock_host::model::outcome::AttemptOutcome;

    use super::*;

    #[test]
    fn a_script_is_carried_out() {
        let report = run(&SCRIPTED, include_bytes!("../seeds/world/log"));
        assert_eq!(report.outcome, AttemptOutcome::Succeeded { output: None });
        assert_eq!(report.usage.log.lines, 1);
        // A handle that is not there.
        let report = run(&SCRIPTED, &[0, 77]);
        assert!(matches!(report.outcome, AttemptOutcome::Trapped(_)), "{:?}", report.outcome);
    }
}
