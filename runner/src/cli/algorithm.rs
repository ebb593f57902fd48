//! `rec-market algorithm run`: an author's bench.

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::settlement::trades_max_default;
use domain::{Round, Trade, Violation};
use sandbox::{Algorithm, BadResult, Budget, Described, Failure, Limits, Run};
use serde::Serialize;

use crate::algorithms::cache::check_settings;
use crate::algorithms::catalogue;
use crate::app::open_sandbox_with_any_cache;
use crate::cli::args::RunArgs;
use crate::cli::exit::{Exit, failed, usage};
use crate::cli::round_file;
use crate::cli::{output, wasmtime_cli};
use crate::config;
use crate::file::{self, Access};
use base::Reference;

/// Trades that are printed for people; all are in `--json`.
const SHOWN: usize = 40;

/// One object of `run --json`; the contract's names.
#[derive(Serialize)]
struct RunJson<'a> {
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

/// What became of one run.
enum Outcome {
    Balanced(Vec<Trade>),
    Rejected(Vec<Trade>, Vec<Violation>),
    Failed(Failure),
}

/// An algorithm on the bench.
struct Tried {
    reference: Reference,
    component: Cow<'static, [u8]>,
    algorithm: Algorithm,
    /// One that cannot say what it is may still clear, and its author wants to see how.
    described: Described,
}

/// Runs `algorithm run`.
pub fn run(args: &RunArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let reference = parse(&args.algorithm)?;
    let rounds = read_rounds(args)?;
    let limits = args.limits.limits();
    let algorithm = load(reference)?;
    let mut exit = Exit::Done;
    match &algorithm.described {
        Ok(description) => {
            let keys = rounds.iter().flat_map(|round| round.terms().settings.iter().map(|(key, _)| key.as_str()));
            check_settings(keys, description, &algorithm.reference)?;
        }
        Err(failure) => {
            tracing::error!("{}: describe failed ({}): {failure}", algorithm.reference, failure.kind);
            // Nobody can settle with it, whatever it answers below.
            exit = Exit::Bad;
        }
    }
    if args.print_wasmtime {
        print_wasmtime(&algorithm, &rounds, &limits, out)?;
        return Ok(exit);
    }
    for round in rounds {
        let positions = round.positions().len();
        let run = algorithm.algorithm.clear(&round, limits.budget(positions))?;
        let outcome = judge(&round, &run);
        if !matches!(outcome, Outcome::Balanced(_)) {
            exit = Exit::Bad;
        }
        if args.json {
            serde_json::to_writer(&mut *out, &json(&algorithm, &round, &run, &outcome)).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
        } else {
            print(&algorithm, &round, &run, &outcome, out)?;
        }
    }
    Ok(exit)
}

/// The algorithm that an argument names.
pub fn parse(text: &str) -> anyhow::Result<Reference> {
    Reference::parse(text, Path::new("")).map_err(|error| failed(Exit::Usage, error))
}

fn load(reference: Reference) -> anyhow::Result<Tried> {
    let sandbox = open_sandbox_with_any_cache(config::user_cache())?;
    let component = catalogue::read(&reference, |_| None)?;
    let algorithm = catalogue::load(&sandbox, &reference, &component)?;
    // As when it settles: the limits that an author tries are for clearing.
    let described = algorithm.describe(Limits::default().budget(0))?;
    Ok(Tried { reference, component, algorithm, described })
}

fn judge(round: &Arc<Round>, run: &Run) -> Outcome {
    match run.clone().check(round).result {
        Ok(settlement) => Outcome::Balanced(settlement.trades().to_vec()),
        Err(BadResult::Failed(failure)) => Outcome::Failed(failure),
        Err(BadResult::Rejected(violations)) => {
            // A flood of trades is not worth printing whole.
            let most = trades_max_default(round.positions().len());
            let claimed = run.result.iter().flatten().take(most).copied();
            Outcome::Rejected(claimed.collect(), violations)
        }
    }
}

/// Reads the rounds; one bad line stops before anything runs.
fn read_rounds(args: &RunArgs) -> anyhow::Result<Vec<Arc<Round>>> {
    let round = |text: &str, place: &dyn Fn() -> String| {
        round_file::parse(text).map(Arc::new).map_err(|error| usage(format!("{}: {error}", place())))
    };
    match (&args.round, &args.rounds) {
        (Some(path), _) => {
            let text = read_text(path)?;
            Ok(vec![round(&text, &|| named(path))?])
        }
        (None, Some(path)) => {
            let text = read_text(path)?;
            let lines = text.lines().zip(1_u64..).filter(|(line, _)| !line.trim().is_empty());
            let rounds: anyhow::Result<Vec<_>> = lines
                .map(|(line, number)| round(line, &|| format!("{}, round in line {number}", named(path))))
                .collect();
            match rounds?.as_slice() {
                [] => Err(usage(format!("{}: there is no round in it (one a line is expected)", named(path)))),
                rounds => Ok(rounds.to_vec()),
            }
        }
        (None, None) => Err(usage("name a file with --round or --rounds")),
    }
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    let read = if path.as_os_str() == "-" {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    read.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => usage(format!("{}: it is not UTF-8 (save it as that)", named(path))),
        _ => usage(format!("cannot read {}: {error} (name a file with rounds, or - for stdin)", named(path))),
    })
}

