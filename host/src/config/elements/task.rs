//! `[tasks.NAME]`, and `[defaults]` for the keys that every task inherits.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use toml::Spanned;

use super::Build;
use super::alerts::AlertNames;
use super::grants::GrantsTable;
use super::limits::LimitsTable;
use super::misfire::MisfireTable;
use super::payload::Payload;
use super::ping::PingTable;
use super::retention::RetentionTable;
use super::retry::RetryTable;
use super::schedule::ScheduleTable;
use super::secrets::SecretSource;
use super::webhook::HookTable;
use crate::config::diagnostic::{Diagnostic, Problems};
use crate::config::read::{Field, Keys, TableReader};
use crate::config::shape::TableShape;
use crate::config::table::{choice, keys_are_a_value, table};
use crate::config::values::{Time, Whole};
use crate::model::id::{AlertName, PluginName, TaskName};
use crate::model::overlap::Overlap;
use crate::model::retry::OnInterrupt;
use crate::model::schedule::Schedule;
use crate::model::task::{ExitCodes, Task};

/// What the file says about a task and the task itself has no use for; needed to show it as TOML again.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct Origin {
    pub(in crate::config) schedule: Option<ScheduleTable>,
    pub(in crate::config) secrets: BTreeMap<String, SecretSource>,
    pub(in crate::config) webhook_secrets: Vec<SecretSource>,
}

table! {
    /// What every task inherits unless it says otherwise, key by key, also inside `limits`, `retry`, `misfire`,
    /// `grants`, `exit-codes` and `retention`. A list, such as `grants.http`, is replaced as a whole; only `alerts` of a task
    /// are added to these.
    pub(in crate::config) struct DefaultsTable {
        /// What happens when a run is due while as many as may are still going on.
        "overlap" => overlap: Overlap = default("skip"), example "queue";
        /// How many runs of the task may go on at once, under any `overlap` but `allow`.
        "max-concurrent" => max_concurrent: Whole<1, 10_000> = default(1), example 2;
        /// Short for `limits.timeout`.
        "timeout" => timeout: Time<1> = absent("that of `limits`"), example "30s";
        /// What one attempt may use.
        "limits" => limits: LimitsTable = table;
        /// Whether and when a failed attempt is followed by another.
        "retry" => retry: RetryTable = table;
        /// What becomes of a run that the end of the host cut off, so that nobody knows how much of its work it did.
        "on-interrupt" => on_interrupt: OnInterrupt = default("retry"), example "give-up";
        /// What becomes of slots that were missed.
        "misfire" => misfire: MisfireTable = table;
        /// The alerts that hear of the task. A task has those of `[defaults]` and its own.
        "alerts" => alerts: AlertNames = default([]), example ["ops"];
        /// What the exit codes of a plain program mean.
        "exit-codes" => exit_codes: ExitCodesTable = table;
        /// How much of the task's past the ledger keeps.
        "retention" => retention: RetentionTable = table;
        /// What the task may reach.
        "grants" => grants: GrantsTable = table;
    }
}

table! {
    /// The keys that belong to one task alone.
    pub(in crate::config) struct OwnKeys {
        /// The plugin it runs: the name of its file in the plugins folder, without `.wasm` or `.wat`.
        "plugin" => plugin: PluginName = absent("the task's own name"), example "probe";
        /// When it is due: a cron expression as a text, or a table.
        "schedule" => schedule: ScheduleTable = absent("never by itself: it runs when asked for, or after another task"), example "*/5 * * * *";
        /// Whether it runs at all. The slots of a task that is not enabled are entered as skipped and never made up for,
        /// and nobody can ask for a run of it. To stop a task for a while, `sandclock pause` is simpler.
        "enabled" => enabled: bool = default(true), example false;
        /// What its runs work on, unless whoever starts a run brings something else. A text is handed over as
        /// `text/plain`, a list or a table as JSON.
        "payload" => payload: Payload = absent("nothing"), example { region = "eu", pages = [1, 2] };
        /// The tasks whose success starts this one. The output of the one that succeeded is its payload; if there was
        /// none, it gets its own.
        "after" => after: Vec<Spanned<TaskName>> = default([]), example ["fetch"];
        /// How it is started from outside.
        "webhook" => webhook: HookTable = absent("not at all"), example { path = "/hooks/deploy", secret = { env = "DEPLOY_SECRET" } };
        /// The alerts of `[defaults]` that do not hear of this task.
        "alerts-except" => alerts_except: Vec<Spanned<AlertName>> = default([]), example ["ops"];
        /// A dead man's switch: addresses that are called when a run begins, succeeds or fails, so that whoever is behind
        /// them notices when nothing comes. A text is an address of the form that healthchecks.io has: `/start` and `/fail`
        /// are put behind it.
        "ping" => ping: PingTable = absent("none"), example "https://hc-ping.com/UUID";
    }
}

