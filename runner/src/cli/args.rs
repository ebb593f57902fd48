//! The command line: what clap needs to know, and the help that teaches.

mod service;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

use crate::telemetry::log::LogFormat;

pub use service::{
    ActivateArgs, ChangesArgs, DownloadArgs, IdentityArgs, ListArgs, RollbackArgs, ServerArgs, ShadowArgs,
    ShowAlgorithmArgs, UploadArgs,
};

/// Settles the energy trades of renewable energy communities.
///
/// Every quarter-hour a community's meters report; a matching algorithm, a WebAssembly component run in a sandbox, decides
/// who sold to whom at what price; its result is checked to the watt-hour and stored.
///
/// Start with `rec-market demo`. Output goes to stdout, logs to stderr (REC_MARKET_LOG=debug shows more).
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How lines of the log look on stderr.
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t, env = "REC_MARKET_LOG_FORMAT")]
    pub log_format: LogFormat,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the thing checked is bad: a rejected result, a failed audit, a replay that differs
  2  usage or configuration
  3  a service it needs is away";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Shows everything at work on loopback: meters, a market, some days of trading, what everybody paid.
    ///
    /// Needs no configuration and no network. A Meters service of our own serves believable households (or your
    /// readings), the market settles them over real gRPC, and the result is printed per member.
    Demo(DemoArgs),
    /// The service: settles on schedule, serves the platform, forwards trades; until SIGTERM.
    ///
    /// Catches up with whatever is due, however long it was away. Several replicas may run on one store. SIGHUP reloads
    /// the certificates.
    Serve(ServeArgs),
    /// Asks a running service whether it is well: 0 if it is, 1 if not.
    Health(HealthArgs),
    /// Settles every due interval of every community, then exits.
    ///
    /// Continues where the last run stopped. Running it twice, or two at once, changes nothing: trades have ids derived
    /// from their place.
    Settle(SettleArgs),
    /// Lists stored trades, oldest first.
    Trades(TradesArgs),
    /// What every member sold, bought, paid and saved.
    Statement(StatementArgs),
    /// Proves the stored books.
    ///
    /// Recomputes every interval from its stored meter readings: the positions, the balance check, the ids, and that for
    /// each member the trades add up to the change of its registers.
    Audit(AuditArgs),
    /// Recomputes stored intervals, and says exactly what differs.
    ///
    /// Runs the stored round through the stored algorithm again, in the same sandbox, and compares with the books: the digest
    /// of the round, every trade, the digest of all trades, the fuel. Recomputes everything, unless told which intervals.
    /// Changes nothing, so it may run beside the service.
    ///
    /// Whoever trusts none of this runs `rec-market replay --interval 2023-09-01T12:00:00Z --print-wasmtime`: it prints the
    /// command that does the same with nothing but the wasmtime CLI, and writes the stored algorithm to a file for it.
    Replay(ReplayArgs),
    /// Tries, checks and inspects matching algorithms.
    #[command(subcommand)]
    Algorithm(AlgorithmCommand),
    /// Checks a configuration, or shows what it comes to.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Makes certificates for development: an authority, one for the market, one for Transactions.
    ///
    /// Never for production: there the platform's stack mounts real ones (secrets/README.md).
    Certs(CertsArgs),
    /// Prints a completion script for a shell.
    ///
    /// For bash: `rec-market completions bash > ~/.local/share/bash-completion/completions/rec-market`
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Services of the platform to develop and test against.
    #[command(subcommand, hide = true)]
    Dev(DevCommand),
    /// Compiles a component from stdin to stdout, within limits; the sandbox starts this itself.
    #[command(hide = true)]
    CompileComponent {
        /// For the engine that the gate compares with.
        #[arg(long)]
        checking: bool,
    },
}

/// `--config`, the same everywhere.
#[derive(Debug, Args)]
pub struct ConfigArg {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "market.toml")]
    pub config: PathBuf,
}

/// `--from` and `--to`, the same everywhere.
#[derive(Debug, Args)]
pub struct SpanArgs {
    /// Only intervals that start at or after this time (2023-09-01T00:00:00Z, or a date in UTC).
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub from: Option<Timestamp>,
    /// Only intervals that start before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub to: Option<Timestamp>,
}

