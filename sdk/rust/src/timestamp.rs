//! Points in time, read and written as RFC 3339 in UTC.
//!
//! It knows no time zones: a task that needs civil time in one converts to the type of `jiff` or `chrono`, both of which
//! take a `SystemTime`.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const NANOS: u32 = 1_000_000_000;
const DAY: i64 = 86_400;

/// A point in time, to the nanosecond.
///
/// It is shown, and goes through serde, as RFC 3339: `2026-11-23T09:00:00Z`. Arithmetic stops at the ends of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    nanoseconds: u32,
}

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Timestamp = Timestamp { seconds: 0, nanoseconds: 0 };

    /// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted, and nanoseconds after that.
    pub fn from_unix(seconds: i64, nanoseconds: u32) -> Self {
        let carry = i64::from(nanoseconds / NANOS);
        Self { seconds: seconds.saturating_add(carry), nanoseconds: nanoseconds % NANOS }
    }

    /// The time on the host's clock. To decide what a run is about, use [`Run::slot`](crate::Run::slot) instead.
    ///
    /// # Panics
    ///
    /// Where there is no clock: on `wasm32-unknown-unknown`.
    pub fn now() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is where a task reads the clock")]
        SystemTime::now().into()
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down.
    pub fn unix_seconds(self) -> i64 {
        self.seconds
    }

    /// The nanoseconds within the second.
    pub fn subsec_nanos(self) -> u32 {
        self.nanoseconds
    }

    /// How long it is from the earlier time to this one; zero if that one is not earlier.
    pub fn since(self, earlier: Timestamp) -> Duration {
        let nanos = self.total_nanos() - earlier.total_nanos();
        let seconds = u64::try_from(nanos / i128::from(NANOS)).unwrap_or(0);
        let rest = u32::try_from(nanos % i128::from(NANOS)).unwrap_or(0);
        Duration::new(seconds, rest)
    }

    fn total_nanos(self) -> i128 {
        i128::from(self.seconds) * i128::from(NANOS) + i128::from(self.nanoseconds)
    }

    fn from_total_nanos(nanos: i128) -> Self {
        let seconds = nanos.div_euclid(i128::from(NANOS));
        let nanoseconds = u32::try_from(nanos.rem_euclid(i128::from(NANOS))).unwrap_or(0);
        match i64::try_from(seconds) {
            Ok(seconds) => Self { seconds, nanoseconds },
            Err(_) if nanos < 0 => Self { seconds: i64::MIN, nanoseconds: 0 },
            Err(_) => Self { seconds: i64::MAX, nanoseconds: NANOS - 1 },
        }
    }
}

/// A duration's nanoseconds; they fit, being less than 2^64 seconds.
fn nanos_of(duration: Duration) -> i128 {
    i128::from(duration.as_secs()) * i128::from(NANOS) + i128::from(duration.subsec_nanos())
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;

    fn add(self, duration: Duration) -> Timestamp {
        Timestamp::from_total_nanos(self.total_nanos() + nanos_of(duration))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Timestamp;

    fn sub(self, duration: Duration) -> Timestamp {
        Timestamp::from_total_nanos(self.total_nanos() - nanos_of(duration))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self::UNIX_EPOCH + after,
            Err(before) => Self::UNIX_EPOCH - before.duration(),
        }
    }
}

impl From<Timestamp> for SystemTime {
    /// The epoch, if the platform cannot represent the time.
    fn from(time: Timestamp) -> Self {
        let (from_epoch, back) = (time.since(Timestamp::UNIX_EPOCH), Timestamp::UNIX_EPOCH.since(time));
        UNIX_EPOCH.checked_add(from_epoch).and_then(|later| later.checked_sub(back)).unwrap_or(UNIX_EPOCH)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.seconds.div_euclid(DAY));
        let second = self.seconds.rem_euclid(DAY);
        // Years past 9999 are outside RFC 3339; ISO 8601 gives them a sign.
        let sign = if year > 9999 { "+" } else { "" };
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{sign}{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if self.nanoseconds != 0 {
            let fraction = format!("{:09}", self.nanoseconds);
            write!(f, ".{}", fraction.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

/// A text is not a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampError(String);

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a time such as 2026-11-23T09:00:00Z or 2026-11-23T10:00:00+01:00", self.0)
    }
}

impl std::error::Error for TimestampError {}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        parse(text).ok_or_else(|| TimestampError(text.to_owned()))
    }
}

