//! `rec-market algorithm activate`.

use std::io::Write;

use clap::Args;
use jiff::Timestamp;
use wire::rec_market_v1 as v1;

use super::service::{self, ServerArgs, SettingArgs};
use super::text;
use crate::cli::args::time;
use crate::cli::exit::Exit;

/// Settle a community with an algorithm, from an interval on that is not settled yet
///
/// The algorithm must be able to clear the rounds that the community settled last. Each interval that it settles is stored
/// with its digest and can be replayed. `rollback` withdraws it; if it fails too often (rollback_after), the service
/// withdraws it by itself.
#[derive(Debug, Args)]
pub struct ActivateArgs {
    /// Name of the community
    pub community: String,
    /// NAME for its newest version, NAME@VERSION, or sha256:DIGEST
    pub algorithm: String,
    /// Start of the first interval to settle with it [default: the next interval]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub from: Option<Timestamp>,
    #[command(flatten)]
    pub settings: SettingArgs,
    /// Skip the confirmation prompt
    #[arg(long, short)]
    pub yes: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub server: ServerArgs,
}

pub async fn run(args: &ActivateArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let client = args.server.connect()?;
    let settings = args.settings.settings()?;
    let mut algorithm = args.algorithm.clone();
    if !args.yes && service::is_interactive() {
        let found = client.show_algorithm(v1::ShowAlgorithmRequest { algorithm: args.algorithm.clone() }).await?;
        let found = found.version.and_then(|version| version.algorithm).unwrap_or_default();
        // Activate what was confirmed, even if a newer version of that name is uploaded meanwhile.
        algorithm = format!("sha256:{}", found.sha256);
        let before = service::describe_community(&client, &args.community).await?;
        let from = args.from.map_or_else(|| "the next interval".to_owned(), |from| from.to_string());
        if !service::confirm(&format!("{before}. From {from} on, {} will settle it", text::label(&found)))? {
            return service::print_unchanged(out);
        }
    }
    let request = v1::ActivateRequest {
        community: args.community.clone(),
        algorithm,
        from: args.from.map(|from| from.to_string()).unwrap_or_default(),
        settings,
    };
    service::print_change(&client.activate(request).await?, args.json, out)
}
