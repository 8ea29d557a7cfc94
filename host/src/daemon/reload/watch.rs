//! Watches the configuration and the plugins folder: says that something may have changed, and nothing more.
//!
//! The system's events are hints. They are waited out until it is quiet, and whoever hears of them compares contents; a
//! look twice a minute finds what no event told of. Watched are all folders in which a name leads to one of the files, so
//! that a link that is put elsewhere and a folder that comes back are noticed.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use crate::clock::Clock;

/// Whether files are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watching {
    /// They are.
    On,
    /// They are not: a reload has to be asked for.
    Off,
}

/// How long it has to be quiet after a change.
const QUIET: Duration = Duration::from_millis(250);
/// How long a change waits for quiet at the most.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// How often everything is looked at without a hint.
const POLL: Duration = Duration::from_secs(30);
/// How long a file that somebody writes is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many links on a way are followed; as many as the system does.
const MOST_LINKS: usize = 40;

/// What watches.
pub(super) struct Watch {
    clock: Clock,
    watching: Watching,
    notifier: Option<RecommendedWatcher>,
    hints: Arc<Hints>,
    /// The folders that are watched, each by the one path under which its events come.
    watched: BTreeMap<Identity, PathBuf>,
    /// Whether it was told that something cannot be watched.
    has_warned: bool,
}

/// What the system told of.
#[derive(Default)]
struct Hints {
    noted: Mutex<Noted>,
    wake: Notify,
}

#[derive(Default)]
struct Noted {
    /// Whether something may have changed.
    is_changed: bool,
    /// Files that somebody writes and has not closed yet.
    being_written: BTreeSet<PathBuf>,
    /// Which names matter in each folder.
    names: Folders,
}

/// Which file or folder it is, whatever path leads to it: the numbers of its device and of itself.
type Identity = (u64, u64);

/// Folders, and the names that matter in each; none if all do.
type Folders = BTreeMap<PathBuf, Option<BTreeSet<OsString>>>;

impl Watch {
    /// Begins to watch, though nothing yet.
    pub(super) fn start(watching: Watching, clock: Clock) -> Self {
        let hints = Arc::new(Hints::default());
        let (notifier, has_warned) = match watching {
            Watching::Off => (None, false),
            Watching::On => {
                let hints = hints.clone();
                match notify::recommended_watcher(move |event| hints.take(event)) {
                    Ok(notifier) => (Some(notifier), false),
                    Err(error) => {
                        warn_of(&error);
                        (None, true)
                    }
                }
            }
        };
        Self { clock, watching, notifier, hints, watched: BTreeMap::new(), has_warned }
    }

    /// Waits until something may have changed, and it is quiet again. May be dropped and called anew.
    pub(super) async fn changed(&self) {
        if self.watching == Watching::Off {
            return std::future::pending().await;
        }
        if !self.hints.noted().is_changed && tokio::time::timeout(POLL, self.hints.wake.notified()).await.is_err() {
            return;
        }
        let latest = self.clock.monotonic() + LONGEST_WAIT;
        while self.clock.monotonic() < latest {
            let quiet = (self.clock.monotonic() + QUIET).min(latest);
            if tokio::time::timeout_at(quiet, self.hints.wake.notified()).await.is_err() {
                break;
            }
        }
        self.hints.noted().is_changed = false;
    }

    /// Waits until a file is whole, as far as one can tell: nobody writes it, and two looks at it agree. Gives up on one
    /// that is written for long.
    pub(super) async fn until_whole(&self, file: &Path) {
        let mut before = stamp(file);
        for _ in 0..PATIENCE.as_millis() / QUIET.as_millis() {
            tokio::time::sleep(QUIET).await;
            let after = stamp(file);
            if after == before && !self.is_being_written(file) {
                return;
            }
            before = after;
        }
        // Whoever writes it may never close it.
        let is = identity(file);
        self.hints.noted().being_written.retain(|written| identity(written) != is);
    }

