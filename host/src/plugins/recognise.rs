//! Tells what a file's first bytes are, so that a refusal can name what was found.
//!
//! A glance, no parsing: whether the rest of a module is in order is for [`adapt`](super::adapt) to say.

/// What bytes are, as far as their beginning shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A component in binary form.
    Component,
    /// A core module in binary form.
    Module,
    /// Text that begins as WebAssembly's text form does.
    Text,
    /// Something else. The words fit after "found".
    Other(&'static str),
}

/// The version and layer of a component's header, after the magic number.
const COMPONENT: [u8; 4] = [0x0d, 0, 1, 0];
/// The version and layer of a core module's header.
const MODULE: [u8; 4] = [1, 0, 0, 0];

/// Beginnings of files that are put into plugin folders by mistake.
const SIGNATURES: &[(&[u8], &str)] = &[
    (b"\x7fELF", "a program for Linux, or code that was compiled ahead of time (.cwasm)"),
    (b"MZ", "a program for Windows"),
    (b"\xcf\xfa\xed\xfe", "a program for macOS"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"BC\xc0\xde", "LLVM bitcode"),
    (b"!<arch>\n", "a static library"),
    (b"#!", "a script"),
    (b"version https://git-lfs", "a pointer of Git LFS, whose file was not fetched"),
];

/// Looks at the beginning of a file.
pub(crate) fn recognise(bytes: &[u8]) -> Kind {
    if bytes.is_empty() {
        return Kind::Other("an empty file");
    }
    if let Some(rest) = bytes.strip_prefix(b"\0asm") {
        return match rest.first_chunk() {
            Some(&COMPONENT) => Kind::Component,
            Some(&MODULE) => Kind::Module,
            Some(_) => Kind::Other("WebAssembly of a version that is not supported"),
            None => Kind::Other("WebAssembly that ends within its header"),
        };
    }
    if let Some((_, name)) = SIGNATURES.iter().find(|(signature, _)| bytes.starts_with(signature)) {
        return Kind::Other(name);
    }
    if bytes.iter().all(|byte| *byte == 0) {
        return Kind::Other("nothing but zeroes");
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => recognise_text(text),
        Err(_) => Kind::Other("bytes that are no WebAssembly"),
    }
}

fn recognise_text(text: &str) -> Kind {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    // A comment or a parenthesis: all that the text form of a module can begin with.
    if text.starts_with('(') || text.starts_with(";;") {
        Kind::Text
    } else if text.starts_with('<') {
        Kind::Other("an HTML or XML page")
    } else if text.starts_with(['{', '[']) {
        Kind::Other("JSON")
    } else {
        Kind::Other("text that is no WebAssembly")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glance_tells_what_a_file_is() {
        let check = |bytes: &[u8], expected: Kind| assert_eq!(recognise(bytes), expected, "{bytes:?}");
        check(b"", Kind::Other("an empty file"));
        check(b"\0asm\x01\0\0\0", Kind::Module);
        check(b"\0asm\x0d\0\x01\0", Kind::Component);
        check(b"\0asm\x02\0\0\0", Kind::Other("WebAssembly of a version that is not supported"));
        check(b"\0asm\x01", Kind::Other("WebAssembly that ends within its header"));
        check(b"\0\0\0\0\0", Kind::Other("nothing but zeroes"));
        check(b"  (module)", Kind::Text);
        check(b";; hello\n(component)", Kind::Text);
        check(b"<!DOCTYPE html><html>404", Kind::Other("an HTML or XML page"));
        check(b"{\"message\":\"not found\"}", Kind::Other("JSON"));
        check(b"#!/bin/sh\nrm -rf /", Kind::Other("a script"));
        check(b"\x7fELF\x02", Kind::Other(SIGNATURES[0].1));
        check(b"hello", Kind::Other("text that is no WebAssembly"));
        check(b"\xff\xfe\x00", Kind::Other("bytes that are no WebAssembly"));
    }
}
