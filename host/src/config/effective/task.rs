//! A task's own keys.

use serde_json::{Map, Value as Json};

use super::access::webhook;
use super::{Keys, alerts, bytes, duration, grants, zone_name};
use crate::config::Config;
use crate::config::elements::host::HostSettings;
use crate::config::elements::schedule::ScheduleTable;
use crate::config::elements::task::Origin;
use crate::model::limits::Limits;
use crate::model::misfire::{Misfire, MisfirePolicy};
use crate::model::payload::Blob;
use crate::model::retention::Retention;
use crate::model::retry::{Backoff, Jitter, OnInterrupt, Retry};
use crate::model::task::Task;

pub(super) fn keys(task: &Task, origin: &Origin, config: &Config) -> Keys {
    let mut keys: Keys = vec![("plugin", task.plugin.as_str().into())];
    keys.extend(origin.schedule.as_ref().map(|written| ("schedule", schedule(written, &config.host))));
    keys.push(("enabled", task.enabled.into()));
    keys.push(("overlap", task.overlap.name().into()));
    keys.push(("max-concurrent", task.max_concurrent.get().into()));
    keys.extend(misfire(&task.misfire));
    keys.extend(retry(&task.retry));
    keys.extend(limits(&task.limits));
    keys.extend(task.payload.as_deref().map(|blob| ("payload", payload(blob))));
    keys.extend(task.webhook.iter().flat_map(|hook| webhook(hook, origin)));
    keys.push(("after", task.after.iter().map(|name| name.as_str()).collect()));
    keys.push(("alerts", task.alerts.iter().map(|name| name.as_str()).collect()));
    keys.extend(task.ping.as_deref().map(alerts::ping).unwrap_or_default());
    keys.push(("exit-codes.success", task.exit_codes.success.iter().copied().collect()));
    keys.push(("exit-codes.transient", task.exit_codes.transient.iter().copied().collect()));
    keys.extend(retention(&task.retention));
    keys.extend(grants::keys(&task.grants, origin, &config.root));
    keys
}

fn retention(retention: &Retention) -> Keys {
    vec![
        ("retention.age", duration(retention.age)),
        ("retention.runs", retention.runs.into()),
        ("retention.bytes", bytes(retention.bytes)),
        ("retention.logs", duration(retention.logs)),
    ]
}

fn schedule(written: &ScheduleTable, host: &HostSettings) -> Json {
    let keys = &written.0;
    let mut table = Map::new();
    if let Some(cron) = keys.cron.value() {
        table.insert("cron".to_owned(), cron.0.into());
        let zone = keys.timezone.value().map_or(host.timezone.clone(), |zone| zone.0);
        table.insert("timezone".to_owned(), zone_name(&zone));
    }
    table.extend(keys.every.value().map(|every| ("every".to_owned(), duration(every.0))));
    table.extend(keys.at.value().map(|at| ("at".to_owned(), at.0.into())));
    table.extend(keys.splay.value().map(|splay| ("splay".to_owned(), duration(splay.0))));
    table.into()
}

fn misfire(misfire: &Misfire) -> Keys {
    let (policy, max) = match misfire.policy {
        MisfirePolicy::Skip => ("skip", None),
        MisfirePolicy::Once => ("once", None),
        MisfirePolicy::All { max } => ("all", Some(max)),
    };
    let mut keys: Keys = vec![("misfire.policy", policy.into()), ("misfire.window", duration(misfire.window))];
    keys.extend(max.map(|max| ("misfire.max", max.into())));
    keys
}

fn retry(retry: &Retry) -> Keys {
    let mut keys: Keys = vec![("retry.attempts", retry.attempts.into())];
    match retry.backoff {
        Backoff::Fixed { wait } => keys.extend([("retry.backoff", "fixed".into()), ("retry.first", duration(wait))]),
        Backoff::Exponential { first, max } => keys.extend([
            ("retry.backoff", "exponential".into()),
            ("retry.first", duration(first)),
            ("retry.max", duration(max)),
        ]),
    }
    let jitter = match retry.jitter {
        Jitter::None => "none",
        Jitter::Full => "full",
    };
    keys.push(("retry.jitter", jitter.into()));
    keys.push(("retry.on", retry.on.iter().map(|class| class.name()).collect()));
    let on_interrupt = match retry.on_interrupt {
        OnInterrupt::Retry => "retry",
        OnInterrupt::GiveUp => "give-up",
    };
    keys.push(("on-interrupt", on_interrupt.into()));
    keys
}

fn limits(limits: &Limits) -> Keys {
    vec![
        ("limits.timeout", duration(limits.timeout)),
        ("limits.fuel", format!("{:#}", limits.fuel).into()),
        ("limits.memory", bytes(limits.memory)),
        ("limits.table-elements", limits.table_elements.into()),
        ("limits.instances", limits.instances.into()),
        ("limits.handles", limits.handles.into()),
        ("limits.resources", limits.resources.into()),
        ("limits.hostcall", bytes(limits.hostcall)),
        ("limits.random", bytes(limits.random)),
        ("limits.log", bytes(limits.log)),
        ("limits.log-lines", limits.log_lines.into()),
        ("limits.output", bytes(limits.output)),
        ("limits.http-requests", limits.http.requests.into()),
        ("limits.http-concurrent", limits.http.concurrent.into()),
        ("limits.http-body", bytes(limits.http.body)),
        ("limits.http-headers", bytes(limits.http.headers)),
        ("limits.http-connect", duration(limits.http.connect)),
        ("limits.http-tls", duration(limits.http.tls)),
        ("limits.http-first-byte", duration(limits.http.first_byte)),
        ("limits.http-between-bytes", duration(limits.http.between_bytes)),
        ("limits.http-total", duration(limits.http.total)),
        ("limits.kv-writes", limits.kv_writes.into()),
    ]
}

fn payload(blob: &Blob) -> Json {
    let text = || String::from_utf8_lossy(&blob.bytes).into_owned();
    if blob.content_type == Blob::JSON {
        serde_json::from_slice(&blob.bytes).unwrap_or_else(|_| text().into())
    } else {
        text().into()
    }
}
