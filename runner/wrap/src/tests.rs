use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// The parts of a module that has what the world asks for.
const MEMORY: &str = r#"(memory (export "memory") 1)"#;
const REALLOC: &str = r#"(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))"#;
const DESCRIBE: &str = r#"(func (export "describe") (result i32) (i32.const 0))"#;
const CLEAR: &str = r#"(func (export "clear")
    (param i32 i32 i64 i32 i64 i64 i32 i64 i32 i64 i64 i32 i32 i32 i32) (result i32) (i32.const 0))"#;

fn assembled(fields: &[&str]) -> Vec<u8> {
    wat::parse_str(format!("(module\n{}\n)", fields.join("\n"))).unwrap()
}

/// A module that has what the world asks for, with fields before that.
fn whole(before: &str) -> Vec<u8> {
    assembled(&[before, MEMORY, REALLOC, DESCRIBE, CLEAR])
}

fn wrapped(module: &[u8]) -> Vec<u8> {
    wrap(module, Encoding::Utf8).unwrap()
}

#[track_caller]
fn refused(module: &[u8], says: &[&str]) {
    let error = wrap(module, Encoding::Utf8).unwrap_err().to_string();
    says.iter().for_each(|text| assert!(error.contains(text), "no {text:?} in: {error}"));
    assert!(error.len() < 4000 && !error.contains('\n'), "{error}");
}

