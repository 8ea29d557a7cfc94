//! What a guest has open in its granted folders: files, folders, and streams to them.
//!
//! Each may be a descriptor of the host's, and each stream 64 KiB of a file, on a thread that goes on when the guest is
//! gone. The library bounds none of them, and lets go of a file only with its last stream.

use std::any::Any;
use std::sync::{Arc, Weak};

use crate::sandbox::bounds;

/// What a guest has open.
#[derive(Debug, Default)]
pub(crate) struct OpenFiles {
    /// Each owner of one of these is an open file, folder or stream.
    open: Vec<Weak<dyn Any + Send + Sync>>,
    listings: Vec<Weak<dyn Any + Send + Sync>>,
}

impl OpenFiles {
    /// Room for one more, for as long as what is returned lives; none, if there is no more.
    pub(crate) fn room(&mut self) -> Option<Arc<dyn Any + Send + Sync>> {
        let room: Arc<dyn Any + Send + Sync> = Arc::new(());
        let free = owners(&mut self.open) < bounds::OPEN_FILES;
        free.then(|| {
            self.open.push(Arc::downgrade(&room));
            room
        })
    }

    /// Counts the owners of a file or folder that was opened.
    pub(crate) fn opened(&mut self, file: &Arc<std::fs::File>) {
        let file: Weak<std::fs::File> = Arc::downgrade(file);
        self.open.push(file);
    }

    /// Whether the listing of one more folder may be begun.
    pub(crate) fn may_list(&mut self) -> bool {
        owners(&mut self.listings) < bounds::LISTINGS
    }

    /// Counts a listing, which goes on as long as somebody owns this.
    pub(crate) fn listing(&mut self, folder: &Arc<std::fs::File>) {
        let folder: Weak<std::fs::File> = Arc::downgrade(folder);
        self.listings.push(folder);
    }
}

/// How many own these, and forgets those that nobody owns.
fn owners(of: &mut Vec<Weak<dyn Any + Send + Sync>>) -> usize {
    of.retain(|one| one.strong_count() > 0);
    of.iter().map(Weak::strong_count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_count_as_long_as_they_hold_their_file() {
        let mut files = OpenFiles::default();
        let file = Arc::new(std::fs::File::open("/dev/null").unwrap());
        files.opened(&file);
        let streams = vec![Arc::clone(&file); bounds::OPEN_FILES - 2];
        let room = files.room();
        assert!(room.is_some() && files.room().is_none());
        drop(room);
        assert!(files.room().is_some());
        drop(file);
        assert!(files.room().is_some());
        drop(streams);
        assert_eq!((owners(&mut files.open), files.open.len()), (0, 0));
    }

    #[test]
    fn listings_count_as_long_as_they_go_on() {
        let mut files = OpenFiles::default();
        let mut listed = Vec::new();
        while files.may_list() {
            listed.push(Arc::new(std::fs::File::open("/").unwrap()));
            files.listing(&listed[listed.len() - 1]);
        }
        assert_eq!(listed.len(), bounds::LISTINGS);
        listed.pop();
        assert!(files.may_list());
    }
}
