//! Granted folders: none is the host's own, and no guest can put another in the place of one.
//!
//! A guest that may change a folder may put a link in the place of what is in it, and each attempt follows the paths of
//! its grants anew. So no name on the way to a granted folder, or to one of the host's own, may lie in a folder that a
//! guest may change.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostic, Problems, Span};
use super::elements::host::HostSettings;
use crate::model::grants::FolderAccess;

/// How many links on a way are followed; as many as the system does.
const MOST_LINKS: usize = 40;

/// The granted folders of all tasks, by their paths.
#[derive(Default)]
pub(super) struct Folders(BTreeMap<PathBuf, Granted>);

struct Granted {
    way: Way,
    /// The path as it is written, and where.
    written: String,
    place: Span,
    /// Where it is granted to somebody who may change it.
    writable: Option<Span>,
}

/// Where a path leads.
struct Way {
    real: PathBuf,
    /// Folders in which a name on the way is looked up, the last before each turn.
    through: BTreeSet<PathBuf>,
}

impl Folders {
    /// Notes a grant. Gives the path that its folder really has.
    pub(super) fn grant(&mut self, host: &Path, written: &Path, place: Span, access: FolderAccess) -> PathBuf {
        let granted = self.0.entry(host.to_owned()).or_insert_with(|| Granted {
            way: Way::to(host),
            written: written.display().to_string(),
            place: place.clone(),
            writable: None,
        });
        if access == FolderAccess::ReadWrite {
            granted.writable.get_or_insert(place);
        }
        granted.way.real.clone()
    }

    /// Notes every grant of what is the host's, and every one that a guest can lead elsewhere.
    pub(super) fn check(&self, host: &HostSettings, own: &Path, problems: &mut Problems) {
        let [state, plugins, mut own] = [&*host.state, &host.plugins, own].map(Way::to);
        own.through.insert(own.real.clone());
        let mut writable = HashMap::new();
        for granted in self.0.values() {
            if granted.way.real.starts_with(&state.real) || state.real.starts_with(&granted.way.real) {
                let problem = Diagnostic::error("no guest may see the state folder of the host")
                    .at(granted.place.clone(), "expected a folder that neither holds it nor lies in it");
                problems.note(problem);
            } else if let Some(place) = &granted.writable {
                writable.insert(&*granted.way.real, (granted, place));
                if granted.way.real.starts_with(&plugins.real) {
                    problems.note(
                        Diagnostic::error("no guest may change the plugins folder")
                            .at(place.clone(), "expected a folder that does not lie in it")
                            .help("grant it read-only, or another folder"),
                    );
                }
            }
        }
        // The longest is the nearest.
        let reached = |from: &Path| from.ancestors().find_map(|folder| writable.get(folder));
        for (what, way) in [("the state folder", state), ("the plugins folder", plugins), ("this file", own)] {
            let Some((_, place)) = way.through.iter().find_map(|folder| reached(folder)) else {
                continue;
            };
            problems.note(
                Diagnostic::error(format!("no guest may change what leads to {what}"))
                    .at((*place).clone(), "expected a folder that neither holds it nor a link to it")
                    .help("grant it read-only, or another folder"),
            );
        }
        for granted in self.0.values() {
            let Some((outer, place)) = granted.way.through.iter().find_map(|folder| reached(folder)) else { continue };
            problems.note(
                Diagnostic::error(format!(
                    "a guest that may change `{}` can have `{}` lead elsewhere",
                    outer.written, granted.written
                ))
                .at(granted.place.clone(), "expected a folder whose path does not go through the other one")
                .and_at((*place).clone(), "may be changed, with all that is in it")
                .help("grant the outer folder read-only, or grant only the outer one, or keep the two apart"),
            );
        }
    }
}

impl Way {
    /// Follows a path. What is not there is taken by its name.
    fn to(path: &Path) -> Self {
        let mut way = Self { real: PathBuf::new(), through: BTreeSet::new() };
        let mut ahead = Vec::new();
        let go = |ahead: &mut Vec<OsString>, path: &Path| {
            ahead.extend(path.components().rev().map(|component| component.as_os_str().to_owned()));
        };
        go(&mut ahead, path);
        let mut links = 0;
        while let Some(name) = ahead.pop() {
            match name.to_str() {
                Some(".") => {}
                Some("/") => way.real = PathBuf::from("/"),
                Some("..") => {
                    way.looked_up();
                    way.real.pop();
                }
                _ => {
                    way.real.push(&name);
                    let link = if links < MOST_LINKS { std::fs::read_link(&way.real).ok() } else { None };
                    if let Some(target) = link {
                        links += 1;
                        way.looked_up();
                        way.real.pop();
                        go(&mut ahead, &target);
                    }
                }
            }
        }
        way.looked_up();
        way
    }