/// Reads RFC 3339, section 5.6. A leap second counts as the second after it, as in POSIX.
fn parse(text: &str) -> Option<Timestamp> {
    let number = |range: std::ops::Range<usize>| -> Option<i64> {
        let digits = text.get(range)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let letter = |at: usize, allowed: &[u8]| allowed.contains(text.as_bytes().get(at)?).then_some(());

    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    letter(4, b"-")?;
    letter(7, b"-")?;
    letter(10, b"Tt ")?;
    letter(13, b":")?;
    letter(16, b":")?;

    let after_seconds = text.get(19..)?;
    let (nanoseconds, zone) = match after_seconds.strip_prefix('.') {
        None => (0, after_seconds),
        Some(rest) => {
            let zone_at = rest.find(|c: char| !c.is_ascii_digit())?;
            let (digits, zone) = rest.split_at(zone_at);
            (format!("{digits:0<9}").get(..9)?.parse().ok().filter(|_| !digits.is_empty())?, zone)
        }
    };
    let offset = match zone.as_bytes() {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let digit = |b: &u8| b.is_ascii_digit().then(|| i64::from(b - b'0'));
            let (hours, minutes) = (digit(h1)? * 10 + digit(h2)?, digit(m1)? * 10 + digit(m2)?);
            let seconds = (hours < 24 && minutes < 60).then_some(hours * 3600 + minutes * 60)?;
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };

    let days = days_from_civil(year, month, day);
    let real = (1..=12).contains(&month) && civil_from_days(days) == (year, month, day);
    let in_day = hour < 24 && minute < 60 && second <= 60;
    (real && in_day).then(|| {
        let second = days * DAY + hour * 3600 + minute * 60 + second - offset;
        Timestamp::from_unix(second, nanoseconds)
    })
}

/// Days since the epoch of a date in the proleptic Gregorian calendar; `days_from_civil` of Howard Hinnant's
/// "chrono-compatible low-level date algorithms".
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The date of a number of days since the epoch: `civil_from_days` of the same source.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        for (text, seconds, nanoseconds, written) in [
            ("1970-01-01T00:00:00Z", 0, 0, "1970-01-01T00:00:00Z"),
            ("2026-11-23T09:00:00Z", 1_795_424_400, 0, "2026-11-23T09:00:00Z"),
            ("2026-11-23t10:00:00.250+01:00", 1_795_424_400, 250_000_000, "2026-11-23T09:00:00.25Z"),
            ("2026-11-23 03:30:00.1234567899-05:30", 1_795_424_400, 123_456_789, "2026-11-23T09:00:00.123456789Z"),
            ("2024-02-29T23:59:59Z", 1_709_251_199, 0, "2024-02-29T23:59:59Z"),
            ("2016-12-31T23:59:60Z", 1_483_228_800, 0, "2017-01-01T00:00:00Z"),
            ("1969-12-31T23:59:59.5Z", -1, 500_000_000, "1969-12-31T23:59:59.5Z"),
            ("0000-01-01T00:00:00Z", -62_167_219_200, 0, "0000-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59Z", 253_402_300_799, 0, "9999-12-31T23:59:59Z"),
        ] {
            let time: Timestamp = text.parse().unwrap();
            assert_eq!((time.unix_seconds(), time.subsec_nanos()), (seconds, nanoseconds), "{text}");
            assert_eq!(time.to_string(), written, "{text}");
            assert_eq!(serde_json::from_str::<Timestamp>(&serde_json::to_string(&time).unwrap()).unwrap(), time);
            assert_eq!(Timestamp::from(SystemTime::from(time)), time, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        for text in [
            "",
            "today",
            "2026-11-23",
            "2026-11-23T09:00:00",
            "2026-11-23T09:00:00.Z",
            "2026-11-23T09:00:00+1:00",
            "2026-11-23T09:00:00+24:00",
            "2026-02-29T09:00:00Z",
            "2026-13-01T09:00:00Z",
            "2026-00-01T09:00:00Z",
            "2026-11-00T09:00:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T09:00:00Zulu",
            "+026-11-23T09:00:00Z",
            "2026-11-23T09:0\u{e9}:00Z",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_day_of_eight_centuries_survives_the_calendar() {
        let first = days_from_civil(1600, 1, 1);
        for days in first..first + 2 * 146_097 {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        let (first, last) = (Timestamp::from_unix(i64::MIN, 0), Timestamp::from_unix(i64::MAX, NANOS - 1));
        assert_eq!(last + Duration::MAX, last);
        assert_eq!(first - Duration::MAX, first);
        assert_eq!(first.since(last), Duration::ZERO);
        assert_eq!(last.since(first), Duration::new(u64::MAX, NANOS - 1));
        let start = Timestamp::from_unix(10, 0);
        assert_eq!((start + Duration::from_millis(1500)).since(start), Duration::from_millis(1500));
        assert_eq!(start - Duration::from_millis(10_500), Timestamp::from_unix(-1, 500_000_000));
    }
}
