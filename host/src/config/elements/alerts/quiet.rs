//! `quiet-hours` of an alert.

use std::str::FromStr;

use jiff::civil::Time;
use toml::Spanned;
use toml::de::DeValue;

use super::{Topic, of_topics};
use crate::config::diagnostic::{Diagnostic, Span};
use crate::config::elements::Build;
use crate::config::elements::words::Zone;
use crate::config::read::{Node, Reader, Value};
use crate::config::shape::Shape;
use crate::config::table::table;
use crate::model::alert::{Kind, QuietHours};

table! {
    /// Hours in which nothing is sent.
    pub(in crate::config) struct QuietTable {
        /// When they begin.
        "from" => from: TimeOfDay = required, example "22:00";
        /// When they end, on the next day if that is earlier.
        "to" => to: TimeOfDay = required, example "07:00";
        /// The zone of these times, in which the day of `daily-cap` begins as well.
        "timezone" => timezone: Zone = absent("that of `[host]`"), example "Europe/Berlin";
        /// What is sent all the same.
        "except" => except: Vec<Spanned<Topic>> = default(["ledger", "crash"]), example ["ledger"];
    }
}

/// A time of day as written: a text, or a time of TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct TimeOfDay(Time);

impl FromStr for TimeOfDay {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A time alone: no date, and no zone.
        let plain = text.len() <= 8 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
        match text.parse() {
            Ok(time) if plain && text.contains(':') => Ok(Self(time)),
            _ => Err("expected a time such as \"22:00\""),
        }
    }
}

impl Value for TimeOfDay {
    fn shape() -> Shape {
        Shape::Text { what: "a time of day such as \"22:00\"".into() }
    }

    fn read(node: Node<'_>, reader: &mut Reader) -> Option<Self> {
        let text = match node.get_ref() {
            DeValue::Datetime(time) => time.to_string(),
            _ => reader.text::<Self>(node)?.to_owned(),
        };
        match text.parse() {
            Ok(time) => Some(time),
            Err(why) => reader.refuse(node, why),
        }
    }
}

impl QuietTable {
    pub(super) fn build(&self, span: Span, build: &mut Build<'_>) -> Option<QuietHours> {
        let (from, to) = (self.from.value()?.0, self.to.value()?.0);
        if from == to {
            let problem = Diagnostic::error("these quiet hours never end")
                .at(span, "expected `to` to be another time than `from`");
            build.problems.note(problem);
            return None;
        }
        let topics: Option<Vec<Topic>> =
            self.except.written().map(|topics| topics.get_ref().iter().map(|topic| *topic.get_ref()).collect());
        let default = [Topic::Of(Kind::Ledger), Topic::Of(Kind::Crash)];
        let (except, _) = of_topics(topics.as_deref().unwrap_or(&default));
        let zone = self.timezone.value().map_or_else(|| build.timezone.clone(), |zone| zone.0);
        Some(QuietHours { from, to, zone, except })
    }
}
