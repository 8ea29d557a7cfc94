//! A channel: what somebody is told, when, and by which way it reaches them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::template::Template;
use super::{Gate, Rules};
use crate::model::grants::Secret;
use crate::model::id::AlertName;

/// A channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    /// Its name, by which tasks name it.
    pub name: AlertName,
    /// What it is told.
    pub rules: Rules,
    /// When it is told.
    pub gate: Gate,
    /// How long a run may wait for its turn before that is told.
    pub queued_for: Duration,
    /// How it reaches somebody.
    pub target: Target,
}

/// How a channel reaches somebody.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// By mail.
    Mail(Mail),
    /// By an HTTP request.
    Hook(Hook),
}

/// How a mail is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Mail {
    /// The mail server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub security: Security,
    /// As whom to log in, and with which password.
    pub login: Option<(String, Secret)>,
    /// The sender's address.
    pub from: String,
    /// The receivers' addresses, at least one.
    pub to: Vec<String>,
    /// Root certificates that are trusted beside the system's.
    pub roots: Option<Roots>,
}

/// How a connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// From the first byte.
    Tls,
    /// By STARTTLS; without it, nothing is sent.
    StartTls,
    /// By STARTTLS if the server offers it.
    Opportunistic,
    /// Not at all.
    None,
}

impl Security {
    /// The word for it in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Security::Tls => "tls",
            Security::StartTls => "starttls",
            Security::Opportunistic => "opportunistic",
            Security::None => "none",
        }
    }

    /// The port on which servers await it.
    pub fn port(self) -> u16 {
        match self {
            Security::Tls => 465,
            Security::StartTls => 587,
            Security::Opportunistic | Security::None => 25,
        }
    }
}

/// Where an HTTP request goes.
#[derive(Clone, PartialEq)]
pub struct Hook {
    /// The address, which may be a secret: whoever knows it can write there.
    pub url: Url,
    /// Who takes the request there.
    pub service: Service,
    /// What shows that it comes from us.
    pub token: Option<Secret>,
    /// Root certificates that are trusted beside the system's.
    pub roots: Option<Roots>,
}

/// Who takes a request, and so which form it has.
#[derive(Debug, Clone, PartialEq)]
pub enum Service {
    /// Some program: JSON with all that is known.
    Json,
    /// Some program: a form of the user's own.
    Template(Template),
    /// Slack, and others that take its incoming webhooks.
    Slack,
    /// Discord.
    Discord,
    /// ntfy.
    Ntfy,
    /// PagerDuty's Events API, version 2.
    PagerDuty,
}

impl Service {
    /// The word for it in the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Service::Json | Service::Template(_) => "json",
            Service::Slack => "slack",
            Service::Discord => "discord",
            Service::Ntfy => "ntfy",
            Service::PagerDuty => "pagerduty",
        }
    }

    /// How many notices one message may have.
    pub fn group(&self) -> usize {
        match self {
            // It does its own grouping, and closes each incident by its own key.
            Service::PagerDuty => 1,
            _ => GROUP,
        }
    }
}

/// How many notices one message may have.
pub const GROUP: usize = 100;

/// Root certificates in PEM, which were checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Roots(pub Arc<[u8]>);

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook")
            .field("url", &self.url.host_str())
            .field("service", &self.service)
            .field("token", &self.token)
            .field("roots", &self.roots)
            .finish()
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roots({} bytes)", self.0.len())
    }
}
