//! The folders in which a name leads to a file.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// Folders, and the names that matter in each; none if all do.
pub(super) type Folders = BTreeMap<PathBuf, Option<BTreeSet<OsString>>>;

/// How many links on a way are followed; as many as the system does.
const MOST_LINKS: usize = 40;

/// Adds the folders in which a name leads to a path: its own, those of the links on the way to it and at its end, and
/// the one above its own. If one of them is not there, the nearest above it.
pub(super) fn lead_to(path: &Path, folders: &mut Folders) {
    let mut ways = vec![path.to_owned()];
    for _ in 0..MOST_LINKS {
        let Some(way) = ways.pop() else { return };
        let mut walked = PathBuf::new();
        let depth = way.components().count();
        for (index, component) in way.components().enumerate() {
            let folder = walked.clone();
            walked.push(component);
            let Component::Normal(name) = component else { continue };
            let link = std::fs::read_link(&walked).ok();
            let is_gone = link.is_none() && walked.symlink_metadata().is_err();
            // The folder of the file is looked for in the one above it.
            if (link.is_some() || is_gone || index + 2 >= depth)
                && let Some(names) = folders.entry(folder.clone()).or_insert_with(|| Some(BTreeSet::new()))
            {
                names.insert(name.to_owned());
            }
            if is_gone {
                break;
            }
            if let Some(target) = link {
                let rest: PathBuf = way.components().skip(index + 1).collect();
                ways.push(folder.join(target).join(rest));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_folder_in_which_a_name_leads_to_a_file_is_followed() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for folder in ["mount/..v1", "real"] {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        std::fs::write(at("mount/..v1/a.toml"), "").unwrap();
        symlink("..v1", at("mount/..data")).unwrap();
        symlink("..data/a.toml", at("mount/a.toml")).unwrap();
        symlink("real", at("linked")).unwrap();
        let led = |path: &str| {
            let mut folders = Folders::new();
            lead_to(&at(path), &mut folders);
            let mut names = Vec::new();
            for (folder, within) in folders {
                let folder = folder.strip_prefix(root.path()).unwrap_or(Path::new("(above)")).display().to_string();
                names.extend(within.unwrap().into_iter().map(|name| format!("{folder}/{}", name.display())));
            }
            names.retain(|name| !name.starts_with("(above)"));
            names.sort();
            names
        };
        assert_eq!(
            led("mount/a.toml"),
            ["/mount", "mount/..data", "mount/..data/a.toml", "mount/..v1", "mount/..v1/a.toml", "mount/a.toml"]
        );
        assert_eq!(led("linked/a.toml"), ["/linked", "/real", "linked/a.toml", "real/a.toml"]);
        assert_eq!(led("gone/deeper/a.toml"), ["/gone"], "until it is there");
    }

    #[test]
    fn a_link_that_leads_to_itself_leads_nowhere() {
        let root = tempfile::tempdir().unwrap();
        symlink("loop", root.path().join("loop")).unwrap();
        let mut folders = Folders::new();
        lead_to(&root.path().join("loop"), &mut folders);
        assert!(folders.contains_key(root.path()), "{folders:?}");
    }
}
