//! The resources that a component declares, read from its file without compiling it.
//!
//! Instances, memories and tables are counted as they would be instantiated: those of a module or component count once
//! for each of its instances. A module that is only known at run time, as an argument or as an instance's export,
//! counts as nothing here, but the limits of the engine and of a run apply to it as well. The compiler validates the file.

mod reader;

use wasmparser::{MemoryType, TableType};

use crate::error::LoadError;
use crate::limits::{
    INSTANCE_BYTES_MAX, INSTANCES_MAX, MEMORIES_MAX, MemoryExceeded, TABLE_ELEMENT_BYTES, TABLE_ELEMENTS_MAX,
    TABLES_MAX,
};

pub(crate) use reader::read;

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
    /// Size of all instances together, in bytes, without their memories and tables: what the host keeps of globals,
    /// functions and the like. An upper bound.
    pub instance_bytes: u64,
}

/// A resource that a component declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Size of all memories and tables together, in bytes.
    MemoryBytes,
    /// Size of all memories, tables and instances together, in bytes.
    TotalBytes,
    /// Number of memories.
    Memories,
    /// Number of tables.
    Tables,
    /// Number of elements in one table.
    TableElements,
    /// Number of instances of core modules.
    Instances,
    /// Size of all instances together, in bytes.
    InstanceBytes,
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
            Part::TotalBytes => "bytes of memories, tables and instances",
            Part::Memories => "memories",
            Part::Tables => "tables",
            Part::TableElements => "elements in one table",
            Part::Instances => "instances of core modules",
            Part::InstanceBytes => "bytes of globals, functions and imports in its instances",
        }
    }

    /// How an author can get below the limit.
    fn remedy(self) -> &'static str {
        match self {
            Part::MemoryBytes | Part::TotalBytes => {
                "let it grow when it is needed: in Rust without --initial-memory among the linker's arguments and without \
                 large statics; or raise the limit on memory"
            }
            Part::Memories => "link its modules so that they share one memory",
            Part::Tables | Part::TableElements => "link its modules so that they share one small table",
            Part::Instances => "link its modules into one",
            Part::InstanceBytes => "instantiate large modules only once, and keep tables of constants in memory",
        }
    }
}

impl Declared {
    /// Returns every resource that exceeds the limits of a run with `memory_bytes_max` bytes of memories, tables and
    /// instances.
    pub fn excesses(&self, memory_bytes_max: u64) -> Vec<Excess> {
        let bytes = match self.memory_bytes > memory_bytes_max {
            true => (Part::MemoryBytes, self.memory_bytes, memory_bytes_max),
            false => (Part::TotalBytes, self.total_bytes(), memory_bytes_max),
        };
        let all = std::iter::once(bytes).chain(self.counts()).filter(|(_, declared, limit)| declared > limit);
        all.map(|(part, declared, limit)| Excess { part, declared, limit }).collect()
    }

    /// Returns the resources that are limited to a fixed number, each as (resource, declared, limit).
    pub fn counts(&self) -> [(Part, u64, u64); 5] {
        [
            (Part::Memories, self.memories, MEMORIES_MAX as u64),
            (Part::Tables, self.tables, TABLES_MAX as u64),
            (Part::TableElements, self.table_elements, TABLE_ELEMENTS_MAX as u64),
            (Part::Instances, self.instances, INSTANCES_MAX as u64),
            (Part::InstanceBytes, self.instance_bytes, INSTANCE_BYTES_MAX as u64),
        ]
    }

    /// Returns the bytes that a run has from the start.
    pub fn total_bytes(&self) -> u64 {
        self.memory_bytes.saturating_add(self.instance_bytes)
    }

    /// Refuses what exceeds a fixed number. The engine's own limits are the same where it reserves slots, but it has none
    /// where it cannot.
    pub(crate) fn check(&self) -> Result<(), LoadError> {
        let excesses = self.excesses(u64::MAX);
        let found: Vec<String> = excesses.iter().map(ToString::to_string).collect();
        if found.is_empty() { Ok(()) } else { Err(LoadError::Resources(found.join("; it "))) }
    }

    /// Refuses a run within which it cannot even start.
    pub(crate) fn check_start(&self, limit_bytes: u64) -> Result<(), MemoryExceeded> {
        let wanted_bytes = self.total_bytes();
        if wanted_bytes > limit_bytes { Err(MemoryExceeded { wanted_bytes, limit_bytes }) } else { Ok(()) }
    }

    fn add(&mut self, other: Declared) {
        self.instances = self.instances.saturating_add(other.instances);
        self.memories = self.memories.saturating_add(other.memories);
        self.tables = self.tables.saturating_add(other.tables);
        self.table_elements = self.table_elements.max(other.table_elements);
        self.memory_bytes = self.memory_bytes.saturating_add(other.memory_bytes);
        self.instance_bytes = self.instance_bytes.saturating_add(other.instance_bytes);
    }

    fn add_instance_bytes(&mut self, count: u32, each: u64) {
        self.instance_bytes = self.instance_bytes.saturating_add(u64::from(count).saturating_mul(each));
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
