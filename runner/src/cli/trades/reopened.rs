//! `rec-market trades reopened`: lists the trades that were offered for payment again.

use std::io::Write;

use books::Reopened;
use clap::Args;
use serde::Serialize;

use crate::cli::args::ConfigArg;
use crate::cli::exit::Exit;
use crate::cli::{output, stored};

/// List the trades that were reopened, newest first: when, by whom, why, and what each was before
#[derive(Debug, Args)]
pub struct ReopenedArgs {
    /// List at most this many
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    pub limit: usize,
    /// Print one JSON object per trade
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub config: ConfigArg,
}

/// One line of `--json`.
#[derive(Serialize)]
struct ReopenedJson<'a> {
    trade: String,
    at: String,
    by: &'a str,
    why: &'a str,
    state: &'static str,
    transaction: Option<&'a str>,
    message: Option<&'a str>,
}

pub async fn run(args: &ReopenedArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let (_, store) = stored::open(&args.config).await?;
    for record in store.reopened(args.limit).await? {
        print_record(&record, args.json, out)?;
    }
    Ok(Exit::Done)
}

pub(super) fn print_record(record: &Reopened, as_json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let Reopened { trade, at, by, why, from, transaction_id, message } = record;
    if as_json {
        let json = ReopenedJson {
            trade: trade.to_string(),
            at: at.to_string(),
            by,
            why,
            state: from.as_str(),
            transaction: transaction_id.as_deref(),
            message: message.as_deref(),
        };
        return output::json_line(&json, out);
    }
    let payment = transaction_id.as_ref().map(|id| format!(" by {id:?}")).unwrap_or_default();
    writeln!(out, "{trade}  reopened {at} by {by}, was {from}{payment}: {why}")?;
    Ok(())
}
