//! What a message says: one line, and a text that answers what, which run, when, what it logged, and what to do next.
//!
//! What people read is made inert here, so that no form it is put into later can be forged by a guest's words.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::alert::{Kind, News, Notice, Subject};
use crate::model::id::AlertName;
use crate::model::log::LogLine;
use crate::model::text::{cut, inert};

/// How many lines of a run's log a message has.
pub(super) const LOG_LINES: usize = 10;
/// How many notices of a message are told in full.
const IN_FULL: usize = 10;
/// The longest line of a log, in characters.
const LINE: usize = 300;
/// The longest title, in characters.
const TITLE: usize = 150;

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Message {
    /// What all attempts to deliver it are known by.
    pub(super) key: String,
    /// When it was made.
    pub(super) at: Timestamp,
    /// The alert that it goes to.
    pub(super) channel: AlertName,
    /// The machine.
    pub(super) host: String,
    /// What it tells; nothing, if it is a test.
    pub(super) items: Vec<Item>,
    /// How it stands to the day's bound, if it is the last one for today.
    pub(super) last_of: Option<u32>,
}

/// A notice, and what the ledger has to add.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub(super) notice: Notice,
    /// The zone in which people think of its task.
    pub(super) zone: TimeZone,
    /// The last lines of the run's log, as the guest wrote them.
    pub(super) log: Vec<String>,
}

impl Item {
    /// One line on what happened.
    pub(super) fn headline(&self) -> String {
        headline(&self.notice)
    }

    /// What happened, on one line.
    pub(super) fn what(&self) -> String {
        inert(&self.notice.what).to_string()
    }

    /// Whom or what it is about, by name.
    pub(super) fn name(&self) -> String {
        match &self.notice.subject {
            Subject::Task(task) => task.to_string(),
            Subject::Plugin(plugin) => plugin.to_string(),
            Subject::Host => "host".to_owned(),
        }
    }

    /// A time, as people near the task tell it.
    pub(super) fn time(&self, time: Timestamp) -> String {
        time.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
    }

    /// The command that leads on from here.
    pub(super) fn next_step(&self) -> String {
        next_step(&self.notice)
    }
}

impl Message {
    /// One line on what happened.
    pub(super) fn title(&self) -> String {
        let text = match &self.items[..] {
            [] => format!("a test of the alert {}: nothing is wrong", self.channel),
            [item] if item.notice.news == News::Recovered || item.notice.what.is_empty() => item.headline(),
            [item] => format!("{}: {}", item.headline(), item.what()),
            items => {
                let headlines: Vec<String> = items.iter().map(Item::headline).collect();
                format!("{} alerts: {}", items.len(), headlines.join(", "))
            }
        };
        cut(&text, TITLE)
    }

    /// The whole of it.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        if self.items.is_empty() {
            line(&mut text, format_args!("This is {}.", self.title()));
        }
        for (index, item) in self.items.iter().take(IN_FULL).enumerate() {
            if index > 0 {
                text.push('\n');
            }
            paragraph(item, &mut text);
        }
        let rest = self.items.get(IN_FULL..).unwrap_or_default();
        if !rest.is_empty() {
            text.push_str("\nand also:\n");
            for item in rest {
                line(&mut text, format_args!("  {} ({})", item.headline(), item.time(item.notice.at)));
            }
        }
        if let Some(cap) = self.last_of {
            line(
                &mut text,
                format_args!(
                    "\nThis is message {cap} of {cap} for today (daily-cap). What happens until tomorrow comes in one message then."
                ),
            );
        }
        line(&mut text, format_args!("\n-- \nsandclock on {}", self.host));
        text
    }

    /// How much the worst of it matters, in the words of PagerDuty.
    pub(super) fn severity(&self) -> &'static str {
        let rank = |item: &Item| match (item.notice.news, item.notice.kind) {
            (News::Recovered, _) => 0,
            (_, Kind::Slow | Kind::Short | Kind::Reload | Kind::Stuck) => 1,
            (_, Kind::Failed | Kind::Missed | Kind::Plugin | Kind::Crash) => 2,
            (_, Kind::Ledger) => 3,
        };
        match self.items.iter().map(rank).max() {
            Some(3) => "critical",
            Some(2) => "error",
            Some(1) => "warning",
            _ => "info",
        }
    }

    /// Whether all of it is good news.
    pub(super) fn is_good(&self) -> bool {
        self.items.iter().all(|item| item.notice.news == News::Recovered)
    }
}

