//! The walls around the compiler's process: once they stand, it can read, write, use memory and end, and nothing else.
//!
//! The compiler reads what strangers wrote. Should it ever be made to do what they want, it finds no files, no network, no
//! other program and no privileges. Each wall stands alone, since not every kernel and container permits all of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use rustix::thread::{UnshareFlags, set_no_new_privs, unshare_unsafe};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

/// The first descriptor that is not one of the three pipes.
const DESCRIPTORS: u64 = 3;

/// Walls that could not be put up, each with the reason.
pub(crate) type Missing = Vec<String>;

/// A process that has nothing but its three pipes.
pub(crate) struct CutOff {
    missing: Missing,
    network: Result<(), String>,
}

/// Cuts this process off from all but its three pipes. Must be called while it has a single thread.
///
/// # Errors
/// If it has other descriptors and cannot get rid of them.
pub(crate) fn cut_off() -> Result<CutOff, String> {
    close_all_but_pipes()?;
    let mut missing = Missing::new();
    let mut tried = |wall: &str, result: Result<(), String>| {
        if let Err(reason) = result {
            missing.push(format!("{wall} ({reason})"));
        }
    };
    tried("an end together with the service", set_parent_process_death_signal(Some(Signal::KILL)).map_err(text));
    tried("an empty working directory", check_working_directory());
    let network = leave_network();
    tried("a promise of no new privileges", set_no_new_privs(true).map_err(text));
    Ok(CutOff { missing, network })
}

impl CutOff {
    /// Leaves this process, with all threads that it has, the calls that a compiler makes. It can start no more threads.
    pub(crate) fn silence(self) -> Missing {
        let CutOff { mut missing, network } = self;
        let no_more = Rlimit { current: Some(DESCRIPTORS), maximum: Some(DESCRIPTORS) };
        if let Err(error) = setrlimit(Resource::Nofile, no_more) {
            missing.push(format!("a limit on descriptors ({error})"));
        }
        if let Err(reason) = filter() {
            missing.push(format!("a filter of system calls ({reason})"));
            // With the filter there is no network either way: few containers permit to leave it.
            missing.extend(network.err().map(|reason| format!("a network of its own ({reason})")));
        }
        missing
    }
}

fn text(error: rustix::io::Errno) -> String {
    error.to_string()
}

/// Closes what was inherited. This program opens everything so that children do not get it, but whoever started it may not.
#[allow(unsafe_code, reason = "a descriptor that nobody owns can only be closed by its number; see SAFETY")]
fn close_all_but_pipes() -> Result<(), String> {
    let unknown = |error: std::io::Error| format!("cannot tell its descriptors: {error}");
    let mut inherited = Vec::new();
    for entry in fs::read_dir("/proc/self/fd").map_err(unknown)? {
        let name = entry.map_err(unknown)?.file_name();
        inherited.extend(name.to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    // Among them was that of the directory, which is closed by now. Closing it again does nothing.
    for descriptor in
        inherited.into_iter().filter(|descriptor| u64::try_from(*descriptor).is_ok_and(|n| n >= DESCRIPTORS))
    {
        // SAFETY: the process has a single thread and has opened nothing that is still open, so nobody owns this number.
        unsafe { rustix::io::close(descriptor) };
    }
    Ok(())
}

fn check_working_directory() -> Result<(), String> {
    match fs::read_dir(".").map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err("there was no temporary directory".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Moves into a network with nothing in it. Without the privilege to do so, a user namespace of its own gives it.
#[allow(unsafe_code, reason = "the call can share descriptors wrongly between threads; see SAFETY")]
fn leave_network() -> Result<(), String> {
    let leave = |flags| {
        // SAFETY: there is a single thread, and the table of descriptors stays as it is.
        unsafe { unshare_unsafe(flags) }
    };
    leave(UnshareFlags::NEWNET).or_else(|_| leave(UnshareFlags::NEWUSER | UnshareFlags::NEWNET)).map_err(text)
}

fn filter() -> Result<(), String> {
    let broken = |error: seccompiler::BackendError| error.to_string();
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(broken)?;
    let refuse = SeccompAction::Errno(rustix::io::Errno::PERM.raw_os_error().unsigned_abs());
    let rules = rules().map_err(broken)?;
    let filter = SeccompFilter::new(rules, refuse, SeccompAction::Allow, arch).map_err(broken)?;
    let program = BpfProgram::try_from(filter).map_err(broken)?;
    seccompiler::apply_filter_all_threads(&program).map_err(|error| error.to_string())
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// The calls that are permitted, some of them only with certain arguments.
fn rules() -> Result<Rules, seccompiler::BackendError> {
    let mut rules: Rules = PERMITTED.iter().map(|call| (*call, Vec::new())).collect();
    let rule = |argument: u8, operator: SeccompCmpOp, value: u64| {
        SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Qword, operator, value)?])
    };
    // Code is compiled here, but never run.
    let is_executable = u64::from(libc::PROT_EXEC.unsigned_abs());
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, vec![rule(2, SeccompCmpOp::MaskedEq(is_executable), 0)?]);
    }
    // Signals only to itself: that is how a program aborts.
    rules.insert(libc::SYS_tgkill, vec![rule(0, SeccompCmpOp::Eq, u64::from(std::process::id()))?]);
    // Limits may be read.
    rules.insert(libc::SYS_prlimit64, vec![rule(2, SeccompCmpOp::Eq, 0)?]);
    // A thread gives itself a name when it begins.
    rules.insert(libc::SYS_prctl, vec![rule(0, SeccompCmpOp::Eq, u64::from(libc::PR_SET_NAME.unsigned_abs()))?]);
    Ok(rules)
}

/// The calls that are permitted with any arguments. Nothing here opens, connects, starts or changes anything outside.
const PERMITTED: [i64; 33] = [
    // The pipes.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_lseek,
    // Memory.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Threads that were there before.
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_restart_syscall,
    // The end.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_uname,
];

/// An empty directory for the compiler to work in, which goes away with the value. None if there is no place for it.
pub(crate) fn empty_directory() -> Option<tempfile::TempDir> {
    use std::os::unix::fs::PermissionsExt;
    let nobody_writes = fs::Permissions::from_mode(0o500);
    tempfile::Builder::new().prefix("rec-market-compiler").permissions(nobody_writes).tempdir().ok()
}

/// Where the compiler works if there is no empty directory.
pub(crate) fn root() -> &'static Path {
    Path::new("/")
}
