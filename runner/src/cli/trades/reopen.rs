//! `rec-market trades reopen`: offers trades for payment again.

use std::collections::BTreeSet;
use std::io::Write;

use books::{Match, MatchFilter, Quantity, Reopening, Store, Window};
use clap::Args;
use domain::{Amount, TradeId};
use jiff::{Timestamp, Unit};

use super::exact_eur;
use super::reopened::print_record;
use crate::app;
use crate::cli::args::ConfigArg;
use crate::cli::confirm;
use crate::cli::exit::Exit;
use crate::cli::record::{self, ByArg};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;

/// Offer trades for payment again that are Sent, Paid or Error: each is Created, without a payment
///
/// For trades that were reported wrongly. Check with the ledger first: a trade that was paid is paid again. All of them are
/// reopened, or none. `rec-market trades reopened` lists what was reopened, by whom and why.
#[derive(Debug, Args)]
pub struct ReopenArgs {
    /// Ids of the trades
    #[arg(value_name = "ID", required = true)]
    pub trades: Vec<TradeId>,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    #[command(flatten)]
    pub by: ByArg,
    /// Skip the confirmation prompt
    #[arg(long, short)]
    pub yes: bool,
    /// Print one JSON object per trade
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub config: ConfigArg,
}

pub async fn run(args: &ReopenArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let (why, by) = (record::why(&args.why)?, args.by.name()?);
    let config = Config::load(&args.config.config)?;
    // One that does not exist is not made.
    let books = app::open_store_to_read(&config.store).await?;
    let now = SystemClock.now().round(Unit::Second)?;
    let trades: BTreeSet<TradeId> = args.trades.iter().copied().collect();
    if !args.yes {
        print_choice(&*books, &trades, now, out).await?;
        out.flush()?;
        let noun = if trades.len() == 1 { "It is" } else { "They are" };
        if !confirm::confirm(&format!("{noun} offered for payment again"))? {
            return confirm::print_unchanged(out);
        }
    }
    let store = app::open_store(&config.store).await?;
    for record in store.reopen(&Reopening { trades, at: now, by, why }).await? {
        print_record(&record, args.json, out)?;
    }
    Ok(Exit::Done)
}

/// Prints what the trades are now; which of them cannot be reopened, the store says.
async fn print_choice(
    books: &dyn Store,
    trades: &BTreeSet<TradeId>,
    now: Timestamp,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    for id in trades {
        let filter = MatchFilter { id: Some(*id), ..MatchFilter::default() };
        for Match { end, seller, buyer, quantity, state, transaction_id, .. } in
            books.matches(&filter, Window::first(1), now).await?
        {
            let amount = match quantity {
                Quantity::Exact { energy, price } => format!("{} EUR", exact_eur(Amount::of(energy, price))),
                Quantity::Original { kwh, eur_per_kwh } => format!("{kwh} kWh at {eur_per_kwh} EUR/kWh"),
            };
            let state = state.map_or_else(|| "with the grid".to_owned(), |state| state.to_string());
            let payment = transaction_id.map(|id| format!(" by {id:?}")).unwrap_or_default();
            writeln!(out, "{id}  until {end}  {seller} to {buyer}  {amount}  {state}{payment}")?;
        }
    }
    Ok(())
}
