//! Whether the API may listen where it is told to: beyond this machine, it has to know who asks.

use std::net::SocketAddr;

use super::tls::{Tls, TlsError};
use super::{TlsSettings, Transport};
use crate::api::Settings;
use crate::ledger::{LedgerError, Reader};

/// Why the API may not listen there.
#[derive(Debug, thiserror::Error)]
pub enum ExposureError {
    /// Others reach it, and there is no token by which it would know them.
    #[error(
        "the API would listen on {listen}, where others reach it, and there is no token yet; make one with `sandclock token create NAME --role admin`"
    )]
    NoToken {
        /// Where it would listen.
        listen: SocketAddr,
    },
    /// Others reach it, and what passes can be read.
    #[error(
        "the API would listen on {listen}, where others reach it, in the clear; set `host.api.tls`, or `host.api.plaintext = true` behind a proxy that ends TLS"
    )]
    Clear {
        /// Where it would listen.
        listen: SocketAddr,
    },
    /// The files for TLS do not do.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Nobody can say whether there are tokens.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Looks whether the API may listen where the settings say.
///
/// # Errors
///
/// Says why not, and what to do.
pub fn check_exposure(settings: &Settings) -> Result<(), ExposureError> {
    let listen = settings.listen;
    if let Transport::Tls(files) = &settings.guard.transport {
        Tls::open(TlsSettings::clone(files))?;
    }
    if listen.ip().is_loopback() {
        return Ok(());
    }
    if settings.guard.transport == Transport::ClearOnLoopback {
        return Err(ExposureError::Clear { listen });
    }
    let tokens = match Reader::open(&settings.state) {
        Ok(reader) => reader.tokens()?,
        // What an older version wrote has no tokens, nor has what is not there.
        Err(LedgerError::Absent { .. } | LedgerError::Older { .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    if tokens.is_empty() { Err(ExposureError::NoToken { listen }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::api::GuardSettings;
    use crate::clock::Clock;
    use crate::ledger::{self, Access, Durability, Entry, Ledger};
    use crate::model::access::{Role, Scope, Token, TokenDigest};

    #[tokio::test]
    async fn beyond_this_machine_it_takes_a_token_and_a_way_that_nobody_reads() {
        let folder = tempfile::tempdir().unwrap();
        let check = |listen: &str, transport: Transport| {
            let guard = GuardSettings { transport, ..GuardSettings::default() };
            let listen = listen.parse().unwrap();
            let state = folder.path().to_owned();
            match check_exposure(&Settings { listen, state, guard, timezone: jiff::tz::TimeZone::UTC }) {
                Ok(()) => "may".to_owned(),
                Err(error) => error.to_string(),
            }
        };
        let tls = |name: &str| {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tls");
            Transport::Tls(TlsSettings { certificate: folder.join("server.pem"), key: folder.join(name) })
        };
        let both = |transport: fn() -> Transport| [check("0.0.0.0:1", transport()), check("[::]:1", transport())];
        assert_eq!(check("127.0.0.1:1", Transport::ClearOnLoopback), "may");
        assert_eq!(check("[::1]:1", Transport::ClearOnLoopback), "may");
        assert!(both(|| Transport::ClearOnLoopback).iter().all(|said| said.contains("set `host.api.tls`")));
        assert!(both(|| Transport::ClearEverywhere).iter().all(|said| said.contains("token create")));
        assert!(check("192.0.2.1:1", tls("server.key")).contains("token create"));
        assert!(check("127.0.0.1:1", tls("no.key")).contains("no.key"), "wrong files are told of at once");

        let settings = ledger::Settings { state: folder.path().to_owned(), durability: Durability::Normal };
        let (ledger, _) = Ledger::open(&settings, Clock::system()).unwrap();
        assert!(check("192.0.2.1:1", Transport::ClearEverywhere).contains("token create"));
        let token = Token {
            name: "one".parse().unwrap(),
            digest: TokenDigest([1; 32]),
            role: Role::Read,
            scope: Scope::Everything,
            created_at: Timestamp::UNIX_EPOCH,
            expires_at: None,
            used_at: None,
        };
        ledger.append(vec![Entry::Access(Access::TokenMade(Arc::new(token)))]).await.unwrap();
        assert_eq!(check("192.0.2.1:1", Transport::ClearEverywhere), "may");
        assert_eq!(check("192.0.2.1:1", tls("server.key")), "may");
        assert!(check("192.0.2.1:1", Transport::ClearOnLoopback).contains("set `host.api.tls`"));
    }
}
