//! Tokens as texts: `sclk_`, 256 random bits, and a checksum by which one that was mistyped or cut off is told apart.
//!
//! The prefix and the checksum let scanners for leaked secrets be certain. What is kept is the SHA-256: it cannot be
//! turned back, and since nobody can guess at 256 random bits, it need not be slow as a password's has to be.

use sha2::{Digest, Sha256};

use crate::model::access::TokenDigest;

/// How every token begins.
pub(super) const PREFIX: &str = "sclk_";

/// The letters of the body, five bits each: Crockford's base 32.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// The letters that 256 bits take.
const BODY: usize = 52;
/// The letters of the checksum: a mistake is missed once in a billion times.
const CHECKSUM: usize = 6;

/// A token, just made. It is shown once and kept nowhere.
pub struct Secret(String);

/// The system has no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("get random bytes from the system")]
pub struct NoRandomness(#[source] getrandom::Error);

impl Secret {
    /// A new one.
    ///
    /// # Errors
    ///
    /// If the system has no random numbers.
    pub fn new() -> Result<Self, NoRandomness> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(NoRandomness)?;
        Ok(Self::of(&random))
    }

    fn of(random: &[u8; 32]) -> Self {
        let body = letters(random, BODY);
        let checksum = checksum(&body);
        Self(format!("{PREFIX}{body}{checksum}"))
    }

    /// The text, to be shown to whoever asked for it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// By which it will be known.
    pub fn digest(&self) -> TokenDigest {
        digest(&self.0)
    }
}

/// By which a text is known, if it has the form of a token. The checksum is no secret: only what it vouches for is.
pub(super) fn recognise(text: &str) -> Option<TokenDigest> {
    let (body, sum) = text.strip_prefix(PREFIX)?.split_at_checked(BODY)?;
    (sum == checksum(body)).then(|| digest(text))
}

fn digest(text: &str) -> TokenDigest {
    TokenDigest(Sha256::digest(text).into())
}

fn checksum(body: &str) -> String {
    letters(&Sha256::digest(body), CHECKSUM)
}

/// The first bits of `bytes`, so many letters of them; zeros follow the last.
fn letters(bytes: &[u8], count: usize) -> String {
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    let letter = |index: usize| (0..5).fold(0, |value, at| value << 1 | bit(index * 5 + at));
    (0..count).map(|index| char::from(LETTERS[usize::from(letter(index))])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_recognised_and_one_that_was_mistyped_is_not() {
        let secret = Secret::new().unwrap();
        let text = secret.reveal();
        assert_eq!(text.len(), PREFIX.len() + BODY + CHECKSUM);
        assert_eq!(recognise(text), Some(secret.digest()));
        assert_ne!(Secret::new().unwrap().reveal(), text);
        let swapped = |at: usize| {
            let other = if text.as_bytes()[at] == b'7' { "8" } else { "7" };
            format!("{}{other}{}", &text[..at], &text[at + 1..])
        };
        for at in 0..text.len() {
            assert_eq!(recognise(&swapped(at)), None, "{at}");
        }
        for wrong in ["", "sclk_", &text[1..], &text[..text.len() - 1], &format!("{text}0"), "sclk_é", &"é".repeat(40)]
        {
            assert_eq!(recognise(wrong), None, "{wrong}");
        }
    }

    /// The form is a promise to whoever scans for tokens.
    #[test]
    fn the_form_stays() {
        let secret = Secret::of(&std::array::from_fn(|index| index as u8 * 8));
        let expected = "sclk_0041061050r3gg28a1c60t3gf208h44rm2mb1e60s38dhr78y3w01jrvjr";
        assert_eq!(secret.reveal(), expected);
    }

    #[test]
    fn every_bit_counts() {
        let all = Secret::of(&[0xff; 32]);
        assert!(all.reveal().starts_with(&format!("{PREFIX}{}g", "z".repeat(51))), "{}", all.reveal());
        let one = Secret::of(&std::array::from_fn(|index| u8::from(index == 31)));
        assert!(one.reveal().starts_with(&format!("{PREFIX}{}g", "0".repeat(51))), "{}", one.reveal());
    }
}
