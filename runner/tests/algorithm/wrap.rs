//! `algorithm wrap`: core modules, as compilers write them, become components that pass the gate.

use std::process::Command;

use rec_market_tests::guests;
use serde_json::json;
use testkit::{Folder, Ran, run_in_shell};

use crate::rounds::{base_component, round, three_members};

/// What the texts of a module are encoded in.
#[derive(Clone, Copy)]
enum Encoding {
    Utf8,
    Utf16,
}

/// The text of a module that describes itself in this encoding, and does something before it clears.
fn text(encoding: Encoding, imports: &str, before: &str) -> String {
    let data = |(at, text): (u32, &str)| {
        let escaped = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
        let encoded = match encoding {
            Encoding::Utf8 => escaped(text.as_bytes()),
            Encoding::Utf16 => text.encode_utf16().map(|unit| escaped(&unit.to_le_bytes())).collect(),
        };
        format!("(data (i32.const {at}) \"{encoded}\")\n")
    };
    let data: String = [(256, "wrapped"), (320, "1.0.0"), (384, "The grid alone.")].map(data).concat();
    include_str!("wrapped/core.wat")
        .replace(";;@imports", imports)
        .replace(";;@data", &data)
        .replace(";;@before", before)
}

fn module(encoding: Encoding, imports: &str, before: &str) -> Vec<u8> {
    wat::parse_str(text(encoding, imports, before)).unwrap()
}

/// A module that imports these functions of preview 1, each a name with its type, and does this before it clears.
fn with_preview1(functions: &[&str], before: &str) -> Vec<u8> {
    let import = |function: &&str| {
        let name = function.split_whitespace().next().unwrap();
        let kind = function.strip_prefix(name).unwrap();
        format!("(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} {kind}))\n")
    };
    module(Encoding::Utf8, &functions.iter().map(import).collect::<String>(), before)
}

/// Wraps a module into `component.wasm`.
fn wrap(folder: &Folder, module: &[u8], more: &[&str]) -> Ran {
    folder.file("core.wasm", module);
    folder.run(&[&["algorithm", "wrap", "core.wasm", "-o", "component.wasm"], more].concat())
}

/// The log of the component on a round, which it must clear.
#[track_caller]
fn log(folder: &Folder) -> String {
    let object = folder.json_of("component.wasm", &three_members(), &[]);
    assert_eq!(object["status"], "balanced", "{object}");
    object["log"].as_str().unwrap().to_owned()
}

#[test]
fn a_core_module_becomes_an_algorithm_that_passes_the_gate() {
    for (encoding, more) in [(Encoding::Utf8, &[] as &[&str]), (Encoding::Utf16, &["--encoding", "utf16"])] {
        let folder = Folder::new();
        wrap(&folder, &module(encoding, "", ""), more).done().shows(&["component.wasm: ", "algorithm check"]);
        let check = folder.run(&["algorithm", "check", "component.wasm"]).done();
        check.shows(&["✓ describe                 wrapped 1.0.0: The grid alone.", "imports                  none"]);
        let object = folder.json_of("component.wasm", &three_members(), &[]);
        assert_eq!(object["trades"][1], json!({"seller": "grid", "buyer": "ben", "energy": 700, "price": 162_400}));
    }
}

#[test]
fn the_same_module_becomes_the_same_bytes() {
    let folder = Folder::new();
    let module = with_preview1(&["sched_yield (result i32)"], "(drop (call $sched_yield))");
    wrap(&folder, &module, &[]).done();
    folder.run(&["algorithm", "wrap", "core.wasm", "-o", "again.wasm"]).done();
    let bytes = |name| std::fs::read(folder.path(name)).unwrap();
    assert!(bytes("component.wasm") == bytes("again.wasm"));
}

