//! What the configuration means for the log, for metrics and for traces.

use std::path::Path;

use super::{Keys, bytes, path};
use crate::config::elements::observe::ObserveSettings;

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
    keys.extend(observe.traces.as_ref().map(|collector| ("traces.endpoint", collector.endpoint().into())));
    keys.push(("traces.logs", observe.traced_logs.into()));
    keys
}
