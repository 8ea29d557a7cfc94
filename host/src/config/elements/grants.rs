//! `grants`: what a task may reach.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use toml::Spanned;

use super::Build;
use super::keyvalue::KeyValueTable;
use super::words::{EnvName, PathText};
use crate::config::diagnostic::{Diagnostic, Span};
use crate::config::read::Field;
use crate::config::table::{choice, table};
use crate::config::values::{Listed, Name, Named, text_is_a_value};
use crate::model::grants::{FolderAccess, FolderGrant, Grants, HttpGrant, Secret};

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) enum SecretSource {
    /// A variable of the host's environment.
    Env(String),
    /// A file, from the folder of the configuration or absolute.
    File(PathBuf),
}

/// The largest secret that is read from a file: 64 KiB.
const MAX_SECRET: u64 = 64 << 10;

/// The prefix of the variables by which the host tells a guest about its run.
const RESERVED: &str = "SANDCLOCK_";

table! {
    /// What a task may reach. Nothing, unless it stands here.
    pub(in crate::config) struct GrantsTable {
        /// HTTP requests: `[METHODS] scheme://host[:port][/path-prefix]`. A host of `*.example.com` stands for every name
        /// below it. Addresses that are not public are reached only through a grant that names the address, or `localhost`.
        "http" => http: Vec<Spanned<HttpGrant>> = default([]), example ["GET https://api.example.com/v1/", "http://127.0.0.1:9000"];
        /// Environment variables and their values, as they stand here: nothing is expanded.
        "env" => env: Named<EnvName, String> = absent("none"), example { LANG = "C", REGION = "eu" };
        /// Secrets, by the environment variable in which the guest finds them. They are blotted out in its log.
        "secrets" => secrets: Named<EnvName, SecretTable> = absent("none"), example { API_TOKEN = { env = "REPORT_TOKEN" } };
        /// Folders, by the path at which the guest sees them.
        "folders" => folders: Named<GuestPath, FolderTable> = absent("none"), example { "/data" = { path = "data" } };
        /// Key-value stores.
        "kv" => kv: KeyValueTable = absent("none"), example { quota = "16MiB", shared = ["orders"] };
    }
}

table! {
    /// Where a secret comes from. Either `env` or `file`.
    pub(in crate::config) struct SecretTable {
        /// A variable of the host's environment.
        "env" => env: EnvName = absent("`file` is given"), example "REPORT_TOKEN";
        /// A file; a line end at its end is not part of the secret.
        "file" => file: PathText = absent("`env` is given"), example "/run/secrets/report-token";
    }
}

table! {
    /// A folder of the host that the guest sees.
    pub(in crate::config) struct FolderTable {
        /// The folder on the host.
        "path" => path: PathText = required, example "data";
        /// What the guest may do in it.
        "access" => access: FolderAccess = default("read-only"), example "read-write";
    }
}

choice! {
    FolderAccess {
        FolderAccess::ReadOnly => "read-only", "read and list";
        FolderAccess::ReadWrite => "read-write", "read, list, write, create and remove";
    }
}

text_is_a_value! {
    HttpGrant: "a grant such as \"GET https://api.example.com/v1/\"";
}

impl Listed for HttpGrant {
    const PLURAL: &'static str = "grants such as \"GET https://api.example.com\"";
}

/// Where a guest sees a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct GuestPath(String);

impl FromStr for GuestPath {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
        if !text.starts_with('/')
            || text.contains("/./")
            || text.contains('\0')
            || !Path::new(text).components().all(plain)
        {
            return Err("expected an absolute path without `.` and `..`, such as \"/data\"");
        }
        Ok(Self(text.to_owned()))
    }
}

impl Name for GuestPath {
    const WHAT: &'static str = "the path of a folder in the guest";
}

