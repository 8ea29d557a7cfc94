//! Pieces of a cron expression that know where they stand, the values that they are read as, and the errors that point
//! at them.

use std::ops::RangeInclusive;

use super::error::CronError;
use super::field::Field;
use super::set::Set;

/// A part of the expression and where it starts, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl<'a> Piece<'a> {
    pub(super) fn trimmed(self) -> Self {
        let start = self.text.trim_start();
        Self { text: start.trim_end(), at: self.at + self.text.len() - start.len() }
    }

    pub(super) fn split(self, separator: impl Fn(char) -> bool + 'a) -> impl Iterator<Item = Piece<'a>> {
        let start = self.text.as_ptr().addr();
        self.text.split(separator).map(move |text| Piece { text, at: self.at + text.as_ptr().addr() - start })
    }

    /// What stands before and after the first separator.
    pub(super) fn split_once(self, separator: char) -> Option<(Self, Self)> {
        let (before, after) = self.text.split_once(separator)?;
        let at = self.at + before.len() + separator.len_utf8();
        Some((Self { text: before, ..self }, Self { text: after, at }))
    }

    pub(super) fn without_last(self) -> Self {
        Self { text: &self.text[..self.text.len() - 1], ..self }
    }

    /// An error about the whole expression.
    pub(super) fn wrong(self, why: &str, allowed: &str) -> CronError {
        let range = self.at..self.at + self.text.len();
        CronError { field: None, range, why: why.to_owned(), allowed: allowed.to_owned() }
    }

    /// An error in a field.
    pub(super) fn wrong_in(self, field: &Field, why: &str, allowed: &str) -> CronError {
        CronError { field: Some(field.name), ..self.wrong(why, allowed) }
    }

    /// An error in a field, with all that the field allows as advice.
    pub(super) fn unexpected(self, field: &Field, why: &str) -> CronError {
        self.wrong_in(field, why, &format!("expected {}", field.allowed))
    }

    pub(super) fn items(self) -> impl Iterator<Item = Piece<'a>> {
        self.split(|c| c == ',')
    }

    /// A field without values of a special kind.
    pub(super) fn set(self, field: &Field) -> Result<Set, CronError> {
        self.items().try_fold(Set::default(), |set, item| Ok(set.with(item.values(field)?)))
    }

    /// One item of a list: `*`, a number, a range, each perhaps with a step.
    pub(super) fn values(self, field: &Field) -> Result<Set, CronError> {
        let (values, step) = match self.split_once('/') {
            Some((values, step)) => (values, Some(step.step(field)?)),
            None => (self, None),
        };
        let range = match values.split_once('-') {
            _ if values.text == "*" => field.low..=field.high,
            Some((from, to)) => values.range(field, from, to)?,
            None => {
                let number = values.number(field)?;
                // As in Quartz: from there to the end.
                number..=step.map_or(number, |_| field.high.max(number))
            }
        };
        let set = Set::of(range, usize::from(step.unwrap_or(1)));
        // Sunday has two numbers.
        Ok(if set.contains(field.high + 1) { field.all().and(set).with(Set::one(0)) } else { set })
    }

    fn range(self, field: &Field, from: Piece<'_>, to: Piece<'_>) -> Result<RangeInclusive<u8>, CronError> {
        let (first, last) = (from.number(field)?, to.number(field)?);
        // `FRI-SUN`: as the end of a range, Sunday comes last.
        let last = if last == 0 && first > 0 && field.highest == 7 { 7 } else { last };
        if first > last {
            let [high, low] =
                [(field.high, from), (field.low, to)].map(|(number, beside)| field.show(number, beside.text));
            let hint = format!("write `{}-{high},{low}-{}`", from.text, to.text);
            return Err(self.wrong_in(field, &format!("the range `{}` runs backwards", self.text), &hint));
        }
        Ok(first..=last)
    }

    fn step(self, field: &Field) -> Result<u8, CronError> {
        let size = field.size();
        let expected = format!("expected 1 to {size}");
        match self.digits() {
            Some(0) => Err(self.wrong_in(field, "a step of 0 leads nowhere", &expected)),
            Some(step) if step <= u32::from(size) => Ok(step as u8),
            Some(step) => {
                let hint = "for an interval that fields cannot express, write `every` instead of `cron`";
                Err(self.wrong_in(field, &format!("a step of {step} is too long"), &format!("{expected}; {hint}")))
            }
            None => Err(self.wrong_in(field, &format!("`{}` is not a step", self.text), &expected)),
        }
    }

    /// A number, or a word for one.
    pub(super) fn number(self, field: &Field) -> Result<u8, CronError> {
        if let Some(number) = field.number_of(self.text) {
            return Ok(number);
        }
        match self.digits() {
            Some(number) if number < u32::from(field.low) => {
                Err(self.unexpected(field, &format!("`{}` is below {}", self.text, field.low)))
            }
            Some(number) if number > u32::from(field.highest) => {
                Err(self.unexpected(field, &format!("`{}` is above {}", self.text, field.highest)))
            }
            Some(number) => Ok(number as u8),
            None if self.text.is_empty() => Err(self.unexpected(field, "there is a value missing")),
            None if self.text == "?" => Err(self.wrong_in(field, "`?` is of Quartz", "write `*` for any day")),
            None => Err(self.unexpected(field, &format!("`{}` is not a value", self.text))),
        }
    }

    /// The number that it is, if it consists of digits; the largest one if it is too large.
    pub(super) fn digits(self) -> Option<u32> {
        let is_number = !self.text.is_empty() && self.text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| self.text.parse().unwrap_or(u32::MAX))
    }
}
