//! Tests over the whole of the configuration: golden files, and that book, schema and defaults tell the truth.
//!
//! `UPDATE=1` writes golden files anew; what then changed is reviewed like code.

use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use toml::de::DeValue;

use super::elements::file::FileTable;
use super::elements::limits::LimitsTable;
use super::load::config_of;
use super::read::{Keys, Reader};
use super::report::Report;
use super::shape::{Key, Presence, Shape, TableShape};
use super::{Config, Effective, Surroundings, book, json_schema};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The world that the golden files are checked against: two cores, one token, 23 November 2026.
fn around() -> Surroundings {
    Surroundings {
        env: [("REPORT_TOKEN".to_owned(), "s3cr3t-t0k3n".to_owned()), ("EMPTY".to_owned(), String::new())].into(),
        cores: NonZeroU32::new(2).unwrap(),
        now: "2026-11-23T12:00:00Z".parse::<Timestamp>().unwrap(),
    }
}

/// What becomes of a text whose relative paths start in `tests/config`.
fn load_text(name: &str, text: &str) -> (Option<Config>, Report) {
    let root = project().join("tests/config").canonicalize().unwrap();
    let (config, problems) = config_of(text, &root, &root, &around());
    let report = Report::new(name.to_owned(), text.to_owned(), problems.in_order());
    (config.filter(|_| !report.has_errors()), report)
}

fn effective(text: &str) -> String {
    let (config, report) = load_text("sandclock.toml", text);
    let config = config.unwrap_or_else(|| panic!("{report}\nin\n{text}"));
    Effective::new(&config, around().now).to_string()
}

/// Compares with a golden file, or writes it.
fn check_golden(file: &Path, found: &str) -> Result<(), String> {
    if std::env::var_os("UPDATE").is_some() {
        fs::write(file, found).unwrap();
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if expected == found { Ok(()) } else { Err(format!("{name}: expected\n{expected}\nfound\n{found}\n")) }
}

/// Checks every `.toml` file of a folder, and reports all that differ.
fn check_folder(folder: &str, extension: &str, result: impl Fn(&str, &str) -> String) {
    let mut failures = Vec::new();
    let mut files = 0;
    for entry in fs::read_dir(project().join("tests/config").join(folder)).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|extension| extension == "toml") {
            files += 1;
            let name = file.file_name().unwrap().to_string_lossy();
            let found = result(&name, &fs::read_to_string(&file).unwrap());
            failures.extend(check_golden(&file.with_extension(extension), &found).err());
        }
    }
    assert!(files > 0, "no .toml in {folder}");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_problem_is_told_as_the_golden_files_have_it() {
    check_folder("invalid", "err", |name, text| {
        let (config, report) = load_text(name, text);
        assert!(config.is_none(), "{name} was accepted");
        report.to_string()
    });
}

#[test]
fn the_json_of_a_problem_has_the_place_that_people_see() {
    let text = "[tasks.hello]\npayload = \"é\"\ntimeout = 5 # é\n\t x = 1\n";
    let (_, report) = load_text("sandclock.toml", text);
    let json = report.to_json();
    let places: Vec<_> =
        json.as_array().unwrap().iter().map(|found| format!("{}:{}", found["line"], found["column"])).collect();
    assert_eq!(places, ["3:11", "4:3"]);
    for place in places {
        assert!(report.to_string().contains(&format!("sandclock.toml:{place}")), "{report}");
    }
}

#[test]
fn defaults_become_what_the_golden_files_have() {
    check_folder("valid", "txt", |name, text| {
        let (config, report) = load_text(name, text);
        let config = config.unwrap_or_else(|| panic!("{report}"));
        format!("{}\n{report}", Effective::new(&config, around().now))
    });
}

#[test]
fn what_is_shown_as_effective_means_the_same_when_it_is_read_again() {
    for entry in fs::read_dir(project().join("tests/config/valid")).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|extension| extension == "toml") {
            let once = effective(&fs::read_to_string(&file).unwrap());
            assert_eq!(effective(&once), once, "{}", file.display());
        }
    }
}

#[test]
fn secrets_are_never_shown() {
    let text = "[tasks.hello.grants]\nsecrets = { TOKEN = { env = \"REPORT_TOKEN\" }, FILE = { file = \"token\" } }\n";
    let (config, report) = load_text("sandclock.toml", text);
    let config = config.unwrap();
    let json = Effective::new(&config, around().now).to_json();
    let shown = format!("{}{report}{json}{config:?}", effective(text));
    assert!(shown.contains("REPORT_TOKEN") && !shown.contains("s3cr3t"), "{shown}");
    let revealed: Vec<_> = config.tasks[0].grants.secrets.iter().map(|(_, secret)| secret.reveal()).collect();
    assert_eq!(revealed, ["s3cr3t-from-a-file", "s3cr3t-t0k3n"]);
}