table! {
    /// What the exit codes of a plain program mean. Any other code is a failure that will not pass.
    pub(in crate::config) struct ExitCodesTable {
        /// Codes that mean success.
        "success" => success: Vec<Spanned<Whole<0, 255>>> = default([0]), example [0, 3];
        /// Codes that mean a failure that may pass.
        "transient" => transient: Vec<Spanned<Whole<0, 255>>> = default([75]), example [69, 75];
    }
}

choice! {
    Overlap {
        Overlap::Skip => Overlap::Skip.name(), "the new run is entered as skipped";
        Overlap::Queue => Overlap::Queue.name(), "the new run waits for its turn, in order";
        Overlap::Replace => Overlap::Replace.name(), "the oldest running one is cancelled and the new one takes its place";
        Overlap::Allow => Overlap::Allow.name(), "both run; only `host.max-concurrent-runs` applies";
    }
}

/// One task as written: its own keys, and those that it would otherwise inherit.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct TaskTable {
    own: OwnKeys,
    pub(in crate::config) shared: DefaultsTable,
}

keys_are_a_value!(TaskTable);

impl Keys for TaskTable {
    fn table() -> TableShape {
        let keys = OwnKeys::table().keys.into_iter().chain(DefaultsTable::table().keys).collect();
        TableShape { doc: "A task: one use of a plugin. Its name is the key of its table.", keys }
    }

    fn take(table: &mut TableReader<'_, '_>) -> Self {
        Self { own: OwnKeys::take(table), shared: DefaultsTable::take(table) }
    }

    fn inherit_keys(&mut self, from: &Self) {
        self.shared.inherit_keys(&from.shared);
    }
}

impl DefaultsTable {
    /// Notes what is wrong between the keys as they were written, before any are inherited, and makes `limits.timeout`
    /// of `timeout`.
    pub(in crate::config) fn settle(&mut self, problems: &mut Problems) {
        if let Field::Written(timeout) = std::mem::take(&mut self.timeout) {
            if self.limits.is_absent() {
                self.limits = Field::of(timeout.span(), LimitsTable::default());
            }
            if let Field::Written(limits) = &mut self.limits {
                let limits = limits.get_mut();
                if let Some(other) = limits.timeout.written() {
                    problems.note(
                        Diagnostic::error("the timeout is given twice")
                            .at(timeout.span(), "expected this or `limits.timeout`: they are the same")
                            .and_at(other.span(), "the other one"),
                    );
                }
                limits.timeout = Field::Written(timeout);
            }
        }
        if let (Some(overlap), Some(max)) = (self.overlap.written(), self.max_concurrent.written())
            && *overlap.get_ref() == Overlap::Allow
        {
            problems.note(
                Diagnostic::warning("`max-concurrent` says nothing here")
                    .at(max.span(), "counts under any `overlap` but \"allow\"")
                    .and_at(overlap.span(), "the overlap rule"),
            );
        }
        if let Some(retry) = self.retry.written() {
            retry.get_ref().check(problems);
        }
        if let Some(misfire) = self.misfire.written() {
            misfire.get_ref().check(problems);
        }
    }
}

impl ExitCodesTable {
    fn build(&self, problems: &mut Problems) -> ExitCodes {
        let default = ExitCodes::default();
        let codes = |list: &Field<Vec<Spanned<Whole<0, 255>>>>| {
            list.written().map(|list| list.get_ref().iter().map(|code| code.get_ref().u8()).collect::<Vec<_>>())
        };
        let success = codes(&self.success).unwrap_or(default.success);
        for code in self.transient.written().into_iter().flat_map(|list| list.get_ref()) {
            if success.contains(&code.get_ref().u8()) {
                let problem = Diagnostic::error(format!("exit code {} cannot mean two things", code.get_ref().u8()))
                    .at(code.span(), "it means success already");
                problems.note(problem);
            }
        }
        ExitCodes { success, transient: codes(&self.transient).unwrap_or(default.transient) }
    }
}

impl TaskTable {
    /// The tasks whose success starts this one, as written.
    pub(in crate::config) fn after(&self) -> &[Spanned<TaskName>] {
        self.own.after.written().map_or(&[], |after| after.get_ref())
    }

    /// Its webhook, as written.
    pub(in crate::config) fn webhook(&self) -> Option<&HookTable> {
        self.own.webhook.written().map(Spanned::get_ref)
    }

