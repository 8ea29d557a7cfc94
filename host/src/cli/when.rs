//! Points in time as people give them on the command line.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::model::quantity;
use crate::model::schedule::at;

/// A point in time as a person gives it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum When {
    /// So long before now.
    Ago(Duration),
    /// On clocks in a zone that the command knows.
    Civil(DateTime),
    /// Everywhere the same.
    At(Timestamp),
}

impl When {
    /// The time that is meant, for a person who looks at clocks in this zone now.
    pub(super) fn resolve(&self, now: Timestamp, zone: &TimeZone) -> anyhow::Result<Timestamp> {
        match self {
            When::Ago(ago) => Ok(now.saturating_sub(*ago)?),
            When::Civil(civil) => Ok(zone.to_timestamp(*civil)?),
            When::At(time) => Ok(*time),
        }
    }
}

/// Reads a date, or a date and a time, with or without a zone.
pub(super) fn parse(text: &str) -> Result<When, String> {
    if let Ok(time) = at::parse(text) {
        return Ok(When::At(time.timestamp()));
    }
    let expected = "expected a time such as 2026-11-23, 2026-11-23T18:00 or 2026-11-23T18:00:00Z";
    text.parse().map(When::Civil).map_err(|_| expected.to_owned())
}

/// Reads a point in time that is in the past: also how long ago it was.
pub(super) fn parse_past(text: &str) -> Result<When, String> {
    let expected = "expected a time such as 2h (ago), 2026-11-23 or 2026-11-23T18:00";
    let ago = quantity::parse_duration(text).map(When::Ago);
    ago.or_else(|_| parse(text)).map_err(|_| expected.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let check = |text: &str, expected: &str| {
            let time = parse_past(text).unwrap().resolve(now, &zone).unwrap();
            assert_eq!(time, expected.parse().unwrap(), "{text}");
        };
        check("90m", "2026-11-23T10:30:00Z");
        check("2d", "2026-11-21T12:00:00Z");
        check("2026-11-01", "2026-10-31T23:00:00Z");
        check("2026-11-01T18:30", "2026-11-01T17:30:00Z");
        check("2026-11-01 18:30", "2026-11-01T17:30:00Z");
        check("2026-11-01T18:30:00Z", "2026-11-01T18:30:00Z");
        check("2026-11-01T18:30:00[America/New_York]", "2026-11-01T23:30:00Z");
        assert!(parse_past("yesterday").unwrap_err().contains("2h (ago)"));
    }

    #[test]
    fn what_may_lie_ahead_is_never_a_distance() {
        assert!(parse("2h").is_err());
        assert!(parse("2027-03-13").is_ok());
    }
}
