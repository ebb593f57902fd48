//! What a core module imports and exports, read without trusting any of it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use wasmparser::{
    BinaryReaderError, CompositeInnerType, ExternalKind, FuncType, MemoryType, Parser, Payload, RecGroup, TypeRef,
    ValType,
};

use crate::error::WrapError;

/// Identifies a file before anything parses it, so that the message names the actual mistake.
pub(crate) fn examine(bytes: &[u8]) -> Result<(), WrapError> {
    match bytes.strip_prefix(b"\0asm") {
        Some([1, 0, 0, 0, ..]) => Ok(()),
        Some([0x0d, 0, 1, 0, ..]) => Err(WrapError::Component),
        Some(_) => Err(WrapError::broken("it ends within its first eight bytes or is of an unknown version")),
        None if bytes.is_empty() => Err(WrapError::Empty),
        None if bytes.trim_ascii_start().starts_with(b"(") || bytes.starts_with(b";;") => Err(WrapError::Text),
        None => Err(WrapError::NotWasm(bytes.iter().copied().take(8).collect())),
    }
}

/// The imports and exports of a core module.
#[derive(Debug, Default)]
pub(crate) struct CoreModule<'a> {
    pub(crate) imports: Vec<Import<'a>>,
    pub(crate) exports: BTreeMap<&'a str, Item>,
    /// Where sections are that describe a component, which the module's own toolchain may have added.
    metadata: Vec<Range<usize>>,
}

#[derive(Debug)]
pub(crate) struct Import<'a> {
    pub(crate) module: &'a str,
    pub(crate) name: &'a str,
    pub(crate) item: Item,
}

/// What is imported or exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Function(Signature),
    Memory(MemoryType),
    Other(&'static str),
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Function(signature) => signature.fmt(f),
            Item::Memory(_) => f.write_str("a memory"),
            Item::Other(what) => f.write_str(what),
        }
    }
}

/// The type of a function, as WebAssembly text has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) params: Vec<&'static str>,
    pub(crate) results: Vec<&'static str>,
}

impl Signature {
    fn of(function: &FuncType) -> Signature {
        let names = |types: &[ValType]| types.iter().map(name_of).collect();
        Signature { params: names(function.params()), results: names(function.results()) }
    }
}

fn name_of(value: &ValType) -> &'static str {
    match value {
        ValType::I32 => "i32",
        ValType::I64 => "i64",
        ValType::F32 => "f32",
        ValType::F64 => "f64",
        ValType::V128 => "v128",
        ValType::Ref(_) => "ref",
    }
}

/// Displays `(i32, i64) -> (i32)`.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// How many types are displayed; a function may have a thousand.
        const SHOWN: usize = 20;
        let list = |types: &[&str]| match types.get(..SHOWN) {
            Some(first) if types.len() > SHOWN => format!("{}, …", first.join(", ")),
            _ => types.join(", "),
        };
        write!(f, "({}) -> ({})", list(&self.params), list(&self.results))
    }
}

/// The index spaces that exports refer to, as far as they have been read.
#[derive(Default)]
struct Spaces {
    types: Vec<Option<Signature>>,
    /// Indices of types.
    functions: Vec<u32>,
    memories: Vec<MemoryType>,
}

impl Spaces {
    fn add_types(&mut self, group: &RecGroup) {
        for kind in group.types() {
            self.types.push(match &kind.composite_type.inner {
                CompositeInnerType::Func(function) => Some(Signature::of(function)),
                _ => None,
            });
        }
    }

    /// A function of a type; `None` if there is no such type of functions.
    fn typed(&self, index: u32) -> Option<Item> {
        self.types.get(index as usize)?.clone().map(Item::Function)
    }

    fn exported(&self, kind: ExternalKind, index: u32) -> Option<Item> {
        let index = index as usize;
        Some(match kind {
            ExternalKind::Func | ExternalKind::FuncExact => self.typed(*self.functions.get(index)?)?,
            ExternalKind::Memory => Item::Memory(*self.memories.get(index)?),
            ExternalKind::Table => Item::Other("a table"),
            ExternalKind::Global => Item::Other("a global"),
            ExternalKind::Tag => Item::Other("a tag"),
        })
    }

    fn imported(&mut self, kind: TypeRef) -> Option<Item> {
        Some(match kind {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                self.functions.push(index);
                self.typed(index)?
            }
            TypeRef::Memory(memory) => {
                self.memories.push(memory);
                Item::Memory(memory)
            }
            TypeRef::Table(_) => Item::Other("a table"),
            TypeRef::Global(_) => Item::Other("a global"),
            TypeRef::Tag(_) => Item::Other("a tag"),
        })
    }
}

impl<'a> CoreModule<'a> {
    /// Reads a module. Its code is validated later, by the encoder.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<CoreModule<'a>, WrapError> {
        let broken = |error: BinaryReaderError| WrapError::broken(error.to_string());
        let unknown = || WrapError::broken("it refers to something that it does not have");
        let (mut core, mut spaces, mut end) = (CoreModule::default(), Spaces::default(), HEADER_BYTES);
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(broken)?;
            // A section's range is without its header, which begins where the section before ended.
            let begins = end;
            end = payload.as_section().map_or(end, |(_, range)| range.end);
            match payload {
                Payload::TypeSection(groups) => {
                    for group in groups {
                        spaces.add_types(&group.map_err(broken)?);
                    }
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import.map_err(broken)?;
                        let item = spaces.imported(import.ty).ok_or_else(unknown)?;
                        core.imports.push(Import { module: import.module, name: import.name, item });
                    }
                }
                Payload::FunctionSection(functions) => {
                    for function in functions {
                        spaces.functions.push(function.map_err(broken)?);
                    }
                }
                Payload::MemorySection(memories) => {
                    for memory in memories {
                        spaces.memories.push(memory.map_err(broken)?);
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export.map_err(broken)?;
                        let item = spaces.exported(export.kind, export.index).ok_or_else(unknown)?;
                        core.exports.insert(export.name, item);
                    }
                }
                Payload::CustomSection(section) if section.name().starts_with("component-type") => {
                    core.metadata.push(begins..end);
                }
                _ => {}
            }
        }
        Ok(core)
    }

    /// The module's bytes without what its toolchain says of a component: the world is known here.
    pub(crate) fn without_metadata(&self, bytes: &[u8]) -> Vec<u8> {
        let (mut kept, mut from) = (Vec::with_capacity(bytes.len()), 0);
        for metadata in &self.metadata {
            kept.extend_from_slice(bytes.get(from..metadata.start).unwrap_or_default());
            from = metadata.end;
        }
        kept.extend_from_slice(bytes.get(from..).unwrap_or_default());
        kept
    }
}

/// Size of a module's header, in bytes.
const HEADER_BYTES: usize = 8;
