//! What a configuration means, with every default in its place: as TOML that could stand for the file, and as JSON.
//!
//! Secrets are named by their source and never shown.

mod access;
mod alerts;
mod grants;
mod host;
mod observing;
mod secrets;
mod task;
mod toml;

use std::fmt;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};

use super::Config;
use super::elements::host::HostSettings;
use super::elements::task::Origin;
use crate::model::id::TaskName;
use crate::model::quantity;
use crate::model::task::Task;

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
        let mut tables = vec![Table { path: vec!["host".to_owned()], next: None, keys: host::keys(config) }];
        let no_origin = Origin::default();
        tables.extend(config.tasks.iter().map(|task| {
            let origin = config.origins.get(&task.name).unwrap_or(&no_origin);
            Table {
                path: vec!["tasks".to_owned(), task.name.to_string()],
                next: Some(Next::of(task, origin, &config.host, now)),
                keys: task::keys(task, origin, config),
            }
        }));
        tables.extend(config.secret_sources.iter().map(|(name, source)| Table {
            path: vec!["secrets".to_owned(), name.clone()],
            next: None,
            keys: vec![secrets::key(source)],
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
        host::keys(self).into_iter().map(|(key, value)| (format!("host.{key}"), toml::value(&value))).collect()
    }
}

impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, table) in self.tables.iter().enumerate() {
            let path: Vec<String> = table.path.iter().map(|name| toml::key(name)).collect();
            writeln!(f, "{}[{}]", if index == 0 { "" } else { "\n" }, path.join("."))?;
            if let Some(next) = &table.next {
                writeln!(f, "# next: {next}")?;
            }
            let width = table.keys.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
            for (key, value) in &table.keys {
                writeln!(f, "{key:width$} = {}", toml::value(value))?;
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
