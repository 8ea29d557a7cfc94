//! The whole file: its four kinds of table.

use super::alerts::AlertTable;
use super::host::HostTable;
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
        /// Who hears of failures, by the names that tasks use in `alerts`.
        "alerts" => alerts: Named<AlertName, AlertTable> = absent("none");
    }
}
