//! Reading of the parsed text: a problem is noted and reading goes on, so that all problems are found at once.
//!
//! Serde would stop at the first one. What is read here is still as written; `elements` makes model types of it.

use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Problems, Span};
use super::shape::{Shape, TableShape};

/// A value of the parsed text.
pub(super) type Node<'a> = &'a Spanned<DeValue<'a>>;

/// What may be written as a value of the configuration.
pub(super) trait Value: Sized + Clone {
    /// What may be written.
    fn shape() -> Shape;

    /// Reads it; what cannot be read is noted as a problem, and none is returned.
    fn read(node: Node<'_>, reader: &mut Reader) -> Option<Self>;

    /// Takes over from an inherited value what this one does not say. Only a table does so, key by key.
    fn inherit(own: &mut Self, from: &Self) {
        let _ = (own, from);
    }
}

/// What stands for a key.
#[derive(Debug, Clone, Default)]
pub(super) enum Field<T> {
    /// Nothing.
    #[default]
    Absent,
    /// Something that could not be read. Its problem is noted, and no other should be made of it.
    Unreadable,
    /// This. Behind a pointer, since of a hundred thousand tasks few write more than some of their keys.
    Written(Box<Spanned<T>>),
}

impl<T> Field<T> {
    pub(super) fn of(span: Span, value: T) -> Self {
        Field::Written(Box::new(Spanned::new(span, value)))
    }

    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Field::Absent)
    }

    pub(super) fn is_unreadable(&self) -> bool {
        matches!(self, Field::Unreadable)
    }

    /// What was written, with its place.
    pub(super) fn written(&self) -> Option<&Spanned<T>> {
        match self {
            Field::Written(value) => Some(value),
            Field::Absent | Field::Unreadable => None,
        }
    }

    /// What was written.
    pub(super) fn value(&self) -> Option<T>
    where
        T: Clone,
    {
        self.written().map(|value| value.get_ref().clone())
    }

    /// What was written, taken out.
    pub(super) fn into_value(self) -> Option<T> {
        match self {
            Field::Written(value) => Some(value.into_inner()),
            Field::Absent | Field::Unreadable => None,
        }
    }

    /// Takes over what a task does not say itself.
    pub(super) fn inherit(&mut self, from: &Self)
    where
        T: Value,
    {
        match (&mut *self, from) {
            (Field::Absent, from) => *self = from.clone(),
            (Field::Written(own), Field::Written(from)) => T::inherit(own.get_mut(), from.get_ref()),
            _ => {}
        }
    }
}

/// A table with known keys; `table!` writes this.
pub(super) trait Keys: Sized + Clone + Default {
    /// What the table is for, and its keys.
    fn table() -> TableShape;

    /// Takes the keys out of a table that is being read.
    fn take(table: &mut TableReader<'_, '_>) -> Self;

    /// Takes over what a task does not say itself, key by key.
    fn inherit_keys(&mut self, from: &Self);

    /// Reads a whole table; any other key in it is a problem.
    fn read_table(node: Node<'_>, reader: &mut Reader) -> Option<Self> {
        let mut table = reader.open::<Self>(node)?;
        let keys = Self::take(&mut table);
        table.finish(Self::table);
        Some(keys)
    }
}

/// Reads one file: where it is in the tree, and what was wrong on the way.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) problems: Problems,
    path: Vec<String>,
}

impl Reader {
    /// The dotted path of the table that is being read, such as `tasks.report.limits`; empty at the top.
    pub(super) fn path(&self) -> String {
        self.path.join(".")
    }

