//! Where a log comes from: the ledger on this machine, or a host elsewhere.

use serde_json::Value;
use url::form_urlencoded;

use super::follow::Whose;
use crate::api::view::{self, RunLog};
use crate::cli::control::{Asked, Host, waiting};
use crate::cli::exit::NotFound;
use crate::cli::shown::{self, Page, Record, Run};
use crate::ledger::{Excerpt, Filter, Reader, RunRecord};
use crate::model::id::{RunId, TaskName};

/// How far back a run with an attempt is looked for: tasks whose runs are all skipped have nothing to show.
const LOOK_BACK: u32 = 1000;

/// A run, and what is asked for of its log, as JSON; none if there is no such run.
pub(super) fn find(host: &Host, whose: &Whose<'_>, excerpt: &Excerpt) -> anyhow::Result<Option<(Run, Value)>> {
    match host {
        Host::Here(state) => in_ledger(&Reader::open(state)?, whose, excerpt),
        Host::There(_) => elsewhere(host, whose, excerpt),
    }
}

fn in_ledger(reader: &Reader, whose: &Whose<'_>, excerpt: &Excerpt) -> anyhow::Result<Option<(Run, Value)>> {
    let found = match whose {
        Whose::Run(run) => reader.run(*run)?,
        Whose::Task(task) => last_run(reader, task)?,
    };
    let Some(run) = found else { return Ok(None) };
    let mut attempts = reader.attempts(run.id)?;
    attempts.retain(|attempt| excerpt.attempt.is_none_or(|wanted| wanted == attempt.attempt));
    let log = RunLog::new(&run, &attempts, &reader.excerpt(run.id, excerpt)?);
    Ok(Some((shown::of(&view::Run::from(&run))?, serde_json::to_value(log)?)))
}

fn last_run(reader: &Reader, task: &TaskName) -> anyhow::Result<Option<RunRecord>> {
    let mut filter = Filter { task: Some(task.clone()), limit: 1, ..Filter::default() };
    let newest = reader.runs(&filter)?;
    if newest.iter().all(|run| run.attempts > 0) {
        return Ok(newest.into_iter().next());
    }
    filter.limit = LOOK_BACK;
    let recent = reader.runs(&filter)?;
    Ok(recent.into_iter().find(|run| run.attempts > 0).or_else(|| newest.into_iter().next()))
}

fn elsewhere(host: &Host, whose: &Whose<'_>, excerpt: &Excerpt) -> anyhow::Result<Option<(Run, Value)>> {
    waiting(async {
        let mut connection = host.reach().await?;
        let id = match whose {
            Whose::Run(run) => *run,
            Whose::Task(task) => {
                let path = format!("/api/v1/runs?task={task}&limit={LOOK_BACK}");
                let page: Page = shown::read(connection.ask(Asked::get(path)).await?)?;
                let mut runs = page.runs.iter().filter_map(|record| match record {
                    Record::Run(run) => Some(run),
                    Record::Missed(_) => None,
                });
                let newest = runs.clone().next();
                let Some(run) = runs.find(|run| run.attempts > 0).or(newest) else { return Ok(None) };
                run.id.parse::<RunId>()?
            }
        };
        let mut detail = match connection.ask(Asked::get(format!("/api/v1/runs/{id}"))).await {
            Err(error) if error.is::<NotFound>() => return Ok(None),
            detail => detail?,
        };
        let log = connection.ask(Asked::get(address(id, excerpt))).await?;
        Ok(Some((shown::read(detail["run"].take())?, log)))
    })
}

/// The same question as the address of a host's answer.
fn address(run: RunId, excerpt: &Excerpt) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            query.append_pair(name, &value);
        }
    };
    let lines = excerpt.numbers.as_ref().map(|lines| match (lines.start(), lines.end()) {
        (first, &u64::MAX) => format!("{first}.."),
        (first, last) => format!("{first}..{last}"),
    });
    add("attempt", excerpt.attempt.map(|attempt| attempt.to_string()));
    add("lines", lines);
    add("level", excerpt.level.map(|level| level.name().to_owned()));
    add("since", excerpt.since.map(|time| time.to_string()));
    add("until", excerpt.until.map(|time| time.to_string()));
    add("tail", excerpt.tail.map(|tail| tail.to_string()));
    format!("/api/v1/runs/{run}/logs?{}", query.finish())
}
