//! One point in time, as a person writes it down.

use jiff::civil::DateTime;
use jiff::fmt::temporal::{DateTimeParser, Pieces};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::model::schedule::cron::instant_of;

static PARSER: DateTimeParser = DateTimeParser::new();

/// A text is not a point in time.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AtError {
    /// It is not written as a date and a time.
    #[error("expected a date, a time and a zone or offset, such as 2026-12-24T18:00:00[Europe/Berlin]")]
    Syntax(#[source] jiff::Error),
    /// It does not say on whose clocks.
    #[error("expected an offset or a time zone after the time, such as `Z`, `+01:00` or `[Europe/Berlin]`")]
    NoZone,
    /// The offset and the zone do not agree, or there is no such zone.
    #[error("the zone of this point in time cannot be used")]
    Zone(#[source] jiff::Error),
}

/// Reads a point in time: RFC 9557 (`2026-12-24T18:00:00[Europe/Berlin]`, with or without an offset) or RFC 3339
/// (`2026-12-24T18:00:00Z`).
///
/// A time that clocks skip means the first instant after the gap, and one that they show twice the first of the two,
/// as in cron expressions.
///
/// # Errors
///
/// If the text is neither, or if its zone is unknown or does not have the offset that was written.
pub fn parse(text: &str) -> Result<Zoned, AtError> {
    let pieces = PARSER.parse_pieces(text).map_err(AtError::Syntax)?;
    if pieces.time_zone_annotation().is_some() && pieces.offset().is_none() {
        let zone = pieces.to_time_zone().map_err(AtError::Zone)?.unwrap_or(TimeZone::UTC);
        let time = civil(&pieces);
        return instant_of(&zone, time).map(|instant| instant.to_zoned(zone)).ok_or(AtError::NoZone);
    }
    if pieces.time_zone_annotation().is_some() {
        return PARSER.parse_zoned(text).map_err(AtError::Zone);
    }
    if pieces.offset().is_none() {
        return Err(AtError::NoZone);
    }
    let zone = pieces.to_numeric_offset().map_or(TimeZone::UTC, TimeZone::fixed);
    text.parse::<Timestamp>().map(|instant| instant.to_zoned(zone)).map_err(AtError::Syntax)
}

fn civil(pieces: &Pieces<'_>) -> DateTime {
    pieces.date().to_datetime(pieces.time().unwrap_or_default())
}

/// A point in time in Unix milliseconds, rounded down.
pub(super) fn millis(time: &Zoned) -> i64 {
    let time = time.timestamp();
    time.as_millisecond() - i64::from(time.subsec_nanosecond() % 1_000_000 < 0)
}
