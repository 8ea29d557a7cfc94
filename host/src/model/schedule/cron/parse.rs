//! The grammar of cron expressions, and what is said when a text does not follow it.

use super::civil::{Clock, Times};
use super::days::{Days, MonthDays, WeekDays};
use super::error::CronError;
use super::field::{DAY_OF_MONTH, DAY_OF_WEEK, Field, HOUR, MINUTE, MONTH, SECOND};
use super::set::Set;
use super::stretch::Reading;

/// What a cron expression says, whatever the zone.
pub(super) struct Expression {
    pub(super) times: Times,
    pub(super) reading: Reading,
}

/// A part of the expression and where it starts, in bytes.
#[derive(Debug, Clone, Copy)]
struct Piece<'a> {
    text: &'a str,
    at: usize,
}

/// Reads an expression: five fields, six with the second first, or a macro.
pub(super) fn expression(text: &str) -> Result<Expression, CronError> {
    let whole = Piece { text, at: 0 }.trimmed();
    let fields: Vec<Piece<'_>> = whole.split(char::is_whitespace).filter(|piece| !piece.text.is_empty()).collect();
    match *fields.as_slice() {
        [first, ..] if first.text.starts_with('@') => expression(spelled_out(whole)?),
        [first, ..] if first.text.contains('=') => {
            Err(first
                .wrong("the time zone is not part of the expression", "write it as `timezone = \"…\"` beside `cron`"))
        }
        [minute, hour, day, month, weekday] => of_fields(None, minute, hour, day, month, weekday),
        [second, minute, hour, day, month, weekday] => of_fields(Some(second), minute, hour, day, month, weekday),
        [.., year] if fields.len() == 7 => {
            Err(year.wrong("the seventh field, the year of Quartz, is not supported", "leave it out"))
        }
        [] => Err(whole.wrong("the expression is empty", FIELDS)),
        [_] => Err(whole.wrong("there is only one field", FIELDS)),
        _ => Err(whole.wrong(&format!("there are {} fields", fields.len()), FIELDS)),
    }
}

const FIELDS: &str = "expected five: minute, hour, day of month, month, day of week; or six with the second first";

fn of_fields(
    second: Option<Piece<'_>>,
    minute: Piece<'_>,
    hour: Piece<'_>,
    day: Piece<'_>,
    month: Piece<'_>,
    weekday: Piece<'_>,
) -> Result<Expression, CronError> {
    let clock = Clock {
        seconds: second.map_or(Ok(Set::one(0)), |second| second.set(&SECOND))?,
        minutes: minute.set(&MINUTE)?,
        hours: hour.set(&HOUR)?,
    };
    let days = Days { of_month: day.month_days()?, months: month.set(&MONTH)?, of_week: weekday.week_days()? };
    if !days.any() {
        let written = Piece { text: &format!("{} {}", day.text, month.text), at: day.at };
        let range = day.at..month.at + month.text.len();
        let error = written.wrong("no year has such a day", "this never fires: expected a day that the month has");
        return Err(CronError { range, field: Some(DAY_OF_MONTH.name), ..error });
    }
    let is_wildcard = |piece: Piece<'_>, set: Set, field: &Field| piece.text.contains('*') || set == field.all();
    let reading = match is_wildcard(minute, clock.minutes, &MINUTE) || is_wildcard(hour, clock.hours, &HOUR) {
        true => Reading::Wildcard,
        false => Reading::Fixed,
    };
    Ok(Expression { times: Times { days, clock }, reading })
}

