//! The paths that a piece of source names, with `use` trees taken apart.

use std::fmt;

use crate::lexer::Token;

/// `crate::daemon::Settings`, `tokio::spawn`, `println!`, or a single word.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Path {
    pub(crate) segments: Vec<String>,
    /// Counted from 1.
    pub(crate) line: usize,
}

impl Path {
    /// The path as the tables write it.
    pub(crate) fn parse(text: &str) -> Self {
        Self { segments: text.split("::").map(str::to_owned).collect(), line: 0 }
    }

    pub(crate) fn head(&self) -> &str {
        &self.segments[0]
    }

    pub(crate) fn last(&self) -> Option<&str> {
        self.segments.last().map(String::as_str)
    }

    /// Whether the segments of `name` stand in a row in this path: `std::time::Instant::now` contains `Instant::now`.
    pub(crate) fn contains(&self, name: &Path) -> bool {
        self.segments.windows(name.segments.len()).any(|part| part == name.segments)
    }

    /// The first segment that is written as a type is.
    pub(crate) fn type_name(&self) -> Option<&str> {
        self.segments.iter().map(String::as_str).find(|segment| segment.starts_with(char::is_uppercase))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.segments.join("::"))
    }
}

/// All paths in `tokens`.
pub(crate) fn paths(tokens: &[Token]) -> Vec<Path> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_member = at > 0 && tokens[at - 1].is(".");
        if tokens[at].is_word() && !is_member {
            at = path(tokens, at, Vec::new(), &mut found);
        } else {
            at += 1;
        }
    }
    found
}

/// Takes the path that goes on at `at` after `before`, and gives where it ends.
fn path(tokens: &[Token], mut at: usize, before: Vec<String>, found: &mut Vec<Path>) -> usize {
    let mut segments = before;
    let line = tokens[at].line;
    loop {
        match tokens.get(at) {
            Some(open) if open.is("{") => return tree(tokens, at, segments, found),
            Some(token) if token.is_word() || token.is("*") => segments.push(token.text.clone()),
            _ => break,
        }
        at += 1;
        if !tokens.get(at).is_some_and(|token| token.is("::")) {
            break;
        }
        at += 1;
    }
    let text = |offset: usize| tokens.get(at + offset).map(|token| token.text.as_str());
    if let (Some(last), Some("!"), Some("(" | "[" | "{")) = (segments.last_mut(), text(0), text(1)) {
        last.push('!');
    }
    found.push(Path { segments, line });
    at
}

/// Takes the branches of `{a, b::c}`, each after `before`.
fn tree(tokens: &[Token], open: usize, before: Vec<String>, found: &mut Vec<Path>) -> usize {
    let mut at = open + 1;
    while let Some(token) = tokens.get(at) {
        if token.is("}") {
            return at + 1;
        }
        let is_branch = tokens[at - 1].is("{") || tokens[at - 1].is(",");
        at = if is_branch && !token.is(",") { path(tokens, at, before.clone(), found).max(at + 1) } else { at + 1 };
    }
    at
}

#[test]
fn use_trees_and_inline_paths_are_taken_apart() {
    let check = |source: &str, expected: &[&str]| {
        let tokens = crate::lexer::production(source).tokens;
        let found: Vec<String> = paths(&tokens).iter().map(Path::to_string).collect();
        let found: Vec<&str> = found.iter().map(String::as_str).filter(|path| *path != "use").collect();
        assert_eq!(found, expected, "{source}");
    };
    check("use crate::a::B;", &["crate::a::B"]);
    check("use crate::{a::{B, c::D}, e, f::*};", &["crate::a::B", "crate::a::c::D", "crate::e", "crate::f::*"]);
    check("use crate::{a::B as C, d};", &["crate::a::B", "crate::d"]);
    check("x.crate_name(crate::a::b::<T>(1))", &["x", "crate::a::b", "T"]);
    check("println!(\"{}\", a != b)", &["println!", "a", "b"]);
    check("tokio::select! { }", &["tokio::select!"]);
    check("::std::mem::take(x)", &["std::mem::take", "x"]);
}
