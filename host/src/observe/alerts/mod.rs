//! Alerts: from what the ledger says of runs to messages that reach somebody.
//!
//! What is told is decided by the rules of `model::alert`; here it is read, entered, put into words and sent. All of it goes
//! through the ledger: what ended waits there to be judged, what is to be told waits there to be sent. Events only say that
//! it is time to look.

mod deliver;
mod draft;
mod engine;
mod happenings;
mod mail;
mod message;
mod outbox;
mod ping;
mod shape;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use jiff::tz::TimeZone;
use tokio::sync::watch;

use self::engine::Engine;
use self::message::Message;
use crate::clock::Clock;
use crate::ledger::Ledger;
use crate::model::alert::channel::{Channel, Roots};
use crate::model::id::AlertName;
use crate::model::proxy::Proxy;
use crate::model::taskset::TaskSet;
use crate::observe::Deliveries;
use crate::observe::batches::Batches;

/// Who is told, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The channels by name.
    pub channels: BTreeMap<AlertName, Arc<Channel>>,
    /// Root certificates that all of them trust.
    pub roots: Option<Roots>,
    /// The proxy that the way to webhooks and pings leads over.
    pub proxy: Option<Proxy>,
    /// The zone of times where no task has one.
    pub zone: TimeZone,
}

impl Default for Settings {
    /// Nobody is told.
    fn default() -> Self {
        Self { channels: BTreeMap::new(), roots: None, proxy: None, zone: TimeZone::UTC }
    }
}

/// What alerts work with.
pub struct Parts {
    /// Where everything is recorded.
    pub ledger: Ledger,
    /// Who is told, which may change.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// The tasks by name, which may change.
    pub tasks: watch::Receiver<Arc<TaskSet>>,
    /// Where what becomes of messages is counted.
    pub deliveries: Arc<Deliveries>,
    /// What happens.
    pub events: Batches,
    /// The time.
    pub clock: Clock,
}

/// The thread of alerts. It ends when this is dropped, after a last look at what is to be told.
pub struct Alerts {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Alerts {
    /// Begins to look at what happens, and to tell of it.
    ///
    /// # Errors
    ///
    /// If its thread cannot be started.
    pub fn start(parts: Parts) -> std::io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        // Before anybody can ask for a scrape, so that no series is ever missing in one.
        parts.deliveries.configured(parts.settings.borrow().channels.keys());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("sandclock-alerts".into()).spawn(move || {
            runtime.block_on(Engine::new(parts).run(stopped));
            // A name that is still being looked up must not hold up the end.
            runtime.shutdown_background();
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Alerts {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of alerts panicked; what it had not sent is sent after the next start");
        }
    }
}

/// Sends a message to a channel that says only that it arrives.
///
/// # Errors
///
/// What went wrong, with its causes.
pub fn test(settings: &Settings, channel: &Channel, clock: &Clock) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let now = clock.now();
    let message = Message {
        key: outbox::key(now),
        at: now,
        channel: channel.name.clone(),
        host: outbox::machine(),
        items: Vec::new(),
        last_of: None,
    };
    runtime.block_on(deliver::deliver(channel, settings, &message))
}
