//! What alerts and dead man's switches mean, as keys of TOML. Secrets are named by their source.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{Keys, duration, secrets, zone_name};
use crate::config::elements::alerts::Alert;
use crate::model::alert::channel::{Service, Target};
use crate::model::alert::{Kind, Recoveries};
use crate::model::ping::Ping;

pub(super) fn alert_keys(alert: &Alert) -> Keys {
    let (channel, written) = (&alert.channel, &alert.written);
    let mut keys: Keys = Vec::new();
    let roots = written.tls_roots.as_ref().map(|file| Json::from(file.to_string_lossy()));
    let secret = written.secret.as_ref().map(secrets::source);
    match &channel.target {
        Target::Mail(mail) => {
            keys.extend([
                ("smtp.host", mail.host.as_str().into()),
                ("smtp.port", mail.port.into()),
                ("smtp.security", mail.security.name().into()),
            ]);
            keys.extend(mail.login.as_ref().map(|(user, _)| ("smtp.user", user.as_str().into())));
            keys.extend(secret.map(|secret| ("smtp.password", secret)));
            keys.extend([
                ("smtp.from", mail.from.as_str().into()),
                ("smtp.to", mail.to.iter().map(String::as_str).collect()),
            ]);
            keys.extend(roots.map(|roots| ("smtp.tls-roots", roots)));
        }
        Target::Hook(hook) => {
            keys.push(match &written.url {
                Some(from) => ("webhook.url-from", secrets::source(from)),
                None => ("webhook.url", hook.url.as_str().into()),
            });
            keys.push(("webhook.format", hook.service.name().into()));
            if let Service::Template(template) = &hook.service {
                keys.push(("webhook.body", template.text().into()));
            }
            keys.extend(secret.map(|secret| ("webhook.token", secret)));
            keys.extend(roots.map(|roots| ("webhook.tls-roots", roots)));
        }
    }
    let mut on = kinds(&channel.rules.on);
    if channel.rules.recoveries == Recoveries::Told {
        on.push("recovered");
    }
    keys.extend([
        ("on", on.into()),
        ("after-failures", channel.rules.after_failures.get().into()),
        ("reminder", duration(channel.rules.reminder)),
        ("daily-cap", channel.gate.daily_cap.get().into()),
        ("group-wait", duration(channel.gate.group_wait)),
        ("queued-for", duration(channel.queued_for)),
    ]);
    if let Some(quiet) = &channel.gate.quiet {
        keys.extend([
            ("quiet-hours.from", quiet.from.to_string().into()),
            ("quiet-hours.to", quiet.to.to_string().into()),
            ("quiet-hours.timezone", zone_name(&quiet.zone)),
            ("quiet-hours.except", kinds(&quiet.except).into()),
        ]);
    }
    keys
}

pub(super) fn ping(ping: &Ping) -> Keys {
    let addresses = [("ping.start", &ping.start), ("ping.success", &ping.success), ("ping.failure", &ping.failure)];
    addresses.into_iter().filter_map(|(key, url)| Some((key, url.as_ref()?.as_str().into()))).collect()
}

fn kinds(kinds: &BTreeSet<Kind>) -> Vec<&'static str> {
    kinds.iter().map(|kind| kind.name()).collect()
}
