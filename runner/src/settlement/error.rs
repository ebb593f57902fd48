//! Why a pass stops.

use books::StoreError;
use sandbox::SandboxError;

use super::active::LoadError;
use super::clearing::ClearingError;
use super::meters::MetersError;
use crate::telemetry::metrics::PassOutcome;

/// A pass that failed. What was committed before stays.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    #[error(transparent)]
    Meters(#[from] MetersError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Clearing(#[from] Box<ClearingError>),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// Another process has the lease under which this one settled.
    #[error("another process has taken over the settlement of community {0}")]
    Fenced(String),
}

impl From<LoadError> for PassError {
    fn from(error: LoadError) -> PassError {
        match error {
            LoadError::Store(error) => error.into(),
            LoadError::Sandbox(error) => error.into(),
        }
    }
}

impl PassError {
    /// The outcome for the metrics.
    pub(super) fn outcome(&self) -> PassOutcome {
        match self {
            PassError::Meters(_) => PassOutcome::Meters,
            PassError::Store(_) => PassOutcome::Store,
            PassError::Sandbox(_) => PassOutcome::Failed,
            PassError::Fenced(_) => PassOutcome::Fenced,
            PassError::Clearing(error) => match **error {
                ClearingError::Held { .. } => PassOutcome::Held,
                ClearingError::Sandbox(_) | ClearingError::Round { .. } | ClearingError::NotReady(_) => {
                    PassOutcome::Failed
                }
            },
        }
    }

    /// Whether an interval is on hold until its algorithm is fixed or replaced.
    pub fn is_held(&self) -> bool {
        matches!(self, PassError::Clearing(error) if matches!(**error, ClearingError::Held { .. }))
    }
}
