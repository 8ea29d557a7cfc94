//! Which lines of a log are asked for, as people write it.

use std::ops::RangeInclusive;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;

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
    #[arg(long, value_name = "LINES", value_parser = parse_lines)]
    lines: Option<RangeInclusive<u64>>,
    /// Only lines that matter so much or more: trace, debug, info, warn, error
    #[arg(long, value_name = "LEVEL", value_parser = parse_level)]
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

fn parse_lines(text: &str) -> Result<RangeInclusive<u64>, String> {
    let expected = || "expected lines such as 21..40, 21.., ..40 or 21".to_owned();
    let number = |text: &str, open| match text {
        "" => Ok(open),
        number => number.parse().map_err(|_| expected()),
    };
    match text.split_once("..") {
        None | Some(("", "")) => text.parse().map(|line| line..=line).map_err(|_| expected()),
        Some((first, last)) => Ok(number(first, 1)?..=number(last, u64::MAX)?),
    }
}

fn parse_level(text: &str) -> Result<Level, String> {
    let known = Level::ALL.into_iter().find(|level| level.name() == text);
    known.ok_or_else(|| format!("expected one of {}", Level::ALL.map(Level::name).join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_people_write_them() {
        for (text, expected) in
            [("21..40", Some(21..=40)), ("21..", Some(21..=u64::MAX)), ("..40", Some(1..=40)), ("7", Some(7..=7))]
        {
            assert_eq!(parse_lines(text).ok(), expected, "{text}");
        }
        for text in ["", "..", "a..b", "-3", "1-3", "1..2..3"] {
            assert!(parse_lines(text).unwrap_err().contains("21..40"), "{text}");
        }
    }

    #[test]
    fn levels_have_their_words() {
        assert_eq!(parse_level("warn"), Ok(Level::Warn));
        assert!(parse_level("loud").unwrap_err().contains("trace, debug"));
    }
}
