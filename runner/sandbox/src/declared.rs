//! The resources that a component declares, read from its file without compiling it.
//!
//! Instances, memories and tables are counted as they would be instantiated: those of a module or component count once
//! for each of its instances. A module that is only known at run time, as an argument or as an instance's export,
//! counts as nothing here, but the limits of a run apply to it as well. The compiler validates the file.

use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentInstance, ComponentOuterAliasKind, ComponentTypeRef, Encoding,
    Instance, MemoryType, Parser, Payload, TableType,
};

use crate::error::{LoadError, quoted};
use crate::imports::Refused;
use crate::limits::{INSTANCES_MAX, MEMORIES_MAX, TABLE_ELEMENT_BYTES, TABLE_ELEMENTS_MAX, TABLES_MAX};

/// Maximum nesting depth of components, and maximum number of modules or components in an index space. The compiler
/// accepts no more either; the limits keep a hostile file from exhausting our memory first.
const DEPTH_MAX: usize = 1000;
const NAMED_MAX: usize = 1000;
/// Size of a page of memory, as a power of two, unless the memory declares another.
const PAGE_BYTES_LOG2: u32 = 16;

/// The resources that a component declares: the minimum that it has once it is instantiated. Counts saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// Number of instances of core modules.
    pub instances: u64,
    /// Number of memories.
    pub memories: u64,
    /// Number of tables.
    pub tables: u64,
    /// Number of elements in the largest table.
    pub table_elements: u64,
    /// Initial size of all memories and tables together, in bytes.
    pub memory_bytes: u64,
}

/// A resource that a component declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Size of all memories and tables together, in bytes.
    MemoryBytes,
    /// Number of memories.
    Memories,
    /// Number of tables.
    Tables,
    /// Number of elements in one table.
    TableElements,
    /// Number of instances of core modules.
    Instances,
}

/// A declared resource that exceeds its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("declares {declared} {}, but at most {limit} are allowed ({})", part.name(), part.remedy())]
pub struct Excess {
    /// The resource.
    pub part: Part,
    /// How much of it the component declares, in the unit of `part`.
    pub declared: u64,
    /// How much of it is allowed.
    pub limit: u64,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::MemoryBytes => "bytes of memories and tables",
            Part::Memories => "memories",
            Part::Tables => "tables",
            Part::TableElements => "elements in one table",
            Part::Instances => "instances of core modules",
        }
    }

    /// How an author can get below the limit.
    fn remedy(self) -> &'static str {
        match self {
            Part::MemoryBytes => {
                "let it grow when it is needed: in Rust without --initial-memory among the linker's arguments and without \
                 large statics; or raise the limit on memory"
            }
            Part::Memories => "link its modules so that they share one memory",
            Part::Tables | Part::TableElements => "link its modules so that they share one small table",
            Part::Instances => "link its modules into one",
        }
    }
}

impl Declared {
    /// Returns every resource that exceeds the limits of a run with `memory_bytes_max` bytes of memories and tables.
    pub fn excesses(&self, memory_bytes_max: u64) -> Vec<Excess> {
        let bytes = (Part::MemoryBytes, self.memory_bytes, memory_bytes_max);
        let counted = self.counts().map(|(part, declared, limit)| (part, declared, limit));
        let all = std::iter::once(bytes).chain(counted).filter(|(_, declared, limit)| declared > limit);
        all.map(|(part, declared, limit)| Excess { part, declared, limit }).collect()
    }

    /// Returns the resources that the engine limits to a fixed number, each as (resource, declared, limit).
    pub fn counts(&self) -> [(Part, u64, u64); 4] {
        [
            (Part::Memories, self.memories, MEMORIES_MAX as u64),
            (Part::Tables, self.tables, TABLES_MAX as u64),
            (Part::TableElements, self.table_elements, TABLE_ELEMENTS_MAX as u64),
            (Part::Instances, self.instances, INSTANCES_MAX as u64),
        ]
    }

    fn add(&mut self, other: Declared) {
        self.instances = self.instances.saturating_add(other.instances);
        self.memories = self.memories.saturating_add(other.memories);
        self.tables = self.tables.saturating_add(other.tables);
        self.table_elements = self.table_elements.max(other.table_elements);
        self.memory_bytes = self.memory_bytes.saturating_add(other.memory_bytes);
    }

    fn add_memory(&mut self, memory: MemoryType) {
        let page = 1_u64.checked_shl(memory.page_size_log2.unwrap_or(PAGE_BYTES_LOG2)).unwrap_or(u64::MAX);
        self.memories = self.memories.saturating_add(1);
        self.memory_bytes = self.memory_bytes.saturating_add(memory.initial.saturating_mul(page));
    }

    fn add_table(&mut self, table: TableType) {
        self.tables = self.tables.saturating_add(1);
        self.table_elements = self.table_elements.max(table.initial);
        let bytes = table.initial.saturating_mul(TABLE_ELEMENT_BYTES as u64);
        self.memory_bytes = self.memory_bytes.saturating_add(bytes);
    }
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
    let broken = |error: BinaryReaderError| LoadError::Malformed(quoted(&error.to_string()));
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
            Payload::MemorySection(memories) => {
                for memory in memories {
                    open.declared.add_memory(memory?);
                }
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    open.declared.add_table(table?.ty);
                }
            }
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    if let Instance::Instantiate { module_index, .. } = instance? {
                        open.declared.add(named(&open.modules, module_index));
                    }
                }
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances {
                    if let ComponentInstance::Instantiate { component_index, .. } = instance? {
                        open.declared.add(named(&open.components, component_index));
                    }
                }
            }
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
            _ => {}
        }
        Ok(())
    }

    /// Gives an index to something that another component defined.
    fn alias(&mut self, alias: ComponentAlias<'_>) {
        use wasmparser::ComponentExternalKind as Kind;
        let outer = |count: u32| self.open.len().checked_sub(1 + count as usize).and_then(|at| self.open.get(at));
        let (is_module, declared) = match alias {
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, count, index } => {
                (true, outer(count).map(|outer| named(&outer.modules, index)))
            }
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                (false, outer(count).map(|outer| named(&outer.components, index)))
            }
            ComponentAlias::InstanceExport { kind: Kind::Module, .. } => (true, None),
            ComponentAlias::InstanceExport { kind: Kind::Component, .. } => (false, None),
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
        match self.open.last_mut() {
            Some(outer) => outer.name(is_module, declared),
            None => self.declared = declared,
        }
    }
}

impl Open {
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

/// Looks an index up; nothing if the file is invalid.
fn named(all: &[Declared], index: u32) -> Declared {
    all.get(index as usize).copied().unwrap_or_default()
}
