//! How the bytes that a guest writes to stdout and stderr become lines of its log.

use crate::model::log::{Level, LogSource};
use crate::sandbox::bounds;
use crate::sandbox::journal::Pages;

/// One of a guest's two streams of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextStream {
    Stdout,
    Stderr,
}

/// A line that is being written.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    bytes: Vec<u8>,
    /// Whether bytes of it were dropped. What comes after these is dropped as well: it must not follow upon what was before.
    cut: bool,
}

impl Pages {
    pub(super) fn write(&mut self, stream: TextStream, mut bytes: &[u8]) {
        if self.is_full() {
            // Line ends are of no line.
            self.used.dropped += bytes.iter().filter(|byte| **byte != b'\n').count() as u64;
            return;
        }
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let mut line = std::mem::take(&mut self.unfinished[stream.index()]);
            self.extend(&mut line, &bytes[..end]);
            line.bytes.pop_if(|last| *last == b'\r');
            self.stream_line(stream, line);
            bytes = &bytes[end + 1..];
        }
        let mut line = std::mem::take(&mut self.unfinished[stream.index()]);
        self.extend(&mut line, bytes);
        line.bytes = self.cut_long(stream, line.bytes);
        self.unfinished[stream.index()] = line;
    }

    /// Ends the lines that are still being written.
    pub(super) fn end_streams(&mut self) {
        for stream in [TextStream::Stdout, TextStream::Stderr] {
            let rest = std::mem::take(&mut self.unfinished[stream.index()]);
            if !rest.bytes.is_empty() {
                self.stream_line(stream, rest);
            }
        }
    }

    /// Adds to an unfinished line what could still be kept of it, and counts the rest as dropped.
    fn extend(&mut self, line: &mut Unfinished, bytes: &[u8]) {
        let room = usize::try_from(self.allowed - self.used.bytes).unwrap_or(usize::MAX);
        let room = if self.is_full() || line.cut { 0 } else { room.saturating_add(self.redaction.overlap()) };
        let taken = bytes.len().min(room.saturating_sub(line.bytes.len()));
        line.bytes.extend_from_slice(&bytes[..taken]);
        line.cut |= taken < bytes.len();
        self.used.dropped += (bytes.len() - taken) as u64;
    }

    /// Makes lines of a line that has grown too long, and returns what is left of it: enough for a secret that may have
    /// begun there.
    fn cut_long(&mut self, stream: TextStream, mut line: Vec<u8>) -> Vec<u8> {
        let overlap = self.redaction.overlap();
        if line.len() <= bounds::LOG_LINE + overlap {
            return line;
        }
        let begun = line.split_off(line.len() - begun_character(&line));
        let text = self.redaction.apply(String::from_utf8_lossy(&line).into_owned());
        let mut rest = text.as_str();
        while rest.len() > bounds::LOG_LINE + overlap {
            let (head, tail) = rest.split_at(rest.floor_char_boundary(bounds::LOG_LINE));
            self.keep(stream.level(), stream.source(), head.to_owned(), Vec::new());
            rest = tail;
        }
        [rest.as_bytes(), &begun].concat()
    }

    fn stream_line(&mut self, stream: TextStream, line: Unfinished) {
        let mut bytes = self.cut_long(stream, line.bytes);
        if line.cut {
            bytes.truncate(bytes.len() - begun_character(&bytes));
        }
        let mut text = self.redaction.apply(String::from_utf8_lossy(&bytes).into_owned());
        if line.cut && self.used.bytes < self.allowed {
            // Earlier secrets have become shorter, so that there may be room for the beginning of the one that was cut.
            let whole = text.len();
            text.truncate(whole - self.redaction.begun(&text));
            self.used.dropped += (whole - text.len()) as u64;
        }
        self.keep(stream.level(), stream.source(), text, Vec::new());
    }
}

/// How many bytes at the end of a text begin a character of which the rest is not there.
fn begun_character(text: &[u8]) -> usize {
    let invalid = text.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
    match std::str::from_utf8(invalid) {
        Err(error) if error.error_len().is_none() => invalid.len(),
        _ => 0,
    }
}

