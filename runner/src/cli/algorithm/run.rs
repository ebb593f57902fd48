//! `rec-market algorithm run`: tries an algorithm in isolation.

pub(super) mod print;

use std::borrow::Cow;
use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use base::Reference;
use clap::{ArgGroup, Args};
use domain::settlement::trades_max_default;
use domain::{Round, Trade, Violation};
use sandbox::{Algorithm, BadResult, Described, Failure, Limits, Run};

use crate::algorithms::cache::check_settings;
use crate::algorithms::catalogue;
use crate::app::open_sandbox_to_try;
use crate::cli::args::{duration, size};
use crate::cli::exit::{Exit, ExitCode};
use crate::cli::{output, round_file, wasmtime_cli};
use crate::config;
use crate::file::{self, Access};

/// Run an algorithm on a round, with the sandbox, limits and balance check of the service
///
/// A round file is JSON: {"community": "aveiro", "start": "2023-09-01T12:00:00Z", "positions": [{"member": "m01",
/// "surplus": 1500, "deficit": 0}, …]}. Energy is in Wh, prices are in µEUR/kWh.
///
/// Optional fields and their defaults: duration 900, retail 162400, feed_in 30000, seed 0, settings {}, price_floor and
/// price_ceiling null. In a position: surplus and deficit 0, retail and feed_in (those of the round), offer (its feed_in),
/// bid (its retail), share 0, rank 0.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("input").required(true))]
pub struct RunArgs {
    /// Component file, or name of a base algorithm
    #[arg(value_name = "FILE.wasm")]
    pub algorithm: String,
    /// File with one round (- for stdin)
    #[arg(long, value_name = "R.json", group = "input")]
    pub round: Option<PathBuf>,
    /// File with one round per line (- for stdin)
    #[arg(long, value_name = "R.jsonl", group = "input")]
    pub rounds: Option<PathBuf>,
    /// Print one JSON object for each round, in order
    #[arg(long)]
    pub json: bool,
    /// Print the equivalent command for the plain wasmtime CLI, and run nothing
    #[arg(long)]
    pub print_wasmtime: bool,
    #[command(flatten)]
    pub limits: LimitArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits (by default those of the service for a round of that size)")]
pub struct LimitArgs {
    /// Fuel: about one unit per instruction
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub fuel: Option<u64>,
    /// Memory and tables together, such as 64MiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub memory: Option<u64>,
    /// Processor time, such as 2s
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub time: Option<std::time::Duration>,
    /// Size of the result, such as 1MiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub output: Option<u64>,
}

impl LimitArgs {
    pub fn limits(&self) -> Limits {
        let LimitArgs { fuel, memory, time, output } = *self;
        Limits { fuel, memory_bytes: memory, time, output_bytes: output }
    }
}

/// The verdict on one run.
pub(super) enum Outcome {
    Balanced(Vec<Trade>),
    Rejected(Vec<Trade>, Vec<Violation>),
    Failed(Failure),
}

/// The algorithm to try.
pub(super) struct Candidate {
    pub(super) reference: Reference,
    component: Cow<'static, [u8]>,
    pub(super) algorithm: Algorithm,
    /// An algorithm whose `describe` fails may still clear, and its author wants to see how.
    pub(super) described: Described,
}

pub fn run(args: &RunArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let reference = parse_reference(&args.algorithm)?;
    let rounds = read_rounds(args)?;
    let limits = args.limits.limits();
    let candidate = load(reference)?;
    let mut exit = Exit::Done;
    match &candidate.described {
        Ok(description) => {
            let keys = rounds.iter().flat_map(|round| round.terms().settings.iter().map(|(key, _)| key.as_str()));
            check_settings(keys, description, &candidate.reference)?;
        }
        Err(failure) => {
            tracing::error!("{}: describe failed ({}): {failure}", candidate.reference, failure.kind);
            // Nobody can settle with it, whatever `clear` returns below.
            exit = Exit::Bad;
        }
    }
    if args.print_wasmtime {
        print_wasmtime(&candidate, &rounds, &limits, out)?;
        return Ok(exit);
    }
    for round in rounds {
        let positions = round.positions().len();
        let run = candidate.algorithm.clear(&round, limits.budget(positions))?;
        let outcome = judge(&round, &run);
        if !matches!(outcome, Outcome::Balanced(_)) {
            exit = Exit::Bad;
        }
        if args.json {
            output::json_line(&print::json(&candidate, &round, &run, &outcome), out)?;
        } else {
            print::text(&candidate, &round, &run, &outcome, out)?;
        }
    }
    Ok(exit)
}

pub fn parse_reference(text: &str) -> anyhow::Result<Reference> {
    Reference::parse(text, Path::new("")).exit_code(Exit::Usage)
}

pub(super) fn load(reference: Reference) -> anyhow::Result<Candidate> {
    let sandbox = open_sandbox_to_try(&reference, config::user_cache())?;
    let component = catalogue::read(&reference, |_| None)?;
    let algorithm = catalogue::load(&sandbox, &reference, &component)?;
    // With the usual limits, as when it settles: those of the command line are for `clear`.
    let described = algorithm.describe(Limits::default().budget(0))?;
    Ok(Candidate { reference, component, algorithm, described })
}

pub(super) fn judge(round: &Arc<Round>, run: &Run) -> Outcome {
    match run.clone().check(round).result {
        Ok(settlement) => Outcome::Balanced(settlement.trades().to_vec()),
        Err(BadResult::Failed(failure)) => Outcome::Failed(failure),
        Err(BadResult::Rejected(violations)) => {
            // More trades than allowed are not worth printing.
            let most = trades_max_default(round.positions().len());
            let claimed = run.result.iter().flatten().take(most).copied();
            Outcome::Rejected(claimed.collect(), violations)
        }
    }
}

/// Reads all rounds before any runs.
fn read_rounds(args: &RunArgs) -> anyhow::Result<Vec<Arc<Round>>> {
    read_round_files(args).exit_code(Exit::Usage)
}

fn read_round_files(args: &RunArgs) -> anyhow::Result<Vec<Arc<Round>>> {
    match (&args.round, &args.rounds) {
        (Some(path), _) => Ok(vec![read_round(path)?]),
        (None, Some(path)) => {
            let text = read_text(path)?;
            let lines = text.lines().zip(1_u64..).filter(|(line, _)| !line.trim().is_empty());
            let parse = |(line, number)| {
                let round = round_file::parse(line);
                round.map(Arc::new).with_context(|| format!("{}, round in line {number}", path_name(path)))
            };
            let rounds = lines.map(parse).collect::<anyhow::Result<Vec<_>>>()?;
            if rounds.is_empty() {
                bail!("{} contains no rounds (one round per line is expected)", path_name(path));
            }
            Ok(rounds)
        }
        (None, None) => bail!("no rounds (name a file with --round or --rounds)"),
    }
}

/// Reads a file with one round.
pub(super) fn read_round(path: &Path) -> anyhow::Result<Arc<Round>> {
    round_file::parse(&read_text(path)?).map(Arc::new).with_context(|| path_name(path))
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    let read = if path.as_os_str() == "-" {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(path)
    };
    match read {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            bail!("{} is not UTF-8 (save it as UTF-8)", path_name(path))
        }
        read => {
            read.with_context(|| format!("cannot read {} (name a file with rounds, or - for stdin)", path_name(path)))
        }
    }
}

