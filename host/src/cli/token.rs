//! `sandclock token`: who may use the API over the network.
//!
//! A running host is asked, so that it knows at once; without one, the ledger is written to.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value as Json;

use super::columns::aligned;
use super::control::{Asked, Host, ask_if_running};
use super::exit::NotFound;
use super::{Exit, offline, state, terminal};
use crate::api::{Secret, view};
use crate::clock::Clock;
use crate::ledger::{Access, Entry, Reader};
use crate::model::access::{Role, Scope, TaskPattern, Token};
use crate::model::id::TokenName;
use crate::model::payload::Blob;
use crate::model::quantity;

/// Say who may use the API over the network: make tokens, list and revoke them
///
/// Whoever runs this on the host's machine as the host's user needs no token: commands use a socket in the state folder.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sandclock token create grafana --role read\n  sandclock token create ci --role operate --tasks 'deploy-*' --expires 90d\n  sandclock token list\n  sandclock token revoke ci\n\nExit codes: 0 done, 1 refused or the host failed, 2 wrong usage, 3 configuration refused,\n4 no such token, 5 a host runs that cannot be asked."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The state folder, if not that of the configuration
    #[arg(long, global = true, value_name = "FOLDER")]
    state: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a token and print it
    ///
    /// It is printed once and kept nowhere: the ledger has its SHA-256. A running host takes it at once.
    Create {
        /// What it is called, in the list and in the audit log
        name: TokenName,
        /// What whoever brings it may do: read, operate (start, cancel, pause) or admin (everything)
        #[arg(long)]
        role: Role,
        /// Only tasks whose names match, and nothing that is not a task's; `*` stands for anything (may be repeated)
        #[arg(long, value_name = "PATTERN")]
        tasks: Vec<TaskPattern>,
        /// After how long it is worth nothing, such as `90d`
        #[arg(long, value_name = "TIME", value_parser = parse_expiry)]
        expires: Option<Duration>,
    },
    /// List the tokens
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a token worthless, at once
    Revoke {
        /// The token
        name: TokenName,
    },
}

pub(super) fn run(arguments: &Arguments, config: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let state = match state::folder(arguments.state.as_deref(), config, clock) {
        Ok(state) => state,
        Err(exit) => return Ok(exit),
    };
    match &arguments.command {
        Command::Create { name, role, tasks, expires } => {
            let now = clock.now();
            let expires_at = expires.map(|time| now.checked_add(time)).transpose().context("that is never")?;
            let wanted = Wanted { name, role: *role, tasks, expires_at };
            let secret = match wanted.of_host(&state)? {
                Some(secret) => secret,
                None => wanted.of_ledger(&state, clock)?,
            };
            terminal::print_line(&secret)?;
            terminal::remark(format_args!("{name} is made; this is the only time that it is shown"));
        }
        Command::List { json } => {
            let tokens = Reader::open(&state)?.tokens()?;
            if *json {
                let shown: Vec<view::Token> = tokens.iter().map(Into::into).collect();
                terminal::print_json(&shown)?;
            } else if tokens.is_empty() {
                terminal::remark("there are no tokens");
            } else {
                terminal::print(table(&tokens, clock.now(), &TimeZone::system()))?;
            }
        }
        Command::Revoke { name } => revoke(name, &state, clock)?,
    }
    Ok(Exit::Done)
}

fn parse_expiry(text: &str) -> Result<Duration, String> {
    let time = quantity::parse_duration(text).map_err(|error| error.to_string())?;
    if time.is_zero() { Err("expected a time such as 90d".to_owned()) } else { Ok(time) }
}

/// A token that is wanted.
struct Wanted<'a> {
    name: &'a TokenName,
    role: Role,
    tasks: &'a [TaskPattern],
    expires_at: Option<Timestamp>,
}

impl Wanted<'_> {
    fn of_host(&self, state: &Path) -> anyhow::Result<Option<String>> {
        let wanted = view::NewToken {
            name: self.name.to_string(),
            role: self.role.to_string(),
            tasks: self.tasks.iter().map(|pattern| pattern.as_str().to_owned()).collect(),
            expires_at: self.expires_at.map(|at| at.to_string()),
        };
        let body = Blob { content_type: Blob::JSON.to_owned(), bytes: serde_json::to_vec(&wanted)? };
        let asked = Asked { body: Some(body), ..Asked::at("/api/v1/tokens".into()) };
        let answer: Option<Json> = ask_if_running(&Host::Here(state.to_owned()), asked)?;
        answer.map(|made| Ok(made["secret"].as_str().context("the host's answer has no token")?.to_owned())).transpose()
    }

    fn of_ledger(&self, state: &Path, clock: Clock) -> anyhow::Result<String> {
        let secret = Secret::new()?;
        let token = Token {
            name: self.name.clone(),
            digest: secret.digest(),
            role: self.role,
            scope: Scope::of(self.tasks.to_vec()),
            created_at: clock.now(),
            expires_at: self.expires_at,
            used_at: None,
        };
        let ledger = offline::Opened::open(state, clock)?;
        if ledger.reader()?.tokens()?.iter().any(|known| known.name == *self.name) {
            bail!("there is a token {} already; revoke it first, or choose another name", self.name);
        }
        let made = Entry::Access(Access::TokenMade(Arc::new(token)));
        let command = format!("sandclock token create {} ({})", self.name, self.role);
        ledger.append(made, Role::Admin, &command, None)?;
        Ok(secret.reveal().to_owned())
    }
}

fn revoke(name: &TokenName, state: &Path, clock: Clock) -> anyhow::Result<()> {
    let asked = Asked::at(format!("/api/v1/tokens/{name}/revoke"));
    if ask_if_running(&Host::Here(state.to_owned()), asked)?.is_some() {
        terminal::remark(format_args!("{name} is worth nothing any more"));
        return Ok(());
    }
    let tokens = Reader::open(state)?.tokens()?;
    if !tokens.iter().any(|known| known.name == *name) {
        bail!(NotFound(format!("there is no token {name}")));
    }
    let revoked = Entry::Access(Access::TokenRevoked(name.clone()));
    let command = format!("sandclock token revoke {name}");
    offline::Opened::open(state, clock)?.append(revoked, Role::Admin, &command, None)?;
    terminal::remark(format_args!("{name} is worth nothing any more"));
    Ok(())
}

fn table(tokens: &[Token], now: Timestamp, zone: &TimeZone) -> String {
    const NOTHING: &str = "-";
    let day = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%d").to_string();
    let head = ["NAME", "ROLE", "TASKS", "CREATED", "EXPIRES", "LAST USED"].map(str::to_owned);
    let row = |token: &Token| {
        let patterns: Vec<&str> = token.scope.patterns().iter().map(TaskPattern::as_str).collect();
        let used = token.used_at.map(|at| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string());
        [
            token.name.to_string(),
            token.role.to_string(),
            if patterns.is_empty() { "all".to_owned() } else { patterns.join(" ") },
            day(token.created_at),
            match token.expires_at {
                Some(_) if token.is_expired(now) => "expired".to_owned(),
                Some(at) => day(at),
                None => NOTHING.to_owned(),
            },
            used.unwrap_or_else(|| NOTHING.to_owned()),
        ]
    };
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(tokens.iter().map(row)).collect();
    aligned(&rows)
}
