//! `rec-market trades`: lists stored trades.

use std::io::Write;

use domain::{Amount, Boundary, MemberId};
use serde::Serialize;

use crate::cli::args::TradesArgs;
use crate::cli::exit::{Exit, failed, usage};
use crate::cli::{output, stored};
use books::{Span, Store, StoredTrade};

/// Trades that are held at a time.
const PAGE: usize = 5000;

/// One line of `--json`; the contract's names.
#[derive(Serialize)]
struct TradeJson<'a> {
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

impl<'a> TradeJson<'a> {
    fn new(community: &'a str, trade: &'a StoredTrade) -> TradeJson<'a> {
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

/// Runs the command.
pub async fn run(args: &TradesArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let span = stored::span(&args.span)?;
    let member: Option<MemberId> = match &args.member {
        Some(name) => Some(name.parse().map_err(|error| usage(format!("--member: {error}")))?),
        None => None,
    };
    let (config, store) = stored::open(&args.config).await?;
    let names = stored::communities(&config, &*store, args.community.as_deref()).await?;
    if args.json {
        for name in &names {
            each_trade(&*store, name, span, member.as_ref(), |trade| {
                serde_json::to_writer(&mut *out, &TradeJson::new(name, trade)).map_err(std::io::Error::from)?;
                Ok(out.write_all(b"\n")?)
            })
            .await?;
        }
    } else if args.csv {
        let mut csv = csv::WriterBuilder::new().has_headers(false).from_writer(&mut *out);
        csv.write_record([
            "id",
            "community",
            "start",
            "seller",
            "buyer",
            "energy",
            "price",
            "amount",
            "state",
            "message",
        ])
        .map_err(csv_failed)?;
        for name in &names {
            each_trade(&*store, name, span, member.as_ref(), |trade| {
                csv.serialize(TradeJson::new(name, trade)).map_err(csv_failed)
            })
            .await?;
        }
        csv.flush()?;
    } else {
        for name in &names {
            print_table(&*store, name, span, member.as_ref(), out).await?;
        }
    }
    Ok(Exit::Done)
}

/// A CSV writer fails only where its output does.
pub fn csv_failed(error: csv::Error) -> anyhow::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        other => failed(Exit::Away, anyhow::anyhow!("cannot write CSV: {other:?}")),
    }
}

async fn each_trade(
    store: &dyn Store,
    community: &str,
    span: Span,
    member: Option<&MemberId>,
    mut seen: impl FnMut(&StoredTrade) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut after: Option<(Boundary, u64)> = None;
    loop {
        let page = store.trades(community, span, member, after, PAGE).await?;
        for trade in &page {
            seen(trade)?;
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some((last.interval.start(), last.number)),
            _ => return Ok(()),
        }
    }
}

/// Prints page by page: a table of a year would not fit in memory or on a screen, but its columns can be fixed.
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
