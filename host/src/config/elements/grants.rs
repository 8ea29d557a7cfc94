//! `grants`: what a task may reach.

use std::collections::BTreeMap;
use std::path::{Component, Path};
use std::str::FromStr;

use toml::Spanned;

use super::Build;
use super::http_grant::HttpGrantTable;
use super::keyvalue::KeyValueTable;
use super::secrets::{SecretSource, SecretTable};
use super::words::{EnvName, PathText};
use crate::config::diagnostic::Diagnostic;
use crate::config::read::Field;
use crate::config::table::{choice, table};
use crate::config::values::{Name, Named};
use crate::model::grants::{FolderAccess, FolderGrant, Grants};

/// The prefix of the variables by which the host tells a guest about its run.
const RESERVED: &str = "SANDCLOCK_";

table! {
    /// What a task may reach. Nothing, unless it stands here.
    pub(in crate::config) struct GrantsTable {
        /// HTTP requests: `[METHODS] scheme://host[:port][/path-prefix]`. A host of `*.example.com` stands for every name
        /// below it. Addresses that are not public are reached only through a grant that names the address, or `localhost`.
        ///
        /// In place of a text, `{ allow = "https://api.example.com", header = { Authorization = "Bearer ${secret:API_TOKEN}" } }`
        /// has the host add headers with secrets of `[secrets]` in them, which the guest never has. It names one host, and is
        /// encrypted or stays on this machine.
        "http" => http: Vec<Spanned<HttpGrantTable>> = default([]), example ["GET https://api.example.com/v1/", "http://127.0.0.1:9000"];
        /// Environment variables and their values, as they stand here: nothing is expanded.
        "env" => env: Named<EnvName, String> = absent("none"), example { LANG = "C", REGION = "eu" };
        /// Secrets, by the environment variable in which the guest finds them. They are blotted out in its log.
        "secrets" => secrets: Named<EnvName, SecretTable> = absent("none"), example { API_TOKEN = { env = "REPORT_TOKEN" } };
        /// Folders, by the path at which the guest sees them. No guest sees the state folder, and none can have another folder
        /// lead elsewhere: a folder that one task may change holds no folder, and no link on the way to one, that is granted
        /// to any. Where each path leads is settled when this file is read; if a link on the way is to lead elsewhere, the
        /// file has to be read again, by `sandclock reload`.
        "folders" => folders: Named<GuestPath, FolderTable> = absent("none"), example { "/data" = { path = "data" } };
        /// Key-value stores.
        "kv" => kv: KeyValueTable = absent("none"), example { quota = "16MiB", shared = ["orders"] };
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
        let written = self.http.written().into_iter().flat_map(|list| list.get_ref());
        grants.http = written.filter_map(|grant| grant.get_ref().build(build)).collect();
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
            if let Some((source, secret)) = table.get_ref().build(table.span(), build) {
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
        let access = self.access.value().unwrap_or_default();
        let real = build.folders.grant(&host, &path.get_ref().0, path.span(), access);
        Some(FolderGrant { host, real, guest: guest.to_owned(), access })
    }
}
