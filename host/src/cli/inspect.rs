//! `sandclock inspect`: what a plugin is, imports and exports, and the grants that it can make use of.

use std::fmt::{self, Display, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::{Exit, terminal};
use crate::model::id::PluginName;
use crate::model::quantity::bytes;
use crate::model::text::inert;
use crate::plugins::{Description, describe_file};
use crate::sandbox::{Contract, Need};

/// Say what a plugin is, imports and exports, and the grants that it can make use of.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sandclock inspect plugins/report.wasm\n  sandclock inspect report.wat --json | jq .imports"
)]
pub(super) struct Arguments {
    /// A component or a core module (.wasm), or its text form (.wat)
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let described = describe_file(&arguments.file);
    let description = described.with_context(|| format!("cannot inspect {}", arguments.file.display()))?;
    if arguments.json {
        terminal::print_json(&as_json(&description))?;
    } else {
        terminal::print(Shown { file: &arguments.file, description: &description })?;
    }
    Ok(Exit::Done)
}

fn as_json(description: &Description) -> serde_json::Value {
    let Description { digest, form, text, inspection, sizes } = description;
    json!({
        "digest": digest.to_string(),
        "form": form.to_string(),
        "text": text,
        "contract": inspection.contract.map(Contract::name),
        "wasi": inspection.wasi.name(),
        "imports": inspection.imports,
        "exports": inspection.exports,
        "unserved": inspection.unknown_imports().collect::<Vec<_>>(),
        "needs": inspection.needs().into_iter().map(word).collect::<Vec<_>>(),
        "bytes": {
            "file": sizes.file,
            "component": sizes.component,
            "code": sizes.code,
            "data": sizes.data,
            "custom": sizes.custom,
        },
    })
}

fn word(need: Need) -> &'static str {
    match need {
        Need::Http => "http",
        Need::KeyValue => "kv",
        Need::Folders => "folders",
        Need::Environment => "env",
        Need::Sockets => "sockets",
    }
}

/// A description as people read it.
struct Shown<'a> {
    file: &'a Path,
    description: &'a Description,
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Description { digest, form, text, inspection, sizes } = self.description;
        writeln!(f, "{}", inert(&self.file.display().to_string()))?;
        let text = if *text { ", as text" } else { "" };
        row(f, "form", format_args!("{form}{text}"))?;
        match inspection.contract {
            Some(contract) => row(f, "contract", contract)?,
            None => row(
                f,
                "contract",
                format_args!("none: the host would not know what to call; expected {}", Contract::EXPECTED),
            )?,
        }
        row(f, "WASI", inspection.wasi.name())?;
        row(f, "digest", digest)?;
        row(
            f,
            "size",
            format_args!(
                "{} (code {}, data {}, names and debug information {})",
                bytes(sizes.file),
                bytes(sizes.code),
                bytes(sizes.data),
                bytes(sizes.custom)
            ),
        )?;
        names(f, "imports", &inspection.imports)?;
        names(f, "exports", &inspection.exports)?;
        let unserved: Vec<String> = inspection.unknown_imports().map(str::to_owned).collect();
        if !unserved.is_empty() {
            names(f, "unserved", &unserved)?;
            writeln!(f, "\nThe host does not serve what is listed as unserved, so it cannot load this plugin.")?;
        }
        grants(f, &self.name(), &inspection.needs())
    }
}

impl Shown<'_> {
    /// What a task of this plugin would be called.
    fn name(&self) -> String {
        let stem = self.file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        stem.parse::<PluginName>().map_or_else(|_| "NAME".to_owned(), |name| toml_key(name.as_str()))
    }
}

/// A key as it stands in a table's header: a dot would start a table within.
fn toml_key(name: &str) -> String {
    if name.contains('.') { format!("\"{name}\"") } else { name.to_owned() }
}

fn row(f: &mut fmt::Formatter<'_>, label: &str, value: impl Display) -> fmt::Result {
    writeln!(f, "  {label:<9} {value}")
}

fn names(f: &mut fmt::Formatter<'_>, label: &str, names: &[String]) -> fmt::Result {
    if names.is_empty() {
        return row(f, label, "nothing");
    }
    names.iter().enumerate().try_for_each(|(at, name)| row(f, if at == 0 { label } else { "" }, inert(name)))
}

