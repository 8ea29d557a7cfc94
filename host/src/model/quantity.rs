//! Durations, byte sizes and counts as people write them, and as they are shown again.
//!
//! Each kind has a parser and a display. The display rounds to what a person takes in at a glance (`3.21MiB`); its
//! alternate form, `{:#}`, is exact and is read back as the same figure.

use std::fmt;
use std::time::Duration;

use jiff::SpanRelativeTo;
use jiff::fmt::friendly::SpanParser;

use crate::model::limits::Unit;

/// The longest duration that can be written: a hundred years of 365 days. Sums of a few of these overflow nothing.
pub const MAX_DURATION: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The largest byte size or count that can be written: what a 64-bit integer of TOML or of a database can hold.
pub const MAX_FIGURE: u64 = i64::MAX as u64;

/// A text is not a quantity. The message says why and shows one that is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not a duration at all.
    #[error("a duration looks like \"30s\", \"1h 30m\" or \"1d\"")]
    Duration,
    /// A number without a unit where a duration was expected.
    #[error("a duration needs a unit, such as \"{0}s\" or \"{0}m\"")]
    DurationUnit(String),
    /// Months and years differ in length.
    #[error("a month or a year has no fixed length; write days, such as \"30d\"")]
    DurationCalendar,
    /// A duration below zero.
    #[error("a duration cannot be negative")]
    DurationNegative,
    /// A duration above [`MAX_DURATION`].
    #[error("a duration can be a hundred years at the most")]
    DurationTooLong,
    /// Not a byte size at all.
    #[error("a byte size looks like \"512B\", \"64MiB\" or \"1.5GB\"")]
    Bytes,
    /// A number without a unit, or with half of one.
    #[error("a byte size needs a unit: \"{0}MiB\" counts in steps of 1024, \"{0}MB\" in steps of 1000")]
    BytesUnit(String),
    /// Not a count at all.
    #[error("a count looks like \"500\", \"500k\", \"10M\" or \"1.5G\"")]
    Count,
    /// A byte size or a count above [`MAX_FIGURE`].
    #[error("the largest figure is {MAX_FIGURE}")]
    TooLarge,
}

/// Reads a duration in jiff's "friendly" format, such as `90s`, `1h 30m`, `2 days`. A day has 24 hours.
///
/// # Errors
///
/// If it is none, negative, longer than [`MAX_DURATION`], or in months or years.
pub fn parse_duration(text: &str) -> Result<Duration, QuantityError> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(QuantityError::DurationUnit(text.to_owned()));
    }
    let span = SpanParser::new().parse_span(text).map_err(|_| QuantityError::Duration)?;
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err(QuantityError::DurationCalendar);
    }
    let signed = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| QuantityError::DurationTooLong)?;
    let duration = Duration::try_from(signed).map_err(|_| QuantityError::DurationNegative)?;
    if duration > MAX_DURATION {
        return Err(QuantityError::DurationTooLong);
    }
    Ok(duration)
}

/// Reads a byte size, such as `512B`, `64MiB` (steps of 1024) or `1.5 GB` (steps of 1000). A fraction of a byte is
/// cut off.
///
/// # Errors
///
/// If it is none, lacks a unit, or is larger than [`MAX_FIGURE`].
pub fn parse_bytes(text: &str) -> Result<u64, QuantityError> {
    let (number, unit) = split_unit(text);
    let number = Decimal::parse(number).ok_or(QuantityError::Bytes)?;
    let scale = match unit.to_ascii_lowercase().as_str() {
        "b" => 1,
        "" | "k" | "m" | "g" | "t" => return Err(QuantityError::BytesUnit(number.text.to_owned())),
        unit => {
            let known = BINARY.iter().chain(DECIMAL).find(|(name, _)| name.eq_ignore_ascii_case(unit));
            known.ok_or(QuantityError::Bytes)?.1
        }
    };
    number.times(scale).ok_or(QuantityError::TooLarge)
}

/// Reads a count, such as `500`, `500k`, `10G` or `1_000_000`.
///
/// # Errors
///
/// If it is none, not whole, or larger than [`MAX_FIGURE`].
pub fn parse_count(text: &str) -> Result<u64, QuantityError> {
    let (number, unit) = split_unit(text);
    let number = Decimal::parse(number).ok_or(QuantityError::Count)?;
    let scale = match unit {
        // A fraction of one thing is a slip of the pen.
        "" if number.decimals > 0 => return Err(QuantityError::Count),
        "" => 1,
        "K" => 1_000,
        unit => COUNT.iter().find(|(name, _)| *name == unit).ok_or(QuantityError::Count)?.1,
    };
    number.times(scale).ok_or(QuantityError::TooLarge)
}

