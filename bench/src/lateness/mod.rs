//! How late 100,000 tasks fire, against a bare thread that sleeps until the same deadlines.
//!
//! Here the arms do not take turns: they run side by side over the same seconds, so that whatever the machine does to
//! one it does to the other.

mod compiling;
mod saturated;
mod span;
mod ticking;

use std::time::Duration;

use jiff::tz::TimeZone;
use sandclock_host::model::schedule::Schedule;
use sandclock_host::model::slot::Slot;
use sandclock_host::model::task::Task;

use crate::bar::Bar;
use crate::host::Ground;
use crate::rounds::{Answer, Question, Round};
use span::{Met, Span, early};
use ticking::{Seen, Ticking};

pub(crate) use compiling::measure as while_compiling;
pub(crate) use saturated::measure as saturated;

/// A thousand are due each second, which leaves the machine idle most of the time: queueing would hide what is asked
/// for.
const SPARSE: Duration = Duration::from_secs(100);
/// Ten thousand are due each second: what the host is to keep up with.
const DENSE: Duration = Duration::from_secs(10);
/// How long the start of a daemon with all tasks may take.
const START: Duration = Duration::from_secs(15);

/// A thousand a second, and ten thousand a second.
pub(crate) fn measure(ground: &Ground, rounds: usize) -> anyhow::Result<Vec<Answer>> {
    let sparse = sparse(ground, Vec::new())?.look(Duration::from_secs(4), rounds.min(20))?;
    let dense = dense(ground)?;
    let bar = Some(Bar::Times(1.5));
    let question = |what, a, bar| Question { what, unit: "µs", a, bar };
    Ok(vec![
        sparse.against_bare(question("p99 lateness, 1,000 due a second", "slot decided", bar), &sparse.decided)?,
        sparse.against_bare(question("p99 lateness, ledger included", "attempt begun", None), &sparse.began)?,
        faulty("slots early or lost, 1,000 due a second", sparse.faults()),
        dense.against_bare(question("p99 lateness, 10,000 due a second", "slot decided", bar), &dense.decided)?,
        faulty("slots early or lost, 10,000 due a second", dense.faults()),
    ])
}

/// Tasks that are due again and again, a thousand a second.
fn sparse(ground: &Ground, beside: Vec<Task>) -> anyhow::Result<Ticking> {
    Ticking::start(ground, &Schedule::every(SPARSE)?, SPARSE, beside)
}

/// Tasks that are due once each: before all of them are ready, such a crowd would only pile up.
fn dense(ground: &Ground) -> anyhow::Result<Seen> {
    let begin = Slot::at(ground.clock.now().checked_add(START)?).time();
    let once = Schedule::at(begin.to_zoned(TimeZone::UTC));
    let rounds = usize::try_from(DENSE.as_secs())?;
    Ticking::start(ground, &once, DENSE, Vec::new())?.look_at(Span { begin, round: Duration::from_secs(1), rounds })
}

impl Seen {
    /// The lateness of what was met, against that of the bare threads.
    fn against_bare(&self, question: Question, met: &[Met]) -> anyhow::Result<Answer> {
        let [first, second] = [self.span.p99(&self.bare[0])?, self.span.p99(&self.bare[1])?];
        let baselines = first.into_iter().zip(second).map(<[_; 2]>::from);
        let rounds: Vec<Round> = self.span.p99(met)?.into_iter().zip(baselines).map(|(a, b)| Round { a, b }).collect();
        Ok(Answer::of(question, "bare thread", &rounds))
    }

    /// How many slots fired before their time, or not at all.
    fn faults(&self) -> usize {
        early(&self.decided) + self.lost
    }
}

/// Slots that fired before their time, or not at all: there may be none.
fn faulty(what: &'static str, slots: usize) -> Answer {
    Answer::alone(Question { what, unit: "", a: "slots", bar: Some(Bar::Zero) }, vec![slots as f64])
}
