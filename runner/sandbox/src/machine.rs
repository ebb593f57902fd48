//! Tells failures of the machine from those of an algorithm, and what the machine allows the compiler.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::error::{LoadError, SandboxError, quoted};
use crate::limits::HostMemoryExhausted;

/// The machine's failure behind an error of the engine, if there is one: it has no memory, address space, threads or files
/// left. No algorithm causes these within its limits. Gives back any other error.
pub(crate) fn failure(error: wasmtime::Error) -> Result<SandboxError, wasmtime::Error> {
    let is_the_machines = error.is::<wasmtime::OutOfMemory>()
        || error.is::<wasmtime::PoolConcurrencyLimitError>()
        || error.is::<HostMemoryExhausted>()
        || error.chain().any(|cause| cause.is::<rustix::io::Errno>() || cause.is::<io::Error>());
    if is_the_machines { Ok(SandboxError::Machine(error.into())) } else { Err(error) }
}

/// The machine's failure behind an error of the engine, or else what its words mean for the component that caused it.
pub(crate) fn or(error: wasmtime::Error, otherwise: impl FnOnce(String) -> LoadError) -> LoadError {
    failure(error).map_or_else(|error| otherwise(quoted(&format!("{error:#}"))), LoadError::from)
}

/// The machine's failure behind an error of the engine, or else the engine's own.
pub(crate) fn or_engine(error: wasmtime::Error) -> SandboxError {
    failure(error).unwrap_or_else(|error| SandboxError::Engine(error.into()))
}

/// The memory that this process and its children may use together, in bytes: that of its container, or of the machine.
/// None if the system does not tell.
pub(crate) fn memory_bytes() -> Option<u64> {
    memory_bytes_below(Path::new("/"))
}

/// The same on a system whose files are below this directory.
fn memory_bytes_below(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().flat_map(|line| group_limits(root, line));
    limits.chain(machine_bytes(root)).min()
}

/// The limits of a control group and of all groups around it. `line` is HIERARCHY:CONTROLLERS:PATH of `/proc/self/cgroup`.
fn group_limits(root: &Path, line: &str) -> Vec<u64> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { return Vec::new() };
    let mounts = root.join("sys/fs/cgroup");
    let (mount, file) = match controllers {
        "" => (mounts, "memory.max"),
        v1 if v1.split(',').any(|controller| controller == "memory") => {
            (mounts.join("memory"), "memory.limit_in_bytes")
        }
        _ => return Vec::new(),
    };
    // A container often sees its own group as the root, under whatever path it has outside.
    let inner: PathBuf = Path::new(path).components().filter(|part| matches!(part, Component::Normal(_))).collect();
    let files = inner.ancestors().map(|group| mount.join(group).join(file));
    // "max" is no limit.
    files.filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok()).collect()
}

/// The machine's memory.
fn machine_bytes(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what a system with these files allows.
    fn allowed(files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        memory_bytes_below(root.path())
    }

    const MACHINE: (&str, &str) = ("proc/meminfo", "MemTotal:        8000000 kB\nMemFree:   1 kB\n");
    const MACHINE_BYTES: u64 = 8_000_000 << 10;

    #[test]
    fn without_a_container_the_machine_counts() {
        assert_eq!(allowed(&[MACHINE]), Some(MACHINE_BYTES));
        assert_eq!(allowed(&[MACHINE, ("proc/self/cgroup", "0::/\n")]), Some(MACHINE_BYTES));
        let no_limit = [MACHINE, ("proc/self/cgroup", "0::/user\n"), ("sys/fs/cgroup/user/memory.max", "max\n")];
        assert_eq!(allowed(&no_limit), Some(MACHINE_BYTES));
        assert_eq!(allowed(&[]), None);
        assert_eq!(allowed(&[("proc/meminfo", "MemTotal: much\n"), ("proc/self/cgroup", "rubbish\n")]), None);
    }

    #[test]
    fn the_narrowest_group_around_the_process_counts() {
        let groups = ("proc/self/cgroup", "0::/system.slice/market.service\n");
        let outer = ("sys/fs/cgroup/system.slice/memory.max", "1000000\n");
        let inner = ("sys/fs/cgroup/system.slice/market.service/memory.max", "max\n");
        assert_eq!(allowed(&[MACHINE, groups, outer, inner]), Some(1_000_000));
        let narrow = ("sys/fs/cgroup/system.slice/market.service/memory.max", "500000\n");
        assert_eq!(allowed(&[MACHINE, groups, outer, narrow]), Some(500_000));
        let sibling = ("sys/fs/cgroup/system.slice/other.service/memory.max", "5\n");
        assert_eq!(allowed(&[MACHINE, groups, outer, inner, sibling]), Some(1_000_000));
    }

    #[test]
    fn a_container_sees_its_group_as_the_root() {
        let root = ("sys/fs/cgroup/memory.max", "268435456\n");
        for path in ["0::/\n", "0::/docker/0123abc\n", "0::/../../elsewhere\n"] {
            assert_eq!(allowed(&[MACHINE, ("proc/self/cgroup", path), root]), Some(268_435_456), "{path}");
        }
    }

    #[test]
    fn the_first_version_of_control_groups_counts_too() {
        let groups = "12:cpu,cpuacct:/docker/1\n5:hugetlb,memory:/docker/1\n1:name=systemd:/\n";
        let groups = ("proc/self/cgroup", groups);
        let inside = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "300000000\n");
        assert_eq!(allowed(&[MACHINE, groups, inside]), Some(300_000_000));
        // No limit is a number above every memory.
        let none = ("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(allowed(&[MACHINE, groups, none]), Some(MACHINE_BYTES));
    }
}
