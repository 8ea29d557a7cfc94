//! Watches the configuration and the plugins folder: says that something may have changed, and nothing more.
//!
//! The system's events are hints. They are waited out until it is quiet, and whoever hears of them compares contents; a
//! look twice a minute finds what no event told of. Watched are all folders in which a name leads to one of the files, so
//! that a link that is put elsewhere and a folder that comes back are noticed.

mod hints;
mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use self::hints::Hints;
use self::ways::{Folders, lead_to};
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

/// Which file or folder it is, whatever path leads to it: the numbers of its device and of itself.
type Identity = (u64, u64);

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

    use super::*;

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
