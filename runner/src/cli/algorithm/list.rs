//! `rec-market algorithm list`.

use std::io::Write;

use clap::Args;
use wire::rec_market_v1 as v1;

use super::service::ServerArgs;
use super::{json, text};
use crate::cli::exit::Exit;
use crate::cli::output;

/// List the algorithms of a running service, and what settles each community
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub server: ServerArgs,
}

pub async fn run(args: &ListArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let listed = args.server.connect()?.list_algorithms(v1::ListAlgorithmsRequest {}).await?;
    if args.json {
        output::json_line(&json::list(&listed), out)?;
    } else {
        writeln!(out, "{}\n{}", text::versions(&listed.versions), text::communities(&listed.communities))?;
    }
    Ok(Exit::Done)
}
