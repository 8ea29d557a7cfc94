//! The whole file: its kinds of table.

use super::alerts::AlertTable;
use super::host::HostTable;
use super::secrets::{SecretName, SecretTable};
use super::task::{DefaultsTable, TaskTable};
use crate::config::table::table;
use crate::config::values::Named;
use crate::model::id::{AlertName, TaskName};

table! {
    /// The configuration of sandclock.
    pub(in crate::config) struct FileTable {
        /// What concerns the host and not a single task.
        "host" => host: HostTable = table;
        /// What every task inherits unless it says otherwise.
        "defaults" => defaults: DefaultsTable = table;
        /// The tasks, by their names.
        "tasks" => tasks: Named<TaskName, TaskTable> = absent("none");
        /// Secrets that the host keeps to itself, by the names that `grants.http` uses in `header`. They are read anew when the
        /// configuration is.
        "secrets" => secrets: Named<SecretName, SecretTable> = absent("none"), example { API_TOKEN = { file = "/run/secrets/api-token" } };
        /// Who hears of failures, by the names that tasks use in `alerts`.
        "alerts" => alerts: Named<AlertName, AlertTable> = absent("none");
    }
}
