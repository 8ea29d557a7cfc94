//! Whether a request of a webhook was made by somebody who knows its secret. Pure; compares in constant time.

use std::time::Duration;

use axum::http::HeaderMap;
use jiff::Timestamp;
use ring::hmac;

use crate::model::grants::Secret;
use crate::model::webhook::Scheme;

/// GitHub's header for the signature.
const GITHUB: &str = "x-hub-signature-256";
/// GitHub's header for the number of a delivery, the same when one is repeated.
const GITHUB_DELIVERY: &str = "x-github-delivery";
/// Our header: the time and signatures.
pub(super) const GENERIC: &str = "sandclock-signature";
/// The longest number of a delivery.
const LONGEST_DELIVERY: usize = 128;
/// How many signatures one request may bring, as a sender does that changes its secret.
const MOST_SIGNATURES: usize = 4;

/// How a webhook's requests are signed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) scheme: Scheme,
    pub(super) secrets: &'a [Secret],
    pub(super) tolerance: Duration,
    /// How many secrets are tried, at the least: no answer's time shall tell how many there are.
    pub(super) rounds: usize,
}

/// What tells a request from others: one with the same has been here before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity(pub(super) String);

/// Why a request is refused. For the host's log alone: whoever sent it is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Mistrust {
    #[error("it has no signature of the form that the webhook's scheme has")]
    Unsigned,
    #[error("its signature was not made with the webhook's secret")]
    Wrong,
    #[error("it was signed too long ago, or its sender's clock is wrong")]
    Stale,
    #[error("it has no X-GitHub-Delivery, by which a repetition would be known")]
    Unnumbered,
}

/// Checks a request. Takes the same time whatever is wrong with it, but for the length of the body.
pub(super) fn check(rules: Rules<'_>, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Identity, Mistrust> {
    match rules.scheme {
        Scheme::GitHub => github(rules, headers, body),
        Scheme::Generic => generic(rules, headers, body, now),
    }
}

fn github(rules: Rules<'_>, headers: &HeaderMap, body: &[u8]) -> Result<Identity, Mistrust> {
    let signature = text(headers, GITHUB).and_then(|value| value.strip_prefix("sha256=")).and_then(hex);
    verify(rules, &[body], signature.as_slice())?;
    let delivery = text(headers, GITHUB_DELIVERY);
    match delivery.filter(|number| (1..=LONGEST_DELIVERY).contains(&number.len())) {
        Some(number) => Ok(Identity(number.to_owned())),
        None => Err(Mistrust::Unnumbered),
    }
}

