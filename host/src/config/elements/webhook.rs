//! `webhook`: how a task is started from outside.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::Build;
use super::secrets::{SecretSource, SecretTable};
use crate::config::diagnostic::{Diagnostic, Problems};
use crate::config::read::{Keys, Node, Reader, Value};
use crate::config::shape::Shape;
use crate::config::table::{choice, table};
use crate::config::values::{Listed, Time, text_is_a_value};
use crate::model::id::TaskName;
use crate::model::webhook::{HookPath, Scheme, Webhook};

/// How far a time may be from now unless the file says otherwise.
const TOLERANCE: Duration = Duration::from_secs(300);

/// The farthest: a signature is remembered for as long, so that it is not used twice.
const LONGEST_TOLERANCE: Duration = Duration::from_secs(24 * 3600);

/// How short a secret may be before that is remarked on, in bytes.
const SHORT: usize = 16;

table! {
    /// A request to `path` that is signed with a secret starts a run, and its body is the payload. `docs/webhooks.md`
    /// tells more.
    pub(in crate::config) struct HookTable {
        /// Where requests come in. No two tasks have the same.
        "path" => path: HookPath = required, example "/hooks/deploy";
        /// Where the secret comes from that requests are signed with; a list while it is being changed, each of which does.
        "secret" => secret: HookSecrets = required, example { env = "DEPLOY_SECRET" };
        /// How requests are signed.
        "scheme" => scheme: Scheme = default("generic"), example "github";
        /// How far the time at which a request was signed may be from now. A day at the most.
        "tolerance" => tolerance: Time<1000> = default("5m"), example "1m";
    }
}

choice! {
    Scheme {
        Scheme::Generic => Scheme::Generic.name(), "the header `Sandclock-Signature: t=<unix seconds>,v1=<hex>`: HMAC-SHA256 over the time, a full stop and the body";
        Scheme::GitHub => Scheme::GitHub.name(), "the header `X-Hub-Signature-256: sha256=<hex>`: HMAC-SHA256 over the body; `X-GitHub-Delivery` tells repetitions";
    }
}

text_is_a_value! {
    HookPath: "a path below /hooks/ such as \"/hooks/deploy\"";
}

/// Where the secrets of a webhook come from: one, or a list.
#[derive(Debug, Clone)]
pub(in crate::config) struct HookSecrets(Vec<Spanned<SecretTable>>);

impl Listed for SecretTable {
    const PLURAL: &'static str = "secrets";
}

impl Value for HookSecrets {
    fn shape() -> Shape {
        Shape::Either(vec![Shape::Table(SecretTable::table()), Vec::<Spanned<SecretTable>>::shape()])
    }

    fn read(node: Node<'_>, reader: &mut Reader) -> Option<Self> {
        match node.get_ref() {
            DeValue::Table(_) => Some(Self(vec![Spanned::new(node.span(), SecretTable::read(node, reader)?)])),
            DeValue::Array(items) if items.is_empty() => reader.refuse(node, "expected at least one secret"),
            DeValue::Array(_) => Some(Self(Vec::read(node, reader)?)),
            _ => reader.mismatch::<Self, _>(node),
        }
    }
}

impl HookTable {
    /// The webhook, and where its secrets come from.
    pub(in crate::config) fn build(&self, build: &mut Build<'_>) -> Option<(Webhook, Vec<SecretSource>)> {
        let scheme = self.scheme.value().unwrap_or_default();
        if let Some(tolerance) = self.tolerance.written() {
            let problem = match scheme {
                Scheme::Generic if tolerance.get_ref().0 > LONGEST_TOLERANCE => Some(
                    Diagnostic::error("signatures would be believed for too long")
                        .at(tolerance.span(), "expected \"24h\" at the most"),
                ),
                Scheme::Generic => None,
                Scheme::GitHub => Some(
                    Diagnostic::warning("`tolerance` says nothing here")
                        .at(tolerance.span(), "GitHub's signatures have no time in them"),
                ),
            };
            problem.into_iter().for_each(|problem| build.problems.note(problem));
        }
        let (mut secrets, mut sources) = (Vec::new(), Vec::new());
        for table in self.secret.written().into_iter().flat_map(|secrets| &secrets.get_ref().0) {
            let Some((source, secret)) = table.get_ref().build(table.span(), build) else { continue };
            if secret.reveal().len() < SHORT {
                let problem = Diagnostic::warning("this secret can be guessed at")
                    .at(table.span(), format!("has less than {SHORT} characters"))
                    .help("make one with `openssl rand -hex 32`");
                build.problems.note(problem);
            }
            secrets.push(secret);
            sources.push(source);
        }
        let tolerance = self.tolerance.value().map_or(TOLERANCE, |time| time.0);
        Some((Webhook { path: self.path.value()?, secrets, scheme, tolerance }, sources))
    }
}

/// Notes every path that stands with two tasks.
pub(in crate::config) fn check_paths<'t>(
    tasks: impl Iterator<Item = (&'t TaskName, &'t HookTable)>,
    problems: &mut Problems,
) {
    let mut seen: BTreeMap<HookPath, (&TaskName, std::ops::Range<usize>)> = BTreeMap::new();
    for (task, hook) in tasks {
        let Some(path) = hook.path.written() else { continue };
        match seen.get(path.get_ref()) {
            Some((other, place)) => problems.note(
                Diagnostic::error(format!("the tasks `{other}` and `{task}` have the same webhook"))
                    .at(path.span(), "expected a path of its own")
                    .and_at(place.clone(), "the other one"),
            ),
            None => _ = seen.insert(path.get_ref().clone(), (task, path.span())),
        }
    }
}
