//! `webhook` of an alert.

use std::str::FromStr;

use super::Written;
use crate::config::diagnostic::{Diagnostic, Span};
use crate::config::elements::Build;
use crate::config::elements::roots::TlsRootsFile;
use crate::config::elements::secrets::SecretTable;
use crate::config::elements::words::{HttpUrl, PathText};
use crate::config::read::Field;
use crate::config::table::{choice, table};
use crate::config::values::text_is_a_value;
use crate::model::alert::channel::{Hook, Service};
use crate::model::alert::template::{Placeholder, Template};

table! {
    /// An alert by an HTTP request.
    pub(in crate::config) struct WebhookTable {
        /// The address that the request is sent to. For ntfy, that of the topic.
        "url" => url: HttpUrl = absent("that of `url-from`, or of PagerDuty"), example "https://hooks.example.com/T0/B0";
        /// Where the address comes from, if whoever knows it could write there.
        "url-from" => url_from: SecretTable = absent("`url` is given"), example { env = "SLACK_URL" };
        /// The form of the request.
        "format" => format: Format = default("json"), example "slack";
        /// A form of its own for `json`, with placeholders such as `{{title}}`.
        "body" => body: TemplateText = absent("all that is known"), example "{\"text\": \"{{title}}\"}";
        /// Sent as `Authorization: Bearer`. For PagerDuty, the integration's key.
        "token" => token: SecretTable = absent("none"), example { file = "/run/secrets/ntfy" };
        /// A file of root certificates in PEM that are trusted beside the system's and those of `host.tls-roots`.
        "tls-roots" => tls_roots: PathText = absent("no others"), example "/etc/sandclock/hooks.pem";
    }
}

/// The form of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::config) enum Format {
    #[default]
    Json,
    Slack,
    Discord,
    Ntfy,
    PagerDuty,
}

choice! {
    Format {
        Format::Json => "json", "all that is known, as JSON";
        Format::Slack => "slack", "Slack's incoming webhooks, and what is compatible with them";
        Format::Discord => "discord", "Discord's webhooks";
        Format::Ntfy => "ntfy", "ntfy";
        Format::PagerDuty => "pagerduty", "PagerDuty's Events API, version 2; the end of a trouble resolves its incident";
    }
}

/// Where PagerDuty takes events.
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

text_is_a_value! {
    TemplateText: "JSON with placeholders such as {{title}}";
}

/// A form of the user's own.
#[derive(Debug, Clone)]
pub(in crate::config) struct TemplateText(Template);

impl FromStr for TemplateText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let template = Template::parse(text).map_err(|error| error.to_string())?;
        // Numbers may stand without quotes, and nothing else.
        let sample = template.render(|placeholder| match placeholder {
            Placeholder::Count | Placeholder::Notices => "1".to_owned(),
            _ => "text".to_owned(),
        });
        match serde_json::from_str::<serde_json::Value>(&sample) {
            Ok(_) => Ok(Self(template)),
            Err(error) => {
                Err(format!("no JSON comes of it: {error}; placeholders that are no numbers stand between quotes"))
            }
        }
    }
}

impl WebhookTable {
    pub(super) fn build(&self, span: Span, build: &mut Build<'_>) -> Option<(Hook, Written)> {
        let format = match &self.format {
            Field::Unreadable => return None,
            format => format.value().unwrap_or_default(),
        };
        let mut written = Written::default();
        let url = match (&self.url, &self.url_from) {
            (Field::Unreadable, _) | (_, Field::Unreadable) => return None,
            (Field::Written(url), Field::Absent) => url.get_ref().0.clone(),
            (Field::Absent, Field::Written(from)) => {
                let (source, secret) = from.get_ref().build(from.span(), build)?;
                written.url = Some(source);
                match secret.reveal().trim().parse::<HttpUrl>() {
                    Ok(url) => url.0,
                    Err(_) => {
                        let problem = Diagnostic::error("what comes from there is no address")
                            .at(from.span(), "expected a URL that begins with http:// or https://");
                        build.problems.note(problem);
                        return None;
                    }
                }
            }
            (Field::Absent, Field::Absent) if format == Format::PagerDuty => PAGERDUTY.parse().ok()?,
            _ => {
                let problem =
                    Diagnostic::error("a webhook goes to one address").at(span, "expected either `url` or `url-from`");
                build.problems.note(problem);
                return None;
            }
        };
        let token = match &self.token {
            Field::Unreadable => return None,
            Field::Absent => None,
            Field::Written(token) => {
                let (source, secret) = token.get_ref().build(token.span(), build)?;
                written.secret = Some(source);
                Some(secret)
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
        if let (Some(body), true) = (self.body.written(), format != Format::Json) {
            let problem = Diagnostic::error("`body` is for `format = \"json\"` alone")
                .at(body.span(), "the other formats have a body of their own");
            build.problems.note(problem);
        }
        let service = match (format, &self.body) {
            (_, Field::Unreadable) => return None,
            (Format::Json, Field::Written(body)) => Service::Template(body.get_ref().0.clone()),
            (Format::Json, Field::Absent) => Service::Json,
            (Format::Slack, _) => Service::Slack,
            (Format::Discord, _) => Service::Discord,
            (Format::Ntfy, _) if url.path().trim_matches('/').is_empty() => {
                let problem = Diagnostic::error("the address of ntfy has no topic")
                    .at(span, "expected one such as https://ntfy.sh/TOPIC");
                build.problems.note(problem);
                return None;
            }
            (Format::Ntfy, _) => Service::Ntfy,
            (Format::PagerDuty, _) if token.is_none() => {
                let problem =
                    Diagnostic::error("PagerDuty needs the integration's key").at(span, "expected `token` with it");
                build.problems.note(problem);
                return None;
            }
            (Format::PagerDuty, _) => Service::PagerDuty,
        };
        Some((Hook { url, service, token, roots: tls_roots }, written))
    }
}
