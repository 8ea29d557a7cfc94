//! `sandclock check`: everything that is wrong with the configuration, or what it means.

use std::path::Path;

use clap::Args;
use serde_json::{Value as Json, json};

use super::{Exit, servable, terminal};
use crate::clock::Clock;
use crate::config::{self, Effective, Report, Surroundings};

/// Say what is wrong with the configuration, or what it means.
///
/// Finds everything for which `sandclock serve` would refuse to start, all at once, and shows otherwise the
/// configuration with every default in its place.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sandclock check\n  sandclock check --json | jq .config.tasks\n  sandclock check --schema > sandclock.schema.json"
)]
pub(super) struct Arguments {
    /// Print problems and configuration as JSON
    #[arg(long)]
    json: bool,
    /// Print the JSON Schema of the file instead, for editors
    #[arg(long, conflicts_with = "json")]
    schema: bool,
}

pub(super) fn run(arguments: &Arguments, file: &Path, clock: Clock) -> anyhow::Result<Exit> {
    if arguments.schema {
        terminal::print_json(&config::json_schema())?;
        return Ok(Exit::Done);
    }
    let now = clock.now();
    let (report, effective) = match servable::load(file, &Surroundings::of_process(now)) {
        Ok(loaded) => (loaded.warnings, Some(Effective::new(&loaded.config, now))),
        Err(report) => (report, None),
    };
    if arguments.json {
        terminal::print_json(&to_json(&report, effective.as_ref()))?;
    } else {
        if let Some(effective) = &effective {
            terminal::print(effective)?;
        }
        terminal::remark(report.coloured().trim_end());
    }
    Ok(if effective.is_some() { Exit::Done } else { Exit::ConfigRefused })
}

/// What `--json` prints: the problems, and the configuration unless it was refused.
fn to_json(report: &Report, effective: Option<&Effective>) -> Json {
    json!({
        "accepted": effective.is_some(),
        "diagnostics": report.to_json(),
        "config": effective.map(Effective::to_json),
    })
}
