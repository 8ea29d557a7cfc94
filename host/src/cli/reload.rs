//! `sandclock reload`: the running host takes the configuration as it is now, or says what that would change.

mod show;

use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::control::{Asked, Host, Reach, ask};
use super::exit::ConfigRefused;
use super::{Exit, terminal};
use crate::clock::Clock;
use crate::config::{self, Surroundings};

/// How long a host has to compile what is new: a plugin takes up to `host.compile.timeout`, and several may have to wait
/// for each other.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// Have the running host take the configuration as it is now, and print what that changes.
///
/// The host reads the file that it was started with, validates all of it and compiles what is new first. Then it swaps
/// everything at once, between two events. Attempts that go on keep what they began with. If something is wrong, nothing
/// is changed. A host that watches its files (`host.watch`) does the same by itself when they change.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sandclock reload --dry-run
  sandclock reload --json | jq '.tasks[] | {task, change}'

Exit codes: 0 it is in force (also if nothing has changed), or would be, 1 the host failed,
2 wrong usage, 3 the configuration is refused and the last good one stays, 6 no host is running.")]
pub(super) struct Arguments {
    /// Only print what would change, slots and runs included
    #[arg(long)]
    dry_run: bool,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn run(arguments: &Arguments, file: &Path, clock: Clock) -> anyhow::Result<Exit> {
    // Something else in the file may be wrong: that is for the host to say.
    let of_file = || config::state_folder(file, &Surroundings::of_process(clock.now()));
    let Reach { state, elsewhere } = &arguments.reach;
    let host = match (state, elsewhere.distant()?) {
        (Some(state), _) => Host::Here(state.clone()),
        (None, Some(distant)) => Host::There(distant),
        (None, None) => Host::Here(of_file()),
    };
    let path = format!("/api/v1/reload?dry_run={}", arguments.dry_run);
    let mut answer = match ask(&host, Asked { patience: PATIENCE, ..Asked::at(path) }) {
        Ok(answer) => answer,
        Err(error) => {
            let Some(ConfigRefused { report }) = error.downcast_ref() else { return Err(error) };
            if arguments.json {
                terminal::print_json(&json!({ "accepted": false, "report": report }))?;
            } else {
                terminal::remark(report.trim_end());
                terminal::remark(&error);
            }
            return Ok(Exit::ConfigRefused);
        }
    };
    if arguments.json {
        answer["accepted"] = true.into();
        terminal::print_json(&answer)?;
    } else {
        terminal::print(show::plan(&serde_json::from_value(answer)?))?;
    }
    Ok(Exit::Done)
}