impl GrantsTable {
    /// The grants, and where their secrets come from.
    pub(in crate::config) fn build(&self, build: &mut Build<'_>) -> (Grants, BTreeMap<String, SecretSource>) {
        let mut grants = Grants::default();
        let mut sources = BTreeMap::new();
        grants.http = items(&self.http);
        for (name, value) in entries(&self.env) {
            check_variable(name, build);
            let text = value.get_ref();
            if text.contains("${") {
                let problem = Diagnostic::warning("`${…}` is not expanded")
                    .at(value.span(), "the guest gets this text as it is")
                    .help("a value of the host's environment is handed over by `grants.secrets`");
                build.problems.note(problem);
            }
            grants.env.push((name.get_ref().0.clone(), text.clone()));
        }
        for (name, table) in entries(&self.secrets) {
            check_variable(name, build);
            if let Some((other, _)) = entries(&self.env).find(|(other, _)| other.get_ref() == name.get_ref()) {
                let problem = Diagnostic::error(format!("`{}` is granted twice", name.get_ref().0))
                    .at(name.span(), "expected a name that is not in `env`")
                    .and_at(other.span(), "the other one");
                build.problems.note(problem);
            }
            let Some(source) = table.get_ref().source(table.span(), build) else { continue };
            if let Some(secret) = read_secret(&source, table.span(), build) {
                grants.secrets.push((name.get_ref().0.clone(), secret));
                sources.insert(name.get_ref().0.clone(), source);
            }
        }
        for (guest, table) in entries(&self.folders) {
            grants.folders.extend(table.get_ref().build(&guest.get_ref().0, build));
        }
        grants.kv = self.kv.written().map(|table| table.get_ref().build(build));
        grants.env.sort();
        grants.secrets.sort_by(|a, b| a.0.cmp(&b.0));
        grants.folders.sort_by(|a, b| a.guest.cmp(&b.guest));
        (grants, sources)
    }
}

fn items<T: Clone>(list: &Field<Vec<Spanned<T>>>) -> Vec<T> {
    list.written().into_iter().flat_map(|list| list.get_ref()).map(|item| item.get_ref().clone()).collect()
}

fn entries<K, V>(named: &Field<Named<K, V>>) -> impl Iterator<Item = &(Spanned<K>, Spanned<V>)> {
    named.written().into_iter().flat_map(|named| &named.get_ref().0)
}

fn check_variable(name: &Spanned<EnvName>, build: &mut Build<'_>) {
    if name.get_ref().0.starts_with(RESERVED) {
        let problem = Diagnostic::error(format!("variables that begin with {RESERVED} tell a guest about its run"))
            .at(name.span(), "expected another name");
        build.problems.note(problem);
    }
}

impl SecretTable {
    /// The place, if it names one.
    pub(in crate::config) fn source(&self, span: Span, build: &mut Build<'_>) -> Option<SecretSource> {
        match (&self.env, &self.file) {
            (Field::Written(env), Field::Absent) => Some(SecretSource::Env(env.get_ref().0.clone())),
            (Field::Absent, Field::Written(file)) => Some(SecretSource::File(file.get_ref().0.clone())),
            (Field::Unreadable, _) | (_, Field::Unreadable) => None,
            _ => {
                let problem = Diagnostic::error("a secret comes from one place")
                    .at(span, "expected either `env` or `file`")
                    .help("write { env = \"VARIABLE\" } or { file = \"path\" }; a secret itself never stands in this file");
                build.problems.note(problem);
                None
            }
        }
    }
}

/// Reads a secret; the messages never hold any of it.
pub(in crate::config) fn read_secret(source: &SecretSource, span: Span, build: &mut Build<'_>) -> Option<Secret> {
    let (what, value) = match source {
        SecretSource::Env(name) => {
            let value = build.around.env.get(name).cloned().ok_or_else(|| "is not set".to_owned());
            (format!("the environment variable {name}"), value)
        }
        SecretSource::File(path) => {
            (format!("the secret's file {}", path.display()), read_secret_file(&build.root.join(path)))
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

impl FolderTable {
    fn build(&self, guest: &str, build: &mut Build<'_>) -> Option<FolderGrant> {
        let path = self.path.written()?;
        let host = build.root.join(&path.get_ref().0);
        if !host.is_dir() {
            let problem = Diagnostic::error(format!("there is no folder `{}`", path.get_ref().0.display()))
                .at(path.span(), "expected a folder that is there")
                .help("the host creates no folders for guests: make it first");
            build.problems.note(problem);
            return None;
        }
        if overlaps(&host, &build.state) {
            let problem = Diagnostic::error("no guest may see the state folder of the host")
                .at(path.span(), "expected a folder that neither holds it nor lies in it");
            build.problems.note(problem);
            return None;
        }
        Some(FolderGrant { host, guest: guest.to_owned(), access: self.access.value().unwrap_or_default() })
    }
}

/// Whether one of two folders lies in the other. One that is not there yet overlaps by its name.
fn overlaps(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (one, other) = (real(one), real(other));
    one.starts_with(&other) || other.starts_with(&one)
}
