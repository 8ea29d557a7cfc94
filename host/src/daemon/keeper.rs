//! The keeper: a thread that removes from the ledger what is older, or more, than need be.
//!
//! It goes through the writer like everybody else, a few rows at a time, and rests in between for several times as long
//! as that took: runs never wait for more than one such piece of work.

use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::daemon::handle::{LedgerHealth, Status};
use crate::ledger::{Entry, Keep, Ledger, LedgerError, Sweep};

/// How long after a pass the next one begins.
const PAUSE: Duration = Duration::from_secs(10 * 60);

/// How much longer than the work before it a rest is.
const REST: u32 = 4;

/// After how much work it rests: most looks find nothing to remove, and a timer counts no less than a millisecond.
const WORK: Duration = Duration::from_millis(1);

/// The shortest rest.
const SHORTEST_REST: Duration = Duration::from_millis(5);

/// The thread, which ends when this is dropped.
pub(super) struct Keeper {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts with a first pass at once, and another whenever `keep` changes. Once the firing loop finds the ledger
    /// damaged, nothing more is removed.
    ///
    /// # Errors
    ///
    /// If its thread cannot be started.
    pub(super) fn start(
        ledger: Ledger,
        mut keep: watch::Receiver<Keep>,
        status: watch::Receiver<Status>,
        clock: Clock,
    ) -> std::io::Result<Self> {
        let (stop, mut stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let thread = std::thread::Builder::new().name("sandclock-keeper".into()).spawn(move || {
            runtime.block_on(async move {
                let work = async {
                    loop {
                        let kept = keep.borrow_and_update().clone();
                        match pass(&ledger, &kept, &status, &clock).await {
                            Ok(0) => {}
                            Ok(removed) => tracing::info!("removed {removed} old entries from the ledger"),
                            Err(error) if error.is_damage() => {
                                tracing::error!("nothing more is removed from the ledger: {error}");
                                return;
                            }
                            // It is told as the ledger's trouble already, and there is another pass.
                            Err(error) => tracing::debug!("old entries stay in the ledger for now: {error}"),
                        }
                        // Another configuration may keep less; once nobody can bring one, this waits its time.
                        let other = async {
                            if keep.changed().await.is_err() {
                                std::future::pending::<()>().await;
                            }
                        };
                        let _ = tokio::time::timeout(PAUSE, other).await;
                    }
                };
                tokio::select! {
                    () = work => {}
                    // An error says that the sender is gone, which means the same.
                    _ = stopped.wait_for(|stopped| *stopped) => {}
                }
            });
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the keeper of the ledger panicked");
        }
    }
}

/// Removes all that is to go, unless the ledger is damaged. Returns how many entries that were.
async fn pass(
    ledger: &Ledger,
    keep: &Keep,
    status: &watch::Receiver<Status>,
    clock: &Clock,
) -> Result<usize, LedgerError> {
    let mut sweep = Sweep::begin(ledger.reader()?, keep.clone(), clock.now())?;
    let mut removed = 0;
    let mut began = clock.monotonic();
    // Asked for here and not waited for: the firing loop tells its status once a second, also of a host that is idle.
    while status.borrow().ledger != LedgerHealth::Damaged
        && let Some(removal) = sweep.advance()?
    {
        if !removal.is_empty() {
            removed += removal.len();
            ledger.append(vec![Entry::Removed(removal)]).await?;
        }
        let worked = clock.monotonic().saturating_duration_since(began);
        if worked >= WORK {
            tokio::time::sleep((worked * REST).max(SHORTEST_REST)).await;
            began = clock.monotonic();
        }
    }
    Ok(removed)
}
