//! What `top` shows: lines for a screen of some size. Decides all of it, draws nothing.

use std::time::Duration;

use anstyle::{AnsiColor, Effects, Style};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::keys::Wish;
use super::screen::Size;
use super::seen::{Rates, Seen, elapsed};
use crate::cli::columns::aligned;
use crate::cli::runs::short;
use crate::cli::shown::{Record, Run, Task};
use crate::cli::trouble::time;
use crate::model::quantity;
use crate::model::text::inert;

/// How the runs that go on are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Sort {
    /// The longest first.
    #[default]
    Elapsed,
    Task,
}

/// Whether what is shown is kept up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Refresh {
    #[default]
    Live,
    Held,
}

/// What a person made of it with the keys.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) refresh: Refresh,
    pub(super) sort: Sort,
    /// How many lines are scrolled past.
    scrolled: usize,
    /// How many lines there were below the head when it was drawn last, and how many of them fit.
    lines: usize,
    fit: usize,
}

const HEAD: Style = Style::new().effects(Effects::BOLD);
const DIM: Style = Style::new().effects(Effects::DIMMED);
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();

/// How many slots to come are shown, and how many failures.
const MOST_NEXT: usize = 8;
const MOST_FAILURES: usize = 20;

impl View {
    /// Does what a person wants; leaving aside the wish to go.
    pub(super) fn follow(&mut self, wish: Wish) {
        match wish {
            Wish::Quit => {}
            Wish::Hold => {
                self.refresh = if self.refresh == Refresh::Live { Refresh::Held } else { Refresh::Live };
            }
            Wish::Sort => self.sort = if self.sort == Sort::Elapsed { Sort::Task } else { Sort::Elapsed },
            Wish::Up => self.scrolled = self.scrolled.saturating_sub(1),
            Wish::Down => self.scrolled += 1,
            Wish::PageUp => self.scrolled = self.scrolled.saturating_sub(self.fit.max(1)),
            Wish::PageDown => self.scrolled += self.fit.max(1),
        }
        self.scrolled = self.scrolled.min(self.lines.saturating_sub(self.fit));
    }

    /// The lines of a screen: a head, as much of the rest as fits, and a line about the keys.
    pub(super) fn screen(
        &mut self,
        seen: Option<&Seen>,
        trouble: Option<&str>,
        rates: &mut Rates,
        size: Size,
        zone: &TimeZone,
    ) -> Vec<String> {
        let mut lines = match seen {
            Some(seen) => head(seen, rates),
            None => Vec::new(),
        };
        if let Some(trouble) = trouble {
            lines.push(format!("{BAD}{}{BAD:#}", short(trouble)));
        }
        let body = seen.map(|seen| body(seen, self.sort, zone)).unwrap_or_default();
        self.fit = size.rows.saturating_sub(lines.len() + 1);
        self.lines = body.len();
        self.scrolled = self.scrolled.min(self.lines.saturating_sub(self.fit));
        lines.extend(body.into_iter().skip(self.scrolled).take(self.fit));
        lines.truncate(size.rows.saturating_sub(1));
        while lines.len() + 1 < size.rows {
            lines.push(String::new());
        }
        let held = if self.refresh == Refresh::Held { "HELD  " } else { "" };
        let sort = if self.sort == Sort::Elapsed { "task" } else { "time" };
        lines.push(format!("{held}{DIM}q quit  p hold  s sort by {sort}  j k scroll{DIM:#}"));
        lines.iter().map(|line| cut(line, size.columns)).collect()
    }
}

/// All of it, for a reader that is no screen.
pub(super) fn snapshot(seen: &Seen, rates: &mut Rates, zone: &TimeZone) -> String {
    let lines = head(seen, rates).into_iter().chain(body(seen, Sort::default(), zone));
    lines.map(|line| format!("{line}\n")).collect()
}

