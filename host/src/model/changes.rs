//! Which settings of a task differ between two configurations, in the configuration's words.
//!
//! Every field is named, so that a new one cannot be forgotten here.

use crate::model::grants::Grants;
use crate::model::limits::{HttpLimits, Limits};
use crate::model::misfire::Misfire;
use crate::model::retention::Retention;
use crate::model::retry::Retry;
use crate::model::task::{ExitCodes, Task};

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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
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
}
