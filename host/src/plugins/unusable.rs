//! Why a plugin cannot be used: what was found, what was expected, and what to do.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::adapt::list;
use super::compile::CompileFailure;
use super::file::FileError;
use super::folder::{Folder, Listing};
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

/// The one file of a plugin in the folder.
pub(super) fn the_one_file(plugin: &PluginName, folder: &Folder) -> Result<String, Unusable> {
    let mut files = folder.files_of(plugin);
    match files.len() {
        0 => {
            let path = folder.path().to_owned();
            let listing = folder.list().map_err(|source| Unusable::Folder { folder: path.clone(), source })?;
            Err(Unusable::Missing { plugin: plugin.clone(), folder: path, hint: hint(plugin, &listing) })
        }
        1 => Ok(files.remove(0)),
        _ => Err(Unusable::Ambiguous { files }),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_without_a_file_of_its_own_is_told_what_is_there() {
        let check = |files: &[&str], expected: &str| {
            let root = tempfile::tempdir().unwrap();
            files.iter().for_each(|file| std::fs::write(root.path().join(file), b"").unwrap());
            let found = match the_one_file(&"report".parse().unwrap(), &Folder::new(root.path().to_owned())) {
                Ok(file) => file,
                Err(error) => error.to_string().replace(&root.path().display().to_string(), "plugins"),
            };
            assert_eq!(found, expected);
        };
        let none = "there is no report.wasm or report.wat in plugins";
        check(&["report.wat", "other.wasm"], "report.wat");
        check(&["report.wasm", "report.txt"], "report.wasm");
        check(&[], &format!("{none}; the folder has no plugins"));
        check(&["reprot.wasm"], &format!("{none}; did you mean \"reprot\"?"));
        check(&["alpha.wasm", "beta.wat"], &format!("{none}; it has `alpha`, `beta`"));
        check(&["report.wasm", "report.wat"], "`report.wasm`, `report.wat` have the same stem; keep one of them");
        check(
            &["report.cwasm"],
            &format!(
                "{none}; \"report.cwasm\" is code compiled elsewhere, which is never loaded; put the .wasm file here \
                 instead"
            ),
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = the_one_file(&"report".parse().unwrap(), &Folder::new("/nowhere/plugins".into())).unwrap_err();
        assert_eq!(error.to_string(), "cannot list the plugins folder /nowhere/plugins");
    }
}
