//! Waits until a file is whole: a copy that is still being written is not taken.
//!
//! Knows of files only what it is handed: their bytes, and when they changed.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::blocking;
use super::file::{FileError, Taken};
use super::unusable::Unusable;
use crate::clock::{Clock, until};

/// A file that did not change for this long is taken to be whole.
const SETTLE: Duration = Duration::from_millis(250);
/// How often a file is looked at before it is given up: for a minute.
const LOOKS: u32 = 240;

/// A file that is whole, and the permission to have it in memory.
pub(super) struct Whole<'a> {
    pub taken: Taken,
    pub permit: Option<SemaphorePermit<'a>>,
}

/// Reads a file until it no longer changes. One that has rested for a while is read once.
pub(super) async fn settled<R>(clock: Clock, readers: &Semaphore, read: R) -> Result<Whole<'_>, Unusable>
where
    R: Fn() -> Result<Taken, FileError> + Clone + Send + 'static,
{
    let mut last = None;
    for _ in 0..LOOKS {
        // Given back while the file settles: a slow copy holds up no other plugin.
        let permit = readers.acquire().await.ok();
        match blocking(read.clone()).await {
            Ok(taken) => {
                let stamp = taken.stamp;
                let rested = stamp.modified().is_some_and(|modified| until(clock.now(), modified) >= SETTLE);
                // A file from a machine whose clock is ahead never seems to rest, but two looks at it agree.
                if rested || last == Some(stamp) {
                    return Ok(Whole { taken, permit });
                }
                last = Some(stamp);
            }
            Err(FileError::Changed(_)) => last = None,
            Err(error) => return Err(error.into()),
        }
        drop(permit);
        tokio::time::sleep(SETTLE).await;
    }
    Err(Unusable::Unsettled { waited: SETTLE * LOOKS })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use jiff::{SignedDuration, Timestamp};

    use super::super::stamp::Stamp;
    use super::*;

    /// Reads a file of which the n-th look sees `script(n)`.
    async fn read(clock: Clock, script: fn(u64) -> Result<Taken, FileError>) -> (Result<Vec<u8>, Unusable>, u64) {
        let looks = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&looks);
        let readers = Semaphore::new(1);
        let result = settled(clock, &readers, move || script(counted.fetch_add(1, Ordering::Relaxed))).await;
        (result.map(|whole| whole.taken.bytes), looks.load(Ordering::Relaxed))
    }

    fn taken(size: u64, age: i64) -> Result<Taken, FileError> {
        let modified = epoch() - SignedDuration::from_secs(age);
        let modified = (modified.as_second(), 0);
        let stamp = Stamp { inode: (1, 1), size, modified, changed: modified };
        Ok(Taken { bytes: vec![b'x'; size as usize], stamp })
    }

    fn epoch() -> Timestamp {
        Timestamp::constant(1_764_000_000, 0)
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_at_rest_is_read_once() {
        let (bytes, looks) = read(Clock::simulated(epoch()), |_| taken(5, 60)).await;
        assert_eq!((bytes.unwrap().len(), looks), (5, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_grows_is_taken_when_it_stops() {
        let growing = |look: u64| match look {
            3 => Err(FileError::Changed("x".to_owned())),
            _ => taken(look.min(7), -3600),
        };
        let (bytes, looks) = read(Clock::simulated(epoch()), growing).await;
        assert_eq!((bytes.unwrap().len(), looks), (7, 9));
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_never_stops_is_given_up() {
        let (result, looks) = read(Clock::simulated(epoch()), |look| taken(look, -3600)).await;
        assert_eq!(
            (result.unwrap_err().to_string(), looks),
            (Unusable::Unsettled { waited: Duration::from_secs(60) }.to_string(), 240)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_cannot_be_read_is_not_waited_for() {
        let (result, looks) = read(Clock::simulated(epoch()), |_| Err(FileError::Missing("x.wasm".to_owned()))).await;
        assert!(matches!(result, Err(Unusable::File(FileError::Missing(_)))));
        assert_eq!(looks, 1);
    }
}
