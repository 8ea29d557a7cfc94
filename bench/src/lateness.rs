//! How late 100,000 tasks fire, against a bare thread that sleeps until the same deadlines.
//!
//! Here the arms do not take turns: they run side by side over the same seconds, so that whatever the machine does to
//! one it does to the other.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::Timestamp;
use sandclock_host::clock::{Clock, until};
use sandclock_host::model::overlap::Overlap;
use sandclock_host::model::schedule::Schedule;
use sandclock_host::model::task::Task;

use crate::host::{Ground, Heard, Served, listener};
use crate::rounds::{Answer, Figure, Question, Round, percentile};

/// How many tasks there are.
const TASKS: usize = 100_000;
/// How often each is due. Their splay spreads them, so a thousand fire each second, which leaves this machine idle most
/// of the time: queueing would hide what is asked for.
const INTERVAL: Duration = Duration::from_secs(100);
/// How long a round takes.
const ROUND: Duration = Duration::from_secs(4);
/// As many rounds as there may be before a task is due again.
const MOST_ROUNDS: usize = 20;

/// How long what belongs to the last round is waited for.
const AFTER: Duration = Duration::from_secs(1);

/// Until the slot is decided, and until its attempt begins, which it does once the run is durable.
pub(crate) fn measure(ground: &Ground, rounds: usize) -> anyhow::Result<Vec<Answer>> {
    let tasks = tasks(ground)?;
    let schedules: Vec<Schedule> = tasks.iter().map(|task| task.schedule.clone()).collect();
    let mut served = Served::start(ground, tasks)?;
    let runtime = listener()?;
    // By then the plugin is ready, and the cursors of all tasks are in the ledger.
    runtime.block_on(first_success(&mut served))?;

    let span = Span { begin: ground.clock.now().checked_add(ROUND)?, rounds: rounds.min(MOST_ROUNDS) };
    let deadlines = span.deadlines(&schedules);
    let sleeper = || {
        let (clock, deadlines) = (ground.clock, deadlines.clone());
        thread::Builder::new().name("bare".to_owned()).spawn(move || met(clock, &deadlines))
    };
    let sleepers = [sleeper()?, sleeper()?];
    let Fired { decided, began } = runtime.block_on(fired(ground.clock, &mut served, &span))?;
    let [Ok(first), Ok(second)] = sleepers.map(thread::JoinHandle::join) else { bail!("a bare thread panicked") };
    let (first, second) = (span.p99(&first)?, span.p99(&second)?);

    let answer = |what, a, met: &[Met]| {
        let baselines = first.iter().zip(&second).map(|(first, second)| [*first, *second]);
        let rounds: Vec<Round> = span.p99(met)?.into_iter().zip(baselines).map(|(a, b)| Round { a, b }).collect();
        anyhow::Ok(Answer::of(Question { what, unit: "µs", a, b: "bare thread" }, &rounds))
    };
    Ok(vec![
        answer("p99 lateness of 100,000 tasks", "slot decided", &decided)?,
        answer("p99 lateness, ledger included", "attempt begun", &began)?,
    ])
}

/// A deadline, and how late it was met.
type Met = (Timestamp, Duration);

/// The time that is looked at.
struct Span {
    begin: Timestamp,
    rounds: usize,
}

impl Span {
    /// The round that a deadline falls into.
    fn round(&self, deadline: Timestamp) -> Option<usize> {
        let since = Duration::try_from(deadline.duration_since(self.begin)).ok()?;
        let round = since.div_duration_f64(ROUND) as usize;
        (round < self.rounds).then_some(round)
    }

    fn is_over(&self, now: Timestamp) -> bool {
        until(now, self.begin) > ROUND.saturating_mul(u32::try_from(self.rounds).unwrap_or(u32::MAX)) + AFTER
    }

    /// The first slot of each schedule that has one within it, in order.
    fn deadlines(&self, schedules: &[Schedule]) -> Vec<Timestamp> {
        // The slot of the moment itself counts too.
        let before = self.begin - Duration::from_millis(1);
        let next = schedules.iter().filter_map(|schedule| Some(schedule.next_after(before)?.time()));
        let mut deadlines: Vec<Timestamp> = next.filter(|slot| self.round(*slot).is_some()).collect();
        deadlines.sort_unstable();
        deadlines
    }

    /// The 99th percentile of each round, in microseconds.
    fn p99(&self, met: &[Met]) -> anyhow::Result<Vec<Figure>> {
        let mut rounds = vec![Vec::new(); self.rounds];
        for (deadline, lateness) in met {
            if let Some(round) = self.round(*deadline) {
                rounds[round].push(*lateness);
            }
        }
        let p99 = |mut round: Vec<Duration>| (!round.is_empty()).then(|| percentile(&mut round, 0.99));
        rounds.into_iter().map(|round| p99(round).context("a round in which nothing was due")).collect()
    }
}

fn tasks(ground: &Ground) -> anyhow::Result<Vec<Arc<Task>>> {
    let task = |number| {
        let name = format!("task-{number}");
        let schedule = Schedule::every(INTERVAL)?.with_splay(INTERVAL, &name.parse()?);
        ground.task(&name, schedule, Overlap::Skip)
    };
    (0..TASKS).map(task).collect()
}

async fn first_success(served: &mut Served) -> anyhow::Result<()> {
    while !matches!(served.next().await?, Heard::Succeeded) {}
    Ok(())
}

/// How late the daemon met the slots of its tasks.
#[derive(Default)]
struct Fired {
    decided: Vec<Met>,
    began: Vec<Met>,
}

async fn fired(clock: Clock, served: &mut Served, span: &Span) -> anyhow::Result<Fired> {
    let mut fired = Fired::default();
    while !span.is_over(clock.now()) {
        let Heard::Began(run) = served.next().await? else { continue };
        let slot = run.slot.context("a run that nobody asked for")?.time();
        fired.decided.push((slot, until(run.admitted_at, slot)));
        fired.began.push((slot, until(clock.now(), slot)));
    }
    Ok(fired)
}

/// How late a thread that does nothing but sleep met some deadlines.
fn met(clock: Clock, deadlines: &[Timestamp]) -> Vec<Met> {
    let mut met = Vec::with_capacity(deadlines.len());
    for deadline in deadlines {
        #[expect(clippy::disallowed_methods, reason = "the baseline is a thread that sleeps")]
        thread::sleep(until(*deadline, clock.now()));
        met.push((*deadline, until(clock.now(), *deadline)));
    }
    met
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_fall_into_the_rounds_of_a_span() {
        let span = Span { begin: Timestamp::UNIX_EPOCH, rounds: 2 };
        let check = |millis: i64, expected: Option<usize>| {
            assert_eq!(span.round(Timestamp::from_millisecond(millis).unwrap()), expected, "{millis}");
        };
        check(-1, None);
        check(0, Some(0));
        check(3_999, Some(0));
        check(4_000, Some(1));
        check(7_999, Some(1));
        check(8_000, None);
    }

    #[test]
    fn a_span_knows_the_slots_within_it() {
        let span = Span { begin: Timestamp::UNIX_EPOCH, rounds: 1 };
        let every = |seconds| Schedule::every(Duration::from_secs(seconds)).unwrap();
        let task = "late".parse().unwrap();
        let late = every(2).with_splay(Duration::from_secs(2), &task);
        let slot = late.next_after(span.begin).unwrap().time();
        assert_eq!(span.deadlines(&[late, every(100)]), [span.begin, slot]);
    }
}