    /// Makes the task; all that it inherits is in place.
    pub(in crate::config) fn build(&self, name: &Spanned<TaskName>, build: &mut Build<'_>) -> Option<(Task, Origin)> {
        let shared = &self.shared;
        let plugin = self.plugin(name, build);
        let schedule = match &self.own.schedule {
            Field::Written(schedule) => schedule.get_ref().build(name.get_ref(), schedule.span(), build),
            Field::Absent => Some(Schedule::manual()),
            Field::Unreadable => None,
        };
        let (grants, secrets) = shared.grants.value().unwrap_or_default().build(build);
        let (webhook, webhook_secrets) = self.webhook().and_then(|hook| hook.build(build)).unzip();
        let exit_codes = shared.exit_codes.value().unwrap_or_default().build(build.problems);
        let on_interrupt = shared.on_interrupt.value().unwrap_or_default();
        let alerts = self.alerts(build.problems);
        let common = &mut build.common;
        let task = Task {
            name: name.get_ref().clone(),
            plugin: common.plugin(plugin?),
            schedule: schedule?,
            enabled: self.own.enabled.value().unwrap_or(true),
            overlap: shared.overlap.value().unwrap_or_default(),
            max_concurrent: shared.max_concurrent.value().map_or(NonZeroU32::MIN, |number| number.non_zero()),
            misfire: common.misfire(shared.misfire.value().unwrap_or_default().build()),
            retry: common.retry(shared.retry.value().unwrap_or_default().build(on_interrupt)),
            limits: common.limits(shared.limits.value().unwrap_or_default().build()),
            grants: common.grants(grants),
            webhook: webhook.map(Box::new),
            payload: self.own.payload.value().map(|payload| Arc::new(payload.0)),
            after: self.after().iter().map(|task| task.get_ref().clone()).collect(),
            alerts: alerts.into(),
            ping: self.own.ping.value().map(|ping| Arc::new(ping.0)),
            exit_codes: common.exit_codes(exit_codes),
            retention: common.retention(shared.retention.value().unwrap_or_default().build()),
        };
        let webhook_secrets = webhook_secrets.unwrap_or_default();
        Some((task, Origin { schedule: self.own.schedule.value(), secrets, webhook_secrets }))
    }

    /// The alerts that hear of it: those that it inherits and its own, without those that it does without.
    fn alerts(&self, problems: &mut Problems) -> Vec<AlertName> {
        let mut alerts: Vec<AlertName> =
            self.shared.alerts.value().unwrap_or_default().0.into_iter().map(Spanned::into_inner).collect();
        for except in self.own.alerts_except.written().into_iter().flat_map(|names| names.get_ref()) {
            let before = alerts.len();
            alerts.retain(|name| name != except.get_ref());
            if alerts.len() == before {
                problems.note(
                    Diagnostic::error(format!("the task does not have the alert `{}` anyway", except.get_ref()))
                        .at(except.span(), "expected one of those that it inherits from `[defaults]`")
                        .did_you_mean(except.get_ref().as_str(), alerts.iter().map(|name| name.as_str())),
                );
            }
        }
        alerts
    }

    /// The plugin, if the folder has exactly one file for it.
    fn plugin(&self, name: &Spanned<TaskName>, build: &mut Build<'_>) -> Option<PluginName> {
        let (plugin, span) = match &self.own.plugin {
            Field::Written(plugin) => (plugin.get_ref().clone(), plugin.span()),
            Field::Unreadable => return None,
            Field::Absent => (name.get_ref().as_str().parse().ok()?, name.span()),
        };
        let Some(there) = &build.plugins else { return Some(plugin) };
        let files = there.0.get(plugin.as_str()).map_or(&[][..], |files| files);
        let problem = match files {
            [_] => return Some(plugin),
            [] => {
                let problem = Diagnostic::error(format!("there is no plugin `{plugin}`"))
                    .at(span, format!("expected {plugin}.wasm or {plugin}.wat in the plugins folder"))
                    .did_you_mean(plugin.as_str(), there.names());
                match listed(there.names()) {
                    Some(names) => problem.help(format!("the plugins there are: {names}")),
                    None => problem.help("the plugins folder has no .wasm or .wat file in it"),
                }
            }
            clash => Diagnostic::error(format!("plugin `{plugin}` is there more than once"))
                .at(span, format!("expected one file, found {}", clash.join(" and ")))
                .help("rename or remove one of them"),
        };
        build.problems.note(problem);
        None
    }
}

/// The first dozen of the names, or none if there are none.
fn listed<'n>(names: impl Iterator<Item = &'n str>) -> Option<String> {
    const SHOWN: usize = 12;
    let names: Vec<&str> = names.collect();
    let (shown, hidden) = names.split_at(names.len().min(SHOWN));
    match (shown, hidden.len()) {
        ([], _) => None,
        (shown, 0) => Some(shown.join(", ")),
        (shown, hidden) => Some(format!("{} and {hidden} more", shown.join(", "))),
    }
}

/// The names of the keys that a task inherits.
#[cfg(test)]
pub(in crate::config) fn inherited_names() -> Vec<&'static str> {
    DefaultsTable::table().keys.iter().map(|key| key.name).collect()
}
