//! The plugins folder: what is in it, and what is really in it of what has a name there.
//!
//! What a file holds is for [`file`](super::file) to read, and for others to understand.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::file::{FileError, READ, Taken, kind, regular, take};
use super::stamp::{Mark, Stamp};
use crate::model::id::PluginName;

/// The endings of the files that are plugins.
const ENDINGS: [&str; 2] = ["wasm", "wat"];

/// What is in the plugins folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The files of each plugin, by their names in the folder. More than one is a problem of that plugin.
    pub plugins: BTreeMap<PluginName, Vec<String>>,
    /// What looks as if it was meant as a plugin and cannot be one.
    pub strays: Vec<Stray>,
}

/// Something in the plugins folder that looks as if it was meant as a plugin and cannot be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// Its name in the folder; what is not UTF-8 is replaced.
    pub file: String,
    /// What it is, and what is expected.
    pub why: String,
}

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Lists the folder. Opens nothing in it.
    pub(super) fn list(&self) -> io::Result<Listing> {
        let mut listing = Listing::default();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let file = entry.file_name().to_string_lossy().into_owned();
            match classify(&entry) {
                Class::Plugin(name) => listing.plugins.entry(name).or_default().push(file),
                Class::Stray(why) => listing.strays.push(Stray { file, why }),
                Class::Unrelated => {}
            }
        }
        listing.plugins.values_mut().for_each(|files| files.sort_unstable());
        listing.strays.sort_unstable_by(|a, b| a.file.cmp(&b.file));
        Ok(listing)
    }

    /// The names of the files that a plugin has, without a look at anything else in the folder.
    pub(super) fn files_of(&self, plugin: &PluginName) -> Vec<String> {
        let names = ENDINGS.iter().map(|ending| format!("{plugin}.{ending}"));
        names.filter(|name| self.path.join(name).symlink_metadata().is_ok()).collect()
    }

    /// What changes when one of a plugin's files does. Where a link leads counts, wherever that is.
    pub(super) fn mark(&self, plugin: &PluginName) -> Mark {
        let stamp = |file: &String| fs::metadata(self.path.join(file)).ok().map(|meta| Stamp::of(&meta));
        Mark(self.files_of(plugin).into_iter().map(|file| (file.clone(), stamp(&file))).collect())
    }

    /// Reads a file of the folder: all of it, or an error.
    pub(super) fn read(&self, file: &str, max_size: u64) -> Result<Taken, FileError> {
        take(file, self.open(file), max_size)
    }

    /// What a file of the folder looks like, if it could be read.
    pub(super) fn look_at(&self, file: &str, max_size: u64) -> Result<Stamp, FileError> {
        regular(file, self.open(file), max_size).map(|(_, stamp)| stamp)
    }

    /// Opens what is really in the folder, and nothing that a link leads to elsewhere.
    fn open(&self, file: &str) -> rustix::io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(&self.path, flags, Mode::empty())?;
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(&folder, file, READ, Mode::empty(), beneath) {
            // Where the kernel or a container has no openat2, no symbolic link is followed at all.
            Err(Errno::NOSYS | Errno::PERM) => {
                rustix::fs::openat(&folder, file, READ | OFlags::NOFOLLOW, Mode::empty())
            }
            result => result,
        }
        .map(File::from)
    }
}

enum Class {
    Plugin(PluginName),
    Stray(String),
    Unrelated,
}

/// Decides by name and kind alone.
fn classify(entry: &fs::DirEntry) -> Class {
    let path = entry.path();
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    if ending == "cwasm" {
        let why = "is code compiled elsewhere, which is never loaded; put the .wasm file here instead";
        return Class::Stray(why.to_owned());
    }
    // Hidden files are how a careful copy is made: written under another name, then renamed.
    let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
    if hidden || !ENDINGS.contains(&ending) {
        return Class::Unrelated;
    }
    match entry.file_type() {
        // Where a link leads is seen when it is opened.
        Ok(kind) if kind.is_file() || kind.is_symlink() => {}
        Ok(other) => return Class::Stray(format!("is {}; expected a regular file", kind(other))),
        Err(error) => return Class::Stray(format!("cannot be examined: {error}")),
    }
    match path.file_stem().and_then(|stem| stem.to_str()).map(str::parse) {
        Some(Ok(name)) => Class::Plugin(name),
        Some(Err(error)) => Class::Stray(format!("cannot be named in a task: {error}")),
        None => Class::Stray("cannot be named in a task: its name is not UTF-8".to_owned()),
    }
}