fn generic(rules: Rules<'_>, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Identity, Mistrust> {
    let parts = || text(headers, GENERIC).unwrap_or_default().split(',').filter_map(|part| part.trim().split_once('='));
    let time = parts().find_map(|(name, value)| (name == "t").then_some(value)).unwrap_or_default();
    let signatures: Vec<Tag> =
        parts().filter(|(name, _)| *name == "v1").take(MOST_SIGNATURES).filter_map(|(_, value)| hex(value)).collect();
    verify(rules, &[time.as_bytes(), b".", body], &signatures)?;
    // The text is what was signed; only now is it worth being read.
    let signed =
        time.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok()).ok_or(Mistrust::Unsigned)?;
    if now.duration_since(signed).unsigned_abs() > rules.tolerance {
        return Err(Mistrust::Stale);
    }
    // Not the signature that was brought, of which there may be several for the same: what was signed.
    let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
    hash.update(time.as_bytes());
    hash.update(b".");
    hash.update(body);
    Ok(Identity(hash.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// An HMAC-SHA256.
type Tag = [u8; 32];

/// Whether one of the signatures was made with one of the secrets. All are tried, whatever is found.
fn verify(rules: Rules<'_>, signed: &[&[u8]], brought: &[Tag]) -> Result<(), Mistrust> {
    const DECOY: &[u8] = b"nobody signs with this";
    let nothing = [[0; 32]];
    let mut right = false;
    for round in 0..rules.rounds.max(rules.secrets.len()) {
        let secret = rules.secrets.get(round).map(|secret| secret.reveal().as_bytes());
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.unwrap_or(DECOY));
        let mut context = hmac::Context::with_key(&key);
        signed.iter().for_each(|part| context.update(part));
        let made = context.sign();
        for tag in if brought.is_empty() { &nothing[..] } else { brought } {
            let same = bool::from(subtle::ConstantTimeEq::ct_eq(made.as_ref(), &tag[..]));
            right |= same && secret.is_some();
        }
    }
    match (right, brought) {
        (true, _) => Ok(()),
        (false, []) => Err(Mistrust::Unsigned),
        (false, _) => Err(Mistrust::Wrong),
    }
}

/// A header that is there once.
fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

fn hex(text: &str) -> Option<Tag> {
    let mut tag = [0; 32];
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in tag.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |c: u8| char::from(c).to_digit(16);
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some(tag)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn check(
        scheme: Scheme,
        secrets: &[&str],
        lines: &[(&'static str, &str)],
        body: &[u8],
    ) -> Result<Identity, Mistrust> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let secrets: Vec<Secret> = secrets.iter().map(|text| Secret::new((*text).to_owned())).collect();
        let tolerance = Duration::from_secs(300);
        let now = Timestamp::from_second(NOW).unwrap();
        super::check(Rules { scheme, secrets: &secrets, tolerance, rounds: 3 }, &headers, body, now)
    }

    /// As a sender would sign.
    fn sign(secret: &str, text: &[u8]) -> String {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), text);
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// From "Validating webhook deliveries" in GitHub's documentation.
    const SECRET: &str = "It's a Secret to Everybody";
    const HELLO: &[u8] = b"Hello, World!";
    const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn what_github_signs_is_believed() {
        let sent = [(GITHUB, SIGNATURE), (GITHUB_DELIVERY, "72d3162e-cc78-11e3-81ab-4c9367dc0958")];
        let number = Identity("72d3162e-cc78-11e3-81ab-4c9367dc0958".to_owned());
        assert_eq!(check(Scheme::GitHub, &[SECRET], &sent, HELLO), Ok(number.clone()));
        assert_eq!(check(Scheme::GitHub, &["new", SECRET], &sent, HELLO), Ok(number), "while it is changed");
        assert_eq!(check(Scheme::GitHub, &["other"], &sent, HELLO), Err(Mistrust::Wrong));
        assert_eq!(check(Scheme::GitHub, &[], &sent, HELLO), Err(Mistrust::Wrong), "no secret, nobody");
        assert_eq!(check(Scheme::GitHub, &[SECRET], &sent, b"Hello, World?"), Err(Mistrust::Wrong));
        assert_eq!(check(Scheme::GitHub, &[SECRET], &sent[..1], HELLO), Err(Mistrust::Unnumbered));
        assert_eq!(check(Scheme::GitHub, &[SECRET], &sent[1..], HELLO), Err(Mistrust::Unsigned));
    }

    #[test]
    fn what_has_not_the_form_of_a_signature_is_none() {
        let digits = &SIGNATURE["sha256=".len()..];
        let long = format!("sha256={digits}00");
        for value in ["", "sha256=", "sha1=00", digits, &SIGNATURE[..70], &long, &SIGNATURE.replace('7', "g")] {
            let sent = [(GITHUB, value), (GITHUB_DELIVERY, "1")];
            assert_eq!(check(Scheme::GitHub, &[SECRET], &sent, HELLO), Err(Mistrust::Unsigned), "{value}");
        }
        let twice = [(GITHUB, SIGNATURE), (GITHUB, SIGNATURE), (GITHUB_DELIVERY, "1")];
        assert_eq!(check(Scheme::GitHub, &[SECRET], &twice, HELLO), Err(Mistrust::Unsigned));
        let capitals = SIGNATURE.to_uppercase().replace("SHA256", "sha256");
        assert!(check(Scheme::GitHub, &[SECRET], &[(GITHUB, &capitals), (GITHUB_DELIVERY, "1")], HELLO).is_ok());
    }

    #[test]
    fn the_generic_form_signs_a_time_that_has_to_be_near() {
        let sent_at = |seconds: i64, secrets: &[&str]| {
            let signed = format!("t={seconds},v1={}", sign("secret", format!("{seconds}.body").as_bytes()));
            check(Scheme::Generic, secrets, &[(GENERIC, &signed)], b"body")
        };
        assert!(sent_at(NOW, &["secret"]).is_ok());
        assert!(sent_at(NOW - 300, &["other", "secret"]).is_ok());
        assert!(sent_at(NOW + 300, &["secret"]).is_ok());
        assert_eq!(sent_at(NOW - 301, &["secret"]), Err(Mistrust::Stale));
        assert_eq!(sent_at(NOW + 301, &["secret"]), Err(Mistrust::Stale));
        assert_eq!(sent_at(i64::MIN, &["secret"]), Err(Mistrust::Unsigned));
        assert_eq!(sent_at(NOW, &["other"]), Err(Mistrust::Wrong));
        assert_eq!(sent_at(NOW - 301, &["other"]), Err(Mistrust::Wrong), "a wrong one is not told that it is late");
        assert_ne!(sent_at(NOW, &["secret"]), sent_at(NOW + 1, &["secret"]));
    }

    #[test]
    fn a_request_may_be_signed_more_than_once_and_is_the_same_one() {
        let (old, new) = (sign("old", b"1700000000.x"), sign("new", b"1700000000.x"));
        let check = |value: &str| check(Scheme::Generic, &["new"], &[(GENERIC, value)], b"x");
        let one = check(&format!("t={NOW},v1={new}"));
        assert!(one.is_ok());
        assert_eq!(check(&format!("t={NOW}, v1={old}, v1={new}, v2=zz")), one);
        assert_eq!(check(&format!("v1={new},t={NOW}")), one);
        assert_eq!(check(&format!("t={NOW},v1={old}")), Err(Mistrust::Wrong));
        assert_eq!(check(&format!("t={NOW}")), Err(Mistrust::Unsigned));
        assert_eq!(check(&format!("v1={new}")), Err(Mistrust::Wrong));
        // The time that was signed is the one that counts: the first that is said, for the check as for the signature.
        assert_eq!(check(&format!("t=1,t={NOW},v1={new}")), Err(Mistrust::Wrong));
        assert_eq!(check(&format!("t={NOW}.,v1={new}")), Err(Mistrust::Wrong));
    }

    #[test]
    fn a_body_cannot_be_moved_into_the_time() {
        let tag = sign("secret", b"1700000000.5.body");
        let value = format!("t={NOW}.5,v1={tag}");
        assert_eq!(check_generic(&value, b"body"), Err(Mistrust::Unsigned));
        fn check_generic(value: &str, body: &[u8]) -> Result<Identity, Mistrust> {
            check(Scheme::Generic, &["secret"], &[(GENERIC, value)], body)
        }
        assert!(check_generic(&format!("t={NOW},v1={tag}"), b"5.body").is_ok());
    }
}
