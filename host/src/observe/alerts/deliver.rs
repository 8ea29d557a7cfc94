//! One attempt to deliver one message, by whichever way its channel has; and when the next one is made.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue};
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;

use super::Settings;
use super::mail;
use super::message::Message;
use super::shape::{Shaped, shape};
use crate::ledger::TryResult;
use crate::model::alert::channel::{Channel, Roots, Target};
use crate::observe::outgoing::{Post, Way, send};

/// How long a message is tried for.
const GIVE_UP: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// How long to wait after each attempt, in seconds; from the last on, always as long as that.
const WAITS: [u64; 7] = [5, 15, 60, 300, 900, 1800, 3600];

/// Sends a message to a channel. An error is told with its causes.
pub(super) async fn deliver(channel: &Channel, settings: &Settings, message: &Message) -> Result<(), String> {
    let with = |own: &Option<Roots>| -> Vec<Roots> { settings.roots.iter().chain(own).cloned().collect() };
    match &channel.target {
        Target::Mail(target) => mail::send(target, &with(&target.roots), message).await.map_err(|error| chain(&error)),
        Target::Hook(hook) => {
            let post = post(shape(hook, message), message).map_err(|error| chain(&error))?;
            let way = Way::new(with(&hook.roots), settings.proxy.clone());
            send(&post, &way).await.map(drop).map_err(|error| chain(&error))
        }
    }
}

fn post(shaped: Shaped, message: &Message) -> Result<Post, http::Error> {
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("idempotency-key"), HeaderValue::try_from(&message.key)?);
    if let Some(authorization) = shaped.authorization {
        let mut value = HeaderValue::try_from(authorization)?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let (content_type, body) = ("application/json", Bytes::from(shaped.body));
    Ok(Post { url: shaped.url, content_type, headers, body, most_answer: 0 })
}

/// What follows upon an attempt, the `tries`th before this one.
pub(super) fn after(result: Result<(), String>, tries: u32, made_at: Timestamp, now: Timestamp) -> TryResult {
    let Err(error) = result else { return TryResult::Delivered { at: now } };
    let wait = WAITS.get(tries as usize).or(WAITS.last()).copied().unwrap_or(3600);
    let next = now.saturating_add(Duration::from_secs(wait)).unwrap_or(Timestamp::MAX);
    let end = made_at.saturating_add(GIVE_UP).unwrap_or(Timestamp::MAX);
    if next > end { TryResult::GivenUp { error } } else { TryResult::Failed { error, next } }
}

/// An error and its causes in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |error| error.source()).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_tried_less_and_less_often_and_not_for_ever() {
        let made_at = Timestamp::UNIX_EPOCH;
        let (mut now, mut tries) = (made_at, 0);
        let mut waits = Vec::new();
        let end = loop {
            match after(Err("refused".to_owned()), tries, made_at, now) {
                TryResult::Failed { next, .. } => {
                    waits.push(next.duration_since(now).as_secs());
                    (now, tries) = (next, tries + 1);
                }
                end => break end,
            }
        };
        assert_eq!(end, TryResult::GivenUp { error: "refused".to_owned() });
        assert_eq!(waits[..8], [5, 15, 60, 300, 900, 1800, 3600, 3600]);
        assert!(waits.len() < 90 && now.duration_since(made_at).as_hours() >= 70, "{} {now}", waits.len());
        assert_eq!(after(Ok(()), 7, made_at, now), TryResult::Delivered { at: now });
    }
}
