//! Where the host's own log goes, and in which form.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::json::Json;
use super::line::Line;
use crate::clock::Clock;

/// How the host logs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// In which form.
    pub format: Format,
    /// What is logged: directives of [`EnvFilter`], such as `info` or `sandclock_host=debug`.
    pub filter: String,
    /// Whether [`Format::Text`] is coloured.
    pub coloured: bool,
}

/// In which form the host logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Lines for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// The filter is malformed.
#[derive(Debug, thiserror::Error)]
#[error(
    "the log filter {filter:?} is malformed; expected a level (error, warn, info, debug, trace) or directives such as sandclock_host=debug"
)]
pub struct FilterError {
    filter: String,
    source: tracing_subscriber::filter::ParseError,
}

impl Settings {
    /// Says what is wrong before there is anything to log.
    ///
    /// # Errors
    ///
    /// If the filter is malformed.
    pub fn check(&self) -> Result<(), FilterError> {
        self.parsed().map(drop)
    }

    fn parsed(&self) -> Result<EnvFilter, FilterError> {
        EnvFilter::try_new(&self.filter).map_err(|source| FilterError { filter: self.filter.clone(), source })
    }
}

/// Sends the host's log to a writer from now on. Calling it again in one process does nothing.
///
/// # Errors
///
/// If the filter is malformed.
pub fn init<W>(settings: &Settings, clock: Clock, writer: W) -> Result<(), FilterError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let registry = tracing_subscriber::registry().with(settings.parsed()?);
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    // An error means that a log is set up already, in a test say.
    let _ = match settings.format {
        Format::Text => registry.with(layer.with_ansi(settings.coloured).event_format(Line(clock))).try_init(),
        Format::Json => registry.with(layer.fmt_fields(JsonFields::new()).event_format(Json::new())).try_init(),
    };
    Ok(())
}
