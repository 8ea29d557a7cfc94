//! Which lines of a log are asked for, as people write it.

use std::ops::RangeInclusive;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::api::words;
use crate::cli::when::{self, When};
use crate::ledger::Excerpt;
use crate::model::log::Level;

/// What narrows a log down.
#[derive(Debug, Args)]
pub(super) struct Choice {
    /// Only this attempt
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
    /// Only these lines: `21..40`, `21..`, `..40` or `21`, counted from 1 through all attempts
    #[arg(long, value_name = "LINES", value_parser = words::lines)]
    lines: Option<RangeInclusive<u64>>,
    /// Only lines that matter so much or more: trace, debug, info, warn, error
    #[arg(long, value_name = "LEVEL", value_parser = words::level)]
    level: Option<Level>,
    /// Only lines since then: `2h` (ago), `2026-11-23`, `2026-11-23T18:00`
    #[arg(long, value_name = "WHEN", value_parser = when::parse_past)]
    since: Option<When>,
    /// Only lines before then
    #[arg(long, value_name = "WHEN", value_parser = when::parse_past)]
    until: Option<When>,
    /// Of all those, only the last N
    #[arg(long, value_name = "N")]
    tail: Option<usize>,
}

impl Choice {
    /// The same for the ledger, as meant by a person who looks at clocks in this zone now.
    pub(super) fn excerpt(&self, now: Timestamp, zone: &TimeZone) -> anyhow::Result<Excerpt> {
        let time = |when: &Option<When>| when.as_ref().map(|when| when.resolve(now, zone)).transpose();
        Ok(Excerpt {
            attempt: self.attempt,
            numbers: self.lines.clone(),
            level: self.level,
            since: time(&self.since)?,
            until: time(&self.until)?,
            tail: self.tail,
        })
    }
}