/// Two looks at the clock are a microsecond apart, and who sleeps wakes at the time it asked for.
#[test]
fn the_clock_stands_still_but_for_those_who_look_at_it() {
    let folder = Folder::new();
    let functions = [
        "clock_time_get (param i32 i64 i32) (result i32)",
        "clock_res_get (param i32 i32) (result i32)",
        "poll_oneoff (param i32 i32 i32 i32) (result i32)",
    ];
    let before = r"
        (call $expect (i32.eqz (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 512))))
        (call $expect (i64.eq (i64.load (i32.const 512)) (i64.const 946684800000001000)))
        (call $expect (i32.eqz (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 512))))
        (call $expect (i64.eq (i64.load (i32.const 512)) (i64.const 946684800000002000)))
        (call $expect (i32.eq (call $clock_time_get (i32.const 4) (i64.const 1) (i32.const 512)) (i32.const 28)))
        (call $expect (i32.eqz (call $clock_res_get (i32.const 1) (i32.const 512))))
        (call $expect (i64.eq (i64.load (i32.const 512)) (i64.const 1000)))
        ;; Sleeps for a second from now, and until a file is there: user data 7 and 8.
        (i64.store (i32.const 512) (i64.const 7))
        (i64.store offset=8 (i32.const 512) (i64.const 0))
        (i64.store offset=24 (i32.const 512) (i64.const 1000000000))
        (i64.store offset=40 (i32.const 512) (i64.const 0))
        (i64.store (i32.const 560) (i64.const 8))
        (i64.store offset=8 (i32.const 560) (i64.const 1))
        (i64.store offset=16 (i32.const 560) (i64.const 3))
        (call $expect (i32.eqz (call $poll_oneoff (i32.const 512) (i32.const 640) (i32.const 2) (i32.const 768))))
        (call $expect (i32.eq (i32.load (i32.const 768)) (i32.const 2)))
        (call $expect (i64.eq (i64.load (i32.const 640)) (i64.const 7)))
        (call $expect (i64.eqz (i64.load offset=8 (i32.const 640))))
        (call $expect (i64.eq (i64.load (i32.const 672)) (i64.const 8)))
        (call $expect (i32.eq (i32.load offset=8 (i32.const 672)) (i32.const 0x10008)))
        (call $expect (i32.eqz (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 512))))
        (call $expect (i64.eq (i64.load (i32.const 512)) (i64.const 946684801000003000)))
        ;; Sleeps forever, in absolute time: nothing wraps.
        (i64.store (i32.const 512) (i64.const 0))
        (i64.store offset=8 (i32.const 512) (i64.const 0))
        (i64.store offset=24 (i32.const 512) (i64.const -1))
        (i64.store offset=40 (i32.const 512) (i64.const 1))
        (call $expect (i32.eqz (call $poll_oneoff (i32.const 512) (i32.const 640) (i32.const 1) (i32.const 768))))
        (call $expect (i32.eqz (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 512))))
        (call $expect (i64.gt_s (i64.load (i32.const 512)) (i64.const 946684801000003000)))
        (call $expect (i32.eq (call $poll_oneoff (i32.const 512) (i32.const 640) (i32.const 0) (i32.const 768)) (i32.const 28)))";
    wrap(&folder, &with_preview1(&functions, before), &[]).done();
    assert_eq!(log(&folder), "");
    folder.run(&["algorithm", "check", "component.wasm"]).done();
}

#[test]
fn there_are_no_files_no_arguments_and_no_environment() {
    let folder = Folder::new();
    let functions = [
        "args_sizes_get (param i32 i32) (result i32)",
        "environ_sizes_get (param i32 i32) (result i32)",
        "fd_read (param i32 i32 i32 i32) (result i32)",
        "fd_prestat_get (param i32 i32) (result i32)",
        "fd_fdstat_get (param i32 i32) (result i32)",
        "fd_seek (param i32 i64 i32 i32) (result i32)",
        "fd_close (param i32) (result i32)",
        "path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)",
        "sock_accept (param i32 i32 i32) (result i32)",
    ];
    let before = r"
        (i64.store (i32.const 512) (i64.const -1))
        (call $expect (i32.eqz (call $args_sizes_get (i32.const 512) (i32.const 516))))
        (call $expect (i64.eqz (i64.load (i32.const 512))))
        (i64.store (i32.const 512) (i64.const -1))
        (call $expect (i32.eqz (call $environ_sizes_get (i32.const 512) (i32.const 516))))
        (call $expect (i64.eqz (i64.load (i32.const 512))))
        (i32.store (i32.const 512) (i32.const -1))
        (call $expect (i32.eqz (call $fd_read (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512))))
        (call $expect (i32.eqz (i32.load (i32.const 512))))
        (call $expect (i32.eq (call $fd_read (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 512)) (i32.const 8)))
        (call $expect (i32.eq (call $fd_prestat_get (i32.const 3) (i32.const 512)) (i32.const 8)))
        (call $expect (i32.eqz (call $fd_fdstat_get (i32.const 2) (i32.const 512))))
        (call $expect (i64.eq (i64.load (i32.const 512)) (i64.const 2)))
        (call $expect (i32.eq (call $fd_fdstat_get (i32.const 3) (i32.const 512)) (i32.const 8)))
        (call $expect (i32.eq (call $fd_seek (i32.const 1) (i64.const 0) (i32.const 0) (i32.const 512)) (i32.const 70)))
        (call $expect (i32.eq (call $fd_close (i32.const -1)) (i32.const 8)))
        (call $expect (i32.eq (call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
            (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 512)) (i32.const 8)))
        (call $expect (i32.eq (call $sock_accept (i32.const 3) (i32.const 0) (i32.const 512)) (i32.const 8)))";
    wrap(&folder, &with_preview1(&functions, before), &[]).done();
    assert_eq!(log(&folder), "");
}

