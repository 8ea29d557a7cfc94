//! `sandclock status`: how the host is, and which tasks are in trouble.

use std::path::Path;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::columns::aligned;
use super::control::{Asked, Reach, waiting};
use super::exit::NotRunning;
use super::shown::{self, Configuration, Page, Status, Tasks};
use super::trouble::{self, Trouble, time};
use super::{Exit, terminal};
use crate::clock::Clock;
use crate::model::quantity;
use crate::model::text::inert;

/// Show how the running host is, and which tasks are in trouble.
///
/// In trouble are tasks whose last run failed, those with failures or missed slots in the last day, and those whose plugin
/// cannot be used.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sandclock status
  sandclock status --json | jq .trouble
  sandclock status --url https://clock.example:7390 --token-file token

Exit codes: 0 slots are being run, 1 they are not (it says why) or the host failed, 2 wrong usage,
3 configuration refused, 6 no host is running.")]
pub(super) struct Arguments {
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
    let asked = waiting(async {
        let mut connection = host.reach().await?;
        let status = connection.ask(Asked::get("/api/v1/status")).await?;
        let tasks = connection.ask(Asked::get("/api/v1/tasks")).await?;
        let recent = connection.ask(trouble::recent(clock.now())).await?;
        anyhow::Ok((status, tasks, recent))
    });
    let (mut told, tasks, recent) = match asked {
        Err(error) if error.is::<NotRunning>() && host.state().is_some() => {
            terminal::hint("what the ledger knows: sandclock tasks");
            return Err(error);
        }
        asked => asked?,
    };
    let zone = TimeZone::system();
    let (tasks, recent): (Tasks, Page) = (shown::read(tasks)?, shown::read(recent)?);
    let trouble = trouble::of(&tasks.tasks, &recent.runs, &zone);
    let status: Status = shown::read(told.clone())?;
    if arguments.json {
        told["trouble"] = trouble.iter().map(|Trouble { task, what }| json!({ "task": task, "what": what })).collect();
        terminal::print_json(&told)?;
    } else {
        terminal::print(text(&status, &trouble, clock.now(), &zone))?;
        match &trouble[..] {
            [] => {}
            [first, others @ ..] if others.iter().all(|other| other.task == first.task) => {
                terminal::hint(format_args!("more: sandclock runs {}", inert(&first.task)));
            }
            _ => terminal::hint("more of each: sandclock runs TASK"),
        }
    }
    Ok(if status.ready { Exit::Done } else { Exit::HostFailed })
}

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();

fn text(status: &Status, trouble: &[Trouble], now: Timestamp, zone: &TimeZone) -> String {
    let up = Duration::from_secs(now.duration_since(status.started_at).as_secs().max(0).unsigned_abs());
    let about = match &status.reason {
        None => format!("{GOOD}ready{GOOD:#}"),
        Some(reason) => format!("{BAD}not ready: {}{BAD:#}", inert(reason)),
    };
    let held: Vec<String> = [(status.paused, "paused"), (status.disabled, "disabled")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!(", {count} {what}"))
        .collect();
    let next = match &status.next {
        Some(next) => format!("{} at {}", inert(&next.task), time(next.due, zone)),
        None => "nothing is due".to_owned(),
    };
    let mut text = format!(
        "sandclock {} is {about}, since {} ({})\n",
        inert(&status.version),
        time(status.started_at, zone),
        quantity::duration(up)
    );
    text += &aligned(
        &[
            ["ledger", &inert(&status.ledger).to_string()],
            ["tasks", &format!("{}{}", status.tasks, held.concat())],
            ["runs", &format!("{} running, {} waiting", status.running, status.waiting)],
            ["next", &next],
            ["config", &format!("in force since {}", time(status.configuration.since, zone))],
        ]
        .map(|row| row.map(str::to_owned)),
    );
    text += &of_changes(&status.configuration, zone);
    if !trouble.is_empty() {
        let row = |Trouble { task, what }: &Trouble| [inert(task).to_string(), what.clone()];
        let rows: Vec<[String; 2]> = trouble.iter().map(row).collect();
        text += &format!("\n{BAD}in trouble:{BAD:#}\n{}", aligned(&rows));
    }
    text
}

/// What was changed in the files and does not count, a line each.
fn of_changes(
    Configuration { refused_at, after_restart, kept_plugins, .. }: &Configuration,
    zone: &TimeZone,
) -> String {
    let mut text = String::new();
    if let Some(at) = refused_at {
        let at = time(*at, zone);
        text += &format!("{BAD}a changed configuration was refused{BAD:#} at {at}: `sandclock check` says why\n");
    }
    if !after_restart.is_empty() {
        let keys = inert(&after_restart.join(", ")).to_string();
        text += &format!("changed, and counts once the host is started again: {keys}\n");
    }
    for (plugin, why) in kept_plugins {
        let (plugin, why) = (inert(plugin), inert(why));
        text += &format!("{BAD}the file of plugin {plugin} cannot be used{BAD:#}, what was loaded before is: {why}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_shown_with_its_reason_and_its_trouble() {
        let mut told = json!({
            "version": "0.1.0", "started_at": "2026-11-28T12:00:00Z", "ready": false, "reason": "the ledger is damaged",
            "ledger": "damaged", "tasks": 12, "disabled": 1, "paused": 0, "running": 2, "waiting": 1,
            "next": { "task": "report", "due": "2026-11-28T14:00:00Z" },
            "configuration": {
                "since": "2026-11-28T12:30:00Z", "refused_at": "2026-11-28T13:00:00Z", "after_restart": ["host.listen"],
                "kept_plugins": { "tick": "it is empty" },
            },
        });
        let now = "2026-11-28T13:30:00Z".parse().unwrap();
        let shown = |told: &serde_json::Value, trouble: &[Trouble]| {
            let shown = text(&shown::read(told.clone()).unwrap(), trouble, now, &TimeZone::UTC);
            anstream::adapter::strip_str(&shown).to_string()
        };
        let trouble = [Trouble { task: "report".to_owned(), what: "failed".to_owned() }];
        insta::assert_snapshot!(shown(&told, &trouble), @r"
        sandclock 0.1.0 is not ready: the ledger is damaged, since 2026-11-28 12:00:00 (1h 30m)
        ledger  damaged
        tasks   12, 1 disabled
        runs    2 running, 1 waiting
        next    report at 2026-11-28 14:00:00
        config  in force since 2026-11-28 12:30:00
        a changed configuration was refused at 2026-11-28 13:00:00: `sandclock check` says why
        changed, and counts once the host is started again: host.listen
        the file of plugin tick cannot be used, what was loaded before is: it is empty

        in trouble:
        report  failed
        ");
        (told["reason"], told["next"]) = (json!(null), json!(null));
        told["configuration"] = json!({
            "since": "2026-11-28T12:30:00Z", "refused_at": null, "after_restart": [], "kept_plugins": {},
        });
        assert!(shown(&told, &[]).starts_with("sandclock 0.1.0 is ready, since"));
        assert!(shown(&told, &[]).ends_with("next    nothing is due\nconfig  in force since 2026-11-28 12:30:00\n"));
    }
}
