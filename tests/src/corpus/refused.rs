//! Guests that are not algorithms and never load.

use super::Expected;

pub fn async_callback() -> Expected {
    Expected::refused("Malformed", "async component functions require the component model async feature")
}

pub fn async_lift() -> Expected {
    Expected::refused("Malformed", "canonical option `async` requires the component model async feature")
}

pub fn async_streams() -> Expected {
    Expected::refused("Malformed", "`stream` requires the component model async feature")
}

pub fn custom_page_size() -> Expected {
    Expected::refused("Malformed", "the custom page sizes proposal must be enabled to customize a memory's page size")
}

pub fn empty() -> Expected {
    Expected::refused("WrongWorld", "no export `clear` found")
}

pub fn exceptions() -> Expected {
    Expected::refused("Malformed", "exceptions proposal not enabled")
}

pub fn exports_are_swapped() -> Expected {
    Expected::refused("Malformed", "exporting a component from the root component is not supported")
}

pub fn garbage_collected() -> Expected {
    Expected::refused("Malformed", "cannot define struct types when gc types are disabled")
}

pub fn import_is_a_component() -> Expected {
    Expected::refused("Malformed", "root-level component imports are not supported")
}

pub fn import_is_a_module() -> Expected {
    Expected::refused("WrongWorld", "unable to define core module imports as traps")
}

pub fn import_of_bare_function() -> Expected {
    Expected::refused("Imports", "imports read-secret")
}

pub fn import_of_other_shape() -> Expected {
    Expected::refused("WrongWorld", "expected function found instance")
}

pub fn import_with_other_signature() -> Expected {
    Expected::refused("WrongWorld", "export `exit` has the wrong type: type mismatch with parameters")
}

pub fn import_without_version() -> Expected {
    Expected::refused("Imports", "imports wasi:cli/exit")
}

pub fn imports_and_memory() -> Expected {
    Expected::refused("Imports", "imports wasi:filesystem/types@0.2.0, wasi:filesystem/preopens@0.2.0")
}

pub fn imports_filesystem() -> Expected {
    Expected::refused("Imports", "imports wasi:filesystem/types@0.2.0, wasi:filesystem/preopens@0.2.0")
}

pub fn imports_http() -> Expected {
    Expected::refused("Imports", "imports wasi:http/outgoing-handler@0.2.0")
}

pub fn imports_many() -> Expected {
    Expected::refused("Imports", "nnn…, 4980 more: an algorithm gets")
}

pub fn imports_memory_and_tables() -> Expected {
    Expected::refused("Malformed", "defined tables count of 61 exceeds the per-instance limit of 50")
}

pub fn imports_monotonic_clock() -> Expected {
    Expected::refused("Imports", "imports wasi:clocks/monotonic-clock@0.2.0")
}

pub fn imports_random() -> Expected {
    Expected::refused("Imports", "imports wasi:random/random@0.2.0")
}

pub fn imports_sockets() -> Expected {
    Expected::refused("Imports", "imports wasi:sockets/network@0.2.0, wasi:sockets/instance-network@0.2.0")
}

pub fn imports_unknown() -> Expected {
    Expected::refused("Imports", "imports nobody:knows/this@0.1.0")
}

pub fn imports_wall_clock() -> Expected {
    Expected::refused("Imports", "imports wasi:clocks/wall-clock@0.2.0")
}

pub fn instances_too_large() -> Expected {
    Expected::refused("Malformed", "which exceeds the configured maximum of 16777216 bytes")
}

pub fn instances_too_many() -> Expected {
    Expected::refused("Malformed", "202 core module instances, which exceeds the configured maximum of 200")
}

pub fn memories_too_many() -> Expected {
    Expected::refused("Malformed", "defined memories count of 61 exceeds the per-instance limit of 50")
}

pub fn memory64() -> Expected {
    Expected::refused("Malformed", "memory64 must be enabled for 64-bit memories")
}

pub fn relaxed_simd() -> Expected {
    Expected::refused("Malformed", "relaxed SIMD support is not enabled")
}

pub fn shared_memory() -> Expected {
    Expected::refused("Malformed", "threads must be enabled for shared memories")
}

pub fn starts_itself() -> Expected {
    Expected::refused("Malformed", "support for component model `value`s is not enabled")
}

pub fn table_declared() -> Expected {
    Expected::refused("Malformed", "a minimum element size of 10000000 which exceeds the limit of 1048576")
}

pub fn tables_too_many() -> Expected {
    Expected::refused("Malformed", "defined tables count of 60 exceeds the per-instance limit of 50")
}

pub fn threads_spawn() -> Expected {
    Expected::refused("Malformed", "`thread.spawn-ref` requires the shared-everything-threads proposal")
}

pub fn types_deep() -> Expected {
    Expected::refused("Malformed", "type nesting is too deep")
}

pub fn types_doubling() -> Expected {
    Expected::refused("Malformed", "effective type size exceeds the limit of 1000000")
}

pub fn world_of_next_version() -> Expected {
    Expected::refused("Imports", "imports rec:market/types@2.0.0")
}

pub fn world_with_extra_parameter() -> Expected {
    Expected::refused("WrongWorld", "type-checking export func `clear`: expected 1-tuple, found 2-tuple")
}

pub fn world_with_extra_party() -> Expected {
    Expected::refused("WrongWorld", "type mismatch for field seller: expected variant of 3 cases, found 4 cases")
}

pub fn world_with_float_energy() -> Expected {
    Expected::refused("WrongWorld", "type mismatch for field energy: expected `u64` found `f64`")
}

pub fn world_without_clear() -> Expected {
    Expected::refused("WrongWorld", "no export `clear` found")
}

pub fn world_without_describe() -> Expected {
    Expected::refused("WrongWorld", "no export `describe` found")
}

pub fn world_without_result() -> Expected {
    Expected::refused("WrongWorld", "type-checking export func `clear`: expected `result` found `list`")
}
