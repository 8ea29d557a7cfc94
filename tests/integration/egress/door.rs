//! The ways in which guests send requests, and a guest for each.

use std::fmt::Write as _;
use std::fs;

use sandclock_host::model::payload::Blob;
use sandclock_host::sandbox::AttemptReport;
use serde_json::json;

use crate::project::guest;

/// A way for guests to send requests.
#[derive(Debug, Clone, Copy)]
pub(super) enum Door {
    /// `sandclock:task/http`, as the sample prober uses it.
    Task,
    /// `wasi:http` 0.2, as the guest `asker` uses it.
    Wasi02,
    /// `wasi:http` 0.3, as a guest uses it that is made for each question.
    Wasi03,
}

/// The guest for `wasi:http` 0.3, but for what it asks.
const ASKER_03: &str = include_str!("asker-03.wat");
/// Where in its memory the text lies that it asks for.
const TEXT: usize = 2048;

impl Door {
    /// The guest that reads in its payload what to ask for, if there is one.
    pub(super) fn guest(self) -> Option<Vec<u8>> {
        match self {
            Door::Task => Some(fs::read(guest("prober")).unwrap()),
            Door::Wasi02 => Some(fs::read(guest("asker")).unwrap()),
            Door::Wasi03 => None,
        }
    }

    /// A guest that asks for these, all of one scheme: a URL, or an authority and a path with a space between.
    pub(super) fn guest_for(self, urls: &[String]) -> Vec<u8> {
        let (mut calls, mut text) = (String::new(), String::new());
        let mut at = TEXT;
        let mut secure = false;
        for url in urls {
            let (scheme, rest) = url.split_once("://").unwrap();
            secure = scheme == "https";
            let (authority, path) = rest.split_once(' ').unwrap_or_else(|| rest.split_at(rest.find('/').unwrap()));
            let numbers = [at, authority.len(), at + authority.len(), path.len()];
            let numbers = numbers.map(|number| format!("(i32.const {number})")).join(" ");
            writeln!(calls, "(call $ask {numbers})").unwrap();
            rest.bytes().for_each(|byte| write!(text, "\\{byte:02x}").unwrap());
            at += rest.len();
        }
        let asker = ASKER_03.replace("SCHEME", if secure { "1" } else { "0" });
        asker.replace("CALLS", &calls).replace("TEXT\"", &format!("{text}\"")).into_bytes()
    }

    /// Whether a request has its path apart from its authority, so that there may be a URL in it.
    pub(super) fn has_path_apart(self) -> bool {
        !matches!(self, Door::Task)
    }

    pub(super) fn payload(self, urls: &[String]) -> Option<Blob> {
        match self {
            Door::Task => {
                let targets: Vec<_> = urls.iter().map(|url| json!({ "url": url })).collect();
                let payload = json!({ "targets": targets, "timeout": "5s" }).to_string();
                Some(Blob { content_type: Blob::JSON.to_owned(), bytes: payload.into_bytes() })
            }
            Door::Wasi02 => {
                let payload = format!("8\n{}", urls.join("\n"));
                Some(Blob { content_type: Blob::TEXT.to_owned(), bytes: payload.into_bytes() })
            }
            Door::Wasi03 => None,
        }
    }

    /// How many requests could not be put together, so that there was nothing to send.
    pub(super) fn not_put_together(self, report: &AttemptReport) -> usize {
        match self {
            Door::Task => 0,
            Door::Wasi02 => {
                let told = report.log.iter().find_map(|line| line.message.split_once("not put together "));
                told.and_then(|(_, told)| told.split(',').next()?.parse().ok()).expect("the guest says how many")
            }
            Door::Wasi03 => report.log.iter().filter(|line| line.message == "refused").count(),
        }
    }
}
