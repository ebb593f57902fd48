//! The exit code of every error: the only place that decides it.

use std::error::Error;
use std::fmt;
use std::io;

use books::{ReopenError, StoreError};
use demo::certificates::CertificateError;
use domain::text::printable_lines;
use sandbox::{LoadError, SandboxError};
use wire::tls::TlsError;

use crate::adapter::client::ClientError;
use crate::adapter::grpc::ApiError;
use crate::adapter::meters::InvalidMeters;
use crate::algorithms::cache::{AlgorithmError, UnknownSetting};
use crate::algorithms::catalogue::UnusableAlgorithm;
use crate::app::service::PortTaken;
use crate::certificates::UnusableCertificate;
use crate::config::InvalidConfig;
use crate::ports::TooFewDescriptors;
use crate::settlement::clearing::ClearingError;
use crate::settlement::{MetersError, PassError};

/// How a command ends. The numbers are part of the command line's contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    Done = 0,
    /// A check failed.
    Bad = 1,
    /// A usage or configuration error.
    Usage = 2,
    /// A required service is unavailable.
    Unavailable = 3,
}

/// The exit code of a file that cannot be written: a full or read-only disk is no mistake of whoever named the file.
pub fn of_writing(error: &io::Error) -> Exit {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        FileTooLarge | QuotaExceeded | ReadOnlyFilesystem | StorageFull => Exit::Unavailable,
        _ => Exit::Usage,
    }
}

/// A mistake in usage or configuration.
pub fn usage(message: impl Into<String>) -> anyhow::Error {
    with_code(Exit::Usage, anyhow::Error::msg(message.into()))
}