fn head(seen: &Seen, rates: &mut Rates) -> Vec<String> {
    let status = &seen.status;
    let up = whole(elapsed(status.started_at, seen.at));
    let state = match &status.reason {
        None => format!("{GOOD}ready{GOOD:#}"),
        Some(reason) => format!("{BAD}not ready: {}{BAD:#}", inert(reason)),
    };
    let (ended, failed, since) = rates.tell(seen.at);
    let rates = match since {
        Duration::ZERO => String::new(),
        since => format!("; in {} {ended} ended, {failed} failed", whole(since)),
    };
    vec![
        format!(
            "{HEAD}sandclock {}{HEAD:#}  {state}, up {up}, ledger {}",
            inert(&status.version),
            inert(&status.ledger)
        ),
        format!("{} tasks, {} running, {} waiting{rates}", status.tasks, status.running, status.waiting),
    ]
}

fn body(seen: &Seen, sort: Sort, zone: &TimeZone) -> Vec<String> {
    let mut lines = Vec::new();
    let open = |state: &str| -> Vec<&Run> {
        runs(&seen.open).filter(|run| (run.state == "running") == (state == "running")).collect()
    };
    let mut running = open("running");
    if sort == Sort::Task {
        running.sort_by(|a, b| a.task.cmp(&b.task));
    }
    section(&mut lines, "RUNNING", &running, |run| {
        [
            inert(&run.task).to_string(),
            inert(&run.id).to_string(),
            format!("attempt {}", run.attempts),
            whole(elapsed(run.since, seen.at)),
        ]
    });
    section(&mut lines, "WAITING", &open("waiting"), |run| {
        let what = match run.retry_at {
            Some(at) => format!("attempt {} in {}", run.attempts + 1, whole(elapsed(seen.at, at))),
            None => inert(&run.state).to_string(),
        };
        [inert(&run.task).to_string(), inert(&run.id).to_string(), what, whole(elapsed(run.since, seen.at))]
    });
    let mut next: Vec<(Timestamp, &Task)> = seen
        .tasks
        .iter()
        .filter(|task| task.enabled && task.paused.is_none())
        .filter_map(|task| Some((task.next?, task)))
        .collect();
    next.sort_by_key(|(due, _)| *due);
    next.truncate(MOST_NEXT);
    section(&mut lines, "NEXT", &next, |(due, task)| {
        [inert(&task.task).to_string(), time(*due, zone), format!("in {}", whole(elapsed(seen.at, *due)))]
    });
    let failures: Vec<&Record> = seen.failures.iter().take(MOST_FAILURES).collect();
    section(&mut lines, "FAILED OR MISSED IN THE LAST DAY", &failures, |record| match record {
        Record::Run(run) => {
            let what = run.outcome.as_ref().map(|outcome| short(&outcome.message)).unwrap_or_default();
            [inert(&run.task).to_string(), inert(&run.id).to_string(), time(run.since, zone), what]
        }
        Record::Missed(missed) => {
            let what = format!("{} ({} slots)", short(&missed.outcome.message), missed.count);
            [inert(&missed.task).to_string(), inert(&missed.id).to_string(), time(missed.last, zone), what]
        }
    });
    lines
}

/// A heading with how many there are, and a line for each.
fn section<T, const N: usize>(lines: &mut Vec<String>, title: &str, items: &[T], cells: impl Fn(&T) -> [String; N]) {
    lines.push(String::new());
    lines.push(format!("{HEAD}{title}{HEAD:#} {}", items.len()));
    let rows: Vec<[String; N]> = items.iter().map(cells).collect();
    lines.extend(aligned(&rows).lines().map(|line| format!("  {line}")));
}

fn runs(records: &[Record]) -> impl Iterator<Item = &Run> {
    records.iter().filter_map(|record| match record {
        Record::Run(run) => Some(run),
        Record::Missed(_) => None,
    })
}

/// A duration in whole seconds.
fn whole(duration: Duration) -> String {
    quantity::duration(Duration::from_secs(duration.as_secs())).to_string()
}

