//! A market that runs as a service.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use serde_json::Value;

use crate::{Market, Ran, program};

/// A service in a process of its own. Killed when dropped.
pub struct Service {
    child: Option<Child>,
    /// Where it serves in plaintext.
    pub plain: SocketAddr,
    /// Where it serves over TLS.
    pub tls: SocketAddr,
    /// Where it shows metrics and health.
    pub metrics: SocketAddr,
    /// Where it shows its pages, if it does.
    pub web: Option<SocketAddr>,
}

impl Service {
    /// Starts the service of a market that [`Market::serving`] made, and waits until it says where it listens.
    pub fn start(market: &Market) -> Service {
        Service::start_by(market, market.command(&["serve"]))
    }

    /// As [`Service::start`], with so many open files and no more.
    pub fn start_with_descriptors(market: &Market, most: u32) -> Service {
        Service::start_by(market, command_with_descriptors(market, most))
    }

    /// As [`Service::start`], on one core of this machine, as if it had no other.
    pub fn start_on_core(market: &Market, core: usize) -> Service {
        let (program, core) = (program().display().to_string(), core.to_string());
        Service::start_by(market, market.command_of(Path::new("taskset"), &["-c", &core, &program, "serve"]))
    }

    fn start_by(market: &Market, mut command: Command) -> Service {
        let log = std::fs::File::options().create(true).append(true).open(market.path("log")).unwrap();
        let mut child = command.stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told = |name: &str| -> Option<SocketAddr> {
            let found = line.split(' ').find_map(|word| word.strip_prefix(&format!("{name}=")));
            found.map(|address| address.trim().parse().unwrap())
        };
        let address = |name: &str| told(name).unwrap_or_else(|| panic!("no {name} in {line:?}; log: {}", market.log()));
        let (plain, tls, metrics) = (address("grpc"), address("tls"), address("metrics"));
        Service { child: Some(child), plain, tls, metrics, web: told("web") }
    }

    /// Ends it at once, wherever it is.
    pub fn kill(mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks it to end, and waits for that.
    pub fn terminate(mut self) -> Ran {
        let child = self.child.take().unwrap();
        signal(child.id(), "TERM");
        Ran::end_of(child)
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_none()
    }

    /// The most memory that it ever had, in MiB.
    pub fn peak_memory(&self) -> u64 {
        self.status_of("VmHWM") >> 10
    }

    /// The memory that it has now, in MiB.
    pub fn memory(&self) -> u64 {
        self.status_of("VmRSS") >> 10
    }

    /// The processor time that it has used.
    pub fn processor_time(&self) -> Duration {
        processor_time(self.id())
    }

    /// Bytes that it has made the system write to disks.
    pub fn written(&self) -> u64 {
        let counts = std::fs::read_to_string(format!("/proc/{}/io", self.id())).unwrap();
        counts.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap().parse().unwrap()
    }

    /// What a line of the system's `/proc/PID/status` says: a number.
    fn status_of(&self, key: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
    }

    fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// How many threads it has.
    pub fn threads(&self) -> u64 {
        self.status_of("Threads")
    }

    /// How many descriptors it has open.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.id())).unwrap().count()
    }

    /// How many connections of it to that port of this machine there are.
    pub fn connections_to(&self, port: u16) -> usize {
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.id())).unwrap();
        let sockets: Vec<String> = files
            .filter_map(|file| std::fs::read_link(file.unwrap().path()).ok()?.into_os_string().into_string().ok())
            .filter_map(|link| Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
            .collect();
        // Local and remote address, state, and then the number of the socket as the tenth word.
        let table = std::fs::read_to_string(format!("/proc/{}/net/tcp", self.id())).unwrap();
        let is_ours = |line: &&str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words[2].ends_with(&format!(":{port:04X}")) && sockets.iter().any(|socket| socket == words[9])
        };
        table.lines().skip(1).filter(is_ours).count()
    }

    /// How often it asked the store for anything but these operations.
    pub fn store_operations(&self, but: &[&str]) -> u64 {
        let (_, text) = self.get("/metrics");
        let counts = text.lines().filter_map(|line| line.strip_prefix("rec_market_store_operation_seconds_count{"));
        let wanted = counts.filter(|line| !but.iter().any(|but| line.contains(&format!("operation=\"{but}\""))));
        wanted.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
    }

    /// What its metrics say under a name: the sum of all its series.
    pub fn metric(&self, name: &str) -> u64 {
        let (_, text) = self.get("/metrics");
        let of_name = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        let values = text.lines().filter(of_name).map(|line| line.rsplit_once(' ').unwrap().1);
        values.map(|value| value.parse::<u64>().unwrap()).sum()
    }

    /// How many intervals it has settled.
    pub fn settled(&self) -> u64 {
        self.metric("rec_market_intervals_settled_total")
    }

    /// Status and body of an answer of the metrics port.
    pub fn get(&self, path: &str) -> (u16, String) {
        let (status, _, body) = get(self.metrics, path);
        (status, body)
    }

    /// What `/status` says of its first community.
    pub fn community(&self) -> Value {
        serde_json::from_str::<Value>(&self.get("/status").1).unwrap()["communities"][0].take()
    }

    /// The end of the last interval in the books, as far as it knows.
    pub fn mark(&self) -> Option<String> {
        self.community()["mark"].as_str().map(str::to_owned)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// `serve` in a process that may have so many open files.
pub fn command_with_descriptors(market: &Market, most: u32) -> Command {
    let program = program().display().to_string();
    let script = "ulimit -n \"$0\" && exec \"$1\" serve";
    market.command_of(Path::new("/bin/sh"), &["-c", script, &most.to_string(), &program])
}

/// The processor time that a process has used, in its own code and in the system's.
pub fn processor_time(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // After the name in parentheses come the state and ten more fields, then its own and the kernel's time for it.
    let fields = stat.rsplit_once(") ").unwrap().1.split(' ').skip(11).take(2);
    let ticks: u64 = fields.map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// Sends a signal to a process of ours.
pub fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(process.to_string()).status();
    assert!(sent.unwrap().success());
}

/// One HTTP request: status, head in small letters, and body of the answer.
pub fn get(address: SocketAddr, path: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_lowercase(), body.to_owned())
}
