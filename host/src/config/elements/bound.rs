//! `header`: headers with secrets in them, which the host adds to requests.

use std::str::FromStr;

use http::HeaderName;

use super::Build;
use crate::config::diagnostic::Diagnostic;
use crate::config::values::{Name, Named};
use crate::model::grants::{BoundHeader, BoundHeaderError};

/// The name of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct HeaderText(HeaderName);

impl FromStr for HeaderText {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "expected letters, digits and `-`, such as Authorization")
    }
}

impl Name for HeaderText {
    const WHAT: &'static str = "the name of a header";
}

/// The headers with their secrets, as far as nothing is wrong with them. `whose` completes "a header of …".
pub(super) fn bound_headers(named: &Named<HeaderText, String>, whose: &str, build: &mut Build<'_>) -> Vec<BoundHeader> {
    let mut headers = Vec::new();
    for (name, template) in &named.0 {
        let secrets = &build.secrets;
        let made = BoundHeader::new(name.get_ref().0.clone(), template.get_ref(), |name| secrets.get(name));
        let (span, error) = match made {
            Ok(header) => {
                headers.push(header);
                continue;
            }
            Err(BoundHeaderError::Reserved) => (name.span(), BoundHeaderError::Reserved),
            Err(BoundHeaderError::Unknown(name)) if build.secrets.is_unreadable(&name) => continue,
            Err(error) => (template.span(), error),
        };
        let problem = Diagnostic::error(format!("`{}` cannot be a header of {whose}", name.get_ref().0))
            .at(span, error.to_string());
        build.problems.note(match error {
            BoundHeaderError::Unknown(name) => problem
                .did_you_mean(&name, build.secrets.names())
                .help(format!("write it under [secrets], as {name} = {{ env = \"VARIABLE\" }}")),
            _ => problem,
        });
    }
    headers
}
