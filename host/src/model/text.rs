//! Text from guests, made inert before it is shown.
//!
//! A guest's words may repaint a terminal, forge a log line or turn the reading order around. Whoever shows them shows
//! them through [`inert`].

use std::fmt::{self, Write};

/// Shows a text on one line, with everything that could act on a terminal or a reader escaped as in Rust's strings.
///
/// Escaped are the C0 and C1 control characters, line and paragraph separators, and the characters that change the
/// direction of text (Unicode Technical Report 36, "bidirectional text spoofing") or cannot be seen.
pub fn inert(text: &str) -> impl fmt::Display + '_ {
    Inert(text)
}

struct Inert<'a>(&'a str);

impl fmt::Display for Inert<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(is_active) {
            let (harmless, active) = rest.split_at(at);
            f.write_str(harmless)?;
            let mut characters = active.chars();
            match characters.next() {
                Some('\t') => f.write_char('\t')?,
                Some(active) => write!(f, "{}", active.escape_default())?,
                None => {}
            }
            rest = characters.as_str();
        }
        f.write_str(rest)
    }
}

/// Whether a character does something other than show itself.
fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
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
        }
    }
}
