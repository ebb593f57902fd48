//! `rec-market algorithm changes`.

use std::io::Write;

use clap::Args;
use wire::rec_market_v1 as v1;

use super::service::ServerArgs;
use super::{json, text};
use crate::cli::exit::Exit;
use crate::cli::output;

/// List what was done with the algorithms of a running service, and by whom, newest first
#[derive(Debug, Args)]
pub struct ChangesArgs {
    /// Only changes of this community
    #[arg(long, value_name = "NAME")]
    pub community: Option<String>,
    /// Maximum number of changes to print
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub server: ServerArgs,
}

pub async fn run(args: &ChangesArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let request = v1::ListChangesRequest { community: args.community.clone().unwrap_or_default(), limit: args.limit };
    let listed = args.server.connect()?.list_changes(request).await?;
    if args.json {
        for change in &listed.changes {
            output::json_line(&json::change(change), out)?;
        }
    } else {
        writeln!(out, "{}", text::changes(&listed.changes))?;
    }
    Ok(Exit::Done)
}