fn path_name(path: &Path) -> String {
    if path.as_os_str() == "-" { "stdin".to_owned() } else { path.display().to_string() }
}

/// Prints, for each round, the command that runs it with the plain wasmtime CLI.
fn print_wasmtime(
    candidate: &Candidate,
    rounds: &[Arc<Round>],
    limits: &Limits,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let file = match &candidate.reference {
        Reference::File(path) => path.clone(),
        Reference::Base(_) | Reference::Digest(_) | Reference::Uploaded { .. } => export(candidate)?,
    };
    for round in rounds {
        let budget = limits.budget(round.positions().len());
        writeln!(out, "{}", wasmtime_cli::command(&candidate.algorithm, &file, round, budget))?;
    }
    Ok(())
}

/// Writes a component that is part of this program to a file, so that another program can run it.
fn export(candidate: &Candidate) -> anyhow::Result<PathBuf> {
    let name = candidate.described.as_ref().map_or("algorithm", |description| &description.name);
    let name = output::component_file(name, &candidate.algorithm.digest().short());
    write_to_cache(&name, &candidate.component).with_context(|| format!("cannot write {name}")).exit_code(Exit::Usage)
}

fn write_to_cache(name: &str, component: &[u8]) -> io::Result<PathBuf> {
    let directory = match config::user_cache() {
        Some(directory) => directory,
        // A private directory: a file with a known name in a shared one may be somebody else's.
        None => {
            tempfile::Builder::new().prefix("rec-market-").permissions(Permissions::from_mode(0o700)).tempdir()?.keep()
        }
    };
    let path = directory.join(name);
    if fs::read(&path).is_ok_and(|bytes| bytes == component) {
        return Ok(path);
    }
    file::replace(&path, component, Access::Private)?;
    Ok(path)
}
