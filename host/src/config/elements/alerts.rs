//! `[alerts.NAME]`: who hears of what, when, and by which way.

mod hook;
mod mail;
mod quiet;

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;

use self::hook::WebhookTable;
use self::mail::SmtpTable;
use self::quiet::QuietTable;
use super::Build;
use super::secrets::SecretSource;
use crate::config::diagnostic::Diagnostic;
use crate::config::read::{Field, Node, Reader, Value};
use crate::config::shape::Shape;
use crate::config::table::{choice, table};
use crate::config::values::{Listed, Time, Whole};
use crate::model::alert::channel::{Channel, GROUP, Target};
use crate::model::alert::{Gate, Kind, Recoveries, Rules};
use crate::model::id::AlertName;

/// A channel, and what the file says about it that the channel itself has no use for.
#[derive(Debug, Clone)]
pub struct Alert {
    /// The channel.
    pub channel: Channel,
    pub(in crate::config) written: Written,
}

/// How parts of a channel are written that are not to be shown: by where they come from.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct Written {
    pub(in crate::config) url: Option<SecretSource>,
    pub(in crate::config) secret: Option<SecretSource>,
    pub(in crate::config) tls_roots: Option<PathBuf>,
}

table! {
    /// Who hears of what happens to the tasks that name this alert in `alerts`, and to the host. Either `smtp` or
    /// `webhook`. `docs/alerts.md` has the rules.
    pub(in crate::config) struct AlertTable {
        /// By mail.
        "smtp" => smtp: SmtpTable = table;
        /// By an HTTP request.
        "webhook" => webhook: WebhookTable = table;
        /// What it is told of.
        "on" => on: Vec<Spanned<Topic>> = default(["failed", "missed", "stuck", "plugin", "reload", "ledger", "crash", "recovered"]), example ["failed", "recovered"];
        /// How many runs of a task have to fail in a row before that is told.
        "after-failures" => after_failures: Whole<1, 1000> = default(1), example 2;
        /// How long it hears nothing more of what goes on, unless with another error; and how long something that went
        /// wrong again and again has to go well before that is told.
        "reminder" => reminder: Time<60_000> = default("4h"), example "1d";
        /// How many messages a day may have. What is beyond that comes in one message on the next day.
        "daily-cap" => daily_cap: Whole<1, 1000> = absent("50; 1000 for PagerDuty, which gets a message for each notice"), example 10;
        /// How long the first news of a message waits for others.
        "group-wait" => group_wait: Time<0> = default("30s"), example "2m";
        /// How long a run may wait for its turn before that is told as `stuck`.
        "queued-for" => queued_for: Time<1000> = default("10m"), example "1h";
        /// Hours in which nothing is sent. What comes meanwhile is sent when they are over, in one message.
        "quiet-hours" => quiet_hours: QuietTable = absent("none"), example { from = "22:00", to = "07:00", timezone = "Europe/Berlin" };
    }
}

/// What a channel can be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Topic {
    Of(Kind),
    Recovered,
}

choice! {
    Topic {
        Topic::Of(Kind::Failed) => "failed", "a run failed after all of its attempts";
        Topic::Of(Kind::Missed) => "missed", "slots were missed, or found the queue full";
        Topic::Of(Kind::Stuck) => "stuck", "a run goes on for three times as long as 99 of 100 runs of the task take, or waits for its turn";
        Topic::Of(Kind::Slow) => "slow", "a run succeeded, and took half as long again as 99 of 100 take";
        Topic::Of(Kind::Short) => "short", "a run succeeded in less than half of the time that 99 of 100 need";
        Topic::Of(Kind::Plugin) => "plugin", "a plugin cannot be used";
        Topic::Of(Kind::Reload) => "reload", "a changed configuration was refused";
        Topic::Of(Kind::Ledger) => "ledger", "the ledger cannot be written";
        Topic::Of(Kind::Crash) => "crash", "the host started, and the one before it did not end as it should have";
        Topic::Recovered => "recovered", "something is over that was told";
    }
}

impl Listed for Topic {
    const PLURAL: &'static str = "what it is told of";
}

/// The alerts of a task: those of its own, and those of `[defaults]` beside them.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct AlertNames(pub(in crate::config) Vec<Spanned<AlertName>>);

impl Value for AlertNames {
    fn shape() -> Shape {
        Vec::<Spanned<AlertName>>::shape()
    }

    fn read(node: Node<'_>, reader: &mut Reader) -> Option<Self> {
        Value::read(node, reader).map(Self)
    }

