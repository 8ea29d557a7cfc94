//! Seals: proof that this host wrote a file, and that it is as it was.
//!
//! A seal is AEGIS-MAC (RFC 10032) under a key that is made of a random one which never leaves the state folder. A file
//! from elsewhere has no seal of ours, whoever put it there. Every image is read for its seal at every start, hence a
//! code that takes less time than the reading.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use aegis::aegis128x2::{Aegis128X2Mac, Key};
use blake3::Hasher;

use super::private::{self, StateError};
use crate::model::id::Digest;

/// How many bytes the key has that all others are made of.
const LENGTH: usize = blake3::KEY_LEN;
/// How many bytes a seal has: the longer of the two lengths that there are.
const SEAL: usize = 32;
/// How many bytes of a file are in memory at once.
const PIECE: usize = 1 << 16;

/// The proof for one file.
pub(super) type Seal = [u8; SEAL];

/// The key that seals are made with.
pub(super) struct SealKey([u8; LENGTH]);

impl SealKey {
    /// Reads the key from a file, or makes one. A key that others could have read, or that is no key, is replaced:
    /// what was sealed with it is then no longer accepted.
    pub(super) fn open(path: &Path) -> Result<Self, StateError> {
        match read_key(path) {
            Ok(Ok(key)) => return Ok(Self(key)),
            Ok(Err(why)) => {
                tracing::warn!(path = %path.display(), "the key of the compile cache {why}; made a new one")
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(StateError::of("read the key", path)(error)),
        }
        let mut key = [0; LENGTH];
        getrandom::fill(&mut key).map_err(|error| StateError::of("make the key", path)(error.into()))?;
        private::write(path, &key)?;
        // Another host may have made one at the same moment. Whichever is in place now is the one.
        match read_key(path) {
            Ok(Ok(key)) => Ok(Self(key)),
            Ok(Err(why)) => Err(StateError::of("make the key", path)(io::Error::other(format!("it {why}")))),
            Err(error) => Err(StateError::of("read the key", path)(error)),
        }
    }

    /// A seal in the making, for code that was compiled from `content` for the engine with this key.
    pub(super) fn seal(&self, content: Digest, engine_key: &str) -> Sealing {
        let length = (engine_key.len() as u64).to_le_bytes();
        self.sealing(&[b"sandclock image 4\0", content.as_bytes(), &length, engine_key.as_bytes()])
    }

    /// A seal in the making, for the list of files that were read.
    pub(super) fn seal_list(&self) -> Sealing {
        self.sealing(&[b"sandclock files 3\0"])
    }

    /// Each use has a key of its own, made of the one, so a seal for one use never fits another.
    fn sealing(&self, usage: &[&[u8]]) -> Sealing {
        let mut hasher = Hasher::new_keyed(&self.0);
        for part in usage {
            hasher.update(part);
        }
        let mut key = Key::default();
        hasher.finalize_xof().fill(&mut key);
        Sealing(Aegis128X2Mac::new(&key))
    }
}

/// Why a key is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Spoilt {
    #[error("was not private")]
    Open,
    #[error("was not {LENGTH} bytes long")]
    Length,
}

/// The key in a file, if it is one, and nobody else can have read it.
fn read_key(path: &Path) -> io::Result<Result<[u8; LENGTH], Spoilt>> {
    let file = File::open(path)?;
    let meta = file.metadata()?;
    let private = meta.mode() & 0o077 == 0 && meta.uid() == rustix::process::geteuid().as_raw();
    let mut bytes = Vec::with_capacity(LENGTH + 1);
    file.take(LENGTH as u64 + 1).read_to_end(&mut bytes)?;
    Ok(if private { bytes.try_into().map_err(|_| Spoilt::Length) } else { Err(Spoilt::Open) })
}

/// Takes in a file's bytes, and then makes or checks its seal.
pub(super) struct Sealing(Aegis128X2Mac<SEAL>);

impl Sealing {
    /// Takes in all the rest of a file.
    pub(super) fn read(mut self, file: &mut impl Read) -> io::Result<Self> {
        let mut piece = [0; PIECE];
        loop {
            match file.read(&mut piece) {
                Ok(0) => return Ok(self),
                Ok(length) => self.0.update(&piece[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The seal.
    pub(super) fn make(self) -> Seal {
        self.0.finalize()
    }

    /// Whether a seal fits. Takes as long for one that nearly does.
    pub(super) fn fits(self, seal: &[u8]) -> bool {
        Seal::try_from(seal).is_ok_and(|seal| self.0.verify(&seal).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn seal(key: &SealKey, content: &[u8], engine_key: &str, image: &[u8]) -> Seal {
        key.seal(super::super::store::digest(content), engine_key).read(&mut &*image).unwrap().make()
    }

    #[test]
    fn a_seal_depends_on_all_that_it_is_for() {
        let (key, other) = (SealKey([1; LENGTH]), SealKey([2; LENGTH]));
        let original = seal(&key, b"a", "engine", b"image");
        assert_eq!(original, seal(&key, b"a", "engine", b"image"));
        for different in [
            seal(&other, b"a", "engine", b"image"),
            seal(&key, b"b", "engine", b"image"),
            seal(&key, b"a", "engin", b"eimage"),
            seal(&key, b"a", "engine", b"imagf"),
        ] {
            assert_ne!(original, different);
        }
    }

    #[test]
    fn the_key_stays_unless_others_could_have_read_it() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("key");
        let first = SealKey::open(&path).unwrap().0;
        assert_eq!(SealKey::open(&path).unwrap().0, first);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o400);

        fs::set_permissions(&path, Permissions::from_mode(0o440)).unwrap();
        assert_eq!(read_key(&path).unwrap(), Err(Spoilt::Open));
        let second = SealKey::open(&path).unwrap().0;
        assert_ne!(second, first);

        private::write(&path, b"short").unwrap();
        assert_eq!(read_key(&path).unwrap(), Err(Spoilt::Length));
        assert_ne!(SealKey::open(&path).unwrap().0, second);
    }
}
