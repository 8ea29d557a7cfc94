//! A line of the host's log for programs: the library's JSON, in which no character can act on a terminal.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{self, Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::model::text::inert_json;

/// Formats an event as one JSON object on one line.
pub(super) struct Json(Format<format::Json>);

impl Json {
    pub(super) fn new() -> Self {
        Self(format::format().json().flatten_event(true).with_target(false).with_span_list(false))
    }
}

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut json = String::new();
        self.0.format_event(context, Writer::new(&mut json), event)?;
        write!(writer, "{}", inert_json(&json))
    }
}
