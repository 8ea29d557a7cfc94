//! What a configuration means, with every default in its place: as TOML that could stand for the file, and as JSON.
//!
//! Secrets are named by their source and never shown.

mod access;
mod alerts;
mod observing;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json, json};

use self::access::{api, webhook};
use super::Config;
use super::elements::host::HostSettings;
use super::elements::schedule::ScheduleTable;
use super::elements::secrets::SecretSource;
use super::elements::task::Origin;
use crate::model::grants::{BoundHeader, FolderAccess, Grants, HttpGrant, KeyValueGrant, Writes};
use crate::model::id::TaskName;
use crate::model::limits::Limits;
use crate::model::misfire::{Misfire, MisfirePolicy};
use crate::model::payload::Blob;
use crate::model::quantity;
use crate::model::retention::Retention;
use crate::model::retry::{Backoff, Jitter, OnInterrupt, Retry};
use crate::model::task::Task;
use crate::model::text::is_active;

/// A configuration with every default in its place. Its `Display` is TOML.
#[derive(Debug, Clone)]
pub struct Effective {
    tables: Vec<Table>,
}

/// A table and what stands in it, by dotted keys.
#[derive(Debug, Clone)]
struct Table {
    path: Vec<String>,
    /// When a task runs next: shown as a comment, and in JSON beside the keys.
    next: Option<Next>,
    keys: Keys,
}

/// When a task runs next.
#[derive(Debug, Clone)]
enum Next {
    /// In this slot, shown in the zone of its schedule.
    Slot(String),
    /// Its last slot has passed.
    Over,
    /// It has no schedule.
    Unscheduled { after: Vec<String> },
}

/// Dotted keys and their values, in the order in which they are shown.
type Keys = Vec<(&'static str, Json)>;

impl Effective {
    /// What a configuration means at this time.
    pub fn new(config: &Config, now: Timestamp) -> Self {
        let mut tables = vec![Table { path: vec!["host".to_owned()], next: None, keys: host(config) }];
        let no_origin = Origin::default();
        tables.extend(config.tasks.iter().map(|task| {
            let origin = config.origins.get(&task.name).unwrap_or(&no_origin);
            Table {
                path: vec!["tasks".to_owned(), task.name.to_string()],
                next: Some(Next::of(task, origin, &config.host, now)),
                keys: task_keys(task, origin, config),
            }
        }));
        tables.extend(config.secret_sources.iter().map(|(name, source)| Table {
            path: vec!["secrets".to_owned(), name.clone()],
            next: None,
            keys: vec![secret_key(source)],
        }));
        tables.extend(config.alerts.iter().map(|alert| Table {
            path: vec!["alerts".to_owned(), alert.channel.name.to_string()],
            next: None,
            keys: alerts::alert_keys(alert),
        }));
        Self { tables }
    }

    /// The same as JSON, with the file's own nesting and a `next` in each task.
    pub fn to_json(&self) -> Json {
        let mut root = json!({ "host": {}, "tasks": {}, "secrets": {}, "alerts": {} });
        for table in &self.tables {
            let object = table.path.iter().fold(&mut root, |object, name| &mut object[name.as_str()]);
            *object = json!({});
            if let Some(next) = &table.next {
                object["next"] = next.to_json();
            }
            for (key, value) in &table.keys {
                let place = key.split('.').fold(&mut *object, |object, name| &mut object[name]);
                *place = value.clone();
            }
        }
        root
    }
}

impl Config {
    /// The settings of the host by their keys, such as `host.listen`, each as TOML.
    pub fn host_keys(&self) -> Vec<(String, String)> {
        host(self).into_iter().map(|(key, value)| (format!("host.{key}"), toml_value(&value))).collect()
    }
}

impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, table) in self.tables.iter().enumerate() {
            let path: Vec<String> = table.path.iter().map(|name| toml_key(name)).collect();
            writeln!(f, "{}[{}]", if index == 0 { "" } else { "\n" }, path.join("."))?;
            if let Some(next) = &table.next {
                writeln!(f, "# next: {next}")?;
            }
            let width = table.keys.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
            for (key, value) in &table.keys {
                writeln!(f, "{key:width$} = {}", toml_value(value))?;
            }
        }
        Ok(())
    }
}

impl Next {
    fn of(task: &Task, origin: &Origin, host: &HostSettings, now: Timestamp) -> Self {
        let Some(schedule) = &origin.schedule else {
            return Next::Unscheduled { after: task.after.iter().map(TaskName::to_string).collect() };
        };
        // The zone in which people think of the task's slots.
        let zone = schedule.0.timezone.value().map_or_else(|| host.timezone.clone(), |zone| zone.0);
        match task.schedule.next_after(now) {
            Some(slot) => Next::Slot(slot.time().to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()),
            None => Next::Over,
        }
    }

    fn to_json(&self) -> Json {
        match self {
            Next::Slot(slot) => slot.as_str().into(),
            Next::Over | Next::Unscheduled { .. } => Json::Null,
        }
    }
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Next::Slot(slot) => f.write_str(slot),
            Next::Over => f.write_str("never"),
            Next::Unscheduled { after } if after.is_empty() => f.write_str("when somebody asks for it"),
            Next::Unscheduled { after } => write!(f, "after {}", after.join(" or ")),
        }
    }
}

