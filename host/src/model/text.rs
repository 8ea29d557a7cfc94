//! Text from outside, made inert before it is shown.
//!
//! The words of a guest, a peer or a file may repaint a terminal, forge a log line or turn the reading order around.
//! Every surface goes through this one rule of what is active: people read [`inert`], programs read [`inert_json`]. Where
//! markup has a meaning of its own (a web page, a label of a metric), that surface's quoting comes on top.

use std::fmt::{self, Write};

use crate::model::quantity;

/// Shows a text on one line, with everything that could act on a terminal or a reader escaped as in Rust's strings.
///
/// Escaped are the C0 and C1 control characters, line and paragraph separators, and the characters that change the
/// direction of text (Unicode Technical Report 36, "bidirectional text spoofing") or cannot be seen. What is inert
/// already stays as it is.
pub fn inert(text: &str) -> impl fmt::Display + '_ {
    Escaped { text, escape: as_in_rust }
}

/// The most of a text that [`inert_excerpt`] shows, in bytes.
pub const EXCERPT: usize = 16 << 10;

/// The same for a text of any length: where there is more than a person would read, how much more.
pub fn inert_excerpt(text: &str) -> impl fmt::Display + '_ {
    let (shown, rest) = text.split_at(text.floor_char_boundary(EXCERPT));
    fmt::from_fn(move |f| match rest.len() {
        0 => write!(f, "{}", inert(shown)),
        more => write!(f, "{}… ({more} bytes more)", inert(shown)),
    })
}

/// The same for text that a renderer has laid out and coloured: its line ends and escape sequences stay. It must have
/// kept those of others out.
pub fn inert_layout(text: &str) -> impl fmt::Display + '_ {
    Escaped { text, escape: as_in_rust_but_layout }
}

/// Shows JSON with the same characters escaped in its texts, as JSON escapes them: whoever parses it gets the texts as
/// they were. JSON itself asks for no more than C0 to be escaped.
pub fn inert_json(json: &str) -> impl fmt::Display + '_ {
    Escaped { text: json, escape: as_in_json }
}

/// The beginning of a text, of so many characters at the most.
pub fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// A text, or the first bytes of a longer one, so many at the most, and how many there were.
pub fn cut_off(mut text: String, most: usize) -> String {
    if text.len() > most {
        let whole = quantity::bytes(text.len() as u64).to_string();
        text.truncate(text.floor_char_boundary(most));
        text.push_str(&format!("... (cut off; {whole} in all)"));
        // The rest is not held either.
        text.shrink_to_fit();
    }
    text
}

/// Whether a character does something other than show itself.
pub fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether no character of a text is active. Most texts are plain ASCII, which is seen many bytes at a time.
pub fn is_inert(text: &str) -> bool {
    text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~')) || !text.contains(is_active)
}

/// A text, and how its active characters are shown.
struct Escaped<'a> {
    text: &'a str,
    escape: fn(char, &mut fmt::Formatter<'_>) -> fmt::Result,
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.text;
        while let Some(at) = rest.find(is_active) {
            let (harmless, active) = rest.split_at(at);
            f.write_str(harmless)?;
            let mut characters = active.chars();
            if let Some(active) = characters.next() {
                (self.escape)(active, f)?;
            }
            rest = characters.as_str();
        }
        f.write_str(rest)
    }
}

fn as_in_rust(c: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match c {
        '\t' => f.write_char('\t'),
        c => write!(f, "{}", c.escape_default()),
    }
}

fn as_in_rust_but_layout(c: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if matches!(c, '\n' | '\u{1b}') { f.write_char(c) } else { as_in_rust(c, f) }
}

fn as_in_json(c: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    // Within a text it would be escaped already: this one is between values.
    if c == '\n' {
        return f.write_char('\n');
    }
    c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(f, "\\u{unit:04x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_act_is_escaped_and_the_rest_is_as_it_was() {
        for (text, shown) in [
            ("plain", "plain"),
            ("Grüße, 世界 🎉", "Grüße, 世界 🎉"),
            ("a\tb", "a\tb"),
            ("\u{1b}[31mred\u{1b}[0m", "\\u{1b}[31mred\\u{1b}[0m"),
            ("one\r\ntwo", "one\\r\\ntwo"),
            ("nul\0", "nul\\u{0}"),
            ("c1 \u{9b}2J", "c1 \\u{9b}2J"),
            ("\u{202e}gnp.exe", "\\u{202e}gnp.exe"),
            ("zero\u{200b}width", "zero\\u{200b}width"),
            ("", ""),
        ] {
            assert_eq!(inert(text).to_string(), shown);
            assert_eq!(inert(shown).to_string(), shown, "it is inert by now");
        }
        assert_eq!(inert_layout("\u{1b}[1mone\ntwo\u{9b}\r\n").to_string(), "\u{1b}[1mone\ntwo\\u{9b}\\r\n");
    }

    #[test]
    fn a_text_beyond_measure_is_cut() {
        assert_eq!(inert_excerpt("\u{1b}").to_string(), "\\u{1b}");
        let long = "é".repeat(1 << 20);
        let shown = inert_excerpt(&long).to_string();
        assert!(shown.len() < EXCERPT + 100 && shown.ends_with("é… (2080768 bytes more)"), "{}", shown.len());
    }

    #[test]
    fn a_text_is_inert_if_nothing_of_it_acts() {
        let check = |text: &str, expected| assert_eq!(is_inert(text), expected, "{text:?}");
        check("", true);
        check(" plain ~", true);
        check("世界 é", true);
        check("a\tb", false);
        check("世\u{202e}界", false);
        check("a\u{7f}", false);
    }

    #[test]
    fn inert_json_means_what_it_meant() {
        let text = "\u{1b}[2J \r\n\t\0 \u{7f}\u{9b}\u{202e}\u{2028}\u{feff}\u{e0001} \"{}\" <b> 世界";
        let value = serde_json::json!({ text: [text] });
        for json in [value.to_string(), format!("{value:#}")] {
            let shown = inert_json(&json).to_string();
            assert!(!shown.contains(|c| is_active(c) && c != '\n'), "{shown}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        }
    }
}
