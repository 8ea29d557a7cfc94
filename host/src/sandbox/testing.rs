//! What the sandbox's tests share.

use std::num::NonZeroU32;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::model::cause::Cause;
use crate::model::grants::Grants;
use crate::model::id::RunId;
use crate::model::limits::Limits;
use crate::model::misfire::Misfire;
use crate::model::overlap::Overlap;
use crate::model::retry::{Backoff, Jitter, Retry};
use crate::model::run::Run;
use crate::model::schedule::Schedule;
use crate::model::task::{ExitCodes, Task};
use crate::sandbox::{AttemptReport, AttemptRequest, Image, LoadError, Prepared, Sandbox, Settings, compile};

/// A task without grants.
pub(crate) fn task(name: &str) -> Task {
    Task {
        name: name.parse().unwrap(),
        plugin: "plugin".parse().unwrap(),
        schedule: Schedule::manual(),
        overlap: Overlap::Skip,
        max_concurrent: NonZeroU32::MIN,
        misfire: Misfire::default(),
        retry: Retry {
            attempts: 3,
            backoff: Backoff::Fixed { wait: std::time::Duration::ZERO },
            jitter: Jitter::None,
            on: Vec::new(),
        },
        limits: Limits::default(),
        grants: Grants::default(),
        payload: None,
        after: Vec::new(),
        alerts: Vec::new(),
        exit_codes: ExitCodes::default(),
    }
}

/// A run of a task.
pub(crate) fn run(task: Task) -> Run {
    Run {
        id: RunId::from_i64(7).unwrap(),
        task: Arc::new(task),
        cause: Cause::Manual,
        slot: None,
        payload: None,
        admitted_at: Timestamp::UNIX_EPOCH,
    }
}

/// Compiles and loads a component given as text.
pub(crate) fn load(wat: &str) -> Result<Prepared, LoadError> {
    let compiled = compile(&wat::parse_str(wat).unwrap()).unwrap();
    let sandbox = Sandbox::new(Settings::for_limits(4, []), Clock::system());
    sandbox.load(&Image::from_verified_bytes(compiled.profile, compiled.image))
}

/// Runs a component given as text once, as the first attempt of this run.
pub(crate) async fn attempt(wat: &str, run: Run) -> AttemptReport {
    let (_sender, stop) = watch::channel(None);
    load(wat).unwrap().attempt(AttemptRequest { run: Arc::new(run), attempt: 1, stop }).await
}

/// A plain program whose whole world is a core module with the function `run`, which returns 0 for success.
pub(crate) fn program(core: &str) -> String {
    format!(
        r#"(component
            (core module $main {core})
            (core instance $main (instantiate $main))
            (func $run (result (result)) (canon lift (core func $main "run")))
            (instance $exports (export "run" (func $run)))
            (export "wasi:cli/run@0.2.3" (instance $exports))
        )"#
    )
}
