//! `schedule`: when a task is due.

use std::str::FromStr;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::Build;
use super::words::Zone;
use crate::config::diagnostic::{Diagnostic, Problems, Span};
use crate::config::read::{Field, Keys, Node, Reader, Value};
use crate::config::shape::Shape;
use crate::config::table::table;
use crate::config::values::{Time, text_is_a_value};
use crate::model::id::TaskName;
use crate::model::schedule::Schedule;
use crate::model::schedule::at::{self, AtError};
use crate::model::schedule::cron::CronError;

table! {
    /// When a task is due: exactly one of `cron`, `every` and `at`.
    pub(in crate::config) struct ScheduleKeys {
        /// A cron expression: minute, hour, day of month, month, day of week; or six fields with the second first; or
        /// a macro such as `@daily`.
        "cron" => cron: CronText = absent("the schedule is of another kind"), example "0 9 * * MON-FRI";
        /// An interval. Its slots are counted from 1970, so that a restart does not shift them.
        "every" => every: Time<1000> = absent("the schedule is of another kind"), example "90s";
        /// One point in time, with its offset or time zone.
        "at" => at: AtText = absent("the schedule is of another kind"), example "2030-12-24T18:00:00[Europe/Berlin]";
        /// The time zone in which `cron` is read.
        "timezone" => timezone: Zone = absent("that of `[host]`"), example "America/New_York";
        /// Each slot is put off by a part of this that depends on the task's name alone, so that tasks with the same
        /// expression do not start together.
        "splay" => splay: Time<0> = default("0s"), example "2m";
    }
}

/// A schedule as written: a text is a cron expression.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct ScheduleTable(pub(in crate::config) ScheduleKeys);

impl Value for ScheduleTable {
    fn shape() -> Shape {
        Shape::Either(vec![CronText::shape(), ScheduleKeys::shape()])
    }

    fn read(node: Node<'_>, reader: &mut Reader) -> Option<Self> {
        match node.get_ref() {
            DeValue::String(_) => {
                let cron = CronText::read(node, reader)?;
                Some(Self(ScheduleKeys { cron: Field::of(node.span(), cron), ..ScheduleKeys::default() }))
            }
            DeValue::Table(_) => ScheduleKeys::read_table(node, reader).map(Self),
            _ => reader.mismatch::<Self, _>(node),
        }
    }
}

text_is_a_value! {
    CronText: "a cron expression such as \"*/5 * * * *\"";
}

/// A cron expression as written; whether it is one is found when the schedule is built, for then the zone is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct CronText(pub(in crate::config) String);

impl FromStr for CronText {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// A point in time as written: a text, or a date and time of TOML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct AtText(pub(in crate::config) String);

impl Value for AtText {
    fn shape() -> Shape {
        Shape::Text { what: "a point in time such as \"2030-12-24T18:00:00[Europe/Berlin]\"".into() }
    }

    fn read(node: Node<'_>, reader: &mut Reader) -> Option<Self> {
        match node.get_ref() {
            DeValue::Datetime(time) => Some(Self(time.to_string())),
            _ => reader.text::<Self>(node).map(|text| Self(text.to_owned())),
        }
    }
}

/// Which of the three kinds of schedule was written.
enum When<'a> {
    Cron(&'a Spanned<CronText>),
    Every(&'a Spanned<Time<1000>>),
    At(&'a Spanned<AtText>),
}

impl ScheduleTable {
    /// Makes the schedule of a task. `span` is where the whole of it stands.
    pub(in crate::config) fn build(&self, task: &TaskName, span: Span, build: &mut Build<'_>) -> Option<Schedule> {
        let keys = &self.0;
        let splay = keys.splay.value().map_or(Duration::ZERO, |splay| splay.0);
        let schedule = match keys.when(span.clone(), build.problems)? {
            When::Cron(cron) => {
                let zone = keys.timezone.value().map_or_else(|| build.timezone.clone(), |zone| zone.0);
                build.common.cron(&cron.get_ref().0, zone).map_err(|error| of_cron(&error, cron, build.text))
            }
            When::Every(every) => Schedule::every(every.get_ref().0)
                .map_err(|error| Diagnostic::error("this interval cannot be used").at(every.span(), error.to_string())),
            When::At(at) => at::parse(&at.get_ref().0).map(Schedule::at).map_err(|error| of_at(&error, at.span())),
        };
        match schedule {
            Ok(schedule) => {
                let schedule = schedule.with_splay(splay, task);
                if schedule.next_after(build.around.now).is_none() {
                    let problem = Diagnostic::warning(format!("`{task}` is never due again"))
                        .at(span, "has passed")
                        .help("the task stays, and can be run by hand");
                    build.problems.note(problem);
                }
                Some(schedule)
            }
            Err(problem) => {
                build.problems.note(problem);
                None
            }
        }
    }
}

/// What is wrong with a cron expression, with a caret under the very part of it.
fn of_cron(error: &CronError, written: &Spanned<CronText>, text: &str) -> Diagnostic {
    let whole = written.span();
    let expression = written.get_ref().0.as_str();
    let in_quotes = whole.start + 1..whole.end.saturating_sub(1);
    // An escape, or a text of several lines, has other bytes in the file.
    let place = match text.get(in_quotes.clone()) {
        Some(inner) if inner == expression && !error.range().is_empty() => {
            in_quotes.start + error.range().start..in_quotes.start + error.range().end
        }
        _ => whole,
    };
    let field = error.field().map_or(String::new(), |field| format!("{field}: "));
    Diagnostic::error(format!("this cron expression cannot be used: {field}{}", error.why())).at(place, error.allowed())
}

fn of_at(error: &AtError, place: Span) -> Diagnostic {
    let problem = Diagnostic::error("this is not a point in time").at(place, error.to_string());
    match std::error::Error::source(error) {
        Some(source) => problem.help(source.to_string()),
        None => problem,
    }
}

impl ScheduleKeys {
    fn when(&self, span: Span, problems: &mut Problems) -> Option<When<'_>> {
        if [self.cron.is_unreadable(), self.every.is_unreadable(), self.at.is_unreadable()].contains(&true) {
            return None;
        }
        let when = match (self.cron.written(), self.every.written(), self.at.written()) {
            (Some(cron), None, None) => When::Cron(cron),
            (None, Some(every), None) => When::Every(every),
            (None, None, Some(at)) => When::At(at),
            _ => {
                let problem = Diagnostic::error("a schedule is of one kind")
                    .at(span, "expected exactly one of `cron`, `every` and `at`")
                    .help("for a task that runs only when asked for, leave `schedule` out");
                problems.note(problem);
                return None;
            }
        };
        if let (Some(zone), When::Every(_) | When::At(_)) = (self.timezone.written(), &when) {
            let problem = Diagnostic::error("`timezone` belongs to `cron`")
                .at(zone.span(), "says nothing here")
                .help("`every` is the same in every zone; `at` has its zone in the text");
            problems.note(problem);
        }
        Some(when)
    }
}
