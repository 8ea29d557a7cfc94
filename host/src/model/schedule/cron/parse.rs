//! The grammar of cron expressions, and what is said when a text does not follow it.

use super::civil::{Clock, Times};
use super::days::{Days, MonthDays, WeekDays};
use super::error::CronError;
use super::field::{DAY_OF_MONTH, DAY_OF_WEEK, Field, HOUR, MINUTE, MONTH, SECOND};
use super::piece::Piece;
use super::set::Set;
use super::stretch::Reading;

/// What a cron expression says, whatever the zone.
pub(super) struct Expression {
    pub(super) times: Times,
    pub(super) reading: Reading,
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
    let days = Days {
        of_month: month_days(day)?.map(Box::new),
        months: month.set(&MONTH)?,
        of_week: week_days(weekday)?.map(Box::new),
    };
    if !days.any() {
        return Err(CronError {
            field: Some(DAY_OF_MONTH.name),
            range: day.at..month.at + month.text.len(),
            why: "no year has such a day".to_owned(),
            allowed: "this never fires: expected a day that the month has".to_owned(),
        });
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

/// The field for the day of the month.
fn month_days(field: Piece<'_>) -> Result<Option<MonthDays>, CronError> {
    if field.text == "*" {
        return Ok(None);
    }
    let mut days = MonthDays::default();
    for item in field.items() {
        let text = item.text.to_ascii_uppercase();
        if text == "L" {
            days.before_last = days.before_last.with(Set::one(0));
        } else if text == "LW" {
            days.last_weekday = true;
        } else if let Some(("L", _)) = text.split_once('-') {
            let (_, before) = item.split_once('-').unwrap_or((item, item));
            let number = before.digits().filter(|number| (1..=30).contains(number)).ok_or_else(|| {
                let why = format!("`{}` is not a number of days", before.text);
                before.wrong_in(&DAY_OF_MONTH, &why, "expected 1 to 30")
            })?;
            days.before_last = days.before_last.with(Set::one(number as u8));
        } else if text.ends_with('W') {
            days.nearest = days.nearest.with(Set::one(item.without_last().number(&DAY_OF_MONTH)?));
        } else {
            days.days = days.days.with(item.values(&DAY_OF_MONTH)?);
        }
    }
    Ok(Some(days))
}

/// The field for the day of the week.
fn week_days(field: Piece<'_>) -> Result<Option<WeekDays>, CronError> {
    if field.text == "*" {
        return Ok(None);
    }
    let mut days = WeekDays::default();
    for item in field.items() {
        if item.text.eq_ignore_ascii_case("L") {
            let hint = "write which day: `FRIL` for the last Friday of the month, `SAT` for every Saturday";
            return Err(item.wrong_in(&DAY_OF_WEEK, "`L` alone is not a day", hint));
        } else if let Some((day, number)) = item.split_once('#') {
            let day = Set::one(day.number(&DAY_OF_WEEK)? % 7);
            let nth = number.digits().and_then(|number| days.nth.get_mut((number as usize).wrapping_sub(1)));
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
