//! What happened, told to whoever observes: logs, metrics, alerts.
//!
//! Observers hear of a thing after it is in the ledger, may lag, and can never hold up a run.

use std::sync::Arc;

use jiff::Timestamp;

use crate::model::cause::Cause;
use crate::model::id::{PluginName, RunId};
use crate::model::limits::Usage;
use crate::model::log::LogLine;
use crate::model::outcome::{AttemptOutcome, Outcome, PassedOver, Skip};
use crate::model::plan::Plan;
use crate::model::run::Run;
use crate::model::slot::Slot;
use crate::model::task::Task;

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A run was admitted and waits for its turn.
    RunQueued(Arc<Run>),
    /// An attempt began.
    AttemptStarted {
        /// The run.
        run: Arc<Run>,
        /// Which attempt, from 1.
        attempt: u32,
    },
    /// An attempt ended.
    AttemptEnded {
        /// The run.
        run: Arc<Run>,
        /// Which attempt, from 1.
        attempt: u32,
        /// How it ended.
        outcome: Arc<AttemptOutcome>,
        /// What it used.
        usage: Usage,
        /// What it logged.
        log: Arc<Vec<LogLine>>,
        /// When the guest started.
        started_at: Timestamp,
        /// When it ended.
        ended_at: Timestamp,
        /// When the next attempt starts; none if this was the last.
        retry_at: Option<Timestamp>,
    },
    /// A run is over.
    RunEnded {
        /// The run.
        run: Arc<Run>,
        /// How it ended.
        outcome: Arc<Outcome>,
        /// How many attempts it had.
        attempts: u32,
        /// When that was decided.
        at: Timestamp,
    },
    /// A slot was not run, and why.
    SlotSkipped {
        /// The task.
        task: Arc<Task>,
        /// The id of its entry.
        run: RunId,
        /// Why it would have been run.
        cause: Cause,
        /// The slot; none for a trigger that was refused.
        slot: Option<Slot>,
        /// Why.
        why: Skip,
    },
    /// Slots passed and are not run.
    SlotsMissed {
        /// The task.
        task: Arc<Task>,
        /// The first of them.
        first: Slot,
        /// The last of them.
        last: Slot,
        /// How many.
        count: u64,
        /// Why.
        why: PassedOver,
    },
    /// No slot of a task is run until it is resumed.
    TaskPaused {
        /// The task.
        task: Arc<Task>,
    },
    /// A task's slots are run again.
    TaskResumed {
        /// The task.
        task: Arc<Task>,
    },
    /// A plugin can be used.
    PluginReady {
        /// The plugin.
        plugin: PluginName,
    },
    /// A plugin cannot be used; the tasks that name it are skipped until it can.
    PluginUnusable {
        /// The plugin.
        plugin: PluginName,
        /// What was found and what was expected.
        reason: String,
    },
    /// A plugin's file was replaced by one that cannot be used; the code that was loaded before goes on being used.
    PluginKept {
        /// The plugin.
        plugin: PluginName,
        /// What was found and what was expected.
        reason: String,
    },
    /// Another configuration is in force.
    ConfigReloaded(Arc<Plan>),
    /// A configuration was refused; the last good one stays in force.
    ConfigRefused {
        /// All that is wrong with it, on several lines.
        report: Arc<str>,
    },
    /// The ledger cannot be written; nothing is admitted until it can.
    LedgerFailed {
        /// What went wrong.
        message: String,
    },
    /// The ledger can be written again.
    LedgerRecovered,
}
