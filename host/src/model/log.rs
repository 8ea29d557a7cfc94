//! A line of an attempt's log.

use jiff::Timestamp;

use crate::model::text;

/// A line of an attempt's log. The text is the guest's own: show it only through [`crate::model::text::inert`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When the host received it.
    pub at: Timestamp,
    /// How much it matters.
    pub level: Level,
    /// Where it came from.
    pub source: LogSource,
    /// The text, without a line end.
    pub message: String,
    /// Names and values.
    pub fields: Vec<(String, String)>,
}

/// How much a line matters, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Every step.
    Trace,
    /// Of use to whoever works on the plugin.
    Debug,
    /// What a person may want to know.
    Info,
    /// What a person should look at some time.
    Warn,
    /// What a person should look at now.
    Error,
}

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogSource {
    /// The guest, through a log interface.
    Log,
    /// The guest, on its standard output.
    Stdout,
    /// The guest, on its standard error.
    Stderr,
    /// The host: a denial, a limit, an HTTP request's audit line.
    Host,
}

impl LogLine {
    /// Bytes of its text, names and values.
    pub fn size(&self) -> usize {
        size(&self.message, &self.fields)
    }

    /// The line, or the beginning of its text alone where it has more than so many bytes.
    pub fn beginning(&self, most: usize) -> Self {
        if self.size() <= most {
            return self.clone();
        }
        Self { message: text::cut_off(self.message.clone(), most), fields: Vec::new(), ..*self }
    }
}

/// Bytes of a line with this text and these names and values.
pub fn size(message: &str, fields: &[(String, String)]) -> usize {
    message.len() + fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
}

impl Level {
    /// Every level, least first.
    pub const ALL: [Level; 5] = [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

impl LogSource {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            LogSource::Log => "log",
            LogSource::Stdout => "stdout",
            LogSource::Stderr => "stderr",
            LogSource::Host => "host",
        }
    }
}
