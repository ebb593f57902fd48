//! `rec-market algorithm run` and `check`: an author's bench.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::settlement::trades_max_default;
use domain::{Party, Round, Settlement, Trade, Violation};
use sandbox::{Budget, Failure, Limits, Run};
use serde::Serialize;

use super::{Exit, Failed, open_sandbox, output, ready};
use crate::algorithms::{self, Reference, UnusableAlgorithm};
use crate::clearing::ReadyAlgorithm;
use crate::cli::{CheckArgs, RunArgs};
use crate::config;
use crate::gate::{self, Verdict};
use crate::round_file;

/// Trades that are printed for people; all are in `--json`.
const SHOWN: usize = 40;
/// Longest single word that a shell passes on, in bytes.
const WORD_BYTES_MAX: usize = 128 << 10;

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

/// Runs `algorithm run`.
pub fn run(args: &RunArgs, out: &mut impl Write) -> Result<Exit, Failed> {
    let reference = parse(&args.algorithm)?;
    let rounds = read_rounds(args)?;
    let sandbox = open_sandbox(config::user_cache())?;
    let keys = rounds.iter().flat_map(|round| round.terms().settings.iter().map(|(key, _)| key.as_str()));
    let algorithm = ready(&sandbox, &reference, |_| None, keys)?;
    let limits = args.limits.limits();
    if args.print_wasmtime {
        return print_wasmtime(&reference, &algorithm, &rounds, &limits, out);
    }
    let mut exit = Exit::Done;
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

fn parse(text: &str) -> Result<Reference, Failed> {
    Reference::parse(text, Path::new("")).map_err(|error| Failed::new(Exit::Usage, error))
}

fn judge(round: &Arc<Round>, run: &Run) -> Outcome {
    match &run.result {
        Err(failure) => Outcome::Failed(failure.clone()),
        Ok(trades) => {
            let most = trades_max_default(round.positions().len());
            match Settlement::check(Arc::clone(round), trades.clone(), most) {
                Ok(settlement) => Outcome::Balanced(settlement.trades().to_vec()),
                // A flood of trades is not worth printing whole.
                Err(violations) => Outcome::Rejected(trades.iter().copied().take(most).collect(), violations),
            }
        }
    }
}

/// Reads the rounds; one bad line stops before anything runs.
fn read_rounds(args: &RunArgs) -> Result<Vec<Arc<Round>>, Failed> {
    let round = |text: &str, place: &dyn Fn() -> String| {
        round_file::parse(text).map(Arc::new).map_err(|error| Failed::usage(format!("{}: {error}", place())))
    };
    match (&args.round, &args.rounds) {
        (Some(path), _) => {
            let text = read_text(path)?;
            Ok(vec![round(&text, &|| path.display().to_string())?])
        }
        (None, Some(path)) => {
            let text = read_text(path)?;
            let lines = text.lines().zip(1_u64..).filter(|(line, _)| !line.trim().is_empty());
            lines.map(|(line, number)| round(line, &|| format!("{}, round in line {number}", path.display()))).collect()
        }
        (None, None) => Err(Failed::usage("name a file with --round or --rounds")),
    }
}

fn read_text(path: &PathBuf) -> Result<String, Failed> {
    let read = if path.as_os_str() == "-" {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    read.map_err(|error| Failed::usage(format!("cannot read {}: {error}", path.display())))
}

fn party(round: &Round, party: Party) -> String {
    match party {
        Party::Grid => "grid".to_owned(),
        Party::Operator => "operator".to_owned(),
        Party::Member(index) => match round.position(index) {
            Some(position) => position.member.to_string(),
            None => format!("position {index}"),
        },
    }
}

fn json<'a>(algorithm: &ReadyAlgorithm, round: &Round, run: &'a Run, outcome: &'a Outcome) -> RunJson<'a> {
    let trade = |trade: &Trade| TradeJson {
        seller: party(round, trade.seller),
        buyer: party(round, trade.buyer),
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

fn print(
    algorithm: &ReadyAlgorithm,
    round: &Round,
    run: &Run,
    outcome: &Outcome,
    out: &mut impl Write,
) -> Result<(), Failed> {
    let description = &algorithm.description;
    let terms = round.terms();
    writeln!(
        out,
        "{} {} on {} at {}, {} positions",
        description.name,
        description.version,
        terms.community,
        terms.interval.start(),
        output::grouped(round.positions().len() as u64),
    )?;
    match outcome {
        Outcome::Balanced(trades) => {
            print_trades(round, trades, out)?;
            writeln!(out, "balanced: {} trades, every watt-hour accounted for", output::grouped(trades.len() as u64))?;
        }
        Outcome::Rejected(trades, violations) => {
            print_trades(round, trades, out)?;
            writeln!(out, "rejected: {} violations", output::grouped(violations.len() as u64))?;
            for violation in violations.iter().take(SHOWN) {
                writeln!(out, "  {}: {violation}", violation.code())?;
            }
            print_more(violations.len(), out)?;
        }
        Outcome::Failed(failure) => writeln!(out, "failed ({}): {failure}", failure.kind)?,
    }
    print_usage(algorithm, run, out)
}

fn print_trades(round: &Round, trades: &[Trade], out: &mut impl Write) -> Result<(), Failed> {
    let mut table = output::table(&["seller", "buyer", "Wh", "µEUR/kWh", "nEUR"], 2);
    for trade in trades.iter().take(SHOWN) {
        table.add_row([
            party(round, trade.seller),
            party(round, trade.buyer),
            trade.energy.wh().to_string(),
            trade.price.micro_eur().to_string(),
            trade.amount().nano_eur().to_string(),
        ]);
    }
    writeln!(out, "{table}")?;
    print_more(trades.len(), out)
}

fn print_more(all: usize, out: &mut impl Write) -> Result<(), Failed> {
    if all > SHOWN {
        writeln!(out, "  … and {} more (--json prints all)", output::grouped((all - SHOWN) as u64))?;
    }
    Ok(())
}

fn print_usage(algorithm: &ReadyAlgorithm, run: &Run, out: &mut impl Write) -> Result<(), Failed> {
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
    reference: &Reference,
    algorithm: &ReadyAlgorithm,
    rounds: &[Arc<Round>],
    limits: &Limits,
    out: &mut impl Write,
) -> Result<Exit, Failed> {
    let file = match reference {
        Reference::File(path) => path.clone(),
        Reference::Base(_) | Reference::Digest(_) => export(algorithm)?,
    };
    for round in rounds {
        let Budget { fuel, memory_bytes, time, .. } = limits.budget(round.positions().len());
        let wasi = if algorithm.algorithm.imports_wasi() { "" } else { " -S cli=n" };
        let call = format!("clear({})", round_file::to_wave(round));
        if call.len() >= WORD_BYTES_MAX {
            tracing::warn!(
                bytes = call.len(),
                "one shell word is limited to 128 KiB: this command is too long for a shell"
            );
        }
        writeln!(
            out,
            "wasmtime run -W fuel={fuel},max-memory-size={memory_bytes},timeout={}ms,nan-canonicalization=y,relaxed-simd=n{wasi} --invoke {} {}",
            time.as_millis(),
            shell_word(&call),
            shell_word(&file.display().to_string()),
        )?;
    }
    Ok(Exit::Done)
}

/// Writes a component that is part of this program to a file, so that another program can run it.
fn export(algorithm: &ReadyAlgorithm) -> Result<PathBuf, Failed> {
    let directory = config::user_cache().unwrap_or_else(std::env::temp_dir);
    let path = directory.join(format!("{}-{}.wasm", algorithm.description.name, algorithm.description.version));
    std::fs::write(&path, &algorithm.component)
        .map_err(|error| Failed::usage(format!("cannot write {}: {error}", path.display())))?;
    Ok(path)
}

/// Quotes a text so that a POSIX shell takes it as one word, unchanged.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The report of `check --json`.
#[derive(Serialize)]
struct ReportJson {
    passed: bool,
    checks: Vec<CheckJson>,
}

#[derive(Serialize)]
struct CheckJson {
    name: String,
    verdict: &'static str,
    detail: String,
}

/// Runs `algorithm check`.
pub fn check(args: &CheckArgs, out: &mut impl Write) -> Result<Exit, Failed> {
    let reference = parse(&args.algorithm)?;
    let sandbox = open_sandbox(config::user_cache())?;
    let loaded = match algorithms::read(&reference, |_| None) {
        Ok(bytes) => algorithms::load(&sandbox, &reference, &bytes),
        Err(error) => Err(error),
    };
    let loaded = match loaded {
        Ok(algorithm) => Ok(algorithm),
        Err(UnusableAlgorithm::Load { source, .. }) => Err(source),
        Err(error) => return Err(error.into()),
    };
    let report = gate::examine(loaded, &args.limits.limits())?;
    if args.json {
        let check = |check: &gate::Check| CheckJson {
            name: check.name.to_string(),
            verdict: check.verdict.code(),
            detail: check.detail.clone(),
        };
        let json = ReportJson { passed: report.passed(), checks: report.checks.iter().map(check).collect() };
        serde_json::to_writer(&mut *out, &json).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        for check in &report.checks {
            let mark = match check.verdict {
                Verdict::Passed => "✓",
                Verdict::Noted => "·",
                Verdict::Failed => "✗",
            };
            writeln!(out, "{mark} {:<24} {}", check.name, check.detail)?;
        }
        let verdict = if report.passed() { "passed" } else { "refused" };
        writeln!(out, "{reference}: {verdict}")?;
    }
    Ok(if report.passed() { Exit::Done } else { Exit::Bad })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_a_word_unchanged() {
        assert_eq!(shell_word("target/a-b.wasm"), "target/a-b.wasm");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word(""), "''");
    }
}
