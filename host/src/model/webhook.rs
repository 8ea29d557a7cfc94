//! Webhooks: requests by which somebody who knows a secret starts a run of a task.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::model::grants::Secret;

/// How a task is started from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where requests come in.
    pub path: HookPath,
    /// The secrets that a request may be signed with: more than one while they are being changed.
    pub secrets: Vec<Secret>,
    /// How requests are signed.
    pub scheme: Scheme,
    /// How far the time that a request was signed at may be from now. Only for schemes that sign a time.
    pub tolerance: Duration,
}

/// How requests are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// `Sandclock-Signature: t=<unix seconds>,v1=<hex>`, over the time, a full stop and the body.
    #[default]
    Generic,
    /// `X-Hub-Signature-256: sha256=<hex>`, over the body.
    GitHub,
}

impl Scheme {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Generic => "generic",
            Scheme::GitHub => "github",
        }
    }
}

/// Where a webhook's requests come in: a path that begins with [`HookPath::PREFIX`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HookPath(Arc<str>);

/// A text is no path of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a path below /hooks/ of at most {} characters: a-z, 0-9, `-`, `_`, `.` and `/`, without empty parts, such as \"/hooks/deploy\"",
    HookPath::LONGEST
)]
pub struct HookPathError;

impl HookPath {
    /// How each of them begins.
    pub const PREFIX: &'static str = "/hooks/";

    /// The longest, in bytes.
    pub const LONGEST: usize = 128;

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HookPath {
    type Err = HookPathError;

    fn from_str(text: &str) -> Result<Self, HookPathError> {
        let plain = |part: &str| {
            let known = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !part.is_empty() && part.chars().all(known) && part.chars().any(|c| c != '.')
        };
        match text.strip_prefix(Self::PREFIX) {
            Some(rest) if text.len() <= Self::LONGEST && rest.split('/').all(plain) => Ok(Self(text.into())),
            _ => Err(HookPathError),
        }
    }
}

impl fmt::Display for HookPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_that_nobody_writes_in_two_ways() {
        for path in ["/hooks/deploy", "/hooks/a/b.c", "/hooks/A_-1", "/hooks/.well"] {
            assert_eq!(path.parse::<HookPath>().unwrap().as_str(), path);
        }
        let long = format!("/hooks/{}", "x".repeat(130));
        for path in ["", "/", "/hooks", "/hooks/", "/hook/x", "hooks/x", "/hooks//x", "/hooks/x/", "/hooks/../x", &long]
        {
            assert_eq!(path.parse::<HookPath>(), Err(HookPathError), "{path}");
        }
        for path in ["/hooks/a b", "/hooks/%41", "/hooks/é", "/hooks/a?b", "/hooks/{x}", "/hooks/a#b"] {
            assert_eq!(path.parse::<HookPath>(), Err(HookPathError), "{path}");
        }
    }
}