fn host(config: &Config) -> Keys {
    let host = &config.host;
    let mut keys: Keys = vec![
        ("plugins", path(&host.plugins, &config.root)),
        ("state", path(&host.state, &config.root)),
        ("timezone", zone_name(&host.timezone)),
        ("max-concurrent-runs", host.max_concurrent_runs.get().into()),
        ("max-queued-runs", host.max_queued_runs.into()),
        ("watch", host.watch.into()),
        ("listen", host.listen.to_string().into()),
        ("grace-period", duration(host.grace_period)),
        ("workers", host.workers.get().into()),
        ("wasi-03", host.wasi_03.into()),
    ];
    keys.extend(api(&host.api, &config.root));
    keys.extend(host.tls_roots.as_ref().map(|roots| ("tls-roots", path(&roots.file, &config.root))));
    keys.extend([
        ("compile.timeout", duration(host.compile.timeout)),
        ("compile.memory", bytes(host.compile.memory)),
        ("compile.max-size", bytes(host.compile.max_size)),
        ("compile.kept", bytes(host.compile.kept)),
        ("compile.parallel", host.compile.parallel.get().into()),
        ("ledger.durability", host.durability.name().into()),
        ("ledger.max-size", bytes(host.ledger_size)),
    ]);
    keys.extend(observing::keys(&config.observe, &config.root));
    keys
}

fn task_keys(task: &Task, origin: &Origin, config: &Config) -> Keys {
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
    keys.extend(grants(&task.grants, origin, &config.root));
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

fn grants(grants: &Grants, origin: &Origin, root: &Path) -> Keys {
    let mut keys: Keys = vec![("grants.http", grants.http.iter().map(http_grant).collect())];
    if !grants.env.is_empty() {
        keys.push(("grants.env", grants.env.iter().map(|(name, value)| (name.clone(), value.as_str())).collect()));
    }
    if !origin.secrets.is_empty() {
        keys.push(("grants.secrets", secrets(&origin.secrets)));
    }
    if !grants.folders.is_empty() {
        let access = |access| match access {
            FolderAccess::ReadOnly => "read-only",
            FolderAccess::ReadWrite => "read-write",
        };
        let folders = grants.folders.iter().map(|folder| {
            (folder.guest.clone(), json!({ "path": path(&folder.host, root), "access": access(folder.access) }))
        });
        keys.push(("grants.folders", folders.collect()));
    }
    keys.extend(grants.kv.iter().flat_map(keyvalue));
    keys
}

fn http_grant(grant: &HttpGrant) -> Json {
    if grant.headers().is_empty() {
        return grant.to_string().into();
    }
    json!({ "allow": grant.to_string(), "header": headers(grant.headers()) })
}

/// Headers as they are written, without the secrets in them.
fn headers(headers: &[BoundHeader]) -> Json {
    headers.iter().map(|header| (header.name().to_string(), Json::from(header.to_string()))).collect()
}

fn secrets(sources: &BTreeMap<String, SecretSource>) -> Json {
    sources.iter().map(|(name, from)| (name.clone(), secret_source(from))).collect()
}

fn secret_source(source: &SecretSource) -> Json {
    let (key, value) = secret_key(source);
    json!({ key: value })
}

/// The key that says where a secret comes from, and its value.
fn secret_key(source: &SecretSource) -> (&'static str, Json) {
    match source {
        SecretSource::Env(name) => ("env", name.as_str().into()),
        SecretSource::File(file) => ("file", json!(file)),
        SecretSource::Credential(name) => ("credential", name.as_str().into()),
    }
}

fn keyvalue(grant: &KeyValueGrant) -> Keys {
    vec![
        ("grants.kv.quota", bytes(grant.quota.bytes)),
        ("grants.kv.keys", grant.quota.keys.into()),
        ("grants.kv.shared", grant.shared.iter().map(|name| name.as_str()).collect()),
        ("grants.kv.transactional", (grant.writes == Writes::WithSuccess).into()),
    ]
}

fn zone_name(zone: &TimeZone) -> Json {
    zone.iana_name().unwrap_or("UTC").into()
}

fn duration(value: std::time::Duration) -> Json {
    format!("{:#}", quantity::duration(value)).into()
}

fn bytes(value: u64) -> Json {
    format!("{:#}", quantity::bytes(value)).into()
}

/// A path as it would be written: from the folder of the file if it lies there.
fn path(path: &Path, root: &Path) -> Json {
    match path.strip_prefix(root) {
        Ok(below) if below.as_os_str().is_empty() => ".".into(),
        Ok(below) => below.to_string_lossy().into(),
        Err(_) => path.to_string_lossy().into(),
    }
}

fn toml_key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { toml_text(name) }
}

/// A value on one line.
fn toml_value(value: &Json) -> String {
    match value {
        Json::String(text) => toml_text(text),
        Json::Array(items) => format!("[{}]", items.iter().map(toml_value).collect::<Vec<_>>().join(", ")),
        Json::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Json::Object(entries) => {
            let entry = |(key, value): (&String, &Json)| format!("{} = {}", toml_key(key), toml_value(value));
            format!("{{ {} }}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// A text in quotes, with what could act on a terminal escaped, which is more than TOML asks for.
fn toml_text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if is_active(c) && u32::from(c) > 0xffff => quoted.push_str(&format!("\\U{:08X}", u32::from(c))),
            c if is_active(c) => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