#[test]
fn random_bytes_are_the_same_in_every_run_but_not_all_alike() {
    let folder = Folder::new();
    let before = r"
        (i32.store8 (i32.const 528) (i32.const 0x77))
        (call $expect (i32.eqz (call $random_get (i32.const 512) (i32.const 16))))
        (call $expect (i64.ne (i64.load (i32.const 512)) (i64.load (i32.const 520))))
        (call $expect (i32.eq (i32.load8_u (i32.const 528)) (i32.const 0x77)))
        (call $expect (i32.eqz (call $random_get (i32.const 0) (i32.const 0))))
        (i32.store (i32.const 600) (i32.const 512))
        (i32.store (i32.const 604) (i32.const 16))
        (drop (call $fd_write (i32.const 1) (i32.const 600) (i32.const 1) (i32.const 608)))";
    let functions = ["random_get (param i32 i32) (result i32)", "fd_write (param i32 i32 i32 i32) (result i32)"];
    wrap(&folder, &with_preview1(&functions, before), &[]).done();
    let first = log(&folder);
    assert!(!first.is_empty());
    assert_eq!(log(&folder), first);
}

#[test]
fn what_a_module_writes_is_in_the_log_and_nothing_else_of_its_memory_changes() {
    let folder = Folder::new();
    let functions = ["fd_write (param i32 i32 i32 i32) (result i32)"];
    // In two parts to stdout and one to stderr, all of it from the first bytes of the memory; then more than the log keeps.
    let before = r#"
        (i64.store (i32.const 0) (i64.const 0x0a6f77740a656e6f))
        (i64.store (i32.const 8) (i64.const 0x1122334455667788))
        (i32.store (i32.const 600) (i32.const 0))
        (i32.store (i32.const 604) (i32.const 4))
        (i32.store (i32.const 608) (i32.const 4))
        (i32.store (i32.const 612) (i32.const 4))
        (call $expect (i32.eqz (call $fd_write (i32.const 1) (i32.const 600) (i32.const 2) (i32.const 616))))
        (call $expect (i32.eq (i32.load (i32.const 616)) (i32.const 8)))
        (call $expect (i32.eqz (call $fd_write (i32.const 2) (i32.const 600) (i32.const 1) (i32.const 616))))
        (call $expect (i64.eq (i64.load (i32.const 0)) (i64.const 0x0a6f77740a656e6f)))
        (call $expect (i64.eq (i64.load (i32.const 8)) (i64.const 0x1122334455667788)))
        (call $expect (i32.eq (call $fd_write (i32.const 0) (i32.const 600) (i32.const 1) (i32.const 616)) (i32.const 8)))
        (call $expect (i32.eq (call $fd_write (i32.const 3) (i32.const 600) (i32.const 1) (i32.const 616)) (i32.const 8)))
        (i32.store (i32.const 604) (i32.const 10000))
        (call $expect (i32.eqz (call $fd_write (i32.const 1) (i32.const 600) (i32.const 1) (i32.const 616))))
        (call $expect (i32.eq (i32.load (i32.const 616)) (i32.const 10000)))"#;
    wrap(&folder, &with_preview1(&functions, before), &[]).done();
    let log = log(&folder);
    assert!(log.starts_with("one\ntwo\none\none\n") && log.ends_with("bytes more)"), "{log}");
}

#[test]
fn who_leaves_the_program_has_failed() {
    let folder = Folder::new();
    for code in [0, 3] {
        let before = format!("(call $proc_exit (i32.const {code}))");
        wrap(&folder, &with_preview1(&["proc_exit (param i32)"], &before), &[]).done();
        let object = folder.json_of("component.wasm", &three_members(), &[]);
        assert_eq!(object["error"]["kind"], "trap", "{object}");
        assert!(object["error"]["message"].as_str().unwrap().contains("called exit"), "{object}");
    }
}

#[needs::wasmtime]
#[test]
fn the_plain_wasmtime_cli_runs_it() {
    let folder = Folder::new();
    let before = "(drop (call $fd_write (i32.const 1) (i32.const 600) (i32.const 0) (i32.const 616)))";
    wrap(&folder, &with_preview1(&["fd_write (param i32 i32 i32 i32) (result i32)"], before), &[]).done();
    let file = folder.file("round.json", round(&[("anna", 5, 0)]).to_string());
    let arguments = ["algorithm", "run", "component.wasm", "--round", file, "--print-wasmtime"];
    let printed = folder.run(&arguments).done().out;
    run_in_shell(&printed, &folder.path("")).shows(&["energy: 5", "price: 30000"]);
}