fn contains(component: &[u8], text: &str) -> bool {
    component.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_module_that_imports_nothing_becomes_a_component_that_imports_no_function() {
    let component = wrapped(&whole(""));
    assert!(component.starts_with(b"\0asm\x0d\0\x01\0"));
    assert!(!contains(&component, "wasi"));
    assert_eq!(component, wrapped(&whole("")), "the same bytes again");
}

#[test]
fn only_what_is_called_of_preview_1_is_kept() {
    let importing = |name: &str, kind: &str| {
        wrapped(&whole(&format!(r#"(import "wasi_snapshot_preview1" "{name}" (func {kind}))"#)))
    };
    let clock = importing("clock_time_get", "(param i32 i64 i32) (result i32)");
    assert!(contains(&clock, "clock_time_get") && !contains(&clock, "fd_write") && !contains(&clock, "wasi:"));
    let write = importing("fd_write", "(param i32 i32 i32 i32) (result i32)");
    assert!(contains(&write, "wasi:cli/stderr@0.2.0") && contains(&write, "wasi:io/streams@0.2.0"));
    assert!(!contains(&write, "wasi:cli/exit"));
    assert!(contains(&importing("proc_exit", "(param i32)"), "wasi:cli/exit@0.2.0"));
}

/// Every function of preview 1, as its specification lists them.
const FUNCTIONS: [&str; 46] = [
    "args_get",
    "args_sizes_get",
    "environ_get",
    "environ_sizes_get",
    "clock_res_get",
    "clock_time_get",
    "fd_advise",
    "fd_allocate",
    "fd_close",
    "fd_datasync",
    "fd_fdstat_get",
    "fd_fdstat_set_flags",
    "fd_fdstat_set_rights",
    "fd_filestat_get",
    "fd_filestat_set_size",
    "fd_filestat_set_times",
    "fd_pread",
    "fd_prestat_get",
    "fd_prestat_dir_name",
    "fd_pwrite",
    "fd_read",
    "fd_readdir",
    "fd_renumber",
    "fd_seek",
    "fd_sync",
    "fd_tell",
    "fd_write",
    "path_create_directory",
    "path_filestat_get",
    "path_filestat_set_times",
    "path_link",
    "path_open",
    "path_readlink",
    "path_remove_directory",
    "path_rename",
    "path_symlink",
    "path_unlink_file",
    "poll_oneoff",
    "proc_exit",
    "proc_raise",
    "sched_yield",
    "random_get",
    "sock_accept",
    "sock_recv",
    "sock_send",
    "sock_shutdown",
];

#[test]
fn all_of_preview_1_is_answered() {
    let preview1 = CoreModule::read(INERT_PREVIEW1).unwrap();
    let answered: BTreeSet<&str> = preview1.exports.keys().copied().collect();
    assert_eq!(answered, BTreeSet::from(FUNCTIONS));
    let import = |name: &&str| {
        let kind = preview1.exports[name].to_string();
        let (params, results) = kind.split_once(" -> ").unwrap();
        let list = |types: &str, what: &str| format!("({what} {})", types.trim_matches(['(', ')']).replace(',', ""));
        format!(
            r#"(import "wasi_snapshot_preview1" "{name}" (func {} {}))"#,
            list(params, "param"),
            list(results, "result")
        )
    };
    let imports: String = FUNCTIONS.iter().map(import).collect();
    wrapped(&whole(&imports));
}

#[test]
fn what_a_toolchain_says_of_a_component_does_not_matter() {
    let section = r#"(@custom "component-type:other" "rubbish")"#;
    assert_eq!(wrapped(&whole(section)), wrapped(&whole("")));
    let last = assembled(&[MEMORY, REALLOC, DESCRIBE, CLEAR, r#"(@custom "component-type" (after last) "")"#]);
    assert_eq!(wrapped(&last), wrapped(&whole("")));
}

#[test]
fn the_encoding_is_that_of_the_module() {
    let module = whole("");
    assert_ne!(wrap(&module, Encoding::Utf16).unwrap(), wrapped(&module));
}

#[test]
fn a_file_of_another_kind_is_named() {
    refused(b"", &["empty"]);
    refused(&wrapped(&whole("")), &["a component already", "algorithm check"]);
    refused(b"(module)", &["WebAssembly text"]);
    refused(b";; a\n(module)", &["WebAssembly text"]);
    refused(b"dear diary", &["no WebAssembly: it begins with [64, 65"]);
    refused(b"\0asm", &["ends within its first eight bytes"]);
    refused(b"\0asm\x02\0\0\0", &["unknown version"]);
    let whole = whole("");
    refused(&whole[..whole.len() - 5], &["broken"]);
}

#[test]
fn a_missing_export_is_named_with_its_type() {
    refused(&assembled(&[MEMORY, REALLOC, DESCRIBE]), &["it does not export clear: (i32, i32, i64, "]);
    refused(&assembled(&[REALLOC, DESCRIBE, CLEAR]), &["does not export its memory"]);
    refused(&assembled(&[MEMORY, DESCRIBE, CLEAR]), &["cabi_realloc: (i32, i32, i32, i32) -> (i32)"]);
    refused(&assembled(&[]), &["describe: () -> (i32)", "clear: ", "cabi_realloc: ", "//go:wasmexport"]);
    refused(&assembled(&[MEMORY, r#"(func (export "_start"))"#]), &["-buildmode=c-shared", "-mexec-model=reactor"]);
}

#[test]
fn an_export_of_another_type_is_named_with_both() {
    let says = |fields: &[&str], says: &[&str]| refused(&assembled(fields), says);
    let clear = r#"(func (export "clear") (param i32) (result i64) (i64.const 0))"#;
    says(
        &[MEMORY, REALLOC, DESCRIBE, clear],
        &[
            "its export clear is (i32) -> (i64), but (i32, i32, i64, i32, i64, i64, i32, i64, i32, i64, i64, i32, i32, i32, i32) -> (i32) is expected",
        ],
    );
    let describe = r#"(global (export "describe") i32 (i32.const 0))"#;
    says(&[MEMORY, REALLOC, describe, CLEAR], &["its export describe is a global, but () -> (i32) is expected"]);
    let post = r#"(func (export "cabi_post_clear") (param i32 i32))"#;
    says(&[MEMORY, REALLOC, DESCRIBE, CLEAR, post], &["cabi_post_clear is (i32, i32) -> (), but (i32) -> ()"]);
    let initialize = r#"(func (export "_initialize") (param f64))"#;
    says(&[MEMORY, REALLOC, DESCRIBE, CLEAR, initialize], &["_initialize is (f64) -> (), but () -> ()"]);
    says(&[r#"(memory (export "memory") i64 1)"#, REALLOC, DESCRIBE, CLEAR], &["64 bits", "wasm32"]);
    let table = r#"(table (export "memory") 1 funcref)"#;
    says(&[table, REALLOC, DESCRIBE, CLEAR], &["its export memory is a table"]);
}

#[test]
fn an_import_that_nobody_answers_is_named_with_the_way_out() {
    let cases = [
        (r#"(import "env" "helper" (func))"#, &["imports env.helper: nothing defines it"] as &[&str]),
        (r#"(import "env" "abort" (func (param i32 i32 i32 i32)))"#, &["env.abort", "--use abort="]),
        (r#"(import "env" "memory" (memory 1))"#, &["env.memory", "--import-memory"]),
        (r#"(import "gojs" "runtime.wasmExit" (func (param i32)))"#, &["gojs.runtime.wasmExit", "GOOS=wasip1"]),
        (r#"(import "wasi_unstable" "fd_write" (func))"#, &["older than preview 1"]),
        (r#"(import "wasi_snapshot_preview1" "fd_dup" (func))"#, &["fd_dup: there is no such function"]),
        (
            r#"(import "wasi_snapshot_preview1" "sched_yield" (func (param i64)))"#,
            &["it is (i64) -> (), but () -> (i32) in WASI preview 1"],
        ),
        (r#"(import "wasi:clocks/wall-clock@0.2.0" "now" (func (param i32)))"#, &["wasi:clocks/wall-clock@0.2.0.now"]),
        (r#"(import "wbg" "__wbg_log" (func))"#, &["without wasm-bindgen"]),
        (r#"(import "a\u{202e}\n" "b" (global i32))"#, &["a\\u{202e}\\n.b", "nothing but WASI preview 1"]),
    ];
    for (import, says) in cases {
        // A memory of its own would be one too many beside an imported one.
        let memory = if import.contains("(memory") { r#"(export "memory" (memory 0))"# } else { MEMORY };
        refused(&assembled(&[import, memory, REALLOC, DESCRIBE, CLEAR]), says);
    }
    let flood: String = (0..5_000).map(|n| format!(r#"(import "env" "{}{n}" (func))"#, "x".repeat(500))).collect();
    refused(&whole(&flood), &["4980 more"]);
}

/// The Rust kit has the interface in this form, so that authors need no generator of bindings.
#[test]
fn the_rust_kit_has_this_interface() {
    let World { resolve, id } = World::algorithm().unwrap();
    let encoded = wit_component::metadata::encode(&resolve, id, StringEncoding::UTF8, None).unwrap();
    if encoded != include_bytes!("../../../algorithms/kit/src/world.bin") {
        let file = std::env::temp_dir().join("world.bin");
        std::fs::write(&file, encoded).unwrap();
        panic!("algorithms/kit/src/world.bin is of another interface or wit-component: copy {} there", file.display());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn prop_no_bytes_panic(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(wrap(&bytes, Encoding::Utf8).is_err());
        let _ = wrap(&[b"\0asm\x01\0\0\0", bytes.as_slice()].concat(), Encoding::Utf8);
    }

    #[test]
    fn prop_no_damaged_module_panics(changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), end in any::<prop::sample::Index>()) {
        let mut module = whole(r#"(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))"#);
        for (at, byte) in changes {
            let at = at.index(module.len());
            module[at] = byte;
        }
        // Whatever it became, the answer is a component or a reason.
        let _ = wrap(&module, Encoding::Utf8);
        let _ = wrap(&module[..end.index(module.len())], Encoding::Utf16);
    }
}
