//! `rec-market health`: what the health check of the container image runs.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{anyhow, bail};
use clap::Args;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::adapter::grpc;
use crate::cli::args::ConfigArg;
use crate::cli::exit::{Exit, usage};
use crate::config::Config;

/// Check whether a running service works: exits with 0 if it does, with 1 if not
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Check only that the process serves its metrics port. Restart containers on this: without it, a service that waits
    /// for its store fails too, and a new one would wait for the same store
    #[arg(long)]
    pub live: bool,
    /// Plaintext address of the service (with --live, its metrics address) [default: from the configuration]
    #[arg(long, value_name = "ADDRESS")]
    pub address: Option<SocketAddr>,
    #[command(flatten)]
    pub config: ConfigArg,
}

/// How long the service may take to respond.
const DEADLINE: Duration = Duration::from_secs(5);

pub async fn run(args: &HealthArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let address = match args.address {
        Some(address) => address,
        None => {
            let listen = Config::load(&args.config.config)?.listen;
            reachable(if args.live { listen.metrics } else { listen.plain })
        }
    };
    if address.port() == 0 {
        return Err(usage("the configuration lets the system choose the port (name it with --address)"));
    }
    let checked = match args.live {
        true => check_live(address).await,
        false => grpc::ask(address, DEADLINE).await.map_err(anyhow::Error::from),
    };
    match checked {
        Ok(()) => {
            writeln!(out, "the service at {address} is well")?;
            Ok(Exit::Done)
        }
        Err(error) => {
            writeln!(out, "the service at {address} is not well: {error:#}")?;
            Ok(Exit::Bad)
        }
    }
}

/// Asks the metrics port whether the process serves.
async fn check_live(address: SocketAddr) -> anyhow::Result<()> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"GET /live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
        let mut response = Vec::new();
        stream.take(1024).read_to_end(&mut response).await?;
        Ok::<_, std::io::Error>(response)
    };
    let response = tokio::time::timeout(DEADLINE, exchange).await;
    let response = response.map_err(|_| anyhow!("no answer within {DEADLINE:?}"))??;
    if !response.starts_with(b"HTTP/1.1 200 ") {
        bail!("it is not a rec-market service");
    }
    Ok(())
}

/// The address at which this machine reaches a service that listens on all addresses.
fn reachable(listens: SocketAddr) -> SocketAddr {
    let loopback = match listens.ip() {
        IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        address => address,
    };
    SocketAddr::new(loopback, listens.port())
}
