//! A machine that has nothing left says so, and never blames the algorithm, whatever it is asked for.
//!
//! This test needs its own process, because it takes away that process's resources.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "all of this file is a test")]

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use rec_market_tests::{corpus, guests};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sandbox::{Algorithm, CompileLimits, Compiler, FailureKind, LoadError, Options, Sandbox, SandboxError};

fn sandbox() -> Sandbox {
    Sandbox::new(Options { runs_max: 1, ..Options::default() }).unwrap()
}

/// Does something while this process may not have more than this of a resource.
fn within<T>(resource: Resource, most: u64, run: impl FnOnce() -> T) -> T {
    let before = getrlimit(resource);
    setrlimit(resource, Rlimit { current: Some(most), ..before }).unwrap();
    let result = run();
    setrlimit(resource, before).unwrap();
    result
}

/// A number of kB in this process's status, in bytes.
fn used_bytes(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
}

/// The most descriptors with which this process can open no further one: the number of the next.
fn open_files() -> u64 {
    u64::try_from(File::open("/dev/null").unwrap().as_raw_fd()).unwrap()
}

#[track_caller]
fn is_machines<T: std::fmt::Debug>(result: Result<T, SandboxError>) {
    let error = result.unwrap_err();
    assert!(matches!(error, SandboxError::Machine(_)), "{error:?}");
    assert!(error.to_string().contains("says nothing about the algorithm"), "{error}");
}

/// Both ways to call an algorithm blame the machine, and work again when it has what they need.
#[track_caller]
fn is_the_machines_fault(algorithm: &Algorithm, resource: Resource, most: u64) {
    let round = corpus::round();
    let describe = within(resource, most, || algorithm.describe(corpus::BUDGET));
    is_machines(describe);
    let clear = within(resource, most, || algorithm.clear(&round, corpus::BUDGET));
    is_machines(clear);
    algorithm.describe(corpus::BUDGET).unwrap().unwrap();
    algorithm.clear(&round, corpus::BUDGET).unwrap().result.unwrap();
}

/// One test, since these limits hold for all threads.
#[test]
fn a_machine_with_nothing_left_never_blames_the_algorithm() {
    // Open files: the first instance of a component keeps the beginning of its memory in one.
    let reserved = sandbox();
    let base = base::base("mid-market-rate").unwrap().bytes;
    is_the_machines_fault(&reserved.load(base).unwrap(), Resource::Nofile, open_files());

    // Memory that a run asks for within its limit.
    let growing = reserved.load(guests::MEMORY_BOMB).unwrap();
    let grows = || growing.clear(&corpus::round(), corpus::BUDGET);
    is_machines(within(Resource::Data, used_bytes("VmData") + (8 << 20), grows));
    assert_eq!(grows().unwrap().result.unwrap_err().kind, FailureKind::Memory);

    // Address space: without reserved slots each memory takes its own.
    let (unreserved, algorithm) = within(Resource::As, used_bytes("VmSize") + (20 << 30), || {
        let sandbox = sandbox();
        let algorithm = sandbox.load(guests::HONEST).unwrap();
        (sandbox, algorithm)
    });
    assert!(unreserved.unreserved().is_some());
    is_the_machines_fault(&algorithm, Resource::As, used_bytes("VmSize") + (1 << 30));

    // A compiler that cannot be started.
    let program = PathBuf::from(env!("CARGO_BIN_EXE_compile-child"));
    let arguments = vec!["1073741824".to_owned(), "600".to_owned()];
    let compiler = Compiler::Child { program, arguments, limits: CompileLimits::default() };
    let compiling = Sandbox::new(Options { runs_max: 1, compiler, ..Options::default() }).unwrap();
    let load = || match compiling.load(guests::HONEST) {
        Err(LoadError::Sandbox(error)) => Err(error),
        other => Ok(other),
    };
    is_machines(within(Resource::Nofile, open_files(), load));
    load().unwrap().unwrap();
}
