//! Words that people ask with, the same in an address and on the command line.

use std::ops::RangeInclusive;

use crate::model::cause::CauseKind;
use crate::model::log::Level;
use crate::model::outcome::OutcomeClass;

/// How runs ended that are asked for: a class, or `failed` for both kinds of failure.
///
/// # Errors
///
/// Says what was expected.
pub fn outcomes(text: &str) -> Result<Vec<OutcomeClass>, String> {
    let classes: Vec<OutcomeClass> = OutcomeClass::ALL
        .into_iter()
        .filter(|class| class.name() == text || text == "failed" && class.name().starts_with("failed-"))
        .collect();
    match classes.is_empty() {
        false => Ok(classes),
        true => Err(format!("expected failed, or one of {}", OutcomeClass::ALL.map(OutcomeClass::name).join(", "))),
    }
}

/// Why runs exist that are asked for.
///
/// # Errors
///
/// Says what was expected.
pub fn cause(text: &str) -> Result<CauseKind, String> {
    let known = CauseKind::ALL.into_iter().find(|kind| kind.name() == text);
    known.ok_or_else(|| format!("expected one of {}", CauseKind::ALL.map(CauseKind::name).join(", ")))
}

/// Which lines of a log: `21..40`, `21..`, `..40` or `21`.
///
/// # Errors
///
/// Says what was expected.
pub fn lines(text: &str) -> Result<RangeInclusive<u64>, String> {
    let expected = || "expected lines such as 21..40, 21.., ..40 or 21".to_owned();
    let number = |text: &str, open| match text {
        "" => Ok(open),
        number => number.parse().map_err(|_| expected()),
    };
    match text.split_once("..") {
        None | Some(("", "")) => text.parse().map(|line| line..=line).map_err(|_| expected()),
        Some((first, last)) => Ok(number(first, 1)?..=number(last, u64::MAX)?),
    }
}

/// How much lines of a log matter at the least.
///
/// # Errors
///
/// Says what was expected.
pub fn level(text: &str) -> Result<Level, String> {
    let known = Level::ALL.into_iter().find(|level| level.name() == text);
    known.ok_or_else(|| format!("expected one of {}", Level::ALL.map(Level::name).join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_a_class_or_both_kinds_of_failure() {
        assert_eq!(outcomes("trapped").unwrap(), [OutcomeClass::Trapped]);
        assert_eq!(outcomes("failed").unwrap(), [OutcomeClass::FailedTransient, OutcomeClass::FailedPermanent]);
        assert!(outcomes("great").unwrap_err().contains("succeeded, failed-transient"));
    }

    #[test]
    fn lines_are_read_as_people_write_them() {
        for (text, expected) in
            [("21..40", Some(21..=40)), ("21..", Some(21..=u64::MAX)), ("..40", Some(1..=40)), ("7", Some(7..=7))]
        {
            assert_eq!(lines(text).ok(), expected, "{text}");
        }
        for text in ["", "..", "a..b", "-3", "1-3", "1..2..3"] {
            assert!(lines(text).unwrap_err().contains("21..40"), "{text}");
        }
    }

    #[test]
    fn levels_and_causes_have_their_words() {
        assert_eq!((level("warn"), cause("http")), (Ok(Level::Warn), Ok(CauseKind::Http)));
        assert!(level("loud").unwrap_err().contains("trace, debug"));
        assert!(cause("whim").unwrap_err().contains("schedule, catch-up"));
    }
}
