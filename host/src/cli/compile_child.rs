//! `sandclock compile-child`: what the host starts to compile one plugin; nothing for people.

use std::io::BufReader;

use super::Exit;
use crate::plugins::compile_child;

pub(super) fn run() -> anyhow::Result<Exit> {
    // Not the locked stdin: that could not be handed to the thread that watches whether the host lives.
    compile_child(BufReader::new(std::io::stdin()), std::io::stdout().lock())?;
    Ok(Exit::Done)
}
