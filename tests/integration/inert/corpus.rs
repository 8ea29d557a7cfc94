//! Texts that would act, if anything but a reader took them in.

/// Texts that would act, each with what it tries. None is longer than a line of log, and none has a line's end within, so
/// that each can be looked for as it was sent.
pub(super) const NASTY: &[(&str, &str)] = &[
    ("escape sequences", "\u{1b}[2J\u{1b}]0;owned\u{7}\u{1b}[31mred\u{1b}[8mhidden"),
    ("a line that is overwritten", "paid 1\rpaid 1000000"),
    ("C0", "\u{1}\u{8}\u{b}\u{c}\u{e}\u{1f}\u{7f}"),
    ("C1", "\u{9b}31m\u{90}q\u{9d}0;owned\u{9c}\u{85}"),
    ("turned around", "\u{202e}gnp.exe\u{202c}\u{2066}\u{2069}\u{200f}\u{61c}"),
    ("lines of Unicode", "one\u{2028}two\u{2029}three"),
    ("nothing to see", "a\u{200b}\u{200d}\u{2060}\u{feff}\u{ad}b\u{e0041}\u{180e}"),
    ("markup", "<script>alert(1)</script><!--"),
    ("formats", "{} {0} {:?} %s %n ${HOME} `id`"),
    ("label quotes", "x\"} 1\n".trim_ascii_end()),
    ("TOML", "\"\"\" ''' ] [tasks.evil]"),
    ("JSON", "\"},{\"level\":\"ERROR\",\"message\":\"forged\"}"),
];

/// Texts with a line's end in them, for where a text need not come back as it was.
pub(super) const FORGED: &[&str] = &[
    "done\n2026-11-23T09:00:00.000Z ERROR report: forged",
    "done\r\n{\"level\":\"ERROR\",\"message\":\"forged\"}",
    "done\u{0}\nerror: forged",
];

/// Texts of both kinds.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    NASTY.iter().map(|(_, text)| *text).chain(FORGED.iter().copied())
}

/// Fails if something in a text would act on a terminal. Line ends and tabs do not count, and lines are bounded.
#[track_caller]
pub(super) fn assert_inert(what: &str, shown: &str) {
    let acts = |c: &char| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}')
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
    };
    let found = shown.chars().find(acts);
    assert!(found.is_none(), "{what} shows {:?}:\n{shown:?}", found.unwrap_or_default());
    assert!(!shown.lines().any(|line| line.starts_with("error: forged")), "{what} shows a forged line:\n{shown}");
}
