//! The loop of alerts: look at what waits in the ledger, judge it, enter the verdict, send what is to be told.
//!
//! One step is entered whole or not at all, and what it stands on stays in the ledger until then. So wherever this is cut
//! off, the next one goes on; at worst a message is delivered twice, under the same key.

mod hearing;
mod sending;
mod trouble;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use self::sending::Delivered;
use self::trouble::Trouble;
use super::deliver::chain;
use super::draft::{Draft, Problems};
use super::happenings::{self, Known};
use super::outbox;
use super::ping::Pings;
use super::{Parts, Settings};
use crate::clock::until;
use crate::ledger::{AlertCause, Entry, HostMark, LedgerError, Reader};
use crate::model::alert::channel::Channel;
use crate::model::alert::{Happening, Kind, Stage, Subject, Turn};
use crate::model::id::{AlertName, TaskName};
use crate::model::task::Task;
use crate::model::taskset::TaskSet;
use crate::observe::outgoing::Way;

/// How many causes are judged in one step.
const BATCH: u32 = 500;
/// How long after a look the next one is at the soonest, however much happens meanwhile.
const BREATH: Duration = Duration::from_millis(200);
/// How often time alone is looked at: runs that are stuck, troubles that settle.
const LOOK: Duration = Duration::from_secs(15);
/// How long to wait after something could not be read or written.
const AFTER_ERROR: Duration = Duration::from_secs(2);
/// How long the end of the host waits for messages on their way.
const FAREWELL: Duration = Duration::from_secs(5);
/// How much that was heard may wait to be judged.
const HEARD: usize = 1024;

type Tasks = Arc<TaskSet>;

pub(super) struct Engine {
    parts: Parts,
    settings: Arc<Settings>,
    tasks: Tasks,
    reader: Option<Reader>,
    /// What the ledger knows of troubles; none before it was read.
    problems: Option<Problems>,
    /// Whether the start of this host was looked at.
    begun: bool,
    draft: Draft,
    known: Known,
    /// What was heard and has no cause in the ledger.
    heard: Vec<Happening>,
    /// The ledger's, while it has any.
    trouble: Option<Trouble>,
    pings: Pings,
    deliveries: FuturesUnordered<BoxFuture<'static, Delivered>>,
    /// The channels that are being sent something, or whose result is not entered yet.
    busy: BTreeSet<AlertName>,
    /// Those of them whose result is in the draft.
    answered: Vec<AlertName>,
    looked_at: Option<Instant>,
    /// Nobody is to be told anything, and nothing is left of a time when somebody was.
    idle: bool,
}

impl Engine {
    pub(super) fn new(mut parts: Parts) -> Self {
        let settings = parts.settings.borrow_and_update().clone();
        let tasks = parts.tasks.borrow_and_update().clone();
        Self {
            pings: Pings::new(way(&settings)),
            settings,
            tasks,
            reader: None,
            problems: None,
            begun: false,
            draft: Draft::default(),
            known: Known::default(),
            heard: Vec::new(),
            trouble: None,
            deliveries: FuturesUnordered::new(),
            busy: BTreeSet::new(),
            answered: Vec::new(),
            looked_at: None,
            idle: false,
            parts,
        }
    }

