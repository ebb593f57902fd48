//! `rec-market algorithm show`.

use std::io::Write;

use clap::Args;
use wire::rec_market_v1 as v1;

use super::service::ServerArgs;
use super::{json, report, text};
use crate::cli::exit::Exit;
use crate::cli::output;

/// Show an algorithm of a running service, with the report of the gate
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// NAME for its newest version, NAME@VERSION, or sha256:DIGEST
    pub algorithm: String,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub server: ServerArgs,
}

pub async fn run(args: &ShowArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let request = v1::ShowAlgorithmRequest { algorithm: args.algorithm.clone() };
    let found = args.server.connect()?.show_algorithm(request).await?;
    if args.json {
        output::json_line(&json::show(&found), out)?;
        return Ok(Exit::Done);
    }
    write!(out, "{}", text::algorithm(&found))?;
    if !found.report.is_empty() {
        writeln!(out, "\nreport of the gate at the upload:")?;
        report::print(&serde_json::from_str(&found.report).unwrap_or_default(), out)?;
    }
    Ok(Exit::Done)
}
