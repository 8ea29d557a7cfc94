//! What the ledger's causes mean: which things went wrong or well, for which tasks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::until;
use crate::ledger::{AlertCause, Caused, LedgerError, Reader, UnfinishedRun};
use crate::model::alert::usual::{self, Usual};
use crate::model::alert::{Happening, Kind, Subject, Turn};
use crate::model::id::TaskName;
use crate::model::outcome::{Outcome, OutcomeClass, Skip};
use crate::model::quantity;
use crate::model::run::RunState;
use crate::model::task::Task;
use crate::model::taskset::TaskSet;

/// How long what is usual for a task is taken for that before it is looked up again.
const LOOK_AGAIN: Duration = Duration::from_secs(60 * 60);

/// What is usual for tasks, as far as it was asked for.
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<TaskName, (Timestamp, Option<Usual>)>);

impl Known {
    /// What is usual for a task.
    fn usual(&mut self, reader: &Reader, task: &TaskName, now: Timestamp) -> Result<Option<Usual>, LedgerError> {
        if let Some((at, usual)) = self.0.get(task)
            && until(now, *at) < LOOK_AGAIN
            && now >= *at
        {
            return Ok(*usual);
        }
        let usual = Usual::of(&reader.durations(task, usual::DAYS, now)?);
        self.0.insert(task.clone(), (now, usual));
        Ok(usual)
    }
}

/// What a cause says about a task. `wanted` are the kinds that any of its channels hears of.
pub(super) fn of_cause(
    cause: &AlertCause,
    task: &Task,
    wanted: &BTreeSet<Kind>,
    reader: &Reader,
    known: &mut Known,
    now: Timestamp,
) -> Result<Vec<Happening>, LedgerError> {
    let subject = Subject::Task(task.name.clone());
    let happening = |kind, turn, run, what| Happening { kind, subject: subject.clone(), turn, at: cause.at, run, what };
    let of_plugin = |turn, what| Happening {
        subject: Subject::Plugin(task.plugin.clone()),
        ..happening(Kind::Plugin, turn, None, what)
    };
    match cause.what {
        Caused::Ended { run, class: OutcomeClass::Succeeded } => {
            let mut all = vec![
                happening(Kind::Failed, Turn::Good, Some(run), String::new()),
                of_plugin(Turn::Good, String::new()),
            ];
            if wanted.contains(&Kind::Slow) || wanted.contains(&Kind::Short) {
                let took = reader.run(run)?.and_then(|run| run.took);
                if let (Some(took), Some(usual)) = (took, known.usual(reader, &task.name, now)?) {
                    let shown = |time| quantity::duration(time).to_string();
                    let what = format!("took {}, where {} is usual", shown(took), shown(usual.median()));
                    if usual.is_slow(took) {
                        all.push(happening(Kind::Slow, Turn::Bad, Some(run), what));
                    } else if usual.is_short(took) {
                        all.push(happening(Kind::Short, Turn::Bad, Some(run), what));
                    }
                }
            }
            Ok(all)
        }
        Caused::Ended { run, class: OutcomeClass::Skipped } => {
            let why = match reader.run(run)?.map(|run| run.state) {
                Some(RunState::Final(Outcome::Skipped(why))) => why,
                _ => return Ok(Vec::new()),
            };
            let what = Outcome::Skipped(why).to_string();
            Ok(match why {
                Skip::PluginUnusable => vec![of_plugin(Turn::Bad, what)],
                Skip::QueueFull => vec![happening(Kind::Missed, Turn::Bad, Some(run), what)],
                // Somebody wanted it so, or a run of the task goes on for too long, which is told as that.
                Skip::Overlap | Skip::TaskRemoved | Skip::Paused | Skip::Disabled => Vec::new(),
            })
        }
        Caused::Ended { run, class } if class.is_failure() => {
            let outcome = reader.attempts(run)?.pop().map(|attempt| attempt.outcome);
            let what = outcome.filter(|outcome| outcome.class() == class).map(|outcome| outcome.to_string());
            // Its run may be gone, or has gone on.
            let what = what.unwrap_or_else(|| class.to_string());
            Ok(vec![happening(Kind::Failed, Turn::Bad, Some(run), what)])
        }
        Caused::Ended { .. } => Ok(Vec::new()),
        Caused::Missed { first, last, count, why } => {
            let why = Outcome::from(why);
            let what = match count {
                1 => format!("the slot {first} was not run: {why}"),
                _ => format!("{count} slots from {first} to {last} were not run: {why}"),
            };
            Ok(vec![happening(Kind::Missed, Turn::Bad, None, what)])
        }
    }
}

/// The runs that go on for too long, or wait for too long, the worst of each task.
pub(super) fn stuck(
    open: Vec<UnfinishedRun>,
    tasks: &TaskSet,
    queued_for: impl Fn(&Task) -> Option<Duration>,
    reader: &Reader,
    known: &mut Known,
    now: Timestamp,
) -> Result<BTreeMap<TaskName, Happening>, LedgerError> {
    let mut stuck = BTreeMap::new();
    for run in open {
        // They come oldest first.
        let (Some(task), false) = (tasks.get(&run.task), stuck.contains_key(&run.task)) else { continue };
        let Some(queued_for) = queued_for(task) else { continue };
        let since = until(now, run.since);
        let shown = |time| quantity::duration(time).to_string();
        let whole = Duration::from_secs(since.as_secs());
        let what = match run.state {
            RunState::Running { attempt } => match known.usual(reader, &task.name, now)? {
                Some(usual) if since > usual.stuck_after() => {
                    let median = shown(usual.median());
                    format!("attempt {attempt} goes on for {}, where {median} is usual", shown(whole))
                }
                _ => continue,
            },
            RunState::Queued if since > queued_for => format!("waits for its turn for {}", shown(whole)),
            _ => continue,
        };
        let subject = Subject::Task(run.task.clone());
        let happening = Happening { kind: Kind::Stuck, subject, turn: Turn::Bad, at: now, run: Some(run.run), what };
        stuck.insert(run.task, happening);
    }
    Ok(stuck)
}
