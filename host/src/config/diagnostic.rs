//! One problem with the configuration, and a place to note many of them.
//!
//! Nothing here knows how a diagnostic is shown; `report` does that.

use std::collections::HashSet;
use std::ops::Range;

/// Whether a problem stops the host from starting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// It does.
    Error,
    /// It does not, but a person should know.
    Warning,
}

impl Severity {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// A range of bytes of the configuration's text.
pub(super) type Span = Range<usize>;

/// One problem: what is wrong, where, what was expected there, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    pub(super) severity: Severity,
    pub(super) message: String,
    /// Nowhere in the text if the problem is that something is not there.
    pub(super) place: Option<Label>,
    /// Other places that have to do with it.
    pub(super) others: Vec<Label>,
    pub(super) help: Vec<String>,
}

/// A place in the text, and what to say under its caret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Label {
    pub(super) span: Span,
    pub(super) text: String,
}

impl Diagnostic {
    pub(super) fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message.into())
    }

    pub(super) fn warning(message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, message.into())
    }

    fn new(severity: Severity, message: String) -> Self {
        Self { severity, message, place: None, others: Vec::new(), help: Vec::new() }
    }

    /// Where it is, and what was expected there.
    pub(super) fn at(mut self, span: Span, expected: impl Into<String>) -> Self {
        self.place = Some(Label { span, text: expected.into() });
        self
    }

    pub(super) fn and_at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.others.push(Label { span, text: text.into() });
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds "did you mean" if one of the known words is near enough to the one that was written.
    pub(super) fn did_you_mean<'w>(self, written: &str, known: impl IntoIterator<Item = &'w str>) -> Self {
        match nearest(written, known) {
            Some(word) => self.help(format!("did you mean `{word}`?")),
            None => self,
        }
    }

    /// Whether it stops the host from starting.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// The problems found so far.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: Vec<Diagnostic>,
    told: HashSet<Diagnostic>,
}

impl Problems {
    /// Notes a problem. What is wrong in `[defaults]` is found again with every task that inherits it, and told once.
    pub(super) fn note(&mut self, problem: Diagnostic) {
        if self.told.insert(problem.clone()) {
            self.found.push(problem);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All of them in the order of the text; those without a place come last.
    pub(super) fn in_order(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|problem| problem.place.as_ref().map_or(usize::MAX, |place| place.span.start));
        self.found
    }
}

/// The known word that the written one most likely stands for: a third of its letters may be wrong.
pub(super) fn nearest<'w>(written: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let lower = written.to_lowercase();
    let distance = |word: &str| strsim::damerau_levenshtein(&lower, &word.to_lowercase());
    let allowed = (written.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|word| (distance(word), word))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_word_that_is_near_is_suggested() {
        let known = ["schedule", "splay", "payload", "retry"];
        let check = |written, expected| assert_eq!(nearest(written, known), expected, "{written}");
        check("shedule", Some("schedule"));
        check("Retry", Some("retry"));
        check("rerty", Some("retry"));
        check("pay-load", Some("payload"));
        check("colour", None);
        check("", None);
    }

    #[test]
    fn problems_are_told_once_and_in_the_order_of_the_text() {
        let mut problems = Problems::default();
        for problem in [
            Diagnostic::error("nowhere"),
            Diagnostic::error("late").at(9..10, ""),
            Diagnostic::error("early").at(1..2, ""),
            Diagnostic::error("late").at(9..10, ""),
        ] {
            problems.note(problem);
        }
        let messages: Vec<_> = problems.in_order().iter().map(|problem| problem.message.clone()).collect();
        assert_eq!(messages, ["early", "late", "nowhere"]);
    }
}
