//! From what an attempt logged to log records, each with its place in the traces.

use super::otlp::{AnyValue, KeyValue, LogRecord, Severity, Value};
use super::spans::nanos;
use crate::model::event::Event;
use crate::model::log::{Level, LogLine, LogSource};
use crate::model::run::Run;
use crate::model::trace::TraceIds;

/// What an attempt logged that has ended.
pub(super) fn of<'a>(ids: &TraceIds, event: &'a Event) -> impl Iterator<Item = LogRecord> + use<'a> {
    let ended = match event {
        Event::AttemptEnded { run, attempt, log, .. } => Some((ids.attempt(run, *attempt), run, *attempt, log)),
        _ => None,
    };
    ended.into_iter().flat_map(|(context, run, attempt, log)| {
        log.iter().map(move |line| {
            let mut record = record(run, attempt, line);
            if context.sampled {
                record.trace_id = context.trace.to_bytes().into();
                record.span_id = context.span.to_bytes().into();
                record.flags = 1;
            }
            record
        })
    })
}

fn record(run: &Run, attempt: u32, line: &LogLine) -> LogRecord {
    let severity = match line.level {
        Level::Trace => Severity::Trace,
        Level::Debug => Severity::Debug,
        Level::Info => Severity::Info,
        Level::Warn => Severity::Warn,
        Level::Error => Severity::Error,
    };
    let mut attributes = vec![
        KeyValue::text("faas.name", run.task.name.as_str()),
        KeyValue::text("faas.invocation_id", run.id.to_string()),
        KeyValue::whole("sandclock.attempt", attempt),
        KeyValue::text("sandclock.source", line.source.name()),
    ];
    if let LogSource::Stdout | LogSource::Stderr = line.source {
        attributes.push(KeyValue::text("log.iostream", line.source.name()));
    }
    // The guest chose the names: none of them may pass for one of ours.
    let fields =
        line.fields.iter().map(|(name, value)| KeyValue::text(&format!("sandclock.field.{name}"), value.as_str()));
    attributes.extend(fields);
    LogRecord {
        time_unix_nano: nanos(line.at),
        observed_time_unix_nano: nanos(line.at),
        severity_number: severity.into(),
        severity_text: line.level.name().to_owned(),
        body: Some(AnyValue { value: Some(Value::Text(line.message.clone())) }),
        attributes,
        ..LogRecord::default()
    }
}
