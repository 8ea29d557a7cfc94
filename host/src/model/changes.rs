//! Which settings of a task or an alert differ between two configurations, in the configuration's words.
//!
//! Every field is named, so that a new one cannot be forgotten here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::alert::channel::{Channel, Hook, Mail, Target};
use crate::model::alert::{Gate, Rules};
use crate::model::grants::Grants;
use crate::model::id::AlertName;
use crate::model::limits::{HttpLimits, Limits};
use crate::model::misfire::Misfire;
use crate::model::plan::{AlertPlan, Change};
use crate::model::retention::Retention;
use crate::model::retry::Retry;
use crate::model::task::{ExitCodes, Task};

/// Alerts by name.
pub type Channels = BTreeMap<AlertName, Arc<Channel>>;

/// Notes the keys of the fields that differ. A field without a key is compared below, field by field.
macro_rules! differing {
    ($changed:ident, $before:expr, $after:expr, $type:ident { $($field:ident $(=> $key:literal)?),* $(,)? }) => {
        let $type { $($field: _),* } = $before;
        $($(if $before.$field != $after.$field {
            $changed.push($key);
        })?)*
    };
}

/// The keys of the settings that differ, such as `limits.timeout`, in the order of the configuration's documentation.
/// A secret is among them when its value differs, wherever that comes from.
pub fn changed_settings(before: &Task, after: &Task) -> Vec<&'static str> {
    let mut changed = Vec::new();
    differing!(changed, before, after, Task {
        name,
        plugin => "plugin",
        schedule => "schedule",
        enabled => "enabled",
        payload => "payload",
        after => "after",
        overlap => "overlap",
        max_concurrent => "max-concurrent",
        alerts => "alerts",
        limits,
        retry,
        misfire,
        exit_codes,
        retention,
        grants,
        webhook => "webhook",
        ping => "ping",
    });
    let (old, new) = (&*before.limits, &*after.limits);
    differing!(changed, old, new, Limits {
        timeout => "limits.timeout",
        fuel => "limits.fuel",
        memory => "limits.memory",
        table_elements => "limits.table-elements",
        instances => "limits.instances",
        handles => "limits.handles",
        resources => "limits.resources",
        hostcall => "limits.hostcall",
        random => "limits.random",
        log => "limits.log",
        log_lines => "limits.log-lines",
        output => "limits.output",
        http,
        kv_writes => "limits.kv-writes",
    });
    let (old, new) = (&before.limits.http, &after.limits.http);
    differing!(changed, old, new, HttpLimits {
        requests => "limits.http-requests",
        concurrent => "limits.http-concurrent",
        body => "limits.http-body",
        headers => "limits.http-headers",
        connect => "limits.http-connect",
        tls => "limits.http-tls",
        first_byte => "limits.http-first-byte",
        between_bytes => "limits.http-between-bytes",
        total => "limits.http-total",
    });
    let (old, new) = (&*before.retry, &*after.retry);
    differing!(changed, old, new, Retry {
        attempts => "retry.attempts",
        backoff => "retry.backoff",
        jitter => "retry.jitter",
        on => "retry.on",
        on_interrupt => "on-interrupt",
    });
    let (old, new) = (&*before.misfire, &*after.misfire);
    differing!(changed, old, new, Misfire { policy => "misfire.policy", window => "misfire.window" });
    let (old, new) = (&*before.exit_codes, &*after.exit_codes);
    differing!(changed, old, new, ExitCodes {
        success => "exit-codes.success",
        transient => "exit-codes.transient",
    });
    let (old, new) = (&*before.retention, &*after.retention);
    differing!(changed, old, new, Retention {
        age => "retention.age",
        runs => "retention.runs",
        bytes => "retention.bytes",
        logs => "retention.logs",
    });
    let (old, new) = (&*before.grants, &*after.grants);
    differing!(changed, old, new, Grants {
        http => "grants.http",
        env => "grants.env",
        secrets => "grants.secrets",
        folders => "grants.folders",
        kv => "grants.kv",
    });
    changed
}

/// The alerts that differ, in the order of their names.
pub fn changed_alerts(before: &Channels, after: &Channels) -> Vec<AlertPlan> {
    let names: BTreeSet<&AlertName> = before.keys().chain(after.keys()).collect();
    let plan = |name: &AlertName| {
        let change = match (before.get(name), after.get(name)) {
            (Some(before), Some(after)) => match changed_keys(before, after) {
                keys if keys.is_empty() => return None,
                keys => Change::Changed(keys),
            },
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
        };
        Some(AlertPlan { alert: name.clone(), change })
    };
    names.into_iter().filter_map(plan).collect()
}

