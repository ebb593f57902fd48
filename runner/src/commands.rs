//! The commands: each calls the library, prints for people or programs, and ends with an exit code.

mod algorithm;
mod audit;
mod books;
mod certs;
mod check;
mod config;
mod demo;
mod dev;
mod export;
mod forward;
mod health;
mod operator;
mod output;
mod replay;
mod serve;
mod settle;
mod statement;
mod trades;
mod wasmtime_cli;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::CommandFactory;
use sandbox::{Codegen, CompileLimits, Compiler, Description, LoadError, Options, Sandbox, SandboxError};

use crate::algorithms::{Reference, UnusableAlgorithm};
use crate::api::ApiError;
use crate::clearing::ClearingError;
use crate::cli::{AlgorithmCommand, Cli, Command, ConfigCommand, DevCommand};
use crate::config::InvalidConfig;
use crate::meters::client::MetersError;
use crate::settle::PassError;
use crate::stock::StockError;
use crate::store::StoreError;

/// How a command ends; the contract's exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// The thing checked is bad.
    Bad = 1,
    /// Usage or configuration.
    Usage = 2,
    /// A service it needs is away.
    Away = 3,
}

/// A command that could not do what it should.
#[derive(Debug)]
pub struct Failed {
    /// Whose fault it is.
    pub exit: Exit,
    /// What a person should know.
    pub message: String,
}

impl Failed {
    fn usage(message: impl Into<String>) -> Failed {
        Failed { exit: Exit::Usage, message: message.into() }
    }

    fn new(exit: Exit, error: impl std::fmt::Display) -> Failed {
        Failed { exit, message: error.to_string() }
    }

    /// As [`Failed::new`], with the reasons behind the error.
    fn because(exit: Exit, error: &dyn std::error::Error) -> Failed {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            message.push_str(&format!(": {error}"));
            source = error.source();
        }
        Failed { exit, message }
    }
}

impl From<InvalidConfig> for Failed {
    fn from(error: InvalidConfig) -> Failed {
        Failed::new(Exit::Usage, error)
    }
}

impl From<UnusableAlgorithm> for Failed {
    fn from(error: UnusableAlgorithm) -> Failed {
        let exit = match error {
            UnusableAlgorithm::Load { source: LoadError::Sandbox(_), .. } => Exit::Away,
            UnusableAlgorithm::Describe { .. } => Exit::Bad,
            _ => Exit::Usage,
        };
        Failed::new(exit, error)
    }
}

impl From<SandboxError> for Failed {
    fn from(error: SandboxError) -> Failed {
        Failed::new(Exit::Away, error)
    }
}

impl From<StockError> for Failed {
    fn from(error: StockError) -> Failed {
        match error {
            StockError::Store(error) => error.into(),
            StockError::Sandbox(error) => error.into(),
            StockError::Unusable(error) => error.into(),
        }
    }
}

impl From<MetersError> for Failed {
    fn from(error: MetersError) -> Failed {
        let exit = match error {
            MetersError::Address { .. } | MetersError::Authorities { .. } => Exit::Usage,
            _ => Exit::Away,
        };
        Failed::new(exit, error)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Failed {
        let exit = match error {
            StoreError::Open { .. } | StoreError::ReadOnly { .. } | StoreError::Corrupt { .. } => Exit::Usage,
            StoreError::Away { .. } | StoreError::Busy { .. } | StoreError::Failed { .. } => Exit::Away,
        };
        Failed::new(exit, error)
    }
}

impl From<PassError> for Failed {
    fn from(error: PassError) -> Failed {
        match error {
            PassError::Meters(error) => error.into(),
            PassError::Store(error) => error.into(),
            PassError::Clearing(error) => match *error {
                ClearingError::Sandbox(error) => error.into(),
                error @ (ClearingError::Held { .. } | ClearingError::Round { .. }) => Failed::new(Exit::Bad, error),
            },
            PassError::Sandbox(error) => error.into(),
            error @ PassError::Fenced(_) => Failed::new(Exit::Away, error),
        }
    }
}

impl From<ApiError> for Failed {
    fn from(error: ApiError) -> Failed {
        let exit = match error {
            ApiError::Certificate(_) => Exit::Usage,
            _ => Exit::Away,
        };
        Failed::because(exit, &error)
    }
}

/// Nobody reads any more: not a failure of ours.
impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Failed {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failed { exit: Exit::Done, message: String::new() },
            _ => Failed::new(Exit::Away, format!("cannot write the output: {error}")),
        }
    }
}