/// Reads a time in RFC 3339, or a date in UTC.
fn time(text: &str) -> Result<Timestamp, String> {
    let midnight = || format!("{text}T00:00:00Z").parse().ok();
    let parsed: Option<Timestamp> = text.parse().ok().or_else(midnight);
    parsed.ok_or_else(|| "expected RFC 3339, such as 2023-09-01T12:15:00Z, or a date, such as 2023-09-01".to_owned())
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArg,
}

/// Arguments of `health`.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Asks only whether the process serves, on its port of metrics: what restarts a container, since a new one would wait
    /// for the same store.
    #[arg(long)]
    pub live: bool,
    /// Where the service listens (in plaintext, or for metrics), if not where the configuration says.
    #[arg(long, value_name = "ADDRESS")]
    pub address: Option<SocketAddr>,
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArg,
}

/// Services of the platform to develop and test against.
#[derive(Debug, Subcommand)]
pub enum DevCommand {
    /// A Meters service with believable households, until SIGTERM.
    Meters(DevMetersArgs),
    /// A Transactions service that pulls every buyer's trades, pays at once and reports that, until SIGTERM.
    Transactions(DevTransactionsArgs),
}

/// Arguments of `dev transactions`.
#[derive(Debug, Args)]
pub struct DevTransactionsArgs {
    /// The market's plaintext port, which tells who buys.
    #[arg(long, value_name = "URL", default_value = "http://localhost:50050")]
    pub matches: String,
    /// The market's TLS port.
    #[arg(long, value_name = "URL", default_value = "https://localhost:50051")]
    pub market: String,
    /// The authority of the market's certificate.
    #[arg(long, value_name = "FILE", default_value = "secrets/ca_crt.pem")]
    pub ca: PathBuf,
    /// Our own certificate, if the market wants one.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub certificate: Option<PathBuf>,
    /// Its key.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<PathBuf>,
    /// Where to write payments down, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
}

/// Arguments of `dev meters`.
#[derive(Debug, Args)]
pub struct DevMetersArgs {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5049")]
    pub listen: SocketAddr,
    /// How many meters.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(2..=1000))]
    pub members: u16,
    /// How many days of readings.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=366))]
    pub days: u16,
    /// The first reading; so that the last one is tomorrow if left out.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub start: Option<Timestamp>,
    /// Makes other households, but the same ones every time.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Days to settle: 7 of a made-up community, all of recorded readings.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=366))]
    pub days: Option<u16>,
    /// Members of the made-up community.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(2..=1000))]
    pub members: u16,
    /// Makes another community, but the same one every time.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Uses recorded readings instead: CSV with the columns meter,timestamp,import_wh,export_wh.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["members", "seed"])]
    pub readings: Option<PathBuf>,
    /// The matching algorithm: a base algorithm's name or a .wasm file.
    #[arg(long, default_value = "mid-market-rate")]
    pub algorithm: String,
    /// How trades come to Transactions: it fetches them, or the market sends them.
    #[arg(long, value_enum, default_value_t = ForwardArg::Pull)]
    pub forward: ForwardArg,
    /// Keeps configuration and books in this directory, to look at them with the other commands.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Prints one JSON object instead of tables.
    #[arg(long)]
    pub json: bool,
}

/// How trades come to the demo's Transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ForwardArg {
    /// Transactions claims them, as the platform's does.
    Pull,
    /// The market sends them.
    Push,
}

/// Arguments of `settle`.
#[derive(Debug, Args)]
pub struct SettleArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub config: ConfigArg,
    /// Settles only intervals that end at or before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub until: Option<Timestamp>,
    /// Prints one JSON object a community.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `trades`.
#[derive(Debug, Args)]
pub struct TradesArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub config: ConfigArg,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub span: SpanArgs,
    /// Only trades in which this member sells or buys.
    #[arg(long, value_name = "ID")]
    pub member: Option<String>,
    /// Only this community.
    #[arg(long, value_name = "NAME")]
    pub community: Option<String>,
    /// Prints one JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// Prints comma-separated values.
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