/// Shows a duration: rounded (`1.23s`, `1m 30s`, `110µs`), or exact in the alternate form.
pub fn duration(value: Duration) -> impl fmt::Display {
    fmt::from_fn(move |f| f.pad(&if f.alternate() { exact_duration(value) } else { short_duration(value) }))
}

/// Shows a byte size: rounded (`64MiB`, `3.21MiB`), or exact in the alternate form.
pub fn bytes(value: u64) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        f.pad(&match f.alternate() {
            true => exact(value, BINARY).or_else(|| exact(value, DECIMAL)).unwrap_or_else(|| format!("{value}B")),
            false => short(value, BINARY).unwrap_or_else(|| format!("{value}B")),
        })
    })
}

/// Shows a count: rounded (`10G`, `4.81M`, `950`), or exact in the alternate form.
pub fn count(value: u64) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        let figure = if f.alternate() { exact(value, COUNT) } else { short(value, COUNT) };
        f.pad(&figure.unwrap_or_else(|| value.to_string()))
    })
}

/// Shows a limit's figure in its unit, as [`duration`], [`bytes()`] and [`count`] do.
pub fn figure(value: u64, unit: Unit) -> impl fmt::Display {
    fmt::from_fn(move |f| match unit {
        Unit::Bytes => fmt::Display::fmt(&bytes(value), f),
        Unit::Count => fmt::Display::fmt(&count(value), f),
        Unit::Milliseconds => fmt::Display::fmt(&duration(Duration::from_millis(value)), f),
    })
}