    /// What is there was looked up in the folder above it.
    fn looked_up(&mut self) {
        self.through.extend(self.real.parent().map(Path::to_owned));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::config::{Surroundings, load, load_text};

    /// The messages of a configuration with these grants, each `WORD PATH`, of a task of its own.
    fn messages(root: &Path, grants: &[&str]) -> Vec<String> {
        let mut text = String::new();
        for (number, grant) in grants.iter().enumerate() {
            let (access, path) = grant.split_once(' ').unwrap();
            text.push_str(&format!(
                "[tasks.t{number}]\nplugin = \"p\"\ngrants.folders = {{ \"/f\" = {{ path = \"{path}\", access = \"{access}\" }} }}\n"
            ));
        }
        let around = Surroundings::of_process("2026-11-23T12:00:00Z".parse().unwrap());
        match load_text("sandclock.toml", &text, root, &around) {
            Ok(_) => Vec::new(),
            Err(report) => report.diagnostics().iter().map(|problem| problem.message().to_owned()).collect(),
        }
    }

    fn site() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in ["plugins/sub", "state", "a/in/deep", "b", "config", "elsewhere"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        std::fs::write(root.path().join("plugins/p.wat"), "").unwrap();
        // As a guest has left it that may change `a`.
        symlink("../elsewhere", root.path().join("a/out")).unwrap();
        symlink("a/in", root.path().join("link")).unwrap();
        symlink("b", root.path().join("same")).unwrap();
        root
    }

    #[test]
    fn no_folder_is_granted_whose_path_a_guest_can_change() {
        let root = site();
        let leads = |outer: &str, inner: &str| {
            vec![format!("a guest that may change `{outer}` can have `{inner}` lead elsewhere")]
        };
        let check = |grants: &[&str], expected: Vec<String>| {
            assert_eq!(messages(root.path(), grants), expected, "{grants:?}");
        };
        check(&["read-write a", "read-only a/in"], leads("a", "a/in"));
        check(&["read-write a/in/deep", "read-write a"], leads("a", "a/in/deep"));
        check(&["read-write a", "read-only link"], leads("a", "link"));
        check(&["read-write a", "read-only a/out"], leads("a", "a/out"));
        check(&["read-write a", "read-only a/in/../../b"], leads("a", "a/in/../../b"));
        check(&["read-write same", "read-only b/../b"], vec![]);
        check(&["read-write a", "read-write a", "read-only ./a"], vec![]);
        check(&["read-only a", "read-write a/in", "read-write b"], vec![]);
    }

    #[test]
    fn no_guest_changes_what_leads_to_the_hosts_own() {
        let root = site();
        let check = |grant: &str, expected: &[&str]| assert_eq!(messages(root.path(), &[grant]), expected, "{grant}");
        check("read-write plugins", &["no guest may change the plugins folder"]);
        check("read-write plugins/sub", &["no guest may change the plugins folder"]);
        check("read-only plugins", &[]);
        check("read-only state", &["no guest may see the state folder of the host"]);
        check("read-only .", &["no guest may see the state folder of the host"]);
        // The state folder, and the file's own, by way of links that a guest may change.
        std::fs::remove_dir(root.path().join("state")).unwrap();
        std::fs::create_dir(root.path().join("a/state")).unwrap();
        symlink("b/state", root.path().join("state")).unwrap();
        symlink("../elsewhere", root.path().join("b/state")).unwrap();
        check("read-write b", &["no guest may change what leads to the state folder"]);
        check("read-write elsewhere", &["no guest may see the state folder of the host"]);
        symlink("../..", root.path().join("b/root")).unwrap();
        let own = root.path().join("b/root").join(root.path().file_name().unwrap());
        assert_eq!(messages(&own, &["read-write b"])[0], "no guest may change what leads to the state folder");
    }

    #[test]
    fn no_guest_changes_the_file_itself() {
        let root = site();
        let text = "[tasks.p]\ngrants.folders = { \"/f\" = { path = \"config\", access = \"read-write\" } }\n";
        std::fs::write(root.path().join("config/sandclock.toml"), text).unwrap();
        let link = root.path().join("sandclock.toml");
        symlink("config/sandclock.toml", &link).unwrap();
        let around = Surroundings::of_process("2026-11-23T12:00:00Z".parse().unwrap());
        let report = load(&link, &around).unwrap_err();
        assert_eq!(report.diagnostics()[0].message(), "no guest may change what leads to this file", "{report}");
    }
}
