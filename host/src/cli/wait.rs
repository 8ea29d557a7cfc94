//! Waiting for the end of a run that somebody asked for: its log on stderr as it comes, its output on stdout.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;

use super::control::{Asked, Host, waiting};
use super::logs::line_text;
use super::run::show_output;
use super::shown::{self, Ended, LoggedLine, Run};
use super::{Exit, terminal};
use crate::model::id::RunId;
use crate::model::payload::Blob;
use crate::model::quantity::{duration, parse_duration};
use crate::model::text::inert;

/// Whether to wait, and how long.
#[derive(Debug, Args)]
pub(super) struct Wait {
    /// Follow the run to its end, for so long at the most if a duration such as 30s is given
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, value_parser = parse_duration)]
    wait: Option<Option<Duration>>,
}

impl Wait {
    pub(super) fn is_wanted(&self) -> bool {
        self.wait.is_some()
    }

    /// Follows a run to its end, after so many lines of its log.
    pub(super) fn for_end(&self, host: &Host, run: RunId, before: u64) -> anyhow::Result<Exit> {
        terminal::remark(format_args!("run {run}"));
        waiting(async {
            let over = to_end(host, run, before);
            let ended = match self.wait.flatten() {
                None => over.await?,
                Some(patience) => match tokio::time::timeout(patience, over).await {
                    Ok(ended) => ended?,
                    Err(_) => {
                        terminal::print_line(run)?;
                        let patience = duration(patience);
                        terminal::remark(format_args!("{run} is not over after {patience}: sandclock logs -f {run}"));
                        return Ok(Exit::WaitOver);
                    }
                },
            };
            let outcome = ended.outcome.context("the host told of an end without an outcome")?;
            let took = ended.took_ms.map(|took| format!(" after {}", duration(Duration::from_secs_f64(took / 1e3))));
            let attempts = if ended.attempts > 1 { format!(", in {} attempts", ended.attempts) } else { String::new() };
            terminal::remark(format_args!("{}{}{attempts}", inert(&outcome.message), took.unwrap_or_default()));
            let detail = host.reach().await?.ask(Asked::get(format!("/api/v1/runs/{run}"))).await?;
            if let Some(output) = output(&detail["output"])? {
                show_output(&output)?;
            }
            Ok(Exit::RunEnded(outcome.class()))
        })
    }
}

/// Shows what a run logs, to its end.
async fn to_end(host: &Host, run: RunId, before: u64) -> anyhow::Result<Run> {
    let asked = Asked::get(format!("/api/v1/runs/{run}/logs?follow=true"));
    let headers = vec![("last-event-id", before.to_string())];
    let mut events = host.reach().await?.follow(Asked { headers, ..asked }).await?;
    let zone = jiff::tz::TimeZone::system();
    while let Some(event) = events.next().await? {
        match event.name.as_str() {
            "line" => {
                let LoggedLine { line, .. } = shown::read(event.data)?;
                terminal::remark(line_text(&line, &zone).trim_end());
            }
            "lost" => terminal::remark(format_args!("({} lines came too fast to be shown here)", event.data["lines"])),
            "end" => return Ok(shown::read::<Ended>(event.data)?.run),
            _ => {}
        }
    }
    bail!("the host stopped before the run {run} was over")
}

/// What a run put out, as the host tells it.
fn output(told: &Value) -> anyhow::Result<Option<Blob>> {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    if told.is_null() {
        return Ok(None);
    }
    let bytes = match (told["text"].as_str(), told["base64"].as_str()) {
        (Some(text), _) => text.as_bytes().to_owned(),
        (None, Some(base64)) => STANDARD.decode(base64).ok().context("the run's output cannot be understood")?,
        (None, None) => bail!("the run's output cannot be understood"),
    };
    Ok(Some(Blob { content_type: told["content_type"].as_str().unwrap_or_default().to_owned(), bytes }))
}
