//! How a command ends: its exit code, and which error has which. This is the only place that says so.

use std::io;

use books::StoreError;
use sandbox::{LoadError, SandboxError};
use wire::tls::TlsError;

use crate::adapter::client::ClientError;
use crate::adapter::grpc::ApiError;
use crate::adapter::meters::InvalidMeters;
use crate::algorithms::cache::{AlgorithmError, UnknownSetting};
use crate::algorithms::catalogue::UnusableAlgorithm;
use crate::app::service::PortTaken;
use crate::config::InvalidConfig;
use crate::settlement::clearing::ClearingError;
use crate::settlement::{MetersError, PassError};

/// The contract's exit codes.
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

/// An error whose exit code its type does not say.
#[derive(Debug, thiserror::Error)]
#[error("{error:#}")]
pub struct Failed {
    exit: Exit,
    error: anyhow::Error,
}

/// A mistake in usage or configuration.
pub fn usage(message: impl Into<String>) -> anyhow::Error {
    failed(Exit::Usage, anyhow::Error::msg(message.into()))
}

/// An error with this exit code, whatever its type says.
pub fn failed(exit: Exit, error: impl Into<anyhow::Error>) -> anyhow::Error {
    Failed { exit, error: error.into() }.into()
}

/// The exit code of an error: of the first error in its chain that says one.
pub fn exit_of(error: &anyhow::Error) -> Exit {
    error.chain().find_map(exit_of_type).unwrap_or(Exit::Away)
}

fn exit_of_type(error: &(dyn std::error::Error + 'static)) -> Option<Exit> {
    if let Some(error) = error.downcast_ref::<Failed>() {
        return Some(error.exit);
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        // Nobody reads any more: not a failure of ours.
        return Some(if error.kind() == io::ErrorKind::BrokenPipe { Exit::Done } else { Exit::Away });
    }
    if error.is::<InvalidConfig>()
        || error.is::<InvalidMeters>()
        || error.is::<UnknownSetting>()
        || error.is::<TlsError>()
        || error.is::<PortTaken>()
    {
        return Some(Exit::Usage);
    }
    error
        .downcast_ref::<StoreError>()
        .map(of_store)
        .or_else(|| error.downcast_ref::<PassError>().map(of_pass))
        .or_else(|| error.downcast_ref::<AlgorithmError>().map(of_algorithm))
        .or_else(|| error.downcast_ref::<UnusableAlgorithm>().map(of_unusable))
        .or_else(|| error.downcast_ref::<ClientError>().map(of_client))
        .or_else(|| error.downcast_ref::<ApiError>().map(of_api))
        .or_else(|| error.downcast_ref::<SandboxError>().map(|_| Exit::Away))
        .or_else(|| error.downcast_ref::<MetersError>().map(|_| Exit::Away))
}

fn of_store(error: &StoreError) -> Exit {
    match error {
        StoreError::Open { .. } | StoreError::ReadOnly { .. } | StoreError::Corrupt { .. } => Exit::Usage,
        StoreError::Away { .. } | StoreError::Busy { .. } | StoreError::Failed { .. } => Exit::Away,
    }
}

fn of_pass(error: &PassError) -> Exit {
    match error {
        PassError::Store(error) => of_store(error),
        PassError::Clearing(error) => match **error {
            ClearingError::Sandbox(_) | ClearingError::NotReady(_) => Exit::Away,
            ClearingError::Held { .. } | ClearingError::Round { .. } => Exit::Bad,
        },
        PassError::Meters(_) | PassError::Sandbox(_) | PassError::Fenced(_) => Exit::Away,
    }
}

fn of_algorithm(error: &AlgorithmError) -> Exit {
    match error {
        AlgorithmError::Store(error) => of_store(error),
        AlgorithmError::Sandbox(_) => Exit::Away,
        AlgorithmError::Unusable(error) => of_unusable(error),
    }
}

fn of_unusable(error: &UnusableAlgorithm) -> Exit {
    match error {
        UnusableAlgorithm::Load { source: LoadError::Sandbox(_), .. } => Exit::Away,
        UnusableAlgorithm::Describe { .. } => Exit::Bad,
        _ => Exit::Usage,
    }
}

fn of_client(error: &ClientError) -> Exit {
    match error {
        ClientError::Tls(_)
        | ClientError::Token { .. }
        | ClientError::NotPermitted { .. }
        | ClientError::Invalid(_) => Exit::Usage,
        ClientError::Refused(_) | ClientError::Damaged { .. } => Exit::Bad,
        ClientError::Away { .. } => Exit::Away,
    }
}

fn of_api(error: &ApiError) -> Exit {
    match error {
        ApiError::Certificate(_) => Exit::Usage,
        _ => Exit::Away,
    }
}

/// Reports an error to whoever typed the command; one of an output that nobody reads any more is none.
#[allow(clippy::print_stderr, reason = "the last word of a command is for whoever typed it")]
pub fn report(error: &anyhow::Error) -> Exit {
    let exit = exit_of(error);
    if exit != Exit::Done {
        eprintln!("error: {error:#}");
    }
    exit
}
