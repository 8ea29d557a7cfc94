//! `misfire`: what becomes of slots that were missed.

use crate::config::diagnostic::{Diagnostic, Problems};
use crate::config::table::{choice, table};
use crate::config::values::{Time, Whole};
use crate::model::misfire::{Misfire, MisfirePolicy};

/// The word for a policy; how many slots `all` may run is a key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum PolicyWord {
    Skip,
    Once,
    All,
}

choice! {
    PolicyWord {
        PolicyWord::Skip => "skip", "none of them is run; all are entered as missed";
        PolicyWord::Once => "once", "the latest one is run late; the others are entered as missed";
        PolicyWord::All => "all", "the latest `max` of them are run late, oldest first; the others are entered as missed";
    }
}

table! {
    /// What becomes of slots that passed while nobody could run them: the host was down or asleep, or its clock was
    /// stepped. A slot that is late by less than 30 seconds is simply run.
    pub(in crate::config) struct MisfireTable {
        /// Which of the missed slots are run late.
        "policy" => policy: PolicyWord = default("once"), example "skip";
        /// How old a slot may be and still be run late.
        "window" => window: Time<0> = default("1d"), example "6h";
        /// How many slots are run late under `policy = "all"`.
        "max" => max: Whole<1, 10_000> = default(100), example 24;
    }
}

/// How many slots `all` runs late unless the file says otherwise.
const MAX_SLOTS: u32 = 100;

impl MisfireTable {
    /// Notes keys that say nothing beside the others.
    pub(in crate::config) fn check(&self, problems: &mut Problems) {
        let (Some(policy), Some(max)) = (self.policy.written(), self.max.written()) else { return };
        if *policy.get_ref() != PolicyWord::All {
            problems.note(
                Diagnostic::warning("`max` of `misfire` says nothing here")
                    .at(max.span(), "counts only under `policy = \"all\"`")
                    .and_at(policy.span(), "the policy"),
            );
        }
    }

    pub(in crate::config) fn build(&self) -> Misfire {
        let default = Misfire::default();
        let policy = match self.policy.value() {
            None => default.policy,
            Some(PolicyWord::Skip) => MisfirePolicy::Skip,
            Some(PolicyWord::Once) => MisfirePolicy::Once,
            Some(PolicyWord::All) => {
                MisfirePolicy::All { max: self.max.value().map_or(MAX_SLOTS, |number| number.u32()) }
            }
        };
        Misfire { policy, window: self.window.value().map_or(default.window, |time| time.0) }
    }
}
