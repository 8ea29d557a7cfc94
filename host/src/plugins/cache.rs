//! Compiled code, kept for the next start.
//!
//! Code in an image runs as it is, so nothing is loaded that is not [sealed](super::seal) by this host, for this content
//! and this engine. The verified file is mapped, not read: what is loaded is the very file that was checked, through
//! the same descriptor, in a folder that only this user can enter. Anything else is compiled again.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustix::fs::{Mode, OFlags};
use tempfile::NamedTempFile;

use super::private::{self, StateError};
use super::room::Kept;
use super::seal::SealKey;
use crate::model::id::Digest;
use crate::model::limits::Metering;
use crate::model::task::Build;
use crate::sandbox::{Image, Profile};

/// The folder with the images.
pub(super) struct Cache {
    folder: PathBuf,
    key: Arc<SealKey>,
    engines: Vec<EngineKey>,
}

/// Which engine an image is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EngineKey {
    pub profile: Profile,
    /// Changes with all that compiled code depends on; see [`crate::sandbox::engine_key`].
    pub key: String,
}

/// An image that this host has sealed.
#[derive(Debug)]
pub(super) struct CachedImage {
    file: File,
    profile: Profile,
}

impl CachedImage {
    /// The image, to be loaded through the descriptor under which it was verified.
    #[expect(unsafe_code, reason = "to be sealed is what an image in a file has to be")]
    pub(super) fn into_image(self) -> Image {
        // SAFETY: the file has this host's seal: a child of ours compiled it for this profile. It is in a folder that only
        // this user can enter, nobody can write to it, and the host only ever replaces and removes such files.
        unsafe { Image::from_verified_file(self.profile, self.file) }
    }
}

/// Why an entry is not used.
#[derive(Debug, thiserror::Error)]
enum Distrust {
    #[error("it is not there")]
    Absent,
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("it is damaged, or was not made by this host")]
    Foreign,
}

impl Cache {
    /// Opens the cache in a folder, which is made if need be. Images that were not used for
    /// long are removed.
    pub(super) fn open(
        folder: PathBuf,
        key: Arc<SealKey>,
        engines: Vec<EngineKey>,
        now: Timestamp,
    ) -> Result<Self, StateError> {
        private::folder(&folder)?;
        private::sweep(&folder, now)?;
        Ok(Self { folder, key, engines })
    }

    /// The image of a content, if there is one that can be trusted.
    pub(super) fn find(&self, content: Digest, metering: Metering) -> Option<CachedImage> {
        let mut engines = self.engines.iter().filter(|engine| engine.profile.metering == metering);
        engines.find_map(|engine| match self.verify(content, engine) {
            Ok(image) => Some(image),
            Err(Distrust::Absent) => None,
            Err(why) => {
                let image = self.path(content, engine, "image");
                tracing::warn!(image = %image.display(), "an entry of the compile cache is not used: {why}; compiling again");
                None
            }
        })
    }

    /// Where the compiler writes an image, before it is [kept](Self::keep).
    pub(super) fn draft(&self) -> Result<NamedTempFile, StateError> {
        private::draft(&self.folder)
    }

    /// Seals an image and keeps it.
    pub(super) fn keep(
        &self,
        content: Digest,
        profile: Profile,
        draft: NamedTempFile,
    ) -> Result<CachedImage, StateError> {
        let engine = self.engines.iter().find(|engine| engine.profile == profile);
        let Some(engine) = engine else {
            let unknown = io::Error::other(format!("no engine runs {profile}"));
            return Err(StateError::of("keep the compiled plugin in", &self.folder)(unknown));
        };
        let path = self.path(content, engine, "image");
        let error = |operation| StateError::of(operation, &path);
        // Sealed through the descriptor under which it is then loaded, not through the one that the compiler had.
        let mut file = File::open(draft.path()).map_err(error("read"))?;
        let seal = self.key.seal(content, &engine.key).read(&mut file).map_err(error("read"))?.make();
        file.rewind().map_err(error("read"))?;
        private::publish(draft, &path)?;
        private::write(&self.path(content, engine, "seal"), &seal)?;
        Ok(CachedImage { file, profile })
    }

