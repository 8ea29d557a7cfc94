//! Looks names up as the system does, no more of them at once than the host can stand, and no more of one task than
//! leaves room for others.
//!
//! The system's resolver keeps a thread until it is done, also when nobody waits for its answer any more: ten seconds
//! and more where a name server never answers. So a place is free again when its thread is, not when its request is over.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::id::TaskName;
use crate::sandbox::bounds;

/// Finds the addresses of a name, and takes its time.
pub(crate) type Resolver = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// The lookups of all tasks.
pub(super) struct Lookups {
    resolver: Arc<Resolver>,
    of_all: Arc<Semaphore>,
    /// The share of each task that has one in use.
    of_each: Mutex<HashMap<TaskName, Weak<Semaphore>>>,
}

/// Room for one lookup.
pub(super) struct Place {
    resolver: Arc<Resolver>,
    _of_task: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Lookups {
    /// Lookups by the system's resolver.
    pub(super) fn by_the_system() -> Self {
        Self::by(Arc::new(|name, port| Ok((name, port).to_socket_addrs()?.collect())))
    }

    /// Lookups by this resolver.
    pub(super) fn by(resolver: Arc<Resolver>) -> Self {
        Self { resolver, of_all: Arc::new(Semaphore::new(bounds::HTTP_LOOKUPS)), of_each: Mutex::default() }
    }

    /// Waits for room. (None would be that there is never any again, and nobody closes a semaphore here.)
    pub(super) async fn place(&self, task: &TaskName) -> Option<Place> {
        // The task's own share comes first, so that few of one task ever stand in the way of others.
        let of_task = self.share(task).acquire_owned().await.ok()?;
        let of_all = Arc::clone(&self.of_all).acquire_owned().await.ok()?;
        Some(Place { resolver: Arc::clone(&self.resolver), _of_task: of_task, _of_all: of_all })
    }

    fn share(&self, task: &TaskName) -> Arc<Semaphore> {
        let mut of_each = self.of_each.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = of_each.get(task).and_then(Weak::upgrade) {
            return share;
        }
        of_each.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Semaphore::new(bounds::HTTP_LOOKUPS_OF_ONE_TASK));
        of_each.insert(task.clone(), Arc::downgrade(&share));
        share
    }
}

impl Place {
    /// The addresses of a name. The place is taken until the resolver is done, whether or not somebody waits for it.
    pub(super) async fn look_up(self, name: String, port: u16) -> io::Result<Vec<SocketAddr>> {
        let lookup = tokio::task::spawn_blocking(move || {
            let place = self;
            (place.resolver)(&name, port)
        });
        lookup.await.unwrap_or_else(|failed| Err(io::Error::other(failed)))
    }
}

impl fmt::Debug for Lookups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookups").field("free", &self.of_all.available_permits()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);
    const PATIENCE: Duration = Duration::from_secs(60);

    /// Lookups that hang until one message comes for each, but for the name `answered`.
    fn hanging() -> (Lookups, mpsc::Sender<()>) {
        let (release, released) = mpsc::channel();
        let released = Mutex::new(released);
        let resolver = move |name: &str, port| {
            if name != "answered" {
                released.lock().unwrap_or_else(PoisonError::into_inner).recv().map_err(io::Error::other)?;
            }
            Ok(vec![SocketAddr::from(([192, 0, 2, 1], port))])
        };
        (Lookups::by(Arc::new(resolver)), release)
    }

    /// Begins a lookup that nobody waits for in the end. Whether there was room for it.
    async fn give_up(lookups: &Lookups, task: &TaskName) -> bool {
        let Ok(place) = timeout(SOON, lookups.place(task)).await else { return false };
        let lookup = place.unwrap().look_up("hangs".to_owned(), 80);
        assert!(timeout(Duration::ZERO, lookup).await.is_err());
        true
    }

    #[tokio::test]
    async fn a_task_whose_lookups_hang_leaves_room_for_others() {
        let (lookups, release) = hanging();
        let (hostile, good) = ("hostile".parse().unwrap(), "good".parse().unwrap());
        for _ in 0..bounds::HTTP_LOOKUPS_OF_ONE_TASK {
            assert!(give_up(&lookups, &hostile).await);
        }
        assert!(!give_up(&lookups, &hostile).await, "those that nobody waits for still take the room they take");
        let place = lookups.place(&good).await.unwrap();
        assert_eq!(place.look_up("answered".to_owned(), 80).await.unwrap(), ["192.0.2.1:80".parse().unwrap()]);
        release.send(()).unwrap();
        let place = timeout(PATIENCE, lookups.place(&hostile)).await;
        assert!(place.is_ok(), "what is over makes room");
        drop((place, release));
    }

    #[tokio::test]
    async fn all_lookups_together_are_bounded() {
        let (lookups, release) = hanging();
        let tasks: Vec<TaskName> = (0..=bounds::HTTP_LOOKUPS).map(|at| format!("t{at}").parse().unwrap()).collect();
        let (last, first) = tasks.split_last().unwrap();
        for task in first {
            assert!(give_up(&lookups, task).await);
        }
        assert!(!give_up(&lookups, last).await);
        assert_eq!(lookups.of_each.lock().unwrap().len(), tasks.len());
        drop(release);
        assert!(timeout(PATIENCE, lookups.place(last)).await.is_ok(), "all have ended");
    }
}
