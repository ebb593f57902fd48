//! `rec-market statement rebuild`: sums per member and day and details of days, made again of the intervals.

use std::io::Write;
use std::sync::Arc;

use clap::Args;

use crate::app;
use crate::cli::args::ConfigArg;
use crate::cli::exit::Exit;
use crate::cli::{output, stored};
use crate::config::Config;
use crate::details;

/// Make the sums per member and day and the details of days again, of the settled intervals
///
/// The store keeps them so that statements and pages need not add up every trade. Run this if `audit` finds that they are
/// not those of the intervals, or after the time zone of a community was changed. Nothing else is changed.
#[derive(Debug, Args)]
pub struct RebuildArgs {
    #[command(flatten)]
    pub config: ConfigArg,
    /// Only this community
    #[arg(long, value_name = "NAME")]
    pub community: Option<String>,
}

pub async fn run(args: &RebuildArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let config = Config::load(&args.config.config)?;
    // Not a new one, if there is none.
    drop(app::open_store_to_read(&config.store).await?);
    let store = app::open_store(&config.store).await?;
    for community in stored::communities(&config, &*store, args.community.as_deref()).await? {
        let bar = output::progress(0, "summing up days");
        let told = {
            let bar = bar.clone();
            Arc::new(move || {
                bar.inc_length(1);
                bar.inc(1);
            })
        };
        let days = store.sum_again(&community, &stored::zone(&config, &community), told).await?;
        bar.finish_and_clear();
        let bar = output::progress(0, "making details of days");
        let detailed = details::make_all(&*store, &community, || {
            bar.inc_length(1);
            bar.inc(1);
        });
        let detailed = output::grouped(detailed.await?);
        bar.finish_and_clear();
        writeln!(out, "{community}: {} days, {detailed} of them with details", output::grouped(days))?;
    }
    Ok(Exit::Done)
}
