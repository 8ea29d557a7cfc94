//! What the keys of a terminal mean.

/// What a person wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Quit,
    /// Stop the refresh, or let it go on.
    Hold,
    Sort,
    Up,
    Down,
    PageUp,
    PageDown,
}

/// Reads what a terminal sends: keys, and sequences for keys without a character. What means nothing is passed over.
pub(super) fn wishes(mut sent: &[u8]) -> Vec<Wish> {
    const SEQUENCES: [(&[u8], Wish); 6] = [
        (b"\x1b[A", Wish::Up),
        (b"\x1bOA", Wish::Up),
        (b"\x1b[B", Wish::Down),
        (b"\x1bOB", Wish::Down),
        (b"\x1b[5~", Wish::PageUp),
        (b"\x1b[6~", Wish::PageDown),
    ];
    let mut wishes = Vec::new();
    while let Some(first) = sent.first() {
        if let Some((sequence, wish)) = SEQUENCES.iter().find(|(sequence, _)| sent.starts_with(sequence)) {
            wishes.push(*wish);
            sent = &sent[sequence.len()..];
            continue;
        }
        match first {
            // Ctrl-C is a key like any other to a terminal that is raw.
            b'q' | b'Q' | 0x03 => wishes.push(Wish::Quit),
            b'p' | b' ' => wishes.push(Wish::Hold),
            b's' => wishes.push(Wish::Sort),
            b'k' => wishes.push(Wish::Up),
            b'j' => wishes.push(Wish::Down),
            // A sequence that means nothing here: its letters are no keys.
            0x1b => {
                let end = sent[1..].iter().position(|byte| byte.is_ascii_alphabetic() || *byte == b'~');
                sent = end.map_or(&[], |end| &sent[end + 2..]);
                continue;
            }
            _ => {}
        }
        sent = &sent[1..];
    }
    wishes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_their_sequences_are_told_apart() {
        let check = |sent: &[u8], expected: &[Wish]| assert_eq!(wishes(sent), expected, "{sent:?}");
        check(b"q", &[Wish::Quit]);
        check(b"\x03", &[Wish::Quit]);
        check(b"jk\x1b[A\x1bOBp s", &[Wish::Down, Wish::Up, Wish::Up, Wish::Down, Wish::Hold, Wish::Hold, Wish::Sort]);
        check(b"\x1b[5~\x1b[6~", &[Wish::PageUp, Wish::PageDown]);
        check(b"\x1b[1;5q\x1bq\x1b", &[]);
        check("äx\n".as_bytes(), &[]);
    }
}
