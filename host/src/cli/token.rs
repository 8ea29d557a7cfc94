//! `sandclock token`: who may use the API over the network.
//!
//! A running host is asked, so that it knows at once; without one, the ledger is written to.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value as Json;

use super::columns::aligned;
use super::control::{Asked, Host, Reach, ask, ask_if_running};
use super::exit::NotFound;
use super::{Exit, offline, shown, terminal};
use crate::api::{Secret, view};
use crate::clock::Clock;
use crate::ledger::{Access, Entry, Reader};
use crate::model::access::{Role, Scope, TaskPattern, Token};
use crate::model::id::TokenName;
use crate::model::payload::Blob;
use crate::model::quantity;
use crate::model::text::inert;

/// Say who may use the API over the network: make tokens, list and revoke them
///
/// Whoever runs this on the host's machine as the host's user needs no token: commands use a socket in the state folder.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sandclock token create grafana --role read\n  sandclock token create ci --role operate --tasks 'deploy-*' --expires 90d\n  sandclock token list\n  sandclock token revoke ci\n\nExit codes: 0 done, 1 refused or the host failed, 2 wrong usage, 3 configuration refused,\n4 no such token, 5 a host runs that cannot be asked, 6 no host answers at the address."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
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
        #[command(flatten)]
        reach: Reach,
    },
    /// List the tokens
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Make a token worthless, at once
    Revoke {
        /// The token
        name: TokenName,
        #[command(flatten)]
        reach: Reach,
    },
}

pub(super) fn run(arguments: &Arguments, config: &Path, clock: Clock) -> anyhow::Result<Exit> {
    let (Command::Create { reach, .. } | Command::List { reach, .. } | Command::Revoke { reach, .. }) =
        &arguments.command;
    let host = match reach.host(config, clock)? {
        Ok(host) => host,
        Err(exit) => return Ok(exit),
    };
    match &arguments.command {
        Command::Create { name, role, tasks, expires, .. } => {
            let now = clock.now();
            let expires_at = expires.map(|time| now.checked_add(time)).transpose().context("that is never")?;
            let wanted = Wanted { name, role: *role, tasks, expires_at };
            let secret = match (wanted.of_host(&host)?, &host) {
                (Some(secret), _) => secret,
                (None, Host::Here(state)) => wanted.of_ledger(state, clock)?,
                (None, Host::There(_)) => bail!(host.not_running()),
            };
            terminal::print_line(&secret)?;
            terminal::remark(format_args!("{name} is made; this is the only time that it is shown"));
        }
        Command::List { json, .. } => {
            let tokens = match &host {
                Host::Here(state) => {
                    let tokens = Reader::open(state)?.tokens()?;
                    serde_json::to_value(tokens.iter().map(view::Token::from).collect::<Vec<_>>())?
                }
                Host::There(_) => ask(&host, Asked::get("/api/v1/tokens"))?["tokens"].take(),
            };
            if *json {
                terminal::print_json(&tokens)?;
                return Ok(Exit::Done);
            }
            let tokens: Vec<shown::Token> = shown::read(tokens)?;
            if tokens.is_empty() {
                terminal::remark("there are no tokens");
            } else {
                terminal::print(table(&tokens, clock.now(), &TimeZone::system()))?;
            }
        }
        Command::Revoke { name, .. } => revoke(name, &host, clock)?,
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
    fn of_host(&self, host: &Host) -> anyhow::Result<Option<String>> {
        let wanted = view::NewToken {
            name: self.name.to_string(),
            role: self.role.to_string(),
            tasks: self.tasks.iter().map(|pattern| pattern.as_str().to_owned()).collect(),
            expires_at: self.expires_at.map(|at| at.to_string()),
        };
        let body = Blob { content_type: Blob::JSON.to_owned(), bytes: serde_json::to_vec(&wanted)? };
        let asked = Asked { body: Some(body), ..Asked::at("/api/v1/tokens".into()) };
        let answer: Option<Json> = ask_if_running(host, asked)?;
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

fn revoke(name: &TokenName, host: &Host, clock: Clock) -> anyhow::Result<()> {
    let asked = Asked::at(format!("/api/v1/tokens/{name}/revoke"));
    let done = || terminal::remark(format_args!("{name} is worth nothing any more"));
    if ask_if_running(host, asked)?.is_some() {
        done();
        return Ok(());
    }
    let Host::Here(state) = host else { bail!(host.not_running()) };
    let tokens = Reader::open(state)?.tokens()?;
    if !tokens.iter().any(|known| known.name == *name) {
        bail!(NotFound(format!("there is no token {name}")));
    }
    let revoked = Entry::Access(Access::TokenRevoked(name.clone()));
    let command = format!("sandclock token revoke {name}");
    offline::Opened::open(state, clock)?.append(revoked, Role::Admin, &command, None)?;
    done();
    Ok(())
}

fn table(tokens: &[shown::Token], now: Timestamp, zone: &TimeZone) -> String {
    const NOTHING: &str = "-";
    let day = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%d").to_string();
    let head = ["NAME", "ROLE", "TASKS", "CREATED", "EXPIRES", "LAST USED"].map(str::to_owned);
    let row = |token: &shown::Token| {
        let used = token.used_at.map(|at| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string());
        [
            inert(&token.name).to_string(),
            inert(&token.role).to_string(),
            if token.tasks.is_empty() { "all".to_owned() } else { inert(&token.tasks.join(" ")).to_string() },
            day(token.created_at),
            match token.expires_at {
                Some(at) if at <= now => "expired".to_owned(),
                Some(at) => day(at),
                None => NOTHING.to_owned(),
            },
            used.unwrap_or_else(|| NOTHING.to_owned()),
        ]
    };
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(tokens.iter().map(row)).collect();
    aligned(&rows)
}
