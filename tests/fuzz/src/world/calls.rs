//! What a guest of a world can call: every function that it imports, and what the component model has for resources,
//! streams and futures.

use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Function, Interface, Resolve, TypeDefKind, TypeId, World, WorldItem};

/// Something to call: its module, its name, its parameters and its result (`i` and `l` for `i32` and `i64`).
#[derive(Debug, PartialEq)]
pub(super) struct Call {
    pub(super) module: String,
    pub(super) name: String,
    pub(super) parameters: String,
    pub(super) result: String,
}

/// Everything that a guest of this world can call.
pub(super) fn calls(resolve: &Resolve, world: &World) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut waits = false;
    for (key, item) in &world.imports {
        let WorldItem::Interface { id, .. } = item else { continue };
        let module = resolve.name_world_key(key);
        let interface = &resolve.interfaces[*id];
        for function in interface.functions.values() {
            calls.push(call(resolve, &module, function, AbiVariant::GuestImport));
            if function.kind.is_async() {
                waits = true;
                calls.push(call(resolve, &module, function, AbiVariant::GuestImportAsync));
            }
            for (number, carrier) in function.find_futures_and_streams(resolve).into_iter().enumerate() {
                calls.extend(ends(resolve, &module, function, number, carrier));
            }
        }
        calls.extend(resources(resolve, interface).map(|name| of(&module, format!("[resource-drop]{name}"), "i", "")));
    }
    if waits {
        for (name, parameters, result) in [
            ("[waitable-set-new]", "", "i"),
            ("[waitable-set-wait]", "ii", "i"),
            ("[waitable-set-poll]", "ii", "i"),
            ("[waitable-set-drop]", "i", ""),
            ("[waitable-join]", "ii", ""),
            ("[subtask-cancel]", "i", "i"),
            ("[subtask-drop]", "i", ""),
        ] {
            calls.push(of("$root", name.to_owned(), parameters, result));
        }
    }
    calls
}

fn of(module: &str, name: String, parameters: &str, result: &str) -> Call {
    Call { module: module.to_owned(), name, parameters: parameters.to_owned(), result: result.to_owned() }
}

fn call(resolve: &Resolve, module: &str, function: &Function, variant: AbiVariant) -> Call {
    let signature = resolve.wasm_signature(variant, function);
    let kinds = |types: &[WasmType]| types.iter().map(kind).collect::<String>();
    let waiting = if matches!(variant, AbiVariant::GuestImportAsync) { "[async-lower]" } else { "" };
    of(module, format!("{waiting}{}", function.name), &kinds(&signature.params), &kinds(&signature.results))
}

fn kind(kind: &WasmType) -> char {
    match kind {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => 'i',
        WasmType::I64 | WasmType::PointerOrI64 => 'l',
        WasmType::F32 | WasmType::F64 => unreachable!("no interface of the host's has a float"),
    }
}

/// What can be done with the two ends of a stream or a future. Nothing waits there: a guest does so with a set.
fn ends(resolve: &Resolve, module: &str, function: &Function, number: usize, carrier: TypeId) -> Vec<Call> {
    let (word, transfer) = match resolve.types[carrier].kind {
        TypeDefKind::Stream(_) => ("stream", "iii"),
        _ => ("future", "ii"),
    };
    let named = |what: &str| format!("[{word}-{what}-{number}]{}", function.name);
    [
        (named("new"), "", "l"),
        (format!("[async-lower]{}", named("read")), transfer, "i"),
        (format!("[async-lower]{}", named("write")), transfer, "i"),
        (named("cancel-read"), "i", "i"),
        (named("cancel-write"), "i", "i"),
        (named("drop-readable"), "i", ""),
        (named("drop-writable"), "i", ""),
    ]
    .map(|(name, parameters, result)| of(module, name, parameters, result))
    .into()
}

/// The resources that an interface defines.
fn resources<'a>(resolve: &'a Resolve, interface: &'a Interface) -> impl Iterator<Item = &'a str> {
    let defined = |id: &TypeId| matches!(resolve.types[*id].kind, TypeDefKind::Resource);
    interface.types.iter().filter(move |(_, id)| defined(id)).map(|(name, _)| name.as_str())
}
