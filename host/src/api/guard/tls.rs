//! TLS: the certificate and the key in two files, read anew when they change. Where the new ones do not do, the last good
//! ones stay.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::TlsSettings;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How long a client may take to agree on TLS.
const PATIENCE: Duration = Duration::from_secs(10);

/// The largest file: 1 MiB. A chain of certificates has some thousand bytes.
const MAX_SIZE: u64 = 1 << 20;

/// Why files cannot be used for TLS. No message holds anything of what is in them.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}, the {what} of `host.api.tls`", path.display())]
    File {
        /// What it would be.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{} has no {what} in it; `host.api.tls` expects one in PEM", path.display())]
    Content {
        /// What it would be.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The two do not go together, or are of a kind that is not known.
    #[error("the certificate {} and the key {} do not do", certificate.display(), key.display())]
    Pair {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// What both files hold, by which a change is noticed. By their times and sizes, some would be missed.
type Fingerprint = [u8; 32];

/// The certificate and the key that are in use.
#[derive(Debug)]
pub(in crate::api) struct Tls {
    settings: TlsSettings,
    config: Mutex<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// If they do not do.
    pub(in crate::api) fn open(settings: TlsSettings) -> Result<Self, TlsError> {
        let files = Files::read(&settings)?;
        let config = Mutex::new(Arc::new(files.config(&settings)?));
        Ok(Self { settings, config })
    }

    /// Agrees with a client on TLS.
    pub(in crate::api) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = self.config.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match tokio::time::timeout(PATIENCE, TlsAcceptor::from(config).accept(stream)).await {
            Ok(accepted) => accepted,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Looks at the files every other second, as long as this is polled. Connections that are open keep the certificate
    /// that they have.
    pub(in crate::api) async fn follow(&self) -> Infallible {
        let mut seen = None;
        loop {
            let settings = self.settings.clone();
            // A file system may take its time, and this thread answers requests.
            let look = move || look(&settings, seen);
            match tokio::task::spawn_blocking(look).await {
                Ok(Look { fingerprint, found }) => {
                    // What is there at first is what was opened, or will be told of as a change.
                    let first = seen.is_none();
                    seen = Some(fingerprint);
                    match found {
                        None => {}
                        Some(Ok(config)) => {
                            *self.config.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                            if !first {
                                tracing::info!("the certificate for the API was read anew");
                            }
                        }
                        Some(Err(error)) => tracing::error!(
                            "the certificate for the API has changed and cannot be used; the last one stays: {}",
                            chain(&error)
                        ),
                    }
                }
                Err(error) => tracing::error!("the certificate for the API cannot be looked at: {error}"),
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// What a look found.
struct Look {
    /// What was there; all zeros if it could not be read.
    fingerprint: Fingerprint,
    /// What comes of it, unless it is what was seen before.
    found: Option<Result<ServerConfig, TlsError>>,
}

fn look(settings: &TlsSettings, seen: Option<Fingerprint>) -> Look {
    let files = Files::read(settings);
    let fingerprint = files.as_ref().map_or([0; 32], Files::fingerprint);
    let found = (seen != Some(fingerprint)).then(|| files.and_then(|files| files.config(settings)));
    Look { fingerprint, found }
}

/// What is in the two files.
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    fn read(settings: &TlsSettings) -> Result<Self, TlsError> {
        Ok(Self { certificate: read("certificate", &settings.certificate)?, key: read("key", &settings.key)? })
    }

    fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        hash.update((self.certificate.len() as u64).to_le_bytes());
        hash.update(&self.certificate);
        hash.update(&self.key);
        hash.finalize().into()
    }

    fn config(&self, settings: &TlsSettings) -> Result<ServerConfig, TlsError> {
        let content = |what, path: &Path| TlsError::Content { what, path: path.to_owned() };
        let certificates = CertificateDer::pem_slice_iter(&self.certificate).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.ok().filter(|found| !found.is_empty());
        let certificates = certificates.ok_or_else(|| content("certificate", &settings.certificate))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| content("key", &settings.key))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key));
        let mut config = config.map_err(|source| TlsError::Pair {
            certificate: settings.certificate.clone(),
            key: settings.key.clone(),
            source,
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::File { what, path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("it is no file")));
    }
    let mut bytes = Vec::new();
    file.take(MAX_SIZE + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 {
        0..=MAX_SIZE => Ok(bytes),
        _ => Err(failed(io::Error::other("it is larger than 1MiB"))),
    }
}

fn chain(error: &TlsError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tls_file(name: &str) -> Vec<u8> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tls");
        fs::read(folder.join(name)).unwrap()
    }

    #[test]
    fn what_is_wrong_with_the_files_is_named_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let settings = TlsSettings { certificate: folder.path().join("c.pem"), key: folder.path().join("k.pem") };
        let check = |certificate: Option<&[u8]>, key: Option<&[u8]>, expected: &str| {
            for (path, content) in [(&settings.certificate, certificate), (&settings.key, key)] {
                _ = fs::remove_file(path);
                if let Some(content) = content {
                    fs::write(path, content).unwrap();
                }
            }
            match Tls::open(settings.clone()) {
                Ok(_) => assert_eq!(expected, ""),
                Err(error) => {
                    let said = chain(&error);
                    assert!(!expected.is_empty() && said.contains(expected), "{said}");
                    assert!(!said.contains("MII"), "{said}");
                }
            }
        };
        let (certificate, key, root) = (tls_file("server.pem"), tls_file("server.key"), tls_file("root.pem"));
        check(Some(&certificate), Some(&key), "");
        check(None, Some(&key), "c.pem, the certificate of `host.api.tls`: No such file");
        check(Some(&certificate), None, "k.pem, the key of `host.api.tls`: No such file");
        check(Some(b""), Some(&key), "c.pem has no certificate in it");
        check(Some(&key), Some(&key), "c.pem has no certificate in it");
        check(Some(&certificate), Some(&certificate), "k.pem has no key in it");
        check(Some(&certificate), Some(&key[..key.len() / 2]), "k.pem has no key in it");
        check(Some(&certificate[..certificate.len() / 2]), Some(&key), "c.pem has no certificate in it");
        check(Some(&root), Some(&key), "do not do");
        check(Some(&vec![b'x'; (MAX_SIZE + 1) as usize]), Some(&key), "larger than 1MiB");
    }

    #[test]
    fn a_look_sees_what_changed_and_tells_it_once() {
        let folder = tempfile::tempdir().unwrap();
        let settings = TlsSettings { certificate: folder.path().join("c.pem"), key: folder.path().join("k.pem") };
        fs::write(&settings.certificate, tls_file("server.pem")).unwrap();
        fs::write(&settings.key, tls_file("server.key")).unwrap();
        let first = look(&settings, None);
        assert!(matches!(first.found, Some(Ok(_))));
        assert!(look(&settings, Some(first.fingerprint)).found.is_none());
        fs::write(&settings.key, "half of it").unwrap();
        let broken = look(&settings, Some(first.fingerprint));
        assert!(matches!(broken.found, Some(Err(_))));
        assert!(look(&settings, Some(broken.fingerprint)).found.is_none());
        fs::remove_file(&settings.key).unwrap();
        let gone = look(&settings, Some(broken.fingerprint));
        assert!(matches!(gone.found, Some(Err(_))));
        assert!(look(&settings, Some(gone.fingerprint)).found.is_none());
        fs::write(&settings.key, tls_file("server.key")).unwrap();
        let again = look(&settings, Some(gone.fingerprint));
        assert!(matches!(again.found, Some(Ok(_))) && again.fingerprint == first.fingerprint);
    }
}
