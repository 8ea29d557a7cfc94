//! Compiled code, kept for the next start.
//!
//! Code in an image runs as it is, so nothing is loaded that is not [sealed](super::seal) by this host, for this content
//! and this engine. The verified file is mapped, not read: what is loaded is the very file that was checked, through
//! the same descriptor, in a folder that only this user can enter. Anything else is compiled again.

use std::fs::File;
use std::io::{self, Seek};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use tempfile::NamedTempFile;

use super::private::{self, StateError};
use super::seal::SealKey;
use crate::model::id::Digest;
use crate::sandbox::{Image, Profile};

/// The folder with the images.
pub(super) struct Cache {
    folder: PathBuf,
    key: SealKey,
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
    /// The image. It can be loaded as long as this lives.
    pub(super) fn image(&self) -> Image {
        // The path leads to the open file, not to whatever has its name by now.
        Image::from_verified_file(self.profile, format!("/proc/self/fd/{}", self.file.as_raw_fd()).into())
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
    /// Opens the cache in a folder, which is made if need be.
    pub(super) fn open(folder: PathBuf, key: SealKey, engines: Vec<EngineKey>) -> Result<Self, StateError> {
        private::folder(&folder)?;
        Ok(Self { folder, key, engines })
    }

    /// The image of a content, if there is one that can be trusted.
    pub(super) fn find(&self, content: Digest) -> Option<CachedImage> {
        self.engines.iter().find_map(|engine| match self.verify(content, engine) {
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

    fn path(&self, content: Digest, engine: &EngineKey, ending: &str) -> PathBuf {
        self.folder.join(format!("{content}-{}.{ending}", engine.key))
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
        if sealing.fits(&seal) { Ok(CachedImage { file, profile: engine.profile }) } else { Err(Distrust::Foreign) }
    }
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