    /// Goes on until it is told to stop.
    pub(super) async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let mut next = self.parts.clock.monotonic();
        let mut last = next;
        let mut hears = true;
        loop {
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => break,
                // Once nobody is left who could tell of anything, the end follows.
                batch = self.parts.events.next(), if hears => {
                    hears = batch.is_some();
                    self.hear(&batch.unwrap_or_default());
                    next = next.min(last + BREATH);
                }
                Some(delivered) = self.deliveries.next() => {
                    self.delivered(delivered);
                    next = next.min(last + BREATH);
                }
                () = self.pings.next() => {}
                () = tokio::time::sleep_until(next) => {
                    let wait = self.look(false).await;
                    last = self.parts.clock.monotonic();
                    next = last + wait;
                }
            }
        }
        self.farewell().await;
    }

    /// One look at everything. Returns how long nothing is planned for.
    async fn look(&mut self, hurry: bool) -> Duration {
        self.take_over_changes();
        let result = match self.trouble {
            Some(_) => self.bear_trouble().await,
            None => self.pass(hurry).await,
        };
        match result {
            Ok(wait) => wait.clamp(BREATH, LOOK),
            Err(error) => {
                tracing::debug!("alerts wait: {}", chain(&error));
                AFTER_ERROR
            }
        }
    }

    fn take_over_changes(&mut self) {
        self.tasks = self.parts.tasks.borrow_and_update().clone();
        let settings = self.parts.settings.borrow_and_update().clone();
        if !Arc::ptr_eq(&settings, &self.settings) {
            self.pings.go_by(way(&settings));
            self.parts.deliveries.configured(settings.channels.keys());
            self.settings = settings;
            self.idle = false;
        }
    }

    async fn pass(&mut self, hurry: bool) -> Result<Duration, LedgerError> {
        if self.has_nothing_to_do()? {
            return Ok(LOOK);
        }
        self.load()?;
        // What an earlier look could not enter comes first.
        self.enter().await?;
        self.begin().await?;
        self.judge_heard().await?;
        self.judge_causes().await?;
        self.judge_time().await?;
        let now = self.parts.clock.now();
        let settings = self.settings.clone();
        let made = outbox::make(self.reader()?, &settings, hurry, now)?;
        self.draft.step.messages = made.messages;
        self.enter().await?;
        let next = self.send()?;
        let wake = [made.wake, next].into_iter().flatten().min();
        Ok(wake.map_or(LOOK, |wake| until(wake, now)))
    }

    /// Whether nobody is to be told anything, and nothing is left of a time when somebody was.
    fn has_nothing_to_do(&mut self) -> Result<bool, LedgerError> {
        if !self.settings.channels.is_empty() || !self.draft.is_empty() {
            return Ok(false);
        }
        self.heard.clear();
        if !self.idle {
            let reader = self.reader()?;
            self.idle = reader.alert_causes(1)?.is_empty()
                && reader.alert_notices_waiting()?.is_empty()
                && reader.alert_messages_pending()?.is_empty();
            self.reader = None;
        }
        Ok(self.idle)
    }

    /// Takes up what is known of troubles.
    fn load(&mut self) -> Result<(), LedgerError> {
        if self.problems.is_none() {
            self.problems = Some(self.reader()?.alert_problems()?.into_iter().collect());
        }
        Ok(())
    }

    /// Finds out whether the last host ended as it should have.
    async fn begin(&mut self) -> Result<(), LedgerError> {
        if self.begun || self.settings.channels.is_empty() {
            return Ok(());
        }
        let mark = self.reader()?.alert_host()?;
        self.begun = true;
        let at = self.parts.clock.now();
        if let Some((HostMark::Up, since)) = mark {
            let what = format!("the host that ran since {since:.0} did not end as it should have");
            let subject = Subject::Host;
            self.judge(&Happening { kind: Kind::Crash, subject, turn: Turn::Bad, at, run: None, what });
        }
        // A host that serves has a configuration that was accepted, and this is about to be written.
        for kind in [Kind::Reload, Kind::Ledger] {
            let subject = Subject::Host;
            self.judge(&Happening { kind, subject, turn: Turn::Good, at, run: None, what: String::new() });
        }
        self.draft.step.host = Some((HostMark::Up, at));
        self.enter().await
    }

    async fn judge_heard(&mut self) -> Result<(), LedgerError> {
        for happening in std::mem::take(&mut self.heard) {
            self.judge(&happening);
        }
        self.enter().await
    }

    async fn judge_causes(&mut self) -> Result<(), LedgerError> {
        loop {
            let causes = self.reader()?.alert_causes(BATCH)?;
            let Some(last) = causes.last() else { return Ok(()) };
            let judged = last.seq;
            for cause in &causes {
                // What cannot be read is as if it were not there: it must not keep the others.
                let happenings = self.meaning(cause).unwrap_or_else(|error| {
                    tracing::warn!(task = %cause.task, "cannot say what happened to it: {}", chain(&error));
                    Vec::new()
                });
                happenings.iter().for_each(|happening| self.judge(happening));
            }
            self.draft.step.judged = Some(judged);
            self.enter().await?;
        }
    }

    fn meaning(&mut self, cause: &AlertCause) -> Result<Vec<Happening>, LedgerError> {
        // Nobody can be told of a task that is no longer configured.
        let Some(task) = self.tasks.get(&cause.task).cloned() else { return Ok(Vec::new()) };
        let channels = task.alerts.iter().filter_map(|name| self.settings.channels.get(name));
        let wanted: BTreeSet<Kind> = channels.flat_map(|channel| channel.rules.on.iter().copied()).collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.parts.clock.now();
        let reader = open(&mut self.reader, &self.parts)?;
        happenings::of_cause(cause, &task, &wanted, reader, &mut self.known, now)
    }

    /// What time alone changes.
    async fn judge_time(&mut self) -> Result<(), LedgerError> {
        let monotonic = self.parts.clock.monotonic();
        if self.looked_at.is_some_and(|at| monotonic.saturating_duration_since(at) < LOOK) {
            return Ok(());
        }
        self.looked_at = Some(monotonic);
        self.judge_stuck()?;
        let now = self.parts.clock.now();
        let problems = self.problems.take().unwrap_or_default();
        for key in problems.keys() {
            // Of what is no longer configured nothing more is heard.
            match self.concerned(&key.1).into_iter().find(|channel| channel.name == key.0) {
                Some(channel) => self.draft.tick(&problems, &channel, key, now),
                None => self.draft.forget(key.clone()),
            }
        }
        self.problems = Some(problems);
        self.enter().await
    }

    fn judge_stuck(&mut self) -> Result<(), LedgerError> {
        let now = self.parts.clock.now();
        let settings = self.settings.clone();
        let queued_for = |task: &Task| {
            let channels = task.alerts.iter().filter_map(|name| settings.channels.get(name));
            channels.filter(|channel| channel.rules.on.contains(&Kind::Stuck)).map(|channel| channel.queued_for).min()
        };
        let reader = open(&mut self.reader, &self.parts)?;
        let unfinished_runs = reader.unfinished_runs()?;
        let stuck = happenings::stuck(unfinished_runs, &self.tasks, queued_for, reader, &mut self.known, now)?;
        let problems = self.problems.iter().flatten();
        let known: BTreeSet<TaskName> = problems
            .filter_map(|((_, subject, kind), problem)| match (kind, subject) {
                // To say once more what is said already would only count it.
                (Kind::Stuck, Subject::Task(task)) if problem.stage == Stage::Open => Some(task.clone()),
                _ => None,
            })
            .collect();
        for (_, happening) in stuck.iter().filter(|(task, _)| !known.contains(*task)) {
            self.judge(happening);
        }
        for task in known.into_iter().filter(|task| !stuck.contains_key(task)) {
            let subject = Subject::Task(task);
            self.judge(&Happening {
                kind: Kind::Stuck,
                subject,
                turn: Turn::Good,
                at: now,
                run: None,
                what: String::new(),
            });
        }
        Ok(())
    }

    /// Judges what happened for each channel that it concerns.
    fn judge(&mut self, happening: &Happening) {
        let now = self.parts.clock.now();
        let nothing = Problems::new();
        let problems = self.problems.as_ref().unwrap_or(&nothing);
        for channel in self.concerned(&happening.subject) {
            self.draft.judge(problems, &channel, happening, now);
        }
    }

    /// The channels that hear of a subject.
    fn concerned(&self, subject: &Subject) -> Vec<Arc<Channel>> {
        let named = |task: &Task| task.alerts.clone();
        let names: BTreeSet<AlertName> = match subject {
            Subject::Host => self.settings.channels.keys().cloned().collect(),
            Subject::Task(task) => self.tasks.get(task).into_iter().flat_map(|task| named(task)).collect(),
            Subject::Plugin(plugin) => {
                self.tasks.values().filter(|task| task.plugin == *plugin).flat_map(|task| named(task)).collect()
            }
        };
        names.iter().filter_map(|name| self.settings.channels.get(name)).cloned().collect()
    }

    /// Enters what was found out.
    async fn enter(&mut self) -> Result<(), LedgerError> {
        if self.draft.is_empty() {
            return Ok(());
        }
        let entry = Entry::Alerted(Arc::new(self.draft.to_step()));
        match self.parts.ledger.append(vec![entry]).await {
            Ok(()) => {
                std::mem::take(&mut self.draft).settle(self.problems.get_or_insert_default());
                for channel in self.answered.drain(..) {
                    self.busy.remove(&channel);
                }
                Ok(())
            }
            Err(error) => {
                if error.is_refusal() {
                    tracing::error!("the ledger refuses what alerts found out: {}", chain(&error));
                } else {
                    self.falls_into_trouble(chain(&error));
                }
                Err(error)
            }
        }
    }

    fn reader(&mut self) -> Result<&Reader, LedgerError> {
        open(&mut self.reader, &self.parts)
    }

    /// The host ends: what is to be told is told now, as far as that takes no time.
    async fn farewell(mut self) {
        let rest = self.parts.events.rest();
        self.hear(&rest);
        self.draft.step.host = self.begun.then(|| (HostMark::Down, self.parts.clock.now()));
        self.look(true).await;
        let rest = async {
            while !self.deliveries.is_empty() || !self.pings.is_idle() {
                tokio::select! {
                    Some(delivered) = self.deliveries.next() => {
                        self.delivered(delivered);
                        self.look(true).await;
                    }
                    () = self.pings.next() => {}
                }
            }
        };
        // What was not sent by then is sent by the next host.
        let _ = tokio::time::timeout(FAREWELL, rest).await;
    }
}

/// How dead man's switches are reached.
fn way(settings: &Settings) -> Arc<Way> {
    Arc::new(Way::new(settings.roots.clone(), settings.proxy.clone()))
}

/// The reader, opened when it is first needed.
fn open<'r>(reader: &'r mut Option<Reader>, parts: &Parts) -> Result<&'r Reader, LedgerError> {
    match reader {
        Some(reader) => Ok(reader),
        None => Ok(reader.insert(parts.ledger.reader()?)),
    }
}

/// The earlier of two times that may not be there.
fn earliest(times: impl IntoIterator<Item = Option<Timestamp>>) -> Option<Timestamp> {
    times.into_iter().flatten().min()
}
