//! `rec-market dev meters`.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use demo::household::{self, Plan};
use demo::meters::{MetersService, Package, serve};
use domain::{Boundary, IntervalLength};
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;

use crate::cli::args::time;
use crate::cli::exit::{Exit, ExitCode, usage};
use crate::cli::serve::stop_signal;
use crate::clock::{Clock, SystemClock};

/// Run a Meters service with simulated households until SIGTERM
#[derive(Debug, Args)]
pub struct MetersArgs {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5049")]
    pub listen: SocketAddr,
    /// Number of meters
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(2..=1000))]
    pub members: u16,
    /// Number of days with readings
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=366))]
    pub days: u16,
    /// Time of the first reading [default: such that the last reading is tomorrow]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub start: Option<Timestamp>,
    /// Seed: another number simulates other households, the same number always the same ones
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

pub async fn run(args: &MetersArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let length = SignedDuration::from_hours(24 * i64::from(args.days));
    let start = match args.start {
        Some(start) => start,
        // Up to tomorrow, so that for a day there is always a next reading.
        None => SystemClock.now() + SignedDuration::from_hours(24) - length,
    };
    let quarter = u64::from(IntervalLength::QUARTER_HOUR.seconds());
    let seconds = u64::try_from(start.as_second()).unwrap_or(0);
    let start = Boundary::from_seconds(seconds - seconds % quarter)
        .ok_or_else(|| usage(format!("--start {start} is out of range")))?;
    let plan = Plan { seed: args.seed, members: usize::from(args.members), start, days: args.days };
    let community = household::generate(plan).exit_code(Exit::Usage)?;
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("cannot listen on {}", args.listen))
        .exit_code(Exit::Usage)?;
    let service = MetersService::new(Arc::new(community.recorded), || SystemClock.now());
    let serving = serve(service, Package::Platform, listener)?;
    writeln!(out, "{} simulated meters from {start} on at http://{}", args.members, serving.address())?;
    out.flush()?;
    stop_signal()?.await;
    serving.stop().await.exit_code(Exit::Unavailable)?;
    Ok(Exit::Done)
}
