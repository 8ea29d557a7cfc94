//! Keeps the secrets of a task out of what the host stores of its attempts.
//!
//! It finds secrets as they were granted, and as the host itself writes them in its own lines. One that the guest encodes,
//! splits over lines or computes with is not found. Of one with a `#` that stands in a URL, the library drops the rest
//! before the host sees it.

use crate::model::grants::{Grants, Secret};

/// What stands in place of a secret.
const MASK: &str = "***";

/// The secrets of one task, to be taken out of text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Redaction {
    /// Longest first, so that a secret that holds another one disappears whole.
    secrets: Vec<Secret>,
}

impl Redaction {
    /// Redacts the secrets among these grants. Each line of a secret counts by itself: logs are kept a line at a time.
    pub(crate) fn of(grants: &Grants) -> Self {
        let own = grants.secrets.iter().map(|(_, secret)| secret);
        // A server may send back what it was sent.
        let bound = grants.http.iter().flat_map(|grant| grant.headers()).flat_map(|header| header.secrets());
        let lines = own.chain(bound).flat_map(|secret| secret.reveal().lines());
        let mut forms: Vec<String> = lines.filter(|line| !line.trim().is_empty()).flat_map(forms).collect();
        forms.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        Self { secrets: forms.into_iter().map(Secret::new).collect() }
    }

    /// The text without the secrets.
    pub(crate) fn apply(&self, mut text: String) -> String {
        for secret in &self.secrets {
            if text.contains(secret.reveal()) {
                text = text.replace(secret.reveal(), MASK);
            }
        }
        text
    }

    /// A text that ends where the query of a URL begins, without its secrets. One may lead into the query.
    pub(crate) fn apply_before(&self, text: String, query: Option<&str>) -> String {
        let leads_into_the_query = |secret: &Secret| {
            let (before, within) = secret.reveal().split_once('?')?;
            let clean = text.strip_suffix(before)?;
            query?.starts_with(within).then(|| format!("{clean}{MASK}"))
        };
        let masked = self.secrets.iter().find_map(leads_into_the_query);
        self.apply(masked.unwrap_or(text))
    }

    /// How many bytes at the end of a text are the beginning of a secret, and not all of it.
    pub(crate) fn begun(&self, text: &str) -> usize {
        let begun = |secret: &Secret| {
            let secret = secret.reveal();
            (1..secret.len().min(text.len() + 1))
                .rev()
                .find(|length| text.as_bytes().ends_with(&secret.as_bytes()[..*length]))
        };
        self.secrets.iter().filter_map(begun).max().unwrap_or(0)
    }

    /// How many bytes at the end of an unfinished text may be the beginning of a secret.
    pub(crate) fn overlap(&self) -> usize {
        self.secrets.first().map_or(0, |longest| longest.reveal().len() - 1)
    }
}

/// A secret as it was granted, and as the host's own lines have it: in the path of a URL, in the name of a host or as one,
/// and in quotes.
fn forms(secret: &str) -> Vec<String> {
    let quoted = format!("{secret:?}");
    let quoted = quoted[1..quoted.len() - 1].to_owned();
    let mut forms = vec![secret.to_owned(), in_url(secret), secret.to_ascii_lowercase(), quoted];
    // Other letters than those of ASCII become punycode. It is found if the secret is a whole part of the name, or several.
    if !secret.is_ascii() {
        forms.extend(url::Host::parse(secret).map(|host| host.to_string()));
    }
    forms
}

/// A text in the path of a URL and, from its first `?` on, in the query, as the URL standard writes it.
fn in_url(text: &str) -> String {
    let mut url = String::with_capacity(text.len());
    let mut in_query = false;
    for byte in text.bytes() {
        match byte {
            b'?' => in_query = true,
            b'\\' if !in_query => {
                url.push('/');
                continue;
            }
            _ => {}
        }
        let escaped = match byte {
            b' ' | b'"' | b'#' | b'<' | b'>' | ..=0x1f | 0x7f.. => true,
            b'`' | b'{' | b'}' => !in_query,
            b'\'' => in_query,
            _ => false,
        };
        match escaped {
            true => url.push_str(&format!("%{byte:02X}")),
            false => url.push(char::from(byte)),
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::grants::{BoundHeader, HttpGrant};

    #[test]
    fn secrets_disappear_whole() {
        let check = |secrets: &[&str], text: &str, expected: &str| {
            let secrets = secrets.iter().map(|s| ("NAME".to_owned(), Secret::new((*s).to_owned()))).collect();
            let redaction = Redaction::of(&Grants { secrets, ..Grants::default() });
            assert_eq!(redaction.apply(text.to_owned()), expected);
        };
        check(&[], "nothing", "nothing");
        check(&["hunter2"], "password=hunter2&again=hunter2", "password=***&again=***");
        check(&["abc", "abcdef"], "abcdef abc", "*** ***");
        check(&["-----BEGIN\nline one\nline two\n"], "line two", "***");
        check(&["", " "], "a b", "a b");
    }

    #[test]
    fn what_the_host_itself_encodes_is_found() {
        let secret = "Tö{ken}\"<`>\\x";
        let secrets = vec![("NAME".to_owned(), Secret::new(secret.to_owned()))];
        let redaction = Redaction::of(&Grants { secrets, ..Grants::default() });
        let url = |text: &str| url::Url::parse(text).unwrap().to_string();
        for (text, expected) in [
            (url(&format!("http://a/x{secret}/y")), "http://a/x***/y"),
            (format!("{:?} was not opened", format!("x{secret}")), "\"x***\" was not opened"),
        ] {
            assert_eq!(redaction.apply(text), expected);
        }
        let secrets = vec![("NAME".to_owned(), Secret::new("T0keN".to_owned()))];
        let redaction = Redaction::of(&Grants { secrets, ..Grants::default() });
        assert_eq!(redaction.apply(url("http://T0keN.example.com/")), "http://***.example.com/");
        let secrets = vec![("NAME".to_owned(), Secret::new("T\u{f6}k\u{e9}n".to_owned()))];
        let redaction = Redaction::of(&Grants { secrets, ..Grants::default() });
        assert_eq!(redaction.apply(url("http://T\u{f6}k\u{e9}n.example.com/")), "http://***.example.com/");
    }

    #[test]
    fn secrets_in_headers_are_found_by_themselves() {
        let token = Secret::new("hunter2".to_owned());
        let header = BoundHeader::new("X-Key".parse().unwrap(), "Bearer ${secret:TOKEN}", |_| Some(&token)).unwrap();
        let grant: HttpGrant = "https://example.com".parse().unwrap();
        let redaction = Redaction::of(&Grants { http: vec![grant.with_headers(vec![header])], ..Grants::default() });
        assert_eq!(redaction.apply("Bearer and hunter2".to_owned()), "Bearer and ***");
    }
}
