//! `rec-market algorithm rollback`.

use std::io::Write;

use clap::Args;
use wire::rec_market_v1 as v1;

use super::service::{self, ServerArgs};
use crate::cli::confirm;
use crate::cli::exit::Exit;

/// Withdraw the latest activation: what settled before settles again, from the next interval on
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// Name of the community
    pub community: String,
    /// Skip the confirmation prompt
    #[arg(long, short)]
    pub yes: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub server: ServerArgs,
}

pub async fn run(args: &RollbackArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let client = args.server.connect()?;
    if !args.yes && confirm::is_interactive() {
        let before = service::describe_community(&client, &args.community).await?;
        if !confirm::confirm(&format!("{before}. The latest activation will be withdrawn"))? {
            return confirm::print_unchanged(out);
        }
    }
    let change = client.roll_back(v1::RollBackRequest { community: args.community.clone() }).await?;
    service::print_change(&change, args.json, out)
}
