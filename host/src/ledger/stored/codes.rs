//! The codes of outcomes' classes, and of reasons for passing over slots.

use super::Unreadable;
use crate::model::outcome::{Miss, OutcomeClass, PassedOver, Skip};

/// The code of an outcome's class. 0 takes no room in a row, so it is the common one.
pub(in crate::ledger) fn class_code(class: OutcomeClass) -> i64 {
    match class {
        OutcomeClass::Succeeded => 0,
        OutcomeClass::FailedTransient => 1,
        OutcomeClass::FailedPermanent => 2,
        OutcomeClass::Trapped => 3,
        OutcomeClass::Exceeded => 4,
        OutcomeClass::Cancelled => 5,
        OutcomeClass::Interrupted => 6,
        OutcomeClass::Broken => 7,
        OutcomeClass::Skipped => 8,
        OutcomeClass::Missed => 9,
    }
}

/// The class of outcomes behind a code.
pub(in crate::ledger) fn class(code: i64) -> Result<OutcomeClass, Unreadable> {
    let known = OutcomeClass::ALL.into_iter().find(|class| class_code(*class) == code);
    known.ok_or_else(|| Unreadable(format!("no outcome has the code {code}")))
}

/// The codes of reasons for passing over slots: below this for missing them, from it on for skipping them.
pub(in crate::ledger) const SKIPPED: i64 = 100;

/// The code of a reason for passing over slots.
pub(in crate::ledger) fn passed_over_code(why: PassedOver) -> i64 {
    match why {
        PassedOver::Missed(Miss::Down) => 0,
        PassedOver::Missed(Miss::Suspended) => 1,
        PassedOver::Missed(Miss::ClockStep) => 2,
        PassedOver::Missed(Miss::OutsideWindow) => 3,
        PassedOver::Missed(Miss::ScheduleChanged) => 4,
        PassedOver::Skipped(Skip::Overlap) => SKIPPED,
        PassedOver::Skipped(Skip::QueueFull) => SKIPPED + 1,
        PassedOver::Skipped(Skip::PluginUnusable) => SKIPPED + 2,
        PassedOver::Skipped(Skip::TaskRemoved) => SKIPPED + 4,
        PassedOver::Skipped(Skip::Paused) => SKIPPED + 5,
        PassedOver::Skipped(Skip::Disabled) => SKIPPED + 6,
    }
}

/// The reason behind a code.
pub(in crate::ledger) fn passed_over(code: i64) -> Result<PassedOver, Unreadable> {
    let all = Miss::ALL.map(PassedOver::Missed).into_iter().chain(Skip::ALL.map(PassedOver::Skipped));
    all.into_iter()
        .find(|why| passed_over_code(*why) == code)
        .ok_or_else(|| Unreadable(format!("no reason for passing over slots has the code {code}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_a_code_of_its_own() {
        let mut codes = OutcomeClass::ALL.map(class_code);
        codes.sort_unstable();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn reasons_keep_their_codes() {
        for why in Miss::ALL.map(PassedOver::Missed).into_iter().chain(Skip::ALL.map(PassedOver::Skipped)) {
            assert_eq!(passed_over(passed_over_code(why)), Ok(why));
            assert_eq!(passed_over_code(why) >= SKIPPED, matches!(why, PassedOver::Skipped(_)));
        }
        assert!(passed_over(99).is_err());
    }
}