    /// Reads what is below a key.
    pub(super) fn below<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(key.to_owned());
        let value = read(self);
        self.path.pop();
        value
    }

    /// The text, or a problem that says what was expected instead.
    pub(super) fn text<'a, T: Value>(&mut self, node: Node<'a>) -> Option<&'a str> {
        match node.get_ref() {
            DeValue::String(text) => Some(text),
            _ => self.mismatch::<T, _>(node),
        }
    }

    /// Notes that something else was expected.
    pub(super) fn mismatch<T: Value, R>(&mut self, node: Node<'_>) -> Option<R> {
        self.problems.note(self.cannot_be(kind(node.get_ref())).at(node.span(), format!("expected {}", T::shape())));
        None
    }

    /// Notes that a value of the right kind does not do. `why` says why and what would.
    pub(super) fn refuse<R>(&mut self, node: Node<'_>, why: impl fmt::Display) -> Option<R> {
        self.problems.note(self.cannot_be(&shown(node.get_ref())).at(node.span(), why.to_string()));
        None
    }

    fn cannot_be(&self, what: &str) -> Diagnostic {
        Diagnostic::error(format!("`{}` cannot be {what}", self.path()))
    }

    fn open<'a, T: Keys>(&mut self, node: Node<'a>) -> Option<TableReader<'a, '_>> {
        match node.get_ref() {
            DeValue::Table(entries) => {
                Some(TableReader { entries, span: node.span(), taken: Vec::new(), reader: self })
            }
            other => {
                let keys: Vec<_> = T::table().keys.iter().map(|key| key.name).collect();
                let problem = self
                    .cannot_be(kind(other))
                    .at(node.span(), "expected a table")
                    .help(format!("the keys of this table are: {}", keys.join(", ")));
                self.problems.note(problem);
                None
            }
        }
    }
}

/// A table that is being read.
pub(super) struct TableReader<'a, 'r> {
    entries: &'a DeTable<'a>,
    span: Span,
    taken: Vec<&'static str>,
    reader: &'r mut Reader,
}

impl TableReader<'_, '_> {
    /// Reads the value of a key, if it is there.
    pub(super) fn take<T: Value>(&mut self, key: &'static str) -> Field<T> {
        self.taken.push(key);
        let Some(node) = self.entries.get(key) else { return Field::Absent };
        match self.reader.below(key, |reader| T::read(node, reader)) {
            Some(value) => Field::of(node.span(), value),
            None => Field::Unreadable,
        }
    }

    /// Reads the value of a key that has to be there.
    pub(super) fn take_required<T: Value>(&mut self, key: &'static str) -> Field<T> {
        if !self.entries.contains_key(key) {
            let problem = Diagnostic::error(format!("`{key}` is missing in `{}`", self.reader.path()))
                .at(self.span.clone(), format!("needs `{key}`: {}", T::shape()));
            self.reader.problems.note(problem);
        }
        self.take(key)
    }

    /// Notes every key that nobody took. `shape` is the table's, to find where such a key belongs.
    pub(super) fn finish(self, shape: impl Fn() -> TableShape) {
        for key in self.entries.keys().filter(|key| !self.taken.contains(&key.get_ref().as_ref())) {
            let path = self.reader.path();
            let place = if path.is_empty() { "at the top of the file".to_owned() } else { format!("in `{path}`") };
            let problem = Diagnostic::error(format!("unknown key `{}` {place}", key.get_ref()))
                .at(key.span(), "is not known here");
            let problem = match shape().home_of(key.get_ref()) {
                Some(table) => problem.help(format!("it belongs into the table `{table}`")),
                None => problem.did_you_mean(key.get_ref(), self.taken.iter().copied()),
            };
            let problem = problem.help(format!("the keys that can stand here are: {}", self.taken.join(", ")));
            self.reader.problems.note(problem);
        }
    }
}

/// A value as it is shown in messages: the value itself if it is a short one.
fn shown(value: &DeValue<'_>) -> String {
    const LONGEST: usize = 40;
    match value {
        DeValue::String(text) if text.chars().count() <= LONGEST => format!("{text:?}"),
        DeValue::String(_) => "this text".to_owned(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        other => kind(other).to_owned(),
    }
}

/// What stands there, for messages: "a number".
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with decimals",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
