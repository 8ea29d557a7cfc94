//! Durations in payloads, written as in sandclock's own configuration: `"90s"`, `"1h 30m"`, `"250ms"`.
//!
//! ```
//! use std::time::Duration;
//!
//! #[derive(serde::Deserialize)]
//! struct Payload {
//!     #[serde(with = "sandclock::duration")]
//!     timeout: Duration,
//!     #[serde(default, with = "sandclock::duration")]
//!     window: Option<Duration>,
//! }
//!
//! let payload: Payload = serde_json::from_str(r#"{"timeout": "1m 30s"}"#)?;
//! assert_eq!((payload.timeout, payload.window), (Duration::from_secs(90), None));
//! # Ok::<(), serde_json::Error>(())
//! ```

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// The units by their names, in nanoseconds. A day has 24 hours; months and years have no fixed length.
const UNITS: [(&[&str], u64); 8] = [
    (&["ns", "nsec", "nanosecond", "nanoseconds"], 1),
    (&["us", "\u{b5}s", "usec", "microsecond", "microseconds"], 1_000),
    (&["ms", "msec", "millisecond", "milliseconds"], 1_000_000),
    (&["s", "sec", "secs", "second", "seconds"], 1_000_000_000),
    (&["m", "min", "mins", "minute", "minutes"], 60_000_000_000),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600_000_000_000),
    (&["d", "day", "days"], 86_400_000_000_000),
    (&["w", "wk", "week", "weeks"], 604_800_000_000_000),
];

/// A text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DurationError(String);

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a duration such as \"30s\", \"1h 30m\" or \"250ms\"", self.0)
    }
}

impl std::error::Error for DurationError {}

/// Reads a duration: whole or decimal numbers, each with a unit, which are added up.
///
/// # Errors
///
/// If it is none, or longer than about 584 years.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    sum(text.trim()).map(Duration::from_nanos).ok_or_else(|| DurationError(text.to_owned()))
}

fn sum(text: &str) -> Option<u64> {
    let mut nanos = 0u64;
    let mut rest = text;
    loop {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let after = after.trim_start();
        let (unit, after) = after.split_at(after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len()));
        let (_, scale) = UNITS.iter().find(|(names, _)| names.contains(&unit))?;
        nanos = nanos.checked_add(times(number, *scale)?)?;
        rest = after.trim_start();
        if rest.is_empty() {
            return Some(nanos);
        }
    }
}

/// A decimal number times a scale, exact but for what is less than a nanosecond.
fn times(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let mut nanos = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    let mut place = scale;
    for digit in fraction.bytes() {
        place /= 10;
        nanos = nanos.checked_add(u64::from(digit.is_ascii_digit().then(|| digit - b'0')?) * place)?;
    }
    (!fraction.is_empty()).then_some(nanos)
}

/// For `#[serde(with = "sandclock::duration")]`, on a [`Duration`] or, together with `default`, on an `Option` of one.
///
/// # Errors
///
/// If the value is not a text that [`parse`] takes.
pub fn deserialize<'de, D: Deserializer<'de>, T: From<Duration>>(deserializer: D) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map(T::from).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, millis) in [
            ("90s", 90_000),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            ("2 days", 172_800_000),
            ("1.5s", 1_500),
            ("0.25 min", 15_000),
            (" 250ms ", 250),
            ("0s", 0),
            ("1w", 604_800_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse("1.5\u{b5}s"), Ok(Duration::from_nanos(1_500)));
        assert_eq!(parse("0.1234567891s"), Ok(Duration::from_nanos(123_456_789)));
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for text in ["", "90", "s", "-1s", "1.s", ".5s", "1..5s", "1y", "1 fortnight", "1h and 2m", "999999w", "1s,2s"]
        {
            assert_eq!(parse(text), Err(DurationError(text.to_owned())), "{text}");
        }
    }
}
