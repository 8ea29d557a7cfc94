//! The requests of one attempt: those that go on, and what the others came to.
//!
//! A request can hold on to itself: under WASI 0.3 the library keeps the task that moves its bytes within the body that
//! this task sends. So what goes on is known here, and ended with the attempt.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::sandbox::http::audit::Audit;
use crate::sandbox::http::lease::Lease;

/// The requests of one attempt.
#[derive(Default)]
pub(super) struct Accounts(Mutex<Books>);

#[derive(Default)]
struct Books {
    audits: GoingOn<Arc<Audit>>,
    leases: GoingOn<Weak<Lease>>,
    past: Tally,
    /// The attempt has ended.
    closed: bool,
}

/// What requests came to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) largest_body: u64,
    /// Responses by the first digit of their status, from 2.
    pub(super) statuses: [u32; 4],
}

impl Tally {
    fn add(&mut self, audit: &Audit) {
        self.largest_body = self.largest_body.max(audit.largest_body());
        let class = audit.status_class().and_then(|class| class.checked_sub(2));
        if let Some(count) = class.and_then(|class| self.statuses.get_mut(class)) {
            *count += 1;
        }
    }
}

impl Accounts {
    /// Takes up a request; false if its attempt has ended.
    pub(super) fn open(&self, audit: &Arc<Audit>) -> bool {
        let mut books = self.books();
        let Books { audits, past, closed, .. } = &mut *books;
        if !*closed {
            audits.push(Arc::clone(audit), |audit| {
                // Nobody else has it, so that nothing is added to it any more.
                let is_over = Arc::strong_count(audit) == 1;
                if is_over {
                    past.add(audit);
                }
                !is_over
            });
        }
        !*closed
    }

    /// Takes up a connection, which is closed at once if its attempt has ended.
    pub(super) fn lease(&self, lease: &Arc<Lease>) {
        let mut books = self.books();
        if !books.closed {
            return books.leases.push(Arc::downgrade(lease), |lease| lease.strong_count() > 0);
        }
        drop(books);
        lease.cut_off();
    }

    /// Ends what goes on, and enters it into the log. None begins after it.
    pub(super) fn end(&self) {
        let mut books = self.books();
        books.closed = true;
        let (audits, leases) = (std::mem::take(&mut books.audits), std::mem::take(&mut books.leases));
        drop(books);
        leases.items.iter().filter_map(Weak::upgrade).for_each(|lease| lease.cut_off());
        for audit in audits.items {
            audit.cut_off();
            self.books().past.add(&audit);
        }
    }

    /// What those that have ended came to.
    pub(super) fn tally(&self) -> Tally {
        self.books().past
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").finish_non_exhaustive()
    }
}

/// A list that forgets what is over, whenever it has doubled since it last did.
struct GoingOn<T> {
    items: Vec<T>,
    look_at: usize,
}

/// A list that is no longer than this is not looked through.
const SHORT: usize = 64;

impl<T> GoingOn<T> {
    fn push(&mut self, item: T, goes_on: impl FnMut(&T) -> bool) {
        if self.items.len() >= self.look_at {
            self.items.retain(goes_on);
            self.look_at = SHORT.max(2 * self.items.len());
        }
        self.items.push(item);
    }
}

impl<T> Default for GoingOn<T> {
    fn default() -> Self {
        Self { items: Vec::new(), look_at: SHORT }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::model::limits::HttpLimits;
    use crate::sandbox::http::Timeouts;
    use crate::sandbox::http::policy::Policy;
    use crate::sandbox::journal::Journal;
    use crate::sandbox::redaction::Redaction;
    use crate::sandbox::testing::task;

    #[test]
    fn what_is_over_is_summed_up_and_forgotten() {
        let mut task = task("asks");
        task.limits.http.requests = 10_000;
        task.grants.http = vec!["http://127.0.0.1".parse().unwrap()];
        let task = Arc::new(task);
        let journal = Journal::new(Clock::system(), &task.limits, Redaction::default());
        let policy = Policy::new(Arc::clone(&task));
        let accounts = Accounts::default();
        let mut go_on = Vec::new();
        for at in 0..10_000_usize {
            let admitted = policy.admit(&http::Method::GET, &"http://127.0.0.1/".parse().unwrap()).unwrap();
            let timeouts = Timeouts::of(Default::default(), &HttpLimits::default());
            let audit =
                Arc::new(Audit::begin(&admitted.target, timeouts, Arc::clone(&task), journal.clone(), Clock::system()));
            assert!(accounts.open(&audit));
            audit.answered(http::StatusCode::OK);
            audit.received(at);
            audit.done();
            if at % 100 == 0 {
                go_on.push(audit);
            }
        }
        let kept = accounts.books().audits.items.len();
        assert!(kept <= 2 * go_on.len() + 1, "{kept}");
        let expected = Tally { largest_body: 9_999, statuses: [10_000, 0, 0, 0] };
        accounts.end();
        assert_eq!(accounts.tally(), expected);
        assert!(!accounts.open(&go_on[0]), "no request begins when the attempt has ended");
    }
}
