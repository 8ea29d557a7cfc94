//! Who gets in: tokens and roles, pages of browsers kept out, rates, TLS, webhooks, and who it was that changed something.
//!
//! `admission`, `browser`, `rate` and `signature` decide and are pure; the rest carries out. Which route takes which role
//! stands with the routes.

mod admission;
mod admit;
mod browser;
mod caller;
mod exposure;
mod headers;
pub(super) mod hooks;
mod problems;
mod rate;
pub(super) mod routes;
mod secret;
mod signature;
mod streams;
mod tls;
mod tokens;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::clock::Clock;
use crate::daemon::Handle;
use crate::ledger::{Access, LedgerError, Reader};
use crate::model::access::{Token, TokenDigest};
use crate::model::id::TokenName;
use rate::{Buckets, Rate};
use tokens::{Recognised, Tokens};

pub(super) use admission::{About, Needs};
pub(super) use admit::{Reached, guarded};
pub(super) use caller::{Caller, OnBehalf};
pub use exposure::{ExposureError, check_exposure};
pub use secret::{NoRandomness, Secret};
pub(super) use tls::Tls;
pub use tls::TlsError;

/// Who gets into the API, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GuardSettings {
    /// How requests come.
    pub transport: Transport,
    /// What is answered without a token even once there are tokens.
    pub open: Vec<OpenRoute>,
    /// How many requests a second one token or one address may make; none for the default.
    pub rate: Option<NonZeroU32>,
}

/// How requests come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Transport {
    /// In the clear, which is right only where nobody else can listen: on this machine.
    #[default]
    ClearOnLoopback,
    /// In the clear wherever the API listens: a proxy in front of it ends TLS.
    ClearEverywhere,
    /// Over TLS.
    Tls(TlsSettings),
}

impl Transport {
    /// Whether clients speak TLS with the host itself.
    pub fn is_tls(&self) -> bool {
        matches!(self, Transport::Tls(_))
    }
}

/// The files for TLS, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// The certificate, and those that lead to a root.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// A route that a configuration may open to everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenRoute {
    /// `/metrics`.
    Metrics,
}

impl OpenRoute {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            OpenRoute::Metrics => "metrics",
        }
    }

    /// Its path.
    pub(super) fn path(self) -> &'static str {
        match self {
            OpenRoute::Metrics => "/metrics",
        }
    }
}

/// How many requests a second one token or one address beyond this machine may make, unless the settings say otherwise.
const PER_SECOND: f64 = 200.0;
/// How many times as many at once.
const BURST: f64 = 5.0;
/// How often an address may bring what is no token, or no signature.
const FAILURES: Rate = Rate { per_second: 0.2, burst: 20.0 };

/// What is known of who may do what, and of who has asked how often.
pub(super) struct Guard {
    settings: GuardSettings,
    daemon: Handle,
    clock: Clock,
    tokens: Tokens,
    /// Held while a token is made or revoked.
    changing: tokio::sync::Mutex<()>,
    asked: Mutex<Buckets<Asking>>,
    failed: Mutex<Buckets<IpAddr>>,
}

/// Who has a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Asking {
    Token(TokenName),
    Address(IpAddr),
}

impl Guard {
    /// Reads the tokens from the ledger.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub(super) fn open(
        settings: GuardSettings,
        state: &std::path::Path,
        daemon: Handle,
        clock: Clock,
    ) -> Result<Self, LedgerError> {
        let per_second = settings.rate.map_or(PER_SECOND, |rate| f64::from(rate.get()));
        Ok(Self {
            tokens: Tokens::new(Reader::open(state)?.tokens()?),
            settings,
            daemon,
            clock,
            changing: tokio::sync::Mutex::new(()),
            asked: Mutex::new(Buckets::new(Rate { per_second, burst: BURST * per_second })),
            failed: Mutex::new(Buckets::new(FAILURES)),
        })
    }

    /// The token with this digest, if there is one that is worth something. Notes now and then that it was used.
    fn recognise(&self, digest: &TokenDigest) -> Option<std::sync::Arc<Token>> {
        let now = self.clock.now();
        let Recognised { token, to_note } = self.tokens.find(digest, now)?;
        if to_note {
            self.daemon.note(Access::TokenUsed { name: token.name.clone(), at: now });
        }
        Some(token)
    }

    /// Whether somebody may ask once more; if not, after how many seconds.
    fn may_ask(&self, token: Option<&Token>, peer: IpAddr, now: Instant) -> Result<(), u64> {
        if self.settings.rate.is_none() && peer.is_loopback() {
            return Ok(());
        }
        let asking = token.map_or_else(|| Asking::Address(network(peer)), |token| Asking::Token(token.name.clone()));
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).take(&asking, now)
    }

    /// Counts that an address brought what is nothing; if it did so too often, after how many seconds it may again.
    ///
    /// Whoever brings what is right is never held up by this: many may share an address, and guessing is hopeless
    /// anyway. It bounds what guesses cost.
    pub(super) fn failed(&self, peer: IpAddr) -> Result<(), u64> {
        let now = self.clock.monotonic();
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take(&network(peer), now)
    }
}

/// Who counts as one: of IPv6, a host has as many addresses as it likes in its network.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_counts_with_its_network() {
        let check = |peer: &str, expected: &str| {
            assert_eq!(network(peer.parse().unwrap()), expected.parse::<IpAddr>().unwrap(), "{peer}");
        };
        check("192.0.2.7", "192.0.2.7");
        check("::ffff:192.0.2.7", "192.0.2.7");
        check("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::");
    }
}