    fn inherit(own: &mut Self, from: &Self) {
        for name in &from.0 {
            if !own.0.iter().any(|known| known.get_ref() == name.get_ref()) {
                own.0.push(name.clone());
            }
        }
    }
}

impl AlertTable {
    pub(in crate::config) fn build(&self, name: &Spanned<AlertName>, build: &mut Build<'_>) -> Option<Alert> {
        let (target, written) = self.target(name, build)?;
        let group = match &target {
            Target::Mail(_) => GROUP,
            Target::Hook(hook) => hook.service.group(),
        };
        let quiet = match &self.quiet_hours {
            Field::Written(quiet) => Some(quiet.get_ref().build(quiet.span(), build)?),
            Field::Unreadable => return None,
            Field::Absent => None,
        };
        let topics: Option<Vec<Topic>> = match &self.on {
            Field::Written(topics) => Some(topics.get_ref().iter().map(|topic| *topic.get_ref()).collect()),
            Field::Unreadable => return None,
            Field::Absent => None,
        };
        let (on, recoveries) = topics.as_deref().map_or_else(|| of_topics(&ON), of_topics);
        let channel = Channel {
            name: name.get_ref().clone(),
            rules: Rules {
                on,
                recoveries,
                after_failures: self.after_failures.value().map_or(NonZeroU32::MIN, |number| number.non_zero()),
                reminder: self.reminder.value().map_or(Duration::from_secs(4 * 60 * 60), |time| time.0),
            },
            gate: Gate {
                group_wait: self.group_wait.value().map_or(Duration::from_secs(30), |time| time.0),
                daily_cap: self
                    .daily_cap
                    .value()
                    .map_or(if group == 1 { MOST } else { DAILY_CAP }, |number| number.non_zero()),
                group,
                zone: quiet.as_ref().map_or_else(|| build.timezone.clone(), |quiet| quiet.zone.clone()),
                quiet,
            },
            queued_for: self.queued_for.value().map_or(Duration::from_secs(10 * 60), |time| time.0),
            target,
        };
        Some(Alert { channel, written })
    }

    fn target(&self, name: &Spanned<AlertName>, build: &mut Build<'_>) -> Option<(Target, Written)> {
        match (&self.smtp, &self.webhook) {
            (Field::Unreadable, _) | (_, Field::Unreadable) => None,
            (Field::Written(smtp), Field::Absent) => {
                smtp.get_ref().build(smtp.span(), build).map(|(mail, written)| (Target::Mail(mail), written))
            }
            (Field::Absent, Field::Written(webhook)) => {
                webhook.get_ref().build(webhook.span(), build).map(|(hook, written)| (Target::Hook(hook), written))
            }
            (Field::Written(smtp), Field::Written(webhook)) => {
                build.problems.note(
                    Diagnostic::error(format!("alert `{}` has two channels", name.get_ref()))
                        .at(webhook.span(), "expected one of `smtp` and `webhook`")
                        .and_at(smtp.span(), "the other one")
                        .help("make two alerts of them, and name both in the task's `alerts`"),
                );
                None
            }
            (Field::Absent, Field::Absent) => {
                build.problems.note(
                    Diagnostic::error(format!("alert `{}` has no channel", name.get_ref()))
                        .at(name.span(), "expected `smtp` or `webhook`"),
                );
                None
            }
        }
    }
}

const DAILY_CAP: NonZeroU32 = NonZeroU32::new(50).expect("50 is not zero");
const MOST: NonZeroU32 = NonZeroU32::new(1000).expect("1000 is not zero");

/// What a channel is told of unless it says otherwise: all that went wrong. What is unusual is another matter.
const ON: [Topic; 8] = [
    Topic::Of(Kind::Failed),
    Topic::Of(Kind::Missed),
    Topic::Of(Kind::Stuck),
    Topic::Of(Kind::Plugin),
    Topic::Of(Kind::Reload),
    Topic::Of(Kind::Ledger),
    Topic::Of(Kind::Crash),
    Topic::Recovered,
];

fn of_topics(topics: &[Topic]) -> (BTreeSet<Kind>, Recoveries) {
    let kind = |topic: &Topic| match topic {
        Topic::Of(kind) => Some(*kind),
        Topic::Recovered => None,
    };
    let recoveries = if topics.contains(&Topic::Recovered) { Recoveries::Told } else { Recoveries::Untold };
    (topics.iter().filter_map(kind).collect(), recoveries)
}
