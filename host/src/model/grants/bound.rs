//! Headers that the host adds to granted requests, with secrets in them that the guest never has.

use std::fmt;

use http::{HeaderName, HeaderValue};

use super::Secret;

/// A header that the host adds to the requests of a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundHeader {
    name: HeaderName,
    value: HeaderValue,
    /// What stands in the configuration.
    template: String,
    /// The secrets in the value.
    secrets: Vec<Secret>,
}

/// A text is not the value of a header with secrets in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoundHeaderError {
    /// `${` begins something else than a secret's name.
    #[error("expected `${{secret:NAME}}` where `${{` stands")]
    Form,
    /// There is no such secret.
    #[error("there is no secret `{0}`")]
    Unknown(String),
    /// A header cannot have what would have to be in it.
    #[error("the value would have a character in it that no header can have, such as the end of a line")]
    Value,
    /// The header says how a message is sent, which is not for a configuration to say.
    #[error("the host itself writes this header")]
    Reserved,
}

/// Headers that belong to the connection or to how a message is framed (RFC 9110, 7.6.1, and RFC 9112, 6).
const RESERVED: [HeaderName; 9] = [
    http::header::CONNECTION,
    http::header::CONTENT_LENGTH,
    http::header::EXPECT,
    http::header::HOST,
    http::header::PROXY_AUTHORIZATION,
    http::header::TE,
    http::header::TRAILER,
    http::header::TRANSFER_ENCODING,
    http::header::UPGRADE,
];

impl BoundHeader {
    /// Makes a header of a text in which `${secret:NAME}` stands for a secret.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the text, and never holds any of a secret.
    pub fn new<'s>(
        name: HeaderName,
        template: &str,
        secret: impl Fn(&str) -> Option<&'s Secret>,
    ) -> Result<Self, BoundHeaderError> {
        if RESERVED.contains(&name) {
            return Err(BoundHeaderError::Reserved);
        }
        let (mut value, mut secrets, mut rest) = (String::new(), Vec::new(), template);
        while let Some((before, after)) = rest.split_once("${") {
            let (inner, after) = after.split_once('}').ok_or(BoundHeaderError::Form)?;
            let wanted = inner.strip_prefix("secret:").ok_or(BoundHeaderError::Form)?;
            let secret = secret(wanted).ok_or_else(|| BoundHeaderError::Unknown(wanted.to_owned()))?;
            value.push_str(before);
            value.push_str(secret.reveal());
            secrets.push(secret.clone());
            rest = after;
        }
        value.push_str(rest);
        let mut value = HeaderValue::from_str(&value).map_err(|_| BoundHeaderError::Value)?;
        // Its `Debug` shows nothing of it.
        value.set_sensitive(true);
        Ok(Self { name, value, template: template.to_owned(), secrets })
    }

    /// The header's name.
    pub fn name(&self) -> &HeaderName {
        &self.name
    }

    /// The header's value, for the server alone.
    pub fn value(&self) -> &HeaderValue {
        &self.value
    }

    /// The secrets in it, for redaction.
    pub fn secrets(&self) -> &[Secret] {
        &self.secrets
    }
}

impl fmt::Display for BoundHeader {
    /// The value as it stands in the configuration, without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_take_their_places_and_are_not_shown() {
        let token = Secret::new("t0p".to_owned());
        let secret = |name: &str| (name == "TOKEN").then_some(&token);
        let check = |name: &str, template: &str, expected: Result<&str, BoundHeaderError>| {
            let header = BoundHeader::new(name.parse().unwrap(), template, secret);
            assert!(!format!("{header:?}").contains("t0p"), "{header:?}");
            assert_eq!(
                header.as_ref().map(|header| header.value().to_str().unwrap()),
                expected.as_ref().copied(),
                "{template}"
            );
        };
        check("Authorization", "Bearer ${secret:TOKEN}", Ok("Bearer t0p"));
        check("x-key", "${secret:TOKEN}.${secret:TOKEN}", Ok("t0p.t0p"));
        check("x-client", "sandclock", Ok("sandclock"));
        check("x-price", "5$ {a}", Ok("5$ {a}"));
        check("x-key", "${secret:OTHER}", Err(BoundHeaderError::Unknown("OTHER".to_owned())));
        check("x-key", "${TOKEN}", Err(BoundHeaderError::Form));
        check("x-key", "${secret:TOKEN", Err(BoundHeaderError::Form));
        check("x-key", "a\nb", Err(BoundHeaderError::Value));
        check("Host", "a", Err(BoundHeaderError::Reserved));
    }
}