impl TextStream {
    fn index(self) -> usize {
        match self {
            TextStream::Stdout => 0,
            TextStream::Stderr => 1,
        }
    }

    fn source(self) -> LogSource {
        match self {
            TextStream::Stdout => LogSource::Stdout,
            TextStream::Stderr => LogSource::Stderr,
        }
    }

    /// What a program writes to stderr is not always bad news, but where there is any, it is there.
    fn level(self) -> Level {
        match self {
            TextStream::Stdout => Level::Info,
            TextStream::Stderr => Level::Warn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::journal::tests::{finish, journal};

    #[test]
    fn streams_become_lines() {
        let journal = journal(1000, "hunter2");
        for piece in ["one\ntw", "o\r\n", "\n", "my hun", "ter2 is safe\nlast"] {
            journal.write(TextStream::Stdout, piece.as_bytes());
        }
        journal.write(TextStream::Stderr, b"\xff\n");
        let (messages, kept, dropped) = finish(&journal);
        assert_eq!(messages, ["one", "two", "", "my *** is safe", "\u{fffd}", "last"]);
        assert_eq!((kept, dropped), (6 + 14 + 3 + 4, 0));
    }

    #[test]
    fn a_flood_without_line_ends_is_cut_and_counted() {
        for secret in ["hunter2", ""] {
            let journal = journal(100_000, secret);
            for _ in 0..1000 {
                journal.write(TextStream::Stderr, &[b'x'; 1000]);
            }
            let (messages, kept, dropped) = finish(&journal);
            assert_eq!((kept, kept + dropped), (100_000, 1_000_000));
            assert!(messages.iter().all(|message| message.len() <= bounds::LOG_LINE + secret.len()));
        }
    }

    #[test]
    fn a_secret_across_a_cut_is_still_redacted() {
        for before in bounds::LOG_LINE - 10..bounds::LOG_LINE + 10 {
            let journal = journal(100_000, "hunter2");
            let text = format!("{}hunter2{}", "x".repeat(before), "y".repeat(bounds::LOG_LINE * 2));
            for piece in text.as_bytes().chunks(777) {
                journal.write(TextStream::Stdout, piece);
            }
            let (messages, ..) = finish(&journal);
            assert_eq!(messages.concat(), text.replace("hunter2", "***"));
        }
    }

    #[test]
    fn a_write_that_ends_within_a_character_harms_neither_text_nor_redaction() {
        let journal = journal(100_000, "p\u{e4}sswort-1");
        let text = format!("{}p\u{e4}sswort-1{}", "x".repeat(bounds::LOG_LINE + 20), "\u{20ac}".repeat(10_000));
        let within = text.find('\u{e4}').unwrap() + 1;
        journal.write(TextStream::Stdout, &text.as_bytes()[..within]);
        for piece in text.as_bytes()[within..].chunks(4) {
            journal.write(TextStream::Stdout, piece);
        }
        assert_eq!(finish(&journal).0.concat(), text.replace("p\u{e4}sswort-1", "***"));
    }

    #[test]
    fn no_part_of_a_secret_is_left_where_a_line_is_cut_off() {
        const SECRET: &str = "abcdefghijklmnopqrstuv\u{e4}wxyz0123456789ABC";
        for (allowed, earlier) in [(200, 2), (20_000, 200), (20_000, 400)] {
            // Bytes of the secret that are still read. What comes later must not follow upon a part either.
            for read in 1..SECRET.len() {
                for piece in [1 << 20, 4096, 13] {
                    let journal = journal(allowed, SECRET);
                    let between = allowed as usize + SECRET.len() - 1 - read - earlier * SECRET.len();
                    let secrets = SECRET.repeat(earlier);
                    let text = format!("{secrets}{}{SECRET}{}\nNEXT", ".".repeat(between), "!".repeat(30_000));
                    for piece in text.as_bytes().chunks(piece) {
                        journal.write(TextStream::Stdout, piece);
                    }
                    let text = finish(&journal).0.concat();
                    assert!(text.bytes().all(|byte| b"*.!NEXT".contains(&byte)), "{allowed} {read} {piece}: {text}");
                }
            }
        }
    }
}
