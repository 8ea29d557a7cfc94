//! The stores of one attempt: what is granted, bounded and, if need be, kept back.

use std::fmt;
use std::sync::Arc;

use crate::model::grants::Writes;
use crate::model::id::StoreName;
use crate::model::keyvalue::{Batch, Change, Expected, Found, Refused, Store, Write};
use crate::model::log::Level;
use crate::model::quantity::bytes;
use crate::model::task::Task;
use crate::sandbox::bounds;
use crate::sandbox::journal::Journal;
use crate::sandbox::keyvalue::KeyValue;
use crate::sandbox::keyvalue::buffer::Buffer;
use crate::sandbox::keyvalue::resources::{Bucket, Cas, Problem};
use crate::sandbox::lesson;

/// The stores of one attempt.
pub(crate) struct Stores {
    task: Arc<Task>,
    keeper: Arc<dyn KeyValue>,
    journal: Journal,
    buffer: Buffer,
    /// How many writes were begun, refused ones included.
    begun: u32,
    /// Whether the log has a lesson about the quota.
    taught: bool,
    /// Bytes of values that the guest's handles to keys hold.
    seen: usize,
}

/// Why a key was not changed.
enum Unchanged {
    Refused(Refused),
    Problem(Problem),
}

/// One page of keys, and what the next one is asked with.
pub(crate) type Page = (Vec<String>, Option<String>);

impl Stores {
    /// The stores of an attempt of this task.
    pub(crate) fn new(task: Arc<Task>, keeper: Arc<dyn KeyValue>, journal: Journal) -> Self {
        Self { task, keeper, journal, buffer: Buffer::default(), begun: 0, taught: false, seen: 0 }
    }

    /// Takes out the writes that are to be made with the attempt's success, and says how many were begun in all.
    pub(crate) fn finish(&mut self) -> (Vec<Batch>, u32) {
        (std::mem::take(&mut self.buffer).into_batches(), self.begun)
    }

    /// Opens a store.
    pub(crate) fn open(&self, name: &str) -> Result<Bucket, Problem> {
        let grant = self.task.grants.kv.as_ref();
        if matches!(name, "" | "default") {
            return match grant {
                Some(_) => Ok(Bucket(Store::Own(self.task.name.clone()))),
                None => Err(self.deny(None)),
            };
        }
        let name: StoreName = name.parse().map_err(|_| Problem::NoSuchStore)?;
        match grant {
            Some(grant) if grant.shared.contains(&name) => Ok(Bucket(Store::Shared(name))),
            _ => Err(self.deny(Some(name))),
        }
    }

    /// A key's value.
    pub(crate) async fn get(&mut self, bucket: &Bucket, key: String) -> Result<Option<Vec<u8>>, Problem> {
        Ok(self.find(bucket, key).await?.value)
    }

    /// Gives a key a value.
    pub(crate) async fn set(&mut self, bucket: &Bucket, key: String, value: Vec<u8>) -> Result<(), Problem> {
        check_value(&value)?;
        let changed = self.change(bucket, key, Expected::Anything, Change::Set(value), None).await;
        changed.map(drop).map_err(Problem::from)
    }

    /// Takes a key out.
    pub(crate) async fn delete(&mut self, bucket: &Bucket, key: String) -> Result<(), Problem> {
        let changed = self.change(bucket, key, Expected::Anything, Change::Delete, None).await;
        changed.map(drop).map_err(Problem::from)
    }

    /// Adds to the number that a key has.
    pub(crate) async fn add(&mut self, bucket: &Bucket, key: String, delta: i64) -> Result<i64, Problem> {
        let sum = self.change(bucket, key, Expected::Anything, Change::Add(delta), None).await?;
        Ok(sum.unwrap_or_default())
    }

    /// Looks at a key, so that it can be changed if nobody else does first. What was seen is held until it is let go.
    pub(crate) async fn look(&mut self, bucket: &Bucket, key: String) -> Result<Cas, Problem> {
        let cas = self.find(bucket, key).await?;
        let seen = self.seen + cas.size();
        if seen > bounds::KV_SEEN {
            let most = bytes(bounds::KV_SEEN as u64);
            return Err(Problem::Other(format!("the values behind an attempt's handles to keys have at most {most}")));
        }
        self.seen = seen;
        Ok(cas)
    }

