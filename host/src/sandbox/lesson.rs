//! What the host adds to a log when it said no: what was tried, and the lines of TOML that would allow it. Pure.

use crate::model::grants::HttpGrant;
use crate::model::id::{StoreName, TaskName};
use crate::model::keyvalue::Refused;
use crate::model::limits::{HttpLimit, Limit, Limits, Unit, Usage};
use crate::model::outcome::Exceeded;
use crate::model::quantity;
use crate::model::task::Task;
use crate::sandbox::bounds;

/// After a limit ended an attempt.
pub(crate) fn limit(task: &Task, exceeded: &Exceeded) -> String {
    let Exceeded { limit, allowed, used, .. } = exceeded;
    let figure = |value| quantity::figure(value, limit.unit());
    // Often no more is known than that it was more.
    let come_to = match *used > allowed.saturating_add(1) {
        true => format!(", having come to {}", figure(*used)),
        false => String::new(),
    };
    // What the body of a request adds to a call is a limit of its own.
    let beside = match limit {
        Limit::Hostcall => allowed.saturating_sub(task.limits.hostcall),
        _ => 0,
    };
    let body = match beside {
        0 => String::new(),
        _ => format!(" with limits.http-body = {:#} on top", figure(beside)),
    };
    let own = allowed.saturating_sub(beside);
    let more = allowed.saturating_mul(2).saturating_sub(beside);
    let more = match limit {
        Limit::Instances | Limit::Handles | Limit::Resources => more.to_string(),
        _ => format!("\"{:#}\"", figure(more)),
    };
    let table = task.name.toml_table("limits");
    format!("stopped at limits.{limit} = {:#}{body}{come_to}; to allow more: {table} {limit} = {more}", figure(own))
}

/// After lines were dropped from the log.
pub(crate) fn log(task: &TaskName, limits: &Limits, usage: &Usage) -> String {
    let (reached, more) = if usage.log.lines < limits.log_lines.into() {
        let more = quantity::bytes(limits.log.saturating_mul(2));
        (format!("limits.log = {:#}", quantity::bytes(limits.log)), format!("log = \"{more:#}\""))
    } else {
        let lines = limits.log_lines;
        (format!("limits.log-lines = {lines}"), format!("log-lines = {}", lines.saturating_mul(2).max(1)))
    };
    format!(
        "{} of log were dropped, past {reached}; to keep more: {} {more}",
        quantity::bytes(usage.log.dropped),
        task.toml_table("limits"),
    )
}

/// After lines of the host's own were left out.
pub(crate) fn host_lines(dropped: u64) -> String {
    let lines = if dropped == 1 { "line" } else { "lines" };
    format!("{dropped} more {lines} of the host's own were left out, about requests and refusals: there were too many")
}

/// After a request came to one of its limits.
pub(crate) fn http_limit(task: &Task, limit: HttpLimit) -> String {
    let allowed = limit.allowed(&task.limits.http);
    let more = allowed.saturating_mul(2).max(1);
    let (allowed, more) = match limit.unit() {
        Unit::Count => (allowed.to_string(), more.to_string()),
        unit => (format!("{:#}", quantity::figure(allowed, unit)), format!("\"{:#}\"", quantity::figure(more, unit))),
    };
    let table = task.name.toml_table("limits");
    format!("past limits.{limit} = {allowed}; to allow more: {table} {limit} = {more}")
}

/// After a guest was stopped for it set too many headers.
pub(crate) fn http_fields(task: &Task) -> String {
    format!("a request's headers were {}", http_limit(task, HttpLimit::Headers))
}

/// After one request too many.
pub(crate) fn http_requests(task: &Task) -> String {
    let more = task.limits.http.requests.saturating_mul(2).max(1);
    format!("to allow more: {} http-requests = {more}", task.name.toml_table("limits"))
}

/// After a request that no grant allows: the grants there are, and a new one; only that one if there are many, for they
/// would take the room of other lines.
pub(crate) fn http_grant(task: &Task, new: &HttpGrant) -> String {
    let table = task.name.toml_table("grants");
    let grants = task.grants.http.iter().chain([new]).map(HttpGrant::toml).collect::<Vec<_>>().join(", ");
    match grants.len() <= bounds::HOST_LOG_TEXT {
        true => format!("to allow it: {table} http = [{grants}]"),
        false => format!("to allow it: add {} to http of {table}", new.toml()),
    }
}

/// After a key-value store was opened that no grant has: the task's own, or a shared one.
pub(crate) fn keyvalue_grant(task: &Task, shared: Option<StoreName>) -> String {
    let mut grant = task.grants.kv.clone().unwrap_or_default();
    let store = match &shared {
        None => "a store of its own".to_owned(),
        Some(name) => format!("the shared store {name}"),
    };
    grant.shared.extend(shared);
    let table = task.name.toml_table("grants");
    format!("key-value store refused: no grant gives the task {store}; to allow it: {table} kv = {grant}")
}

