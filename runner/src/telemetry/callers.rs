//! Who came through the TLS port, and who did not: for `/status`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use ipnet::IpNet;
use jiff::Timestamp;
use serde::Serialize;

use super::metrics::lock;
use crate::clock::Clock;

/// Callers of the TLS port. Nothing here grows with their number.
pub struct TlsCallers {
    clock: Arc<dyn Clock>,
    last_request_at: Mutex<Option<Timestamp>>,
    /// By reason.
    failed: Mutex<BTreeMap<&'static str, Failed>>,
}

struct Failed {
    meaning: &'static str,
    count: u64,
    last_at: Timestamp,
    last_from: IpAddr,
}

#[derive(Serialize)]
pub(super) struct TlsCallersJson {
    /// When a caller last came through: with a request, answered or refused.
    last_request_at: Option<String>,
    failed_handshakes: Vec<FailedJson>,
}

#[derive(Serialize)]
struct FailedJson {
    reason: &'static str,
    meaning: &'static str,
    count: u64,
    last_at: String,
    /// A network: single addresses of callers are nobody's business here.
    last_from: String,
}

impl TlsCallers {
    pub(super) fn new(clock: Arc<dyn Clock>) -> TlsCallers {
        TlsCallers { clock, last_request_at: Mutex::default(), failed: Mutex::default() }
    }

    /// Reports a request.
    pub fn came_through(&self) {
        *lock(&self.last_request_at) = Some(self.clock.now());
    }

    /// Reports a failed handshake: its reason, which is one of a closed set, and what that means.
    pub fn failed(&self, reason: &'static str, meaning: &'static str, last_from: IpAddr) {
        let last_at = self.clock.now();
        let mut failed = lock(&self.failed);
        let count = failed.get(reason).map_or(0, |failed| failed.count) + 1;
        failed.insert(reason, Failed { meaning, count, last_at, last_from });
    }

    pub(super) fn json(&self) -> TlsCallersJson {
        let failed = lock(&self.failed);
        let json = |(reason, failed): (&&'static str, &Failed)| FailedJson {
            reason,
            meaning: failed.meaning,
            count: failed.count,
            last_at: failed.last_at.to_string(),
            last_from: network(failed.last_from).to_string(),
        };
        TlsCallersJson {
            last_request_at: lock(&self.last_request_at).map(|at| at.to_string()),
            failed_handshakes: failed.iter().map(json).collect(),
        }
    }
}

/// The network of an address: enough to find out which service or site it is.
fn network(address: IpAddr) -> IpNet {
    let address = address.to_canonical();
    let prefix = if address.is_ipv4() { 24 } else { 64 };
    // OK because both prefixes fit.
    IpNet::new(address, prefix).map_or(IpNet::from(address), |network| network.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::FixedClock;

    #[test]
    fn failures_are_counted_by_reason_and_told_with_the_network() {
        let callers = TlsCallers::new(Arc::new(FixedClock("2026-11-30T02:00:00Z".parse().unwrap())));
        assert_eq!(serde_json::to_value(callers.json()).unwrap()["last_request_at"], serde_json::Value::Null);
        for address in ["10.0.1.7", "10.0.1.9", "::ffff:10.0.2.5"] {
            callers.failed("untrusted", "it does not trust us", address.parse().unwrap());
        }
        callers.failed("left", "it left", "fd00:1:2:3:4::5".parse().unwrap());
        callers.came_through();
        let shown = serde_json::to_value(callers.json()).unwrap();
        let failed: Vec<String> = shown["failed_handshakes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|failed| format!("{} {} {}", failed["reason"], failed["count"], failed["last_from"]))
            .collect();
        assert_eq!(failed, ["\"left\" 1 \"fd00:1:2:3::/64\"", "\"untrusted\" 3 \"10.0.2.0/24\""]);
        assert_eq!(shown["last_request_at"], "2026-11-30T02:00:00Z");
    }
}
