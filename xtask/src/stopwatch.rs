//! How long something took. The only reader of time in this program.

#![expect(clippy::disallowed_methods, reason = "measures real builds; nothing here is simulated")]

use std::fmt;
use std::time::{Duration, Instant};

/// Runs from when it is made.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Elapsed {
        Elapsed(self.0.elapsed())
    }
}

/// A duration as a person says it: `0.4 s`, `12 s`, `4 min 07 s`.
#[derive(Clone, Copy)]
pub(crate) struct Elapsed(Duration);

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let text = match seconds {
            0..10 => format!("{:.1} s", self.0.as_secs_f64()),
            10..60 => format!("{seconds} s"),
            _ => format!("{} min {:02} s", seconds / 60, seconds % 60),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        let check = |millis, expected: &str| {
            assert_eq!(Elapsed(Duration::from_millis(millis)).to_string(), expected);
        };
        check(430, "0.4 s");
        check(12_900, "12 s");
        check(247_000, "4 min 07 s");
        assert_eq!(format!("{:>8}", Elapsed(Duration::from_secs(12))), "    12 s");
    }
}
