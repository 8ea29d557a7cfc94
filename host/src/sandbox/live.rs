//! What guests log while they run, for whoever follows a run or a task.
//!
//! An attempt that nobody follows pays for its entry here and for a look at an empty list with each line. Followers of
//! one run share a channel that holds so many lines: one that is slower than the guest loses the oldest, and is told how
//! many.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::model::id::{RunId, TaskName};
use crate::model::log::LogLine;
use crate::model::run::Run;
use crate::sandbox::bounds;
use crate::sandbox::journal::Journal;

/// A channel to all who follow one run or task.
pub(super) type Followers = broadcast::Sender<Arc<LiveLine>>;

/// The attempts that go on, and who follows them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Live(Arc<Mutex<Hub>>);

#[derive(Debug, Default)]
struct Hub {
    /// Each in a place of its own, from which it goes again: every attempt comes by here, and should not pay for a hash.
    going: Vec<Option<(Mark, Journal)>>,
    /// The places that nobody has.
    free: Vec<usize>,
    followed: HashMap<Whom, Followers>,
}

/// Whose lines are followed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Whom {
    /// Those of a run, through all of its attempts.
    Run(RunId),
    /// Those of every run of a task.
    Task(TaskName),
}

/// A line that was logged just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveLine {
    /// The run.
    pub run: RunId,
    /// Its task.
    pub task: TaskName,
    /// Which attempt of it, from 1.
    pub attempt: u32,
    /// Which line of the attempt, from 1.
    pub number: u64,
    /// What it says; a long line has no more than its beginning.
    pub line: LogLine,
}

/// What a follower hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A line.
    Line(Arc<LiveLine>),
    /// So many lines came too fast.
    Lost(u64),
}

/// Somebody who follows.
#[derive(Debug)]
pub struct Following {
    /// What the attempts that went on had logged when the following began.
    pub so_far: Vec<Arc<LiveLine>>,
    lines: broadcast::Receiver<Arc<LiveLine>>,
    whom: Whom,
    live: Live,
}

/// Who logs.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    pub(super) run: RunId,
    pub(super) task: TaskName,
    pub(super) attempt: u32,
}

/// While this lives, an attempt can be followed.
#[derive(Debug)]
pub(super) struct Going<'live> {
    place: usize,
    live: &'live Live,
}

impl Live {
    /// Lets an attempt be followed that begins.
    pub(super) fn begin(&self, run: &Run, attempt: u32, journal: &Journal) -> Going<'_> {
        let mark = Mark { run: run.id, task: run.task.name.clone(), attempt };
        let mut hub = self.hub();
        if !hub.followed.is_empty() {
            for whom in [Whom::Run(mark.run), Whom::Task(mark.task.clone())] {
                if let Some(followers) = hub.followed.get(&whom) {
                    journal.tap(&mark, followers);
                }
            }
        }
        let place = hub.enter(mark, journal.clone());
        drop(hub);
        Going { place, live: self }
    }

    /// Follows a run or a task from now on, with what the attempts that go on have logged so far. A line may come twice
    /// in the beginning.
    pub fn follow(&self, whom: Whom) -> Following {
        let mut hub = self.hub();
        let Hub { going, followed, .. } = &mut *hub;
        let is_one = |(mark, _): &&(Mark, Journal)| match &whom {
            Whom::Run(run) => mark.run == *run,
            Whom::Task(task) => mark.task == *task,
        };
        let followed_before = followed.get(&whom).is_some();
        let followers = followed.entry(whom.clone()).or_insert_with(|| broadcast::Sender::new(bounds::LIVE_LINES));
        let lines = followers.subscribe();
        let going: Vec<(Mark, Journal)> = going.iter().flatten().filter(is_one).cloned().collect();
        if !followed_before {
            going.iter().for_each(|(mark, journal)| journal.tap(mark, followers));
        }
        // Every attempt comes by here: what was logged is copied without the lock.
        drop(hub);
        let so_far = going.iter().flat_map(|(mark, journal)| journal.so_far(mark)).collect();
        Following { so_far, lines, whom, live: self.clone() }
    }

    /// A panic while the lock was held leaves at worst an entry too many.
    fn hub(&self) -> MutexGuard<'_, Hub> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hub {
    fn enter(&mut self, mark: Mark, journal: Journal) -> usize {
        let place = self.free.pop().unwrap_or(self.going.len());
        match self.going.get_mut(place) {
            Some(free) => *free = Some((mark, journal)),
            None => self.going.push(Some((mark, journal))),
        }
        place
    }

    fn leave(&mut self, place: usize) {
        self.going[place] = None;
        self.free.push(place);
    }
}

impl Mark {
    pub(super) fn line(&self, number: u64, line: &LogLine) -> Arc<LiveLine> {
        let Self { run, task, attempt } = self.clone();
        Arc::new(LiveLine { run, task, attempt, number, line: line.beginning(bounds::LIVE_LINE) })
    }
}

impl Drop for Going<'_> {
    fn drop(&mut self) {
        self.live.hub().leave(self.place);
    }
}

