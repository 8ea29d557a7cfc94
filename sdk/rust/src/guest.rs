//! The host, seen from wasm: the bindings generated from `wit/`, and the conversions between them and our own types.
//!
//! Nothing else in the SDK names the bindings.

#[path = "guest/kv.rs"]
pub(crate) mod kv;

use std::env;
use std::sync::Once;
use std::time::Duration;

use tracing::Level;
use tracing::level_filters::LevelFilter;

use self::bindings::sandclock::task::{http as http_import, log as log_import, types};
use crate::http::{ErrorKind, Reply, Request};
use crate::log::{Collector, Line, install_records};
use crate::{Blob, Cause, Failure, FailureKind, Output, Run, Timestamp, warn};

/// The bindings.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "generated, and not the same in every version"
)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "task",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "__export_task",
        default_bindings_module: "sandclock::__private::bindings",
    });
}

/// What the export returns.
pub type Answer = Result<types::Output, types::Failure>;

/// Runs the task as one attempt: this is what the host calls.
pub fn attempt(run: types::RunInfo, task: fn(Run) -> Result<Output, Failure>) -> Answer {
    static PREPARE: Once = Once::new();
    PREPARE.call_once(prepare);
    match task(run.into()) {
        Ok(output) => Ok(output.into_blob().map(|Blob { content_type, bytes }| types::Blob { content_type, bytes })),
        Err(failure) => Err(failure.into()),
    }
}

/// Directs events, records and panics to the attempt's log.
fn prepare() {
    let wanted = env::var("RUST_LOG").ok();
    let level = wanted.as_deref().map_or(Ok(LevelFilter::INFO), |wanted| wanted.trim().parse());
    let least = *level.as_ref().unwrap_or(&LevelFilter::INFO);
    // It fails if a subscriber is there already: then the plugin has chosen its own.
    let _ = tracing::subscriber::set_global_default(Collector::new(least));
    install_records(least);
    if level.is_err() {
        warn!(RUST_LOG = wanted, "a task understands only off, error, warn, info, debug or trace; info it is");
    }
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("a value that is not text");
        let at = panic.location().map(|at| ("location".to_owned(), at.to_string()));
        log(Line { level: Level::ERROR, message: format!("panicked: {message}"), fields: at.into_iter().collect() });
    }));
}

/// Writes a line to the attempt's log.
pub(crate) fn log(line: Line) {
    let level = match line.level {
        Level::TRACE => log_import::Level::Trace,
        Level::DEBUG => log_import::Level::Debug,
        Level::INFO => log_import::Level::Info,
        Level::WARN => log_import::Level::Warn,
        Level::ERROR => log_import::Level::Error,
    };
    log_import::log(level, &line.message, &line.fields);
}

/// Sends a request and waits for the whole response.
pub(crate) fn send(request: Request) -> Result<Reply, ErrorKind> {
    let sent = http_import::Request {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body,
        timeout: request.timeout.map(whole_millis),
    };
    let start = Stopwatch::start();
    let response = http_import::send(&sent)?;
    Ok(Reply { status: response.status, headers: response.headers, body: response.body, elapsed: start.elapsed() })
}

/// Measures time where there is a clock: not on `wasm32-unknown-unknown`.
struct Stopwatch(#[cfg(not(target_os = "unknown"))] std::time::Instant);

impl Stopwatch {
    #[cfg(not(target_os = "unknown"))]
    fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "how long a request took is a matter of real time")]
        Self(std::time::Instant::now())
    }

    #[cfg(not(target_os = "unknown"))]
    fn elapsed(&self) -> Option<Duration> {
        Some(self.0.elapsed())
    }

    #[cfg(target_os = "unknown")]
    fn start() -> Self {
        Self()
    }

    #[cfg(target_os = "unknown")]
    fn elapsed(&self) -> Option<Duration> {
        None
    }
}

/// Rounded up, so that no time-out or wait becomes shorter, let alone none.
fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

impl From<types::Instant> for Timestamp {
    fn from(instant: types::Instant) -> Self {
        Timestamp::from_unix(instant.seconds, instant.nanoseconds)
    }
}

impl From<types::RunInfo> for Run {
    fn from(info: types::RunInfo) -> Self {
        Run {
            task: info.task,
            id: info.run_id,
            cause: match info.cause {
                types::Cause::Schedule => Cause::Schedule,
                types::Cause::CatchUp => Cause::CatchUp,
                types::Cause::Manual => Cause::Manual,
                types::Cause::Http => Cause::Http,
                types::Cause::After(task) => Cause::After(task),
            },
            attempt: info.attempt,
            max_attempts: info.max_attempts,
            slot: info.slot.map(Timestamp::from),
            timezone: info.timezone,
            deadline: info.deadline.into(),
            idempotency_key: info.idempotency_key,
            payload: info.payload.map(|types::Blob { content_type, bytes }| Blob { content_type, bytes }),
        }
    }
}

impl From<Failure> for types::Failure {
    fn from(failure: Failure) -> Self {
        let message = failure.message().to_owned();
        match failure.kind() {
            FailureKind::Permanent => types::Failure::Permanent(message),
            FailureKind::Transient { retry_after } => types::Failure::Transient(types::TransientFailure {
                message,
                retry_after: retry_after.map(whole_millis),
            }),
        }
    }
}

impl From<http_import::Error> for ErrorKind {
    fn from(error: http_import::Error) -> Self {
        match error {
            http_import::Error::Denied(why) => ErrorKind::Denied(why),
            http_import::Error::InvalidRequest(why) => ErrorKind::InvalidRequest(why),
            http_import::Error::ConnectionFailed(why) => ErrorKind::ConnectionFailed(why),
            http_import::Error::TimedOut => ErrorKind::TimedOut,
            http_import::Error::BodyTooLarge(limit) => ErrorKind::BodyTooLarge { limit },
            http_import::Error::TooManyRequests => ErrorKind::TooManyRequests,
        }
    }
}
