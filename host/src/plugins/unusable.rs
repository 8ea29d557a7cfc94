//! Why a plugin cannot be used: what was found, what was expected, and what to do.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::adapt::list;
use super::compile::CompileFailure;
use super::folder::{FileError, Listing};
use crate::model::id::PluginName;
use crate::model::quantity::duration;
use crate::sandbox::LoadError;

/// A plugin cannot be used. Stops its own tasks and nothing else.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The plugins folder cannot be listed.
    #[error("cannot list the plugins folder {}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No file in the folder has its name.
    #[error("there is no {plugin}.wasm or {plugin}.wat in {}{hint}", folder.display())]
    Missing {
        /// The plugin.
        plugin: PluginName,
        /// The folder.
        folder: PathBuf,
        /// What is there instead.
        hint: String,
    },
    /// Several files have its name.
    #[error("{} have the same stem; keep one of them", list(.files))]
    Ambiguous {
        /// The files.
        files: Vec<String>,
    },
    /// Its file cannot be taken.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its file never stopped changing.
    #[error(
        "its file was still being written after {}: copy it under another name, then rename it",
        duration(*.waited)
    )]
    Unsettled {
        /// How long it was looked at.
        waited: Duration,
    },
    /// It was not compiled.
    #[error(transparent)]
    Compile(#[from] CompileFailure),
    /// It was compiled, but the host cannot run it.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// The one file of a plugin, among all that is in the folder.
pub(super) fn the_one_file(plugin: &PluginName, mut listing: Listing, folder: &Path) -> Result<String, Unusable> {
    match listing.plugins.remove(plugin) {
        Some(mut files) if files.len() == 1 => Ok(files.remove(0)),
        Some(files) => Err(Unusable::Ambiguous { files }),
        None => {
            Err(Unusable::Missing { plugin: plugin.clone(), folder: folder.to_owned(), hint: hint(plugin, &listing) })
        }
    }
}

/// What may have been meant.
fn hint(plugin: &PluginName, listing: &Listing) -> String {
    let stem = |file: &str| Path::new(file).file_stem().is_some_and(|stem| stem == plugin.as_str());
    if let Some(stray) = listing.strays.iter().find(|stray| stem(&stray.file)) {
        return format!("; {stray}");
    }
    let similar = listing
        .plugins
        .keys()
        .map(|name| (strsim::damerau_levenshtein(name.as_str(), plugin.as_str()), name))
        .filter(|(distance, _)| *distance <= 1 + plugin.as_str().len() / 4)
        .min();
    match similar {
        Some((_, name)) => format!("; did you mean {:?}?", name.as_str()),
        None if listing.plugins.is_empty() => "; the folder has no plugins".to_owned(),
        None => {
            let names: Vec<String> = listing.plugins.keys().map(PluginName::to_string).collect();
            format!("; it has {}", list(&names))
        }
    }
}