    /// Everything in it. A task needs the images of these contents for this host's engines.
    pub(super) fn list(&self, needed: &BTreeMap<Build, Digest>) -> Result<Vec<Kept>, StateError> {
        let stems = needed.iter().flat_map(|(build, content)| {
            let engines = self.engines.iter().filter(|engine| engine.profile.metering == build.metering);
            engines.map(|engine| stem(*content, engine))
        });
        private::list(&self.folder, &stems.collect())
    }

    fn path(&self, content: Digest, engine: &EngineKey, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", stem(content, engine)))
    }

    fn verify(&self, content: Digest, engine: &EngineKey) -> Result<CachedImage, Distrust> {
        let mut file = open_regular(&self.path(content, engine, "image"))?;
        let mut seal = Vec::new();
        let mut seal_file = match open_regular(&self.path(content, engine, "seal")) {
            // The host was cut off between the two.
            Err(Distrust::Absent) => return Err(Distrust::Foreign),
            result => result?,
        };
        io::Read::read_to_end(&mut io::Read::take(&mut seal_file, 64), &mut seal).map_err(Distrust::Unreadable)?;
        let sealing = self.key.seal(content, &engine.key).read(&mut file).map_err(Distrust::Unreadable)?;
        if !sealing.fits(&seal) {
            return Err(Distrust::Foreign);
        }
        private::touch(&file);
        private::touch(&seal_file);
        Ok(CachedImage { file, profile: engine.profile })
    }
}

/// What the names of an image and its seal have in common.
fn stem(content: Digest, engine: &EngineKey) -> String {
    format!("{content}-{}", engine.key)
}

