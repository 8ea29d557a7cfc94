//! From `tracing` events and `log` records to lines of the attempt's log, fields kept.
//!
//! Spans have no place of their own in the log: an event bears the fields of the spans around it. Where lines go is
//! [`crate::host`]'s business.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::host;

/// One line of the log.
#[cfg_attr(target_arch = "wasm32", expect(unreachable_pub, reason = "public as testing::Line, off wasm"))]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How much it matters.
    pub level: Level,
    /// The text.
    pub message: String,
    /// Names and values.
    pub fields: Vec<(String, String)>,
}

/// What takes `tracing` events.
#[derive(Debug)]
pub(crate) struct Collector {
    least: LevelFilter,
    spans: Mutex<Spans>,
}

/// The spans that are open, and those that were entered, innermost last.
#[derive(Debug, Default)]
struct Spans {
    last_id: u64,
    open: HashMap<u64, Span>,
    entered: Vec<u64>,
}

/// An open span: its fields follow those it inherited.
#[derive(Debug)]
struct Span {
    handles: usize,
    fields: Vec<(String, String)>,
}

impl Spans {
    /// The fields of the span that an event or a new span is in.
    fn fields_of(&self, parent: Option<&Id>, contextual: bool) -> Vec<(String, String)> {
        let id = parent.map(Id::into_u64).or_else(|| self.entered.last().copied().filter(|_| contextual));
        id.and_then(|id| self.open.get(&id)).map_or_else(Vec::new, |span| span.fields.clone())
    }
}

impl Collector {
    pub(crate) fn new(least: LevelFilter) -> Self {
        Self { least, spans: Mutex::default() }
    }

    fn spans(&self) -> MutexGuard<'_, Spans> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.least
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.least)
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut spans = self.spans();
        let mut fields =
            Fields { message: String::new(), fields: spans.fields_of(span.parent(), span.is_contextual()) };
        span.record(&mut fields);
        spans.last_id += 1;
        let id = spans.last_id;
        spans.open.insert(id, Span { handles: 1, fields: fields.fields });
        Id::from_u64(id)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        if let Some(span) = self.spans().open.get_mut(&id.into_u64()) {
            let mut fields = Fields { message: String::new(), fields: std::mem::take(&mut span.fields) };
            values.record(&mut fields);
            span.fields = fields.fields;
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let outer = self.spans().fields_of(event.parent(), event.is_contextual());
        let mut fields = Fields::default();
        event.record(&mut fields);
        for (name, value) in outer {
            if fields.fields.iter().all(|(own, _)| *own != name) {
                fields.fields.push((name, value));
            }
        }
        host::log(Line { level: *event.metadata().level(), message: fields.message, fields: fields.fields });
    }

    fn enter(&self, id: &Id) {
        self.spans().entered.push(id.into_u64());
    }

    fn exit(&self, id: &Id) {
        let mut spans = self.spans();
        if let Some(at) = spans.entered.iter().rposition(|entered| *entered == id.into_u64()) {
            spans.entered.remove(at);
        }
    }

    fn clone_span(&self, id: &Id) -> Id {
        if let Some(span) = self.spans().open.get_mut(&id.into_u64()) {
            span.handles += 1;
        }
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut spans = self.spans();
        let Some(span) = spans.open.get_mut(&id.into_u64()) else {
            return false;
        };
        span.handles -= 1;
        let closed = span.handles == 0;
        if closed {
            spans.open.remove(&id.into_u64());
        }
        closed
    }
}

/// Gathers the fields of an event, a span or a record; a later value replaces an earlier one of the same name.
#[derive(Default)]
struct Fields {
    message: String,
    fields: Vec<(String, String)>,
}