    /// Whether somebody has a file open who writes to it, under whatever path that was told.
    fn is_being_written(&self, file: &Path) -> bool {
        let is = identity(file);
        is.is_some() && self.hints.noted().being_written.iter().any(|written| identity(written) == is)
    }

    /// Watches the folders that lead to the configuration, the plugins folder with all that is in it, and what leads to
    /// the files in it.
    pub(super) fn follow(&mut self, file: &Path, folder: &Path, plugins: impl IntoIterator<Item = PathBuf>) {
        let mut folders = Folders::new();
        lead_to(file, &mut folders);
        lead_to(folder, &mut folders);
        plugins.into_iter().for_each(|plugin| lead_to(&plugin, &mut folders));
        folders.insert(folder.to_owned(), None);
        let Some(notifier) = &mut self.notifier else { return };
        // A folder that was removed and made anew is another one, and the system knows of no two paths to one.
        let (mut wanted, mut names) = (BTreeMap::new(), Folders::new());
        for (folder, within) in folders {
            let path = match identity(&folder) {
                Some(is) => wanted.entry(is).or_insert(folder).clone(),
                None => folder,
            };
            let known = names.entry(path).or_insert_with(|| Some(BTreeSet::new()));
            *known = known.take().zip(within).map(|(known, within)| &known | &within);
        }
        for (_, gone) in self.watched.iter().filter(|(is, folder)| wanted.get(*is) != Some(*folder)) {
            // The system may have let go of it already.
            let _ = notifier.unwatch(gone);
        }
        self.hints.noted().names = names;
        for (_, new) in wanted.iter().filter(|(is, folder)| self.watched.get(*is) != Some(*folder)) {
            // What changed in it before it was watched.
            self.hints.noted().is_changed = true;
            if let Err(error) = notifier.watch(new, RecursiveMode::NonRecursive)
                && !std::mem::replace(&mut self.has_warned, true)
            {
                warn_of(&error);
            }
        }
        self.watched = wanted;
    }
}

fn warn_of(error: &notify::Error) {
    let seconds = POLL.as_secs();
    tracing::warn!("not all files can be watched, so they are looked at every {seconds} s: {error}");
}

impl Hints {
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what the system tells.
    fn take(&self, event: notify::Result<notify::Event>) {
        let mut noted = self.noted();
        let matters = match &event {
            // Events were lost, say: anything may have changed.
            Err(_) => true,
            Ok(event) if event.need_rescan() => true,
            Ok(event) => event.paths.iter().filter(|path| noted.matters(path)).count() > 0 && noted.write(event),
        };
        if matters {
            noted.is_changed = true;
            self.wake.notify_one();
        }
    }
}

impl Noted {
    /// Whether a path is one whose change is of interest.
    fn matters(&self, path: &Path) -> bool {
        let within = path.parent().and_then(|folder| self.names.get(folder));
        let is_named = match (within, path.file_name()) {
            (Some(None), _) => true,
            (Some(Some(names)), Some(name)) => names.contains(name),
            _ => false,
        };
        // A folder that is itself removed or renamed.
        is_named || self.names.contains_key(path)
    }

    /// Takes note of files that are opened, written and closed. Says whether the event is of a change.
    fn write(&mut self, event: &notify::Event) -> bool {
        let opened = matches!(event.kind, EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any));
        let closed = matches!(
            event.kind,
            EventKind::Access(AccessKind::Close(AccessMode::Write))
                | EventKind::Modify(ModifyKind::Name(_))
                | EventKind::Remove(_)
        );
        for path in &event.paths {
            if opened {
                self.being_written.insert(path.clone());
            } else if closed {
                self.being_written.remove(path);
            }
        }
        // That we read them ourselves is an event too.
        closed || !matches!(event.kind, EventKind::Access(_))
    }
}

