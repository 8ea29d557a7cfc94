//! A log in files of bounded size: one that is written to, and older ones behind it with a number each.
//!
//! A line is in a file whole or not at all. Where it can be in none, because the disk is full say, it goes to stderr
//! instead, and is counted: a log that cannot be written never stops the host.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A log in files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFileSettings {
    /// The file that is written to.
    pub path: PathBuf,
    /// How many bytes it may have. One line that is longer has a file for itself.
    pub max_size: u64,
    /// How many older ones are kept beside it.
    pub keep: u32,
}

/// Lines that the file did not take. There is one log in a process, and so there is one such number.
static UNWRITTEN: AtomicU64 = AtomicU64::new(0);

/// How many lines the file did not take.
pub(super) fn unwritten() -> u64 {
    UNWRITTEN.load(Ordering::Relaxed)
}

/// Where the lines go. Clones share the file.
#[derive(Debug, Clone)]
pub struct LogFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: LogFileSettings,
    current: Mutex<Option<Current>>,
}

/// The file that is written to.
#[derive(Debug)]
struct Current {
    file: File,
    size: u64,
}

impl LogFile {
    /// Opens the file, or makes it and its folder.
    ///
    /// # Errors
    ///
    /// If that cannot be done: a person is there to see it when the host starts.
    pub fn open(settings: LogFileSettings) -> io::Result<Self> {
        if let Some(folder) = settings.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let current = Mutex::new(Some(Current::open(&settings.path)?));
        Ok(Self(Arc::new(Inner { settings, current })))
    }

    fn put(&self, line: &[u8]) -> io::Result<()> {
        let Inner { settings, current } = &*self.0;
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = match current.take() {
            Some(open) => open,
            None => Current::open(&settings.path)?,
        };
        if open.size > 0 && open.size + line.len() as u64 > settings.max_size {
            if let Err(error) = settings.rotate() {
                // The size holds all the same: there is no room for the line until a rotation succeeds.
                *current = Some(open);
                return Err(error);
            }
            open = Current::open(&settings.path)?;
        }
        let put = open.put(line);
        *current = Some(open);
        put
    }
}

impl Current {
    fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().append(true).read(true).create(true).open(path)?;
        let mut size = file.seek(SeekFrom::End(0))?;
        if size > 0 {
            file.seek(SeekFrom::End(-1))?;
            let mut last = [0];
            file.read_exact(&mut last)?;
            // The machine went down in the middle of a line.
            if last != *b"\n" {
                file.write_all(b"\n")?;
                size += 1;
            }
        }
        Ok(Self { file, size })
    }

    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        match self.file.write_all(line) {
            Ok(()) => {
                self.size += line.len() as u64;
                Ok(())
            }
            Err(error) => {
                // A part of the line may be there. If it cannot be taken away, the next start ends the line.
                let _ = self.file.set_len(self.size);
                Err(error)
            }
        }
    }
}

impl LogFileSettings {
    /// Moves each file to the next number, the oldest out of existence. A crash in between leaves a gap in the numbers,
    /// which the next rotation fills.
    fn rotate(&self) -> io::Result<()> {
        if self.keep == 0 {
            return fs::remove_file(&self.path);
        }
        let gap = (1..self.keep).find(|number| !self.numbered(*number).exists()).unwrap_or(self.keep);
        for number in (1..gap).rev() {
            fs::rename(self.numbered(number), self.numbered(number + 1))?;
        }
        fs::rename(&self.path, self.numbered(1))
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut path = OsString::from(&self.path);
        path.push(format!(".{number}"));
        path.into()
    }
}

impl Write for LogFile {
    /// Takes a whole line: that is how the log's layers write.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.put(line).is_err() {
            UNWRITTEN.fetch_add(1, Ordering::Relaxed);
            // Whether stderr takes it or not: nothing more can be done.
            let _ = io::stderr().write_all(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn settings(folder: &Path, max_size: u64, keep: u32) -> LogFileSettings {
        LogFileSettings { path: folder.join("logs/host.log"), max_size, keep }
    }

    /// The files, the newest first.
    fn files(settings: &LogFileSettings) -> Vec<String> {
        let older = (1..).map(|number| settings.numbered(number));
        std::iter::once(settings.path.clone()).chain(older).map_while(|path| fs::read_to_string(path).ok()).collect()
    }

    #[test]
    fn no_line_is_lost_and_no_file_too_large() {
        let folder = tempfile::tempdir().unwrap();
        for keep in [3, 20] {
            let settings = settings(&folder.path().join(keep.to_string()), 32, keep);
            let mut log = LogFile::open(settings.clone()).unwrap();
            for number in 0..25 {
                log.write_all(format!("line {number:02}\n").as_bytes()).unwrap();
            }
            let found = files(&settings);
            assert!(found.iter().all(|file| file.len() <= 32), "{found:?}");
            let kept: String = found.iter().rev().map(String::as_str).collect();
            let expected: String = (0..25).map(|number| format!("line {number:02}\n")).collect();
            assert!(expected.ends_with(&kept) && found.len() <= keep as usize + 1, "{found:?}");
            assert_eq!(kept == expected, keep == 20);
        }
    }

    #[test]
    fn a_host_goes_on_where_the_last_one_was_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), 16, 3);
        fs::create_dir(folder.path().join("logs")).unwrap();
        fs::write(&settings.path, "one\ntw").unwrap();
        // A rotation was cut off between its first and its second step.
        fs::write(settings.numbered(2), "older\n").unwrap();
        let mut log = LogFile::open(settings.clone()).unwrap();
        log.write_all(b"three\n").unwrap();
        assert_eq!(files(&settings), ["one\ntw\nthree\n"]);
        log.write_all(b"four\n").unwrap();
        assert_eq!(
            files(&settings),
            ["four\n", "one\ntw\nthree\n", "older\n"],
            "the gap is filled and nothing moved on"
        );
    }

    #[test]
    fn keeping_none_and_long_lines_are_all_right() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), 4, 0);
        let mut log = LogFile::open(settings.clone()).unwrap();
        for line in ["one\n", "longer than a file\n", "two\n"] {
            log.write_all(line.as_bytes()).unwrap();
            assert_eq!(files(&settings), [line]);
        }
    }

    #[test]
    fn a_disk_that_is_full_loses_no_line_silently_and_stops_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), 1 << 20, 1);
        fs::create_dir(folder.path().join("logs")).unwrap();
        symlink("/dev/full", &settings.path).unwrap();
        let mut log = LogFile(Arc::new(Inner { settings: settings.clone(), current: Mutex::new(None) }));
        let before = unwritten();
        log.write_all(b"this goes to stderr\n").unwrap();
        assert_eq!(unwritten() - before, 1);
        // There is room again: the file is the one that was there all the time.
        fs::remove_file(&settings.path).unwrap();
        *log.0.current.lock().unwrap() = None;
        log.write_all(b"this does not\n").unwrap();
        assert_eq!(files(&settings), ["this does not\n"]);
    }
}