impl Fields {
    fn put(&mut self, name: &str, value: String) {
        if name == "message" {
            self.message = value;
        } else if let Some((_, old)) = self.fields.iter_mut().find(|(old, _)| old == name) {
            *old = value;
        } else {
            self.fields.push((name.to_owned(), value));
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value.to_owned());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let causes = std::iter::successors(Some(value), |error| error.source());
        let texts: Vec<_> = causes.map(ToString::to_string).collect();
        self.put(field.name(), texts.join(": "));
    }
}

impl<'kvs> log::kv::VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: log::kv::Key<'kvs>, value: log::kv::Value<'kvs>) -> Result<(), log::kv::Error> {
        self.put(key.as_str(), value.to_string());
        Ok(())
    }
}

/// What takes `log` records.
#[derive(Debug)]
pub(crate) struct Records;

impl log::Log for Records {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let mut fields = Fields::default();
        // It fails only if the visitor does, and ours does not.
        let _ = record.key_values().visit(&mut fields);
        let level = match record.level() {
            log::Level::Error => Level::ERROR,
            log::Level::Warn => Level::WARN,
            log::Level::Info => Level::INFO,
            log::Level::Debug => Level::DEBUG,
            log::Level::Trace => Level::TRACE,
        };
        host::log(Line { level, message: record.args().to_string(), fields: fields.fields });
    }

    fn flush(&self) {}
}

/// Sends the records of the `log` crate to [`Records`], from the given level on.
pub(crate) fn install_records(least: LevelFilter) {
    // It fails if a logger is there already: then the plugin has chosen its own.
    let _ = log::set_logger(&Records);
    log::set_max_level(match least.into_level() {
        None => log::LevelFilter::Off,
        Some(Level::ERROR) => log::LevelFilter::Error,
        Some(Level::WARN) => log::LevelFilter::Warn,
        Some(Level::INFO) => log::LevelFilter::Info,
        Some(Level::DEBUG) => log::LevelFilter::Debug,
        Some(_) => log::LevelFilter::Trace,
    });
}

#[cfg(test)]
mod tests {
    use std::io;

    use tracing::{Level, debug_span, info, info_span, warn};

    use crate::testing;

    /// Lines as `LEVEL message {name=value, …}`.
    fn lines_of(body: impl FnOnce()) -> Vec<String> {
        let log = testing::log();
        body();
        let show = |line: &super::Line| {
            let fields: Vec<_> = line.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{} {} {{{}}}", line.level, line.message, fields.join(", "))
        };
        log.lines().iter().map(show).collect()
    }

    #[test]
    fn events_keep_their_fields() {
        let lines = lines_of(|| {
            let error = io::Error::other("disk full");
            info!(status = 503, url = "http://a/", ok = false, "probed {}", "a");
            warn!(error = &error as &dyn std::error::Error, took = ?Some(1.5), "no");
            tracing::event!(Level::TRACE, "quiet");
        });
        assert_eq!(
            lines,
            [
                "INFO probed a {status=503, url=http://a/, ok=false}",
                "WARN no {error=disk full, took=Some(1.5)}",
                "TRACE quiet {}"
            ]
        );
    }

    #[test]
    fn events_bear_the_fields_of_the_spans_around_them() {
        let lines = lines_of(|| {
            let outer = info_span!("page", page = 1, items = tracing::field::Empty);
            let inside = outer.enter();
            outer.record("items", 20);
            debug_span!("item", id = 7).in_scope(|| info!(page = 2, "inner"));
            info!("outer");
            drop(inside);
            info!(parent: &outer, "by name");
            info!("outside");
        });
        assert_eq!(
            lines,
            [
                "INFO inner {page=2, items=20, id=7}",
                "INFO outer {page=1, items=20}",
                "INFO by name {page=1, items=20}",
                "INFO outside {}"
            ]
        );
    }

    #[test]
    fn records_of_the_log_crate_are_taken_too() {
        let lines = lines_of(|| log::error!(code = 7, name = "x"; "from {}", "log"));
        assert_eq!(lines, ["ERROR from log {code=7, name=x}"]);
    }
}
