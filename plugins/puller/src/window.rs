//! The stretch of time whose items are new.

use std::time::Duration;

use sandclock::{Context, Failure, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::page::at;

/// From an instant on, and up to another but not at it: the windows of consecutive slots leave no gap and never overlap.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Window {
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
}

impl Window {
    /// The stretch of that length before an instant.
    pub(crate) fn before(until: Timestamp, length: Duration) -> Self {
        Self { from: until - length, until }
    }
}

/// Whether an item is new. Without a window, or a place for an item's time, every one is.
pub(crate) fn holds(window: Option<Window>, place: Option<&str>, item: &Value) -> Result<bool, Failure> {
    let (Some(window), Some(place)) = (window, place) else {
        return Ok(true);
    };
    let time = time_of(item, place)?;
    Ok(window.from <= time && time < window.until)
}

/// An item's time: RFC 3339, or seconds since 1970.
fn time_of(item: &Value, place: &str) -> Result<Timestamp, Failure> {
    match at(item, place) {
        Some(Value::String(text)) => text.parse::<Timestamp>().context(format!("reading an item's `{place}`")),
        Some(Value::Number(seconds)) => {
            let seconds = seconds.as_f64().unwrap_or_default();
            let distance =
                Duration::try_from_secs_f64(seconds.abs()).context(format!("reading an item's `{place}`"))?;
            let epoch = Timestamp::UNIX_EPOCH;
            Ok(if seconds < 0.0 { epoch - distance } else { epoch + distance })
        }
        _ => Err(Failure::permanent(format!("an item has no time at `{place}`"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_read_in_both_forms() {
        let slot: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
        let window = Some(Window::before(slot, Duration::from_secs(60)));
        for (item, expected) in [
            (json!({"t": "2026-11-23T08:59:00Z"}), true),
            (json!({"t": "2026-11-23T09:00:00Z"}), false),
            (json!({"t": slot.unix_seconds() - 60}), true),
            (json!({"t": slot.unix_seconds() as f64 - 60.5}), false),
            (json!({"t": slot.unix_seconds() as f64 - 0.5}), true),
            (json!({"t": -5}), false),
        ] {
            assert_eq!(holds(window, Some("t"), &item), Ok(expected), "{item}");
        }
        assert_eq!(holds(window, None, &json!(1)), Ok(true));
        assert_eq!(holds(None, Some("t"), &json!(1)), Ok(true));
    }

    #[test]
    fn an_item_without_a_time_is_an_error() {
        let window = Some(Window::before(Timestamp::UNIX_EPOCH, Duration::ZERO));
        for (item, expected) in [
            (json!({"t": null}), "an item has no time at `t`"),
            (json!(7), "an item has no time at `t`"),
            (json!({"t": "soon"}), "reading an item's `t`: \"soon\" is not a time"),
            (json!({"t": 1e300}), "reading an item's `t`: "),
        ] {
            let failure = holds(window, Some("t"), &item).unwrap_err();
            assert!(failure.message().starts_with(expected), "{failure}");
        }
    }
}
