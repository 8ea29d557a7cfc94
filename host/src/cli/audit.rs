//! `sandclock audit`: who changed what.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::tz::TimeZone;

use super::columns::aligned;
use super::{Exit, state, terminal};
use crate::api::view;
use crate::clock::Clock;
use crate::ledger::Reader;
use crate::model::audit::Audited;
use crate::model::text::inert;

/// Show who changed what, newest first
///
/// Every change that was asked for is here, in the transaction that made it: over the API, over the host's socket, on the
/// command line and by webhooks. So is what a token was refused.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sandclock audit\n  sandclock audit -n 1000 --json | jq '.[] | select(.result != \"done\")'\n\nExit codes: 0 done, 1 the ledger cannot be read, 2 wrong usage, 3 configuration refused,\n4 there is no ledger."
)]
pub(super) struct Arguments {
    /// How many at the most
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    limit: u32,
    /// The state folder, if not that of the configuration
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, config: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let state = match state::folder(arguments.state.as_deref(), config, clock) {
        Ok(state) => state,
        Err(exit) => return Ok(exit),
    };
    let entries = Reader::open(&state)?.audit(arguments.limit)?;
    if arguments.json {
        let shown: Vec<view::Audited> = entries.iter().map(Into::into).collect();
        terminal::print_json(&shown)?;
    } else if entries.is_empty() {
        terminal::remark("nobody changed anything yet");
    } else {
        terminal::print(table(&entries, &TimeZone::system()))?;
    }
    Ok(Exit::Done)
}

fn table(entries: &[Audited], zone: &TimeZone) -> String {
    let head = ["WHEN", "WHO", "WHAT", "TASK", "RUN", "RESULT"].map(str::to_owned);
    let or_nothing = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let row = |entry: &Audited| {
        [
            entry.at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
            inert(&entry.actor).to_string(),
            inert(&entry.action).to_string(),
            or_nothing(entry.task.as_ref().map(ToString::to_string)),
            or_nothing(entry.run.map(|run| run.to_string())),
            inert(&entry.result).to_string(),
        ]
    };
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(entries.iter().map(row)).collect();
    aligned(&rows)
}
