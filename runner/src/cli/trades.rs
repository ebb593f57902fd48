//! `rec-market trades`: lists stored trades, and reopens some.

mod reopen;
mod reopened;

use std::fmt::Write as _;
use std::io::Write;

use anyhow::Context;
use books::{Span, Store, StoredTrade};
use clap::{Args, Subcommand};
use domain::trade::State;
use domain::{Amount, Boundary, MemberId};
use serde::Serialize;

use crate::cli::args::{ConfigArg, SpanArgs};
use crate::cli::exit::{Exit, ExitCode};
use crate::cli::{output, stored};
use crate::spreadsheet::{Cell, Csv};

/// Trades that are held in memory at a time.
const PAGE: usize = 5000;

/// List stored trades, oldest first
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct TradesArgs {
    #[command(subcommand)]
    pub command: Option<TradesCommand>,
    #[command(flatten)]
    pub config: ConfigArg,
    #[command(flatten)]
    pub span: SpanArgs,
    /// Only trades that this member sells or buys
    #[arg(long, value_name = "ID")]
    pub member: Option<String>,
    /// Only this community
    #[arg(long, value_name = "NAME")]
    pub community: Option<String>,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
    /// Print comma-separated values
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

#[derive(Debug, Subcommand)]
pub enum TradesCommand {
    Reopen(reopen::ReopenArgs),
    Reopened(reopened::ReopenedArgs),
}

/// One line of `--json`; the names are the command line's contract.
#[derive(Serialize)]
pub struct TradeJson<'a> {
    id: String,
    community: &'a str,
    start: String,
    seller: String,
    buyer: String,
    energy: u64,
    price: i64,
    amount: i128,
    state: Option<String>,
    message: Option<&'a str>,
}

/// The header of `--csv`: the names of the object's fields.
const COLUMNS: [&str; 10] =
    ["id", "community", "start", "seller", "buyer", "energy", "price", "amount", "state", "message"];

impl<'a> TradeJson<'a> {
    pub fn new(community: &'a str, trade: &'a StoredTrade) -> TradeJson<'a> {
        TradeJson {
            id: trade.id.to_string(),
            community,
            start: trade.interval.start().to_string(),
            seller: trade.seller.to_string(),
            buyer: trade.buyer.to_string(),
            energy: trade.energy.wh(),
            price: trade.price.micro_eur(),
            amount: Amount::of(trade.energy, trade.price).nano_eur(),
            state: trade.state.map(|state| state.to_string()),
            message: trade.message.as_deref(),
        }
    }
}

/// The rows of `--csv`: texts that come again and again are made once.
struct Rows<'a> {
    community: &'a str,
    id: String,
    start: Option<(Boundary, String)>,
}

impl<'a> Rows<'a> {
    fn of(community: &'a str) -> Rows<'a> {
        Rows { community, id: String::new(), start: None }
    }

    fn cells<'c>(&'c mut self, trade: &'c StoredTrade) -> anyhow::Result<[Cell<'c>; 10]> {
        let start = trade.interval.start();
        let (_, text) = match self.start.take() {
            Some(same) if same.0 == start => self.start.insert(same),
            _ => self.start.insert((start, start.to_string())),
        };
        self.id.clear();
        write!(self.id, "{}", trade.id)?;
        Ok([
            self.id.as_str().into(),
            self.community.into(),
            text.as_str().into(),
            trade.seller.as_str().into(),
            trade.buyer.as_str().into(),
            trade.energy.wh().into(),
            trade.price.micro_eur().into(),
            Amount::of(trade.energy, trade.price).nano_eur().into(),
            trade.state.map(State::as_str).into(),
            trade.message.as_deref().into(),
        ])
    }
}

pub async fn run(args: &TradesArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    match &args.command {
        Some(TradesCommand::Reopen(args)) => return reopen::run(args, out).await,
        Some(TradesCommand::Reopened(args)) => return reopened::run(args, out).await,
        None => {}
    }
    let member: Option<MemberId> = match &args.member {
        Some(name) => Some(MemberId::from_stored(name).context("--member").exit_code(Exit::Usage)?),
        None => None,
    };
    let (config, store) = stored::open(&args.config).await?;
    let mut selection = Vec::new();
    for name in stored::communities(&config, &*store, args.community.as_deref()).await? {
        selection.push((stored::span(&args.span, &stored::zone(&config, &name))?, name));
    }
    if args.json {
        for (span, name) in &selection {
            each_trade(&*store, name, *span, member.as_ref(), |trade| {
                output::json_line(&TradeJson::new(name, trade), out)
            })
            .await?;
        }
    } else if args.csv {
        let mut csv = Csv::new(&COLUMNS, &mut *out)?;
        for (span, name) in &selection {
            let mut rows = Rows::of(name);
            each_trade(&*store, name, *span, member.as_ref(), |trade| Ok(csv.row(rows.cells(trade)?)?)).await?;
        }
        csv.finish()?;
    } else {
        for (span, name) in &selection {
            print_table(&*store, name, *span, member.as_ref(), out).await?;
        }
    }
    Ok(Exit::Done)
}

async fn each_trade(
    store: &dyn Store,
    community: &str,
    span: Span,
    member: Option<&MemberId>,
    mut visit: impl FnMut(&StoredTrade) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut page = store.trades(community, span, member, None, PAGE).await?;
    loop {
        let last = page.last().filter(|_| page.len() == PAGE).map(|last| (last.interval.start(), last.number));
        let next = async {
            match last {
                Some(_) => store.trades(community, span, member, last, PAGE).await,
                None => Ok(Vec::new()),
            }
        };
        // The store has begun to read when it is asked first, and goes on meanwhile.
        let (next, visited) = tokio::join!(next, async { page.iter().try_for_each(&mut visit) });
        visited?;
        page = next?;
        if page.is_empty() {
            return Ok(());
        }
    }
}

/// Prints page by page, in columns of fixed width: a table of a year would not fit into memory.
async fn print_table(
    store: &dyn Store,
    community: &str,
    span: Span,
    member: Option<&MemberId>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut count = 0_u64;
    writeln!(out, "{community}")?;
    each_trade(store, community, span, member, |trade| {
        if count == 0 {
            writeln!(
                out,
                "{:<20}  {:<18}  {:<18}  {:>12}  {:>11}  {:>14}  {:<8}",
                "interval", "seller", "buyer", "kWh", "EUR/kWh", "EUR", "state"
            )?;
        }
        count += 1;
        let state = trade.state.map_or_else(|| "–".to_owned(), |state| state.to_string());
        writeln!(
            out,
            "{:<20}  {:<18}  {:<18}  {:>12}  {:>11}  {:>14}  {:<8}{}",
            trade.interval.start().to_string(),
            trade.seller.to_string(),
            trade.buyer.to_string(),
            output::kwh(trade.energy.wh()),
            price(trade.price.micro_eur()),
            exact_eur(Amount::of(trade.energy, trade.price)),
            state,
            trade.message.as_deref().map(|message| format!("  {message}")).unwrap_or_default(),
        )?;
        Ok(())
    })
    .await?;
    writeln!(out, "{} trades", output::grouped(count))?;
    Ok(())
}

/// A price in EUR/kWh with all six decimals.
fn price(micro_eur: i64) -> String {
    let sign = if micro_eur < 0 { "-" } else { "" };
    let size = micro_eur.unsigned_abs();
    format!("{sign}{}.{:06}", size / 1_000_000, size % 1_000_000)
}

/// An amount in euro with all nine decimals.
fn exact_eur(amount: Amount) -> String {
    amount.to_string().trim_end_matches(" EUR").to_owned()
}
