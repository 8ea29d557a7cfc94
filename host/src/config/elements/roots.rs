//! `tls-roots`: a file of root certificates, read when the configuration is.

use std::path::{Path, PathBuf};

use toml::Spanned;

use super::words::PathText;
use crate::config::diagnostic::{Diagnostic, Problems};
use crate::model::alert::channel::Roots;
use crate::sandbox::TlsRoots;

/// The largest file of root certificates: 4 MiB. All those that browsers trust take a quarter of one.
const MAX_SIZE: u64 = 4 << 20;

/// A file of root certificates, and what is in it.
#[derive(Debug, Clone)]
pub struct TlsRootsFile {
    /// The file, as it is written in the configuration.
    pub file: PathBuf,
    /// The certificates.
    pub roots: TlsRoots,
    /// The same as they are written.
    pub pem: Roots,
}

impl TlsRootsFile {
    /// Reads the file; none if that cannot be done, which is noted.
    pub(super) fn read(file: &Spanned<PathText>, root: &Path, problems: &mut Problems) -> Option<Self> {
        let path = &file.get_ref().0;
        match read(&root.join(path)) {
            Ok((roots, pem)) => Some(Self { file: path.clone(), roots, pem }),
            Err(why) => {
                let message = format!("the file of root certificates {} {why}", path.display());
                problems.note(Diagnostic::error(message).at(file.span(), "expected a file of certificates in PEM"));
                None
            }
        }
    }
}

fn read(path: &Path) -> Result<(TlsRoots, Roots), String> {
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "is not there".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() || metadata.len() > MAX_SIZE {
        return Err("is not a file of 4MiB at the most".to_owned());
    }
    let text = std::fs::read(path).map_err(unreadable)?;
    let roots = TlsRoots::from_pem(&text).map_err(|error| error.to_string())?;
    Ok((roots, Roots(text.into())))
}
