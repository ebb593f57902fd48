//! The command line: each command calls the library, prints for people or programs, and ends with an exit code.
//!
//! Each command has a file of its own with its arguments, its help and its `run`. Here is only which commands there are.

mod algorithm;
mod args;
mod audit;
mod backtest;
mod certs;
mod completions;
mod config;
mod confirm;
mod demo;
mod dev;
mod events;
pub mod exit;
mod export;
mod health;
mod link;
mod meter;
mod output;
mod printed;
pub mod readings;
mod record;
mod replay;
pub mod round_file;
mod serve;
mod settle;
mod statement;
mod stored;
mod trades;
mod wasmtime_cli;
mod web;

use std::io::{self, Write};

use clap::{Parser, Subcommand};
use sandbox::{Codegen, CompileLimits};

use crate::telemetry::log::LogFormat;
use exit::Exit;
use printed::Printed;

/// Settle the energy trades of renewable energy communities
///
/// Every quarter-hour the meters of a community report their readings. A matching algorithm, a WebAssembly component in a
/// sandbox, decides who sold energy to whom and at what price. Its result is checked to the watt-hour and stored.
///
/// Start with `rec-market demo`. Output goes to stdout, logs go to stderr (set REC_MARKET_LOG=debug for more).
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// Format of log lines on stderr
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t, env = "REC_MARKET_LOG_FORMAT")]
    pub log_format: LogFormat,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  the check failed: a rejected result, a failed audit, a replay that differs
  2  usage or configuration error
  3  a required service is unavailable, or the store cannot be written";

