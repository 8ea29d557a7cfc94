//! The firing loop: the thread that owns the dispatcher and carries out what it decides.
//!
//! It has a thread and a runtime of its own, because a timer on the guests' runtime is hundreds of milliseconds late
//! when guests keep it busy. Nothing here blocks: the ledger answers through futures, guests run elsewhere.

mod asking;
mod carrying;
mod commands;
mod draining;
mod load;
mod noting;
mod recording;
mod reloading;
mod steps;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{broadcast, mpsc, watch};

use self::asking::{Ends, Keys};
use self::draining::Draining;
use self::load::Load;
use self::noting::Noting;
use self::recording::Recording;
use self::steps::Answer;
use crate::clock::{Alarm, Clock, Reading, until};
use crate::daemon::backlog::Backlog;
use crate::daemon::dispatcher::Dispatcher;
use crate::daemon::executor::{Executed, Executor};
use crate::daemon::gap;
use crate::daemon::handle::{Command, LedgerHealth, Status};
use crate::daemon::standing::PluginSet;
use crate::daemon::step::Step;
use crate::ledger::{Keep, Ledger};
use crate::model::event::Event;
use crate::model::id::RunId;
use crate::model::outcome::{Outcome, Stop};
use crate::model::task::Build;
use crate::model::taskset::TaskSet;
use crate::observe::{AlertSettings, LedgerLatency};
use crate::plugins::{Plugin, Unusable};

pub use self::draining::Drained;
pub(super) use self::steps::Pending;

/// The loop turns at least this often: a step of the wall clock is noticed within it.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// How long to wait before a failed entry is tried again.
const LEDGER_PAUSE: Duration = Duration::from_millis(250);
/// A step with more entries than this is recorded, and its runs started, before the next slots are decided.
const LARGE_STEP: usize = 256;
/// How many answers and commands one turn takes beyond the first, before it looks at the slots again: some 100 us.
const BURST: usize = 64;

/// A plugin that can be used from now on, or cannot.
pub(super) struct PluginChange {
    pub build: Build,
    pub result: Result<Plugin, Unusable>,
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
            self.ends.tell();
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
        self.stop_guests(reading.monotonic);
        if let Some(entries) = self.load.look(reading.monotonic)
            && self.ledger == LedgerHealth::Writable
        {
            let message = format!("{entries} entries wait for the ledger, and it does not answer");
            self.tell(Event::LedgerFailed { message });
        }
        if self.health() != LedgerHealth::Writable {
            self.try_again();
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
                Event::RunEnded { run, outcome, attempts, .. } => self.ends.over(run.id, outcome, *attempts),
                Event::SlotSkipped { run, why, .. } => self.ends.over(*run, &Arc::new(Outcome::Skipped(*why)), 0),
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
