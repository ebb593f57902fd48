//! Components that exhaust the compiler affect only the child process that compiles them.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "all of this file is a test")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::Digest;
use domain::text::chain;
use rec_market_tests::{corpus, for_each_bomb, guests};
use sandbox::{CompileLimits, Compiler, LoadError, Options, Sandbox, SandboxError};

/// Plenty of memory for an honest algorithm, and too little time for a bomb on any machine.
const LIMITS: CompileLimits =
    CompileLimits { processor_time: Duration::from_secs(1), time: Duration::from_secs(600), memory_bytes: 128 << 20 };

fn sandbox_with(program: &str, arguments: Vec<String>, limits: CompileLimits) -> Sandbox {
    let compiler = Compiler::Child { program: PathBuf::from(program), arguments, limits };
    Sandbox::new(Options { runs_max: 2, compiler, ..Options::default() }).unwrap()
}

fn sandbox(limits: CompileLimits) -> Sandbox {
    let arguments = vec![limits.memory_bytes.to_string(), limits.processor_time.as_secs().to_string()];
    sandbox_with(env!("CARGO_BIN_EXE_compile-child"), arguments, limits)
}

/// Makes a sandbox whose child has enough time even on a busy machine.
fn patient_sandbox() -> Sandbox {
    sandbox(CompileLimits { processor_time: Duration::from_secs(600), ..LIMITS })
}

macro_rules! each_bomb {
    ($($name:ident $bytes:ident)*) => { $(
        #[test]
        fn $name() {
            runs_out_of_time(guests::$bytes);
            runs_out_of_memory(guests::$bytes);
        }
    )* };
}
for_each_bomb!(each_bomb);

fn runs_out_of_time(bomb: &[u8]) {
    // With so much memory that the time limit is reached first.
    let error = sandbox(CompileLimits { memory_bytes: 8 << 30, ..LIMITS }).load(bomb).unwrap_err();
    assert!(matches!(&error, LoadError::CompileTime(time) if *time == LIMITS.processor_time), "{error:?}");
}

fn runs_out_of_memory(bomb: &[u8]) {
    let error = patient_sandbox().load(bomb).unwrap_err();
    assert!(matches!(&error, LoadError::CompileMemory { .. }), "{error:?}");
    assert!(chain(&error).len() < 2000, "{error}");
}

/// On a machine with more memory it might compile, so that it is not refused for ever.
#[test]
fn a_component_that_a_small_machine_cannot_compile_is_not_refused() {
    let arguments = vec![LIMITS.memory_bytes.to_string(), "600".to_owned()];
    let all = CompileLimits { memory_bytes: u64::MAX, ..LIMITS };
    let sandbox = sandbox_with(env!("CARGO_BIN_EXE_compile-child"), arguments, all);
    let error = sandbox.load(guests::FUNCTIONS_MANY).unwrap_err();
    assert!(matches!(error, LoadError::Sandbox(SandboxError::Machine(_))), "{error:?}");
    assert!(chain(&error).contains("give the container more"), "{error}");
}

#[test]
fn code_from_the_child_runs_in_this_engine() {
    let sandbox = patient_sandbox();
    for name in ["honest", "endless_loop", "memory_bomb", "panics", "energy_made"] {
        corpus::guest(name).check(&sandbox);
    }
}

#[test]
fn the_child_refuses_invalid_components_as_this_process_does() {
    let sandbox = patient_sandbox();
    for name in ["memory64", "types_deep", "imports_random", "world_without_clear", "async_lift"] {
        corpus::guest(name).check(&sandbox);
    }
}

#[test]
fn a_component_too_large_for_the_slots_is_not_the_compilers_fault() {
    let sandbox = patient_sandbox();
    for name in ["instances_too_many", "instances_too_large", "table_declared", "memories_too_many"] {
        corpus::guest(name).check(&sandbox);
    }
}

/// It has not even seen the component.
#[test]
fn a_child_without_memory_for_itself_is_not_the_components_fault() {
    let error = sandbox(CompileLimits { memory_bytes: 16 << 20, ..LIMITS }).load(guests::HONEST).unwrap_err();
    assert!(matches!(error, LoadError::Sandbox(SandboxError::Compiler { .. })), "{error:?}");
}

#[test]
fn a_child_that_cannot_start_is_not_the_components_fault() {
    let error = sandbox_with("/nowhere/compiler", Vec::new(), LIMITS).load(guests::HONEST).unwrap_err();
    let LoadError::Sandbox(SandboxError::Compiler { .. }) = error else { panic!("{error:?}") };
    assert!(chain(&error).contains("/nowhere/compiler failed: No such file"), "{error}");
}

