//! A plugin's file: its bytes, all of them or an error.
//!
//! Whoever may write to a folder may put anything there, so only regular files are read, and opening never waits.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use super::stamp::Stamp;
use crate::model::quantity::bytes;

/// A file's bytes, and what it looked like meanwhile.
#[derive(Debug)]
pub(super) struct Taken {
    pub bytes: Vec<u8>,
    pub stamp: Stamp,
}

/// A file cannot be taken as a plugin.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is gone, or never was there.
    #[error("there is no file {0}")]
    Missing(String),
    /// It is no regular file.
    #[error("{file} is {found}; expected a regular file")]
    NotRegular {
        /// The file.
        file: String,
        /// What it is, such as "a folder".
        found: &'static str,
    },
    /// It is a symbolic link to elsewhere.
    #[error("{0} is a symbolic link that leads out of the plugins folder; copy the file into the folder instead")]
    LeadsOut(String),
    /// It is larger than [`max_size`](super::CompileSettings::max_size).
    #[error("{file} has {}, more than host.compile.max-size = {}", bytes(*size), bytes(*allowed))]
    TooLarge {
        /// The file.
        file: String,
        /// How many bytes it has.
        size: u64,
        /// How many it may have.
        allowed: u64,
    },
    /// It changed while it was read.
    #[error("{0} changed while it was read")]
    Changed(String),
    /// The system says no.
    #[error("cannot read {file}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
}

/// Reads a file that somebody named: links are followed, as anywhere.
pub(super) fn read_file(path: &Path, max_size: u64) -> Result<Taken, FileError> {
    let opened = rustix::fs::openat(CWD, path, READ, Mode::empty()).map(File::from);
    take(&path.display().to_string(), opened, max_size)
}

/// Opening a FIFO waits for a writer, and opening a terminal may make it ours: neither, please.
pub(super) const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// Takes all of a file that was opened, or not.
pub(super) fn take(file: &str, opened: rustix::io::Result<File>, max_size: u64) -> Result<Taken, FileError> {
    let unreadable = |source| FileError::Unreadable { file: file.to_owned(), source };
    let (mut opened, before) = regular(file, opened, max_size)?;
    let mut bytes = Vec::with_capacity(usize::try_from(before.size).unwrap_or(0));
    // A file can grow while it is read, so its size says little.
    (&mut opened).take(max_size.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    let size = bytes.len() as u64;
    if size > max_size {
        return Err(FileError::TooLarge { file: file.to_owned(), size, allowed: max_size });
    }
    let stamp = Stamp::of(&opened.metadata().map_err(unreadable)?);
    if stamp != before || stamp.size != size {
        return Err(FileError::Changed(file.to_owned()));
    }
    Ok(Taken { bytes, stamp })
}

/// A file that was opened, if it is one that can be taken, and what it looks like.
pub(super) fn regular(file: &str, opened: rustix::io::Result<File>, max_size: u64) -> Result<(File, Stamp), FileError> {
    let unreadable = |source| FileError::Unreadable { file: file.to_owned(), source };
    let opened = opened.map_err(|errno| match errno {
        Errno::NOENT => FileError::Missing(file.to_owned()),
        Errno::XDEV | Errno::LOOP => FileError::LeadsOut(file.to_owned()),
        Errno::NXIO => FileError::NotRegular { file: file.to_owned(), found: "a socket or a device" },
        errno => unreadable(errno.into()),
    })?;
    let meta = opened.metadata().map_err(unreadable)?;
    if !meta.is_file() {
        return Err(FileError::NotRegular { file: file.to_owned(), found: kind(meta.file_type()) });
    }
    if meta.len() > max_size {
        return Err(FileError::TooLarge { file: file.to_owned(), size: meta.len(), allowed: max_size });
    }
    Ok((opened, Stamp::of(&meta)))
}

/// What something that is no regular file is.
pub(super) fn kind(kind: fs::FileType) -> &'static str {
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        "no regular file"
    }
}
