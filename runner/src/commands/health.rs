//! `rec-market health`: whether a running service is well; what an image's healthcheck runs.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::{Exit, Failed};
use crate::api;
use crate::cli::HealthArgs;
use crate::config::Config;

/// How long the service may take to say so.
const DEADLINE: Duration = Duration::from_secs(5);

/// Runs the command.
pub async fn run(args: &HealthArgs, out: &mut impl Write) -> Result<Exit, Failed> {
    let address = match args.address {
        Some(address) => address,
        None => reachable(Config::load(&args.config.config)?.listen.plain),
    };
    if address.port() == 0 {
        return Err(Failed::usage("the configuration leaves the port to the system (name it with --address)"));
    }
    match api::ask(address, DEADLINE).await {
        Ok(()) => {
            writeln!(out, "the service at {address} is well")?;
            Ok(Exit::Done)
        }
        Err(reason) => {
            writeln!(out, "the service at {address} is not well: {reason}")?;
            Ok(Exit::Bad)
        }
    }
}

/// Where a service that listens everywhere can be reached from the same machine.
fn reachable(listens: SocketAddr) -> SocketAddr {
    let loopback = match listens.ip() {
        IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        address => address,
    };
    SocketAddr::new(loopback, listens.port())
}
