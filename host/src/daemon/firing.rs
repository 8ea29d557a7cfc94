//! The firing loop: the thread that owns the dispatcher and carries out what it decides.
//!
//! It has a thread and a runtime of its own, because a timer on the guests' runtime is hundreds of milliseconds late
//! when guests keep it busy. Nothing here blocks: the ledger answers through futures, guests run elsewhere.

mod asking;
mod commands;
mod load;
mod noting;
mod recording;
mod reloading;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::Instant;

use self::asking::{Ends, Keys};
use self::load::Load;
use self::recording::{Recorded, Recording};
use crate::clock::{Alarm, Clock, Reading, until};
use crate::daemon::backlog::{Backlog, tell_lost};
use crate::daemon::dispatcher::{Dispatcher, Ended, Settling};
use crate::daemon::executor::{Executed, Executor, Job};
use crate::daemon::gap;
use crate::daemon::handle::{Command, LedgerHealth, Status};
use crate::daemon::standing::PluginSet;
use crate::daemon::step::{Effect, Step};
use crate::ledger::{Keep, Ledger, LedgerError, Order};
use crate::model::event::Event;
use crate::model::id::RunId;
use crate::model::outcome::{Interruption, Outcome, Stop};
use crate::model::task::Build;
use crate::model::taskset::TaskSet;
use crate::observe::{AlertSettings, LedgerLatency};
use crate::plugins::{Plugin, Unusable};
use noting::Noting;

/// The loop turns at least this often: a step of the wall clock is noticed within it.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// How long to wait before a failed entry is tried again.
const LEDGER_PAUSE: Duration = Duration::from_millis(250);
/// A step with more entries than this is recorded, and its runs started, before the next slots are decided.
const LARGE_STEP: usize = 256;
/// How many answers and commands one turn takes beyond the first, before it looks at the slots again: some 100 us.
const BURST: usize = 64;
/// How long guests get to go once they have been told to stop.
const STOP_TIME: Duration = Duration::from_secs(2);

/// A plugin that can be used from now on, or cannot.
pub(super) struct PluginChange {
    pub build: Build,
    pub result: Result<Plugin, Unusable>,
}

/// How the daemon ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Attempts that were interrupted because the grace period was over.
    pub interrupted: usize,
    /// Steps that could not be written to the ledger.
    pub unrecorded: usize,
}

/// What the firing loop works with.
pub(super) struct Firing {
    pub dispatcher: Dispatcher,
    pub ledger: Ledger,
    pub executor: Executor,
    pub clock: Clock,
    pub alarm: Alarm,
    pub grace: Duration,
    pub commands: mpsc::Receiver<Command>,
    pub plugin_changes: mpsc::Receiver<PluginChange>,
    pub events: broadcast::Sender<Event>,
    pub status: watch::Sender<Status>,
    pub plugins: watch::Sender<Arc<PluginSet>>,
    pub tasks: watch::Sender<Arc<TaskSet>>,
    pub alerts: watch::Sender<Arc<AlertSettings>>,
    pub keep: watch::Sender<Keep>,
    pub ledger_latency: Arc<LedgerLatency>,
}

/// The loop's own state.
pub(super) struct Loop {
    firing: Firing,
    executed: async_channel::Receiver<Executed>,
    plugins: HashMap<Build, Plugin>,
    /// Whether some of them may be used by nobody once the attempts of now are over.
    has_spare_plugins: bool,
    /// Steps on their way into the ledger.
    recording: FuturesUnordered<Recording>,
    load: Load,
    /// Whether the ledger takes entries. While it does not, nothing is admitted.
    ledger: LedgerHealth,
    /// Steps that the ledger could not write. They are tried again one at a time.
    unrecorded: Backlog,
    /// How to end the attempts that go on.
    stops: HashMap<RunId, watch::Sender<Option<Stop>>>,
    keys: Keys,
    ends: Ends,
    draining: Option<Draining>,
    /// On whose behalf the command is given that is being carried out.
    noting: Option<Noting>,
}

struct Draining {
    deadline: Instant,
    interrupted: usize,
    stopped: bool,
}

/// A step, whoever waits to hear that it is durable, and the success that it decides over.
pub(super) struct Pending {
    pub(super) step: Step,
    answer: Option<Answer>,
    pub(super) settling: Option<Settling>,
    attempt: Try,
    /// Runs of it that the ledger refused to enter.
    refused: Vec<RunId>,
}

impl Pending {
    /// A step that has yet to be recorded.
    pub(super) fn first(step: Step, answer: Option<Answer>) -> Self {
        Self { step, answer, settling: None, attempt: Try::First, refused: Vec::new() }
    }
}

