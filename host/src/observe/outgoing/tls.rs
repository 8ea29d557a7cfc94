//! TLS towards what the operator configured: the system's root certificates, or Mozilla's where the system has none, and
//! those that the configuration adds.

use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::model::alert::channel::Roots;

/// TLS, set up when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Tls {
    roots: Vec<Roots>,
    config: OnceLock<Arc<ClientConfig>>,
}

/// TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up")]
pub(in crate::observe) struct TlsError(#[from] rustls::Error);

impl Tls {
    /// TLS that trusts these, too.
    pub(super) fn new(roots: impl IntoIterator<Item = Roots>) -> Self {
        Self { roots: roots.into_iter().collect(), config: OnceLock::new() }
    }

    /// Makes TLS connections.
    pub(super) fn connector(&self) -> Result<TlsConnector, TlsError> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config).into());
        }
        let config = Arc::new(self.config()?);
        Ok(Arc::clone(self.config.get_or_init(|| config)).into())
    }

    fn config(&self) -> Result<ClientConfig, rustls::Error> {
        let mut roots = RootCertStore::empty();
        let (usable, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if usable == 0 {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        for given in &self.roots {
            // They were checked when the configuration was read.
            roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&given.0).flatten());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(builder.with_root_certificates(roots).with_no_client_auth())
    }
}
