//! A task made up for a plugin's file that no configuration names.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::model::grants::Grants;
use crate::model::id::{PluginName, TaskName};
use crate::model::limits::Limits;
use crate::model::misfire::Misfire;
use crate::model::overlap::Overlap;
use crate::model::retry::Retry;
use crate::model::schedule::Schedule;
use crate::model::task::{ExitCodes, Task};
use crate::plugins::{CompileSettings, Settings};

/// Whether what the command line names is a file and not a task.
pub(super) fn is_file(target: &str) -> bool {
    target.contains('/') || [".wasm", ".wat"].iter().any(|ending| target.ends_with(ending))
}

/// A task with every default and no grants, named after the file.
pub(super) fn task(file: &Path) -> anyhow::Result<Task> {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).context("the file's name is not UTF-8 text")?;
    let plugin: PluginName = stem.parse().with_context(|| format!("the file {} cannot be a plugin", file.display()))?;
    Ok(Task {
        name: stem.parse::<TaskName>()?,
        plugin,
        schedule: Schedule::manual(),
        enabled: true,
        overlap: Overlap::default(),
        max_concurrent: NonZeroU32::MIN,
        misfire: Misfire::default(),
        retry: Retry::default(),
        limits: Limits::default(),
        grants: Grants::default(),
        payload: None,
        after: Vec::new(),
        alerts: Vec::new(),
        exit_codes: ExitCodes::default(),
        retention: Default::default(),
        webhook: None,
    })
}

/// Compiled code is kept in the user's cache folder, as the XDG base directory specification places it.
pub(super) fn plugins_settings() -> anyhow::Result<Settings> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME says where compiled plugins may be kept")?;
    Ok(Settings { folder: PathBuf::new(), state: cache.join("sandclock"), compile: CompileSettings::default() })
}
