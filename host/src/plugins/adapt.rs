//! Turns whatever a plugin file may hold into a component: text, a core module with or without WASI preview 1, or a
//! component already.
//!
//! Pure over bytes. Knows nothing of files, and nothing of what the host will call: only what makes a core module
//! one that can be adapted at all.

use std::collections::BTreeSet;
use std::fmt;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as PREVIEW1, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use super::exit_code::carry_exit_codes;
use super::recognise::{Kind, recognise};

/// A component, and what it was made from.
#[derive(Debug)]
pub(crate) struct Adapted {
    /// The component in binary form.
    pub component: Vec<u8>,
    /// What the file held.
    pub form: Form,
}

/// What a plugin file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A component.
    Component,
    /// A core module that says which world it implements, as `wit-bindgen` makes it.
    TypedModule,
    /// A core module with `_start`: a program for WASI preview 1.
    Program,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Form::Component => "component",
            Form::TypedModule => "core module with a component type",
            Form::Program => "core module with _start",
        })
    }
}

/// Bytes cannot be made into a component. Each message says what was found, what was expected, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AdaptError {
    /// They are no WebAssembly.
    #[error("found {0}; expected a WebAssembly component or core module (.wasm), or its text form (.wat)")]
    NotWasm(&'static str),
    /// The text form has a mistake.
    #[error("the text form of WebAssembly has a mistake {0}")]
    Text(String),
    /// The binary form breaks off.
    #[error("the file ends too early, after {bytes} bytes: was it copied completely?")]
    Truncated {
        /// How many there are.
        bytes: usize,
    },
    /// The binary form has a mistake.
    #[error("the file is damaged, or uses a feature of WebAssembly that is not supported: {0}")]
    Malformed(String),
    /// A core module that nobody could start.
    #[error(
        "found a core module that exports {}; expected `_start` (a program for WASI preview 1) or the component type of \
         sandclock:task/task, which wit-bindgen and the SDKs write into it",
        list(exports)
    )]
    NothingToStart {
        /// What it exports.
        exports: Vec<String>,
    },
    /// A program that asks for more than WASI preview 1.
    #[error(
        "the core module imports from {}; a program gets {PREVIEW1} and nothing else, unless a component type says \
         what the imports are: build it for WASI (wasm32-wasip1, wasip1, wasm32-wasi), without a browser's glue code",
        list(modules)
    )]
    UnknownImports {
        /// The names of the modules that it imports from, without the known one.
        modules: Vec<String>,
    },
    /// A program whose memory WASI could not read.
    #[error(
        "the core module exports `_start` but no `memory`; a program for WASI preview 1 exports its memory, for example \
         as (memory (export \"memory\") 1)"
    )]
    NoMemory,
    /// The module and its component type do not fit together.
    #[error("the core module cannot be made into a component: {0}")]
    Encode(String),
}

/// Makes a component of a file's bytes.
pub(crate) fn adapt(bytes: &[u8]) -> Result<Adapted, AdaptError> {
    match recognise(bytes) {
        Kind::Component => adapt_binary(bytes.to_vec()),
        Kind::Module => adapt_module(bytes),
        Kind::Text => {
            let binary = wat::parse_bytes(bytes).map_err(|error| AdaptError::Text(mistake(&error.to_string())))?;
            if Parser::is_component(&binary) { adapt_binary(binary.into_owned()) } else { adapt_module(&binary) }
        }
        Kind::Other(found) => Err(AdaptError::NotWasm(found)),
    }
}

/// The parser's picture of a mistake, as a few words that fit on a line of the log.
fn mistake(picture: &str) -> String {
    let what = picture.lines().next().unwrap_or_default();
    let place = picture.lines().find_map(|line| line.trim_start().strip_prefix("--> <anon>:")?.split_once(':'));
    match place {
        Some((line, column)) => format!("at line {line}, column {column}: {what}"),
        None => format!("somewhere: {what}"),
    }
}

/// Checks that a component is whole. Whether it is valid is for the compiler to say.
fn adapt_binary(component: Vec<u8>) -> Result<Adapted, AdaptError> {
    for payload in Parser::new(0).parse_all(&component) {
        payload.map_err(|error| malformed(&component, &error))?;
    }
    Ok(Adapted { component, form: Form::Component })
}

fn adapt_module(module: &[u8]) -> Result<Adapted, AdaptError> {
    let outline = Outline::of(module).map_err(|error| malformed(module, &error))?;
    let starts = outline.exports.iter().any(|name| name == "_start");
    if starts && !outline.exports.iter().any(|name| name == "memory") {
        return Err(AdaptError::NoMemory);
    }
    let (form, adapter) = match (outline.typed, starts) {
        // A program can have a component type too: for the imports that it uses beside those of WASI.
        (true, true) => (Form::TypedModule, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER),
        (true, false) => (Form::TypedModule, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER),
        (false, true) => (Form::Program, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER),
        (false, false) => return Err(AdaptError::NothingToStart { exports: outline.exports }),
    };
    if form == Form::Program {
        let modules: Vec<String> = outline.imports.into_iter().filter(|module| module != PREVIEW1).collect();
        if !modules.is_empty() {
            return Err(AdaptError::UnknownImports { modules });
        }
    }
    let module = carry_exit_codes(module)?;
    let component = ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.validate(true).adapter(PREVIEW1, adapter))
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| AdaptError::Encode(format!("{error:#}")))?;
    Ok(Adapted { component, form })
}

/// What there is to know of a core module before it is adapted.
struct Outline {
    /// Whether it has a component type.
    typed: bool,
    /// The modules that it imports from.
    imports: BTreeSet<String>,
    /// What it exports, in its own order.
    exports: Vec<String>,
}

