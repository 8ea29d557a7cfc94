//! What the system told of, and which of it matters.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use tokio::sync::Notify;

use super::ways::Folders;

/// What the system told of.
#[derive(Default)]
pub(super) struct Hints {
    noted: Mutex<Noted>,
    /// Rung when something may have changed.
    pub(super) wake: Notify,
}

#[derive(Default)]
pub(super) struct Noted {
    /// Whether something may have changed.
    pub(super) is_changed: bool,
    /// Files that somebody writes and has not closed yet.
    pub(super) being_written: BTreeSet<PathBuf>,
    /// Which names matter in each folder.
    pub(super) names: Folders,
}

impl Hints {
    pub(super) fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what the system tells.
    pub(super) fn take(&self, event: notify::Result<notify::Event>) {
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

#[cfg(test)]
mod tests {
    use notify::Event;
    use notify::event::{CreateKind, DataChange, RenameMode};

    use super::*;

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
}
