//! From events to spans; `docs/logs-and-traces.md` has the names.
//!
//! A run is to a task what an invocation is to a function, so the names are those of OpenTelemetry's conventions for
//! functions (`faas.*`) and errors, and `sandclock.*` where there is none.

use jiff::Timestamp;

use super::otlp::{KeyValue, Kind, Link, Span, SpanEvent, Status, StatusCode};
use crate::model::cause::Cause;
use crate::model::event::Event;
use crate::model::outcome::{AttemptOutcome, OutcomeClass};
use crate::model::run::Run;
use crate::model::trace::{TraceContext, TraceIds};

/// The span of what has ended; none if nothing has, or if whoever began the trace does not keep it.
pub(super) fn of(ids: &TraceIds, event: &Event) -> Option<Span> {
    match event {
        Event::AttemptEnded { run, attempt, outcome, usage, started_at, ended_at, .. } => {
            let context = kept(ids.attempt(run, *attempt))?;
            let mut span = span(context, Some(ids.run(run)), (*started_at, *ended_at));
            span.name = format!("{} attempt", run.task.name);
            span.kind = Kind::Internal.into();
            span.attributes.extend(of_run(run));
            span.attributes.extend([
                KeyValue::whole("sandclock.attempt", *attempt),
                KeyValue::text("sandclock.outcome", outcome.class().name()),
                KeyValue::whole("sandclock.peak_memory", usage.peak_memory),
                KeyValue::whole("sandclock.http_requests", usage.http.requests),
            ]);
            span.attributes.extend(usage.fuel.map(|fuel| KeyValue::whole("sandclock.fuel", fuel)));
            span.status = Some(status(outcome.class(), || outcome.to_string()));
            if outcome.class().is_failure() {
                span.attributes.push(KeyValue::text("error.type", outcome.class().name()));
                span.events.push(exception(outcome, *ended_at));
            }
            Some(span)
        }
        Event::RunEnded { run, outcome, attempts, at } => {
            let context = kept(ids.run(run))?;
            let mut span = span(context, run.trace, (run.admitted_at, *at));
            span.name = run.task.name.to_string();
            span.kind = Kind::Server.into();
            span.attributes.extend(of_run(run));
            span.attributes.extend([
                KeyValue::text("faas.trigger", trigger(&run.cause)),
                KeyValue::text("sandclock.cause", run.cause.name()),
                KeyValue::text("sandclock.outcome", outcome.class().name()),
                KeyValue::whole("sandclock.attempts", *attempts),
            ]);
            span.attributes.extend(run.slot.map(|slot| KeyValue::text("faas.time", slot.to_string())));
            if outcome.class().is_failure() {
                span.attributes.push(KeyValue::text("error.type", outcome.class().name()));
            }
            span.status = Some(status(outcome.class(), || outcome.to_string()));
            if let Cause::After { run: before, .. } = &run.cause {
                let before = ids.of(*before, run.trace);
                let (trace_id, span_id) = (before.trace.to_bytes().into(), before.span.to_bytes().into());
                span.links.push(Link { trace_id, span_id });
            }
            Some(span)
        }
        _ => None,
    }
}

fn kept(context: TraceContext) -> Option<TraceContext> {
    context.sampled.then_some(context)
}

fn span(context: TraceContext, parent: Option<TraceContext>, (from, to): (Timestamp, Timestamp)) -> Span {
    let start = nanos(from);
    Span {
        trace_id: context.trace.to_bytes().into(),
        span_id: context.span.to_bytes().into(),
        parent_span_id: parent.map(|parent| parent.span.to_bytes().into()).unwrap_or_default(),
        start_time_unix_nano: start,
        // A clock that was set back must not make a span end before it starts.
        end_time_unix_nano: nanos(to).max(start),
        flags: u32::from(context.sampled),
        ..Span::default()
    }
}

pub(super) fn nanos(at: Timestamp) -> u64 {
    u64::try_from(at.as_nanosecond()).unwrap_or(0)
}

fn of_run(run: &Run) -> [KeyValue; 3] {
    [
        KeyValue::text("faas.name", run.task.name.as_str()),
        KeyValue::text("faas.invocation_id", run.id.to_string()),
        KeyValue::text("sandclock.plugin", run.task.plugin.as_str()),
    ]
}

/// What the conventions have for what made a function run.
fn trigger(cause: &Cause) -> &'static str {
    match cause {
        Cause::Schedule | Cause::CatchUp | Cause::Backfill { .. } => "timer",
        Cause::Http | Cause::Webhook { .. } => "http",
        Cause::Manual | Cause::After { .. } => "other",
    }
}

fn status(outcome: OutcomeClass, message: impl FnOnce() -> String) -> Status {
    match outcome {
        OutcomeClass::Succeeded => Status { code: StatusCode::Ok.into(), message: String::new() },
        outcome if outcome.is_failure() => Status { code: StatusCode::Error.into(), message: message() },
        _ => Status { code: StatusCode::Unset.into(), message: String::new() },
    }
}

fn exception(outcome: &AttemptOutcome, at: Timestamp) -> SpanEvent {
    let mut attributes = vec![
        KeyValue::text("exception.type", outcome.class().name()),
        KeyValue::text("exception.message", outcome.to_string()),
    ];
    let backtrace = match outcome {
        AttemptOutcome::Trapped(trap) => trap.backtrace.as_slice(),
        AttemptOutcome::Exceeded(exceeded) => exceeded.backtrace.as_slice(),
        _ => &[],
    };
    if !backtrace.is_empty() {
        attributes.push(KeyValue::text("exception.stacktrace", backtrace.join("\n")));
    }
    SpanEvent { time_unix_nano: nanos(at), name: "exception".to_owned(), attributes }
}
