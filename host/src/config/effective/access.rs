//! The keys about who gets in: `[host.api]` and `webhook`.

use std::path::Path;

use serde_json::Value as Json;

use super::{Keys, duration, path, secrets};
use crate::api::{GuardSettings, Transport};
use crate::config::elements::task::Origin;
use crate::model::webhook::{Scheme, Webhook};

pub(super) fn api(api: &GuardSettings, root: &Path) -> Keys {
    let mut keys: Keys = match &api.transport {
        Transport::Tls(tls) => {
            vec![("api.tls.certificate", path(&tls.certificate, root)), ("api.tls.key", path(&tls.key, root))]
        }
        Transport::ClearOnLoopback => vec![("api.plaintext", false.into())],
        Transport::ClearEverywhere => vec![("api.plaintext", true.into())],
    };
    keys.push(("api.open", api.open.iter().map(|route| route.name()).collect()));
    keys.extend(api.rate.map(|rate| ("api.rate", rate.get().into())));
    keys
}

pub(super) fn webhook(hook: &Webhook, origin: &Origin) -> Keys {
    let secrets: Vec<Json> = origin.webhook_secrets.iter().map(secrets::source).collect();
    let mut keys: Keys = vec![("webhook.path", hook.path.as_str().into()), ("webhook.secret", secrets.into())];
    keys.push(("webhook.scheme", hook.scheme.name().into()));
    if hook.scheme == Scheme::Generic {
        keys.push(("webhook.tolerance", duration(hook.tolerance)));
    }
    keys
}