#[derive(Debug, Subcommand)]
pub enum Command {
    Demo(demo::DemoArgs),
    Serve(serve::ServeArgs),
    Health(health::HealthArgs),
    Settle(settle::SettleArgs),
    Trades(trades::TradesArgs),
    Statement(statement::StatementArgs),
    Events(events::EventsArgs),
    Backtest(backtest::BacktestArgs),
    Audit(audit::AuditArgs),
    /// Read the files that people have of their meters
    ///
    /// Formats are recognised by their content. What a file does not say, such as a zone or a meter, is never guessed: the message
    /// names the option that decides it. `readings check` shows what a file is; `convert` and `import` read the same.
    #[command(subcommand)]
    Readings(ReadingsCommand),
    /// Decide about meters whose registers make no sense
    ///
    /// A reading that does not follow the last good one is disputed, and nothing is settled until it is decided. After a fall, or a
    /// single false reading, the next reading decides; after a jump, a person does. `meter list` shows which meters are disputed.
    #[command(subcommand)]
    Meter(MeterCommand),
    /// Let members look at their own pages by a link
    ///
    /// A link is for one member, until it ends or is revoked. Whoever else looks is a `[[viewer]]` of the configuration.
    #[command(subcommand)]
    Link(LinkCommand),
    /// See who looked at the pages that `serve` shows
    #[command(subcommand)]
    Web(WebCommand),
    Export(export::ExportArgs),
    Replay(replay::ReplayArgs),
    /// Try, check and administer matching algorithms
    ///
    /// `new`, `run`, `explain`, `check`, `wrap` and `export` work on this machine. The others administer the algorithms of a
    /// running service; they need a token or a client certificate of a caller that the service's configuration names.
    #[command(subcommand)]
    Algorithm(AlgorithmCommand),
    /// Check or show a configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    Certs(certs::CertsArgs),
    Completions(completions::CompletionsArgs),
    /// Run services of the platform to develop and test against
    #[command(subcommand, hide = true)]
    Dev(DevCommand),
    /// Compile a component from stdin to stdout, within limits; the sandbox runs this in a child process
    #[command(hide = true)]
    CompileComponent {
        /// Compile for the engine with which the gate compares results
        #[arg(long)]
        checking: bool,
        /// Keep the functions for the next version of the component
        #[arg(long)]
        keeping: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum ReadingsCommand {
    Check(readings::check::CheckArgs),
    Convert(readings::convert::ConvertArgs),
    Import(readings::import::ImportArgs),
    Shares(readings::shares::SharesArgs),
}

#[derive(Debug, Subcommand)]
pub enum MeterCommand {
    List(meter::list::ListArgs),
    Accept(meter::decide::AcceptArgs),
    Restart(meter::decide::RestartArgs),
    Exchange(meter::exchange::ExchangeArgs),
    Decisions(meter::decisions::DecisionsArgs),
}

#[derive(Debug, Subcommand)]
pub enum AlgorithmCommand {
    Run(algorithm::run::RunArgs),
    Explain(algorithm::explain::ExplainArgs),
    Check(algorithm::check::CheckArgs),
    Export(algorithm::export::ExportArgs),
    New(algorithm::new::NewArgs),
    Wrap(algorithm::wrap::WrapArgs),
    Upload(algorithm::upload::UploadArgs),
    List(algorithm::list::ListArgs),
    Show(algorithm::show::ShowArgs),
    Download(algorithm::download::DownloadArgs),
    Activate(algorithm::activate::ActivateArgs),
    Rollback(algorithm::rollback::RollbackArgs),
    Shadow(algorithm::shadow::ShadowArgs),
    Changes(algorithm::changes::ChangesArgs),
}

#[derive(Debug, Subcommand)]
pub enum LinkCommand {
    Create(link::create::CreateArgs),
    List(link::list::ListArgs),
    Revoke(link::revoke::RevokeArgs),
}

#[derive(Debug, Subcommand)]
pub enum WebCommand {
    Log(web::log::LogArgs),
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    Check(config::check::CheckArgs),
    Show(config::show::ShowArgs),
}

#[derive(Debug, Subcommand)]
pub enum DevCommand {
    Meters(dev::meters::MetersArgs),
    Transactions(dev::transactions::TransactionsArgs),
}

/// Runs a command.
///
/// # Errors
/// If the command fails; [`exit::report`] prints the error and returns its exit code.
pub async fn run(command: Command) -> anyhow::Result<Exit> {
    let mut out = Printed::new(io::BufWriter::new(io::stdout().lock()));
    let exit = match command {
        Command::Demo(args) => demo::run(&args, &mut out).await?,
        Command::Serve(args) => serve::run(&args, &mut out).await?,
        Command::Health(args) => health::run(&args, &mut out).await?,
        Command::Settle(args) => settle::run(&args, &mut out).await?,
        Command::Trades(args) => trades::run(&args, &mut out).await?,
        Command::Statement(args) => statement::run(&args, &mut out).await?,
        Command::Events(args) => events::run(&args, &mut out).await?,
        Command::Backtest(args) => backtest::run(&args, &mut out).await?,
        Command::Audit(args) => audit::run(&args, &mut out).await?,
        Command::Meter(MeterCommand::List(args)) => meter::list::run(&args, &mut out).await?,
        Command::Meter(MeterCommand::Accept(args)) => meter::decide::accept(&args, &mut out).await?,
        Command::Meter(MeterCommand::Restart(args)) => meter::decide::restart(&args, &mut out).await?,
        Command::Meter(MeterCommand::Exchange(args)) => meter::exchange::run(&args, &mut out).await?,
        Command::Meter(MeterCommand::Decisions(args)) => meter::decisions::run(&args, &mut out).await?,
        Command::Readings(ReadingsCommand::Check(args)) => readings::check::run(&args, &mut out)?,
        Command::Readings(ReadingsCommand::Convert(args)) => readings::convert::run(&args, &mut out)?,
        Command::Readings(ReadingsCommand::Import(args)) => readings::import::run(&args, &mut out).await?,
        Command::Readings(ReadingsCommand::Shares(args)) => readings::shares::run(&args, &mut out)?,
        Command::Link(LinkCommand::Create(args)) => link::create::run(&args, &mut out).await?,
        Command::Link(LinkCommand::List(args)) => link::list::run(&args, &mut out).await?,
        Command::Link(LinkCommand::Revoke(args)) => link::revoke::run(&args, &mut out).await?,
        Command::Web(WebCommand::Log(args)) => web::log::run(&args, &mut out).await?,
        Command::Export(args) => export::run(&args, &mut out).await?,
        Command::Replay(args) => replay::run(&args, &mut out).await?,
        Command::Algorithm(command) => run_algorithm(command, &mut out).await?,
        Command::Config(ConfigCommand::Check(args)) => config::check::run(&args, &mut out)?,
        Command::Config(ConfigCommand::Show(args)) => config::show::run(&args, &mut out)?,
        Command::Certs(args) => certs::run(&args, &mut out)?,
        Command::Completions(args) => completions::run(&args, &mut out)?,
        Command::Dev(DevCommand::Meters(args)) => dev::meters::run(&args, &mut out).await?,
        Command::Dev(DevCommand::Transactions(args)) => dev::transactions::run(&args, &mut out).await?,
        // `main` runs this one before it sets up anything else.
        Command::CompileComponent { .. } => Exit::Done,
    };
    out.flush()?;
    Ok(exit)
}

async fn run_algorithm(command: AlgorithmCommand, out: &mut impl Write) -> anyhow::Result<Exit> {
    match command {
        AlgorithmCommand::Run(args) => algorithm::run::run(&args, out),
        AlgorithmCommand::Explain(args) => algorithm::explain::run(&args, out),
        AlgorithmCommand::Check(args) => algorithm::check::run(&args, out).await,
        AlgorithmCommand::Export(args) => algorithm::export::run(&args, out),
        AlgorithmCommand::New(args) => algorithm::new::run(&args, out),
        AlgorithmCommand::Wrap(args) => algorithm::wrap::run(&args, out),
        AlgorithmCommand::Upload(args) => algorithm::upload::run(&args, out).await,
        AlgorithmCommand::List(args) => algorithm::list::run(&args, out).await,
        AlgorithmCommand::Show(args) => algorithm::show::run(&args, out).await,
        AlgorithmCommand::Download(args) => algorithm::download::run(&args, out).await,
        AlgorithmCommand::Activate(args) => algorithm::activate::run(&args, out).await,
        AlgorithmCommand::Rollback(args) => algorithm::rollback::run(&args, out).await,
        AlgorithmCommand::Shadow(args) => algorithm::shadow::run(&args, out).await,
        AlgorithmCommand::Changes(args) => algorithm::changes::run(&args, out).await,
    }
}

/// Compiles a component from stdin to stdout, in a child process that the sandbox has started.
///
/// It sets its own limits. Returns the exit code, whose meaning only the sandbox knows.
pub fn compile_component(checking: bool, keeping: bool) -> u8 {
    let codegen = if checking { Codegen::Checking } else { Codegen::Usual };
    let (mut input, mut output, mut errors) = (io::stdin().lock(), io::stdout().lock(), io::stderr().lock());
    sandbox::compile_as_child(CompileLimits::default(), codegen, keeping, &mut input, &mut output, &mut errors)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }
}
