//! `smtp` of an alert.

use std::str::FromStr;

use toml::Spanned;

use super::Written;
use crate::config::diagnostic::{Diagnostic, Span};
use crate::config::elements::Build;
use crate::config::elements::roots::TlsRootsFile;
use crate::config::elements::secrets::SecretTable;
use crate::config::elements::words::PathText;
use crate::config::read::Field;
use crate::config::table::{choice, table};
use crate::config::values::{Listed, Whole, text_is_a_value};
use crate::model::alert::channel::{Mail, Security};

table! {
    /// An alert by mail.
    pub(in crate::config) struct SmtpTable {
        /// The mail server.
        "host" => host: HostName = required, example "smtp.example.com";
        /// Its port.
        "port" => port: Whole<1, 65_535> = absent("587 with `starttls`, 465 with `tls`, otherwise 25"), example 2525;
        /// How the connection is encrypted.
        "security" => security: Security = default("starttls"), example "tls";
        /// As whom to log in.
        "user" => user: String = absent("without logging in"), example "sandclock";
        /// The password for that.
        "password" => password: SecretTable = absent("without logging in"), example { env = "SMTP_PASSWORD" };
        /// The sender's address.
        "from" => from: MailAddress = required, example "sandclock@example.com";
        /// The receivers' addresses.
        "to" => to: Vec<Spanned<MailAddress>> = required, example ["ops@example.com"];
        /// A file of root certificates in PEM that are trusted beside the system's and those of `host.tls-roots`.
        "tls-roots" => tls_roots: PathText = absent("no others"), example "/etc/sandclock/mail.pem";
    }
}

choice! {
    Security {
        Security::Tls => Security::Tls.name(), "from the first byte";
        Security::StartTls => Security::StartTls.name(), "by STARTTLS; where the server does not offer it, nothing is sent";
        Security::Opportunistic => Security::Opportunistic.name(), "by STARTTLS if the server offers it, otherwise not at all";
        Security::None => Security::None.name(), "not at all";
    }
}

text_is_a_value! {
    HostName: "a host's name or address";
    MailAddress: "a mail address";
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
            Some((local, domain)) if plain(local) && plain(domain) && text.parse::<lettre::Address>().is_ok() => {
                Ok(Self(text.to_owned()))
            }
            _ => Err("expected one address alone, such as ops@example.com"),
        }
    }
}

impl SmtpTable {
    pub(super) fn build(&self, span: Span, build: &mut Build<'_>) -> Option<(Mail, Written)> {
        let to = self.to.written()?;
        if to.get_ref().is_empty() {
            let problem = Diagnostic::error("a mail needs a receiver").at(to.span(), "expected at least one address");
            build.problems.note(problem);
        }
        let security = match &self.security {
            Field::Unreadable => return None,
            written => written.value().unwrap_or(Security::StartTls),
        };
        let mut written = Written::default();
        let login = match (&self.user, &self.password) {
            (Field::Absent, Field::Absent) => None,
            (Field::Written(user), Field::Written(password)) => {
                if matches!(security, Security::None | Security::Opportunistic) {
                    build.problems.note(
                        Diagnostic::error("a password would be sent in the clear")
                            .at(password.span(), "expected `security` to be \"starttls\" or \"tls\" with it"),
                    );
                    return None;
                }
                let (source, secret) = password.get_ref().build(password.span(), build)?;
                written.secret = Some(source);
                Some((user.get_ref().clone(), secret))
            }
            (Field::Unreadable, _) | (_, Field::Unreadable) => return None,
            _ => {
                let problem = Diagnostic::error("`user` and `password` go together")
                    .at(span, "expected both of them, or neither");
                build.problems.note(problem);
                return None;
            }
        };
        let tls_roots = match &self.tls_roots {
            Field::Unreadable => return None,
            Field::Absent => None,
            Field::Written(file) => {
                let file = TlsRootsFile::read(file, build.root, build.problems)?;
                written.tls_roots = Some(file.file);
                Some(file.pem)
            }
        };
        let mail = Mail {
            host: self.host.value()?.0,
            port: match &self.port {
                Field::Unreadable => return None,
                port => port.value().map_or(security.port(), |number| number.u16()),
            },
            security,
            login,
            from: self.from.value()?.0,
            to: to.get_ref().iter().map(|address| address.get_ref().0.clone()).collect(),
            roots: tls_roots,
        };
        Some((mail, written))
    }
}
