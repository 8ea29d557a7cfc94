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
    #[error("the text form of WebAssembly has a mistake:\n{0}")]
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
            let binary = wat::parse_bytes(bytes).map_err(|error| AdaptError::Text(error.to_string()))?;
            if Parser::is_component(&binary) { adapt_binary(binary.into_owned()) } else { adapt_module(&binary) }
        }
        Kind::Other(found) => Err(AdaptError::NotWasm(found)),
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
