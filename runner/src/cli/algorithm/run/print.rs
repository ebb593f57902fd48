//! The result of one run, as JSON and as text.

use std::io::Write;

use domain::{Round, Trade, Violation};
use sandbox::{Budget, Run};
use serde::Serialize;

use super::{Candidate, Outcome};
use crate::cli::output::{self, counted};

/// Maximum number of trades and violations that are printed as text; JSON has all.
pub(in crate::cli::algorithm) const PRINTED_MAX: usize = 40;

/// One object of `run --json`; the names are the command line's contract.
#[derive(Serialize)]
pub(in crate::cli::algorithm) struct RunJson<'a> {
    status: &'static str,
    trades: Vec<TradeJson>,
    violations: Vec<ViolationJson>,
    error: Option<ErrorJson<'a>>,
    fuel: u64,
    fuel_limit: u64,
    peak_memory_bytes: u64,
    memory_limit_bytes: u64,
    duration_us: u64,
    input_bytes: u64,
    output_bytes: u64,
    component_bytes: u64,
    sha256: String,
    log: &'a str,
}

#[derive(Serialize)]
struct TradeJson {
    seller: String,
    buyer: String,
    energy: u64,
    price: i64,
}

#[derive(Serialize)]
struct ViolationJson {
    code: &'static str,
    message: String,
}

#[derive(Serialize)]
struct ErrorJson<'a> {
    kind: &'static str,
    message: &'a str,
}

pub(in crate::cli::algorithm) fn json<'a>(
    candidate: &Candidate,
    round: &Round,
    run: &'a Run,
    outcome: &'a Outcome,
) -> RunJson<'a> {
    let trade = |trade: &Trade| TradeJson {
        seller: round.party_name(trade.seller),
        buyer: round.party_name(trade.buyer),
        energy: trade.energy.wh(),
        price: trade.price.micro_eur(),
    };
    let violation = |violation: &Violation| ViolationJson { code: violation.code(), message: violation.to_string() };
    let (status, trades, violations, error) = match outcome {
        Outcome::Balanced(trades) => ("balanced", &trades[..], &[][..], None),
        Outcome::Rejected(trades, violations) => ("rejected", &trades[..], &violations[..], None),
        Outcome::Failed(failure) => ("failed", &[][..], &[][..], Some(failure)),
    };
    let usage = &run.usage;
    RunJson {
        status,
        trades: trades.iter().map(trade).collect(),
        violations: violations.iter().map(violation).collect(),
        error: error.map(|failure| ErrorJson { kind: failure.kind.code(), message: &failure.message }),
        fuel: usage.fuel,
        fuel_limit: usage.budget.fuel,
        peak_memory_bytes: usage.peak_memory_bytes,
        memory_limit_bytes: usage.budget.memory_bytes,
        duration_us: u64::try_from(usage.duration.as_micros()).unwrap_or(u64::MAX),
        input_bytes: usage.input_bytes,
        output_bytes: usage.output_bytes,
        component_bytes: candidate.algorithm.component_bytes(),
        sha256: candidate.algorithm.digest().to_string(),
        log: &run.log,
    }
}

pub(in crate::cli::algorithm) fn text(
    candidate: &Candidate,
    round: &Round,
    run: &Run,
    outcome: &Outcome,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let terms = round.terms();
    match &candidate.described {
        Ok(description) => write!(out, "{} {}", description.name, description.version)?,
        Err(_) => write!(out, "{}", candidate.reference)?,
    }
    let (start, positions) = (terms.interval.start(), counted(round.positions().len() as u64, "position"));
    writeln!(out, " on {} at {start}, {positions}", terms.community)?;
    match outcome {
        Outcome::Balanced(trades) => {
            print_trades(round, trades, out)?;
            writeln!(out, "balanced: {}, every watt-hour accounted for", counted(trades.len() as u64, "trade"))?;
        }
        Outcome::Rejected(trades, violations) => {
            print_trades(round, trades, out)?;
            writeln!(out, "rejected: {}", counted(violations.len() as u64, "violation"))?;
            for violation in violations.iter().take(PRINTED_MAX) {
                writeln!(out, "  {}: {violation}", violation.code())?;
            }
            print_more(violations.len(), out)?;
        }
        Outcome::Failed(failure) => writeln!(out, "failed ({}): {failure}", failure.kind)?,
    }
    print_usage(candidate, run, out)
}

fn print_trades(round: &Round, trades: &[Trade], out: &mut impl Write) -> anyhow::Result<()> {
    if trades.is_empty() {
        return Ok(());
    }
    let mut table = output::table(&["seller", "buyer", "Wh", "µEUR/kWh", "nEUR"], 2);
    for trade in trades.iter().take(PRINTED_MAX) {
        table.add_row([
            round.party_name(trade.seller),
            round.party_name(trade.buyer),
            trade.energy.wh().to_string(),
            trade.price.micro_eur().to_string(),
            trade.amount().nano_eur().to_string(),
        ]);
    }
    writeln!(out, "{table}")?;
    print_more(trades.len(), out)
}

pub(in crate::cli::algorithm) fn print_more(all: usize, out: &mut impl Write) -> anyhow::Result<()> {
    if all > PRINTED_MAX {
        writeln!(out, "  … and {} more (--json prints all)", output::grouped((all - PRINTED_MAX) as u64))?;
    }
    Ok(())
}

fn print_usage(candidate: &Candidate, run: &Run, out: &mut impl Write) -> anyhow::Result<()> {
    let usage = &run.usage;
    let Budget { fuel, memory_bytes, .. } = usage.budget;
    let of = |used: u64, most: u64| format!("{} of {}", output::grouped(used), output::grouped(most));
    writeln!(out, "  fuel       {}", of(usage.fuel, fuel))?;
    writeln!(out, "  memory     {} bytes", of(usage.peak_memory_bytes, memory_bytes))?;
    writeln!(out, "  time       {:?}", usage.duration)?;
    writeln!(
        out,
        "  in, out    {} bytes, {} bytes",
        output::grouped(usage.input_bytes),
        output::grouped(usage.output_bytes)
    )?;
    writeln!(out, "  component  {} bytes", output::grouped(candidate.algorithm.component_bytes()))?;
    writeln!(out, "  sha256     {}", candidate.algorithm.digest())?;
    if !run.log.is_empty() {
        writeln!(out, "  log        {}", run.log.replace('\n', "\n             "))?;
    }
    Ok(())
}
