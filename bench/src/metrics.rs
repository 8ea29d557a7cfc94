//! What metrics cost: durable runs with them and without, a scrape of 1,000 tasks, and whether anything was lost.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use sandclock_host::model::id::TaskName;
use sandclock_host::model::overlap::Overlap;
use sandclock_host::model::schedule::Schedule;
use sandclock_host::observe::{Batches, Form, HostNow, Look, Metrics, MetricsSettings, Observers, Scraper, Sources};
use tokio::runtime::Runtime;

use crate::bar::Bar;
use crate::host::{Ground, Served, listener};
use crate::rounds::{Answer, Figure, Question, abba};
use crate::runs::{per_second, runs};

/// How many runs go on at once: as many as make the most of a commit.
const AT_ONCE: NonZeroUsize = NonZeroUsize::new(256).expect("256 is not 0");
/// How many runs the daemon makes in a turn.
const RUNS: u32 = 20_000;
/// How many tasks have series.
const TASKS: usize = 1000;

pub(crate) fn measure(ground: &Ground, rounds: usize) -> anyhow::Result<Vec<Answer>> {
    let runtime = listener()?;
    let (name, mut observed) = served(ground, &runtime, 1)?;
    let (_, mut alone) = served(ground, &runtime, 1)?;
    let seen = Seen::of(ground, &mut observed)?;
    let rounds_of_runs = abba(
        rounds,
        || per_second(ground, RUNS, || runtime.block_on(runs(&mut observed, &name, 256, RUNS))),
        || per_second(ground, RUNS, || runtime.block_on(runs(&mut alone, &name, 256, RUNS))),
    )?;
    let question = Question { what: "durable runs with metrics", unit: "/s", a: "runs", bar: Some(Bar::AtLeast(0.97)) };
    let mut answers = vec![Answer::of(question, "without", &rounds_of_runs)];
    // What was made last is seen a moment later.
    let lost = runtime.block_on(async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        seen.value("sandclock_events_dropped_total{observer=\"metrics\"}").await
    })?;
    let question =
        Question { what: "events that metrics lost meanwhile", unit: "", a: "events", bar: Some(Bar::AtMost(0.0)) };
    answers.push(Answer::alone(question, vec![lost, lost]));

    let (_, mut many) = served(ground, &runtime, TASKS)?;
    let seen = Seen::of(ground, &mut many)?;
    let (mut times, mut sizes) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let started = ground.clock.monotonic();
        let scrape = runtime.block_on(seen.scraper.scrape(Form::OpenMetrics)).context("no scrape")?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
        sizes.push(scrape.len() as f64 / f64::from(1 << 20));
    }
    let question =
        Question { what: "a scrape of 1,000 tasks", unit: "ms", a: "scrapes", bar: Some(Bar::AtMost(250.0)) };
    answers.push(Answer::alone(question, times));
    let question = Question { what: "its size", unit: "MiB", a: "scrapes", bar: Some(Bar::AtMost(32.0)) };
    answers.push(Answer::alone(question, sizes));
    Ok(answers)
}

/// A daemon of so many tasks, and the name of the first.
fn served(ground: &Ground, runtime: &Runtime, tasks: usize) -> anyhow::Result<(TaskName, Served)> {
    let tasks: Vec<_> = (0..tasks)
        .map(|number| {
            Ok(Arc::new(ground.task(
                &format!("task-{number}"),
                Schedule::every(Duration::from_secs(86_400))?,
                Overlap::Allow,
            )?))
        })
        .collect::<anyhow::Result<_>>()?;
    let name = tasks.first().context("no task")?.name.clone();
    Ok((name, runtime.block_on(Served::start_for(ground, tasks, AT_ONCE))?))
}

/// The metrics of a daemon.
struct Seen {
    scraper: Scraper,
    _observers: Observers,
}

impl Seen {
    fn of(ground: &Ground, served: &mut Served) -> anyhow::Result<Self> {
        let handle = served.daemon.handle();
        let settings = MetricsSettings { max_tasks: TASKS };
        let now = HostNow {
            running: 0,
            waiting: 0,
            since_last_turn: Duration::ZERO,
            ledger_writable: true,
            ledger_damaged: false,
            configured_at: ground.clock.now(),
            config_refused: false,
        };
        let metrics = Metrics::new(settings, ground.clock, handle.ledger_latency(), move || now);
        let sources = Sources {
            clock: ground.clock,
            events: Batches::new(served.daemon.events_from_the_start()),
            tasks: handle.tasks(),
            standings: Vec::new(),
            look: Arc::new(|| Look { open: None, standings: Vec::new() }),
        };
        let scraper = Scraper::start(Arc::clone(&metrics))?;
        Ok(Self { scraper, _observers: Observers::start(sources, metrics, None)? })
    }

    async fn value(&self, series: &str) -> anyhow::Result<Figure> {
        let scrape = self.scraper.scrape(Form::OpenMetrics).await.context("no scrape")?;
        let scrape = String::from_utf8(scrape.to_vec())?;
        let value = scrape.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        ensure!(value.is_some(), "{series} is not there");
        Ok(value.unwrap_or_default().parse()?)
    }
}
