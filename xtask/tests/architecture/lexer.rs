//! Rust source as words and punctuation, without comments, the insides of literals, and test code.

/// A word (`crate`, `spawn`), `::`, a single sign, or [`LITERAL`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) text: String,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// Stands for any string or character.
const LITERAL: &str = "\"\"";

impl Token {
    pub(crate) fn is(&self, text: &str) -> bool {
        self.text == text
    }

    pub(crate) fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// The source that goes into the program.
pub(crate) struct Production {
    pub(crate) tokens: Vec<Token>,
    /// The modules that `#[cfg(test)] mod name;` keeps in files of their own.
    pub(crate) test_modules: Vec<String>,
}

/// Takes away every item under `#[cfg(test)]`.
pub(crate) fn production(source: &str) -> Production {
    let tokens = tokens(source);
    let mut production = Production { tokens: Vec::new(), test_modules: Vec::new() };
    let mut rest = &tokens[..];
    while let Some(token) = rest.first() {
        let attribute = attribute(rest);
        if !attribute.is_some_and(is_for_tests) {
            production.tokens.push(token.clone());
            rest = &rest[1..];
            continue;
        }
        let item = &rest[attribute.map_or(0, <[_]>::len)..];
        let (item, after) = item.split_at(item_length(item));
        if let Some([_, name, end]) = item.windows(3).find(|three| three[0].is("mod"))
            && end.is(";")
        {
            production.test_modules.push(name.text.clone());
        }
        rest = after;
    }
    production
}

/// The attribute at the start of `tokens`, from `#` to `]`.
fn attribute(tokens: &[Token]) -> Option<&[Token]> {
    let [hash, open, ..] = tokens else { return None };
    if !hash.is("#") || !open.is("[") {
        return None;
    }
    let end = tokens.iter().scan(0, |depth, token| {
        *depth += nesting(token);
        Some(*depth == 0 && token.is("]"))
    });
    let length = end.take_while(|end| !end).count() + 1;
    tokens.get(..length)
}

fn is_for_tests(attribute: &[Token]) -> bool {
    let words: Vec<&str> = attribute.iter().filter(|token| token.is_word()).map(|token| token.text.as_str()).collect();
    matches!(words[..], ["cfg", "test"] | ["cfg", "all", "test", ..])
}

/// How many tokens an item has: up to its `;`, or to the end of its `{}`; a field or variant ends before its comma.
fn item_length(tokens: &[Token]) -> usize {
    const KEYWORDS: [&str; 12] =
        ["async", "const", "enum", "fn", "impl", "mod", "pub", "static", "struct", "trait", "type", "use"];
    let is_item = tokens.first().is_some_and(|first| first.is("#") || KEYWORDS.iter().any(|word| first.is(word)));
    let is_use = tokens.iter().take_while(|token| !token.is(";") && !token.is("{")).any(|token| token.is("use"));
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate() {
        depth += nesting(token);
        match token.text.as_str() {
            _ if depth < 0 => return index,
            "," if depth == 0 && !is_item => return index + 1,
            ";" if depth == 0 => return index + 1,
            "}" if depth == 0 && !is_use => return index + 1,
            _ => {}
        }
    }
    tokens.len()
}

fn nesting(token: &Token) -> i32 {
    match token.text.as_str() {
        "(" | "[" | "{" => 1,
        ")" | "]" | "}" => -1,
        _ => 0,
    }
}

fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let (text, length) = if rest.starts_with("//") {
            (None, rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            (None, block_comment(rest))
        } else if let Some(length) = string(rest).or_else(|| character(rest)) {
            (Some(LITERAL), length)
        } else if first == '\'' {
            (None, 1 + word(&rest[1..]))
        } else if first.is_alphanumeric() || first == '_' {
            (Some(&rest[..word(rest)]), word(rest))
        } else if rest.starts_with("::") {
            (Some("::"), 2)
        } else if first.is_whitespace() {
            (None, first.len_utf8())
        } else {
            (Some(&rest[..first.len_utf8()]), first.len_utf8())
        };
        tokens.extend(text.map(|text| Token { text: text.to_owned(), line }));
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

fn word(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// Block comments nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The length of the string literal that `text` starts with, of any kind.
fn string(text: &str) -> Option<usize> {
    let quote = text.find('"')?;
    let (prefix, hashes) = text[..quote].split_at(text[..quote].find('#').unwrap_or(quote));
    if !["", "b", "c", "r", "br", "cr"].contains(&prefix) || hashes.chars().any(|c| c != '#') {
        return None;
    }
    let body = &text[quote + 1..];
    let length = if prefix.ends_with('r') {
        let end = format!("\"{hashes}");
        body.find(&end).map(|at| at + end.len())
    } else if hashes.is_empty() {
        end_of_escaped(body, '"')
    } else {
        return None;
    };
    Some(quote + 1 + length.unwrap_or(body.len()))
}

/// The length of the character literal that `text` starts with; none if it is a lifetime.
fn character(text: &str) -> Option<usize> {
    let start = if text.starts_with("b'") { 2 } else { 1 };
    let body = text.strip_prefix("b'").or_else(|| text.strip_prefix('\''))?;
    let mut chars = body.chars();
    let is_literal = chars.next()? == '\\' || chars.next()? == '\'';
    is_literal.then(|| start + end_of_escaped(body, '\'').unwrap_or(body.len()))
}

fn end_of_escaped(body: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    let end = body.find(|c| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end.map(|at| at + 1)
}

#[test]
fn comments_literals_and_lifetimes_are_not_words() {
    let check = |source: &str, expected: &str| {
        let words: Vec<String> = tokens(source).into_iter().map(|token| token.text).collect();
        assert_eq!(words.join(" "), expected, "{source}");
    };
    check("a::b // crate::x\nc", "a :: b c");
    check("/* crate /* nested */ still */ a", "a");
    check(r##"f("crate::x", r#"a "quoted" b"#, b"\"y", 'c', '\'', b'z')"##, r#"f ( "" , "" , "" , "" , "" , "" )"#);
    check("fn f<'a>(x: &'a str) -> char { '\"' }", r#"fn f < > ( x : & str ) - > char { "" }"#);
    check("r#type \"é\" é", "r # type \"\" é");
}

#[test]
fn test_code_is_left_out() {
    let check = |source: &str, expected: &str, modules: &[&str]| {
        let found = production(source);
        let words: Vec<String> = found.tokens.into_iter().map(|token| token.text).collect();
        assert_eq!(words.join(" "), expected, "{source}");
        assert_eq!(found.test_modules, modules, "{source}");
    };
    check("a; #[cfg(test)] mod tests { use b; fn c() {} } d;", "a ; d ;", &[]);
    check("#[cfg(test)] mod tests; a", "a", &["tests"]);
    check("#[cfg(test)] #[path = \"x.rs\"] pub(crate) mod testing; a", "a", &["testing"]);
    check("#[cfg(test)] use b::{c, d}; a", "a", &[]);
    check("struct S { #[cfg(test)] b: B, c: C }", "struct S { c : C }", &[]);
    check("#[cfg(not(test))] use b;", "# [ cfg ( not ( test ) ) ] use b ;", &[]);
}