/// Units of one kind, largest first.
type Units = [(&'static str, u64)];

const BINARY: &Units = &[("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
const DECIMAL: &Units = &[("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
const COUNT: &Units = &[("T", 1_000_000_000_000), ("G", 1_000_000_000), ("M", 1_000_000), ("k", 1_000)];

/// Units of time in nanoseconds, largest first.
const TIME: [(&str, u128); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("µs", 1_000),
    ("ns", 1),
];

fn split_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let at = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    (&text[..at], text[at..].trim_start())
}

/// A decimal number without the rounding of a float: `1.5` is 15 with one decimal.
struct Decimal<'a> {
    text: &'a str,
    digits: u128,
    decimals: u32,
}

impl<'a> Decimal<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        if !whole.starts_with(|c: char| c.is_ascii_digit()) || !fraction.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let decimals = if text.contains('.') { fraction } else { "" };
        let digits: String = whole.chars().chain(decimals.chars()).filter(|c| *c != '_').collect();
        // 24 digits times the largest unit still fit 128 bits.
        if digits.len() > 24 {
            return None;
        }
        let decimals = decimals.chars().filter(|c| *c != '_').count();
        Some(Self { text, digits: digits.parse().ok()?, decimals: u32::try_from(decimals).ok()? })
    }

    fn times(&self, scale: u64) -> Option<u64> {
        let value = self.digits * u128::from(scale) / 10u128.pow(self.decimals);
        u64::try_from(value).ok().filter(|value| *value <= MAX_FIGURE)
    }
}

/// The figure in the largest unit that divides it.
fn exact(value: u64, units: &Units) -> Option<String> {
    let (name, scale) = units.iter().find(|(_, scale)| value != 0 && value.is_multiple_of(*scale))?;
    Some(format!("{}{name}", value / scale))
}

/// The figure to three digits in the largest unit that it reaches.
fn short(value: u64, units: &Units) -> Option<String> {
    let (name, scale) = units.iter().find(|(_, scale)| value >= *scale)?;
    Some(format!("{}{name}", three_digits(u128::from(value), u128::from(*scale))))
}

/// `value / scale`, cut off after three digits but never within its whole part; no trailing zeros.
fn three_digits(value: u128, scale: u128) -> String {
    let whole = value / scale;
    let decimals = match whole {
        0..=9 => 2,
        10..=99 => 1,
        _ => return whole.to_string(),
    };
    let fraction = value % scale * 10u128.pow(decimals) / scale;
    let text = format!("{whole}.{fraction:0width$}", width = decimals as usize);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn exact_duration(value: Duration) -> String {
    let mut rest = value.as_nanos();
    let mut parts = Vec::new();
    for (name, scale) in TIME {
        if rest >= scale {
            parts.push(format!("{}{name}", rest / scale));
            rest %= scale;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// Two neighbouring units from a minute up; three digits of one unit below.
fn short_duration(value: Duration) -> String {
    let nanos = value.as_nanos();
    let Some(largest) = TIME.iter().position(|(_, scale)| nanos >= *scale) else {
        return "0s".to_owned();
    };
    let (name, scale) = TIME[largest];
    if name == "d" || name == "h" || name == "m" {
        let (next_name, next_scale) = TIME[largest + 1];
        let next = nanos % scale / next_scale;
        let head = format!("{}{name}", nanos / scale);
        return if next == 0 { head } else { format!("{head} {next}{next_name}") };
    }
    format!("{}{name}", three_digits(nanos, scale))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let check = |text, expected| assert_eq!(parse_duration(text), expected, "{text:?}");
        for (text, seconds) in
            [("90s", 90), ("1h 30m", 5400), ("1h30m", 5400), (" 2 days ", 172_800), ("1w", 604_800), ("0s", 0)]
        {
            check(text, Ok(Duration::from_secs(seconds)));
        }
        check("250ms", Ok(Duration::from_millis(250)));
        check("1.5s", Ok(Duration::from_millis(1500)));
        check("60", Err(QuantityError::DurationUnit("60".to_owned())));
        check("1 month", Err(QuantityError::DurationCalendar));
        check("1s ago", Err(QuantityError::DurationNegative));
        check("101y", Err(QuantityError::DurationCalendar));
        check("40000d", Err(QuantityError::DurationTooLong));
        for text in ["", "soon", "s", "5 parsecs", "5s5"] {
            check(text, Err(QuantityError::Duration));
        }
    }

    #[test]
    fn byte_sizes_are_read_as_people_write_them() {
        let check = |text, expected| assert_eq!(parse_bytes(text), expected, "{text:?}");
        for (text, expected) in [
            ("0B", 0),
            ("512B", 512),
            ("64MiB", 64 << 20),
            ("64 mib", 64 << 20),
            ("1.5 GB", 1_500_000_000),
            ("2kB", 2000),
            ("0.1GiB", 107_374_182),
            ("1_000B", 1000),
        ] {
            check(text, Ok(expected));
        }
        check("64", Err(QuantityError::BytesUnit("64".to_owned())));
        check("64M", Err(QuantityError::BytesUnit("64".to_owned())));
        check("9999999999TiB", Err(QuantityError::TooLarge));
        for text in ["", "MiB", "-1MiB", "1..5MB", ".5MB", "5.MB", "64MiBs", "1e3B", "99999999999999999999999999B"] {
            check(text, Err(QuantityError::Bytes));
        }
    }

    #[test]
    fn counts_are_read_as_people_write_them() {
        let check = |text, expected| assert_eq!(parse_count(text), expected, "{text:?}");
        for (text, expected) in
            [("0", 0), ("500k", 500_000), ("10G", 10_000_000_000), ("1.5 M", 1_500_000), ("2K", 2000)]
        {
            check(text, Ok(expected));
        }
        check("10000000T", Err(QuantityError::TooLarge));
        for text in ["", "k", "1.5", "10m", "10 GB", "-1", "ten"] {
            check(text, Err(QuantityError::Count));
        }
    }

    #[test]
    fn figures_are_rounded_for_people_and_exact_for_files() {
        let check = |shown: &dyn fmt::Display, short, exact| {
            assert_eq!((shown.to_string().as_str(), format!("{shown:#}").as_str()), (short, exact));
        };
        check(&bytes(64 << 20), "64MiB", "64MiB");
        check(&bytes(3_365_000), "3.2MiB", "3365kB");
        check(&bytes(1023), "1023B", "1023B");
        check(&bytes(0), "0B", "0B");
        check(&count(100_000_000_000), "100G", "100G");
        check(&count(4_812_345), "4.81M", "4812345");
        check(&count(0), "0", "0");
        check(&duration(Duration::from_secs(90)), "1m 30s", "1m 30s");
        check(&duration(Duration::from_secs(86_400 * 3)), "3d", "3d");
        check(&duration(Duration::from_micros(1_234_567)), "1.23s", "1s 234ms 567µs");
        check(&duration(Duration::from_micros(110)), "110µs", "110µs");
        check(&duration(Duration::ZERO), "0s", "0s");
        check(&duration(Duration::from_millis(3_723_004)), "1h 2m", "1h 2m 3s 4ms");
        check(&figure(1500, Unit::Milliseconds), "1.5s", "1s 500ms");
        assert_eq!(format!("{:>8}|{:<6}|", bytes(1 << 10), count(7)), "    1KiB|7     |");
    }

    proptest! {
        #[test]
        fn what_is_shown_exactly_is_read_back(value in 0..=MAX_FIGURE, nanos in 0..=MAX_DURATION.as_nanos()) {
            prop_assert_eq!(parse_bytes(&format!("{:#}", bytes(value))), Ok(value));
            prop_assert_eq!(parse_count(&format!("{:#}", count(value))), Ok(value));
            let time = Duration::new((nanos / 1_000_000_000) as u64, (nanos % 1_000_000_000) as u32);
            prop_assert_eq!(parse_duration(&format!("{:#}", duration(time))), Ok(time));
        }

        #[test]
        fn no_text_makes_a_parser_panic(text in ".{0,40}", figure in "[0-9._]{0,30}[a-zA-Z ]{0,4}") {
            for text in [text, figure] {
                let _ = (parse_duration(&text), parse_bytes(&text), parse_count(&text));
            }
        }
    }
}