/// The same as [`changed_settings`] of an alert.
fn changed_keys(before: &Channel, after: &Channel) -> Vec<&'static str> {
    let mut changed = Vec::new();
    differing!(changed, before, after, Channel { name, rules, gate, queued_for => "queued-for", target });
    match (&before.target, &after.target) {
        (Target::Mail(before), Target::Mail(after)) => {
            differing!(changed, before, after, Mail {
                host => "smtp.host",
                port => "smtp.port",
                security => "smtp.security",
                login,
                from => "smtp.from",
                to => "smtp.to",
                roots => "smtp.tls-roots",
            });
            let [old, new] = [before, after].map(|mail| mail.login.as_ref());
            changed.extend((old.map(|login| &login.0) != new.map(|login| &login.0)).then_some("smtp.user"));
            changed.extend((old.map(|login| &login.1) != new.map(|login| &login.1)).then_some("smtp.password"));
        }
        (Target::Hook(before), Target::Hook(after)) => {
            differing!(changed, before, after, Hook {
                url => "webhook.url",
                service,
                token => "webhook.token",
                roots => "webhook.tls-roots",
            });
            if before.service != after.service {
                let same = before.service.name() == after.service.name();
                changed.push(if same { "webhook.body" } else { "webhook.format" });
            }
        }
        (Target::Mail(_), Target::Hook(_)) | (Target::Hook(_), Target::Mail(_)) => changed.extend(["smtp", "webhook"]),
    }
    let (old, new) = (&before.rules, &after.rules);
    differing!(changed, old, new, Rules {
        on => "on",
        recoveries => "on",
        after_failures => "after-failures",
        reminder => "reminder",
    });
    // Which notices go together follows from the format, and the zone is told as the host's.
    let (old, new) = (&before.gate, &after.gate);
    differing!(changed, old, new, Gate {
        group_wait => "group-wait",
        daily_cap => "daily-cap",
        group,
        zone,
        quiet => "quiet-hours",
    });
    changed.dedup();
    changed
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;
    use crate::model::alert::channel::{Security, Service};
    use crate::model::alert::{Kind, Recoveries};
    use crate::model::grants::Secret;
    use crate::model::payload::Blob;
    use crate::model::schedule::Schedule;

    #[test]
    fn what_differs_is_named_as_in_the_configuration() {
        let task = || Task::example("a", Schedule::every(Duration::from_secs(60)).unwrap());
        let check = |change: fn(&mut Task), expected: &[&str]| {
            let mut after = task();
            change(&mut after);
            assert_eq!(changed_settings(&task(), &after), expected);
            assert_eq!(task() != after, !expected.is_empty(), "{expected:?}");
        };
        check(|_| {}, &[]);
        check(|task| task.schedule = Schedule::manual(), &["schedule"]);
        check(|task| task.enabled = false, &["enabled"]);
        check(|task| task.plugin = "other".parse().unwrap(), &["plugin"]);
        check(|task| task.limits.timeout = Duration::from_secs(1), &["limits.timeout"]);
        check(|task| task.limits.http.body = 1, &["limits.http-body"]);
        check(|task| task.retry.on_interrupt = crate::model::retry::OnInterrupt::GiveUp, &["on-interrupt"]);
        check(|task| task.grants.secrets.push(("TOKEN".into(), Secret::new("x".into()))), &["grants.secrets"]);
        check(|task| task.retention.runs = 7, &["retention.runs"]);
        check(
            |task| {
                task.payload = Some(Arc::new(Blob { content_type: Blob::TEXT.to_owned(), bytes: b"x".to_vec() }));
                task.misfire.window = Duration::from_secs(9);
            },
            &["payload", "misfire.window"],
        );
    }

    #[test]
    fn an_alert_that_differs_is_named_with_its_keys_and_a_new_password_is_a_difference() {
        let mail = || Mail {
            host: "smtp.example".to_owned(),
            port: 587,
            security: Security::StartTls,
            login: Some(("me".to_owned(), Secret::new("old".into()))),
            from: "a@b.example".to_owned(),
            to: vec!["c@d.example".to_owned()],
            roots: None,
        };
        let channel = || Channel {
            name: "ops".parse().unwrap(),
            rules: Rules {
                on: [Kind::Failed].into(),
                recoveries: Recoveries::Told,
                after_failures: NonZeroU32::MIN,
                reminder: Duration::from_secs(60),
            },
            gate: Gate {
                group_wait: Duration::ZERO,
                daily_cap: NonZeroU32::MIN,
                group: 100,
                quiet: None,
                zone: jiff::tz::TimeZone::UTC,
            },
            queued_for: Duration::from_secs(60),
            target: Target::Mail(mail()),
        };
        let alerts = |channels: Vec<Channel>| -> Channels {
            channels.into_iter().map(|channel| (channel.name.clone(), Arc::new(channel))).collect()
        };
        let check = |change: fn(&mut Channel, &mut Mail), expected: &[&'static str]| {
            let (mut after, mut target) = (channel(), mail());
            change(&mut after, &mut target);
            after.target = Target::Mail(target);
            let plans = changed_alerts(&alerts(vec![channel()]), &alerts(vec![after]));
            let changes: Vec<Change> = plans.into_iter().map(|plan| plan.change).collect();
            let expected = if expected.is_empty() { vec![] } else { vec![Change::Changed(expected.to_vec())] };
            assert_eq!(changes, expected);
        };
        check(|_, _| {}, &[]);
        check(|channel, _| channel.gate.zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(1)), &[]);
        check(|channel, _| channel.rules.recoveries = Recoveries::Untold, &["on"]);
        check(|channel, _| channel.queued_for = Duration::ZERO, &["queued-for"]);
        check(|_, mail| mail.login = Some(("me".to_owned(), Secret::new("new".into()))), &["smtp.password"]);
        check(|_, mail| mail.login = None, &["smtp.user", "smtp.password"]);
        check(
            |channel, mail| {
                mail.to.clear();
                channel.rules.reminder = Duration::ZERO;
            },
            &["smtp.to", "reminder"],
        );
        let mut hook = channel();
        let (url, service) = ("https://a.example/".parse().unwrap(), Service::Slack);
        hook.target = Target::Hook(Hook { url, service, token: None, roots: None });
        let changed = |before, after| changed_alerts(&before, &after).pop().map(|plan| plan.change);
        let (none, before) = (Channels::new(), alerts(vec![channel()]));
        assert_eq!(changed(before.clone(), alerts(vec![hook])), Some(Change::Changed(vec!["smtp", "webhook"])));
        assert_eq!(changed(none.clone(), before.clone()), Some(Change::Added));
        assert_eq!(changed(before, none), Some(Change::Removed));
    }
}