fn open_regular(path: &Path) -> Result<File, Distrust> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Err(Distrust::Absent),
        Err(error) => return Err(Distrust::Unreadable(error.into())),
    };
    let is_file = file.metadata().map_err(Distrust::Unreadable)?.is_file();
    if is_file { Ok(file) } else { Err(Distrust::Foreign) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::plugins::store::digest;
    use crate::sandbox::Wasi;

    const PROFILE: Profile = Profile { wasi: Wasi::V02, metering: Metering::Fuel };

    fn engine(key: &str) -> Vec<EngineKey> {
        vec![EngineKey { profile: PROFILE, key: key.to_owned() }]
    }

    fn open(root: &Path, engine_key: &str) -> Cache {
        let key = Arc::new(SealKey::open(&root.join("key")).unwrap());
        Cache::open(root.join("cache"), key, engine(engine_key), Timestamp::MIN).unwrap()
    }

    /// A cache with one entry, for the content "plugin".
    fn filled(root: &Path) -> Cache {
        let cache = open(root, "engine");
        let mut draft = cache.draft().unwrap();
        draft.write_all(b"machine code").unwrap();
        cache.keep(digest(b"plugin"), PROFILE, draft).unwrap();
        cache
    }

    fn entry(root: &Path, ending: &str) -> PathBuf {
        root.join("cache").join(format!("{}-engine.{ending}", digest(b"plugin")))
    }

    fn replace(path: &Path, bytes: &[u8]) {
        private::write(path, bytes).unwrap();
    }

    #[test]
    fn what_is_kept_is_found_again_by_another_start() {
        let root = tempfile::tempdir().unwrap();
        drop(filled(root.path()));
        let found = open(root.path(), "engine").find(digest(b"plugin"), Metering::Fuel).unwrap();
        assert_eq!(found.profile, PROFILE);
        assert_eq!(io::read_to_string(&found.file).unwrap(), "", "it was read to its end to be verified");
        let mode = fs::metadata(entry(root.path(), "image")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o400);
    }

    #[test]
    fn what_was_verified_is_what_is_loaded() {
        let root = tempfile::tempdir().unwrap();
        let found = filled(root.path()).find(digest(b"plugin"), Metering::Fuel).unwrap();
        replace(&entry(root.path(), "image"), b"somebody else's");
        let path = format!("/proc/self/fd/{}", found.file.as_raw_fd());
        assert_eq!(fs::read(path).unwrap(), b"machine code");
    }

    #[test]
    fn other_contents_and_other_engines_are_not_found() {
        let root = tempfile::tempdir().unwrap();
        assert!(filled(root.path()).find(digest(b"another"), Metering::Fuel).is_none());
        assert!(open(root.path(), "newer").find(digest(b"plugin"), Metering::Fuel).is_none());
    }

    #[test]
    fn what_this_host_did_not_seal_is_not_found() {
        type Change = fn(&Path);
        let changes: [(&str, Change); 8] = [
            ("truncated", |root| replace(&entry(root, "image"), b"machine")),
            ("extended", |root| replace(&entry(root, "image"), b"machine code and more")),
            ("emptied", |root| replace(&entry(root, "image"), b"")),
            ("sealed with nothing", |root| replace(&entry(root, "seal"), b"")),
            ("sealed at length", |root| {
                let seal = fs::read(entry(root, "seal")).unwrap();
                replace(&entry(root, "seal"), &[&*seal, b"x"].concat());
            }),
            ("not sealed", |root| fs::remove_file(entry(root, "seal")).unwrap()),
            ("under another key", |root| fs::remove_file(root.join("key")).unwrap()),
            ("of another content", |root| {
                let name = |ending: &str| root.join("cache").join(format!("{}-engine.{ending}", digest(b"other")));
                let cache = open(root, "engine");
                let mut draft = cache.draft().unwrap();
                draft.write_all(b"other code").unwrap();
                cache.keep(digest(b"other"), PROFILE, draft).unwrap();
                for ending in ["image", "seal"] {
                    fs::rename(name(ending), entry(root, ending)).unwrap();
                }
            }),
        ];
        for (name, change) in changes {
            let root = tempfile::tempdir().unwrap();
            drop(filled(root.path()));
            change(root.path());
            assert!(open(root.path(), "engine").find(digest(b"plugin"), Metering::Fuel).is_none(), "{name}");
        }
    }

    #[test]
    fn a_link_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        drop(filled(root.path()));
        let elsewhere = root.path().join("elsewhere");
        fs::rename(entry(root.path(), "image"), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, entry(root.path(), "image")).unwrap();
        assert!(open(root.path(), "engine").find(digest(b"plugin"), Metering::Fuel).is_none());
    }

    #[test]
    fn no_flipped_bit_is_overlooked() {
        let root = tempfile::tempdir().unwrap();
        let cache = filled(root.path());
        for path in [entry(root.path(), "image"), entry(root.path(), "seal")] {
            let whole = fs::read(&path).unwrap();
            fs::remove_file(&path).unwrap();
            for bit in 0..whole.len() * 8 {
                let mut damaged = whole.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                fs::write(&path, damaged).unwrap();
                assert!(cache.find(digest(b"plugin"), Metering::Fuel).is_none(), "bit {bit} of {}", path.display());
            }
            fs::write(&path, whole).unwrap();
            assert!(cache.find(digest(b"plugin"), Metering::Fuel).is_some());
        }
    }

    #[test]
    fn of_a_thousand_flipped_bits_in_a_real_size_none_is_overlooked() {
        let root = tempfile::tempdir().unwrap();
        let cache = open(root.path(), "engine");
        let mut random = fastrand::Rng::with_seed(7);
        let mut draft = cache.draft().unwrap();
        let code: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(50_000).collect();
        draft.write_all(&code).unwrap();
        cache.keep(digest(b"plugin"), PROFILE, draft).unwrap();
        let path = entry(root.path(), "image");
        for _ in 0..1000 {
            let bit = random.usize(0..code.len() * 8);
            let mut damaged = code.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            fs::remove_file(&path).unwrap();
            fs::write(&path, damaged).unwrap();
            assert!(cache.find(digest(b"plugin"), Metering::Fuel).is_none(), "bit {bit}");
        }
    }
}
