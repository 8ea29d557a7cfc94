//! People who ask things of a host that may be killed before it answers, or not be there at all.

use std::fmt;
use std::process::{Child, Stdio};

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use sandclock_host::clock::Clock;

use crate::project::{Project, eventually};

const VERBS: [&str; 3] = ["pause", "resume", "backfill"];
const BACKFILL: usize = 2;

/// Who asks, and how often they were heard.
pub(super) struct People {
    /// Tasks that are paused and resumed.
    pub paused: Vec<String>,
    /// Tasks of which the last seconds are run again.
    backfilled: Vec<String>,
    /// Since when all tasks are there: slots of a time before are none that were due.
    since: Timestamp,
    asked: [u32; VERBS.len()],
    heard: [u32; VERBS.len()],
}

/// A command on its way.
pub(super) struct Asking {
    verb: usize,
    child: Child,
}

impl People {
    pub(super) fn new(paused: Vec<String>, backfilled: Vec<String>, since: Timestamp) -> Self {
        Self { paused, backfilled, since, asked: Default::default(), heard: Default::default() }
    }

    /// Asks for something, and does not wait for the answer.
    pub(super) fn ask(&mut self, project: &Project, rng: &mut Rng) -> Asking {
        let verb = rng.usize(..VERBS.len());
        let tasks = if verb == BACKFILL { &self.backfilled } else { &self.paused };
        let task = rng.choice(tasks).unwrap();
        let from = (Clock::system().now() - SignedDuration::from_secs(rng.i64(2..40))).max(self.since).to_string();
        let mut arguments = vec![VERBS[verb], task];
        if verb == BACKFILL {
            arguments.extend(["--from", &from, "--to", "1s", "--max-parallel", "3"]);
        }
        self.asked[verb] += 1;
        let child = project.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Asking { verb, child }
    }

    /// Waits for what came of it: nothing, if the host was gone by then.
    pub(super) fn hear(&mut self, Asking { verb, mut child }: Asking) {
        let mut status = None;
        let ended = eventually(|| {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        assert!(ended, "sandclock {} ends whatever happens to the host", VERBS[verb]);
        self.heard[verb] += u32::from(status.is_some_and(|status| status.success()));
    }

    /// Whether each verb was heard at some time, if it was asked often enough for that.
    pub(super) fn were_heard(&self) -> bool {
        self.asked.iter().zip(self.heard).all(|(asked, heard)| *asked < 20 || heard > 0)
    }
}

impl fmt::Display for People {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((verb, asked), heard) in VERBS.iter().zip(self.asked).zip(self.heard) {
            write!(f, "{verb}: asked {asked} times, heard {heard}; ")?;
        }
        Ok(())
    }
}