/// Into which periods a statement is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PeriodArg {
    /// The whole span at once.
    Total,
    /// Calendar months (UTC).
    Month,
    /// Days (UTC).
    Day,
}

/// Arguments of `statement`.
#[derive(Debug, Args)]
pub struct StatementArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub config: ConfigArg,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub span: SpanArgs,
    /// One row for each member and period.
    #[arg(long, value_enum, default_value_t = PeriodArg::Total)]
    pub period: PeriodArg,
    /// Prints one JSON object a line; amounts in nano-euro.
    #[arg(long)]
    pub json: bool,
    /// Prints comma-separated values; amounts in nano-euro.
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

/// Arguments of `audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub config: ConfigArg,
    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub config: ConfigArg,
    /// Only this community.
    #[arg(long, value_name = "NAME")]
    pub community: Option<String>,
    /// Only the interval that contains this time.
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with_all = ["from", "to"])]
    pub interval: Option<Timestamp>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub span: SpanArgs,
    /// How many intervals to recompute at the same time; as many as there are cores if left out.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Prints one JSON object for each interval, in order.
    #[arg(long)]
    pub json: bool,
    /// Prints the equivalent command for the plain wasmtime CLI instead of recomputing.
    #[arg(long, requires = "interval", conflicts_with_all = ["json", "jobs"])]
    pub print_wasmtime: bool,
    /// Where to write the algorithm for that command; its name and digest in the working directory if left out.
    #[arg(long, value_name = "FILE", requires = "print_wasmtime")]
    pub component: Option<PathBuf>,
}

/// The commands about the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Tells every mistake in a configuration, with its line; starts nothing.
    ///
    /// Looks at the variables REC_MARKET_… that override keys, at the files it names, and at the settings of its
    /// algorithms. Exit code 2 if anything is wrong.
    Check(ConfigArg),
    /// Prints the configuration as it holds, with defaults and the environment, as a configuration file.
    ///
    /// Passwords are masked.
    Show(ShowArgs),
}

/// Arguments of `config show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub config: ConfigArg,
    /// Prints one JSON object of the same form.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `certs`.
#[derive(Debug, Args)]
pub struct CertsArgs {
    /// Where to write; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "secrets")]
    pub directory: PathBuf,
    /// A further name or address of the market, besides market, localhost, 127.0.0.1 and ::1; may be repeated.
    #[arg(long = "name", value_name = "NAME")]
    pub names: Vec<String>,
    /// For how many days they hold.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub days: u16,
    /// Replaces the files that are there.
    #[arg(long)]
    pub force: bool,
}

/// The commands about algorithms.
#[derive(Debug, Subcommand)]
pub enum AlgorithmCommand {
    /// Runs an algorithm on a round, in the service's own sandbox with its limits and its balance check.
    ///
    /// A round file is JSON: {"community": "aveiro", "start": "2023-09-01T12:00:00Z", "positions": [{"member": "m01",
    /// "surplus": 1500, "deficit": 0}, …]}. Energy is in Wh, prices in µEUR/kWh. What may be left out, and its default:
    /// duration 900, retail 162400, feed_in 30000, seed 0, settings {}, price_floor and price_ceiling null; in a position
    /// retail and feed_in (the round's), offer (its feed_in), bid (its retail), share 0, rank 0.
    Run(RunArgs),
    /// Puts an algorithm through the same gate as an upload: size, world, imports, description, probe rounds.
    Check(CheckArgs),
    /// Writes base algorithms, which are part of this program, to NAME.wasm files.
    Export(ExportArgs),
    /// Uploads an algorithm to a running service, where it passes the same gate as `check`.
    ///
    /// It is kept for ever under its name and version, and settles nothing before it is activated. What is refused leaves
    /// only a record. For example: algorithm upload own.wasm --server https://market:50051 --ca ca_crt.pem --certificate
    /// operator_crt.pem --key operator_key.pem
    Upload(UploadArgs),
    /// Every algorithm of a running service, and what each community is settled with.
    List(ListArgs),
    /// All that a running service knows of an algorithm, with what its gate found.
    Show(ShowAlgorithmArgs),
    /// Writes an algorithm of a running service to a file.
    Download(DownloadArgs),
    /// Settles a community with an algorithm, from an interval on that is not settled yet.
    ///
    /// It must clear the rounds that the community settled last. What it settles is recorded with its digest, and can be
    /// replayed. `rollback` takes it back; if it fails too often (rollback_after), the service does that by itself.
    Activate(ActivateArgs),
    /// Withdraws what was activated last: what stood before it settles again, from the next interval on.
    Rollback(RollbackArgs),
    /// Runs a candidate beside what settles a community, or tells what came of it.
    ///
    /// It runs on each interval after that is settled, and touches no trade. The report says how often it ran and failed, what
    /// it cost, and what each member would have traded locally and paid. With --since it runs on what was settled before,
    /// too.
    Shadow(ShadowArgs),
    /// What was done about algorithms, and by whom, the newest first.
    Changes(ChangesArgs),
}

