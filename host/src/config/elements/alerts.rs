//! `[alerts.NAME]`: who hears of failures, and from how many on.

use std::num::NonZeroU32;
use std::str::FromStr;

use toml::Spanned;
use url::Url;

use super::Build;
use crate::config::diagnostic::Diagnostic;
use crate::config::read::Field;
use crate::config::table::table;
use crate::config::values::{Listed, Whole, text_is_a_value};
use crate::model::id::AlertName;

/// Who hears of failures, and from how many on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Its name, by which tasks name it.
    pub name: AlertName,
    /// How it reaches somebody.
    pub channel: AlertChannel,
    /// How many runs of a task have to fail in a row before it is sent.
    pub after_failures: NonZeroU32,
}

/// How an alert reaches somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertChannel {
    /// By mail.
    Smtp {
        /// The mail server.
        host: String,
        /// Its port.
        port: u16,
        /// The sender's address.
        from: String,
        /// The receivers' addresses, at least one.
        to: Vec<String>,
    },
    /// By an HTTP request to this address.
    Webhook {
        /// The address.
        url: Url,
    },
}

table! {
    /// Who hears of the failures of the tasks that name this alert in `alerts`. Either `smtp` or `webhook`.
    ///
    /// Alerts are checked, but not delivered yet.
    pub(in crate::config) struct AlertTable {
        /// By mail.
        "smtp" => smtp: SmtpTable = table;
        /// By an HTTP request.
        "webhook" => webhook: WebhookTable = table;
        /// How many runs of a task have to fail in a row before it is sent.
        "after-failures" => after_failures: Whole<1, 1000> = default(1), example 2;
    }
}

table! {
    /// An alert by mail.
    pub(in crate::config) struct SmtpTable {
        /// The mail server.
        "host" => host: HostName = required, example "smtp.example.com";
        /// Its port.
        "port" => port: Whole<1, 65_535> = default(25), example 587;
        /// The sender's address.
        "from" => from: MailAddress = required, example "sandclock@example.com";
        /// The receivers' addresses.
        "to" => to: Vec<Spanned<MailAddress>> = required, example ["ops@example.com"];
    }
}

table! {
    /// An alert by an HTTP request.
    pub(in crate::config) struct WebhookTable {
        /// The address that the request is sent to.
        "url" => url: WebhookUrl = required, example "https://hooks.example.com/T0/B0";
    }
}

text_is_a_value! {
    HostName: "a host's name or address";
    MailAddress: "a mail address";
    WebhookUrl: "a URL that begins with http:// or https://";
}

impl Listed for MailAddress {
    const PLURAL: &'static str = "mail addresses";
}

/// A host's name or address.
#[derive(Debug, Clone)]
pub(in crate::config) struct HostName(String);

impl FromStr for HostName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        url::Host::parse(text).map_err(|_| "expected a name or address alone, such as smtp.example.com")?;
        Ok(Self(text.to_owned()))
    }
}

/// A mail address; whether it exists is for the mail server to say.
#[derive(Debug, Clone)]
pub(in crate::config) struct MailAddress(String);

impl FromStr for MailAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |part: &str| {
            !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control() || "<>@,;".contains(c))
        };
        match text.rsplit_once('@') {
            Some((local, domain)) if plain(local) && plain(domain) => Ok(Self(text.to_owned())),
            _ => Err("expected one address alone, such as ops@example.com"),
        }
    }
}

/// The address of a webhook.
#[derive(Debug, Clone)]
pub(in crate::config) struct WebhookUrl(Url);

impl FromStr for WebhookUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
        match url.scheme() {
            "http" | "https" => Ok(Self(url)),
            _ => Err("expected a URL that begins with http:// or https://".to_owned()),
        }
    }
}

impl AlertTable {
    pub(in crate::config) fn build(&self, name: &Spanned<AlertName>, build: &mut Build<'_>) -> Option<Alert> {
        let undelivered = Diagnostic::warning(format!("alert `{}` is not delivered yet", name.get_ref()))
            .at(name.span(), "checked, and otherwise without effect in this version");
        build.problems.note(undelivered);
        let channel = match (&self.smtp, &self.webhook) {
            (Field::Unreadable, _) | (_, Field::Unreadable) => return None,
            (Field::Written(smtp), Field::Absent) => smtp.get_ref().build(build)?,
            (Field::Absent, Field::Written(webhook)) => AlertChannel::Webhook { url: webhook.get_ref().url.value()?.0 },
            (Field::Written(smtp), Field::Written(webhook)) => {
                build.problems.note(
                    Diagnostic::error(format!("alert `{}` has two channels", name.get_ref()))
                        .at(webhook.span(), "expected one of `smtp` and `webhook`")
                        .and_at(smtp.span(), "the other one")
                        .help("make two alerts of them, and name both in the task's `alerts`"),
                );
                return None;
            }
            (Field::Absent, Field::Absent) => {
                build.problems.note(
                    Diagnostic::error(format!("alert `{}` has no channel", name.get_ref()))
                        .at(name.span(), "expected `smtp` or `webhook`"),
                );
                return None;
            }
        };
        let after_failures = self.after_failures.value().map_or(NonZeroU32::MIN, |number| number.non_zero());
        Some(Alert { name: name.get_ref().clone(), channel, after_failures })
    }
}

impl SmtpTable {
    fn build(&self, build: &mut Build<'_>) -> Option<AlertChannel> {
        let to = self.to.written()?;
        if to.get_ref().is_empty() {
            let problem = Diagnostic::error("a mail needs a receiver").at(to.span(), "expected at least one address");
            build.problems.note(problem);
        }
        Some(AlertChannel::Smtp {
            host: self.host.value()?.0,
            port: self.port.value().map_or(25, |number| number.u16()),
            from: self.from.value()?.0,
            to: to.get_ref().iter().map(|address| address.get_ref().0.clone()).collect(),
        })
    }
}
