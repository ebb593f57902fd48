//! `rec-market dev`: services of the platform to develop and test against; never for production.

use std::io::Write;
use std::sync::Arc;

use domain::{Boundary, IntervalLength};
use tokio::net::TcpListener;

use super::{Exit, Failed, serve};
use crate::cli::DevMetersArgs;
use crate::clock::{Clock, SystemClock};
use crate::demo::household::{self, Plan};
use crate::meters::service::{MetersService, Package, serve as serve_meters};

/// Serves believable meters until a signal: those of `demo`, from a time on, as the clock goes.
pub async fn meters(args: &DevMetersArgs, out: &mut impl Write) -> Result<Exit, Failed> {
    let length = jiff::SignedDuration::from_hours(24 * i64::from(args.days));
    let start = match args.start {
        Some(start) => start,
        // The last reading comes tomorrow, so that there is always a next one for a while.
        None => SystemClock.now() + jiff::SignedDuration::from_hours(24) - length,
    };
    let quarter = u64::from(IntervalLength::QUARTER_HOUR.seconds());
    let seconds = u64::try_from(start.as_second()).unwrap_or(0);
    let start = Boundary::from_seconds(seconds - seconds % quarter)
        .ok_or_else(|| Failed::usage(format!("--start {start} is out of range")))?;
    let plan = Plan { seed: args.seed, members: usize::from(args.members), start, days: args.days };
    let community = household::generate(plan).map_err(|error| Failed::because(Exit::Usage, &error))?;
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|error| Failed::usage(format!("cannot listen on {}: {error}", args.listen)))?;
    let service = MetersService::new(Arc::new(community.recorded), || SystemClock.now());
    let serving = serve_meters(service, Package::Platform, listener)?;
    writeln!(out, "{} made-up meters from {start} on at http://{}", args.members, serving.address())?;
    out.flush()?;
    serve::signalled()?.await;
    serving.stop().await.map_err(|error| Failed::because(Exit::Away, &error))?;
    Ok(Exit::Done)
}
