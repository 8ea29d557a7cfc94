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
    /// The folders that are watched, and which folder each was then.
    watched: BTreeMap<PathBuf, (u64, u64)>,
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
            let is_being_written = self.hints.noted().being_written.contains(file);
            if after == before && !is_being_written {
                return;
            }
            before = after;
        }
        // Whoever writes it may never close it.
        self.hints.noted().being_written.remove(file);
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
        // By their contents: a folder that was removed and made anew is another one.
        let wanted: BTreeMap<PathBuf, (u64, u64)> =
            folders.keys().filter_map(|folder| Some((folder.clone(), identity(folder)?))).collect();
        for (gone, _) in self.watched.iter().filter(|(folder, is)| wanted.get(*folder) != Some(is)) {
            // The system may have let go of it already.
            let _ = notifier.unwatch(gone);
        }
        self.hints.noted().names = folders;
        for (new, _) in wanted.iter().filter(|(folder, is)| self.watched.get(*folder) != Some(is)) {
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
            if link.is_some() || is_gone || index + 2 >= depth {
                if let Some(names) = folders.entry(folder.clone()).or_insert_with(|| Some(BTreeSet::new())) {
                    names.insert(name.to_owned());
                }
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

/// Which folder is there.
fn identity(folder: &Path) -> Option<(u64, u64)> {
    let meta = std::fs::metadata(folder).ok()?;
    Some((meta.dev(), meta.ino()))
}
