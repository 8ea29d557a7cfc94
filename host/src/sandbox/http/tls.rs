//! TLS for guests' requests: the system's certificates, or Mozilla's where the system has none, and those that the
//! configuration adds.

use std::sync::{Arc, OnceLock};

use rustls::client::Resumption;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, TrustAnchor};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// Root certificates that are trusted beside the system's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsRoots(Vec<TrustAnchor<'static>>);

/// Why a file gives no root certificates.
#[derive(Debug, thiserror::Error)]
pub enum TlsRootsError {
    /// It has another form, or was cut off.
    #[error("is not PEM, or not all of it: {0}")]
    Pem(pem::Error),
    /// There is none in it.
    #[error("has no certificate in it; one in PEM begins with -----BEGIN CERTIFICATE-----")]
    Empty,
    /// One of them is no certificate.
    #[error("has something in it that is no certificate, as number {number}: {source}")]
    Certificate {
        /// Which, from 1.
        number: usize,
        /// What is wrong with it.
        source: rustls::Error,
    },
}

impl TlsRoots {
    /// Reads certificates in PEM. What else stands in the text, such as keys, is passed over.
    ///
    /// # Errors
    /// Says what there is instead of certificates.
    pub fn from_pem(text: &[u8]) -> Result<Self, TlsRootsError> {
        let mut store = RootCertStore::empty();
        for (index, certificate) in CertificateDer::pem_slice_iter(text).enumerate() {
            let added = store.add(certificate.map_err(TlsRootsError::Pem)?);
            added.map_err(|source| TlsRootsError::Certificate { number: index + 1, source })?;
        }
        if store.is_empty() { Err(TlsRootsError::Empty) } else { Ok(Self(store.roots)) }
    }
}

/// TLS, set up when it is first needed.
#[derive(Debug)]
pub(super) struct Tls {
    roots: TlsRoots,
    config: OnceLock<Arc<ClientConfig>>,
}

impl Tls {
    /// TLS that trusts these, too.
    pub(super) fn new(roots: TlsRoots) -> Self {
        Self { roots, config: OnceLock::new() }
    }

    /// Makes TLS connections.
    ///
    /// # Errors
    /// Fails where the cryptography knows none of the protocol's versions.
    pub(super) fn connector(&self) -> Result<TlsConnector, rustls::Error> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config).into());
        }
        let config = Arc::new(config(&self.roots)?);
        Ok(Arc::clone(self.config.get_or_init(|| config)).into())
    }
}

/// Makes TLS connections that trust these, too: for commands that ask a host elsewhere.
///
/// # Errors
/// Fails where the cryptography knows none of the protocol's versions.
pub fn tls_connector(roots: &TlsRoots) -> Result<TlsConnector, rustls::Error> {
    Ok(Arc::new(config(roots)?).into())
}

fn config(given: &TlsRoots) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    let (usable, _) = roots.add_parsable_certificates(native.certs);
    if usable == 0 {
        tracing::warn!(errors = ?native.errors, "the system has no root certificates; those of Mozilla are used");
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots.extend(given.0.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    // A session that one task began would be resumed by the next: nothing is shared between tasks.
    config.resumption = Resumption::disabled();
    Ok(config)
}