/// Whether a step is on its way into the ledger for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Try {
    First,
    Again,
}

/// What to do when a step is durable, but for the runs that the ledger refused.
pub(super) type Answer = Box<dyn FnOnce(&mut Loop, &[RunId]) + Send>;

impl Firing {
    /// Turns until the daemon is drained. `first` is the step with which the dispatcher took up the ledger.
    pub(super) async fn run(self, first: Step) -> Drained {
        let load = Load::new(self.clock.monotonic());
        let mut state = Loop {
            executed: self.executor.executed(),
            firing: self,
            plugins: HashMap::new(),
            has_spare_plugins: false,
            recording: FuturesUnordered::new(),
            load,
            ledger: LedgerHealth::Writable,
            unrecorded: Backlog::default(),
            stops: HashMap::new(),
            keys: Keys::default(),
            ends: Ends::default(),
            draining: None,
            noting: None,
        };
        state.record(first, None);
        state.turn().await
    }
}

impl Loop {
    async fn turn(&mut self) -> Drained {
        let mut last = self.firing.clock.reading();
        self.firing.alarm.set(last.monotonic);
        loop {
            tokio::select! {
                biased;
                () = self.firing.alarm.rung() => last = self.wake(last),
                Some(recorded) = self.recording.next() => self.recorded(recorded),
                Ok(executed) = self.executed.recv() => self.executed(executed),
                Some(change) = self.firing.plugin_changes.recv() => self.plugin_changed(change),
                Some(looked) = self.keys.looking.next() => self.looked(looked),
                Some(command) = self.firing.commands.recv() => self.command(command),
            }
            self.take_more();
            self.publish();
            if let Some(drained) = self.drained() {
                return drained;
            }
            let wake = self.firing.clock.monotonic() + self.sleep_time();
            self.firing.alarm.set(wake);
        }
    }

    /// Takes what else has come meanwhile: a turn of the loop costs more than most of what it is for.
    fn take_more(&mut self) {
        for _ in 0..BURST {
            if let Some(Some(recorded)) = self.recording.next().now_or_never() {
                self.recorded(recorded);
            } else if let Some(Some(looked)) = self.keys.looking.next().now_or_never() {
                self.looked(looked);
            } else if let Ok(command) = self.firing.commands.try_recv() {
                self.command(command);
            } else {
                break;
            }
        }
    }

    /// How long nothing is planned for.
    fn sleep_time(&self) -> Duration {
        if self.health() == LedgerHealth::Failing {
            return LEDGER_PAUSE;
        }
        let next = self.firing.dispatcher.next_wake().filter(|_| self.health() == LedgerHealth::Writable);
        let planned = next.map(|then| until(then, self.firing.clock.now()));
        let drain = self.draining.as_ref().map(|d| d.deadline.saturating_duration_since(self.firing.clock.monotonic()));
        [planned, drain].into_iter().flatten().fold(LONGEST_SLEEP, Duration::min)
    }

    fn wake(&mut self, last: Reading) -> Reading {
        let reading = self.firing.clock.reading();
        if let Some(draining) = &mut self.draining
            && !draining.stopped
            && draining.deadline <= reading.monotonic
        {
            draining.stopped = true;
            draining.deadline = reading.monotonic + STOP_TIME;
            draining.interrupted = self.stops.len();
            for stop in self.stops.values() {
                stop.send_replace(Some(Stop::Interrupt(Interruption::Shutdown)));
            }
        }
        if let Some(entries) = self.load.look(reading.monotonic)
            && self.ledger == LedgerHealth::Writable
        {
            let message = format!("{entries} entries wait for the ledger, and it does not answer");
            self.tell(Event::LedgerFailed { message });
        }
        if self.health() != LedgerHealth::Writable {
            if self.ledger == LedgerHealth::Failing
                && self.recording.is_empty()
                && let Some(pending) = self.unrecorded.take()
            {
                self.append(Pending { attempt: Try::Again, ..pending });
            }
            // Time goes on being missing until slots are taken again.
            return last;
        }
        self.drop_spare_plugins();
        let gap = gap::between(&last, &reading);
        let mut step = Step::default();
        for due in self.firing.dispatcher.take_due(reading.wall, gap) {
            step.append(self.firing.dispatcher.due(due, reading.wall));
            if step.entries.len() >= LARGE_STEP {
                self.record(std::mem::take(&mut step), None);
            }
        }
        step.append(self.firing.dispatcher.retry(reading.wall));
        self.record(step, None);
        reading
    }