fn paragraph(item: &Item, text: &mut String) {
    let notice = &item.notice;
    line(text, format_args!("{}\n", item.headline()));
    let mut field = |name: &str, value: &str| line(text, format_args!("  {name:<6} {value}"));
    if !notice.what.is_empty() {
        field(if notice.news == News::Recovered { "was" } else { "what" }, &item.what());
    }
    match &notice.subject {
        Subject::Task(task) => field("task", task.as_str()),
        Subject::Plugin(plugin) => field("plugin", plugin.as_str()),
        Subject::Host => {}
    }
    if let Some(run) = notice.run {
        field("run", &run.to_string());
    }
    field("when", &item.time(notice.at));
    if notice.count > 1 {
        field("since", &format!("{} ({} times)", item.time(notice.since), notice.count));
    }
    if !item.log.is_empty() {
        text.push_str("\n  The end of its log:\n");
        item.log.iter().for_each(|logged| line(text, format_args!("  | {}", inert(logged))));
    }
    line(text, format_args!("\n  Next: {}", item.next_step()));
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{what}");
}

/// What a notice says in one line, without the words of others.
fn headline(notice: &Notice) -> String {
    let name = match &notice.subject {
        Subject::Task(task) => task.to_string(),
        Subject::Plugin(plugin) => format!("the plugin {plugin}"),
        Subject::Host => "the host".to_owned(),
    };
    let times = notice.count;
    match (notice.kind, notice.news) {
        (Kind::Failed, News::First) if times > 1 => format!("{name} failed {times} times in a row"),
        (Kind::Failed, News::First) => format!("{name} failed"),
        (Kind::Failed, News::Changed) => format!("{name} fails with another error"),
        (Kind::Failed, News::Reminder) => format!("{name} still fails"),
        (Kind::Failed, News::Relapse) => format!("{name} fails again"),
        (Kind::Failed, News::Recovered) => format!("{name} succeeds again"),
        (Kind::Missed, News::First | News::Relapse | News::Changed) => format!("{name} missed slots"),
        (Kind::Missed, _) => format!("{name} missed more slots"),
        (Kind::Stuck, News::First | News::Changed) => format!("{name} is stuck"),
        (Kind::Stuck, News::Reminder) => format!("{name} is still stuck"),
        (Kind::Stuck, News::Relapse) => format!("{name} is stuck again"),
        (Kind::Stuck, News::Recovered) => format!("{name} is no longer stuck"),
        (Kind::Slow, News::First | News::Changed) => format!("{name} took longer than usual"),
        (Kind::Slow, _) => format!("{name} took longer than usual again"),
        (Kind::Short, News::First | News::Changed) => format!("{name} was over sooner than usual"),
        (Kind::Short, _) => format!("{name} was over sooner than usual again"),
        (Kind::Plugin, News::First | News::Changed) => format!("{name} cannot be used"),
        (Kind::Plugin, News::Reminder) => format!("{name} still cannot be used"),
        (Kind::Plugin, News::Relapse) => format!("{name} once more cannot be used"),
        (Kind::Plugin, News::Recovered) => format!("{name} can be used again"),
        (Kind::Reload, News::First | News::Changed) => "the new configuration was refused".to_owned(),
        (Kind::Reload, News::Reminder) => "the new configuration is still refused".to_owned(),
        (Kind::Reload, News::Relapse) => "the new configuration was refused again".to_owned(),
        (Kind::Reload, News::Recovered) => "the configuration is accepted again".to_owned(),
        (Kind::Ledger, News::First | News::Changed) => "the ledger cannot be written".to_owned(),
        (Kind::Ledger, News::Reminder) => "the ledger still cannot be written".to_owned(),
        (Kind::Ledger, News::Relapse) => "the ledger once more cannot be written".to_owned(),
        (Kind::Ledger, News::Recovered) => "the ledger can be written again".to_owned(),
        (Kind::Crash, News::First | News::Changed) => "the host started after a crash".to_owned(),
        (Kind::Crash, _) => "the host started after a crash once more".to_owned(),
    }
}

fn next_step(notice: &Notice) -> String {
    match (notice.kind, notice.run, &notice.subject) {
        (Kind::Stuck, Some(run), _) => format!("sandclock logs {run}, or sandclock cancel {run}"),
        (Kind::Failed | Kind::Slow | Kind::Short, Some(run), _) => format!("sandclock logs {run}"),
        (Kind::Plugin | Kind::Reload, ..) => "sandclock check".to_owned(),
        (Kind::Ledger, ..) => "is the disk of the state folder full? /readyz and the host's log say more".to_owned(),
        (Kind::Crash, ..) => "sandclock runs --outcome interrupted, and the system's journal".to_owned(),
        (_, _, Subject::Task(task)) => format!("sandclock runs {task}"),
        _ => "sandclock runs".to_owned(),
    }
}

/// A line of a log on its way into a message, where it is yet to be made inert.
pub(super) fn log_line(line: &LogLine) -> String {
    let fields: String = line.fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    cut(&format!("{} {}{fields}", line.level.name(), line.message), LINE)
}