/// Arguments of `algorithm export`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true))]
pub struct ExportArgs {
    /// A base algorithm's name.
    #[arg(group = "which")]
    pub name: Option<String>,
    /// All nine of them.
    #[arg(long, group = "which")]
    pub all: bool,
    /// Where to write.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
}

/// Arguments of `algorithm run`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("input").required(true))]
pub struct RunArgs {
    /// A component file, or a base algorithm's name.
    #[arg(value_name = "FILE.wasm")]
    pub algorithm: String,
    /// A file with one round (- for stdin).
    #[arg(long, value_name = "R.json", group = "input")]
    pub round: Option<PathBuf>,
    /// A file with one round a line (- for stdin).
    #[arg(long, value_name = "R.jsonl", group = "input")]
    pub rounds: Option<PathBuf>,
    /// Prints one JSON object for each round, in order.
    #[arg(long)]
    pub json: bool,
    /// Prints the equivalent command for the plain wasmtime CLI instead of running anything.
    #[arg(long)]
    pub print_wasmtime: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub limits: LimitArgs,
}

/// Limits on runs; without them, those of the service for a round of that size.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Fuel: about one unit an instruction.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub fuel: Option<u64>,
    /// Memory and tables together, such as 64MiB.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub memory: Option<u64>,
    /// Wall-clock time, such as 2s.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub time: Option<std::time::Duration>,
    /// Size of the result, such as 1MiB.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub output: Option<u64>,
}

fn size(text: &str) -> Result<u64, String> {
    crate::config::parse_bytes(text).ok_or_else(|| "expected a size above 0, such as 64MiB".to_owned())
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    crate::config::parse_duration(text).ok_or_else(|| "expected a length of time above 0, such as 2s".to_owned())
}

impl LimitArgs {
    /// The limits they mean.
    pub fn limits(&self) -> sandbox::Limits {
        let LimitArgs { fuel, memory, time, output } = *self;
        sandbox::Limits { fuel, memory_bytes: memory, time, output_bytes: output }
    }
}

/// Arguments of `algorithm check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// A component file, or a base algorithm's name.
    #[arg(value_name = "FILE.wasm")]
    pub algorithm: String,
    /// A configuration: tries a community's settings and limits, and the rounds that it settled last, as well.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A running service: tries with its limits, and with a community's settings there, so that both say the same.
    #[arg(long, value_name = "URL", conflicts_with = "config", help_heading = "Service")]
    pub server: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub identity: IdentityArgs,
    /// Which community of the configuration or of the service; not needed if the configuration has one.
    #[arg(long, value_name = "NAME")]
    pub community: Option<String>,
    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at the type")]
    pub limits: LimitArgs,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds_together() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn times_are_rfc_3339_or_dates() {
        assert_eq!(time("2023-09-01"), time("2023-09-01T00:00:00Z"));
        assert_eq!(time("2023-09-01T02:00:00+02:00"), time("2023-09-01"));
        assert!(time("soon").is_err());
    }
}