    /// Sends a step on its way into the ledger, or puts it behind those that wait for the ledger to recover.
    fn record(&mut self, step: Step, answer: Option<Answer>) {
        self.begin(Pending::first(step, answer));
    }

    fn begin(&mut self, pending: Pending) {
        if pending.step.entries.is_empty() {
            self.carry_out(pending);
        } else if self.ledger != LedgerHealth::Writable {
            self.unrecorded.push(pending);
        } else {
            self.append(pending);
        }
    }

    fn append(&mut self, pending: Pending) {
        let order = match pending.attempt {
            Try::First => Order::Next,
            Try::Again => Order::Again,
        };
        let append = self.firing.ledger.append_as(order, pending.step.entries.clone());
        let since = self.firing.clock.monotonic();
        self.load.add(pending.step.entries.len(), since);
        self.recording.push(Recording::new(pending, since, append));
    }

    fn recorded(&mut self, Recorded { pending, since, result }: Recorded) {
        let now = self.firing.clock.monotonic();
        self.firing.ledger_latency.took(now.duration_since(since));
        if self.load.take(pending.step.entries.len(), now) && self.ledger == LedgerHealth::Writable {
            self.tell(Event::LedgerRecovered);
        }
        self.answered(pending, result);
    }

    fn answered(&mut self, mut pending: Pending, result: Result<(), LedgerError>) {
        match result {
            Ok(()) => {
                if self.ledger == LedgerHealth::Failing && pending.attempt == Try::Again {
                    match self.unrecorded.take() {
                        Some(next) => self.append(Pending { attempt: Try::Again, ..next }),
                        None => {
                            self.ledger = LedgerHealth::Writable;
                            self.tell(Event::LedgerRecovered);
                        }
                    }
                }
                self.carry_out(pending);
            }
            Err(error @ LedgerError::WriteRefused { .. }) if pending.settling.is_some() => {
                let Some(settling) = pending.settling.take() else { return };
                self.stops.remove(&settling.run());
                let now = self.firing.clock.now();
                let step = self.firing.dispatcher.unsettled(settling, chain(&error), now, chance());
                // Nothing of it was entered. What comes of that is decided now, behind all that was decided before.
                self.answered(Pending { step: Step::default(), ..pending }, Ok(()));
                self.record(step, None);
            }
            Err(error) if error.is_refusal() => {
                tracing::error!("the ledger refuses what it should not have been asked: {}", chain(&error));
                let now = self.firing.clock.now();
                let (removed, freed) = self.firing.dispatcher.refused(&mut pending.step, &error, now);
                if let Some(settling) = &mut pending.settling {
                    settling.forget(&removed);
                }
                pending.refused.extend(removed);
                if pending.step.entries.is_empty() {
                    self.answered(pending, Ok(()));
                } else {
                    self.append(pending);
                }
                // What may start in their place could have been admitted by a step behind this one.
                self.record(freed, None);
            }
            Err(error) => {
                self.ledger_failed(&error);
                match pending.attempt {
                    Try::First => self.unrecorded.push(pending),
                    Try::Again => self.unrecorded.put_back(pending),
                }
            }
        }
    }

    /// Whether the ledger takes entries, and not too many wait for it.
    fn health(&self) -> LedgerHealth {
        match self.ledger {
            LedgerHealth::Writable if self.load.is_full() => LedgerHealth::Failing,
            known => known,
        }
    }

    /// Stops admission, until the ledger can be written again or, if it is damaged, for good.
    fn ledger_failed(&mut self, error: &LedgerError) {
        if error.is_damage() && self.ledger != LedgerHealth::Damaged {
            self.ledger = LedgerHealth::Damaged;
            let message = format!("it is damaged, so nothing more is written to it: {}", chain(error));
            self.tell(Event::LedgerFailed { message });
        } else if self.ledger == LedgerHealth::Writable {
            self.ledger = LedgerHealth::Failing;
            self.tell(Event::LedgerFailed { message: chain(error) });
        }
    }