/// Sets the exit code of an error where its type does not tell, such as that of a file that cannot be written.
pub trait ExitCode<T> {
    fn exit_code(self, exit: Exit) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> ExitCode<T> for Result<T, E> {
    fn exit_code(self, exit: Exit) -> anyhow::Result<T> {
        self.map_err(|error| with_code(exit, error.into()))
    }
}

/// An error and its exit code. It prints like the error itself.
#[derive(Debug)]
struct WithCode {
    exit: Exit,
    error: anyhow::Error,
}

impl fmt::Display for WithCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for WithCode {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

fn with_code(exit: Exit, error: anyhow::Error) -> anyhow::Error {
    WithCode { exit, error }.into()
}

/// The exit code of the first error in the chain that has one.
pub fn exit_of(error: &anyhow::Error) -> Exit {
    error.chain().find_map(exit_of_type).unwrap_or(Exit::Unavailable)
}

fn exit_of_type(error: &(dyn Error + 'static)) -> Option<Exit> {
    if error.is::<InvalidConfig>()
        || error.is::<InvalidMeters>()
        || error.is::<UnknownSetting>()
        || error.is::<TlsError>()
        || error.is::<UnusableCertificate>()
        || error.is::<PortTaken>()
        || error.is::<TooFewDescriptors>()
    {
        return Some(Exit::Usage);
    }
    if error.is::<SandboxError>() || error.is::<MetersError>() {
        return Some(Exit::Unavailable);
    }
    let with_code = error.downcast_ref::<WithCode>().map(|error| error.exit);
    with_code
        .or_else(|| error.downcast_ref().map(of_io))
        .or_else(|| error.downcast_ref().and_then(of_json))
        .or_else(|| error.downcast_ref().and_then(of_csv))
        .or_else(|| error.downcast_ref().map(of_store))
        .or_else(|| error.downcast_ref().map(of_reopen))
        .or_else(|| error.downcast_ref().map(of_pass))
        .or_else(|| error.downcast_ref().map(of_algorithm))
        .or_else(|| error.downcast_ref().map(of_unusable))
        .or_else(|| error.downcast_ref().map(of_client))
        .or_else(|| error.downcast_ref().map(of_api))
        .or_else(|| error.downcast_ref().map(of_certificate))
}

fn of_io(error: &io::Error) -> Exit {
    of_io_kind(error.kind())
}

fn of_io_kind(kind: io::ErrorKind) -> Exit {
    // Whoever read our output has seen enough.
    if kind == io::ErrorKind::BrokenPipe { Exit::Done } else { Exit::Unavailable }
}

fn of_json(error: &serde_json::Error) -> Option<Exit> {
    error.io_error_kind().map(of_io_kind)
}

fn of_csv(error: &csv::Error) -> Option<Exit> {
    match error.kind() {
        csv::ErrorKind::Io(error) => Some(of_io(error)),
        _ => None,
    }
}

fn of_store(error: &StoreError) -> Exit {
    match error {
        StoreError::Open { .. } | StoreError::Corrupt { .. } => Exit::Usage,
        // A full disk as well: nothing is wrong with what was typed.
        StoreError::ReadOnly { .. }
        | StoreError::Unavailable { .. }
        | StoreError::Busy { .. }
        | StoreError::Failed { .. } => Exit::Unavailable,
    }
}

fn of_reopen(error: &ReopenError) -> Exit {
    match error {
        ReopenError::Unknown(_) | ReopenError::Stateless(_) => Exit::Usage,
        ReopenError::Open { .. } => Exit::Bad,
        ReopenError::Store(error) => of_store(error),
    }
}

fn of_pass(error: &PassError) -> Exit {
    match error {
        PassError::Store(error) => of_store(error),
        PassError::Clearing(error) => match **error {
            ClearingError::Sandbox(_) | ClearingError::NotReady(_) => Exit::Unavailable,
            ClearingError::Held { .. } | ClearingError::Round { .. } => Exit::Bad,
        },
        PassError::Meters(_) | PassError::Sandbox(_) | PassError::Fenced(_) | PassError::Ahead { .. } => {
            Exit::Unavailable
        }
    }
}

fn of_algorithm(error: &AlgorithmError) -> Exit {
    match error {
        AlgorithmError::Store(error) => of_store(error),
        AlgorithmError::Sandbox(_) => Exit::Unavailable,
        AlgorithmError::Unusable(error) => of_unusable(error),
    }
}

fn of_unusable(error: &UnusableAlgorithm) -> Exit {
    match error {
        UnusableAlgorithm::Load { source: LoadError::Sandbox(_), .. } => Exit::Unavailable,
        UnusableAlgorithm::Describe { .. } => Exit::Bad,
        _ => Exit::Usage,
    }
}

fn of_client(error: &ClientError) -> Exit {
    match error {
        ClientError::Tls(_)
        | ClientError::TokenFile { .. }
        | ClientError::InvalidToken { .. }
        | ClientError::NotPermitted { .. }
        | ClientError::Invalid(_) => Exit::Usage,
        ClientError::Refused(_) | ClientError::Damaged { .. } => Exit::Bad,
        ClientError::Unavailable { .. } | ClientError::Unsuited { .. } => Exit::Unavailable,
    }
}

fn of_api(error: &ApiError) -> Exit {
    match error {
        ApiError::Certificate(_) => Exit::Usage,
        _ => Exit::Unavailable,
    }
}

fn of_certificate(error: &CertificateError) -> Exit {
    match error {
        CertificateError::Name(_) | CertificateError::Validity { .. } => Exit::Usage,
        CertificateError::Failed(_) => Exit::Unavailable,
    }
}

/// Prints an error for whoever typed the command, unless it only says that nobody reads the output any more.
#[allow(clippy::print_stderr, reason = "the last line of a command goes to whoever typed it")]
pub fn report(error: &anyhow::Error) -> Exit {
    let exit = exit_of(error);
    if exit != Exit::Done {
        eprintln!("error: {}", printable_lines(&format!("{error:#}")));
    }
    exit
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn an_exit_code_changes_nothing_that_is_printed() {
        let read: io::Result<()> = Err(io::Error::new(io::ErrorKind::NotFound, "no such file"));
        let error = read.context("cannot read x").exit_code(Exit::Usage).context("community aveiro").unwrap_err();
        assert_eq!(format!("{error:#}"), "community aveiro: cannot read x: no such file");
        assert_eq!(exit_of(&error), Exit::Usage);
    }

    #[test]
    fn an_output_that_nobody_reads_is_no_failure() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        for error in [
            anyhow::Error::from(broken()),
            anyhow::Error::from(serde_json::Error::io(broken())),
            anyhow::Error::from(csv::Error::from(broken())),
        ] {
            assert_eq!(exit_of(&error), Exit::Done, "{error}");
        }
    }
}
