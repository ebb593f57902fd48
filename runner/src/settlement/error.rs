//! Why a pass stops.

use books::StoreError;
use domain::Boundary;
use jiff::{SignedDuration, Timestamp};
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
    /// The books are ahead of the clock.
    #[error(
        "community {community} is settled until {mark}, but it is {now} by this clock, which is wrong, or was wrong when those intervals were settled: until then nothing is due (set the clock; if it is right, restore the store from before the mistake, or wait)"
    )]
    Ahead { community: String, mark: Boundary, now: Timestamp },
}

/// How far the books may be ahead of a clock without anybody being told: replicas' clocks differ a little.
const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(1);

impl From<LoadError> for PassError {
    fn from(error: LoadError) -> PassError {
        match error {
            LoadError::Store(error) => error.into(),
            LoadError::Sandbox(error) => error.into(),
        }
    }
}

impl PassError {
    /// Checks that the books of a community are not far ahead of the clock: it would stop in silence.
    pub(super) fn check_clock(community: &str, mark: Option<Boundary>, now: Timestamp) -> Result<(), PassError> {
        match mark {
            Some(mark) if mark.timestamp().duration_since(now) > AHEAD_MAX => {
                Err(PassError::Ahead { community: community.to_owned(), mark, now })
            }
            _ => Ok(()),
        }
    }

    /// The outcome for the metrics.
    pub(super) fn outcome(&self) -> PassOutcome {
        match self {
            PassError::Meters(_) => PassOutcome::Meters,
            PassError::Store(_) => PassOutcome::Store,
            PassError::Sandbox(_) => PassOutcome::Failed,
            PassError::Fenced(_) => PassOutcome::Fenced,
            PassError::Ahead { .. } => PassOutcome::Ahead,
            PassError::Clearing(error) => match **error {
                ClearingError::Held { .. } => PassOutcome::Held,
                ClearingError::Sandbox(_) | ClearingError::Round { .. } | ClearingError::NotReady(_) => {
                    PassOutcome::Failed
                }
            },
        }
    }

    /// Whether the store as a whole cannot be used.
    pub(super) fn is_of_store(&self) -> bool {
        matches!(self, PassError::Store(error) if error.is_outage())
    }

    /// What failed: while that stays the same, people are told once. What an algorithm does is told anew for each interval.
    pub(super) fn kind(&self) -> String {
        match self {
            PassError::Clearing(error) => error.to_string(),
            error => error.outcome().as_str().to_owned(),
        }
    }

    /// Whether an interval is on hold until its algorithm is fixed or replaced.
    pub fn is_held(&self) -> bool {
        matches!(self, PassError::Clearing(error) if matches!(**error, ClearingError::Held { .. }))
    }
}
