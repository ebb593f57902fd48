//! The compiler's process is shut in: seen from outside while it compiles, and by an attacker within.
//!
//! This test needs its own process, because it looks at that process's children.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "all of this file is a test")]

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rec_market_tests::guests;
use sandbox::{CompileLimits, Compiler, LoadError, Options, Sandbox, SandboxError};

const LIMITS: CompileLimits =
    CompileLimits { processor_time: Duration::from_secs(600), time: Duration::from_secs(600), memory_bytes: 1 << 30 };

/// Makes a sandbox that compiles in a child.
fn sandbox() -> Sandbox {
    let compiler = Compiler::Child {
        program: PathBuf::from(env!("CARGO_BIN_EXE_compile-child")),
        arguments: vec![LIMITS.memory_bytes.to_string(), LIMITS.processor_time.as_secs().to_string()],
        limits: LIMITS,
    };
    Sandbox::new(Options { runs_max: 1, compiler, ..Options::default() }).unwrap()
}

/// The processes that this one has started and that have not ended.
fn children() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let of_task = |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).unwrap_or_default();
    tasks.flat_map(|task| of_task(task.unwrap()).split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn field(status: &Path, name: &str) -> String {
    let text = fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

/// The filters of a process. A container has some for all its processes.
fn filters(status: &Path) -> u32 {
    field(status, "Seccomp_filters").parse().unwrap_or_else(|_| u32::from(field(status, "Seccomp") == "2"))
}

/// Waits for the child that compiles, and for its last wall.
fn compiling() -> PathBuf {
    let started = Instant::now();
    loop {
        assert!(started.elapsed() < Duration::from_secs(60), "no child shuts itself in");
        for child in children() {
            let process = Path::new("/proc").join(child);
            let status = process.join("status");
            let is_compiler = field(&status, "Name") == "compile-child";
            if is_compiler && filters(&status) > filters(Path::new("/proc/self/status")) {
                return process;
            }
        }
        std::thread::yield_now();
    }
}

#[test]
fn the_compiler_is_shut_in_and_ends_when_the_program_stops() {
    let directory = tempfile::tempdir().unwrap();
    // Inherited by whatever is started from here, unlike everything that Rust opens.
    let leak = fs::File::create(directory.path().join("leak")).unwrap();
    rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
    let sandbox = sandbox();
    std::thread::scope(|scope| {
        let loading = scope.spawn(|| sandbox.load(guests::FUNCTIONS_MANY).unwrap_err());
        let process = compiling();
        let tasks = fs::read_dir(process.join("task")).unwrap().map(|task| task.unwrap().path());
        for task in tasks {
            // Every thread of it.
            let status = task.join("status");
            assert_eq!((field(&status, "Seccomp"), field(&status, "NoNewPrivs")), ("2".to_owned(), "1".to_owned()));
        }
        assert_eq!(fs::read(process.join("environ")).unwrap(), b"");
        let cwd = process.join("cwd");
        assert!(fs::read_link(&cwd).unwrap() != std::env::current_dir().unwrap());
        assert_eq!(fs::read_dir(&cwd).unwrap().count(), 0);
        let open = fs::read_dir(process.join("fd")).unwrap().map(|entry| entry.unwrap());
        let open: BTreeSet<_> = open
            .map(|entry| {
                let target = fs::read_link(entry.path()).unwrap().display().to_string();
                assert!(target.starts_with("pipe:"), "{target}");
                entry.file_name().into_string().unwrap()
            })
            .collect();
        assert_eq!(open, BTreeSet::from(["0", "1", "2"].map(str::to_owned)));
        let limits = fs::read_to_string(process.join("limits")).unwrap();
        let limit = |name: &str| {
            let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().to_owned()
        };
        assert_eq!(limit("Max address space"), LIMITS.granted_bytes().to_string());
        assert_eq!((limit("Max cpu time"), limit("Max open files")), ("600".to_owned(), "3".to_owned()));
        assert_eq!(limit("Max core file size"), "0");

        let stopping = Instant::now();
        sandbox.stop();
        let error = loading.join().unwrap();
        assert!(matches!(error, LoadError::Sandbox(SandboxError::Stopped)), "{error:?}");
        assert!(stopping.elapsed() < Duration::from_secs(5), "{:?}", stopping.elapsed());
    });
    assert!(
        !children()
            .iter()
            .any(|child| field(&Path::new("/proc").join(child).join("status"), "Name") == "compile-child")
    );
}

#[test]
fn whoever_takes_over_the_compiler_gets_nowhere() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("in the way"), "").unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_shut-in"))
        .arg(listener.local_addr().unwrap().port().to_string())
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let errors = String::from_utf8(ended.stderr).unwrap();
    let mut lines = errors.lines();
    // The directory has a file, which is told; all other walls stand.
    assert_eq!(lines.next(), Some("shut in without an empty working directory (there was no temporary directory)"));
    let attempts: Vec<&str> = lines.by_ref().take(11).collect();
    for attempt in &attempts {
        assert!(attempt.ends_with(": error 1"), "every attempt is not permitted: {attempt}");
    }
    assert_eq!(attempts.len(), 11, "{errors}");
    // And then it does what it is for.
    assert_eq!(ended.status.code(), Some(65), "{errors}");
}

#[test]
fn the_compiler_has_at_most_half_of_the_memory_that_there_is() {
    let memory = fs::read_to_string("/proc/meminfo").unwrap();
    let total: u64 = memory.split_whitespace().nth(1).unwrap().parse().unwrap();
    let most = CompileLimits { memory_bytes: u64::MAX, ..LIMITS };
    assert!(most.granted_bytes() <= (total << 10) / 2, "{} of {total} KiB", most.granted_bytes());
    let few = CompileLimits { memory_bytes: 1 << 20, ..LIMITS };
    assert_eq!(few.granted_bytes(), 1 << 20);
}
