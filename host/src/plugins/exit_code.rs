//! Lets programs for WASI preview 1 end with an exit code.
//!
//! The adapter that turns such a program into a component knows success and failure only: it calls `exit` of
//! `wasi:cli/exit`, and a code such as 75 becomes 1. So `proc_exit` is led past it, to `exit-with-code`.

use std::borrow::Cow;
use std::fmt::Display;

use wasm_encoder::reencode::{Error, Reencode as _, RoundtripReencoder};
use wasm_encoder::{ImportSection, Module, RawSection};
use wasmparser::{Parser, Payload};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::adapt::AdaptError;

/// Where `proc_exit` leads instead. A `u8` is lowered to the same core type as preview 1's exit code.
const WIT: &str = "
    package wasi:cli@0.2.12;
    interface exit { exit-with-code: func(status-code: u8); }
    world exiting { import exit; }
";
const INTERFACE: &str = "wasi:cli/exit@0.2.12";
const FUNCTION: &str = "exit-with-code";

/// The module with its import of `proc_exit` replaced; as it is, if it has none.
///
/// # Errors
///
/// If the module cannot be read.
pub(super) fn carry_exit_codes(module: &[u8]) -> Result<Cow<'_, [u8]>, AdaptError> {
    let unreadable = |error: &dyn Display| AdaptError::Malformed(error.to_string());
    let mut rewritten = Module::new();
    let mut exits = false;
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(|error| unreadable(&error))? {
            Payload::ImportSection(section) => {
                let mut imports = ImportSection::new();
                for import in section.into_imports() {
                    let import = import.map_err(|error| unreadable(&error))?;
                    let is_exit = (import.module, import.name) == ("wasi_snapshot_preview1", "proc_exit");
                    exits |= is_exit;
                    let (from, name) = if is_exit { (INTERFACE, FUNCTION) } else { (import.module, import.name) };
                    let ty = RoundtripReencoder.entity_type(import.ty).map_err(|error: Error| unreadable(&error))?;
                    imports.import(from, name, ty);
                }
                rewritten.section(&imports);
            }
            other => {
                if let Some((id, range)) = other.as_section() {
                    rewritten.section(&RawSection { id, data: &module[range] });
                }
            }
        }
    }
    if !exits {
        return Ok(module.into());
    }
    let mut rewritten = rewritten.finish();
    describe_exit(&mut rewritten).map_err(|error| AdaptError::Encode(format!("{error:#}")))?;
    Ok(rewritten.into())
}

/// Says in the module what its new import is.
fn describe_exit(module: &mut Vec<u8>) -> anyhow::Result<()> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("exit.wit", WIT)?;
    let world = resolve.select_world(&[package], None)?;
    embed_component_metadata(module, &resolve, world, StringEncoding::UTF8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::adapt::adapt;

    #[test]
    fn an_exit_leads_past_the_adapter() {
        let program = r#"(module
            (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1)
            (func (export "_start") (drop (call $yield)) (call $exit (i32.const 75))))"#;
        let inspection = crate::sandbox::inspect(&adapt(program.as_bytes()).unwrap().component).unwrap();
        assert!(inspection.imports.iter().any(|name| name == INTERFACE), "{:?}", inspection.imports);
        let rewritten = carry_exit_codes(&wat::parse_str(program).unwrap()).unwrap().into_owned();
        assert!(rewritten.windows(FUNCTION.len()).any(|bytes| bytes == FUNCTION.as_bytes()));
        assert!(!rewritten.windows(9).any(|bytes| bytes == b"proc_exit"));
    }

    #[test]
    fn a_module_that_never_exits_stays_as_it_is() {
        let module = wat::parse_str(r#"(module (func (export "_start")))"#).unwrap();
        assert!(matches!(carry_exit_codes(&module), Ok(Cow::Borrowed(same)) if same == module));
    }
}
