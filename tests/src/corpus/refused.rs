//! Guests that are not algorithms and never load.

use super::{Expected, refused};

expected! {
    async_callback = refused("FeatureOff", "async component functions require the component model async feature");
    async_lift = refused("FeatureOff", "canonical option `async` requires the component model async feature");
    async_streams = refused("FeatureOff", "`stream` requires the component model async feature");
    custom_page_size = refused("FeatureOff", "the custom page sizes proposal must be enabled to customize a memory's page size");
    elements_kept =
        refused("Resources", "bytes of globals, functions and imports in its instances, but at most 16777216 are allowed");
    empty = refused("WrongWorld", "no export `clear` found");
    exceptions = refused("FeatureOff", "exceptions proposal not enabled");
    exports_are_swapped = refused("Malformed", "exporting a component from the root component is not supported");
    garbage_collected = refused("FeatureOff", "cannot define struct types when gc types are disabled");
    import_is_a_component = refused("Malformed", "root-level component imports are not supported");
    import_is_a_module = refused("WrongWorld", "unable to define core module imports as traps");
    import_of_bare_function = refused("Imports", "imports read-secret");
    import_of_other_shape = refused("WrongWorld", "expected function found instance");
    import_with_other_signature =
        refused("WrongWorld", "export `exit` has the wrong type: type mismatch with parameters");
    import_without_version = refused("Imports", "imports wasi:cli/exit");
    imports_and_memory = refused("Imports", "imports wasi:filesystem/types@0.2.0, wasi:filesystem/preopens@0.2.0");
    imports_filesystem = refused("Imports", "imports wasi:filesystem/types@0.2.0, wasi:filesystem/preopens@0.2.0");
    imports_http = refused("Imports", "imports wasi:http/outgoing-handler@0.2.0");
    imports_many = refused("Imports", "nnn…, 4980 more: an algorithm gets");
    imports_memory_and_tables = refused("Resources", "declares 61 tables, but at most 50 are allowed");
    imports_monotonic_clock = refused("Imports", "imports wasi:clocks/monotonic-clock@0.2.0");
    imports_random = refused("Imports", "imports wasi:random/random@0.2.0");
    imports_sockets = refused("Imports", "imports wasi:sockets/network@0.2.0, wasi:sockets/instance-network@0.2.0");
    imports_unknown = refused("Imports", "imports nobody:knows/this@0.1.0");
    imports_wall_clock = refused("Imports", "imports wasi:clocks/wall-clock@0.2.0");
    instances_too_large = refused("Resources", "bytes of globals, functions and imports in its instances, but at most 16777216 are allowed");
    instances_too_many = refused("Resources", "declares 202 instances of core modules, but at most 200 are allowed");
    memories_too_many = refused("Resources", "declares 61 memories, but at most 50 are allowed");
    memories_behind_export = refused("Resources", "declares 52 memories, but at most 50 are allowed");
    memory64 = refused("FeatureOff", "memory64 must be enabled for 64-bit memories");
    relaxed_simd = refused("FeatureOff", "relaxed SIMD support is not enabled");
    shared_memory = refused("FeatureOff", "threads must be enabled for shared memories");
    starts_itself = refused("FeatureOff", "support for component model `value`s is not enabled");
    strings_between_components = refused("InnerStrings", "passes strings from one of its inner components to another");
    table_declared = refused("Resources", "declares 10000000 elements in one table, but at most 1048576 are allowed");
    tables_too_many = refused("Resources", "declares 60 tables, but at most 50 are allowed");
    threads_spawn = refused("FeatureOff", "`thread.spawn-ref` requires the shared-everything-threads proposal");
    types_deep = refused("Malformed", "type nesting is too deep");
    types_doubling = refused("Malformed", "effective type size exceeds the limit of 1000000");
    world_of_next_version = refused("WrongWorld", "it imports rec:market/types@2.0.0");
    world_with_extra_parameter =
        refused("WrongWorld", "type-checking export func `clear`: expected 1-tuple, found 2-tuple");
    world_with_extra_party =
        refused("WrongWorld", "type mismatch for field seller: expected variant of 3 cases, found 4 cases");
    world_with_float_energy = refused("WrongWorld", "type mismatch for field energy: expected `u64` found `f64`");
    world_without_clear = refused("WrongWorld", "no export `clear` found");
    world_without_describe = refused("WrongWorld", "no export `describe` found");
    world_without_result = refused("WrongWorld", "type-checking export func `clear`: expected `result` found `list`");
}