    /// Lets go of what was seen of a key.
    pub(crate) fn let_go(&mut self, cas: &Cas) {
        self.seen = self.seen.saturating_sub(cas.size());
    }

    async fn find(&mut self, bucket: &Bucket, key: String) -> Result<Cas, Problem> {
        check_key(&key)?;
        if let Some(touched) = self.buffer.get(&bucket.0, &key) {
            let (value, times) = (touched.value.clone(), touched.times);
            return Ok(Cas { bucket: bucket.clone(), key, value, expected: Expected::Anything, times });
        }
        let value = self.keeper.find(&bucket.0, &key).await?.value;
        let expected = value.as_ref().map_or(Expected::Absent, |value| Expected::Revision(value.revision));
        Ok(Cas { bucket: bucket.clone(), key, value: value.map(|value| value.bytes), expected, times: 0 })
    }

    /// Gives a key a value if nobody changed it since it was looked at; otherwise looks at it again.
    pub(crate) async fn swap(&mut self, cas: Cas, value: Vec<u8>) -> Result<Result<(), Cas>, Problem> {
        self.let_go(&cas);
        check_value(&value)?;
        let Cas { bucket, key, expected, times, .. } = cas;
        match self.change(&bucket, key.clone(), expected, Change::Set(value), Some(times)).await {
            Ok(_) => Ok(Ok(())),
            Err(Unchanged::Refused(Refused::Changed)) => Ok(Err(self.look(&bucket, key).await?)),
            Err(unchanged) => Err(unchanged.into()),
        }
    }

    /// A page of keys.
    pub(crate) async fn keys(&mut self, bucket: &Bucket, after: Option<String>) -> Result<Page, Problem> {
        after.as_deref().map_or(Ok(()), check_key)?;
        let keys = self.keeper.keys(&bucket.0, after.as_deref(), bounds::KV_PAGE).await?;
        let last = keys.len() < bounds::KV_PAGE;
        let next = if last { None } else { keys.last().cloned() };
        Ok((self.buffer.page(&bucket.0, after.as_deref(), keys, last), next))
    }

    /// Changes a key at once, or keeps the change back, as the grant says.
    async fn change(
        &mut self,
        bucket: &Bucket,
        key: String,
        expected: Expected,
        change: Change,
        times: Option<u64>,
    ) -> Result<Option<i64>, Unchanged> {
        self.count()?;
        check_key(&key)?;
        let (quota, writes) = self.task.grants.kv.as_ref().map(|grant| (grant.quota, grant.writes)).unwrap_or_default();
        let store = &bucket.0;
        let write = Write { key, expected, change };
        let changed = match writes {
            Writes::AtOnce => self.keeper.write(store, quota, write).await.map_err(Problem::from)?,
            Writes::WithSuccess => {
                let more = if let Change::Set(value) = &write.change { value.len() } else { 0 };
                if self.buffer.bytes() + write.key.len() + more > bounds::KV_KEPT_BACK {
                    let most = bytes(bounds::KV_KEPT_BACK as u64);
                    return Err(Problem::Other(format!("writes that wait for a success have at most {most}")).into());
                }
                let found = match self.buffer.get(store, &write.key) {
                    Some(_) => Found::default(),
                    None => self.keeper.find(store, &write.key).await.map_err(Problem::from)?,
                };
                self.buffer.write(store, quota, &found, write, times)
            }
        };
        changed.map_err(|refused| {
            self.teach(&refused);
            Unchanged::Refused(refused)
        })
    }

    /// Counts a write, which may be one too many. Each is an entry of the ledger and waits for its commit with others'.
    fn count(&mut self) -> Result<(), Problem> {
        let limit = self.task.limits.kv_writes;
        self.begun = self.begun.saturating_add(1);
        if self.begun <= limit {
            return Ok(());
        }
        if self.begun - limit == 1 {
            self.journal.host(Level::Warn, lesson::keyvalue_writes(&self.task), Vec::new());
        }
        Err(Problem::Other(format!("the attempt has made as many writes as limits.kv-writes allows ({limit})")))
    }

