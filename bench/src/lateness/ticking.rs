//! 100,000 tasks that a daemon serves, and threads beside it that do nothing but sleep until the same deadlines.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::bail;
use jiff::Timestamp;
use sandclock_host::clock::{Clock, until};
use sandclock_host::daemon::TriggerRequest;
use sandclock_host::model::cause::Cause;
use sandclock_host::model::overlap::Overlap;
use sandclock_host::model::schedule::Schedule;
use sandclock_host::model::slot::Slot;
use sandclock_host::model::task::Task;
use tokio::runtime::Runtime;

use super::span::{Met, Span};
use crate::host::{Ground, Heard, Served, listener};

/// How many tasks are due.
const TASKS: usize = 100_000;
/// From the decision to look until the first deadline that counts: time to start the threads.
const LEAD: Duration = Duration::from_millis(500);
/// How long what is still missing after a span is waited for before it counts as lost.
const AFTER: Duration = Duration::from_secs(5);

/// A daemon with its tasks.
pub(super) struct Ticking {
    clock: Clock,
    served: Served,
    runtime: Runtime,
    schedules: Vec<Schedule>,
}

/// What was seen in a span.
pub(super) struct Seen {
    pub span: Span,
    /// When slots were decided.
    pub decided: Vec<Met>,
    /// When an observer heard that their attempts began.
    pub began: Vec<Met>,
    /// When the bare threads woke up.
    pub bare: [Vec<Met>; 2],
    /// Slots of which nothing was heard.
    pub lost: usize,
}

impl Ticking {
    /// Tasks of one schedule, spread by their splay. `beside` are run from now on, without end.
    pub(super) fn start(ground: &Ground, each: &Schedule, splay: Duration, beside: Vec<Task>) -> anyhow::Result<Self> {
        let task = |number| {
            let name = format!("task-{number}");
            let schedule = each.clone().with_splay(splay, &name.parse()?);
            Ok(Arc::new(ground.task(&name, schedule, Overlap::Skip)?))
        };
        let mut tasks = (0..TASKS).map(task).collect::<anyhow::Result<Vec<Arc<Task>>>>()?;
        let schedules = tasks.iter().map(|task| task.schedule.clone()).collect();
        let names: Vec<_> = beside.iter().map(|task| task.name.clone()).collect();
        tasks.extend(beside.into_iter().map(Arc::new));

        let runtime = listener()?;
        let mut served = runtime.block_on(Served::start(ground, tasks))?;
        runtime.block_on(async {
            served.listen();
            for name in &names {
                served.daemon.handle().request(TriggerRequest::new(name.clone(), Cause::Manual)).await??;
            }
            let mut missing: HashSet<_> = names.into_iter().collect();
            while !missing.is_empty() {
                if let Heard::Began(run) = served.next().await? {
                    missing.remove(&run.task.name);
                }
            }
            anyhow::Ok(())
        })?;
        Ok(Self { clock: ground.clock, served, runtime, schedules })
    }

    /// Looks for some rounds, of which no task is due twice. They begin in a moment.
    pub(super) fn look(&mut self, round: Duration, rounds: usize) -> anyhow::Result<Seen> {
        let begin = self.clock.now().checked_add(LEAD)?;
        self.look_at(Span { begin, round, rounds })
    }

    /// Looks at a time that is yet to come.
    pub(super) fn look_at(&mut self, span: Span) -> anyhow::Result<Seen> {
        let deadlines = span.deadlines(&self.schedules);
        let sleeper = || {
            let (clock, deadlines) = (self.clock, deadlines.clone());
            thread::Builder::new().name("bare".to_owned()).spawn(move || met(clock, &deadlines))
        };
        let sleepers = [sleeper()?, sleeper()?];
        let mut seen = Seen {
            span,
            decided: Vec::with_capacity(deadlines.len()),
            began: Vec::with_capacity(deadlines.len()),
            bare: [Vec::new(), Vec::new()],
            lost: 0,
        };
        let patience = span.left(self.clock.now()) + AFTER;
        let (clock, served) = (self.clock, &mut self.served);
        let mut waiting = HashSet::new();
        let listening = async {
            served.listen();
            while seen.decided.len() < deadlines.len() {
                let (run, began) = match served.next().await? {
                    Heard::Queued(run) => (run, None),
                    Heard::Began(run) => (run, Some(clock.now())),
                    Heard::Succeeded => continue,
                };
                let Some(slot) = run.slot.map(Slot::time).filter(|slot| span.contains(*slot)) else { continue };
                seen.began.extend(began.map(|began| (slot, began)));
                // A run that waits is heard of again when it begins.
                if began.is_none() || !waiting.remove(&run.id) {
                    seen.decided.push((slot, run.admitted_at));
                }
                if began.is_none() {
                    waiting.insert(run.id);
                }
            }
            anyhow::Ok(())
        };
        // Whatever is missing when time is up is lost.
        if let Ok(heard) = self.runtime.block_on(async { tokio::time::timeout(patience, listening).await }) {
            heard?;
        }
        seen.lost = deadlines.len() - seen.decided.len();
        let [Ok(first), Ok(second)] = sleepers.map(thread::JoinHandle::join) else { bail!("a bare thread panicked") };
        seen.bare = [first, second];
        Ok(seen)
    }
}

/// When a thread that does nothing but sleep met some deadlines.
fn met(clock: Clock, deadlines: &[Timestamp]) -> Vec<Met> {
    let mut met = Vec::with_capacity(deadlines.len());
    for deadline in deadlines {
        #[expect(clippy::disallowed_methods, reason = "the baseline is a thread that sleeps")]
        thread::sleep(until(*deadline, clock.now()));
        met.push((*deadline, clock.now()));
    }
    met
}