/// After a write to a key-value store that its quota does not allow. None if it was refused for another reason.
pub(crate) fn keyvalue_quota(task: &Task, refused: &Refused) -> Option<String> {
    let mut grant = task.grants.kv.clone().unwrap_or_default();
    match refused {
        Refused::Bytes { wanted, .. } => grant.quota.bytes = wanted.saturating_mul(2),
        Refused::Keys { allowed } => grant.quota.keys = allowed.saturating_mul(2),
        Refused::Changed | Refused::NotANumber | Refused::Overflow => return None,
    }
    Some(format!("write refused: {refused}; to allow more: {} kv = {grant}", task.name.toml_table("grants")))
}

/// After one write too many to key-value stores.
pub(crate) fn keyvalue_writes(task: &Task) -> String {
    let limit = task.limits.kv_writes;
    let more = limit.saturating_mul(2).max(1);
    format!(
        "write refused: past limits.kv-writes = {limit}; to allow more: {} kv-writes = {more}",
        task.name.toml_table("limits")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Surroundings, load_text};
    use crate::model::limits::LogUsage;
    use crate::model::schedule::Schedule;

    #[test]
    fn every_lesson_about_a_limit_is_accepted_where_it_is_pasted() {
        let around =
            Surroundings { env: [].into(), cores: std::num::NonZeroU32::MIN, now: jiff::Timestamp::UNIX_EPOCH };
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("plugins")).unwrap();
        std::fs::write(root.path().join("plugins/a.b.wasm"), "").unwrap();
        let task = Task::example("a.b", Schedule::manual());
        for limit in Limit::ALL {
            let allowed = Limits::default().allowed(limit).unwrap();
            let lesson = super::limit(&task, &Exceeded { limit, allowed, used: allowed + 1, backtrace: Vec::new() });
            let (table, key) = lesson.split_once("to allow more: ").unwrap().1.split_once("] ").unwrap();
            let toml = format!("{table}]\n{key}\n");
            let loaded = load_text("pasted.toml", &toml, root.path(), &around);
            let limits = loaded.unwrap_or_else(|report| panic!("{report}")).config.tasks[0].limits.clone();
            assert_eq!(limits.allowed(limit), Some(allowed * 2), "{toml}");
        }
    }

    #[test]
    fn every_lesson_about_a_limit_of_requests_is_accepted_where_it_is_pasted() {
        let around =
            Surroundings { env: [].into(), cores: std::num::NonZeroU32::MIN, now: jiff::Timestamp::UNIX_EPOCH };
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("plugins")).unwrap();
        std::fs::write(root.path().join("plugins/a.b.wasm"), "").unwrap();
        let task = crate::sandbox::testing::task("a.b");
        for limit in HttpLimit::ALL {
            let lesson = http_limit(&task, limit);
            let (table, key) = lesson.split_once("to allow more: ").unwrap().1.split_once("] ").unwrap();
            let toml = format!("{table}]\n{key}\n");
            let loaded = load_text("pasted.toml", &toml, root.path(), &around);
            let limits = loaded.unwrap_or_else(|report| panic!("{report}")).config.tasks[0].limits.clone();
            assert_eq!(limit.allowed(&limits.http), limit.allowed(&task.limits.http) * 2, "{toml}");
        }
    }

    #[test]
    fn lessons_can_be_pasted() {
        let task = Task::example("a.b", Schedule::manual());
        for (limit, allowed, used, expected) in [
            (
                Limit::Memory,
                64 << 20,
                65 << 20,
                "limits.memory = 64MiB, having come to 65MiB; to allow more: [tasks.\"a.b\".limits] memory = \"128MiB\"",
            ),
            (
                Limit::Fuel,
                10_000_000_000,
                20_000_000_003,
                "limits.fuel = 10G, having come to 20G; to allow more: [tasks.\"a.b\".limits] fuel = \"20G\"",
            ),
            (
                Limit::Timeout,
                90_000,
                90_001,
                "limits.timeout = 1m 30s; to allow more: [tasks.\"a.b\".limits] timeout = \"3m\"",
            ),
        ] {
            let lesson = super::limit(&task, &Exceeded { limit, allowed, used, backtrace: Vec::new() });
            assert_eq!(lesson, format!("stopped at {expected}"));
        }
        let usage = Usage { log: LogUsage { dropped: 4096, ..LogUsage::default() }, ..Usage::default() };
        assert_eq!(
            log(&"report".parse().unwrap(), &Limits::default(), &usage),
            "4KiB of log were dropped, past limits.log = 256KiB; to keep more: [tasks.report.limits] log = \"512KiB\""
        );
    }
}
