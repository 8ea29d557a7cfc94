//! The fields of a cron expression: their names, and which numbers and words they take.

use super::set::Set;

/// A field of a cron expression.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    /// The smallest number.
    pub(super) low: u8,
    /// The largest number of `*`.
    pub(super) high: u8,
    /// The largest number that may be written; more than `high` if one value has two numbers.
    pub(super) highest: u8,
    /// Words for the numbers from `low` on.
    pub(super) words: &'static [&'static str],
    /// What may be written, to be read after "expected".
    pub(super) allowed: &'static str,
}

pub(super) const SECOND: Field = plain("second", 0, 59, "0 to 59, a range such as `0-30`, or steps such as `*/15`");
pub(super) const MINUTE: Field = plain("minute", 0, 59, "0 to 59, a range such as `0-30`, or steps such as `*/15`");
pub(super) const HOUR: Field = plain("hour", 0, 23, "0 to 23, a range such as `9-17`, or steps such as `*/2`");
pub(super) const DAY_OF_MONTH: Field = plain(
    "day of month",
    1,
    31,
    "1 to 31, `L` for the last day, `15W` for the weekday nearest to the 15th, or `LW` for the last weekday",
);
pub(super) const MONTH: Field = Field {
    words: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
    ..plain("month", 1, 12, "1 to 12, or JAN to DEC")
};
pub(super) const DAY_OF_WEEK: Field = Field {
    highest: 7,
    words: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    ..plain(
        "day of week",
        0,
        6,
        "0 to 7 (0 and 7 are Sunday) or SUN to SAT, `FRI#2` for the second Friday, or `FRIL` for the last",
    )
};

const fn plain(name: &'static str, low: u8, high: u8, allowed: &'static str) -> Field {
    Field { name, low, high, highest: high, words: &[], allowed }
}

impl Field {
    /// All values.
    pub(super) fn all(&self) -> Set {
        Set::of(self.low..=self.high, 1)
    }

    /// How many values there are.
    pub(super) fn size(&self) -> u8 {
        self.high - self.low + 1
    }

    /// The number that a word stands for, in capitals or not.
    pub(super) fn number_of(&self, word: &str) -> Option<u8> {
        (self.low..).zip(self.words).find(|(_, known)| known.eq_ignore_ascii_case(word)).map(|(number, _)| number)
    }

    /// A value as it would be written beside `beside`: as a word if that is one.
    pub(super) fn show(&self, number: u8, beside: &str) -> String {
        let word = self.words.get(usize::from(number - self.low));
        match word.filter(|_| self.number_of(beside).is_some()) {
            Some(word) => (*word).to_owned(),
            None => number.to_string(),
        }
    }
}
