//! `sandclock audit`: who changed what.

use std::path::Path;

use clap::Args;
use jiff::tz::TimeZone;

use super::columns::aligned;
use super::control::{Asked, Host, Reach, ask};
use super::shown::{self, Audited};
use super::{Exit, terminal};
use crate::api::view;
use crate::clock::Clock;
use crate::ledger::Reader;
use crate::model::text::inert;

/// Show who changed what, newest first
///
/// Every change that was asked for is here, in the transaction that made it: over the API, over the host's socket, on the
/// command line and by webhooks. So is what a token was refused.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sandclock audit\n  sandclock audit -n 1000 --json | jq '.[] | select(.result != \"done\")'\n\nExit codes: 0 done, 1 the ledger cannot be read, 2 wrong usage, 3 configuration refused,\n4 there is no ledger, 6 no host answers at the address."
)]
pub(super) struct Arguments {
    /// How many at the most
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn run(arguments: &Arguments, config: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let host = match arguments.reach.host(config, clock)? {
        Ok(host) => host,
        Err(exit) => return Ok(exit),
    };
    let entries = match &host {
        // The ledger has them, whether a host runs or not.
        Host::Here(state) => {
            let entries = Reader::open(state)?.audit(arguments.limit)?;
            serde_json::to_value(entries.iter().map(view::Audited::from).collect::<Vec<_>>())?
        }
        Host::There(_) => ask(&host, Asked::get(format!("/api/v1/audit?limit={}", arguments.limit)))?["entries"].take(),
    };
    if arguments.json {
        terminal::print_json(&entries)?;
        return Ok(Exit::Done);
    }
    let entries: Vec<Audited> = shown::read(entries)?;
    if entries.is_empty() {
        terminal::remark("nobody changed anything yet");
    } else {
        terminal::print(table(&entries, &TimeZone::system()))?;
    }
    Ok(Exit::Done)
}

fn table(entries: &[Audited], zone: &TimeZone) -> String {
    let head = ["WHEN", "WHO", "WHAT", "TASK", "RUN", "RESULT"].map(str::to_owned);
    let or_nothing = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), harmless);
    let row = |entry: &Audited| {
        [
            entry.at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
            harmless(&entry.actor),
            harmless(&entry.action),
            or_nothing(&entry.task),
            or_nothing(&entry.run),
            harmless(&entry.result),
        ]
    };
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(entries.iter().map(row)).collect();
    aligned(&rows)
}

fn harmless(text: &str) -> String {
    inert(text).to_string()
}
