//! Which idle connections are kept, for whom, and for how long. Pure; what a connection is, is not known here.

use std::time::Duration;

use tokio::time::Instant;
use url::Host;

use crate::model::grants::HttpScheme;
use crate::model::id::TaskName;

/// Who may use a connection, and what for. One task never gets another's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) task: TaskName,
    pub(super) scheme: HttpScheme,
    pub(super) host: Host,
    pub(super) port: u16,
    /// The size of a response's head that the connection was set up for.
    pub(super) head_limit: usize,
}

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) of_one_task: usize,
    pub(super) of_all: usize,
    /// How long a connection is kept without being used.
    pub(super) idle: Duration,
    /// How long after it was opened a connection is still kept.
    pub(super) life: Duration,
}

/// Idle connections, in the order in which they were put here.
#[derive(Debug)]
pub(super) struct Shelf<C> {
    room: Room,
    kept: Vec<Kept<C>>,
}

#[derive(Debug)]
struct Kept<C> {
    key: Key,
    connection: C,
    until: Instant,
}

impl<C> Shelf<C> {
    /// An empty shelf.
    pub(super) fn new(room: Room) -> Self {
        Self { room, kept: Vec::new() }
    }

    /// Keeps a connection that was opened then. Returns those for which there is no room now, the oldest of its task or
    /// of all.
    pub(super) fn put(&mut self, key: Key, connection: C, opened: Instant, now: Instant) -> Vec<C> {
        let mut closed = self.expire(now);
        let until = (now + self.room.idle).min(opened + self.room.life);
        if until <= now {
            closed.push(connection);
            return closed;
        }
        let mut of_task = self.kept.iter().enumerate().filter(|(_, kept)| kept.key.task == key.task);
        let oldest_of_task = of_task.next().map(|(at, _)| at);
        let full = match oldest_of_task {
            Some(at) if 1 + of_task.count() >= self.room.of_one_task => Some(at),
            _ if self.kept.len() >= self.room.of_all => Some(0),
            _ => None,
        };
        closed.extend(full.map(|at| self.kept.remove(at).connection));
        self.kept.push(Kept { key, connection, until });
        closed
    }

    /// Takes the connection that was used last, among those of the key that are fit.
    pub(super) fn take(&mut self, key: &Key, now: Instant, fit: impl Fn(&C) -> bool) -> Option<C> {
        let is_it = |kept: &Kept<C>| kept.key == *key && now < kept.until && fit(&kept.connection);
        let at = self.kept.iter().rposition(is_it)?;
        Some(self.kept.remove(at).connection)
    }

    /// Takes out what has been kept for too long.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<C> {
        self.kept.extract_if(.., |kept| kept.until <= now).map(|kept| kept.connection).collect()
    }

    /// When the next connection will have been kept for too long.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.kept.iter().map(|kept| kept.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room =
        Room { of_one_task: 2, of_all: 3, idle: Duration::from_secs(30), life: Duration::from_secs(300) };

    fn key(task: &str, host: &str, port: u16) -> Key {
        let host = Host::parse(host).unwrap();
        Key { task: task.parse().unwrap(), scheme: HttpScheme::Https, host, port, head_limit: 8192 }
    }

    /// A shelf, and a moment in its life.
    fn shelf() -> (Shelf<u32>, Instant) {
        (Shelf::new(ROOM), crate::clock::Clock::system().monotonic())
    }

    #[test]
    fn a_connection_serves_only_what_it_was_opened_for() {
        let (mut shelf, now) = shelf();
        let own = key("a", "example.com", 443);
        shelf.put(own.clone(), 1, now, now);
        for other in [
            key("b", "example.com", 443),
            key("a", "www.example.com", 443),
            key("a", "example.com", 8443),
            Key { scheme: HttpScheme::Http, ..own.clone() },
            Key { head_limit: 9000, ..own.clone() },
        ] {
            assert_eq!(shelf.take(&other, now, |_| true), None, "{other:?}");
        }
        assert_eq!(shelf.take(&own, now, |_| false), None, "its address may no longer be used");
        assert_eq!(shelf.take(&own, now, |_| true), Some(1));
        assert_eq!(shelf.take(&own, now, |_| true), None, "it is in use");
    }

    #[test]
    fn the_one_used_last_is_taken_first() {
        let (mut shelf, now) = shelf();
        let key = key("a", "example.com", 443);
        shelf.put(key.clone(), 1, now, now);
        shelf.put(key.clone(), 2, now, now);
        assert_eq!(shelf.take(&key, now, |_| true), Some(2));
        assert_eq!(shelf.take(&key, now, |_| true), Some(1));
    }

    #[test]
    fn the_oldest_make_room() {
        let (mut shelf, now) = shelf();
        assert!(shelf.put(key("b", "h", 1), 0, now, now).is_empty());
        for (connection, closed) in [(1, vec![]), (2, vec![]), (3, vec![1]), (4, vec![2])] {
            assert_eq!(shelf.put(key("a", "h", 1), connection, now, now), closed, "two of one task");
        }
        assert_eq!(shelf.put(key("c", "h", 1), 5, now, now), [0], "three of all");
    }

    #[test]
    fn nothing_is_kept_beyond_its_time() {
        let (mut shelf, start) = shelf();
        let key = key("a", "h", 1);
        let after = |seconds| start + Duration::from_secs(seconds);
        shelf.put(key.clone(), 1, start, start);
        assert_eq!(shelf.next_expiry(), Some(after(30)));
        assert_eq!(shelf.take(&key, after(30), |_| true), None, "idle for too long");
        assert_eq!((shelf.expire(after(29)), shelf.expire(after(30))), (vec![], vec![1]));
        shelf.put(key.clone(), 2, start, after(290));
        assert_eq!(shelf.next_expiry(), Some(after(300)), "open for too long, though used just now");
        assert_eq!(shelf.put(key, 3, start, after(300)), [2, 3]);
        assert_eq!(shelf.next_expiry(), None);
    }
}
