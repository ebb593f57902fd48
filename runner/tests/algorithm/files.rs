//! Component files that are wrong: each is refused by what it is, by `run` as a mistake of the caller and by `check` as
//! what was found.

use std::fs::File;

use rec_market_tests::guests;
use testkit::Folder;

use crate::rounds::{base_component, three_members};

/// `run` refuses the file as a mistake of the caller, `check` finds it bad; both say the same.
#[track_caller]
fn is_no_algorithm(folder: &Folder, file: &str, check: &str, says: &[&str]) {
    folder.try_on(file, &three_members(), &["--json"]).refused(2, &[&[file], says].concat());
    let checked = folder.run(&["algorithm", "check", file, "--json"]);
    assert_eq!((checked.code, checked.err.as_str()), (1, ""), "{file}");
    let report = checked.json();
    assert_eq!(report["passed"], false, "{report}");
    let found = report["checks"].as_array().unwrap().iter().find(|check| check["verdict"] == "failed").unwrap();
    assert_eq!(found["name"], check, "{report}");
    let detail = found["detail"].as_str().unwrap();
    assert!(says.iter().all(|part| detail.contains(part)), "{detail} says {says:?}");
}

/// Neither can start: there is no file to look at.
#[track_caller]
fn cannot_be_had(folder: &Folder, file: &str, says: &[&str]) {
    folder.try_on(file, &three_members(), &["--json"]).refused(2, says);
    folder.run(&["algorithm", "check", file]).refused(2, says);
}

#[test]
fn a_missing_file_is_refused() {
    let folder = Folder::new();
    cannot_be_had(
        &folder,
        "nowhere.wasm",
        &["cannot read nowhere.wasm (name a component file, or one of ", "uniform", "): No such file"],
    );
    cannot_be_had(&folder, "unifrom", &["\"unifrom\" is not an algorithm", "name a .wasm file", "uniform"]);
    cannot_be_had(&folder, "", &["\"\" is not an algorithm"]);
    cannot_be_had(&folder, "sha256:12", &["\"12\"", "64 hexadecimal digits"]);
    cannot_be_had(&folder, &format!("sha256:{}", "a".repeat(64)), &["no algorithm with digest aaaa", "give its file"]);
}

#[test]
fn a_directory_is_refused() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("component.wasm")).unwrap();
    cannot_be_had(&folder, "component.wasm", &["cannot read component.wasm (name", "): Is a directory"]);
    cannot_be_had(&folder, "./", &["cannot read ./ (name", "): Is a directory"]);
}

#[test]
fn a_file_that_cannot_be_read_is_refused() {
    // A mode does not stop root, whom containers like; nobody can read an address that is not mapped.
    cannot_be_had(&Folder::new(), "/proc/self/mem", &["cannot read /proc/self/mem (name", "): Input/output error"]);
}

#[test]
fn an_empty_file_is_no_algorithm() {
    let folder = Folder::new();
    is_no_algorithm(&folder, folder.file("empty.wasm", ""), "size", &["the file is empty"]);
    is_no_algorithm(&folder, "/dev/null", "size", &["the file is empty"]);
}

#[test]
fn a_file_that_is_too_large_is_no_algorithm() {
    let folder = Folder::new();
    // Sparse: it takes no room.
    File::create(folder.path("large.wasm")).unwrap().set_len((64 << 20) + 5).unwrap();
    is_no_algorithm(&folder, "large.wasm", "size", &["67108869 bytes, at most 67108864", "strip debug information"]);
    // Without an end.
    is_no_algorithm(&folder, "/dev/zero", "size", &["at most 67108864"]);
}

#[test]
fn a_file_of_another_kind_is_no_algorithm() {
    let folder = Folder::new();
    let notes = folder.file("notes.txt", "dear diary");
    is_no_algorithm(&folder, notes, "component", &["no WebAssembly: it begins with [64, 65, 61, 72"]);
    let text = folder.file("component.wat", "(component)");
    is_no_algorithm(&folder, text, "component", &["WebAssembly text", "wasm-tools parse"]);
    let module = folder.file("module.wasm", b"\0asm\x01\0\0\0");
    is_no_algorithm(
        &folder,
        module,
        "component",
        &["core WebAssembly module", "rec-market algorithm wrap", "--target wasm32-wasip2"],
    );
    let future = folder.file("future.wasm", b"\0asm\x0e\0\x01\0");
    is_no_algorithm(&folder, future, "component", &["unknown version"]);
}

#[test]
fn compiled_code_is_no_algorithm() {
    let cache = tempfile::tempdir().unwrap();
    let folder = Folder::with_cache(cache.path());
    folder.try_on("public-grid", &three_members(), &[]).done();
    let files = std::fs::read_dir(cache.path().join("rec-market")).unwrap();
    let [cached] = &files.map(|file| file.unwrap().path()).collect::<Vec<_>>()[..] else {
        panic!("one file is cached")
    };
    // The engine's own code, without the digest that the cache puts in front of it.
    let code = std::fs::read(cached).unwrap().split_off(32);
    let file = folder.file("public-grid.cwasm", code);
    is_no_algorithm(&folder, file, "component", &["precompiled code (.cwasm)", "give the .wasm"]);
}

/// Cut off as a broken download is: at many lengths, in every part of the file.
#[test]
fn a_file_that_is_cut_off_is_no_algorithm() {
    let folder = Folder::new();
    let whole = base_component("public-grid");
    let lengths = (1..16).chain((16..whole.len()).step_by(whole.len() / 40));
    for length in lengths {
        let file = folder.file("cut.wasm", &whole[..length]);
        let answer = folder.try_on(file, &three_members(), &[]);
        let expected = match length {
            ..4 => "no WebAssembly",
            8 => "not of the world",
            _ => "the component is broken",
        };
        answer.refused(2, &["cut.wasm: ", expected]);
    }
}

#[test]
fn a_component_of_another_world_is_no_algorithm() {
    let folder = Folder::new();
    let cases: [(&str, &[u8], &[&str]); 5] = [
        ("empty.wasm", b"\0asm\x0d\0\x01\0", &["rec:market/algorithm@1.0.0", "clear"]),
        ("no-clear.wasm", guests::WORLD_WITHOUT_CLEAR, &["rec:market/algorithm@1.0.0", "clear"]),
        ("no-describe.wasm", guests::WORLD_WITHOUT_DESCRIBE, &["describe"]),
        ("parameter.wasm", guests::WORLD_WITH_EXTRA_PARAMETER, &["rec:market/algorithm@1.0.0"]),
        ("float.wasm", guests::WORLD_WITH_FLOAT_ENERGY, &["rec:market/algorithm@1.0.0"]),
    ];
    for (name, component, says) in cases {
        is_no_algorithm(&folder, folder.file(name, component), "world", says);
    }
}

#[test]
fn a_component_that_wants_files_or_a_clock_is_no_algorithm() {
    let folder = Folder::new();
    let cases: [(&str, &[u8], &str); 4] = [
        ("files.wasm", guests::IMPORTS_FILESYSTEM, "wasi:filesystem"),
        ("network.wasm", guests::IMPORTS_SOCKETS, "wasi:sockets"),
        ("clock.wasm", guests::IMPORTS_WALL_CLOCK, "wasi:clocks/wall-clock"),
        ("random.wasm", guests::IMPORTS_RANDOM, "wasi:random"),
    ];
    for (name, component, import) in cases {
        is_no_algorithm(&folder, folder.file(name, component), "imports", &[import, "in Rust avoid"]);
    }
}
