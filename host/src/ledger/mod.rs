//! The ledger: the durable record of slots, runs, attempts and logs, in SQLite.
//!
//! What was acknowledged survives everything short of a broken disk; what was not is there whole or not at all. The
//! ledger refuses steps that cannot follow from what it holds, but decides nothing: neither what runs nor when.

mod access;
mod alerts;
mod apply;
mod attempts;
mod copy;
mod entry;
mod error;
mod excerpt;
mod folder;
mod keys;
mod keyvalue;
mod lines;
mod listing;
mod migrate;
mod often;
mod past;
mod plugins;
mod ranges;
mod reader;
mod record;
mod recover;
mod removal;
mod room;
mod rows;
mod schema;
mod sizes;
mod standing;
mod stored;
mod stores;
mod summary;
mod sweep;
mod tally;
mod tasks;
mod upkeep;
mod verify;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use self::alerts::Causes;
use self::apply::Book;
use self::folder::Claim;
use self::keyvalue::Lookout;
use self::writer::Call;
use crate::clock::Clock;

pub use self::access::Access;
pub use self::alerts::{
    AlertCause, AlertChannelSummary, AlertStep, Caused, HostMark, MessageTry, NewMessage, PendingMessage, ProblemKey,
    TryResult, UnfinishedRun, WaitingNotice,
};
pub use self::entry::{Admission, Entry, Next};
pub use self::error::LedgerError;
pub use self::excerpt::{Excerpt, ExcerptLine, ExcerptLines};
pub use self::keys::KeyRecord;
pub use self::keyvalue::{KeyValue, StoreWrite};
pub use self::past::PastSlot;
pub use self::reader::Reader;
pub use self::record::{AttemptLog, AttemptRecord, Filter, MissedRecord, Record, RunRecord};
pub use self::recover::{Recovered, Unfinished};
pub use self::removal::Removal;
pub use self::sizes::{Sizes, TableSize, TaskSize};
pub use self::standing::{OpenRuns, Standing};
pub use self::summary::{DaySummary, Success, TaskSummary};
pub use self::sweep::{Keep, Sweep};
pub use self::upkeep::{Compacted, compact, downgrade};
pub use self::verify::Finding;
pub use self::writer::Order;

/// How the ledger is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The state folder, made if it is not there.
    pub state: PathBuf,
    /// What an acknowledgement is worth.
    pub durability: Durability,
}

/// What an acknowledgement is worth. Either way the ledger is whole after any crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// It survives a power cut: each commit waits for the disk, and many calls share one.
    #[default]
    Full,
    /// It survives a crash of the host; a power cut may take back the last moments.
    Normal,
}

/// A handle to the ledger of a state folder. Clones share one writer, which finishes what is queued and gives the
/// folder free when the last of them is dropped; that drop waits for it.
#[derive(Debug, Clone)]
pub struct Ledger(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    folder: PathBuf,
    // Dropped in this order: the writer's queue ends, the writer and the answerer of looks are
    // waited for, and then the folder is given free.
    calls: mpsc::Sender<Call>,
    _writer: Writer,
    looks: Lookout,
    /// Whether what alerts have to judge is entered.
    causes: Arc<AtomicBool>,
    _claim: Claim,
}

impl Ledger {
    /// Opens the ledger of a state folder, and makes it if there is none. Also returns what was found in it,
    /// and leaves what the last host did not finish as it was.
    ///
    /// # Errors
    /// [`LedgerError::InUse`] if another host has it open; [`LedgerError::Newer`] and [`LedgerError::Foreign`] leave the
    /// file as it is.
    pub fn open(settings: &Settings, clock: Clock) -> Result<(Self, Recovered), LedgerError> {
        let claim = Claim::take(&settings.state)?;
        let connection = schema::open_writer(&settings.state, settings.durability)?;
        let recovered = Recovered {
            cursors: recover::cursors(&connection)?,
            standings: standing::all(&connection)?,
            unfinished: recover::unfinished(&connection)?,
            last_run: recover::last_id(&connection, "runs")?,
        };
        let last_range = recover::last_id(&connection, "missed")?;
        // Nobody asks again for the pages that this took.
        connection.execute_batch("PRAGMA shrink_memory").map_err(LedgerError::database("give memory back of"))?;
        let causes = Arc::new(AtomicBool::new(false));
        let wanted = Causes::new(causes.clone());
        let (calls, queue) = mpsc::channel(writer::QUEUE);
        let writer = thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || writer::write(Book::new(&connection, wanted, last_range), clock, queue))
            .map_err(LedgerError::file("start the writer of the ledger in", &settings.state))?;
        let looks = Lookout::start(settings.state.clone())
            .map_err(LedgerError::file("start the reader of the ledger in", &settings.state))?;
        let folder = settings.state.clone();
        let inner = Inner { clock, folder, calls, _writer: Writer(Some(writer)), looks, causes, _claim: claim };
        Ok((Self(Arc::new(inner)), recovered))
    }

    /// Appends entries, all or none of them, and resolves when they are as durable as the settings say. They follow
    /// what earlier calls appended: a call takes its place in the queue at once, or when first polled if that is full.
    ///
    /// # Errors
    /// If [`LedgerError::is_refusal`] says so, one of these entries contradicts the ledger, and calls that were
    /// committed together with this one are not concerned. Otherwise the ledger could not be written, nothing of the
    /// call was recorded, and it may be made again.
    pub fn append(&self, entries: Vec<Entry>) -> impl Future<Output = Result<(), LedgerError>> + Send + use<> {
        self.append_as(Order::Alone, entries)
    }

    /// The same for one of a sequence of calls: when one could not be made, those that follow fail as well, until it is
    /// made [`Order::Again`].
    ///
    /// # Errors
    /// As [`Ledger::append`] has.
    pub fn append_as(
        &self,
        order: Order,
        entries: Vec<Entry>,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send + use<> {
        let (done, result) = oneshot::channel();
        // The handle is kept only while there is no room for the call.
        let unsent = match self.0.calls.try_send(Call { entries, order, done }) {
            Err(TrySendError::Full(call)) => Some((self.clone(), call)),
            // If the writer is gone, so is the other end of `result`, which says so.
            Ok(()) | Err(TrySendError::Closed(_)) => None,
        };
        let clock = self.0.clock;
        async move {
            let delivered = async {
                if let Some((ledger, call)) = unsent {
                    ledger.0.calls.send(call).await.map_err(|_| LedgerError::Stopped)?;
                }
                result.await.unwrap_or(Err(LedgerError::Stopped))
            };
            clock.outside(delivered).await
        }
    }

    /// The state folder, where a [`Reader`] finds it.
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// Opens it for reading as well.
    ///
    /// # Errors
    /// If that cannot be done.
    pub fn reader(&self) -> Result<Reader, LedgerError> {
        Reader::open(&self.0.folder)
    }

    /// Enters from now on what alerts have to judge, with the end of each run, or no longer.
    pub fn enter_causes(&self, wanted: bool) {
        self.0.causes.store(wanted, Ordering::Release);
    }

    /// Finds out whether the ledger can be written, by writing to it.
    ///
    /// # Errors
    /// Says why not.
    pub fn probe(&self) -> impl Future<Output = Result<(), LedgerError>> + Send + use<> {
        self.append(Vec::new())
    }
}

/// The writer's thread, which is waited for when this is dropped.
#[derive(Debug)]
struct Writer(Option<JoinHandle<()>>);

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            // A panic in the writer was told to everyone who waited for it.
            let _ = thread.join();
        }
    }
}
