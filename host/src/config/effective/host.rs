//! The host's own keys.

use super::access::api;
use super::{Keys, bytes, duration, observing, path, zone_name};
use crate::config::Config;

pub(super) fn keys(config: &Config) -> Keys {
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
