//! What the configuration means for the log, for metrics, for traces and for the proxy.

use std::path::Path;

use super::secrets::{headers, source};
use super::{Keys, bytes, path};
use crate::config::elements::observe::ObserveSettings;
use crate::config::elements::proxy::WrittenProxy;
use crate::config::elements::traces::Traces;

pub(super) fn keys(observe: &ObserveSettings, root: &Path) -> Keys {
    let mut keys: Keys = Vec::new();
    if let Some(log) = &observe.log {
        keys.extend([
            ("log.file", path(&log.file, root)),
            ("log.max-size", bytes(log.max_size)),
            ("log.keep", log.keep.into()),
        ]);
    }
    keys.push(("metrics.max-tasks", observe.max_tasks.into()));
    keys.extend(observe.traces.iter().flat_map(traces));
    keys.extend(observe.proxy.iter().flat_map(proxy));
    keys
}

fn traces(traces: &Traces) -> Keys {
    let mut keys: Keys = vec![("traces.endpoint", traces.endpoint.as_str().into())];
    if !traces.headers.is_empty() {
        keys.push(("traces.header", headers(&traces.headers)));
    }
    keys.extend(traces.tls_roots.as_ref().map(|roots| ("traces.tls-roots", roots.file.to_string_lossy().into())));
    keys.extend([("traces.sample", traces.sample.to_string().into()), ("traces.logs", traces.logs.into())]);
    keys
}

fn proxy(WrittenProxy { proxy, password }: &WrittenProxy) -> Keys {
    let mut keys: Keys = vec![("proxy.url", proxy.url.as_str().into())];
    keys.extend(proxy.login.as_ref().map(|(user, _)| ("proxy.user", user.as_str().into())));
    keys.extend(password.as_ref().map(|from| ("proxy.password", source(from))));
    keys.push(("proxy.except", proxy.except.iter().map(String::as_str).collect()));
    keys
}
