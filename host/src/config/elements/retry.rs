//! `retry`: whether and when a failed attempt is followed by another.

use crate::config::diagnostic::{Diagnostic, Problems};
use crate::config::table::{choice, table};
use crate::config::values::{Listed, Time, Whole};
use crate::model::outcome::OutcomeClass;
use crate::model::retry::{Backoff, Jitter, OnInterrupt, Retry};

/// The word for a backoff; its waits are keys of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum BackoffWord {
    Fixed,
    Exponential,
}

choice! {
    BackoffWord {
        BackoffWord::Fixed => "fixed", "the wait is `first` each time";
        BackoffWord::Exponential => "exponential", "the wait is `first`, then twice as long each time, up to `max`";
    }
}

choice! {
    Jitter {
        Jitter::None => "none", "the wait is exactly what the backoff says";
        Jitter::Full => "full", "the wait is anything from zero to what the backoff says, so that tasks that failed together do not come back together";
    }
}

choice! {
    OutcomeClass {
        OutcomeClass::FailedTransient => OutcomeClass::FailedTransient.name(), "the guest reported a failure that may pass";
        OutcomeClass::FailedPermanent => OutcomeClass::FailedPermanent.name(), "the guest reported a failure that will not pass";
        OutcomeClass::Trapped => OutcomeClass::Trapped.name(), "the guest did something that WebAssembly forbids";
        OutcomeClass::Exceeded => OutcomeClass::Exceeded.name(), "the guest reached a limit";
        OutcomeClass::Broken => OutcomeClass::Broken.name(), "the host was at fault";
    }
}

choice! {
    OnInterrupt {
        OnInterrupt::Retry => "retry", "it gets another attempt, even if `retry.attempts` is used up, but no more than ten beyond them: the work is done at least once";
        OnInterrupt::GiveUp => "give-up", "it ends as interrupted: the work is done at most once";
    }
}

impl Listed for OutcomeClass {
    const PLURAL: &'static str = "outcomes";
}

table! {
    /// Whether and when a failed attempt is followed by another.
    pub(in crate::config) struct RetryTable {
        /// How many attempts a run has in all, the first included. 1 means that nothing is retried.
        "attempts" => attempts: Whole<1, 1000> = default(3), example 5;
        /// How the wait grows from one attempt to the next.
        "backoff" => backoff: BackoffWord = default("exponential"), example "fixed";
        /// The wait before the second attempt.
        "first" => first: Time<0> = default("1s"), example "2s";
        /// The longest wait under `backoff = "exponential"`.
        "max" => max: Time<0> = default("5m"), example "1h";
        /// How much of the wait is left to chance.
        "jitter" => jitter: Jitter = default("full"), example "none";
        /// Which outcomes are worth another attempt.
        "on" => on: Vec<toml::Spanned<OutcomeClass>> = default(["failed-transient", "broken"]), example ["failed-transient", "trapped"];
    }
}

impl RetryTable {
    /// Notes keys that say nothing beside the others, or contradict them.
    pub(in crate::config) fn check(&self, problems: &mut Problems) {
        if let (Some(backoff), Some(max)) = (self.backoff.written(), self.max.written())
            && *backoff.get_ref() == BackoffWord::Fixed
        {
            problems.note(
                Diagnostic::warning("`max` of `retry` says nothing here")
                    .at(max.span(), "counts only under `backoff = \"exponential\"`")
                    .and_at(backoff.span(), "the backoff"),
            );
        }
        if let (Some(first), Some(max)) = (self.first.written(), self.max.written())
            && first.get_ref().0 > max.get_ref().0
        {
            problems.note(
                Diagnostic::error("the first wait of `retry` is longer than the longest")
                    .at(first.span(), "expected at most `max`")
                    .and_at(max.span(), "`max`"),
            );
        }
    }

    pub(in crate::config) fn build(&self, on_interrupt: OnInterrupt) -> Retry {
        let default = Retry::default();
        let (default_first, default_max) = match default.backoff {
            Backoff::Fixed { wait } => (wait, wait),
            Backoff::Exponential { first, max } => (first, max),
        };
        let first = self.first.value().map_or(default_first, |time| time.0);
        let backoff = match self.backoff.value() {
            Some(BackoffWord::Fixed) => Backoff::Fixed { wait: first },
            // A first wait above the inherited or usual longest one was meant: it is the longest then.
            Some(BackoffWord::Exponential) | None => {
                Backoff::Exponential { first, max: self.max.value().map_or(default_max, |time| time.0).max(first) }
            }
        };
        let on = self.on.written().map(|on| on.get_ref().iter().map(|class| *class.get_ref()).collect());
        Retry {
            attempts: self.attempts.value().map_or(default.attempts, |number| number.u32()),
            backoff,
            jitter: self.jitter.value().unwrap_or(default.jitter),
            on: on.unwrap_or(default.on),
            on_interrupt,
        }
    }
}
