//! `rec-market algorithm activate`.

use std::io::Write;

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;
use wire::rec_market_v1 as v1;

use super::service::{self, ServerArgs, SettingArgs};
use super::{json, report, text};
use crate::cli::args::time;
use crate::cli::confirm;
use crate::cli::exit::{Exit, usage};
use crate::cli::output;

/// Settle a community with an algorithm, from an interval on that is not settled yet
///
/// The algorithm must be able to clear the rounds that the community settled last. What each member would have paid and got
/// in them is shown beside what settled and beside the grid alone; where a member is worse off than with the grid alone, you
/// must confirm the activation, and its record says so. Each interval that it settles is stored with its digest and can be
/// replayed. `rollback` withdraws it; if it fails too often (rollback_after), the service
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
    /// Skip the confirmation prompt, also where members are worse off than with the grid alone
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
    let mut request = v1::ActivateRequest {
        community: args.community.clone(),
        algorithm: args.algorithm.clone(),
        from: args.from.map(|from| from.to_string()).unwrap_or_default(),
        settings: args.settings.settings()?,
        accept_worse_than_grid: false,
    };
    let preview = client.preview_activation(request.clone()).await?;
    let found = preview.algorithm.clone().unwrap_or_default();
    // Activate what was shown, even if a newer version of that name is uploaded meanwhile.
    request.algorithm = format!("sha256:{}", found.sha256);
    let report: Value = serde_json::from_str(&preview.report).unwrap_or_default();
    if !args.json {
        report::print_money(&report, out)?;
    }
    let worse = Some(preview.worse_than_grid).filter(|worse| !worse.is_empty());
    if !args.yes && confirm::is_interactive() {
        let before = service::describe_community(&client, &args.community).await?;
        let from = args.from.map_or_else(|| "the next interval".to_owned(), |from| from.to_string());
        let worse = worse.as_ref().map(|worse| format!("; {worse}")).unwrap_or_default();
        if !confirm::confirm(&format!("{before}. From {from} on, {} will settle it{worse}", text::label(&found)))? {
            return confirm::print_unchanged(out);
        }
    } else if let Some(worse) = worse.as_ref().filter(|_| !args.yes) {
        let way_out = "look at what each member would pay and get, and add --yes to activate it nevertheless";
        return Err(usage(format!("{} is not activated: {worse} ({way_out})", text::label(&found))));
    }
    // A member who is worse off only now was not shown to anybody, unless nobody wanted to see.
    request.accept_worse_than_grid = args.yes || worse.is_some();
    let change = client.activate(request).await?;
    if args.json {
        let mut json = json::change(&change);
        json["comparison"] = report["comparison"].clone();
        output::json_line(&json, out)?;
        return Ok(Exit::Done);
    }
    service::print_change(&change, false, out)
}
