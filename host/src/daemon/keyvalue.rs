//! The ledger as the keeper of guests' key-value stores.

use std::sync::Arc;

use futures_util::FutureExt as _;

use crate::daemon::firing::chain;
use crate::ledger::{self, Ledger, LedgerError};
use crate::model::keyvalue::{Found, Quota, Refused, Store, Write};
use crate::sandbox::{Answer, KeyValue, Unavailable};

/// The key-value stores of a ledger, for a sandbox. They can be used as long as somebody else holds the ledger.
pub fn stores(ledger: &Ledger) -> Arc<dyn KeyValue> {
    Arc::new(Stores(ledger.keyvalue()))
}

#[derive(Debug)]
struct Stores(ledger::KeyValue);

impl KeyValue for Stores {
    fn find(&self, store: &Store, key: &str) -> Answer<Found> {
        let (ledger, store, key) = (self.0.clone(), store.clone(), key.to_owned());
        async move { ledger.find(store, key).await.map_err(unavailable) }.boxed()
    }

    fn keys(&self, store: &Store, after: Option<&str>, limit: usize) -> Answer<Vec<String>> {
        let (ledger, store, after) = (self.0.clone(), store.clone(), after.map(str::to_owned));
        async move { ledger.keys(store, after, limit).await.map_err(unavailable) }.boxed()
    }

    fn write(&self, store: &Store, quota: Quota, write: Write) -> Answer<Result<Option<i64>, Refused>> {
        let (ledger, store) = (self.0.clone(), store.clone());
        async move { ledger.write(store, quota, write).await.map_err(unavailable) }.boxed()
    }
}

/// What the guest is told: nothing that names files of the host.
fn unavailable(error: LedgerError) -> Unavailable {
    // The firing loop tells of a failing ledger, once; a guest may come upon it a thousand times a second.
    tracing::debug!("a guest's key-value store cannot be used: {}", chain(&error));
    Unavailable(match error {
        LedgerError::Database { .. } | LedgerError::Stopped => error.to_string(),
        _ => "the ledger cannot be used".to_owned(),
    })
}