#[test]
fn a_child_that_returns_garbage_is_not_the_components_fault() {
    // The last one returns the component itself.
    for (program, arguments) in [("/bin/true", vec![]), ("/bin/echo", vec!["garbage".to_owned()]), ("/bin/cat", vec![])]
    {
        let error = sandbox_with(program, arguments, LIMITS).load(guests::HONEST).unwrap_err();
        assert!(matches!(error, LoadError::Sandbox(SandboxError::Compiler { .. })), "{program}: {error:?}");
    }
}

/// It used no processor time, so a machine with more to give would have let it finish.
#[test]
fn a_child_that_is_kept_waiting_is_not_the_components_fault() {
    let limits = CompileLimits { time: Duration::from_millis(50), ..LIMITS };
    let error = sandbox_with("/bin/sleep", vec!["3600".to_owned()], limits).load(guests::HONEST).unwrap_err();
    assert!(matches!(error, LoadError::Sandbox(SandboxError::Busy(_))), "{error:?}");
    let says = "the machine is busy: the compiler was kept from finishing within 50ms";
    assert!(chain(&error).contains(says), "{error}");
}

#[test]
fn a_child_that_is_killed_from_outside_is_not_the_components_fault() {
    // As the system kills it if it has no memory left.
    let script = format!("echo {} >&2; kill -KILL $$", "shut in");
    let error = sandbox_with("/bin/sh", vec!["-c".to_owned(), script], LIMITS).load(guests::HONEST).unwrap_err();
    assert!(matches!(error, LoadError::Sandbox(SandboxError::Machine(_))), "{error:?}");
    assert!(chain(&error).contains("killed"), "{error}");
}

/// Loads a component with a cache of its own and, if given, the functions of a history; returns its code.
fn code_of(cache: &Path, history: Option<Digest>, component: &[u8]) -> Vec<u8> {
    let arguments = vec![(1_u64 << 30).to_string(), "600".to_owned()];
    let limits = CompileLimits { memory_bytes: 1 << 30, ..LIMITS };
    let program = PathBuf::from(env!("CARGO_BIN_EXE_compile-child"));
    let compiler = Compiler::Child { program, arguments, limits };
    let options = Options { cache: Some(cache.to_owned()), history, compiler, ..Options::default() };
    let digest = Sandbox::new(options).unwrap().load(component).unwrap().digest().to_string();
    let files = std::fs::read_dir(cache).unwrap().map(|file| file.unwrap().path());
    let [code] = &files.filter(|path| is_code_of(path, &digest)).collect::<Vec<_>>()[..] else {
        panic!("one has code")
    };
    std::fs::read(code).unwrap()
}

fn is_code_of(path: &Path, digest: &str) -> bool {
    let name = path.file_name().unwrap().to_str().unwrap();
    name.starts_with(digest) && name.ends_with(".code")
}

fn functions(cache: &Path) -> PathBuf {
    let files = std::fs::read_dir(cache).unwrap().map(|file| file.unwrap().path());
    let [kept] = &files.filter(|path| path.extension().is_some_and(|end| end == "functions")).collect::<Vec<_>>()[..]
    else {
        panic!("one has functions")
    };
    kept.clone()
}

#[test]
fn functions_of_the_last_version_save_time_and_change_nothing() {
    let versions = [guests::larger(guests::HONEST, 700), guests::larger(guests::HONEST, 710)];
    let history = Some(Digest::of(b"a file"));
    let [kept, new] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for version in &versions {
        assert_eq!(code_of(kept.path(), history, version), code_of(new.path(), None, version));
    }
    let found: Vec<_> = std::fs::read_dir(new.path()).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(found.iter().all(|path| path.extension().is_some_and(|end| end == "code")), "{found:?}");
    // What is damaged, although its digest is right, is only compiled again.
    let garbage = [0xff; 100];
    std::fs::write(functions(kept.path()), [Digest::of(&garbage).as_bytes().as_slice(), &garbage].concat()).unwrap();
    let third = guests::larger(guests::HONEST, 720);
    assert_eq!(code_of(kept.path(), history, &third), code_of(new.path(), None, &third));
    // A small one is not worth it.
    let small = tempfile::tempdir().unwrap();
    code_of(small.path(), history, guests::HONEST);
    assert_eq!(std::fs::read_dir(small.path()).unwrap().count(), 1);
}

#[test]
fn a_child_with_wrong_arguments_is_not_the_components_fault() {
    let error = sandbox_with(env!("CARGO_BIN_EXE_compile-child"), vec!["nonsense".to_owned()], LIMITS)
        .load(guests::HONEST)
        .unwrap_err();
    assert!(matches!(error, LoadError::Sandbox(SandboxError::Compiler { .. })), "{error:?}");
}

#[test]
fn a_child_that_fails_without_a_reason_is_not_the_components_fault() {
    let error = sandbox_with("/bin/false", Vec::new(), LIMITS).load(guests::HONEST).unwrap_err();
    assert!(matches!(error, LoadError::Sandbox(SandboxError::Compiler { .. })), "{error:?}");
}
