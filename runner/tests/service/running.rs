//! A service that runs, and a place for it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use demo::certificates;

use crate::common::{Market, Meters, Ran, community, date, ran};

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(300);

/// A service in a process of its own. Killed when dropped.
pub struct Running {
    child: Option<Child>,
    /// Where it serves in plaintext.
    pub plain: SocketAddr,
    /// Where it serves over TLS.
    pub tls: SocketAddr,
    /// Where it shows metrics and health.
    pub metrics: SocketAddr,
}

impl Running {
    /// Starts the service and waits until it says where it listens.
    pub fn start(market: &Market) -> Running {
        Running::start_with(market, &[])
    }

    /// As [`Running::start`], with variables of the environment.
    pub fn start_with(market: &Market, variables: &[(&str, &str)]) -> Running {
        let mut command = market.command(&["serve"]);
        command.envs(variables.iter().copied()).stderr(log(market));
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = |name: &str| -> SocketAddr {
            let found = line.split(' ').find_map(|word| word.strip_prefix(&format!("{name}=")));
            found.unwrap_or_else(|| panic!("no {name} in {line:?}; log: {}", read_log(market))).trim().parse().unwrap()
        };
        let (plain, tls, metrics) = (address("grpc"), address("tls"), address("metrics"));
        Running { child: Some(child), plain, tls, metrics }
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
        ran(child.wait_with_output().unwrap())
    }

    /// Its process id.
    #[allow(dead_code, reason = "not every test binary asks")]
    pub fn process(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_none()
    }

    /// Body of an answer of the metrics port, with its status.
    pub fn get(&self, path: &str) -> (u16, String) {
        get(self.metrics, path)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Sends a signal to a process of ours.
pub fn signal(process: u32, name: &str) {
    let sent = std::process::Command::new("kill").arg(format!("-{name}")).arg(process.to_string()).status();
    assert!(sent.unwrap().success());
}

fn log(market: &Market) -> std::fs::File {
    std::fs::File::options().create(true).append(true).open(market.path("log")).unwrap()
}

/// Everything that services of this market have logged.
pub fn read_log(market: &Market) -> String {
    std::fs::read_to_string(market.path("log")).unwrap_or_default()
}

/// One HTTP request.
pub fn get(address: SocketAddr, path: &str) -> (u16, String) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Waits until something holds.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// The service's part of a configuration: ports that the system chooses, certificates beside it.
pub const SERVICE: &str = r#"listen = "127.0.0.1:0"
listen_tls = "127.0.0.1:0"
listen_metrics = "127.0.0.1:0"
tls = { certificate = "market_crt.pem", key = "market_key.pem" }
"#;

/// A market with a service's configuration and certificates, and these keys before its one community.
pub fn market(meters: &Meters, keys: &str, community_keys: &str) -> Market {
    market_of(&community("aveiro", meters.address(), community_keys), keys)
}

/// As [`market`], with these communities.
pub fn market_of(communities: &str, keys: &str) -> Market {
    let market = Market::new("");
    write_certificates(&market.path(""));
    market.configure(&format!("{SERVICE}{keys}\n{communities}"));
    market
}

fn write_certificates(directory: &Path) {
    let certificates = certificates::development(jiff::Timestamp::now(), &[""; 0], 1).unwrap();
    for (file, text) in [
        ("ca_crt.pem", certificates.authority.certificate.as_str()),
        ("market_crt.pem", &certificates.market.certificate),
        ("market_key.pem", &certificates.market.key),
        ("client_crt.pem", &certificates.client.certificate),
        ("client_key.pem", &certificates.client.key),
    ] {
        std::fs::write(directory.join(file), text).unwrap();
    }
}

/// How many intervals are committed; none while there is no store yet.
pub fn intervals(market: &Market) -> u64 {
    if !market.path("market.db").exists() {
        return 0;
    }
    market.database().query_row("SELECT count(*) FROM interval", (), |row| row.get(0)).unwrap_or(0)
}

/// The end of the last interval in the books, as far as a service knows.
pub fn mark(service: &Running) -> Option<String> {
    let status: serde_json::Value = serde_json::from_str(&service.get("/status").1).unwrap();
    status["communities"][0]["mark"].as_str().map(str::to_owned)
}

/// The end of the last interval that meters with so many rows have.
pub fn end(rows: i64) -> String {
    let first = date("12:00").parse::<jiff::Timestamp>().unwrap();
    (first + jiff::SignedDuration::from_mins(15 * (rows - 1))).to_string()
}
