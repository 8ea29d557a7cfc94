//! Granted folders, as an attempt is given them.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags};

use crate::model::grants::FolderGrant;

/// A granted folder that is open.
pub(super) struct Granted(OwnedFd);

/// Why a granted folder is not given to an attempt.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(
        "it led to {} when the configuration was read, and leads to {} now: if that is meant, have the configuration read \
         again with `sandclock reload`",
        was.display(), is.display()
    )]
    Elsewhere { was: PathBuf, is: PathBuf },
}

impl Granted {
    /// Opens a folder, if its path still leads where it led when it was granted.
    ///
    /// What is on the way may have become a link since, and all that could be said against the folder was looked at then.
    pub(super) fn open(folder: &FolderGrant) -> Result<Self, FolderError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = Self(rustix::fs::open(&folder.host, flags, Mode::empty()).map_err(io::Error::from)?);
        let is = std::fs::read_link(opened.path())?;
        if is == folder.real { Ok(opened) } else { Err(FolderError::Elsewhere { was: folder.real.clone(), is }) }
    }

    /// A path that leads to this very folder as long as it is open.
    pub(super) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }
}
