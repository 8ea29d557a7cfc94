//! Lateness while plugins are compiled, against that of the same daemon a moment before and after.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures_util::StreamExt;
use sandclock_host::model::task::Build;
use sandclock_host::plugins::{CompileSettings, Quiet};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::ticking::Ticking;
use crate::bar::Bar;
use crate::host::Ground;
use crate::rounds::{Answer, Figure, Question, abba};
use crate::variants;

/// How many plugins are to be compiled: more than get done in a turn.
const PLUGINS: usize = 100;
/// How long a turn takes.
const TURN: Duration = Duration::from_secs(3);

/// With the compiler as it is by default: one plugin at a time, where nobody else wants to run.
pub(crate) fn measure(ground: &Ground, rounds: usize) -> anyhow::Result<Vec<Answer>> {
    let folder = ground.scratch()?;
    let builds = variants::write(&ground.sample(), folder.path(), PLUGINS)?;
    let looks = RefCell::new(Looks { ticking: super::sparse(ground, Vec::new())?, faults: 0 });
    let compiling = || Compiling::start(ground, folder.path(), builds.clone());
    let rounds =
        abba((rounds / 3).max(1), || looks.borrow_mut().turn(Some(compiling()?)), || looks.borrow_mut().turn(None))?;
    let faults = looks.borrow().faults;
    let bar = Some(Bar::Times(1.5));
    let question = Question { what: "p99 lateness, plugins being compiled", unit: "µs", a: "compiling", bar };
    Ok(vec![
        Answer::of(question, "quiet", &rounds),
        super::faulty("slots early or lost, plugins being compiled", faults),
    ])
}

struct Looks {
    ticking: Ticking,
    /// Slots that were early or lost in any turn.
    faults: usize,
}

impl Looks {
    fn turn(&mut self, compiling: Option<Compiling>) -> anyhow::Result<Figure> {
        let seen = self.ticking.look(TURN, 1)?;
        drop(compiling);
        self.faults += seen.faults();
        seen.span.p99(&seen.decided)?.pop().context("a turn without a round")
    }
}

/// Plugins that are being compiled, none of them for the second time. Dropping it ends that.
struct Compiling {
    runtime: Option<Runtime>,
    _state: TempDir,
}

impl Compiling {
    fn start(ground: &Ground, folder: &Path, builds: Vec<Build>) -> anyhow::Result<Self> {
        let state = ground.scratch()?;
        let plugins = ground.plugins_of(folder.to_owned(), state.path().to_owned(), CompileSettings::default())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        runtime.spawn(async move { plugins.prepare_all(builds, Arc::new(Quiet)).count().await });
        Ok(Self { runtime: Some(runtime), _state: state })
    }
}

impl Drop for Compiling {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(10));
        }
    }
}
