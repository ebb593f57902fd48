//! The resources of the process, under the usual names of Prometheus clients. Read from `/proc`; without it they stay at 0.

use std::fs;

use prometheus::{Counter, IntGauge, Registry};

use super::{counter, gauge};

/// Ticks of `/proc/self/stat` in a second. Linux shows 100 to programs, whatever its timer does.
const TICKS_PER_SECOND: f64 = 100.0;

/// The process's families.
pub(super) struct Process {
    cpu: Counter,
    memory: IntGauge,
    files: IntGauge,
}

impl Process {
    /// Registers the families; `started` is in Unix seconds.
    pub(super) fn new(registry: &Registry, started: i64) -> Process {
        let start = gauge(registry, "process_start_time_seconds", "When the process started, in Unix seconds");
        start.set(started);
        Process {
            cpu: counter(registry, "process_cpu_seconds_total", "Processor time used, in seconds"),
            memory: gauge(registry, "process_resident_memory_bytes", "Resident memory"),
            files: gauge(registry, "process_open_fds", "Open file descriptors"),
        }
    }

    /// Looks again. Not from two threads at once: both would add the same processor time.
    pub(super) fn refresh(&self) {
        let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).ok();
        if let Some(seconds) = read("stat").as_deref().and_then(cpu_seconds) {
            self.cpu.inc_by((seconds - self.cpu.get()).max(0.0));
        }
        if let Some(bytes) = read("status").as_deref().and_then(resident_bytes) {
            self.memory.set(bytes);
        }
        // One of them is the directory being read.
        let files = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count).saturating_sub(1);
        self.files.set(i64::try_from(files).unwrap_or(i64::MAX));
    }
}

/// User and system time of `/proc/self/stat`, the 14th and 15th field. The second one is in parentheses and may have spaces.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok().map(f64::from);
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

/// `VmRSS` of `/proc/self/status`, which is in KiB.
fn resident_bytes(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<i64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_understood() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 99 0 0 0 250 50 0 0 20 0 8 0 1234 1 2";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(resident_bytes("VmPeak:\t  9 kB\nVmRSS:\t   12 kB\n"), Some(12 * 1024));
        assert_eq!((cpu_seconds("7 (a) S 1"), resident_bytes("VmRSS: x kB")), (None, None));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_uses_something() {
        let process = Process::new(&Registry::new(), 0);
        process.refresh();
        assert!(process.memory.get() > 1 << 20, "{}", process.memory.get());
        assert!(process.files.get() >= 3, "{}", process.files.get());
    }
}
