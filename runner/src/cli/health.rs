//! `rec-market health`: whether a running service is well; what an image's healthcheck runs.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::adapter::grpc;
use crate::cli::args::HealthArgs;
use crate::cli::exit::{Exit, usage};
use crate::config::Config;

/// How long the service may take to say so.
const DEADLINE: Duration = Duration::from_secs(5);

/// Runs the command.
pub async fn run(args: &HealthArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let address = match args.address {
        Some(address) => address,
        None => {
            let listen = Config::load(&args.config.config)?.listen;
            reachable(if args.live { listen.metrics } else { listen.plain })
        }
    };
    if address.port() == 0 {
        return Err(usage("the configuration leaves the port to the system (name it with --address)"));
    }
    let asked = if args.live { lives(address).await } else { grpc::ask(address, DEADLINE).await };
    let (exit, verdict) = match asked {
        Ok(()) => (Exit::Done, "is well".to_owned()),
        Err(reason) => (Exit::Bad, format!("is not well: {reason}")),
    };
    writeln!(out, "the service at {address} {verdict}")?;
    Ok(exit)
}

/// Asks the port of metrics whether the process serves.
async fn lives(address: SocketAddr) -> Result<(), String> {
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"GET /live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
        let mut answer = Vec::new();
        stream.take(1024).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = tokio::time::timeout(DEADLINE, asked).await.map_err(|_| format!("no answer within {DEADLINE:?}"))?;
    let answer = answer.map_err(|error| error.to_string())?;
    if answer.starts_with(b"HTTP/1.1 200 ") { Ok(()) } else { Err("it is no rec-market".to_owned()) }
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