impl Outline {
    fn of(module: &[u8]) -> Result<Self, wasmparser::BinaryReaderError> {
        let mut outline = Self { typed: false, imports: BTreeSet::new(), exports: Vec::new() };
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::CustomSection(section) => outline.typed |= section.name().starts_with("component-type"),
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        outline.imports.insert(import?.module.to_owned());
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        outline.exports.push(export?.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(outline)
    }
}

/// Tells a file that breaks off from one that is wrong: the first is usually a copy that was cut off.
fn malformed(bytes: &[u8], error: &wasmparser::BinaryReaderError) -> AdaptError {
    if error.message().starts_with("unexpected end") {
        AdaptError::Truncated { bytes: bytes.len() }
    } else {
        AdaptError::Malformed(error.to_string())
    }
}

/// Names in backquotes, the first few of them.
pub(super) fn list(names: &[String]) -> String {
    const SHOWN: usize = 8;
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match names.len().checked_sub(SHOWN) {
        Some(rest @ 1..) => format!("{} and {rest} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use wit_component::{StringEncoding, embed_component_metadata};
    use wit_parser::Resolve;

    use super::*;

    const START: &str = r#"(module (memory (export "memory") 0) (func (export "_start")))"#;
    const HELLO: &str = r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start")))"#;
    const WORLD: &str = "package test:guest; world guest { import now: func() -> u64; export work: func(); }";
    const GUEST: &str = r#"(module (import "$root" "now" (func (result i64))) (func (export "work")))"#;

    /// A module with a component type, as `wit-bindgen` leaves it.
    fn typed(wat: &str) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("guest.wit", WORLD).unwrap();
        let world = resolve.select_world(&[package], None).unwrap();
        let mut module = wat::parse_str(wat).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        module
    }

    fn exports(component: &[u8]) -> Vec<String> {
        crate::sandbox::inspect(component).unwrap().exports
    }

    #[test]
    fn every_form_becomes_a_component() {
        let check = |bytes: &[u8], form: Form, export: &str| {
            let adapted = adapt(bytes).unwrap();
            assert_eq!(adapted.form, form);
            let exports = exports(&adapted.component);
            assert!(exports.iter().any(|name| name.starts_with(export)), "{exports:?}");
        };
        let component = r#"(component (instance $run) (export "wasi:cli/run@0.2.0" (instance $run)))"#;
        check(component.as_bytes(), Form::Component, "wasi:cli/run@0.2.0");
        check(&wat::parse_str(component).unwrap(), Form::Component, "wasi:cli/run@0.2.0");
        check(START.as_bytes(), Form::Program, "wasi:cli/run@0.2.");
        check(HELLO.as_bytes(), Form::Program, "wasi:cli/run@0.2.");
        check(&wat::parse_str(HELLO).unwrap(), Form::Program, "wasi:cli/run@0.2.");
        check(&typed(GUEST), Form::TypedModule, "work");
        let both = GUEST.replace(
            "(func (export \"work\"))",
            r#"(memory (export "memory") 1) (func (export "work")) (func (export "_start"))"#,
        );
        check(&typed(&both), Form::TypedModule, "wasi:cli/run@0.2.");
    }

    #[test]
    fn what_cannot_be_adapted_is_told_with_what_was_expected() {
        let check = |bytes: &[u8], expected: &[&str]| {
            let message = adapt(bytes).unwrap_err().to_string();
            assert!(expected.iter().all(|part| message.contains(part)), "{message}");
        };
        check(b"", &["found an empty file", "expected a WebAssembly component"]);
        check(b"<!DOCTYPE html>", &["found an HTML or XML page"]);
        check(b"\x7fELF\x02\x01\x01", &["compiled ahead of time (.cwasm)"]);
        check(b"(module\n  (fnuc))", &["text form", "mistake at line 2, column 4: expected valid module field"]);
        check(br#"(module (func (export "add")))"#, &["exports `add`", "expected `_start`", "wit-bindgen"]);
        check(b"(module)", &["exports nothing"]);
        check(br#"(module (func (export "_start")))"#, &["no `memory`", r#"(memory (export "memory") 1)"#]);
        check(
            br#"(module (import "env" "emscripten_resize_heap" (func)) (import "wasi_unstable" "fd_write" (func))
                (memory (export "memory") 1) (func (export "_start")))"#,
            &["imports from `env`, `wasi_unstable`", "wasm32-wasip1"],
        );
        check(&typed(r#"(module (func (export "other")))"#), &["cannot be made into a component", "work"]);
    }

    #[test]
    fn a_file_that_breaks_off_is_never_taken_for_whole() {
        let component = adapt(HELLO.as_bytes()).unwrap().component;
        for whole in [component, typed(GUEST), wat::parse_str(HELLO).unwrap()] {
            for length in (0..whole.len()).step_by(1 + whole.len() / 200) {
                // What ends between two sections is well-formed, but what is to be called comes last.
                let inspected = adapt(&whole[..length]).map(|adapted| crate::sandbox::inspect(&adapted.component));
                let contract = inspected.ok().and_then(Result::ok).and_then(|inspection| inspection.contract);
                assert_eq!(contract, None, "{length} of {}", whole.len());
            }
            let message = adapt(&whole[..whole.len() - 1]).unwrap_err().to_string();
            assert!(message.contains("was it copied completely?"), "{message}");
        }
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        assert_eq!(list(&names), "`0`, `1`, `2`, `3`, `4`, `5`, `6`, `7` and 12 more");
        assert_eq!(list(&names[..1]), "`0`");
        assert_eq!(list(&[]), "nothing");
    }
}
