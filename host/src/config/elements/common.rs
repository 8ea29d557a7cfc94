//! What tasks have in common, so that a hundred thousand of them have it in memory once.

use std::collections::HashMap;

use jiff::tz::TimeZone;

use crate::model::grants::Grants;
use crate::model::id::PluginName;
use crate::model::limits::Limits;
use crate::model::misfire::Misfire;
use crate::model::retention::Retention;
use crate::model::retry::Retry;
use crate::model::schedule::Schedule;
use crate::model::schedule::cron::CronError;
use crate::model::shared::Shared;
use crate::model::task::ExitCodes;

/// What tasks so far have that others may have as well.
#[derive(Default)]
pub(in crate::config) struct Common {
    plugin: Option<PluginName>,
    /// By the expression; of one that stands in several zones, the latest.
    crons: HashMap<Box<str>, Schedule>,
    misfire: Vec<Shared<Misfire>>,
    retry: Vec<Shared<Retry>>,
    limits: Vec<Shared<Limits>>,
    grants: Vec<Shared<Grants>>,
    exit_codes: Vec<Shared<ExitCodes>>,
    retention: Vec<Shared<Retention>>,
}

impl Common {
    /// The name of a plugin, which is often that of the task before.
    pub(super) fn plugin(&mut self, plugin: PluginName) -> PluginName {
        match &self.plugin {
            Some(last) if *last == plugin => last.clone(),
            _ => self.plugin.insert(plugin).clone(),
        }
    }

    /// The schedule of a cron expression, which is read once for all tasks that have it.
    pub(super) fn cron(&mut self, expression: &str, zone: TimeZone) -> Result<Schedule, CronError> {
        if let Some(same) = self.crons.get(expression).filter(|known| known.zone() == Some(&zone)) {
            return Ok(same.clone());
        }
        let schedule = Schedule::cron(expression, zone)?;
        self.crons.insert(expression.into(), schedule.clone());
        Ok(schedule)
    }

    pub(super) fn misfire(&mut self, misfire: Misfire) -> Shared<Misfire> {
        Shared::from(misfire).among(&mut self.misfire)
    }

    pub(super) fn retry(&mut self, retry: Retry) -> Shared<Retry> {
        Shared::from(retry).among(&mut self.retry)
    }

    pub(super) fn limits(&mut self, limits: Limits) -> Shared<Limits> {
        Shared::from(limits).among(&mut self.limits)
    }

    pub(super) fn grants(&mut self, grants: Grants) -> Shared<Grants> {
        Shared::from(grants).among(&mut self.grants)
    }

    pub(super) fn exit_codes(&mut self, exit_codes: ExitCodes) -> Shared<ExitCodes> {
        Shared::from(exit_codes).among(&mut self.exit_codes)
    }

    pub(super) fn retention(&mut self, retention: Retention) -> Shared<Retention> {
        Shared::from(retention).among(&mut self.retention)
    }
}
