//! What metrics and traces are told by the daemon and the ledger: neither knows the other.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::clock::Clock;
use crate::daemon::{Daemon, LedgerHealth};
use crate::ledger::{Filter, LedgerError, Reader, RunRecord, TaskSummary};
use crate::model::id::TaskName;
use crate::model::outcome::OutcomeClass;
use crate::model::run::RunState;
use crate::observe::{Batches, HostNow, Look, Metrics, MetricsSettings, Sources, Standing};

/// The series of a daemon.
pub(super) fn metrics(settings: MetricsSettings, daemon: &Daemon, clock: Clock) -> Arc<Metrics> {
    let handle = daemon.handle();
    let (status, reloaded) = (handle.status(), handle.reload_state());
    Metrics::new(settings, clock, handle.ledger_latency(), move || {
        let (status, reloaded) = (*status.borrow(), reloaded.borrow());
        HostNow {
            running: status.running,
            waiting: status.waiting,
            since_last_turn: clock.monotonic().saturating_duration_since(status.turned_at),
            ledger_writable: status.ledger == LedgerHealth::Writable,
            ledger_damaged: status.ledger == LedgerHealth::Damaged,
            configured_at: reloaded.since,
            config_refused: reloaded.refused.is_some(),
        }
    })
}

/// What there is to observe of a daemon that has just been started.
pub(super) fn sources(daemon: &mut Daemon, past: Past, standings: Vec<Standing>, clock: Clock) -> Sources {
    let handle = daemon.handle();
    let tasks = handle.tasks();
    let seen = tasks.clone();
    let look = move || {
        let tasks = seen.borrow().clone();
        Look { open: handle.open_runs_blocking().ok(), standings: past.standings(tasks.keys()) }
    };
    Sources { clock, events: Batches::new(daemon.events_from_the_start()), tasks, standings, look: Arc::new(look) }
}

/// What the ledger knows of tasks.
#[derive(Debug, Clone)]
pub(super) struct Past {
    /// The state folder, with the ledger in it.
    pub(super) state: PathBuf,
    /// Of how many tasks it is asked at the most.
    pub(super) most: usize,
    pub(super) clock: Clock,
}

impl Past {
    /// How tasks stand. If the ledger cannot be read, nothing is known.
    pub(super) fn standings<'a>(&self, tasks: impl Iterator<Item = &'a TaskName>) -> Vec<Standing> {
        self.read(tasks).unwrap_or_else(|error| {
            tracing::warn!("metrics do not know how tasks stood before: {error}");
            Vec::new()
        })
    }

    fn read<'a>(&self, tasks: impl Iterator<Item = &'a TaskName>) -> Result<Vec<Standing>, LedgerError> {
        let reader = Reader::open(&self.state)?;
        let standings = reader.standings()?;
        // No day's tally is wanted.
        let tomorrow = self.clock.now().to_zoned(TimeZone::UTC).date().saturating_add(1.day());
        let standing = |task: &TaskName| {
            let Some(summary) = reader.task(task, tomorrow)? else { return Ok(None) };
            Ok(Some(Standing {
                last_run: last_run(&reader, &summary)?,
                last_success: summary.last_success.map(|success| success.at),
                failures: summary.failures_in_a_row,
                paused: standings.get(task).is_some_and(|standing| standing.pause.is_some()),
                task: summary.task,
            }))
        };
        tasks.take(self.most).filter_map(|task| standing(task).transpose()).collect()
    }
}

/// When a run of the task last ended that had begun.
fn last_run(reader: &Reader, summary: &TaskSummary) -> Result<Option<Timestamp>, LedgerError> {
    let ended = |run: &RunRecord| (run.attempts > 0 && matches!(run.state, RunState::Final(_))).then_some(run.since);
    let Some(newest) = &summary.last_run else { return Ok(None) };
    if let Some(at) = ended(newest) {
        return Ok(Some(at));
    }
    let begun =
        OutcomeClass::ALL.into_iter().filter(|class| !matches!(class, OutcomeClass::Skipped | OutcomeClass::Missed));
    let filter = Filter { task: Some(summary.task.clone()), outcomes: begun.collect(), limit: 1, ..Filter::default() };
    Ok(reader.runs(&filter)?.first().and_then(ended))
}