/// Adds the folders in which a name leads to a path: its own, those of the links on the way to it and at its end, and
/// the one above its own. If one of them is not there, the nearest above it.
fn lead_to(path: &Path, folders: &mut Folders) {
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

/// What changes when a file does.
fn stamp(file: &Path) -> Option<(u64, u64, i64, i64)> {
    let meta = std::fs::metadata(file).ok()?;
    Some((meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec()))
}

/// Which file or folder a path leads to.
fn identity(path: &Path) -> Option<Identity> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use notify::Event;
    use notify::event::{CreateKind, DataChange, RenameMode};

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

    #[test]
    fn events_count_that_are_of_a_change_to_what_matters() {
        let mut noted = Noted::default();
        noted.names.insert("/a".into(), Some(BTreeSet::from(["a.toml".into()])));
        noted.names.insert("/plugins".into(), None);
        let hints = Hints { noted: Mutex::new(noted), wake: Notify::new() };
        let check = |kind: EventKind, path: &str, counts: bool, written: bool| {
            hints.take(Ok(Event::new(kind).add_path(path.into())));
            let mut noted = hints.noted();
            assert_eq!(std::mem::take(&mut noted.is_changed), counts, "{kind:?} {path}");
            assert_eq!(noted.being_written.contains(Path::new(path)), written, "{kind:?} {path}");
        };
        let data = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        let renamed = EventKind::Modify(ModifyKind::Name(RenameMode::To));
        check(EventKind::Create(CreateKind::File), "/a/a.toml", true, false);
        check(data, "/a/a.toml", true, true);
        check(EventKind::Access(AccessKind::Open(AccessMode::Any)), "/a/a.toml", false, true);
        check(closed, "/a/a.toml", true, false);
        check(data, "/plugins/x.wasm", true, true);
        check(renamed, "/plugins/x.wasm", true, false);
        check(data, "/a/ledger.db", false, false);
        check(EventKind::Remove(notify::event::RemoveKind::Folder), "/plugins", true, false);
        hints.take(Err(notify::Error::generic("lost")));
        assert!(hints.noted().is_changed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_somebody_writes_is_waited_for_by_whatever_path() {
        let root = tempfile::tempdir().unwrap();
        let (file, link) = (root.path().join("file"), root.path().join("link"));
        std::fs::write(&file, "").unwrap();
        symlink("file", &link).unwrap();
        let clock = Clock::system();
        let watch = Watch::start(Watching::Off, clock);
        let waited = async || {
            let began = clock.monotonic();
            watch.until_whole(&link).await;
            clock.monotonic().duration_since(began)
        };
        assert_eq!(waited().await, QUIET);
        watch.hints.noted().being_written.insert(file);
        assert_eq!(waited().await, PATIENCE, "it is never closed");
        assert_eq!(waited().await, QUIET, "so it is not waited for again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_waited_out_and_without_any_it_is_looked_all_the_same() {
        let clock = Clock::system();
        let mut watch = Watch::start(Watching::Off, clock);
        assert!(tokio::time::timeout(10 * POLL, watch.changed()).await.is_err(), "nothing is watched");
        // As where the system has no watches to give.
        watch.watching = Watching::On;
        let began = clock.monotonic();
        watch.changed().await;
        assert_eq!(clock.monotonic().duration_since(began), POLL);
        let told = |watch: &Watch| watch.hints.take(Err(notify::Error::generic("told")));
        told(&watch);
        let began = clock.monotonic();
        watch.changed().await;
        assert_eq!(clock.monotonic().duration_since(began), QUIET);
        // One who never stops is waited for only so long, and a wait that is given up loses nothing.
        told(&watch);
        assert!(tokio::time::timeout(QUIET / 2, watch.changed()).await.is_err());
        let began = clock.monotonic();
        let changed = watch.changed();
        tokio::pin!(changed);
        while tokio::time::timeout(QUIET / 2, &mut changed).await.is_err() {
            told(&watch);
        }
        assert_eq!(clock.monotonic().duration_since(began), LONGEST_WAIT);
    }
}
