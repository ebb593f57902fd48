//! Reads a file from front to back, and adds up what each module and component in it declares.

use wasmparser::{
    BinaryReaderError, CanonicalFunction, ComponentAlias, ComponentExport, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, ComponentTypeRef, Element, ElementItems, ElementKind, Encoding, Instance, Parser, Payload,
};

use super::Declared;
use crate::error::LoadError;
use crate::features::unread;
use crate::imports::Refused;

/// Maximum nesting depth of components, and maximum number of modules or components in an index space. The compiler
/// accepts no more either; the limits keep a hostile file from exhausting our memory first.
const DEPTH_MAX: usize = 1000;
const NAMED_MAX: usize = 1000;

/// Host memory, in bytes, for an instance and for each of its parts: at least what the engine takes on a 64-bit machine
/// (`VMOffsets` in wasmtime-environ, and what is kept beside it). The same everywhere, so that limits are.
mod host_bytes {
    pub(super) const INSTANCE: u64 = 1024;
    /// The import, and a reference to it as a function.
    pub(super) const IMPORT: u64 = 64;
    /// A reference to it, which exists only if it may be called from elsewhere.
    pub(super) const FUNCTION: u64 = 32;
    pub(super) const GLOBAL: u64 = 16;
    pub(super) const TAG: u64 = 16;
    pub(super) const MEMORY: u64 = 512;
    pub(super) const TABLE: u64 = 256;
    pub(super) const SEGMENT: u64 = 64;
    /// An element of a segment that is kept until it is dropped.
    pub(super) const ELEMENT: u64 = 16;
    /// A component's own part of the instance.
    pub(super) const COMPONENT: u64 = 256;
    /// A function that is lifted, lowered or provided by the engine.
    pub(super) const CANONICAL: u64 = 64;
    /// A function between inner components, with its share of an instance that the engine adds.
    pub(super) const ADAPTER: u64 = 256;
}

/// A module or component that has begun but not yet ended in the file.
#[derive(Default)]
struct Open {
    is_module: bool,
    declared: Declared,
    /// The resources that an instance of each of its modules and components declares, by index.
    modules: Vec<Declared>,
    components: Vec<Declared>,
}

/// Reads the declared resources of a component, and the imports that the policy refuses.
pub(crate) fn read(bytes: &[u8]) -> Result<(Declared, Refused), LoadError> {
    let broken = |error: BinaryReaderError| unread(&error.to_string());
    let mut reader = Reader::default();
    for payload in Parser::new(0).parse_all(bytes) {
        reader.read(payload.map_err(broken)?).map_err(broken)?;
        if reader.open.len() > DEPTH_MAX {
            return Err(LoadError::Malformed(format!("its components lie in each other deeper than {DEPTH_MAX}")));
        }
    }
    Ok((reader.declared, reader.refused))
}

#[derive(Default)]
struct Reader {
    /// From the outermost to the innermost.
    open: Vec<Open>,
    refused: Refused,
    /// The resources of the outermost component, once it has ended.
    declared: Declared,
}

impl Reader {
    fn read(&mut self, payload: Payload<'_>) -> Result<(), BinaryReaderError> {
        if let Payload::Version { encoding, .. } = payload {
            self.open.push(Open { is_module: encoding == Encoding::Module, ..Open::default() });
            return Ok(());
        }
        let is_outermost = self.open.len() == 1;
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        match payload {
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    let import = import?;
                    open.import(import.ty);
                    // Imports of inner components are satisfied by the outer one, and a type cannot be called.
                    if is_outermost && !matches!(import.ty, ComponentTypeRef::Type(_)) {
                        self.refused.add(import.name.name);
                    }
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases {
                    self.alias(alias?);
                }
            }
            Payload::End(_) => self.end(),
            payload if open.is_module => open.read_module(payload)?,
            payload => open.read_component(payload, is_outermost)?,
        }
        Ok(())
    }

    /// Gives an index to something that another component defined.
    fn alias(&mut self, alias: ComponentAlias<'_>) {
        let outer = |count: u32| self.open.len().checked_sub(1 + count as usize).and_then(|at| self.open.get(at));
        let (is_module, declared) = match alias {
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, count, index } => {
                (true, outer(count).map(|outer| named(&outer.modules, index)))
            }
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                (false, outer(count).map(|outer| named(&outer.components, index)))
            }
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Module, .. } => (true, None),
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => (false, None),
            _ => return,
        };
        if let Some(open) = self.open.last_mut() {
            open.name(is_module, declared.unwrap_or_default());
        }
    }

    fn end(&mut self) {
        let Some(Open { is_module, mut declared, .. }) = self.open.pop() else { return };
        if is_module {
            declared.instances = 1;
        }
        declared.add_instance_bytes(1, if is_module { host_bytes::INSTANCE } else { host_bytes::COMPONENT });
        match self.open.last_mut() {
            Some(outer) => outer.name(is_module, declared),
            None => self.declared = declared,
        }
    }
}

