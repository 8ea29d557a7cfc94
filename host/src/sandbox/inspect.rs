//! Says what a component imports, exports and needs, without compiling or running it.

use wasmparser::{ComponentTypeRef, Parser, Payload, TypeBounds, Validator};

use crate::model::limits::Metering;
use crate::sandbox::{Contract, Profile, Wasi};

/// What a component imports, exports and needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// What it is built on.
    pub wasi: Wasi,
    /// The contract it keeps; none if the host would not know what to call.
    pub contract: Option<Contract>,
    /// The names of its imports, in its own order.
    pub imports: Vec<String>,
    /// The names of its exports, in its own order.
    pub exports: Vec<String>,
}

/// Something beyond its own memory that a component can use if its task grants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Need {
    /// HTTP requests: `grants.http`.
    Http,
    /// Key-value stores: `grants.kv`.
    KeyValue,
    /// Folders: `grants.folders`.
    Folders,
    /// Environment variables and secrets: `grants.env`, `grants.secrets`.
    Environment,
    /// Sockets, which are never granted.
    Sockets,
}

/// Bytes are not a component that can be used here.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// They are not a component.
    #[error("expected a WebAssembly component, found {0}")]
    NotComponent(&'static str),
    /// They are a component that breaks the rules of WebAssembly, or uses a proposal that is not supported.
    #[error("the component is not valid")]
    Invalid(#[source] wasmparser::BinaryReaderError),
    /// The engine cannot be set up on this machine.
    #[error("cannot set up the engine")]
    Engine(#[source] wasmtime::Error),
}

/// Interfaces that the host serves, each with what a component needs to make use of it. A name ends before the version, or
/// holds all of it where only one version is served.
const SERVED: &[(&str, Option<Need>)] = &[
    ("sandclock:task/types@0.1.", None),
    ("sandclock:task/log@0.1.", None),
    ("sandclock:task/http@0.1.", Some(Need::Http)),
    ("wasi:logging/logging@0.1.0-draft", None),
    ("wasi:keyvalue/store@0.2.0-draft2", Some(Need::KeyValue)),
    ("wasi:keyvalue/atomics@0.2.0-draft2", Some(Need::KeyValue)),
    ("wasi:cli/environment@", Some(Need::Environment)),
    ("wasi:cli/", None),
    ("wasi:clocks/", None),
    ("wasi:random/", None),
    ("wasi:io/", None),
    ("wasi:filesystem/", Some(Need::Folders)),
    ("wasi:sockets/", Some(Need::Sockets)),
    ("wasi:http/types@", None),
    ("wasi:http/outgoing-handler@0.2.", Some(Need::Http)),
    ("wasi:http/client@0.3.", Some(Need::Http)),
];

impl Inspection {
    /// What it can make use of, if its task grants it. Programs often import more than they use.
    pub fn needs(&self) -> Vec<Need> {
        let mut needs: Vec<Need> = self.imports.iter().filter_map(|name| served(name).flatten()).collect();
        needs.sort_unstable();
        needs.dedup();
        needs
    }

    /// The imports that the host does not serve: with any of these it cannot be loaded.
    pub fn unknown_imports(&self) -> impl Iterator<Item = &str> {
        self.imports.iter().map(String::as_str).filter(|name| served(name).is_none())
    }
}

/// Whether an import is served, and what it needs.
fn served(import: &str) -> Option<Option<Need>> {
    SERVED.iter().find(|(known, _)| import.starts_with(known)).map(|(_, need)| *need)
}

/// Inspects a component in binary form.
///
/// # Errors
/// Fails for bytes that are not a valid component.
pub fn inspect(component: &[u8]) -> Result<Inspection, InspectError> {
    let (imports, exports) = names(component)?;
    let wasi = oldest_wasi(component, imports.iter().chain(&exports))?;
    let contract = Contract::of_exports(exports.iter().map(String::as_str));
    Ok(Inspection { wasi, contract, imports, exports })
}

/// WASI 0.3 by name, or anything else (an asynchronous export, say) that is valid only where there is concurrency.
fn oldest_wasi<'a>(component: &[u8], names: impl Iterator<Item = &'a String>) -> Result<Wasi, InspectError> {
    let validate = |wasi: Wasi| {
        let profile = Profile { wasi, metering: Metering::Fuel };
        let features = profile.compiler().map_err(InspectError::Engine)?.get_wasm_features();
        match Validator::new_with_features(features).validate_all(component) {
            Ok(_) => Ok(wasi),
            Err(error) => Err(InspectError::Invalid(error)),
        }
    };
    let mut names = names;
    if names.any(|name| name.starts_with("wasi:") && name.contains("@0.3.")) {
        return validate(Wasi::V03);
    }
    validate(Wasi::V02).or_else(|_| validate(Wasi::V03))
}

/// The names of a component's own imports and exports, those of nested components and modules left out.
fn names(component: &[u8]) -> Result<(Vec<String>, Vec<String>), InspectError> {
    if !Parser::is_component(component) {
        let found = if Parser::is_core_wasm(component) { "a core module" } else { "something else" };
        return Err(InspectError::NotComponent(found));
    }
    let (mut imports, mut exports, mut depth) = (Vec::new(), Vec::new(), 0u32);
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(InspectError::Invalid)? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import.map_err(InspectError::Invalid)?;
                    // A name for a type that is known from elsewhere asks nothing of the host.
                    if !matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))) {
                        imports.push(import.name.name.to_owned());
                    }
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.push(export.map_err(InspectError::Invalid)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok((imports, exports))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inspected(wat: &str) -> Inspection {
        inspect(&wat::parse_str(wat).unwrap()).unwrap()
    }

    #[test]
    fn a_component_is_described_without_its_inner_parts() {
        let inspection = inspected(
            r#"(component
                (import "wasi:http/outgoing-handler@0.2.3" (instance))
                (import "sandclock:task/http@0.1.0" (instance))
                (import "wasi:cli/environment@0.2.0" (instance))
                (import "acme:billing/charge@1.0.0" (instance))
                (type $text string)
                (import "greeting" (type (eq $text)))
                (component $inner (import "hidden" (func)))
                (instance $run)
                (export "wasi:cli/run@0.2.3" (instance $run))
            )"#,
        );
        assert_eq!(inspection.wasi, Wasi::V02);
        assert_eq!(inspection.contract, Some(Contract::Command02));
        assert_eq!(inspection.imports.len(), 4);
        assert_eq!(inspection.exports, ["wasi:cli/run@0.2.3"]);
        assert_eq!(inspection.needs(), [Need::Http, Need::Environment]);
        assert_eq!(inspection.unknown_imports().collect::<Vec<_>>(), ["acme:billing/charge@1.0.0"]);
    }

    #[test]
    fn the_version_follows_from_what_is_used() {
        for (wat, expected) in [
            ("(component)", Wasi::V02),
            (r#"(component (import "wasi:clocks/types@0.3.0" (instance)))"#, Wasi::V03),
            (r#"(component (type $t (func async)) (import "work" (func (type $t))))"#, Wasi::V03),
        ] {
            assert_eq!(inspected(wat).wasi, expected, "{wat}");
        }
    }

    #[test]
    fn what_is_no_component_is_named() {
        let check = |bytes: &[u8], expected: &str| {
            let message = inspect(bytes).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        };
        check(b"", "found something else");
        check(b"<html>", "found something else");
        check(&wat::parse_str("(module)").unwrap(), "found a core module");
        check(&wat::parse_str("(component)").unwrap()[..7], "found something else");
        let truncated = wat::parse_str("(component (core module (func)))").unwrap();
        check(&truncated[..truncated.len() - 3], "not valid");
    }
}
