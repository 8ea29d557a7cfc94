//! What makes two errors the same one: their words, without numbers, ids and times.

/// A fingerprint of an error's words. Errors that differ in numbers or ids alone have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(u64);

/// How much of a text counts, in characters: beyond that, errors differ in what they quote.
const COUNTED: usize = 500;

impl Signature {
    /// That of an error's words.
    pub fn of(text: &str) -> Self {
        Self(fnv(&normal(text)))
    }

    /// The signature with this number.
    pub fn from_code(code: i64) -> Self {
        Self(code.cast_unsigned())
    }

    /// Its number.
    pub fn code(self) -> i64 {
        self.0.cast_signed()
    }
}

/// The words of a text. A word with a digit in it is a number, an id, a time or an address, and stands for any other.
fn normal(text: &str) -> String {
    let mut words = Vec::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let word = if word.contains(|c: char| c.is_numeric()) { "#".to_owned() } else { word.to_lowercase() };
        // How many parts an address or a time has says nothing.
        if word != "#" || words.last().is_none_or(|last| last != "#") {
            words.push(word);
        }
    }
    words.join(" ").chars().take(COUNTED).collect()
}

/// FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>): the same in every version of this program, as it is stored.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ids_make_no_other_error() {
        for (one, other, same) in [
            ("timeout after 31 s", "timeout after 7 s", true),
            ("cannot reach 10.0.0.7:443", "cannot reach 192.168.1.20:8080", true),
            ("cannot reach 10.0.0.7", "cannot reach ::1", true),
            ("order 550e8400-e29b-41d4 is missing", "order 16fd2706-8baf-433b is missing", true),
            ("failed at 2026-11-28T10:00:00Z", "failed at 2026-11-29T11:30:12Z", true),
            ("Busy", "busy!", true),
            ("HTTP 503 from api", "HTTP 500 from api", true),
            ("cannot reach api.example.com", "cannot reach db.example.com", false),
            ("busy", "gone", false),
            ("", "0", false),
        ] {
            assert_eq!(Signature::of(one) == Signature::of(other), same, "{one:?} {other:?}");
        }
    }

    #[test]
    fn signatures_keep_their_numbers() {
        // They are stored: a changed number would tell everything once more.
        assert_eq!(normal("Cannot reach 10.0.0.7:443, try 2"), "cannot reach # try #");
        assert_eq!(Signature::of("a").code().cast_unsigned(), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(Signature::from_code(Signature::of("x").code()), Signature::of("x"));
    }
}
