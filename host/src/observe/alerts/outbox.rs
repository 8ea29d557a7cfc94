//! Messages in the making: which notices go out together, and what the ledger adds to their words.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Settings;
use super::message::{Item, LOG_LINES, Message, log_line};
use crate::ledger::{Excerpt, LedgerError, NewMessage, PendingMessage, Reader};
use crate::model::alert::gate::{Opening, Waiting};
use crate::model::alert::{News, Notice, Subject};
use crate::model::id::{AlertName, RunId};
use crate::model::taskset::TaskSet;

/// Messages that are made now, and when to look again.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) messages: Vec<NewMessage>,
    pub(super) wake: Option<Timestamp>,
}

/// Makes messages of the notices that wait. `hurry`: nothing waits for others to come.
pub(super) fn make(reader: &Reader, settings: &Settings, hurry: bool, now: Timestamp) -> Result<Made, LedgerError> {
    let mut by_channel: BTreeMap<AlertName, Vec<Waiting>> = BTreeMap::new();
    for (channel, waiting) in reader.alert_notices_waiting()? {
        by_channel.entry(channel).or_default().push(waiting);
    }
    let mut made = Made::default();
    for (name, mut waiting) in by_channel {
        let message = |notices| NewMessage { channel: name.clone(), key: key(now), at: now, notices };
        let Some(channel) = settings.channels.get(&name) else {
            // The channel is no longer configured: the message is made all the same, and given up at its first attempt.
            made.messages.push(message(waiting.iter().map(|waiting| waiting.id).collect()));
            continue;
        };
        let mut gate = channel.gate.clone();
        if hurry {
            gate.group_wait = std::time::Duration::ZERO;
        }
        let mut sent = reader.alert_messages_since(&name, gate.today(now))?;
        loop {
            match gate.open(&waiting, sent, now) {
                Opening::Now(notices) => {
                    waiting.retain(|waiting| !notices.contains(&waiting.id));
                    made.messages.push(message(notices));
                    sent += 1;
                }
                Opening::Then(then) => {
                    made.wake = Some(made.wake.map_or(then, |wake| wake.min(then)));
                    break;
                }
                Opening::Empty => break,
            }
        }
    }
    Ok(made)
}

/// Puts a message on its way into words.
pub(super) fn compose(
    reader: &Reader,
    settings: &Settings,
    tasks: &TaskSet,
    pending: &PendingMessage,
) -> Result<Message, LedgerError> {
    let notices = reader.alert_notices(pending.id)?;
    let items = notices.into_iter().map(|notice| item(reader, settings, tasks, notice)).collect();
    let last_of = match settings.channels.get(&pending.channel) {
        Some(channel) => {
            let cap = channel.gate.daily_cap.get();
            let today = channel.gate.today(pending.made_at);
            (reader.alert_messages_since(&pending.channel, today)? >= cap).then_some(cap)
        }
        None => None,
    };
    Ok(Message {
        key: pending.key.clone(),
        at: pending.made_at,
        channel: pending.channel.clone(),
        host: machine(),
        items,
        last_of,
    })
}

/// A notice with the end of its run's log, and the zone of its task.
fn item(reader: &Reader, settings: &Settings, tasks: &TaskSet, notice: Notice) -> Item {
    let zone = match &notice.subject {
        Subject::Task(task) => tasks.get(task).and_then(|task| task.schedule.zone()).cloned(),
        _ => None,
    };
    // What a run logged that did its work says nothing of what was wrong.
    let run = notice.run.filter(|_| notice.news != News::Recovered);
    // A log that cannot be read must not keep the message.
    let log = run.and_then(|run| log_of(reader, run).ok()).unwrap_or_default();
    Item { notice, zone: zone.unwrap_or_else(|| settings.zone.clone()), log }
}

/// The last lines of a run's log.
pub(super) fn log_of(reader: &Reader, run: RunId) -> Result<Vec<String>, LedgerError> {
    let excerpt = reader.excerpt(run, &Excerpt { tail: Some(LOG_LINES), ..Excerpt::default() })?;
    Ok(excerpt.lines.iter().map(|logged| log_line(&logged.line)).collect())
}

/// What all attempts to deliver one message are known by: its time, and a number that nobody else draws.
pub(super) fn key(now: Timestamp) -> String {
    format!("{}.{:016x}", now.as_millisecond(), fastrand::u64(..))
}

/// The name of this machine.
pub(super) fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
