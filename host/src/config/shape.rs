//! What may be written where: the description from which messages, the JSON Schema and the book are made.
//!
//! A shape is never written by hand beside the code that reads a value: both come from one declaration (see `table`).

use std::borrow::Cow;
use std::fmt;

/// What may be written as a value.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Whole { min: u64, max: u64 },
    /// A text. `what` completes "expected …".
    Text { what: Cow<'static, str> },
    /// One of some words, each with what it means.
    Choice(Vec<(&'static str, &'static str)>),
    /// A list. `what` completes "expected a list of …".
    List { what: &'static str, item: Box<Shape> },
    /// A table whose keys the user chooses. `key` completes "each key is …".
    Named { key: &'static str, value: Box<Shape> },
    /// A table with these keys.
    Table(TableShape),
    /// One of several shapes.
    Either(Vec<Shape>),
    /// Anything that `what` says. Its inside is not looked at.
    Any { what: Cow<'static, str> },
}

/// A table: what it is for, and its keys in the order in which they are explained.
#[derive(Debug, Clone)]
pub(super) struct TableShape {
    pub(super) doc: &'static str,
    pub(super) keys: Vec<Key>,
}

/// A key of a table.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) presence: Presence,
    /// A value, as TOML.
    pub(super) example: Option<&'static str>,
    pub(super) shape: Shape,
    /// Reads a value as the key does, so that a test can try every default and example.
    #[cfg(test)]
    pub(super) read: fn(super::read::Node<'_>, &mut super::read::Reader) -> bool,
}

/// What it means that a key is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// It has this value, given as TOML.
    Default(&'static str),
    /// Something that no value says; the text completes "default: …".
    Absent(&'static str),
    /// The keys of the table below it have defaults of their own.
    Table,
    /// It has to be there.
    Required,
}

impl TableShape {
    /// The key of the table, among those below this one, that has a key of this name.
    pub(super) fn home_of(&self, name: &str) -> Option<&'static str> {
        let holds = |key: &&Key| match &key.shape {
            Shape::Table(table) => table.keys.iter().any(|below| below.name == name),
            _ => false,
        };
        self.keys.iter().find(holds).map(|key| key.name)
    }
}

/// What was expected, for messages and for the book: "a whole number from 1 to 100".
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::Bool => f.write_str("true or false"),
            Shape::Whole { min, max: u64::MAX } => write!(f, "a whole number from {min}"),
            Shape::Whole { min, max } => write!(f, "a whole number from {min} to {max}"),
            Shape::Choice(choices) => write_joined(f, choices.iter().map(|(word, _)| format!("\"{word}\""))),
            Shape::List { what, .. } => write!(f, "a list of {what}"),
            Shape::Named { .. } | Shape::Table(_) => f.write_str("a table"),
            Shape::Either(shapes) => write_joined(f, shapes.iter().map(Shape::to_string)),
            Shape::Text { what } | Shape::Any { what } => f.write_str(what),
        }
    }
}

fn write_joined(f: &mut fmt::Formatter<'_>, words: impl ExactSizeIterator<Item = String>) -> fmt::Result {
    let last = words.len().saturating_sub(1);
    for (index, word) in words.enumerate() {
        let before = match index {
            0 => "",
            _ if index == last => " or ",
            _ => ", ",
        };
        write!(f, "{before}{word}")?;
    }
    Ok(())
}

/// A doc comment as running text: the leading spaces of its lines taken off, paragraphs kept.
pub(super) fn prose(doc: &str) -> String {
    doc.lines().map(str::trim).collect::<Vec<_>>().join("\n").trim().to_owned()
}
