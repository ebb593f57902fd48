//! The owner of leases: a process with a unique name, whose end other processes on the same machine can see.

use std::fs;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;
use books::{Acquired, Lease, Leases, StoreError};

/// This process, as it names itself in leases: `NAME/PID@PLACE-START`.
///
/// The place consists of the machine's boot id and the namespace of process ids, so that two containers are two places. At
/// the same place one can see whether a process is gone, and then nobody has to wait until its leases expire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseOwner {
    name: String,
    process: Option<Process>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Process {
    id: u32,
    place: String,
    /// When it started, in kernel ticks since the boot, because process ids are reused.
    start: u64,
}

impl LeaseOwner {
    pub fn this(clock: &dyn Clock) -> LeaseOwner {
        let host = read("/proc/sys/kernel/hostname").unwrap_or_else(|| "unknown".to_owned());
        let id = std::process::id();
        let process = place().zip(start_of(id)).map(|(place, start)| Process { id, place, start });
        // Without /proc, the time makes the name unique.
        let name = match &process {
            Some(Process { id, place, start }) => format!("{host}/{id}@{place}-{start}"),
            None => format!("{host}/{id}@{}", clock.now().as_nanosecond()),
        };
        LeaseOwner { name, process }
    }

    /// An owner with a fixed name, whose end cannot be seen.
    pub fn named(name: &str) -> LeaseOwner {
        LeaseOwner { name: name.to_owned(), process: None }
    }

    /// Takes or renews a lease; takes it at once from an owner that is gone. Warns of one that only a wrong clock can have
    /// given.
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
            Acquired::Held(Lease { replaced: Some(until), .. }) => {
                let message = clock_warning(*until);
                tracing::warn!(lease, %until, %now, code = "clock", "{message}; taking the lease over");
                Ok(acquired)
            }
            Acquired::HeldByOther { owner, .. } if self.knows_gone(owner) => {
                tracing::info!(lease, owner, "taking over a lease whose owner is gone");
                store.release(lease, owner).await?;
                store.acquire(lease, &self.name, now, term).await
            }
            _ => Ok(acquired),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether another owner is certainly gone.
    pub fn knows_gone(&self, other: &str) -> bool {
        let (Some(own), Some(other)) = (&self.process, parse(other)) else { return false };
        other.place == own.place && start_of(other.id) != Some(other.start)
    }
}

/// What people should know of a lease that lasts longer than any can.
pub fn clock_warning(until: Timestamp) -> String {
    format!("a lease was given until {until}, longer than any can last: some clock was wrong, or this one is")
}

fn parse(name: &str) -> Option<Process> {
    let (host_and_id, place_and_start) = name.rsplit_once('@')?;
    let (_, id) = host_and_id.rsplit_once('/')?;
    let (place, start) = place_and_start.rsplit_once('-')?;
    Some(Process { id: id.parse().ok()?, place: place.to_owned(), start: start.parse().ok()? })
}

/// The machine's boot id and the namespace of process ids.
fn place() -> Option<String> {
    let boot = read("/proc/sys/kernel/random/boot_id")?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?.into_os_string().into_string().ok()?;
    let number: String = namespace.chars().filter(char::is_ascii_digit).collect();
    Some(format!("{}-{number}", boot.get(..8)?))
}

/// When a process started, if it is still running.
fn start_of(id: u32) -> Option<u64> {
    let stat = read(&format!("/proc/{id}/stat"))?;
    // The program's name may contain anything, but it ends with the last parenthesis; fields 3, 4, … follow.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    // A zombie has ended, even if its parent has not noticed yet.
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