fn named(path: &Path) -> String {
    if path.as_os_str() == "-" { "stdin".to_owned() } else { path.display().to_string() }
}

fn json<'a>(algorithm: &Tried, round: &Round, run: &'a Run, outcome: &'a Outcome) -> RunJson<'a> {
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
        component_bytes: algorithm.algorithm.component_bytes(),
        sha256: algorithm.algorithm.digest().to_string(),
        log: &run.log,
    }
}

fn print(algorithm: &Tried, round: &Round, run: &Run, outcome: &Outcome, out: &mut impl Write) -> anyhow::Result<()> {
    let terms = round.terms();
    match &algorithm.described {
        Ok(description) => write!(out, "{} {}", description.name, description.version)?,
        Err(_) => write!(out, "{}", algorithm.reference)?,
    }
    let (start, positions) = (terms.interval.start(), counted(round.positions().len(), "position"));
    writeln!(out, " on {} at {start}, {positions}", terms.community)?;
    match outcome {
        Outcome::Balanced(trades) => {
            print_trades(round, trades, out)?;
            writeln!(out, "balanced: {}, every watt-hour accounted for", counted(trades.len(), "trade"))?;
        }
        Outcome::Rejected(trades, violations) => {
            print_trades(round, trades, out)?;
            writeln!(out, "rejected: {}", counted(violations.len(), "violation"))?;
            for violation in violations.iter().take(SHOWN) {
                writeln!(out, "  {}: {violation}", violation.code())?;
            }
            print_more(violations.len(), out)?;
        }
        Outcome::Failed(failure) => writeln!(out, "failed ({}): {failure}", failure.kind)?,
    }
    print_usage(algorithm, run, out)
}

/// So many of something.
fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", output::grouped(count as u64))
}

fn print_trades(round: &Round, trades: &[Trade], out: &mut impl Write) -> anyhow::Result<()> {
    if trades.is_empty() {
        return Ok(());
    }
    let mut table = output::table(&["seller", "buyer", "Wh", "µEUR/kWh", "nEUR"], 2);
    for trade in trades.iter().take(SHOWN) {
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

fn print_more(all: usize, out: &mut impl Write) -> anyhow::Result<()> {
    if all > SHOWN {
        writeln!(out, "  … and {} more (--json prints all)", output::grouped((all - SHOWN) as u64))?;
    }
    Ok(())
}

fn print_usage(algorithm: &Tried, run: &Run, out: &mut impl Write) -> anyhow::Result<()> {
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
    writeln!(out, "  component  {} bytes", output::grouped(algorithm.algorithm.component_bytes()))?;
    writeln!(out, "  sha256     {}", algorithm.algorithm.digest())?;
    if !run.log.is_empty() {
        writeln!(out, "  it wrote   {}", run.log.replace('\n', "\n             "))?;
    }
    Ok(())
}

/// Prints, for each round, what an outsider types to run it with nothing but the wasmtime CLI.
fn print_wasmtime(
    algorithm: &Tried,
    rounds: &[Arc<Round>],
    limits: &Limits,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let file = match &algorithm.reference {
        Reference::File(path) => path.clone(),
        Reference::Base(_) | Reference::Digest(_) | Reference::Uploaded { .. } => export(algorithm)?,
    };
    for round in rounds {
        let budget = limits.budget(round.positions().len());
        writeln!(out, "{}", wasmtime_cli::command(&algorithm.algorithm, &file, round, budget))?;
    }
    Ok(())
}

/// Writes a component that is part of this program to a file, so that another program can run it.
fn export(algorithm: &Tried) -> anyhow::Result<PathBuf> {
    let name = algorithm.described.as_ref().map_or("algorithm", |description| &description.name);
    let name = wasmtime_cli::file_name(name, &algorithm.algorithm.digest());
    let failed = |error: &dyn std::fmt::Display| usage(format!("cannot write {name}: {error}"));
    let directory = match config::user_cache() {
        Some(directory) => directory,
        // Under a name of its own: what lies at a known place in a shared directory may be somebody else's.
        None => {
            let private = std::fs::Permissions::from_mode(0o700);
            let directory = tempfile::Builder::new().prefix("rec-market-").permissions(private).tempdir();
            directory.map_err(|error| failed(&error))?.keep()
        }
    };
    let path = directory.join(&name);
    if std::fs::read(&path).is_ok_and(|bytes| bytes == *algorithm.component) {
        return Ok(path);
    }
    file::replace(&path, &algorithm.component, Access::Private).map_err(|error| failed(&error))?;
    Ok(path)
}
