//! `sandclock completions`: a script that completes commands in a shell.

use clap::Args;
use clap_complete::Shell;

use super::{Exit, terminal};

/// Print a script that completes commands in a shell.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sandclock completions bash > /etc/bash_completion.d/sandclock\n  sandclock completions zsh > ~/.zfunc/_sandclock"
)]
pub(super) struct Arguments {
    /// The shell that is to read it
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments, command: &mut clap::Command) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, command, "sandclock", &mut script);
    terminal::print_bytes(&script)?;
    Ok(Exit::Done)
}