/// The beginning of a line, as far as it fits. Styles take no room.
fn cut(line: &str, columns: usize) -> String {
    let mut cut = String::new();
    let mut room = columns;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            cut.push(c);
            // The only sequences here are those of styles.
            for c in rest.by_ref() {
                cut.push(c);
                if c == 'm' {
                    break;
                }
            }
        } else if room > 0 {
            cut.push(c);
            room -= 1;
        }
    }
    cut
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::shown;
    use crate::cli::trouble::tests::{failed, task};

    fn seen() -> Seen {
        let status = json!({
            "version": "0.1.0", "started_at": "2026-11-28T12:00:00Z", "ready": true, "reason": null,
            "ledger": "writable", "tasks": 2, "disabled": 0, "paused": 0, "running": 2, "waiting": 1, "next": null,
            "configuration": {
                "since": "2026-11-28T12:00:00Z", "refused_at": null, "after_restart": [], "kept_plugins": {},
            },
        });
        let open = |id: &str, task: &str, state: &str, since: &str, retry_at: Option<&str>| {
            let mut run = failed(task, id, since);
            (run["state"], run["outcome"], run["retry_at"]) = (state.into(), json!(null), json!(retry_at));
            shown::read(run).unwrap()
        };
        Seen {
            at: "2026-11-28T13:00:00Z".parse().unwrap(),
            status: shown::read(status).unwrap(),
            tasks: ["report", "aaa"].map(|name| shown::read(task(name, 0)).unwrap()).to_vec(),
            open: vec![
                open("38GAMCYR00001", "report", "running", "2026-11-28T12:58:30Z", None),
                open("38GAMCYR00002", "aaa", "running", "2026-11-28T12:59:30Z", None),
                open("38GAMCYR00003", "slow", "waiting", "2026-11-28T12:59:50Z", Some("2026-11-28T13:00:20Z")),
            ],
            failures: vec![shown::read(failed("report", "38GAMCYR00000", "2026-11-28T02:00:00Z")).unwrap()],
        }
    }

    fn plain(lines: &[String]) -> String {
        anstream::adapter::strip_str(&lines.join("\n")).to_string()
    }

    #[test]
    fn all_that_goes_on_is_on_the_screen() {
        let size = Size { columns: 80, rows: 17 };
        let lines = View::default().screen(Some(&seen()), None, &mut Rates::default(), size, &TimeZone::UTC);
        insta::assert_snapshot!(plain(&lines), @r"
        sandclock 0.1.0  ready, up 1h, ledger writable
        2 tasks, 2 running, 1 waiting

        RUNNING 2
          report  38GAMCYR00001  attempt 1  1m 30s
          aaa     38GAMCYR00002  attempt 1  30s

        WAITING 1
          slow  38GAMCYR00003  attempt 2 in 20s  10s

        NEXT 2
          report  2026-11-29 02:00:00  in 13h
          aaa     2026-11-29 02:00:00  in 13h

        FAILED OR MISSED IN THE LAST DAY 1
          report  38GAMCYR00000  2026-11-28 02:00:00  trapped: \u{1b}[2J …
        q quit  p hold  s sort by task  j k scroll
        ");
    }

    #[test]
    fn a_small_screen_is_scrolled_and_never_left() {
        let (seen, mut rates, mut view) = (seen(), Rates::default(), View::default());
        for rows in 1..30 {
            for columns in [0, 1, 20, 200] {
                let size = Size { columns, rows };
                let lines = view.screen(Some(&seen), Some("the host has gone"), &mut rates, size, &TimeZone::UTC);
                assert_eq!(lines.len(), rows);
                assert!(plain(&lines).lines().all(|line| line.chars().count() <= columns), "{size:?}");
            }
        }
        let size = Size { columns: 80, rows: 8 };
        let top = |view: &mut View| {
            plain(&view.screen(Some(&seen), None, &mut Rates::default(), size, &TimeZone::UTC))
                .lines()
                .nth(3)
                .unwrap()
                .to_owned()
        };
        assert_eq!(top(&mut view), "RUNNING 2");
        view.follow(Wish::Down);
        assert!(top(&mut view).contains("38GAMCYR00001"));
        view.follow(Wish::Sort);
        assert!(top(&mut view).contains("38GAMCYR00002"), "by task");
        (0..100).for_each(|_| view.follow(Wish::PageDown));
        let end = top(&mut view);
        view.follow(Wish::Down);
        assert_eq!(top(&mut view), end, "it ends where the lines end");
        (0..100).for_each(|_| view.follow(Wish::PageUp));
        assert_eq!(top(&mut view), "RUNNING 2");
        view.follow(Wish::Hold);
        assert_eq!(view.refresh, Refresh::Held);
    }
}
