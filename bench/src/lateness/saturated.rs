//! Lateness while guests that never end keep every thread of guests busy.

use std::time::Duration;

use sandclock_host::model::overlap::Overlap;
use sandclock_host::model::schedule::Schedule;
use sandclock_host::model::task::Task;

use super::{faulty, sparse};
use crate::bar::Bar;
use crate::host::{Ground, MAX_CONCURRENT};
use crate::rounds::{Answer, Question};

const SPINNING: &str = include_str!("../../../tests/guests/endless-loop.wat");
/// Longer than the measurement takes.
const TIMEOUT: Duration = Duration::from_secs(3600);

/// Half of the runs that may go on at once never end; the others are what is due.
pub(crate) fn measure(ground: &Ground, rounds: usize) -> anyhow::Result<Vec<Answer>> {
    let plugin = ground.guest("spinning", SPINNING)?;
    let spinning = |number| {
        let mut task = ground.task(&format!("spinning-{number}"), Schedule::manual(), Overlap::Skip)?;
        task.plugin = plugin.clone();
        task.limits.timeout = TIMEOUT;
        Ok(task)
    };
    let spinning = (0..MAX_CONCURRENT.get() / 2).map(spinning).collect::<anyhow::Result<Vec<Task>>>()?;
    let seen = sparse(ground, spinning)?.look(Duration::from_secs(2), rounds.min(10))?;
    let bar = Some(Bar::AtMost(5_000.0));
    let question = Question { what: "p99 lateness, every guest thread busy", unit: "µs", a: "slot decided", bar };
    Ok(vec![
        seen.against_bare(question, &seen.decided)?,
        faulty("slots early or lost, every guest thread busy", seen.faults()),
    ])
}
