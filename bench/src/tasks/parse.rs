//! How long a configuration of 100,000 tasks takes from its text to tasks in which nothing is wrong, against the time in
//! which its syntax alone is read.

use anyhow::{anyhow, ensure};
use sandclock_host::config::{Surroundings, load_text};

use super::{Site, TASKS, text};
use crate::bar::Bar;
use crate::host::Ground;
use crate::rounds::{Answer, Figure, Question, abba};

/// A round for each four of others, since a turn takes seconds.
pub(crate) fn measure(ground: &Ground, rounds: usize) -> anyhow::Result<Vec<Answer>> {
    let text = text(TASKS);
    let site = Site::new(ground, &text)?;
    let around = Surroundings::of_process(ground.clock.now());
    let checked = || {
        let loaded = load_text("sandclock.toml", &text, site.folder.path(), &around);
        let loaded = loaded.map_err(|report| anyhow!("the configuration is refused: {}", report))?;
        ensure!(loaded.config.tasks.len() == TASKS, "there are {} tasks", loaded.config.tasks.len());
        Ok(())
    };
    let syntax = || Ok(toml::de::DeTable::parse(&text).map(drop)?);
    let rounds = abba((rounds / 4).max(1), || seconds(ground, checked), || seconds(ground, syntax))?;
    let question =
        Question { what: "100,000 tasks from TOML", unit: "s", a: "read and checked", bar: Some(Bar::AtMost(2.0)) };
    Ok(vec![Answer::of(question, "syntax alone", &rounds)])
}

fn seconds(ground: &Ground, turn: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Figure> {
    let started = ground.clock.monotonic();
    turn()?;
    Ok(started.elapsed().as_secs_f64())
}
