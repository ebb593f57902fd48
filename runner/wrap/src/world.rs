//! What the world asks of a module, by the canonical ABI, and what a module may ask for.

use std::collections::BTreeMap;

use wit_parser::abi::{AbiVariant, WasmSignature, WasmType};
use wit_parser::{Resolve, WorldId, WorldItem};

use crate::PREVIEW1;
use crate::core::{CoreModule, Import, Item, Signature};
use crate::error::{WrapError, list, name};

/// The interface of algorithms.
const MARKET_WIT: &str = include_str!("../../../wit/market.wit");

/// The world of algorithms.
pub(crate) struct World {
    pub(crate) resolve: Resolve,
    pub(crate) id: WorldId,
}

/// An export that the canonical ABI gives a meaning.
struct Expected {
    name: String,
    signature: Signature,
    is_required: bool,
}

impl World {
    pub(crate) fn algorithm() -> Result<World, WrapError> {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("market.wit", MARKET_WIT);
        let id = package.and_then(|package| resolve.select_world(&[package], Some("algorithm")));
        let id = id.map_err(|error| WrapError::broken(format!("the interface does not parse: {error:#}")))?;
        Ok(World { resolve, id })
    }

    /// The functions that a module exports for this world. `cabi_realloc` makes room for the round; a function with
    /// `cabi_post_` frees its answer; `_initialize` is called first of all.
    fn expected(&self) -> Vec<Expected> {
        let mut expected = Vec::new();
        for (_, item) in &self.resolve.worlds[self.id].exports {
            let WorldItem::Function(function) = item else { continue };
            let signature = flat(&self.resolve.wasm_signature(AbiVariant::GuestExport, function));
            expected.push(Expected {
                name: format!("cabi_post_{}", function.name),
                signature: Signature { params: signature.results.clone(), results: Vec::new() },
                is_required: false,
            });
            expected.push(Expected { name: function.name.clone(), signature, is_required: true });
        }
        let realloc = Signature { params: vec!["i32"; 4], results: vec!["i32"] };
        expected.push(Expected { name: "cabi_realloc".to_owned(), signature: realloc, is_required: true });
        let initialize = Signature::default();
        expected.push(Expected { name: "_initialize".to_owned(), signature: initialize, is_required: false });
        expected
    }

    /// Checks the types of all exports that mean something.
    ///
    /// # Errors
    /// All that are wrong or missing at once.
    pub(crate) fn check_exports(&self, core: &CoreModule<'_>) -> Result<(), WrapError> {
        let mut wrong = Vec::new();
        for Expected { name, signature, is_required } in self.expected() {
            match core.exports.get(name.as_str()) {
                Some(Item::Function(found)) if *found == signature => {}
                Some(found) => wrong.push(format!("its export {name} is {found}, but {signature} is expected")),
                None if is_required => wrong.push(format!("it does not export {name}: {signature}")),
                None => {}
            }
        }
        match core.exports.get("memory") {
            Some(Item::Memory(memory)) if !memory.memory64 && !memory.shared => {}
            Some(Item::Memory(_)) => {
                wrong.push(
                    "its memory is shared or has addresses of 64 bits (build for wasm32, without threads)".into(),
                );
            }
            Some(found) => wrong.push(format!("its export memory is {found}, but a memory is expected")),
            None => wrong.push("it does not export its memory as memory".to_owned()),
        }
        if wrong.is_empty() {
            return Ok(());
        }
        Err(WrapError::Exports(list(&wrong, "; ") + way_to_export(core)))
    }
}

/// How a toolchain is told to export functions, if it was not told at all.
fn way_to_export(core: &CoreModule<'_>) -> &'static str {
    if core.exports.contains_key("clear") || core.exports.contains_key("describe") {
        return "";
    }
    if core.exports.contains_key("_start") {
        return " (this is a program that runs and ends: build a library, in Go with -buildmode=c-shared, in C with \
            -mexec-model=reactor)";
    }
    " (in Go write //go:wasmexport clear, in C __attribute__((export_name(\"clear\"))); `rec-market algorithm new` has \
        examples)"
}

fn flat(signature: &WasmSignature) -> Signature {
    let name = |kind: &WasmType| match kind {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
    };
    Signature {
        params: signature.params.iter().map(name).collect(),
        results: signature.results.iter().map(name).collect(),
    }
}

/// Checks that preview 1 answers all that a module imports.
///
/// # Errors
/// All that it does not, by the reason and the way out.
pub(crate) fn check_imports(core: &CoreModule<'_>, preview1: &CoreModule<'_>) -> Result<(), WrapError> {
    let mut refused: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for import in &core.imports {
        if let Some(reason) = refusal(import, preview1) {
            refused.entry(reason).or_default().push(format!("{}.{}", name(import.module), name(import.name)));
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    let told: Vec<String> = refused.iter().map(|(reason, names)| format!("{}: {reason}", list(names, ", "))).collect();
    Err(WrapError::Imports(list(&told, "; ")))
}

/// Why an import cannot be answered, and the way out; `None` if it can.
fn refusal(import: &Import<'_>, preview1: &CoreModule<'_>) -> Option<String> {
    let reason = match (import.module, import.name) {
        (PREVIEW1, function) => match preview1.exports.get(function) {
            Some(answered) if *answered == import.item => return None,
            Some(answered) => return Some(format!("it is {}, but {answered} in WASI preview 1", import.item)),
            None => "there is no such function in WASI preview 1",
        },
        ("wasi_unstable", _) => "that WASI is older than preview 1 (build for wasm32-wasip1 with a newer compiler)",
        ("gojs" | "go", _) => "it is built for browsers (set GOOS=wasip1 GOARCH=wasm)",
        ("env", "abort") => {
            "an algorithm imports nothing but WASI preview 1 (in AssemblyScript build with --use abort=)"
        }
        (_, _) if matches!(import.item, Item::Memory(_)) => {
            "a module must have and export its memory (link without --import-memory)"
        }
        ("env", _) => {
            "nothing defines it (an algorithm imports nothing but WASI preview 1: link what it needs, and do not let the \
            linker allow undefined symbols)"
        }
        (module, _) if module.starts_with("__wbindgen") || module == "wbg" => {
            "it is built for JavaScript (build without wasm-bindgen)"
        }
        (module, _) if module.starts_with("wasi:") => {
            "an algorithm gets no files, network, clocks or randomness (build for wasm32-wasip1, whose preview 1 is \
            answered here)"
        }
        _ => "an algorithm imports nothing but WASI preview 1 (build without what needs this)",
    };
    Some(reason.to_owned())
}
