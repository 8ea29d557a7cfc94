//! Holds the host's source to `ARCHITECTURE.md`: the tables there are the rules here, so the two cannot differ.
//!
//! Reads the source as text (no compiler), so it runs in a moment and before anything is built. It knows paths, not
//! types: what a macro makes up, it does not see.

mod lexer;
mod paths;
mod rules;
mod source;

use std::collections::{BTreeMap, BTreeSet};

use rules::{Named, Use};
use source::{File, host_files, rust_files};

#[test]
fn modules_use_only_what_the_dependency_table_allows() {
    let table = rules::dependencies();
    let violations = host_files().iter().flat_map(|file| {
        let module = file.module();
        let Some(allowed) = module.and_then(|module| table.get(module)) else { return Vec::new() };
        let module = module.expect("a module without a name has no row");
        file.uses()
            .filter(|path| path.head() != module && !allowed.iter().any(|allowed| allowed.covers(path)))
            .map(|path| {
                let list: Vec<_> = allowed.iter().map(Use::to_string).collect();
                let list = if list.is_empty() { "nothing".to_owned() } else { list.join(", ") };
                file.at(path.line, format!("`{module}` may use {list}, and not `{path}`"))
            })
            .collect()
    });
    none(
        violations,
        "To allow it, change the dependency table in ARCHITECTURE.md, if the direction is meant to be so.",
    );
}

#[test]
fn every_module_has_its_row_in_the_dependency_table() {
    let modules: BTreeSet<String> = host_files().iter().filter_map(|file| file.module().map(str::to_owned)).collect();
    let rows: BTreeSet<String> = rules::dependencies().into_keys().collect();
    assert_eq!(modules, rows, "left: the folders of host/src, right: the rows of the table in ARCHITECTURE.md");
}

#[test]
fn the_dependency_table_has_no_cycle() {
    let mut left: BTreeMap<String, Vec<Use>> = rules::dependencies();
    while let Some(last) = left
        .iter()
        .find(|(_, uses)| !uses.iter().any(|used| left.contains_key(&used.module)))
        .map(|(module, _)| module.clone())
    {
        left.remove(&last);
    }
    assert!(left.is_empty(), "these use each other in a circle: {:?}", left.keys());
}

#[test]
fn names_stay_in_their_modules() {
    let violations = rules::exclusive_names().into_iter().flat_map(|Named { places, names }| {
        let outside = |file: &File| !places.iter().any(|place| file.is_in(place));
        found(&names, outside, |name| format!("only {} may name `{name}`", places.join(" and ")))
    });
    none(violations, "");
}

#[test]
fn modules_stay_free_of_what_they_must_not_know() {
    let violations = rules::forbidden_names().into_iter().flat_map(|Named { places, names }| {
        let inside = |file: &File| places.iter().any(|place| file.is_in(place));
        found(&names, inside, |name| format!("{} never names `{name}`", places.join(" and ")))
    });
    none(violations, "");
}

#[test]
fn rules_are_about_places_that_exist() {
    let rows = rules::exclusive_names().into_iter().chain(rules::forbidden_names());
    let gone: Vec<String> = rows
        .flat_map(|row| row.places)
        .filter(|place| !host_files().iter().any(|file| file.is_in(place)))
        .map(|place| format!("host/src has no `{place}`"))
        .collect();
    none(gone, "");
}

#[test]
fn every_file_says_what_it_is_for() {
    let violations = rust_files()
        .into_iter()
        .filter(|file| !file.path.ends_with("/tests.rs") && !file.path.contains("/tests/"))
        .filter(|file| !file.text.lines().find(|line| !line.is_empty()).is_some_and(|line| line.starts_with("//!")))
        .map(|file| file.at(1, "has no module documentation (`//!`) in its first line".to_owned()));
    none(violations, "");
}

#[test]
fn files_have_one_topic() {
    let mut lengths: Vec<(usize, String)> =
        rust_files().into_iter().map(|file| (file.text.lines().count(), file.path)).collect();
    lengths.sort();
    let median = lengths[lengths.len() / 2].0;
    for (length, path) in lengths.iter().rev().take(10) {
        println!("{length:>5} {path}");
    }
    println!("{median:>5} is the median of {} files", lengths.len());
    assert!(median <= 250, "the median file has {median} lines, and shall have 250 at most");
    let (longest, path) = &lengths[lengths.len() - 1];
    assert!(*longest <= 600, "{path} has {longest} lines: past 600 there are two topics in it");
}

/// Where one of `names` stands in a file that `searched` picks.
fn found(names: &[paths::Path], searched: impl Fn(&File) -> bool, say: impl Fn(&paths::Path) -> String) -> Vec<String> {
    let searched = host_files().iter().filter(|file| searched(file));
    searched
        .flat_map(|file| {
            let hits = file.paths().iter().flat_map(|path| {
                names.iter().filter(|name| path.contains(name)).map(|name| file.at(path.line, say(name)))
            });
            hits.collect::<Vec<_>>()
        })
        .collect()
}

fn none(violations: impl IntoIterator<Item = String>, advice: &str) {
    let violations: Vec<String> = violations.into_iter().collect();
    assert!(violations.is_empty(), "\n{}\n{advice}", violations.join("\n"));
}