/// The TOML that would grant everything it can make use of, to be narrowed down by whoever pastes it.
fn grants(f: &mut fmt::Formatter<'_>, task: &str, needs: &[Need]) -> fmt::Result {
    let mut lines = String::new();
    for need in needs {
        lines.write_str(match need {
            Need::Http => "http    = [\"GET https://api.example.com\"]\n",
            Need::KeyValue => "kv      = {}\n",
            Need::Folders => "folders = { \"/data\" = { path = \"data\", access = \"read-only\" } }\n",
            Need::Environment => "env     = { LANG = \"C\" }\nsecrets = { API_TOKEN = { env = \"API_TOKEN\" } }\n",
            // Sockets are never granted, so there is nothing to paste.
            Need::Sockets => "",
        })?;
    }
    if lines.is_empty() {
        return writeln!(f, "\nIt needs no grants.");
    }
    writeln!(f, "\nIt can make use of these grants (programs often import more than they use):")?;
    write!(f, "\n[tasks.{task}.grants]\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::describe;

    /// What is shown of a component in its text form, without the lines that depend on its bytes.
    fn shown(file: &str, wat: &str) -> String {
        let description = describe(wat.as_bytes()).unwrap();
        let text = Shown { file: Path::new(file), description: &description }.to_string();
        let steady = |line: &&str| !line.starts_with("  digest") && !line.starts_with("  size");
        text.lines().filter(steady).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_person_sees_what_a_plugin_is_and_what_to_grant_it() {
        let wat = r#"(component
            (import "wasi:http/outgoing-handler@0.2.3" (instance))
            (import "wasi:cli/environment@0.2.3" (instance))
            (import "wasi:filesystem/preopens@0.2.3" (instance))
            (import "wasi:keyvalue/store@0.2.0-draft2" (instance))
            (import "wasi:sockets/tcp@0.2.3" (instance))
            (instance $run)
            (export "wasi:cli/run@0.2.3" (instance $run)))"#;
        insta::assert_snapshot!(shown("plugins/report.v2.wat", wat), @r#"
        plugins/report.v2.wat
          form      component, as text
          contract  plain program (WASI 0.2)
          WASI      0.2
          imports   wasi:http/outgoing-handler@0.2.3
                    wasi:cli/environment@0.2.3
                    wasi:filesystem/preopens@0.2.3
                    wasi:keyvalue/store@0.2.0-draft2
                    wasi:sockets/tcp@0.2.3
          exports   wasi:cli/run@0.2.3

        It can make use of these grants (programs often import more than they use):

        [tasks."report.v2".grants]
        http    = ["GET https://api.example.com"]
        kv      = {}
        folders = { "/data" = { path = "data", access = "read-only" } }
        env     = { LANG = "C" }
        secrets = { API_TOKEN = { env = "API_TOKEN" } }
        "#);
    }

    #[test]
    fn a_plugin_that_cannot_be_used_is_shown_with_the_reasons() {
        let wat = r#"(component
            (import "acme:billing/charge@1.0.0" (instance))
            (instance $i)
            (export "acme:lib/maths" (instance $i)))"#;
        insta::assert_snapshot!(shown("no name.wat", wat), @"
        no name.wat
          form      component, as text
          contract  none: the host would not know what to call; expected `run` of the world sandclock:task/task, or wasi:cli/run of WASI 0.2 or 0.3 (a plain program)
          WASI      0.2
          imports   acme:billing/charge@1.0.0
          exports   acme:lib/maths
          unserved  acme:billing/charge@1.0.0

        The host does not serve what is listed as unserved, so it cannot load this plugin.

        It needs no grants.
        ");
    }

    #[test]
    fn json_has_it_all() {
        let description = describe(br#"(component (import "wasi:http/outgoing-handler@0.2.3" (instance)))"#).unwrap();
        let json = as_json(&description);
        assert_eq!(json["needs"], json!(["http"]));
        assert_eq!(json["contract"], json!(null));
        assert_eq!(json["text"], json!(true));
        assert_eq!(json["digest"].as_str().map(str::len), Some(64));
    }
}
