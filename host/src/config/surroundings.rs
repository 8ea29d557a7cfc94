//! What a configuration is checked against: the process's environment, the machine, the time, the plugins folder.
//!
//! Held as values, so that a test can bring its own.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU32;
use std::path::Path;

use jiff::Timestamp;

/// The world around a configuration.
#[derive(Clone)]
pub struct Surroundings {
    /// The environment variables of the host; secrets are taken from here.
    pub env: BTreeMap<String, String>,
    /// How many threads the machine runs at once.
    pub cores: NonZeroU32,
    /// The time by which "this schedule never fires again" is judged.
    pub now: Timestamp,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process(now: Timestamp) -> Self {
        let env =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let cores = std::thread::available_parallelism().ok().and_then(|cores| NonZeroU32::try_from(cores).ok());
        Self { env: env.collect(), cores: cores.unwrap_or(NonZeroU32::MIN), now }
    }
}

/// The files in the plugins folder that could be plugins, by plugin name: more than one is a clash.
#[derive(Debug, Default)]
pub(super) struct PluginFiles(pub(super) BTreeMap<String, Vec<String>>);

impl PluginFiles {
    /// Lists the folder. Only names are looked at: a file that holds no plugin, or is no regular file, stops its own
    /// tasks when it is taken, and no others.
    pub(super) fn list(folder: &Path) -> io::Result<Self> {
        let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entry in std::fs::read_dir(folder)? {
            let Ok(name) = entry?.file_name().into_string() else { continue };
            let stem = name.strip_suffix(".wasm").or_else(|| name.strip_suffix(".wat"));
            if let Some(stem) = stem.filter(|stem| !stem.starts_with('.')) {
                files.entry(stem.to_owned()).or_default().push(name);
            }
        }
        files.values_mut().for_each(|names| names.sort());
        Ok(Self(files))
    }

    /// The names of the plugins.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
