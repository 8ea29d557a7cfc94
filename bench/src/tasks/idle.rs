//! What the real program takes while 100,000 tasks wait for a day to come.

use std::time::Duration;

use super::{Site, TASKS, text};
use crate::bar::Bar;
use crate::host::Ground;
use crate::process::{Hosted, pause};
use crate::rounds::{Answer, Figure, Question};

/// How long a host is looked at for each round of others.
const LOOK: Duration = Duration::from_secs(1);

/// Memory for each task beyond its text, and what a host does that has nothing to do.
pub(crate) fn measure(ground: &Ground, rounds: usize) -> anyhow::Result<Vec<Answer>> {
    let (many, one) = (text(TASKS), text(1));
    let others = (TASKS - 1) as f64;
    let text = (many.len() - one.len()) as f64 / others;
    let sites = [Site::new(ground, &many)?, Site::new(ground, &one)?];
    let mut memory: Vec<Figure> = Vec::new();
    let (mut share, mut wake_ups) = (Vec::new(), Vec::new());
    // The first start makes the ledger and compiles the plugin, the later ones find both.
    for _ in 0..2 {
        let [many, one] = [resting(ground, &sites[0])?, resting(ground, &sites[1])?];
        memory.push(many.memory()?.saturating_sub(one.memory()?) as f64 / others - text);
        drop(one);
        let (started, before) = (ground.clock.monotonic(), many.threads()?);
        pause(LOOK * u32::try_from(rounds)?);
        let (took, work) = (started.elapsed().as_secs_f64(), many.threads()?.since(&before));
        share.push(work.processor.as_secs_f64() / took * 100.0);
        wake_ups.push(work.wake_ups as f64 / took);
    }
    let answer = |what, unit, bar, figures| {
        Answer::alone(Question { what, unit, a: "100,000 tasks", bar: Some(Bar::AtMost(bar)) }, figures)
    };
    Ok(vec![
        answer("memory for an idle task, beyond its text", "bytes", 512.0, memory),
        answer("an idle host's share of a processor", "%", 0.1, share),
        answer("an idle host's wake-ups", "/s", 2.0, wake_ups),
    ])
}

/// A host that has started and come to rest.
fn resting(ground: &Ground, site: &Site) -> anyhow::Result<Hosted> {
    let mut host = Hosted::start(&site.config(), "info")?;
    host.says("plugin is ready", 1)?;
    host.rests(ground.clock)?;
    Ok(host)
}
