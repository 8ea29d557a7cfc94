//! How late 100,000 tasks fire, against a bare thread that sleeps until the same deadlines.
//!
//! Here the arms do not take turns: they run side by side over the same seconds, so that whatever the machine does to
//! one it does to the other.

mod compiling;
mod saturated;
mod span;
mod ticking;

use std::time::Duration;

use crate::bar::Bar;
use crate::host::Ground;
use crate::rounds::{Answer, Question, Round};
use span::{Met, early};
use ticking::{Seen, Ticking};

pub(crate) use compiling::measure as while_compiling;
pub(crate) use saturated::measure as saturated;

/// A thousand are due each second, which leaves the machine idle most of the time: queueing would hide what is asked
/// for.
const SPARSE: Duration = Duration::from_secs(100);
/// Ten thousand are due each second: what the host is to keep up with.
const DENSE: Duration = Duration::from_secs(10);

/// A thousand a second, and ten thousand a second.
pub(crate) fn measure(ground: &Ground, rounds: usize) -> anyhow::Result<Vec<Answer>> {
    let sparse = Ticking::start(ground, SPARSE, Vec::new())?.look(Duration::from_secs(4), rounds.min(20))?;
    // Each round is a second, so that no task is due twice in ten.
    let dense = Ticking::start(ground, DENSE, Vec::new())?.look(Duration::from_secs(1), rounds.min(10))?;
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
