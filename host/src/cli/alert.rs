//! `sandclock alert`: whether the channels work, and how they do.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::columns::aligned;
use super::exit::NotFound;
use super::{Exit, state, terminal};
use crate::clock::Clock;
use crate::config::Config;
use crate::ledger::{AlertChannelSummary, LedgerError, Reader};
use crate::model::alert::channel::{Channel, Target};
use crate::model::id::AlertName;
use crate::model::text::inert;
use crate::observe::alerts;

/// See how the alerts of the configuration do, and whether they arrive.
///
/// Works where the configuration and the state folder are, and asks no host elsewhere: the secrets of a channel stay on its
/// machine. Of a host elsewhere `sandclock_alert_messages_pending` and `sandclock_alert_deliveries_total` in /metrics tell.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send a message to an alert that says only that it arrives
    ///
    /// It goes out at once, beside a running host or without one, whatever the alert's rules are. An error says what the
    /// other end answered.
    #[command(
        after_help = "Examples:\n  sandclock alert test ops\n\nExit codes: 0 sent, 1 not sent, 3 configuration refused, 4 no such alert."
    )]
    Test {
        /// The alert
        alert: AlertName,
    },
    /// List the alerts: what waits, what was delivered last, what went wrong
    ///
    /// Reads the ledger, beside a running host or without one. Waiting are notices that become a message when their
    /// `group-wait`, the quiet hours or the day are over; pending are messages that could not be delivered yet.
    #[command(after_help = "Examples:\n  sandclock alert list\n  sandclock alert list --json | jq '.[].error'")]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(arguments: &Arguments, file: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let config = match state::config(file, clock) {
        Ok(config) => config,
        Err(exit) => return Ok(exit),
    };
    match &arguments.command {
        Command::Test { alert } => test(alert, &config, &clock),
        Command::List { json } => list(&config, *json),
    }
}

fn test(name: &AlertName, config: &Config, clock: &Clock) -> anyhow::Result<Exit> {
    let settings = config.alert_settings();
    let channel = settings.channels.get(name).with_context(|| {
        let known: Vec<&str> = settings.channels.keys().map(AlertName::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        NotFound(format!("no alert is called {name}; known alerts: {known}"))
    })?;
    match alerts::test(&settings, channel, clock) {
        Ok(()) => {
            terminal::remark(format_args!("sent to {name}, by {}", way(channel)));
            Ok(Exit::Done)
        }
        Err(error) => bail!("cannot send to {name}, by {}: {}", way(channel), inert(&error)),
    }
}

fn list(config: &Config, as_json: bool) -> anyhow::Result<Exit> {
    let known = match Reader::open(&config.host.state) {
        Ok(reader) => reader.alert_channels()?,
        Err(LedgerError::Absent { .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let settings = config.alert_settings();
    let of = |name: &AlertName| known.iter().find(|summary| summary.channel == *name);
    let configured = settings.channels.iter().map(|(name, channel)| (name, Some(channel), of(name)));
    // What an earlier configuration left behind is given up when a host next looks at it.
    let gone = known.iter().filter(|summary| !settings.channels.contains_key(&summary.channel));
    let all: Vec<_> = configured.chain(gone.map(|summary| (&summary.channel, None, Some(summary)))).collect();
    if as_json {
        let of_channel = |(name, channel, summary): &Line<'_>| {
            let summary = *summary;
            json!({
                "alert": name.as_str(),
                "by": channel.map(|channel| way(channel)),
                "waiting": summary.map_or(0, |summary| summary.waiting),
                "pending": summary.map_or(0, |summary| summary.pending),
                "next_try_at": summary.and_then(|summary| summary.next_at).map(|at| at.to_string()),
                "delivered_at": summary.and_then(|summary| summary.delivered_at).map(|at| at.to_string()),
                "given_up": summary.map_or(0, |summary| summary.given_up),
                "error": summary.and_then(|summary| summary.error.as_deref()),
            })
        };
        terminal::print_json(&all.iter().map(of_channel).collect::<Vec<_>>())?;
        return Ok(Exit::Done);
    }
    if all.is_empty() {
        terminal::remark("no alert is configured; one begins with a line such as [alerts.ops]");
        return Ok(Exit::Done);
    }
    let head = ["ALERT", "BY", "WAITING", "PENDING", "NEXT TRY", "LAST DELIVERED", "GIVEN UP", "LAST ERROR"];
    let zone = TimeZone::system();
    let rows: Vec<[String; 8]> =
        std::iter::once(head.map(str::to_owned)).chain(all.iter().map(|line| row(line, &zone))).collect();
    terminal::print(aligned(&rows))?;
    Ok(Exit::Done)
}

type Line<'a> = (&'a AlertName, Option<&'a Arc<Channel>>, Option<&'a AlertChannelSummary>);

fn row((name, channel, summary): &Line<'_>, zone: &TimeZone) -> [String; 8] {
    let time = |at: Option<Timestamp>| match at {
        Some(at) => at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        None => "-".to_owned(),
    };
    let count = |of: fn(&AlertChannelSummary) -> u64| summary.map_or(0, of).to_string();
    [
        name.to_string(),
        channel.map_or_else(|| "gone".to_owned(), |channel| way(channel)),
        count(|summary| summary.waiting),
        count(|summary| summary.pending),
        time(summary.and_then(|summary| summary.next_at)),
        time(summary.and_then(|summary| summary.delivered_at)),
        count(|summary| summary.given_up),
        summary
            .and_then(|summary| summary.error.as_deref())
            .map_or_else(|| "-".to_owned(), |error| inert(error).to_string()),
    ]
}

/// By which way a channel reaches somebody: never the whole address, which may be a secret.
fn way(channel: &Channel) -> String {
    match &channel.target {
        Target::Mail(mail) => format!("mail to {}", mail.to.join(", ")),
        Target::Hook(hook) => format!("{} at {}", hook.service.name(), hook.url.host_str().unwrap_or_default()),
    }
}
