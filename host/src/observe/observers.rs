//! The thread that hears of events for metrics and traces.
//!
//! It takes what has come in one go and then rests for a moment. What comes too fast is lost to it, and counted.

use std::pin::pin;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::batches::{Batches, Heard};
use super::metrics::{Metrics, Recorder, Standing};
use super::traces::{TraceSettings, Tracer};
use crate::clock::Clock;
use crate::model::event::Event;
use crate::model::run::Run;
use crate::model::taskset::TaskSet;

/// How long at least between two looks at how things are, after events were lost.
const LOOK_PAUSE: Duration = Duration::from_secs(5);
/// How long the end of the host waits for the last of the traces to be taken.
const FLUSH: Duration = Duration::from_secs(3);

/// What is observed.
pub struct Sources {
    /// The time.
    pub clock: Clock,
    /// What happens.
    pub events: Batches,
    /// The tasks as they are configured.
    pub tasks: watch::Receiver<Arc<TaskSet>>,
    /// How tasks stood before the first of those events.
    pub standings: Vec<Standing>,
    /// Looks at how things are, apart from events. May take its time.
    pub look: Arc<dyn Fn() -> Look + Send + Sync>,
}

/// How things are.
pub struct Look {
    /// The runs that are not over, each with whether an attempt of it goes on; none if nobody can say.
    pub open: Option<Vec<(Arc<Run>, bool)>>,
    /// How tasks stand.
    pub standings: Vec<Standing>,
}

/// The thread. When this is dropped, it takes what has come and ends.
#[derive(Debug)]
pub struct Observers {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Observers {
    /// Starts to observe, and to export traces if there are settings for it.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn start(sources: Sources, metrics: Arc<Metrics>, traces: Option<TraceSettings>) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let mut recorder = Recorder::new(Arc::clone(&metrics));
        // Before anybody can ask for a scrape, so that no series is ever missing in one.
        recorder.configured(&sources.tasks.borrow());
        recorder.stands(&sources.standings);
        let thread = thread::Builder::new().name("sandclock-observe".into()).spawn(move || {
            runtime.block_on(async {
                let (tracer, exporter) = traces.map(|settings| super::traces::channel(settings, metrics)).unzip();
                observe(sources, recorder, tracer, exporter, stopped).await;
            });
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Observers {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of metrics and traces panicked");
        }
    }
}

async fn observe(
    sources: Sources,
    recorder: Recorder,
    tracer: Option<Tracer>,
    exporter: Option<impl Future<Output = ()>>,
    stopped: oneshot::Receiver<()>,
) {
    let mut exporting = pin!(async {
        match exporter {
            Some(exporter) => exporter.await,
            None => std::future::pending().await,
        }
    });
    let traced = tracer.is_some();
    let next_look = sources.clock.monotonic();
    let watch = Watch { sources, recorder, tracer, wanted: Wanted::Open, next_look, looking: None };
    tokio::select! {
        () = watch.turn(stopped) => {}
        () = &mut exporting => {}
    }
    // The tracer is gone, and so the exporter ends when it has sent what there is.
    if traced && timeout(FLUSH, exporting).await.is_err() {
        tracing::warn!("the collector did not take the last of the traces in time");
    }
}

struct Watch {
    sources: Sources,
    recorder: Recorder,
    tracer: Option<Tracer>,
    /// What the next look is for.
    wanted: Wanted,
    /// When it may be.
    next_look: Instant,
    /// The look that goes on, and what it is for.
    looking: Option<(JoinLook, Wanted)>,
}

type JoinLook = tokio::task::JoinHandle<Look>;

/// What a look is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Nothing,
    /// Which runs are open: those that an earlier host left are in no event.
    Open,
    /// Everything: events were lost, or there are other tasks.
    All,
}

impl Watch {
    async fn turn(mut self, mut stopped: oneshot::Receiver<()>) {
        loop {
            let may_look = self.wanted != Wanted::Nothing && self.looking.is_none();
            tokio::select! {
                biased;
                _ = &mut stopped => break,
                Ok(()) = self.sources.tasks.changed() => {
                    let tasks = self.sources.tasks.borrow_and_update().clone();
                    self.recorder.configured(&tasks);
                    self.wanted = Wanted::All;
                }
                look = looked(&mut self.looking) => self.looked(look),
                () = sleep_until(self.next_look), if may_look => self.look(),
                heard = self.sources.events.next() => match heard {
                    Some(batch) => self.take(&batch),
                    None => break,
                },
            }
        }
        let rest = self.sources.events.rest();
        self.take(&rest);
    }

