//! The end of a host, which a disk that does not answer must not hold up for ever.
//!
//! To put a host away is to wait for its threads, and the one that writes the ledger may wait for its disk. No thread can
//! be told to let go of that. So they are waited for beside the main thread, and when that takes too long the process ends
//! under them, as at a crash: the ledger is whole after any.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// How long the threads of a host may take to end, once nothing runs any more. Alerts and traces take at most a few
/// seconds for what they still have to send.
const PATIENCE: Duration = Duration::from_secs(20);

/// The threads have not ended in that time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hangs;

/// Drops the parts of a host, the first one first.
///
/// # Errors
///
/// If they are not put away when the time for that is over.
pub(super) fn put_away(parts: impl Send + 'static) -> Result<(), Hangs> {
    within(PATIENCE, parts)
}

fn within(patience: Duration, parts: impl Send + 'static) -> Result<(), Hangs> {
    let (held, over) = mpsc::channel::<()>();
    let thread = thread::Builder::new().name("sandclock-ending".into()).spawn(move || {
        drop(parts);
        drop(held);
    });
    match thread {
        // Nobody sends anything: the other end goes when all is put away, also if that panicked.
        Ok(_) if over.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) => Err(Hangs),
        // Without a thread, the parts are put away already.
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Says when it is dropped, once it is let.
    struct Part(&'static str, Arc<Mutex<Vec<&'static str>>>);

    impl Drop for Part {
        fn drop(&mut self) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    #[test]
    fn parts_are_put_away_in_order() {
        let gone = Arc::new(Mutex::new(Vec::new()));
        let part = |name| Part(name, Arc::clone(&gone));
        assert_eq!(put_away((part("alerts"), part("daemon"))), Ok(()));
        assert_eq!(*gone.lock().unwrap(), ["alerts", "daemon"]);
    }

    #[test]
    fn one_that_hangs_is_left() {
        let gone = Arc::new(Mutex::new(Vec::new()));
        let hangs = gone.lock().unwrap();
        assert_eq!(within(Duration::from_millis(1), Part("daemon", Arc::clone(&gone))), Err(Hangs));
        assert!(hangs.is_empty());
    }
}
