//! `sandclock logs --follow`: lines as they are logged.

use anyhow::bail;
use jiff::tz::TimeZone;

use super::{DIM, line_text};
use crate::cli::control::{Asked, Event, Host, waiting};
use crate::cli::runs::style;
use crate::cli::shown::{self, Ended, LoggedLine};
use crate::cli::{Exit, terminal};
use crate::model::id::{RunId, TaskName};
use crate::model::text::{inert, inert_json};

/// Whose lines.
pub(super) enum Whose<'a> {
    /// Those of a run, to its end.
    Run(RunId),
    /// Those of all runs of a task, until somebody ends it.
    Task(&'a TaskName),
}

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    /// An object a line.
    Json,
}

/// Shows lines as they come.
pub(super) fn follow(host: &Host, whose: &Whose<'_>, form: Form) -> anyhow::Result<Exit> {
    let path = match whose {
        Whose::Run(run) => format!("/api/v1/runs/{run}/logs?follow=true"),
        Whose::Task(task) => format!("/api/v1/tasks/{task}/logs?follow=true"),
    };
    waiting(async {
        let mut events = host.reach().await?.follow(Asked::get(path)).await?;
        let mut shown = Shown { zone: TimeZone::system(), form, latest: None };
        while let Some(event) = events.next().await? {
            // A task goes on after the end of a run.
            if shown.event(event)? == Progress::Over && matches!(whose, Whose::Run(_)) {
                return Ok(Exit::Done);
            }
        }
        bail!("the host has stopped")
    })
}

/// Whether the run that is shown goes on.
#[derive(Debug, PartialEq, Eq)]
enum Progress {
    Open,
    Over,
}

struct Shown {
    zone: TimeZone,
    form: Form,
    /// The run and the attempt of the line before.
    latest: Option<(String, u32)>,
}

impl Shown {
    fn event(&mut self, Event { name, data }: Event) -> anyhow::Result<Progress> {
        match (name.as_str(), self.form) {
            ("line", Form::Json) => terminal::print(format_args!("{}\n", inert_json(&data.to_string())))?,
            ("line", Form::Text) => self.line(&shown::read(data)?)?,
            ("lost", _) => terminal::remark(format_args!("({} lines came too fast to be shown here)", data["lines"])),
            ("end", _) => {
                let Ended { run } = shown::read(data)?;
                if let Some(outcome) = &run.outcome {
                    let style = style(outcome.class());
                    terminal::remark(format_args!("{} {style}{}{style:#}", run.id, inert(&outcome.message)));
                }
                return Ok(Progress::Over);
            }
            _ => {}
        }
        Ok(Progress::Open)
    }

    fn line(&mut self, LoggedLine { run, task, attempt, line }: &LoggedLine) -> anyhow::Result<()> {
        let is_latest = self.latest.as_ref().is_some_and(|(of, number)| of == run && number == attempt);
        if !is_latest {
            let (run, task) = (inert(run), inert(task));
            terminal::print(format_args!("{DIM}run {run} of {task}, attempt {attempt}{DIM:#}\n"))?;
            self.latest = Some((run.to_string(), *attempt));
        }
        terminal::print(line_text(line, &self.zone))
    }
}
