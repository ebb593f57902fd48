//! What a caller may do, how it is known, and who may do what where the file says nothing.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

/// Who calls from this machine. A caller of this name in the file stands in the place of the default.
const LOOPBACK: &str = "loopback";
/// What callers from this machine may do by default: what the platform's services need.
const LOOPBACK_ROLES: [Right; 3] = [Right::Read, Right::Prices, Right::Settle];
/// Length of the prefix behind which IPv6 has the addresses of IPv4 (RFC 4291, 2.5.5.2).
const MAPPED_PREFIX: u8 = 96;

/// Somebody who may call the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerConfig {
    /// Who that is, for the records.
    pub name: String,
    /// What it may do.
    pub roles: BTreeSet<Right>,
    /// Whoever calls from one of these networks is this caller.
    pub from: Vec<IpNet>,
    /// Whoever shows a client certificate for this DNS name is this caller.
    pub certificate: Option<String>,
    /// Whoever brings the token in this file is this caller.
    pub token_file: Option<PathBuf>,
}

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// List trades and prices.
    Read,
    /// Set prices, and send readings.
    Prices,
    /// Claim trades and report their payment.
    Settle,
    /// Look at algorithms and what was decided about them.
    Inspect,
    /// Upload algorithms and decide which one settles; it includes [`Right::Inspect`].
    Administer,
}

impl Right {
    /// All of them.
    pub const ALL: [Right; 5] = [Right::Read, Right::Prices, Right::Settle, Right::Inspect, Right::Administer];
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Right::Read => "read",
            Right::Prices => "prices",
            Right::Settle => "settle",
            Right::Inspect => "inspect",
            Right::Administer => "administer",
        })
    }
}

impl CallerConfig {
    /// Whether it has this right.
    pub fn may(&self, right: Right) -> bool {
        self.roles.contains(&right) || (right == Right::Inspect && self.roles.contains(&Right::Administer))
    }

    /// The networks from which it is known that are not this machine.
    pub fn foreign_networks(&self) -> impl Iterator<Item = &IpNet> {
        let loopback = loopback();
        self.from.iter().filter(move |network| !loopback.iter().any(|loopback| loopback.contains(*network)))
    }
}

/// Who may do what where the file names nobody: callers from this machine may what the platform's services need.
pub fn usual_callers() -> Vec<CallerConfig> {
    with_usual(Vec::new())
}

/// Callers from this machine have those rights by default that the file gives to nobody.
pub(super) fn with_usual(mut callers: Vec<CallerConfig>) -> Vec<CallerConfig> {
    let is_given = |right: &Right| callers.iter().any(|caller| caller.roles.contains(right));
    let roles: BTreeSet<Right> = LOOPBACK_ROLES.into_iter().filter(|right| !is_given(right)).collect();
    if !roles.is_empty() && !callers.iter().any(|caller| caller.name == LOOPBACK) {
        let (name, from) = (LOOPBACK.to_owned(), loopback().into());
        callers.push(CallerConfig { name, roles, from, certificate: None, token_file: None });
    }
    callers
}

/// The networks of this machine alone.
fn loopback() -> [IpNet; 2] {
    let four = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);
    [IpNet::V4(four), IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128))]
}

/// Reads a network such as `10.0.1.0/24`, or a single address. Those of IPv4 within IPv6 are those of IPv4.
pub(super) fn network(text: &str) -> Option<IpNet> {
    let network: IpNet = match text.parse::<IpAddr>() {
        Ok(address) => address.into(),
        Err(_) => text.parse().ok()?,
    };
    // Whoever writes 10.0.1.7/24 means either one address or all of them.
    if network.addr() != network.network() {
        return None;
    }
    let mapped = match network {
        IpNet::V6(six) if six.prefix_len() >= MAPPED_PREFIX => six.addr().to_ipv4_mapped(),
        _ => None,
    };
    match mapped {
        Some(address) => Ipv4Net::new(address, network.prefix_len() - MAPPED_PREFIX).ok().map(IpNet::V4),
        None => Some(network),
    }
}
