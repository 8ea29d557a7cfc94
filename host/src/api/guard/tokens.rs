//! The tokens that a running host knows: those of the ledger, and what has changed since it started.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use subtle::ConstantTimeEq;
use tokio::sync::watch;

use super::admission::Issued;
use crate::clock;
use crate::model::access::{Token, TokenDigest};
use crate::model::id::TokenName;

/// How many there may be.
pub(super) const MOST: usize = 1000;

/// How long a token may be used before that is noted again.
const NOTED_EVERY: Duration = Duration::from_secs(600);

/// The tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    known: RwLock<Known>,
    /// Changes with each token that is revoked.
    revoked: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Known {
    by_name: HashMap<TokenName, Arc<Held>>,
    /// By the first bytes of the digest, which lead to one of them quickly; the others are compared in constant time.
    by_digest: HashMap<[u8; 8], Arc<Held>>,
}

#[derive(Debug)]
struct Held {
    token: Arc<Token>,
    /// When its use was last noted, in Unix milliseconds.
    noted: AtomicI64,
}

/// A token that was recognised.
#[derive(Debug, Clone)]
pub(super) struct Recognised {
    pub(super) token: Arc<Token>,
    /// Whether its use is to be noted.
    pub(super) to_note: bool,
}

impl Tokens {
    pub(super) fn new(tokens: Vec<Token>) -> Self {
        let mut known = Known::default();
        tokens.into_iter().for_each(|token| known.add(token));
        Self { known: RwLock::new(known), revoked: watch::Sender::new(()) }
    }

    /// The token with this digest, unless it has expired.
    pub(super) fn find(&self, digest: &TokenDigest, now: Timestamp) -> Option<Recognised> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let held = known.by_digest.get(&first_of(digest))?;
        let same = bool::from(held.token.digest.0.ct_eq(&digest.0));
        if !same || held.token.is_expired(now) {
            return None;
        }
        let noted = held.noted.load(Ordering::Relaxed);
        let due = Timestamp::from_millisecond(noted).is_ok_and(|noted| clock::until(now, noted) >= NOTED_EVERY);
        // Of several requests at once, one notes it.
        let noting = |now| held.noted.compare_exchange(noted, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        Some(Recognised { token: held.token.clone(), to_note: due && noting(now.as_millisecond()) })
    }

    /// Whether there are any. One that has expired counts: whoever made it wanted the door closed.
    pub(super) fn issued(&self) -> Issued {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.by_name.is_empty() { Issued::None } else { Issued::Some }
    }

    pub(super) fn has(&self, name: &TokenName) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).by_name.contains_key(name)
    }

    pub(super) fn count(&self) -> usize {
        self.known.read().unwrap_or_else(PoisonError::into_inner).by_name.len()
    }

    pub(super) fn add(&self, token: Token) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).add(token);
    }

    pub(super) fn remove(&self, name: &TokenName) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        self.revoked.send_replace(());
    }

    /// Changes with each token that is revoked.
    pub(super) fn revoked(&self) -> watch::Receiver<()> {
        self.revoked.subscribe()
    }

    /// Whether this very token is there, and not another one of its name.
    pub(super) fn holds(&self, token: &Token) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.by_name.get(&token.name).is_some_and(|held| held.token.digest == token.digest)
    }

    /// All of them by name, each with when it was last used as far as this host knows.
    pub(super) fn all(&self) -> Vec<Token> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let shown = |held: &Arc<Held>| {
            let noted = held.noted.load(Ordering::Relaxed);
            let used_at = Some(noted).filter(|noted| *noted > 0).and_then(|at| Timestamp::from_millisecond(at).ok());
            Token { used_at, ..Token::clone(&held.token) }
        };
        let mut all: Vec<Token> = known.by_name.values().map(shown).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }
}

impl Known {
    fn add(&mut self, token: Token) {
        let noted = AtomicI64::new(token.used_at.map_or(0, Timestamp::as_millisecond));
        let (name, first) = (token.name.clone(), first_of(&token.digest));
        let held = Arc::new(Held { token: Arc::new(token), noted });
        self.by_name.insert(name, held.clone());
        self.by_digest.insert(first, held);
    }

    fn remove(&mut self, name: &TokenName) {
        if let Some(held) = self.by_name.remove(name) {
            self.by_digest.remove(&first_of(&held.token.digest));
        }
    }
}

fn first_of(digest: &TokenDigest) -> [u8; 8] {
    std::array::from_fn(|index| digest.0[index])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::access::{Role, Scope};

    fn token(name: &str, digest: [u8; 32], expires: Option<i64>) -> Token {
        Token {
            name: name.parse().unwrap(),
            digest: TokenDigest(digest),
            role: Role::Read,
            scope: Scope::Everything,
            created_at: Timestamp::UNIX_EPOCH,
            expires_at: expires.map(at),
            used_at: None,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_token_is_found_until_it_expires_or_is_revoked() {
        let (one, two) = ([1; 32], [2; 32]);
        let tokens = Tokens::new(vec![token("one", one, Some(5000))]);
        let finds =
            |digest, second| tokens.find(&TokenDigest(digest), at(second)).map(|found| found.token.name.clone());
        assert_eq!(finds(one, 4999).unwrap().as_str(), "one");
        assert_eq!(finds(one, 5000), None);
        assert_eq!(tokens.issued(), Issued::Some);
        let nearly = std::array::from_fn(|index| if index < 31 { 1 } else { 0 });
        assert_eq!(finds(nearly, 1), None, "all of it counts");
        assert_eq!(finds(two, 1), None);
        tokens.add(token("two", two, None));
        assert_eq!((finds(two, 1).unwrap().as_str(), tokens.count()), ("two", 2));
        tokens.remove(&"two".parse().unwrap());
        tokens.remove(&"two".parse().unwrap());
        assert_eq!(finds(two, 1), None);
        tokens.remove(&"one".parse().unwrap());
        assert_eq!(tokens.issued(), Issued::None);
    }

    #[test]
    fn the_use_of_a_token_is_noted_every_ten_minutes() {
        let tokens = Tokens::new(vec![token("one", [1; 32], None)]);
        let noted = [10_000, 10_001, 10_599, 10_600, 10_601, 9000]
            .map(|second| tokens.find(&TokenDigest([1; 32]), at(second)).unwrap().to_note);
        assert_eq!(noted, [true, false, false, true, false, false]);
        assert_eq!(tokens.all()[0].used_at, Some(at(10_600)));
    }
}
