//! The rules, read from the tables of `ARCHITECTURE.md`.
//!
//! A table is found by its heading; its first two columns count, the others are for people.

use std::collections::BTreeMap;
use std::fmt;

use crate::paths::Path;
use crate::source;

/// What one module may use of another: all of it, or only the types with some ending (`plugins::Settings`).
#[derive(Debug, PartialEq)]
pub(crate) struct Use {
    pub(crate) module: String,
    only: Option<String>,
}

impl Use {
    fn parse(text: &str) -> Self {
        let (module, only) = text.split_once("::").map_or((text, None), |(module, only)| (module, Some(only)));
        Self { module: module.to_owned(), only: only.map(str::to_owned) }
    }

    /// Whether `path`, which starts with a module, is within this. The name of a module alone uses nothing of it yet.
    pub(crate) fn covers(&self, path: &Path) -> bool {
        let is_one = |only: &String| path.type_name().is_some_and(|name| name.ends_with(only.as_str()));
        path.head() == self.module && (path.segments.len() == 1 || self.only.as_ref().is_none_or(is_one))
    }
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.only {
            Some(only) => write!(f, "{}::{only}", self.module),
            None => f.write_str(&self.module),
        }
    }
}

/// Places (modules, or files by their paths in `host/src`) and the names that a rule ties to them.
pub(crate) struct Named {
    pub(crate) places: Vec<String>,
    pub(crate) names: Vec<Path>,
}

/// What each module may use.
pub(crate) fn dependencies() -> BTreeMap<String, Vec<Use>> {
    let rows = table("Dependency table");
    rows.into_iter().map(|(module, uses)| (module, uses.iter().map(|text| Use::parse(text)).collect())).collect()
}

/// What only some places may name.
pub(crate) fn exclusive_names() -> Vec<Named> {
    named("Names with one home")
}

/// What some places must never name.
pub(crate) fn forbidden_names() -> Vec<Named> {
    named("Names kept out")
}

fn named(heading: &str) -> Vec<Named> {
    let rows = table(heading);
    rows.into_iter()
        .map(|(places, names)| Named { places: list(&places), names: names.iter().map(|n| Path::parse(n)).collect() })
        .collect()
}

fn table(heading: &str) -> Vec<(String, Vec<String>)> {
    let rows = parse_table(&source::architecture(), heading);
    assert!(!rows.is_empty(), "ARCHITECTURE.md has no table under the heading `{heading}`");
    rows
}

/// The rows of the table under `heading`: the first column, and the second as a list (empty or `-` is none).
fn parse_table(text: &str, heading: &str) -> Vec<(String, Vec<String>)> {
    let section =
        text.lines().skip_while(|line| !line.starts_with('#') || line.trim_start_matches(['#', ' ']) != heading);
    let table = section.skip(1).skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    table
        .skip(2)
        .map(|row| {
            let cells: Vec<String> = row.trim_matches('|').split('|').map(|cell| cell.replace('`', "")).collect();
            let [place, names, ..] = &cells[..] else { panic!("a row of two columns at least, not `{row}`") };
            (place.trim().to_owned(), list(names))
        })
        .collect()
}

/// What stands in a cell, separated by commas.
fn list(cell: &str) -> Vec<String> {
    cell.split(',').map(|item| item.trim().to_owned()).filter(|item| !["", "-"].contains(&item.as_str())).collect()
}

#[test]
fn a_table_is_read_by_its_heading() {
    let text = "# A\n\n| x | y |\n|---|---|\n| no | no |\n\n## Uses\n\nWords.\n\n| module | may use | why |\n|---|---|---|\n\
                | `a` | `b`, `c::Settings` | so |\n| b | - | |\n\n| other | table |\n";
    let rows = parse_table(text, "Uses");
    let row = |place: &str, list: &[&str]| (place.to_owned(), list.iter().map(|&item| item.to_owned()).collect());
    assert_eq!(rows, [row("a", &["b", "c::Settings"]), row("b", &[])]);
    assert_eq!(parse_table(text, "Use"), []);
}

#[test]
fn some_types_may_be_all_that_is_allowed() {
    let check = |rule: &str, path: &str, expected: bool| {
        assert_eq!(Use::parse(rule).covers(&Path::parse(path)), expected, "{rule} {path}");
    };
    check("plugins", "plugins::store::Store::open", true);
    check("plugins", "sandbox::Settings", false);
    check("plugins::Settings", "plugins::Settings::default", true);
    check("plugins::Settings", "plugins::compile::CompileSettings", true);
    check("plugins::Settings", "plugins::Plugins", false);
    check("plugins::Settings", "plugins::settings::open", false);
    check("plugins::Settings", "plugins", true);
    check("ledger::Durability", "ledger::Durability::Full", true);
}
