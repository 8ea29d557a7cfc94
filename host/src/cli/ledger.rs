//! `sandclock ledger`: what a person does with the ledger as a whole.

mod export;
mod stats;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::tz::TimeZone;

use super::when::{self, When};
use super::{Exit, state, terminal};
use crate::clock::Clock;
use crate::ledger::{self, Reader};
use crate::model::quantity;

/// Look after the ledger: its size, its soundness, copies of it
///
/// `stats`, `verify`, `backup` and `export` work beside a running host; `compact` and `downgrade` need it stopped. All of
/// them work where the ledger's file is, and ask no host elsewhere; of that, `sandclock runs --url` has the history.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sandclock ledger stats\n  sandclock ledger backup /backups/ledger-2026-11-25.db\n  sandclock ledger export --since 1d | jq -c 'select(.kind == \"run\")'"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The state folder, if not that of the configuration
    #[arg(long, global = true, value_name = "FOLDER")]
    state: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show how large the ledger is, and what takes the room
    Stats {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Look for damage and for what cannot be; exits with 1 if there is any
    ///
    /// Reads all of the ledger, as it is at one moment. A host may go on meanwhile; its write-ahead log grows until the
    /// end.
    Verify,
    /// Give the space of removed entries back to the file system
    ///
    /// The ledger is written anew, which takes as much space again for a while. Without this, freed space is used for
    /// new entries.
    Compact,
    /// Copy the ledger to a new file, which is checked
    ///
    /// The copy is of one moment and complete by itself. To restore it: stop the host, move `ledger.db`, `ledger.db-wal`
    /// and `ledger.db-shm` out of the state folder, and put the copy there as `ledger.db`.
    Backup {
        /// Where to; there must be no such file
        file: PathBuf,
    },
    /// Print runs, attempts and missed slots, newest first, one JSON object a line
    ///
    /// Runs and missed slots are as `sandclock runs --json` has them, attempts as `sandclock logs --json`, without logs.
    Export {
        /// Only those entered since then: `2h` (ago), `2026-11-23`, `2026-11-23T18:00`
        #[arg(long, value_name = "WHEN", value_parser = when::parse_past)]
        since: Option<When>,
    },
    /// Lead the ledger back to an earlier schema, for an older version of sandclock
    ///
    /// A copy of the ledger as it is now is kept in the state folder. What the older schema has no place for is gone from
    /// the ledger itself.
    Downgrade {
        /// The schema that the older version knows; it says so when it refuses the ledger
        #[arg(long, value_name = "SCHEMA")]
        to: i64,
    },
}

pub(super) fn run(arguments: &Arguments, config: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let state = match state::folder(arguments.state.as_deref(), config, clock) {
        Ok(state) => state,
        Err(exit) => return Ok(exit),
    };
    let size = |bytes| quantity::bytes(bytes).to_string();
    match &arguments.command {
        Command::Stats { json } => stats::print(&Reader::open(&state)?.sizes()?, *json)?,
        Command::Verify => return verify(&state),
        Command::Compact => {
            let compacted = ledger::compact(&state)?;
            let (before, after) = (size(compacted.before), size(compacted.after));
            terminal::remark(format_args!("the ledger takes {after} now; it was {before}"));
        }
        Command::Backup { file } => {
            let bytes = Reader::open(&state)?.backup(file)?;
            terminal::remark(format_args!("{}: {}, checked", file.display(), size(bytes)));
        }
        Command::Export { since } => {
            let now = clock.now();
            let since = since.as_ref().map(|when| when.resolve(now, &TimeZone::system())).transpose()?;
            export::print(&Reader::open(&state)?, since)?;
        }
        Command::Downgrade { to } => {
            let found = ledger::downgrade(&state, *to)?;
            terminal::remark(format_args!("the ledger has schema {to} now; it had {found}"));
        }
    }
    Ok(Exit::Done)
}

fn verify(state: &Path) -> anyhow::Result<Exit> {
    let findings = Reader::open(state)?.verify()?;
    for finding in &findings {
        terminal::print_line(crate::model::text::inert(finding))?;
    }
    match findings.len() {
        0 => {
            terminal::remark("the ledger is sound");
            Ok(Exit::Done)
        }
        count => {
            terminal::remark(format_args!("the ledger is not sound: {count} findings"));
            Ok(Exit::LedgerUnsound)
        }
    }
}
