//! Lateness while plugins are compiled, against that of the same daemon a moment before and after; and beside a thread
//! that counts, as the least that anything costs which keeps a processor busy.

use std::cell::RefCell;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
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
    let quiet = || looks.borrow_mut().turn(());
    let rounds = (rounds / 3).max(1);
    let compiled = abba(rounds, || looks.borrow_mut().turn(compiling()?), quiet)?;
    let counted = abba(rounds, || looks.borrow_mut().turn(Counting::start()), quiet)?;
    let faults = looks.borrow().faults;
    let question = |what, a, bar| Question { what, unit: "µs", a, bar };
    let bar = Some(Bar::Times(1.5));
    Ok(vec![
        Answer::of(question("p99 lateness, plugins being compiled", "compiling", bar), "quiet", &compiled),
        Answer::of(question("p99 lateness, a processor kept busy", "counting", None), "quiet", &counted),
        super::faulty("slots early or lost, plugins being compiled", faults),
    ])
}

struct Looks {
    ticking: Ticking,
    /// Slots that were early or lost in any turn.
    faults: usize,
}

impl Looks {
    /// Looks for a turn, beside something that ends when it is dropped.
    fn turn<T>(&mut self, beside: T) -> anyhow::Result<Figure> {
        let seen = self.ticking.look(TURN, 1)?;
        drop(beside);
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

/// A thread that counts, and gives way as a compiler does. Dropping it ends that.
struct Counting(Arc<AtomicBool>);

impl Counting {
    fn start() -> Self {
        let counting = Arc::new(AtomicBool::new(true));
        let goes_on = Arc::clone(&counting);
        thread::spawn(move || {
            // Where it cannot be had, the figure is that of a thread like any other.
            let _ = sandclock_slice::idle();
            while goes_on.load(Ordering::Relaxed) {
                // Some 10 us.
                for number in 0..10_000 {
                    black_box(number);
                }
                thread::yield_now();
            }
        });
        Self(counting)
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