impl Open {
    fn read_module(&mut self, payload: Payload<'_>) -> Result<(), BinaryReaderError> {
        let declared = &mut self.declared;
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    import?;
                    declared.add_instance_bytes(1, host_bytes::IMPORT);
                }
            }
            Payload::FunctionSection(functions) => {
                declared.add_instance_bytes(functions.count(), host_bytes::FUNCTION);
            }
            Payload::GlobalSection(globals) => declared.add_instance_bytes(globals.count(), host_bytes::GLOBAL),
            Payload::TagSection(tags) => declared.add_instance_bytes(tags.count(), host_bytes::TAG),
            Payload::DataSection(data) => declared.add_instance_bytes(data.count(), host_bytes::SEGMENT),
            Payload::ElementSection(elements) => {
                declared.add_instance_bytes(elements.count(), host_bytes::SEGMENT);
                for element in elements {
                    declared.add_instance_bytes(kept_elements(&element?), host_bytes::ELEMENT);
                }
            }
            Payload::MemorySection(memories) => {
                declared.add_instance_bytes(memories.count(), host_bytes::MEMORY);
                for memory in memories {
                    declared.add_memory(memory?);
                }
            }
            Payload::TableSection(tables) => {
                declared.add_instance_bytes(tables.count(), host_bytes::TABLE);
                for table in tables {
                    declared.add_table(table?.ty);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn read_component(&mut self, payload: Payload<'_>, is_outermost: bool) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    if let Instance::Instantiate { module_index, .. } = instance? {
                        self.declared.add(named(&self.modules, module_index));
                    }
                }
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances {
                    if let ComponentInstance::Instantiate { component_index, .. } = instance? {
                        self.declared.add(named(&self.components, component_index));
                    }
                }
            }
            // What is exported has a further index.
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    let ComponentExport { kind, index, .. } = export?;
                    match kind {
                        ComponentExternalKind::Module => self.name(true, named(&self.modules, index)),
                        ComponentExternalKind::Component => self.name(false, named(&self.components, index)),
                        _ => {}
                    }
                }
            }
            Payload::ComponentCanonicalSection(functions) => {
                for function in functions {
                    let is_adapter = matches!(function?, CanonicalFunction::Lower { .. }) && !is_outermost;
                    let bytes = if is_adapter { host_bytes::ADAPTER } else { host_bytes::CANONICAL };
                    self.declared.add_instance_bytes(1, bytes);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, import: ComponentTypeRef) {
        match import {
            ComponentTypeRef::Module(_) => self.name(true, Declared::default()),
            ComponentTypeRef::Component(_) => self.name(false, Declared::default()),
            _ => {}
        }
    }

    /// Gives the next index to a module or a component.
    fn name(&mut self, is_module: bool, declared: Declared) {
        let named = if is_module { &mut self.modules } else { &mut self.components };
        if named.len() < NAMED_MAX {
            named.push(declared);
        }
    }
}

/// The number of elements of a segment that an instance keeps, to be copied when it runs.
fn kept_elements(element: &Element<'_>) -> u32 {
    match (&element.kind, &element.items) {
        (ElementKind::Passive, ElementItems::Functions(functions)) => functions.count(),
        (ElementKind::Passive, ElementItems::Expressions(_, expressions)) => expressions.count(),
        _ => 0,
    }
}

/// Looks an index up; nothing if the file is invalid.
fn named(all: &[Declared], index: u32) -> Declared {
    all.get(index as usize).copied().unwrap_or_default()
}
