//! One attempt of a guest in the real sandbox, with what must hold of every such attempt.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jiff::Timestamp;
use sandclock_host::clock::Clock;
use sandclock_host::fuzzing;
use sandclock_host::model::cause::Cause;
use sandclock_host::model::id::RunId;
use sandclock_host::model::limits::{Fuel, Limits};
use sandclock_host::model::outcome::AttemptOutcome;
use sandclock_host::model::payload::Blob;
use sandclock_host::model::run::Run;
use sandclock_host::model::task::Task;
use sandclock_host::sandbox::{AttemptReport, AttemptRequest, Prepared, Sandbox, Settings};
use tokio::sync::watch;

/// Small, so that every limit is within reach of a script.
const LIMITS: fn() -> Limits = || Limits {
    timeout: Duration::from_millis(250),
    fuel: Fuel::Metered(3_000_000),
    memory: 4 << 20,
    handles: 64,
    resources: 64,
    hostcall: 64 << 10,
    log: 16 << 10,
    output: 1 << 10,
    ..Limits::default()
};

/// Where all guests run.
pub(crate) static SANDBOX: LazyLock<Sandbox> =
    LazyLock::new(|| Sandbox::new(Settings::for_limits(1, [&LIMITS()]), Clock::system()));

/// Runs a guest once. Whatever it does, the host is not at fault, and no limit is overrun.
pub(crate) fn run(prepared: &Prepared, stdin: &[u8]) -> AttemptReport {
    let task = fuzzing::task("fuzzed".parse().expect("a name"), "fuzzed".parse().expect("a name"));
    let payload = Blob { content_type: Blob::BYTES.to_owned(), bytes: stdin.to_vec() };
    let run = Run {
        id: RunId::next(0, 0, None),
        task: Arc::new(Task { limits: LIMITS().into(), ..task }),
        cause: Cause::Manual,
        slot: None,
        payload: Some(Arc::new(payload)),
        trace: None,
        admitted_at: Timestamp::UNIX_EPOCH,
    };
    let (_stop, stop) = watch::channel(None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let request = AttemptRequest { run: Arc::new(run), attempt: 1, stop };
    let report = runtime.block_on(prepared.attempt(request));
    assert!(!matches!(report.outcome, AttemptOutcome::Broken { .. }), "the host is at fault: {:?}", report.outcome);
    let Limits { memory, log, .. } = LIMITS();
    assert!(report.usage.peak_memory <= memory && report.usage.log.bytes <= log, "{:?}", report.usage);
    report
}