    fn carry_out(&mut self, pending: Pending) {
        for effect in pending.step.effects {
            match effect {
                Effect::Start { run, attempt } => {
                    let Some(plugin) = self.plugins.get(&run.task.build()) else {
                        tracing::error!(run = %run.id, "an attempt started of a plugin that is not ready");
                        continue;
                    };
                    let stop = self.stops.entry(run.id).or_default();
                    if self.draining.as_ref().is_some_and(|draining| draining.stopped) {
                        stop.send_replace(Some(Stop::Interrupt(Interruption::Shutdown)));
                    }
                    let stop = stop.subscribe();
                    let prepared = plugin.prepared.clone();
                    self.firing.executor.submit(Job { run, attempt, prepared, digest: plugin.digest, stop });
                }
                // The attempt may have ended meanwhile. If it has not begun yet, it finds this when it does.
                Effect::Stop { run, stop } => {
                    if self.firing.dispatcher.is_running(run) {
                        self.stops.entry(run).or_default().send_replace(Some(stop));
                    }
                }
                Effect::Tell(event) => self.tell(event),
            }
        }
        if let Some(settling) = pending.settling {
            self.stops.remove(&settling.run());
            let step = self.firing.dispatcher.settled(settling, self.firing.clock.now());
            self.record(step, None);
        }
        if let Some(answer) = pending.answer {
            answer(self, &pending.refused);
        }
    }

    fn executed(&mut self, first: Executed) {
        let mut step = Step::default();
        let mut next = Some(first);
        while let Some(executed) = next {
            let ended = Ended {
                run: executed.run.id,
                plugin: executed.digest,
                outcome: executed.report.outcome,
                usage: executed.report.usage,
                log: Arc::new(executed.report.log),
                writes: executed.report.writes,
                started_at: executed.report.started_at,
                ended_at: executed.ended_at,
            };
            self.attempt_ended(ended, &mut step);
            next = if step.entries.len() < LARGE_STEP { self.executed.try_recv().ok() } else { None };
        }
        self.record(step, None);
    }

    fn attempt_ended(&mut self, ended: Ended, step: &mut Step) {
        let now = self.firing.clock.now();
        self.stops.remove(&ended.run);
        if ended.writes.is_empty() {
            step.append(self.firing.dispatcher.attempt_ended(ended, now, chance()));
        } else if let Some((settling, step)) = self.firing.dispatcher.settle(ended, now) {
            // A call of its own: nobody else's entries may be refused with it.
            self.begin(Pending { settling: Some(settling), ..Pending::first(step, None) });
        }
    }

    fn drain(&mut self, grace: Duration) {
        self.firing.dispatcher.drain();
        let deadline = self.firing.clock.monotonic() + grace;
        match &mut self.draining {
            Some(draining) if !draining.stopped => draining.deadline = deadline,
            Some(_) => {}
            None => self.draining = Some(Draining { deadline, interrupted: 0, stopped: false }),
        }
    }

    /// Whether everything is over: nothing runs, and the ledger knows of all of it or will not take it.
    fn drained(&self) -> Option<Drained> {
        let draining = self.draining.as_ref()?;
        let goes_on = |run| !self.unrecorded.settles(run);
        let quiet = !self.firing.dispatcher.running().any(goes_on) && self.recording.is_empty();
        let patience_over = draining.stopped && draining.deadline <= self.firing.clock.monotonic();
        let settled = self.unrecorded.is_empty() || self.ledger == LedgerHealth::Damaged;
        (quiet && settled || patience_over).then(|| {
            tell_lost(self.unrecorded.steps(), "not in the ledger");
            tell_lost(
                self.recording.iter().filter_map(Recording::step),
                "not in the ledger unless its disk answers after all",
            );
            Drained { interrupted: draining.interrupted, unrecorded: self.unrecorded.len() + self.recording.len() }
        })
    }

    fn publish(&self) {
        let running = self.stops.len();
        let status = Status {
            turned_at: self.firing.clock.monotonic(),
            running,
            waiting: self.firing.dispatcher.open_runs().saturating_sub(running),
            ledger: self.health(),
        };
        self.firing.status.send_replace(status);
    }

    fn tell(&mut self, event: Event) {
        if !self.ends.is_empty() {
            match &event {
                Event::RunEnded { run, outcome, attempts, .. } => self.ends.tell(run.id, outcome, *attempts),
                Event::SlotSkipped { run, why, .. } => self.ends.tell(*run, &Arc::new(Outcome::Skipped(*why)), 0),
                _ => {}
            }
        }
        // Nobody has to listen.
        let _ = self.firing.events.send(event);
    }
}

/// A number in `0.0..1.0`.
fn chance() -> f64 {
    fastrand::f64()
}

/// An error and its causes in one line; a cause that only repeats the words before it is left out.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut last = text.clone();
    for cause in std::iter::successors(error.source(), |error| error.source()).map(ToString::to_string) {
        if !cause.ends_with(&last) {
            text = format!("{text}: {cause}");
        }
        last = cause;
    }
    text
}
