//! The chapter on the configuration, `docs/configuration.md`: every key with its meaning, its default and an example.

use std::fmt::Write as _;

use super::elements::file::FileTable;
use super::read::Keys;
use super::shape::{Key, Presence, Shape, TableShape, prose};

/// What stands before the tables: written by hand, for it is about none of them.
const PREFACE: &str = include_str!("book/preface.md");

/// The chapter, as Markdown.
pub(super) fn chapter() -> String {
    let mut chapter = PREFACE.trim_end().to_owned();
    chapter.push('\n');
    for key in &FileTable::table().keys {
        match &key.shape {
            Shape::Table(table) => section(&mut chapter, key.name, &prose(table.doc), table),
            Shape::Named { value, .. } => {
                if let Shape::Table(table) = &**value {
                    section(&mut chapter, &format!("{}.NAME", key.name), &prose(table.doc), table);
                }
            }
            _ => {}
        }
    }
    chapter
}

/// A table: its keys, then the tables below it.
fn section(chapter: &mut String, path: &str, doc: &str, table: &TableShape) {
    // Writing to a String cannot fail.
    let _ = write!(chapter, "\n## `[{path}]`\n\n{doc}\n");
    if path == "tasks.NAME" {
        let _ = write!(chapter, "\nBeside the keys below, every key of [`[defaults]`](#defaults) can stand here.\n");
    }
    let inherited: Vec<_> = match path {
        "tasks.NAME" => super::elements::task::inherited_names(),
        _ => Vec::new(),
    };
    let keys = || table.keys.iter().filter(|key| !inherited.contains(&key.name));
    for key in keys().filter(|key| key.presence != Presence::Table) {
        describe(chapter, path, key);
    }
    for key in keys() {
        for (table, path) in tables_below(&key.shape, &format!("{path}.{}", key.name)) {
            section(chapter, &path, &prose(table.doc), table);
        }
    }
}

/// The tables that can stand below a key.
fn tables_below<'s>(shape: &'s Shape, path: &str) -> Vec<(&'s TableShape, String)> {
    match shape {
        Shape::Table(table) => vec![(table, path.to_owned())],
        Shape::Named { value, .. } => tables_below(value, &format!("{path}.NAME")),
        Shape::Either(shapes) => shapes.iter().flat_map(|shape| tables_below(shape, path)).collect(),
        _ => Vec::new(),
    }
}

fn describe(chapter: &mut String, path: &str, key: &Key) {
    let _ = write!(chapter, "\n### `{path}.{}`\n\n{}\n\n", key.name, prose(key.doc));
    let _ = writeln!(chapter, "- value: {}", value(&key.shape));
    for (word, meaning) in choices(&key.shape) {
        let _ = writeln!(chapter, "  - `\"{word}\"`: {meaning}");
    }
    let _ = match key.presence {
        Presence::Default(value) => writeln!(chapter, "- default: `{value}`"),
        Presence::Absent(meaning) => writeln!(chapter, "- default: {meaning}"),
        Presence::Required => writeln!(chapter, "- has to be given"),
        Presence::Table => Ok(()),
    };
    if let Some(example) = key.example {
        let _ = writeln!(chapter, "- example: `{} = {example}`", key.name);
    }
}

/// The words that can stand there, each with its meaning.
fn choices(shape: &Shape) -> &[(&'static str, &'static str)] {
    match shape {
        Shape::Choice(choices) => choices,
        Shape::List { item, .. } => choices(item),
        _ => &[],
    }
}

fn value(shape: &Shape) -> String {
    match shape {
        Shape::Choice(_) => "one of these words".to_owned(),
        Shape::Named { key, .. } => format!("a table; each of its keys is {key}"),
        other => other.to_string(),
    }
}