#[test]
fn the_book_tells_what_the_code_reads() {
    check_golden(&project().join("docs/configuration.md"), &book::chapter()).unwrap();
}

#[test]
fn the_schema_tells_what_the_code_reads() {
    check_golden(&project().join("docs/sandclock.schema.json"), &format!("{:#}\n", json_schema())).unwrap();
}

#[test]
fn the_page_on_limits_has_each_with_its_default() {
    let page = fs::read_to_string(project().join("docs/limits.md")).unwrap();
    for key in LimitsTable::table().keys {
        let Presence::Default(default) = key.presence else { panic!("{} has no default", key.name) };
        let section = format!("### `{}`\n\nDefault `{default}`.", key.name);
        assert!(page.contains(&section), "docs/limits.md has no\n{section}");
    }
}

#[test]
fn every_default_and_every_example_can_be_written() {
    fn visit(shape: &Shape, path: &str, visited: &mut usize) {
        match shape {
            Shape::Table(table) => table.keys.iter().for_each(|key| check(key, path, visited)),
            Shape::Named { value, .. } => visit(value, path, visited),
            Shape::Either(shapes) => shapes.iter().for_each(|shape| visit(shape, path, visited)),
            _ => {}
        }
    }
    fn check(key: &Key, path: &str, visited: &mut usize) {
        let path = format!("{path}.{}", key.name);
        let default = match key.presence {
            Presence::Default(value) => Some(value),
            _ => None,
        };
        for value in default.into_iter().chain(key.example) {
            *visited += 1;
            let node = DeValue::parse(value).unwrap_or_else(|error| panic!("{path} = {value}: {error}"));
            let mut reader = Reader::default();
            assert!((key.read)(&node, &mut reader), "{path} = {value}");
            let report = Report::new(path.clone(), value.to_owned(), reader.problems.in_order());
            assert!(report.is_empty(), "{report}");
        }
        visit(&key.shape, &path, visited);
    }
    let mut visited = 0;
    visit(&Shape::Table(FileTable::table()), "", &mut visited);
    assert!(visited > 100, "{visited}");
}

/// Writes every default of a table, and of the tables below it.
fn spell_out(path: &str, table: &TableShape, text: &mut String) {
    text.push_str(&format!("[{path}]\n"));
    for key in &table.keys {
        if let Presence::Default(value) = key.presence {
            text.push_str(&format!("{} = {value}\n", key.name));
        }
    }
    for key in &table.keys {
        if let (Presence::Table, Shape::Table(table)) = (key.presence, &key.shape) {
            spell_out(&format!("{path}.{}", key.name), table, text);
        }
    }
}

#[test]
fn spelling_out_every_default_changes_nothing() {
    let mut text = "[tasks.hello]\n".to_owned();
    let expected = effective(&text);
    for key in &FileTable::table().keys {
        if let Shape::Table(table) = &key.shape {
            spell_out(key.name, table, &mut text);
        }
    }
    assert_eq!(effective(&text), expected);
    assert!(text.contains("[defaults.grants]") && text.contains("wasi-03 = true"), "{text}");
}

#[test]
fn no_text_makes_the_reader_panic() {
    use proptest::prelude::*;
    let files: Vec<String> = ["invalid", "valid"]
        .iter()
        .flat_map(|folder| fs::read_dir(project().join("tests/config").join(folder)).unwrap())
        .filter_map(|entry| fs::read_to_string(entry.unwrap().path()).ok())
        .collect();
    // A sound or unsound file with a piece of it doubled, taken out or replaced.
    let mutated = (proptest::sample::select(files), any::<[proptest::sample::Index; 3]>(), "\\PC{0,3}").prop_map(
        |(text, cuts, piece)| {
            let mut cuts = cuts.map(|cut| cut.index(text.chars().count() + 1));
            cuts.sort_unstable();
            let part = |from, to| text.chars().skip(from).take(to - from).collect::<String>();
            part(0, cuts[1]) + &piece + &part(cuts[2], usize::MAX) + &part(cuts[0], cuts[2])
        },
    );
    proptest!(ProptestConfig::with_cases(300), |(text in mutated)| {
        let (_, report) = load_text("mutated.toml", &text);
        let _ = (report.to_string(), report.coloured(), report.to_json());
    });
}

#[test]
fn a_problem_of_the_defaults_is_told_once() {
    let text = "[defaults]\nalerts = [\"nobody\"]\n[tasks.hello]\n[tasks.report]\n";
    let (_, report) = load_text("sandclock.toml", text);
    assert_eq!(report.diagnostics().len(), 1, "{report}");
}