    fn deny(&self, name: Option<StoreName>) -> Problem {
        self.journal.refusal(lesson::keyvalue_grant(&self.task, name));
        Problem::Denied
    }

    /// Says in the log, once, what would allow more.
    fn teach(&mut self, refused: &Refused) {
        if let Some(lesson) = lesson::keyvalue_quota(&self.task, refused)
            && !std::mem::replace(&mut self.taught, true)
        {
            self.journal.host(Level::Warn, lesson, Vec::new());
        }
    }
}

fn check_key(key: &str) -> Result<(), Problem> {
    match key.len() {
        1..=bounds::KV_KEY => Ok(()),
        _ => Err(Problem::Other(format!("a key has from 1 to {} bytes", bounds::KV_KEY))),
    }
}

fn check_value(value: &[u8]) -> Result<(), Problem> {
    match value.len() {
        0..=bounds::KV_VALUE => Ok(()),
        _ => Err(Problem::Other(format!("a value has at most {}", bytes(bounds::KV_VALUE as u64)))),
    }
}

impl From<Unchanged> for Problem {
    fn from(unchanged: Unchanged) -> Self {
        match unchanged {
            Unchanged::Refused(refused) => Problem::Other(refused.to_string()),
            Unchanged::Problem(problem) => problem,
        }
    }
}

impl From<Problem> for Unchanged {
    fn from(problem: Problem) -> Self {
        Unchanged::Problem(problem)
    }
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores").field("task", &self.task.name).field("buffer", &self.buffer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::model::grants::KeyValueGrant;
    use crate::model::keyvalue::Quota;
    use crate::model::schedule::Schedule;
    use crate::sandbox::Memory;
    use crate::sandbox::redaction::Redaction;

    fn stores(writes: Writes) -> Stores {
        let mut task = Task::example("a", Schedule::manual());
        let quota = Quota { bytes: 1 << 30, keys: 1000 };
        task.grants.kv = Some(KeyValueGrant { quota, writes, ..KeyValueGrant::default() });
        let journal = Journal::new(Clock::system(), &task.limits, Redaction::default());
        Stores::new(Arc::new(task), Arc::new(Memory::default()), journal)
    }

    #[tokio::test]
    async fn what_handles_to_keys_hold_is_bounded() {
        let mut stores = stores(Writes::AtOnce);
        let bucket = stores.open("").unwrap();
        stores.set(&bucket, "k".to_owned(), vec![0; bounds::KV_VALUE]).await.unwrap();
        let mut held = Vec::new();
        for _ in 0..bounds::KV_SEEN / bounds::KV_VALUE {
            held.push(stores.look(&bucket, "k".to_owned()).await.unwrap());
        }
        assert!(stores.look(&bucket, "k".to_owned()).await.is_err());
        stores.let_go(&held.pop().unwrap());
        let newest = stores.look(&bucket, "k".to_owned()).await.unwrap();
        // A swap lets go of the handle.
        stores.swap(newest, Vec::new()).await.unwrap().unwrap();
        assert_eq!(stores.get(&bucket, "k".to_owned()).await.unwrap(), Some(Vec::new()));
        assert_eq!(stores.seen, bounds::KV_SEEN - bounds::KV_VALUE);
    }

    #[tokio::test]
    async fn what_waits_for_a_success_is_bounded() {
        let mut stores = stores(Writes::WithSuccess);
        let bucket = stores.open("").unwrap();
        let mut put = 0;
        while stores.set(&bucket, format!("{put:03}"), vec![0; bounds::KV_VALUE]).await.is_ok() {
            put += 1;
            assert!(put < 1000, "there is a bound");
        }
        assert_eq!(put, (bounds::KV_KEPT_BACK - 1) / (bounds::KV_VALUE + 3));
        assert!(stores.buffer.bytes() <= bounds::KV_KEPT_BACK);
    }
}