#[test]
fn a_file_that_is_no_core_module_is_refused_by_what_it_is() {
    let folder = Folder::new();
    let refused = |content: &[u8], says: &str| wrap(&folder, content, &[]).refused(2, &["core.wasm: the ", says]);
    refused(b"", "file is empty");
    refused(b"dear diary", "no WebAssembly: it begins with [64, 65");
    refused(b"(module)", "WebAssembly text");
    refused(base_component("uniform"), "component already");
    refused(guests::HONEST, "component already");
    refused(b"\0asm\x01\0\0\0rubbish", "module is broken");
    refused(b"\0asm\x01\0\0\0", "does not export clear");
    assert!(!folder.path("component.wasm").exists());
    folder.run(&["algorithm", "wrap", "nowhere.wasm", "-o", "x.wasm"]).refused(2, &["cannot read nowhere.wasm"]);
    folder.run(&["algorithm", "wrap", "/dev/zero", "-o", "x.wasm"]).refused(2, &["/dev/zero: ", "at most 67108864"]);
}

#[test]
fn a_wrong_signature_and_a_foreign_import_are_named() {
    let folder = Folder::new();
    let with =
        |text: &str, other: &str| wat::parse_str(self::text(Encoding::Utf8, "", "").replace(text, other)).unwrap();
    let no_realloc = with("(func (export \"cabi_realloc\")", "(func (export \"realloc\")");
    wrap(&folder, &no_realloc, &[]).refused(2, &["does not export cabi_realloc: (i32, i32, i32, i32) -> (i32)"]);
    let wrong =
        with("(func (export \"describe\") (result i32)", "(func (export \"describe\") (param i64) (result i32)");
    wrap(&folder, &wrong, &[]).refused(2, &["describe is (i64) -> (i32), but () -> (i32) is expected"]);
    let foreign = module(Encoding::Utf8, "(import \"env\" \"socket\" (func (param i32)))", "");
    wrap(&folder, &foreign, &[]).refused(2, &["imports env.socket: nothing defines it"]);
}

#[test]
fn only_a_component_is_replaced_unless_forced() {
    let folder = Folder::new();
    let (first, second) = (module(Encoding::Utf8, "", ""), module(Encoding::Utf8, "", "(drop (i32.const 1))"));
    wrap(&folder, &first, &[]).done();
    wrap(&folder, &second, &[]).done();
    folder.file("component.wasm", "a letter");
    wrap(&folder, &second, &[]).refused(2, &["component.wasm already exists and is no component", "--force"]);
    assert_eq!(folder.text("component.wasm"), "a letter");
    folder.run(&["algorithm", "wrap", "core.wasm", "-o", "core.wasm"]).refused(2, &["core.wasm already exists"]);
    wrap(&folder, &second, &["--force"]).done();
    folder
        .run(&["algorithm", "wrap", "core.wasm", "-o", "nowhere/x.wasm"])
        .refused(2, &["cannot write nowhere/x.wasm"]);
    folder.run(&["algorithm", "wrap", "core.wasm"]).misused(&["--output <FILE.wasm>"]);
    folder.run(&["algorithm", "wrap", "core.wasm", "-o", "x", "--encoding", "latin1"]).misused(&["utf8, utf16"]);
}

/// Go asks for all that preview 1 has: for the order of maps, random numbers, the clock, and sleeping goroutines.
#[needs::go]
#[test]
fn a_go_program_does_the_same_in_every_run() {
    let folder = Folder::new();
    folder.file("go.mod", include_str!("wrapped/go/go.mod"));
    folder.file("main.go", include_str!("wrapped/go/main.go"));
    let mut go = Command::new("go");
    go.current_dir(folder.path("")).envs([("GOOS", "wasip1"), ("GOARCH", "wasm"), ("GOFLAGS", "")]);
    go.args(["build", "-trimpath", "-buildmode=c-shared", "-ldflags=-s -w", "-o", "core.wasm", "."]);
    let built = Ran::of(go);
    assert_eq!(built.code, 0, "{}", built.err);
    folder.run(&["algorithm", "wrap", "core.wasm", "-o", "component.wasm"]).done();
    folder.run(&["algorithm", "check", "component.wasm"]).done();
    let run = |member: &str| folder.json_of("component.wasm", &round(&[("anna", 1500, 0), (member, 0, 700)]), &[]);
    let (first, second) = (run("ben"), run("ben"));
    assert_eq!((&first["status"], &first["log"], &first["fuel"]), (&second["status"], &second["log"], &second["fuel"]));
    assert_eq!(first["status"], "balanced", "{first}");
    let log = first["log"].as_str().unwrap();
    assert!(log.contains("43210 ") && log.contains(" 2000-01-01T00:00:0") && log.contains("Bad file number"), "{log}");
    for (member, says) in [("panic", "a mistake of the author's"), ("exit", "called exit")] {
        let object = run(member);
        let message = object["error"]["message"].as_str().unwrap();
        assert!(message.contains(says) && (member == "exit" || message.contains("main.go:")), "{message}");
    }
}
