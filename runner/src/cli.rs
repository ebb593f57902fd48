//! The command line: each command calls the library, prints for people or programs, and ends with an exit code.

mod algorithm;
pub mod args;
mod audit;
mod certs;
mod check;
mod config;
mod demo;
mod dev;
pub mod exit;
mod export;
mod health;
mod operator;
mod output;
mod replay;
pub mod round_file;
mod serve;
mod settle;
mod statement;
mod stored;
mod trades;
mod wasmtime_cli;

use std::io::{self, Write};

use clap::CommandFactory;
use sandbox::{Codegen, CompileLimits};

pub use args::Cli;
use args::{AlgorithmCommand, Command, ConfigCommand, DevCommand};
use exit::Exit;

/// Runs a command.
///
/// # Errors
/// If it cannot do what it should; the message is for people.
pub async fn run(command: Command) -> anyhow::Result<Exit> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let exit = match command {
        Command::Demo(args) => demo::run(&args, &mut out).await?,
        Command::Serve(args) => serve::run(&args, &mut out).await?,
        Command::Health(args) => health::run(&args, &mut out).await?,
        Command::Dev(DevCommand::Meters(args)) => dev::meters(&args, &mut out).await?,
        Command::Dev(DevCommand::Transactions(args)) => dev::transactions(&args, &mut out).await?,
        Command::Settle(args) => settle::run(&args, &mut out).await?,
        Command::Trades(args) => trades::run(&args, &mut out).await?,
        Command::Statement(args) => statement::run(&args, &mut out).await?,
        Command::Audit(args) => audit::run(&args, &mut out).await?,
        Command::Replay(args) => replay::run(&args, &mut out).await?,
        Command::Algorithm(AlgorithmCommand::Run(args)) => algorithm::run(&args, &mut out)?,
        Command::Algorithm(AlgorithmCommand::Check(args)) => check::run(&args, &mut out).await?,
        Command::Algorithm(AlgorithmCommand::Export(args)) => export::run(&args, &mut out)?,
        Command::Algorithm(AlgorithmCommand::Upload(args)) => operator::upload(&args, &mut out).await?,
        Command::Algorithm(AlgorithmCommand::List(args)) => operator::list(&args, &mut out).await?,
        Command::Algorithm(AlgorithmCommand::Show(args)) => operator::show(&args, &mut out).await?,
        Command::Algorithm(AlgorithmCommand::Download(args)) => operator::download(&args, &mut out).await?,
        Command::Algorithm(AlgorithmCommand::Activate(args)) => operator::activate(&args, &mut out).await?,
        Command::Algorithm(AlgorithmCommand::Rollback(args)) => operator::rollback(&args, &mut out).await?,
        Command::Algorithm(AlgorithmCommand::Shadow(args)) => operator::shadow(&args, &mut out).await?,
        Command::Algorithm(AlgorithmCommand::Changes(args)) => operator::changes(&args, &mut out).await?,
        Command::Config(ConfigCommand::Check(args)) => config::check(&args, &mut out)?,
        Command::Config(ConfigCommand::Show(args)) => config::show(&args, &mut out)?,
        Command::Certs(args) => certs::run(&args, &mut out)?,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "rec-market", &mut out);
            Exit::Done
        }
        // Main runs it before anything else is set up.
        Command::CompileComponent { .. } => Exit::Done,
    };
    out.flush()?;
    Ok(exit)
}

/// The compiler child: from stdin to stdout, within limits that it sets for itself. Returns the process's exit code, which
/// is between it and the sandbox that started it.
pub fn compile_component(checking: bool) -> u8 {
    let codegen = if checking { Codegen::Checking } else { Codegen::Usual };
    let (mut input, mut output, mut errors) = (io::stdin().lock(), io::stdout().lock(), io::stderr().lock());
    sandbox::compile_as_child(CompileLimits::default(), codegen, &mut input, &mut output, &mut errors)
}