impl fmt::Display for Stray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.file, self.why)
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use rustix::fs::CWD;

    use super::*;

    const MAX: u64 = 1 << 20;

    /// A folder with one of each strange kind of file.
    fn strange() -> (tempfile::TempDir, Folder) {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("plugins");
        fs::create_dir_all(path.join("folder.wasm")).unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(path.join(name), bytes).unwrap();
        write("good.wasm", b"good");
        write("empty.wasm", b"");
        write("large.wasm", &vec![0; 1 + MAX as usize]);
        write("twice.wasm", b"binary");
        write("twice.wat", b"text");
        write("native.cwasm", b"code");
        write("-dash.wasm", b"");
        write("notes.txt", b"");
        write(".hidden.wasm", b"");
        fs::write(path.join(OsStr::from_bytes(b"caf\xe9.wasm")), b"").unwrap();
        fs::write(root.path().join("outside.wasm"), b"outside").unwrap();
        rustix::fs::mknodat(CWD, path.join("fifo.wasm"), rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .unwrap();
        drop(UnixListener::bind(path.join("socket.wasm")).unwrap());
        for (link, target) in [
            ("passwd.wasm", "/etc/passwd"),
            ("up.wasm", "../outside.wasm"),
            ("sideways.wasm", "../plugins/good.wasm"),
            ("magic.wasm", "/proc/self/exe"),
            ("loop.wasm", "loop.wasm"),
            ("to-fifo.wasm", "fifo.wasm"),
            ("to-socket.wasm", "socket.wasm"),
            ("dangling.wasm", "nothing"),
            ("inside.wasm", "good.wasm"),
        ] {
            symlink(target, path.join(link)).unwrap();
        }
        (root, Folder::new(path))
    }

    #[test]
    fn the_folder_is_listed_with_what_cannot_be_a_plugin() {
        let (_root, folder) = strange();
        let listing = folder.list().unwrap();
        let plugins: Vec<&str> = listing.plugins.keys().map(PluginName::as_str).collect();
        let expected = "dangling empty good inside large loop magic passwd sideways to-fifo to-socket twice up";
        assert_eq!(plugins.join(" "), expected);
        assert_eq!(listing.plugins[&"twice".parse::<PluginName>().unwrap()], ["twice.wasm", "twice.wat"]);
        let strays: Vec<String> = listing.strays.iter().map(ToString::to_string).collect();
        let check = |file: &str, expected: &str| {
            assert!(
                strays.iter().any(|stray| stray.starts_with(file) && stray.contains(expected)),
                "{file}: {strays:#?}"
            );
        };
        assert_eq!(strays.len(), 6, "{strays:#?}");
        check("\"folder.wasm\"", "is a folder; expected a regular file");
        check("\"fifo.wasm\"", "is a FIFO");
        check("\"socket.wasm\"", "is a socket");
        check("\"native.cwasm\"", "never loaded");
        check("\"-dash.wasm\"", "starts with a letter or digit");
        check("\"caf\u{fffd}.wasm\"", "not UTF-8");
    }

    #[test]
    fn only_regular_files_of_the_folder_are_read() {
        let (_root, folder) = strange();
        let check = |file: &str, expected: &str| match folder.read(file, MAX) {
            Ok(taken) => assert_eq!(String::from_utf8(taken.bytes).unwrap(), expected, "{file}"),
            Err(error) => assert!(error.to_string().contains(expected), "{file}: {error}"),
        };
        check("good.wasm", "good");
        check("empty.wasm", "");
        check("inside.wasm", "good");
        for file in ["passwd.wasm", "up.wasm", "sideways.wasm", "magic.wasm", "loop.wasm"] {
            check(file, "leads out of the plugins folder");
        }
        check("../outside.wasm", "leads out of the plugins folder");
        check("fifo.wasm", "is a FIFO; expected a regular file");
        check("to-fifo.wasm", "is a FIFO; expected a regular file");
        check("socket.wasm", "is a socket or a device");
        check("to-socket.wasm", "is a socket or a device");
        check("folder.wasm", "is a folder");
        check("dangling.wasm", "there is no file");
        check("large.wasm", "has 1MiB, more than host.compile.max-size = 1MiB");
    }
}
