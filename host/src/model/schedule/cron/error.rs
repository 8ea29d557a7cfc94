//! What is wrong with a cron expression.

use std::fmt;
use std::ops::Range;

/// A text is not a cron expression that can be used: where, why, and what could stand there instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronError {
    pub(super) field: Option<&'static str>,
    pub(super) range: Range<usize>,
    pub(super) why: String,
    pub(super) allowed: String,
}

impl CronError {
    /// The name of the field, such as `day of month`; none if it is about the whole expression.
    pub fn field(&self) -> Option<&'static str> {
        self.field
    }

    /// Where it is: a range of bytes of the expression. It is never beyond its end.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// What is wrong there.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// What could stand there instead, as advice in the imperative or a description of what is expected.
    pub fn allowed(&self) -> &str {
        &self.allowed
    }
}

impl fmt::Display for CronError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field {
            Some(field) => write!(f, "{field}: {}; {}", self.why, self.allowed),
            None => write!(f, "{}; {}", self.why, self.allowed),
        }
    }
}

impl std::error::Error for CronError {}
