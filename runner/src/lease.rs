//! The owner of leases: a process that can be told from every other, and whose end can be seen on the same machine.

use std::fs;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;
use books::{Acquired, Leases, StoreError};

/// This process, as it names itself in leases: `NAME/PID@PLACE-START`.
///
/// The place is the machine's boot and its namespace of process ids, so that two containers are two places. On the same
/// place it can be seen whether a process is gone: then nobody has to wait for its leases to run out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseOwner {
    name: String,
    process: Option<Process>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Process {
    id: u32,
    place: String,
    /// When it was started, in the kernel's ticks since the boot: ids are used again.
    start: u64,
}

impl LeaseOwner {
    /// This process.
    pub fn this(clock: &dyn Clock) -> LeaseOwner {
        let host = read("/proc/sys/kernel/hostname").unwrap_or_else(|| "unknown".to_owned());
        let id = std::process::id();
        let process = place().zip(start_of(id)).map(|(place, start)| Process { id, place, start });
        // Where nothing is known of processes, the time tells two of them apart.
        let name = match &process {
            Some(Process { id, place, start }) => format!("{host}/{id}@{place}-{start}"),
            None => format!("{host}/{id}@{}", clock.now().as_nanosecond()),
        };
        LeaseOwner { name, process }
    }

    /// An owner of that name, of which nothing else is known.
    pub fn named(name: &str) -> LeaseOwner {
        LeaseOwner { name: name.to_owned(), process: None }
    }

    /// Takes a lease, or takes it again; from an owner that is gone at once.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn take(
        &self,
        store: &(impl Leases + ?Sized),
        lease: &str,
        now: Timestamp,
        term: Duration,
    ) -> Result<Acquired, StoreError> {
        let acquired = store.acquire(lease, &self.name, now, term).await?;
        match &acquired {
            Acquired::ByOther { owner, .. } if self.knows_gone(owner) => {
                tracing::info!(lease, owner, "the owner of a lease is gone");
                store.release(lease, owner).await?;
                store.acquire(lease, &self.name, now, term).await
            }
            _ => Ok(acquired),
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether another owner is known to be gone.
    pub fn knows_gone(&self, other: &str) -> bool {
        let (Some(own), Some(other)) = (&self.process, parse(other)) else { return false };
        other.place == own.place && start_of(other.id) != Some(other.start)
    }
}

fn parse(name: &str) -> Option<Process> {
    let (host_and_id, place_and_start) = name.rsplit_once('@')?;
    let (_, id) = host_and_id.rsplit_once('/')?;
    let (place, start) = place_and_start.rsplit_once('-')?;
    Some(Process { id: id.parse().ok()?, place: place.to_owned(), start: start.parse().ok()? })
}

/// The machine's boot and the namespace of process ids.
fn place() -> Option<String> {
    let boot = read("/proc/sys/kernel/random/boot_id")?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?.into_os_string().into_string().ok()?;
    let number: String = namespace.chars().filter(char::is_ascii_digit).collect();
    Some(format!("{}-{number}", boot.get(..8)?))
}

/// When a process was started, if it is there.
fn start_of(id: u32) -> Option<u64> {
    let stat = read(&format!("/proc/{id}/stat"))?;
    // The name of the program may contain anything but ends with the last parenthesis; then come fields 3, 4, …
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    // A zombie has ended, whoever has not looked yet.
    let state = fields.next()?;
    let start = fields.nth(18)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(start)
}

fn read(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn a_process_is_gone_when_it_has_ended_and_not_before() {
        let own = LeaseOwner::this(&SystemClock);
        assert!(!own.knows_gone(own.name()));
        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let place = place().unwrap();
        let name = format!("host/{}@{place}-{}", child.id(), start_of(child.id()).unwrap());
        assert!(!own.knows_gone(&name));
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(own.knows_gone(&name));
    }

    #[test]
    fn of_processes_elsewhere_nothing_is_known() {
        let own = LeaseOwner::this(&SystemClock);
        let place = place().unwrap();
        for other in ["", "somebody", "a/1@elsewhere-5", "a/x@y-z", &format!("a/999999999@0{place}-7")] {
            assert!(!own.knows_gone(other), "{other}");
        }
        // The same id, but another process.
        let id = std::process::id();
        assert!(own.knows_gone(&format!("a/{id}@{place}-1")));
    }
}
