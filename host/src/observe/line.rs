//! A line of the host's log for people: when, how bad, which task, what happened, and the details behind it.
//!
//! Whatever an event says is made inert here, so that one event is one line whoever chose its words.

use std::fmt::{self, Write};

use anstyle::{AnsiColor, Style};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock::Clock;
use crate::model::text::inert_excerpt;

/// Formats an event as one line.
pub(super) struct Line(pub(super) Clock);

/// What an event says, taken apart.
#[derive(Default)]
struct Said {
    task: String,
    message: String,
    details: String,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut said = Said::default();
        event.record(&mut said);
        let (dim, level, bold) = match writer.has_ansi_escapes() {
            true => (Style::new().dimmed(), style(*event.metadata().level()), Style::new().bold()),
            false => Default::default(),
        };
        write!(writer, "{dim}{:.3}{dim:#} {level}{:>5}{level:#} ", self.0.now(), event.metadata().level())?;
        if !said.task.is_empty() {
            write!(writer, "{bold}{}{bold:#}: ", said.task)?;
        }
        write!(writer, "{}{dim}{}", said.message, said.details)?;
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<N>>().map_or("", |fields| fields.as_str());
            write!(writer, " {}{{{}}}", span.name(), inert_excerpt(fields))?;
        }
        writeln!(writer, "{dim:#}")
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, format_args!("{value:?}"));
    }
}

impl Said {
    fn take(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let value = value.to_string();
        let value = inert_excerpt(&value);
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "task" => write!(self.task, "{value}"),
            "message" => write!(self.message, "{value}"),
            // Fields of the `log` crate's records: which line of which library.
            name if name.starts_with("log.") => Ok(()),
            name => write!(self.details, " {name}={value}"),
        };
    }
}

fn style(level: Level) -> Style {
    match level {
        Level::ERROR => AnsiColor::Red.on_default().bold(),
        Level::WARN => AnsiColor::Yellow.on_default(),
        Level::INFO => AnsiColor::Green.on_default(),
        _ => Style::new().dimmed(),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(text)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_names_the_task_first_then_the_details_and_then_what_it_is_within() {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let clock = Clock::simulated("2026-11-23T09:00:00Z".parse().unwrap());
        let layer = tracing_subscriber::fmt::layer()
            .event_format(Line(clock))
            .with_ansi(false)
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::warn!(task = %"report", run = %"01KB", attempt = 2, "failed, perhaps not for long: busy");
            tracing::info!("draining");
            tracing::info_span!("attempt", faas.name = "report", sandclock.attempt = 2)
                .in_scope(|| tracing::info!("odd"));
        });
        assert_eq!(
            String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap(),
            "2026-11-23T09:00:00.000Z  WARN report: failed, perhaps not for long: busy run=01KB attempt=2\n\
             2026-11-23T09:00:00.000Z  INFO draining\n\
             2026-11-23T09:00:00.000Z  INFO odd attempt{faas.name=\"report\" sandclock.attempt=2}\n"
        );
    }
}
