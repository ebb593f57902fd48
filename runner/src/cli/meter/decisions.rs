//! `rec-market meter decisions`: what was decided about meters, when, by whom and why.

use std::io::Write;

use books::{Action, Change};
use clap::Args;
use domain::Boundary;
use domain::disputes::{Exchange, Finding, MeterDecision};
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::args::ConfigArg;
use crate::cli::exit::Exit;
use crate::cli::{output, stored};

/// List what was decided about meters, oldest first: when, by whom and why
#[derive(Debug, Args)]
pub struct DecisionsArgs {
    /// Only this community
    #[arg(long, value_name = "NAME")]
    pub community: Option<String>,
    /// Only this meter
    #[arg(long, value_name = "ID")]
    pub meter: Option<String>,
    /// Print one JSON object per decision
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub config: ConfigArg,
}

/// One line of `--json`.
#[derive(Serialize)]
pub struct DecisionJson<'a> {
    number: u64,
    community: Option<&'a str>,
    meter: &'a str,
    /// `accept`, `restart` or `exchange`.
    decision: &'static str,
    at: String,
    by: &'a str,
    why: Option<&'a str>,
    /// The boundary of the first disputed reading.
    first: Option<String>,
    exchange: Option<ExchangeJson>,
}

#[derive(Serialize)]
struct ExchangeJson {
    at: String,
    last_import: u64,
    last_export: u64,
    first_import: u64,
    first_export: u64,
}

impl ExchangeJson {
    fn new(Exchange { at, last, first }: &Exchange) -> ExchangeJson {
        ExchangeJson {
            at: at.to_string(),
            last_import: last.import_wh,
            last_export: last.export_wh,
            first_import: first.import_wh,
            first_export: first.export_wh,
        }
    }
}

pub async fn run(args: &DecisionsArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let (config, store) = stored::open(&args.config).await?;
    for name in stored::communities(&config, &*store, args.community.as_deref()).await? {
        for kept in store.decisions(&name).await? {
            let (Some(number), Action::Meter { meter, .. }) = (kept.number, &kept.change.action) else { continue };
            if args.meter.as_ref().is_none_or(|wanted| wanted == meter.as_str()) {
                print(number, &kept.change, args.json, out)?;
            }
        }
    }
    Ok(Exit::Done)
}

/// Prints a decision that was just made, and what it comes to.
pub fn print_made(
    number: u64,
    change: &Change,
    comes_to: &str,
    as_json: bool,
    out: &mut impl Write,
) -> anyhow::Result<Exit> {
    print(number, change, as_json, out)?;
    if !as_json {
        writeln!(out, "{comes_to}, with the next pass (`rec-market settle`, or the service by itself)")?;
    }
    Ok(Exit::Done)
}

/// A decision's name, the first disputed reading that it is about, and the exchange.
fn parts(decision: &MeterDecision) -> (&'static str, Option<Boundary>, Option<&Exchange>) {
    match decision {
        MeterDecision::Accept { first } => ("accept", Some(*first), None),
        MeterDecision::Restart { first } => ("restart", Some(*first), None),
        MeterDecision::Exchange { exchange, .. } => ("exchange", None, Some(exchange)),
        MeterDecision::Late { .. } => ("late", None, None),
    }
}

/// The time that a decision is about.
pub fn about(decision: &MeterDecision) -> Timestamp {
    match decision {
        MeterDecision::Accept { first } | MeterDecision::Restart { first } => first.timestamp(),
        MeterDecision::Exchange { exchange, .. } => exchange.at,
        MeterDecision::Late { since, .. } => since.timestamp(),
    }
}

/// A decision as `--json` shows it; `None` if it is not about a meter.
pub fn json(number: u64, change: &Change) -> Option<DecisionJson<'_>> {
    let Change { at, by, community, action } = change;
    let Action::Meter { meter, decision, reason } = action else { return None };
    let (word, first, exchange) = parts(decision);
    Some(DecisionJson {
        number,
        community: community.as_deref(),
        meter: meter.as_str(),
        decision: word,
        at: at.to_string(),
        by,
        why: reason.as_deref(),
        first: first.map(|first| first.to_string()),
        exchange: exchange.map(ExchangeJson::new),
    })
}

fn print(number: u64, change: &Change, as_json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let Change { at, by, action, .. } = change;
    let Action::Meter { meter, decision, reason } = action else { return Ok(()) };
    if as_json {
        return json(number, change).map_or(Ok(()), |json| output::json_line(&json, out));
    }
    let (word, first, exchange) = parts(decision);
    let what = match (first, exchange) {
        (_, Some(exchange)) => Finding::Exchanged { exchange: *exchange }.to_string(),
        (Some(first), None) => format!("{word}, disputed since {first}"),
        (None, None) => format!("{word}, energy that had been missing became known"),
    };
    let reason = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    writeln!(out, "decision {number}: meter {meter}: {what}; by {by} at {at}{reason}")?;
    Ok(())
}
