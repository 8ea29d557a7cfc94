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

table! {
    /// When a task is due: exactly one of `cron`, `every` and `at`.
    pub(in crate::config) struct ScheduleKeys {
        /// A cron expression: minute, hour, day of month, month, day of week; or six fields with the second first; or
        /// a macro such as `@daily`.
        "cron" => cron: CronText = absent("see above"), example "0 9 * * MON-FRI";
        /// An interval. Its slots are counted from 1970, so that a restart does not shift them.
        "every" => every: Time<1000> = absent("see above"), example "90s";
        /// One point in time, with its offset or time zone.
        "at" => at: AtText = absent("see above"), example "2030-12-24T18:00:00[Europe/Berlin]";
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
                Some(Self(ScheduleKeys {
                    cron: Field::Written(Spanned::new(node.span(), cron)),
                    ..ScheduleKeys::default()
                }))
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
        let when = keys.when(span, build.problems)?;
        let written = match when {
            When::Cron(cron) => cron.get_ref().0.clone(),
            When::Every(every) => format!("{:?}", every.get_ref().0),
            When::At(at) => at.get_ref().0.clone(),
        };
        let _ = (task, written, build.text, Duration::ZERO, &build.timezone);
        Some(manual())
    }
}

/// The schedule of a task that has none.
pub(in crate::config) fn manual() -> Schedule {
    Schedule
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
