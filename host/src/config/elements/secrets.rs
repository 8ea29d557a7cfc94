//! Secrets: where they come from. None ever stands in the configuration itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::Build;
use super::words::{EnvName, PathText};
use crate::config::diagnostic::{Diagnostic, Span};
use crate::config::read::Field;
use crate::config::table::table;
use crate::config::values::{Name, Named, text_is_a_value};
use crate::model::grants::Secret;

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) enum SecretSource {
    /// A variable of the host's environment.
    Env(String),
    /// A file, from the folder of the configuration or absolute.
    File(PathBuf),
    /// A credential that systemd hands to its service.
    Credential(String),
}

/// The largest secret that is read from a file: 64 KiB.
const MAX_SECRET: u64 = 64 << 10;

table! {
    /// Where a secret comes from. One of `env`, `file` and `credential`.
    pub(in crate::config) struct SecretTable {
        /// A variable of the host's environment.
        "env" => env: EnvName = absent("from elsewhere"), example "REPORT_TOKEN";
        /// A file; a line end at its end is not part of the secret.
        "file" => file: PathText = absent("from elsewhere"), example "/run/secrets/report-token";
        /// A credential that systemd hands to its service (`LoadCredential=` and the like in the unit): a file of this name in
        /// `$CREDENTIALS_DIRECTORY`.
        "credential" => credential: CredentialName = absent("from elsewhere"), example "report-token";
    }
}

text_is_a_value! {
    CredentialName: "the name of a credential";
}

/// The name of a credential: that of a file in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct CredentialName(String);

impl FromStr for CredentialName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text.starts_with('.') || text.contains(['/', '\0']) {
            return Err("expected the name of a file, such as report-token");
        }
        Ok(Self(text.to_owned()))
    }
}

/// The name of a secret, which may be that of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct SecretName(String);

impl FromStr for SecretName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<EnvName>().map(|name| Self(name.0))
    }
}

impl Name for SecretName {
    const WHAT: &'static str = "the name of a secret";
}

/// The secrets that the host keeps to itself.
#[derive(Debug, Default)]
pub(in crate::config) struct Secrets {
    known: BTreeMap<String, Secret>,
    /// Those that could not be read, which was noted as a problem.
    unreadable: BTreeSet<String>,
}

impl Secrets {
    /// Reads all of them; also returns where they come from.
    pub(in crate::config) fn read(
        table: &Field<Named<SecretName, SecretTable>>,
        build: &mut Build<'_>,
    ) -> (Self, BTreeMap<String, SecretSource>) {
        let (mut secrets, mut sources) = (Self::default(), BTreeMap::new());
        for (name, table) in table.written().into_iter().flat_map(|named| &named.get_ref().0) {
            let name = name.get_ref().0.clone();
            match table.get_ref().build(table.span(), build) {
                Some((source, secret)) => {
                    sources.insert(name.clone(), source);
                    secrets.known.insert(name, secret);
                }
                None => _ = secrets.unreadable.insert(name),
            }
        }
        (secrets, sources)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Secret> {
        self.known.get(name)
    }

    /// Whether it is there, but could not be read.
    pub(super) fn is_unreadable(&self, name: &str) -> bool {
        self.unreadable.contains(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(String::as_str)
    }
}

impl SecretTable {
    /// Where the secret comes from, and the secret; `span` is where the table stands.
    pub(super) fn build(&self, span: Span, build: &mut Build<'_>) -> Option<(SecretSource, Secret)> {
        let source = self.source(span.clone(), build)?;
        let secret = read_secret(&source, span, build)?;
        Some((source, secret))
    }

    fn source(&self, span: Span, build: &mut Build<'_>) -> Option<SecretSource> {
        match (&self.env, &self.file, &self.credential) {
            (Field::Written(env), Field::Absent, Field::Absent) => Some(SecretSource::Env(env.get_ref().0.clone())),
            (Field::Absent, Field::Written(file), Field::Absent) => Some(SecretSource::File(file.get_ref().0.clone())),
            (Field::Absent, Field::Absent, Field::Written(name)) => {
                Some(SecretSource::Credential(name.get_ref().0.clone()))
            }
            (Field::Unreadable, _, _) | (_, Field::Unreadable, _) | (_, _, Field::Unreadable) => None,
            _ => {
                let problem = Diagnostic::error("a secret comes from one place")
                    .at(span, "expected one of `env`, `file` and `credential`")
                    .help("write { env = \"VARIABLE\" } or { file = \"path\" }; a secret itself never stands in this file");
                build.problems.note(problem);
                None
            }
        }
    }
}

/// Reads a secret; the messages never hold any of it.
fn read_secret(source: &SecretSource, span: Span, build: &mut Build<'_>) -> Option<Secret> {
    let (what, value) = match source {
        SecretSource::Env(name) => {
            let value = build.around.env.get(name).cloned().ok_or_else(|| "is not set".to_owned());
            (format!("the environment variable {name}"), value)
        }
        SecretSource::File(path) => {
            (format!("the secret's file {}", path.display()), read_secret_file(&build.root.join(path)))
        }
        SecretSource::Credential(name) => {
            let value = match build.around.env.get("CREDENTIALS_DIRECTORY") {
                Some(folder) => read_secret_file(&Path::new(folder).join(name)),
                None => Err("is not there: systemd sets CREDENTIALS_DIRECTORY for services that have any".to_owned()),
            };
            (format!("the credential {name}"), value)
        }
    };
    let why = match value {
        Ok(value) if value.is_empty() => "is empty".to_owned(),
        Ok(value) if value.contains('\0') => "has the character U+0000 in it".to_owned(),
        Ok(value) => return Some(Secret::new(value)),
        Err(why) => why,
    };
    build.problems.note(Diagnostic::error(format!("{what} {why}")).at(span, "the secret would come from there"));
    None
}

fn read_secret_file(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "is not there".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() || metadata.len() > MAX_SECRET {
        return Err("is not a file of 64KiB at the most".to_owned());
    }
    let mut text = std::fs::read_to_string(path).map_err(unreadable)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}