    fn look(&mut self) {
        self.recorder.ask();
        let look = Arc::clone(&self.sources.look);
        let wanted = std::mem::replace(&mut self.wanted, Wanted::Nothing);
        self.looking = Some((tokio::task::spawn_blocking(move || look()), wanted));
        self.next_look = self.sources.clock.monotonic() + LOOK_PAUSE;
    }

    fn looked(&mut self, look: Option<Look>) {
        let wanted = self.looking.take().map_or(Wanted::Nothing, |(_, wanted)| wanted);
        let Look { open, standings } = look.unwrap_or(Look { open: None, standings: Vec::new() });
        self.recorder.answered(open);
        if wanted == Wanted::All {
            self.recorder.stands(&standings);
        }
    }

    fn lagged(&mut self, lost: u64) {
        self.recorder.lagged(lost);
        self.wanted = Wanted::All;
    }

    fn take(&mut self, batch: &[Heard]) {
        for heard in batch {
            match heard {
                Heard::Event(event) => self.heard(event),
                Heard::Lost(lost) => self.lagged(*lost),
            }
        }
    }

    fn heard(&mut self, event: &Event) {
        self.recorder.record(event);
        if let Some(tracer) = &self.tracer {
            tracer.record(event);
        }
    }
}

/// Waits for the look that goes on; none if it failed.
async fn looked(looking: &mut Option<(JoinLook, Wanted)>) -> Option<Look> {
    match looking {
        Some((look, _)) => look.await.ok(),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast;
    use tokio::time::sleep;

    use super::*;
    use crate::model::cause::Cause;
    use crate::model::id::RunId;
    use crate::model::schedule::Schedule;
    use crate::model::task::Task;
    use crate::observe::metrics::{Form, HostNow, LedgerLatency, MetricsSettings, Scraper};

    const NOW: HostNow = HostNow {
        running: 0,
        waiting: 0,
        since_last_turn: Duration::ZERO,
        ledger_writable: true,
        ledger_damaged: false,
        configured_at: jiff::Timestamp::UNIX_EPOCH,
        config_refused: false,
    };

    #[tokio::test]
    async fn what_is_lost_is_counted_and_how_things_are_is_looked_up() {
        let task = Arc::new(Task::example("a", Schedule::manual()));
        let run = |id| {
            let (cause, admitted_at) = (Cause::Manual, jiff::Timestamp::UNIX_EPOCH);
            let id = RunId::from_i64(id).unwrap();
            Arc::new(Run { id, task: task.clone(), cause, slot: None, payload: None, trace: None, admitted_at })
        };
        let (events, heard) = broadcast::channel(8);
        (0..100).for_each(|id| _ = events.send(Event::RunQueued(run(id))));
        let (_tasks, tasks) = watch::channel(Arc::new(TaskSet::from_iter([task.clone()])));
        let standing = |failures| Standing {
            task: task.name.clone(),
            last_success: None,
            last_run: None,
            failures,
            paused: false,
        };
        let (open, later) = (run(200), standing(7));
        let look = move || Look { open: Some(vec![(open.clone(), true)]), standings: vec![later.clone()] };
        let clock = Clock::system();
        let events_heard = Batches::new(heard);
        let sources =
            Sources { clock, events: events_heard, tasks, standings: vec![standing(3)], look: Arc::new(look) };
        let settings = MetricsSettings { max_tasks: 10 };
        let metrics = Metrics::new(settings, clock, Arc::new(LedgerLatency::default()), || NOW);
        let scraper = Scraper::start(metrics.clone()).unwrap();
        let observers = Observers::start(sources, metrics, None).unwrap();
        let shows = async |lines: &[&str]| {
            let scrape = scraper.scrape(Form::OpenMetrics).await.unwrap();
            let scrape = String::from_utf8(scrape.to_vec()).unwrap();
            lines.iter().all(|line| scrape.contains(&format!("{line}\n")))
        };
        let until = async |lines: &[&str]| {
            let patience = timeout(Duration::from_secs(60), async {
                while !shows(lines).await {
                    sleep(Duration::from_millis(10)).await;
                }
            });
            assert!(patience.await.is_ok(), "waited in vain for {lines:?}");
        };
        assert!(shows(&["sandclock_task_retries_total{task_name=\"a\"} 0"]).await, "from the start");
        until(&[
            "sandclock_events_dropped_total{observer=\"metrics\"} 92",
            "sandclock_task_running{task_name=\"a\"} 1",
            "sandclock_task_queued{task_name=\"a\"} 0",
            "sandclock_task_consecutive_failures{task_name=\"a\"} 7.0",
        ])
        .await;
        // The last is still taken when nobody wants more.
        _ = events.send(Event::AttemptStarted { run: run(300), attempt: 1 });
        drop(observers);
        assert!(shows(&["sandclock_task_running{task_name=\"a\"} 2"]).await);
    }
}
