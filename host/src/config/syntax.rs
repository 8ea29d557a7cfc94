//! From text to tree: the TOML parser's own problems, told like all others.

use toml::Spanned;
use toml::de::DeTable;

use super::diagnostic::{Diagnostic, Problems};

/// What the parser says of a value without quotes. It takes such a value for a text, so reading can go on.
const UNQUOTED: &str = "string values must be quoted";

/// What the parser says of a key, or of a table, that is there twice.
const DUPLICATE: &str = "duplicate key";

/// The tree of a text.
pub(super) enum Tree<'a> {
    /// What it holds can be read on.
    Readable(Spanned<DeTable<'a>>),
    /// It is broken in a way that would make further problems out of sound lines.
    Broken,
}

/// Parses a text, and notes every place that is not TOML.
pub(super) fn parse<'a>(text: &'a str, problems: &mut Problems) -> Tree<'a> {
    let (tree, errors) = DeTable::parse_recoverable(text);
    let mut broken = false;
    for error in errors {
        let span = error.span().unwrap_or(text.len()..text.len());
        let (what, expected) = error.message().split_once(", expected ").unwrap_or((error.message(), ""));
        let value = text.get(span.clone()).filter(|value| !value.is_empty() && what == UNQUOTED);
        broken |= value.is_none();
        let expected = if expected.is_empty() { String::new() } else { format!("expected {expected}") };
        let problem = match value {
            Some(value) => {
                Diagnostic::error("a text has to be in quotes").at(span, "").help(format!("write \"{value}\""))
            }
            None if what == UNQUOTED => Diagnostic::error("a value is missing").at(span, "expected a value"),
            None if what == DUPLICATE => Diagnostic::error(what).at(span, "stands further up already"),
            None => Diagnostic::error(what).at(span, expected),
        };
        problems.note(problem);
    }
    if broken { Tree::Broken } else { Tree::Readable(tree) }
}