impl Following {
    /// The next line, or how many were lost before it. Waits for as long as nothing is logged.
    pub async fn next(&mut self) -> Heard {
        match self.lines.recv().await {
            Ok(line) => Heard::Line(line),
            Err(RecvError::Lagged(lost)) => Heard::Lost(lost),
            // The hub keeps the other end for as long as somebody follows.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }

    /// The same; none if there is none yet.
    pub fn try_next(&mut self) -> Option<Heard> {
        match self.lines.try_recv() {
            Ok(line) => Some(Heard::Line(line)),
            Err(TryRecvError::Lagged(lost)) => Some(Heard::Lost(lost)),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut hub = self.live.hub();
        // This one is still counted.
        if hub.followed.get(&self.whom).is_some_and(|followers| followers.receiver_count() <= 1) {
            hub.followed.remove(&self.whom);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;
    use crate::model::cause::Cause;
    use crate::model::grants::Grants;
    use crate::model::limits::Limits;
    use crate::model::log::Level;
    use crate::model::schedule::Schedule;
    use crate::model::task::Task;
    use crate::sandbox::redaction::Redaction;

    fn run(id: i64, task: &str) -> Run {
        Run {
            id: RunId::from_i64(id).unwrap(),
            task: Arc::new(Task::example(task, Schedule::every(Duration::from_secs(1)).unwrap())),
            cause: Cause::Manual,
            slot: None,
            payload: None,
            trace: None,
            admitted_at: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    fn journal() -> Journal {
        Journal::new(Clock::system(), &Limits::default(), Redaction::of(&Grants::default()))
    }

    fn said(following: &mut Following) -> Vec<String> {
        let mut said: Vec<String> = following.so_far.drain(..).map(|line| line.line.message.clone()).collect();
        while let Some(heard) = following.try_next() {
            said.push(match heard {
                Heard::Line(line) => format!("{} {}", line.number, line.line.message),
                Heard::Lost(lost) => format!("lost {lost}"),
            });
        }
        said
    }

    #[test]
    fn lines_come_as_they_are_logged_and_to_those_who_follow() {
        let live = Live::default();
        let log = |journal: &Journal, message: &str| journal.guest(Level::Info, message.to_owned(), Vec::new());
        let mut before = live.follow(Whom::Task("a".parse().unwrap()));
        let first = journal();
        let going = live.begin(&run(1, "a"), 1, &first);
        log(&first, "one");
        let mut during = live.follow(Whom::Run(RunId::from_i64(1).unwrap()));
        let mut other = live.follow(Whom::Run(RunId::from_i64(2).unwrap()));
        log(&first, "two");
        assert_eq!(said(&mut before), ["1 one", "2 two"]);
        assert_eq!(said(&mut during), ["one", "2 two"]);
        assert_eq!(said(&mut other), [""; 0]);
        drop(going);
        let second = journal();
        let _going = live.begin(&run(1, "a"), 2, &second);
        log(&second, "three");
        assert_eq!(said(&mut before), ["1 three"]);
        assert_eq!(said(&mut during), ["1 three"]);
    }

    #[test]
    fn whoever_is_slow_loses_lines_and_is_told() {
        let live = Live::default();
        let journal = journal();
        let _going = live.begin(&run(1, "a"), 1, &journal);
        let mut following = live.follow(Whom::Run(RunId::from_i64(1).unwrap()));
        for _ in 0..bounds::LIVE_LINES + 5 {
            journal.guest(Level::Info, "x".to_owned(), Vec::new());
        }
        let said = said(&mut following);
        assert_eq!((said.len(), said[0].as_str(), said[1].as_str()), (bounds::LIVE_LINES + 1, "lost 5", "6 x"));
    }

    #[test]
    fn nothing_is_kept_for_those_who_have_gone() {
        let live = Live::default();
        let following = live.follow(Whom::Run(RunId::from_i64(1).unwrap()));
        let second = live.follow(Whom::Run(RunId::from_i64(1).unwrap()));
        drop(following);
        assert_eq!(live.hub().followed.len(), 1);
        drop(second);
        let going = live.begin(&run(1, "a"), 1, &journal());
        let counts = |hub: MutexGuard<'_, Hub>| (hub.followed.len(), hub.going.iter().flatten().count());
        assert_eq!(counts(live.hub()), (0, 1));
        drop(going);
        assert_eq!(counts(live.hub()), (0, 0));
    }

    #[test]
    fn a_silent_attempt_keeps_nobody_who_has_gone() {
        let live = Live::default();
        let journal = journal();
        let _going = live.begin(&run(1, "a"), 1, &journal);
        let whom = Whom::Run(RunId::from_i64(1).unwrap());
        let follow = || live.follow(whom.clone());
        (0..100).for_each(|_| drop(follow()));
        assert!(journal.followers() <= 1, "{}", journal.followers());
    }

    #[test]
    fn a_long_line_is_told_by_its_beginning() {
        let live = Live::default();
        let journal = journal();
        let _going = live.begin(&run(1, "a"), 1, &journal);
        let mut following = live.follow(Whom::Run(RunId::from_i64(1).unwrap()));
        journal.guest(Level::Info, "x".repeat(100_000), vec![("a".to_owned(), "b".to_owned())]);
        let Some(Heard::Line(line)) = following.try_next() else { panic!("nothing was said") };
        let LogLine { message, fields, .. } = &line.line;
        let end = &message[message.floor_char_boundary(bounds::LIVE_LINE)..];
        assert_eq!((end, fields.len()), ("... (cut off; 97.6KiB in all)", 0));
    }

    #[test]
    fn places_are_taken_again() {
        let live = Live::default();
        let begin = |id| live.begin(&run(id, "a"), 1, &journal());
        let (first, second) = (begin(1), begin(2));
        drop(first);
        let third = begin(3);
        let going = || live.hub().going.iter().flatten().map(|(mark, _)| mark.run.as_i64()).collect::<Vec<_>>();
        assert_eq!(going(), [3, 2]);
        drop((second, third));
        let _more = (begin(4), begin(5));
        assert_eq!((going().len(), live.hub().going.len()), (2, 2));
    }
}
