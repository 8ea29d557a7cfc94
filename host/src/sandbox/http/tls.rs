//! TLS for guests' requests: the system's certificates, or Mozilla's where the system has none.

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// TLS, set up when it is first needed.
#[derive(Debug, Default)]
pub(crate) struct Tls(OnceLock<Arc<ClientConfig>>);

impl Tls {
    /// Makes TLS connections.
    ///
    /// # Errors
    /// Fails where the cryptography knows none of the protocol's versions.
    pub(crate) fn connector(&self) -> Result<TlsConnector, rustls::Error> {
        if let Some(config) = self.0.get() {
            return Ok(Arc::clone(config).into());
        }
        let config = Arc::new(config()?);
        Ok(Arc::clone(self.0.get_or_init(|| config)).into())
    }
}

fn config() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    let (usable, _) = roots.add_parsable_certificates(native.certs);
    if usable == 0 {
        tracing::warn!(errors = ?native.errors, "the system has no root certificates; those of Mozilla are used");
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