/// Runs a command.
///
/// # Errors
/// If it cannot do what it should; the message is for people.
pub async fn run(command: Command) -> Result<Exit, Failed> {
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

/// The compiler child: from stdin to stdout, within limits that it sets for itself. Answers the process's exit code, which
/// is between it and the sandbox that started it.
pub fn compile_component(checking: bool) -> u8 {
    let codegen = if checking { Codegen::Checking } else { Codegen::Usual };
    let (mut input, mut output, mut errors) = (io::stdin().lock(), io::stdout().lock(), io::stderr().lock());
    sandbox::compile_as_child(CompileLimits::default(), codegen, &mut input, &mut output, &mut errors)
}

/// A sandbox whose compiler is this program in a child process.
fn open_sandbox(cache: Option<PathBuf>) -> Result<Sandbox, Failed> {
    start_sandbox(Codegen::Usual, cache)
}

/// The sandbox that the gate compares with. It keeps no code: nobody settles with what it compiles.
fn open_checking_sandbox() -> Result<Sandbox, Failed> {
    start_sandbox(Codegen::Checking, None)
}

fn start_sandbox(codegen: Codegen, cache: Option<PathBuf>) -> Result<Sandbox, Failed> {
    make_sandbox(codegen, cache, None).map_err(|error| match error {
        // What a user can mend.
        SandboxError::Engine(_) => Failed::new(Exit::Usage, error),
        other => other.into(),
    })
}

/// A sandbox with room for so many runs at once, or for as many as there are cores.
fn make_sandbox(codegen: Codegen, cache: Option<PathBuf>, runs: Option<usize>) -> Result<Sandbox, SandboxError> {
    let nowhere = |error| SandboxError::Engine(format!("where is this program? {error}"));
    let program = std::env::current_exe().map_err(nowhere)?;
    let mut arguments = vec!["compile-component".to_owned()];
    if codegen == Codegen::Checking {
        arguments.push("--checking".to_owned());
    }
    let compiler = Compiler::Child { program, arguments, limits: CompileLimits::default() };
    let usual = Options::default();
    Sandbox::new(Options { runs_max: runs.unwrap_or(usual.runs_max), cache, codegen, compiler, ..usual })
}

/// As [`open_sandbox`], for commands that only try or prove: nobody asked them for a cache, so without it things only take
/// longer.
fn sandbox_with_cache(cache: Option<PathBuf>) -> Result<Sandbox, Failed> {
    let cached = cache.is_some();
    open_sandbox(cache).or_else(|failed| {
        if !cached {
            return Err(failed);
        }
        tracing::warn!("{} (going on without a cache)", failed.message);
        open_sandbox(None)
    })
}

/// Refuses settings that an algorithm does not know.
fn refuse_unknown<'s>(
    settings: impl IntoIterator<Item = &'s str>,
    description: &Description,
    reference: &Reference,
) -> Result<(), Failed> {
    let known: Vec<&str> = description.settings.iter().map(|setting| setting.key.as_str()).collect();
    match settings.into_iter().find(|key| !known.contains(key)) {
        None => Ok(()),
        Some(key) => {
            let known =
                if known.is_empty() { "it has none".to_owned() } else { format!("it has: {}", known.join(", ")) };
            Err(Failed::usage(format!("setting {key:?} is not known to {reference} ({known})")))
        }
    }
}
