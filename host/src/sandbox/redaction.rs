//! Keeps the secrets of a task out of what the host stores of its attempts.
//!
//! It finds secrets as they were granted, and as the host itself writes them in its own lines. One that the guest encodes,
//! splits over lines or computes with is not found.

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

    /// How many bytes at the end of an unfinished text may be the beginning of a secret.
    pub(crate) fn overlap(&self) -> usize {
        self.secrets.first().map_or(0, |longest| longest.reveal().len() - 1)
    }
}

/// A secret as it was granted, and as the host's own lines have it: in the path of a URL, in the name of a host, and in
/// quotes.
fn forms(secret: &str) -> [String; 4] {
    let quoted = format!("{secret:?}");
    [secret.to_owned(), in_path(secret), secret.to_ascii_lowercase(), quoted[1..quoted.len() - 1].to_owned()]
}

/// A text in the path of a URL, as the URL standard writes it.
fn in_path(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut path, byte| {
        match byte {
            b'\\' => path.push('/'),
            b' ' | b'"' | b'#' | b'<' | b'>' | b'?' | b'`' | b'{' | b'}' | ..=0x1f | 0x7f.. => {
                path.push_str(&format!("%{byte:02X}"));
            }
            _ => path.push(char::from(byte)),
        }
        path
    })
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