/// What a macro stands for.
fn spelled_out(written: Piece<'_>) -> Result<&'static str, CronError> {
    let (word, rest) = written.text.split_once(char::is_whitespace).unwrap_or((written.text, ""));
    let expression = match word.to_ascii_lowercase().as_str() {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" => "0 0 * * *",
        "@weekly" => "0 0 * * 0",
        "@monthly" => "0 0 1 * *",
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@every" => return Err(written.wrong("an interval is not a cron expression", "write `every = \"…\"` instead")),
        "@reboot" => {
            let hint = "a task that asks for no time leaves `schedule` out and is run on demand";
            return Err(written.wrong("a start of the host is not a time", hint));
        }
        _ => {
            let known = "expected @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually";
            return Err(written.wrong(&format!("`{word}` is not a macro"), known));
        }
    };
    match rest.trim() {
        "" => Ok(expression),
        rest => Err(written.wrong(&format!("`{word}` stands alone, but `{rest}` follows it"), "leave one of them out")),
    }
}

impl<'a> Piece<'a> {
    fn trimmed(self) -> Self {
        let start = self.text.trim_start();
        Self { text: start.trim_end(), at: self.at + self.text.len() - start.len() }
    }

    fn split(self, separator: impl Fn(char) -> bool + 'a) -> impl Iterator<Item = Piece<'a>> {
        let start = self.text.as_ptr().addr();
        self.text.split(separator).map(move |text| Piece { text, at: self.at + text.as_ptr().addr() - start })
    }

    /// What stands before and after the first separator.
    fn split_once(self, separator: char) -> Option<(Self, Self)> {
        let (before, after) = self.text.split_once(separator)?;
        let at = self.at + before.len() + separator.len_utf8();
        Some((Self { text: before, ..self }, Self { text: after, at }))
    }

    fn without_last(self) -> Self {
        Self { text: &self.text[..self.text.len() - 1], ..self }
    }

    /// An error about the whole expression.
    fn wrong(self, why: &str, allowed: &str) -> CronError {
        let range = self.at..self.at + self.text.len();
        CronError { field: None, range, why: why.to_owned(), allowed: allowed.to_owned() }
    }

    /// An error in a field.
    fn wrong_in(self, field: &Field, why: &str, allowed: &str) -> CronError {
        CronError { field: Some(field.name), ..self.wrong(why, allowed) }
    }

    /// An error in a field, with all that the field allows as advice.
    fn unexpected(self, field: &Field, why: &str) -> CronError {
        self.wrong_in(field, why, &format!("expected {}", field.allowed))
    }

    fn items(self) -> impl Iterator<Item = Piece<'a>> {
        self.split(|c| c == ',')
    }

    /// A field without values of a special kind.
    fn set(self, field: &Field) -> Result<Set, CronError> {
        self.items().try_fold(Set::default(), |set, item| Ok(set.with(item.values(field)?)))
    }

    /// The field for the day of the month.
    fn month_days(self) -> Result<Option<MonthDays>, CronError> {
        if self.text == "*" {
            return Ok(None);
        }
        let mut days = MonthDays::default();
        for item in self.items() {
            let text = item.text.to_ascii_uppercase();
            if text == "L" {
                days.before_last = days.before_last.with(Set::one(0));
            } else if text == "LW" {
                days.last_weekday = true;
            } else if let Some(("L", _)) = text.split_once('-') {
                let (_, before) = item.split_once('-').unwrap_or((item, item));
                let number = before.text.parse().ok().filter(|number| (1..=30).contains(number));
                let number = number.ok_or_else(|| {
                    before.wrong_in(
                        &DAY_OF_MONTH,
                        &format!("`{}` is not a number of days", before.text),
                        "expected 1 to 30",
                    )
                })?;
                days.before_last = days.before_last.with(Set::one(number));
            } else if text.ends_with('W') {
                days.nearest = days.nearest.with(Set::one(item.without_last().number(&DAY_OF_MONTH)?));
            } else {
                days.days = days.days.with(item.values(&DAY_OF_MONTH)?);
            }
        }
        Ok(Some(days))
    }

    /// The field for the day of the week.
    fn week_days(self) -> Result<Option<WeekDays>, CronError> {
        if self.text == "*" {
            return Ok(None);
        }
        let mut days = WeekDays::default();
        for item in self.items() {
            if item.text.eq_ignore_ascii_case("L") {
                let hint = "write which day: `FRIL` for the last Friday of the month, `SAT` for every Saturday";
                return Err(item.wrong_in(&DAY_OF_WEEK, "`L` alone is not a day", hint));
            } else if let Some((day, number)) = item.split_once('#') {
                let day = Set::one(day.number(&DAY_OF_WEEK)? % 7);
                let nth = number.text.parse::<usize>().ok().and_then(|number| days.nth.get_mut(number.wrapping_sub(1)));
                let nth = nth.ok_or_else(|| {
                    let why = format!("`{}` is not a week of the month", number.text);
                    number.wrong_in(&DAY_OF_WEEK, &why, "expected 1 to 5 after `#`")
                })?;
                *nth = nth.with(day);
            } else if item.text.ends_with(['L', 'l']) {
                days.last = days.last.with(Set::one(item.without_last().number(&DAY_OF_WEEK)? % 7));
            } else {
                days.days = days.days.with(item.values(&DAY_OF_WEEK)?);
            }
        }
        Ok(Some(days))
    }

    /// One item of a list: `*`, a number, a range, each perhaps with a step.
    fn values(self, field: &Field) -> Result<Set, CronError> {
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

    fn range(self, field: &Field, from: Piece<'_>, to: Piece<'_>) -> Result<std::ops::RangeInclusive<u8>, CronError> {
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
        match self.text.parse::<u32>() {
            Ok(step) if (1..=u32::from(size)).contains(&step) => Ok(step as u8),
            Ok(0) => Err(self.wrong_in(field, "a step of 0 leads nowhere", &format!("expected 1 to {size}"))),
            Ok(step) => {
                let hint = format!(
                    "expected 1 to {size}; for an interval that fields cannot express, write `every` instead of `cron`"
                );
                Err(self.wrong_in(field, &format!("a step of {step} is too long"), &hint))
            }
            Err(_) => {
                Err(self.wrong_in(field, &format!("`{}` is not a step", self.text), &format!("expected 1 to {size}")))
            }
        }
    }

    /// A number, or a word for one.
    fn number(self, field: &Field) -> Result<u8, CronError> {
        if let Some(number) = field.number_of(self.text) {
            return Ok(number);
        }
        let is_number = !self.text.is_empty() && self.text.bytes().all(|byte| byte.is_ascii_digit());
        let number = self.text.parse::<u8>().ok();
        match number.filter(|number| is_number && (field.low..=field.highest).contains(number)) {
            Some(number) => Ok(number),
            None if self.text.is_empty() => Err(self.unexpected(field, "there is a value missing")),
            None if self.text == "?" => Err(self.wrong_in(field, "`?` is of Quartz", "write `*` for any day")),
            None if is_number && number < Some(field.low) && number.is_some() => {
                Err(self.unexpected(field, &format!("`{}` is below {}", self.text, field.low)))
            }
            None if is_number => Err(self.unexpected(field, &format!("`{}` is above {}", self.text, field.highest))),
            None => Err(self.unexpected(field, &format!("`{}` is not a value", self.text))),
        }
    }
}
