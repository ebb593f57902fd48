//! The algorithm of each interval, as the community's activation log says, compiled and ready.

use books::{Activation, ActivationLog, KeptChange, Label, MeterLog, StoreError};
use domain::Boundary;
use domain::disputes::Exchanges;
use domain::text::chain;
use sandbox::SandboxError;

use crate::algorithms::cache::{AlgorithmCache, AlgorithmError, ReadyAlgorithm};

/// The algorithm for an interval.
#[derive(Clone, Debug)]
pub struct Selection {
    /// None if the configuration selects it.
    pub activation: Option<Activation>,
    /// The algorithm, or why it cannot be used, as a text for the stored record of the failure.
    pub ready: Result<ReadyAlgorithm, String>,
}

impl Selection {
    pub(super) fn name(&self) -> &str {
        match (&self.activation, &self.ready) {
            (Some(activation), _) => &activation.algorithm.name,
            (None, Ok(ready)) => &ready.description.name,
            (None, Err(_)) => "the configured algorithm",
        }
    }
}

/// An activation whose algorithm was not loaded before the interval that it settles.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("activation {number} of {algorithm} is not ready for the interval that starts at {start} (run it again)")]
pub struct NotReady {
    number: u64,
    algorithm: Label,
    start: Boundary,
}

/// What was decided for a community, with all algorithms loaded that its activation log has from the resume mark on.
pub(super) struct ActiveAlgorithms {
    log: ActivationLog,
    meters: MeterLog,
    configured: Selection,
    activated: Vec<Selection>,
}

/// A failure to load that is not the fault of an algorithm.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

impl ActiveAlgorithms {
    pub(super) async fn load(
        cache: &AlgorithmCache,
        configured: Selection,
        decisions: &[KeptChange],
        mark: Option<Boundary>,
    ) -> Result<ActiveAlgorithms, LoadError> {
        let (log, meters) = (ActivationLog::of(decisions), MeterLog::of(decisions));
        let mut activated = Vec::new();
        for activation in log.from(mark) {
            let ready = match cache.get(&activation.algorithm.digest).await {
                Ok(ready) => Ok(ready),
                // The algorithm's own fault counts as a failure of each interval, and leads to a rollback.
                Err(AlgorithmError::Unusable(error)) => Err(chain(&error)),
                Err(AlgorithmError::Store(error)) => return Err(error.into()),
                Err(AlgorithmError::Sandbox(error)) => return Err(error.into()),
            };
            activated.push(Selection { activation: Some(activation.clone()), ready });
        }
        Ok(ActiveAlgorithms { log, meters, configured, activated })
    }

    /// The number of the latest decision in the log.
    pub(super) fn decision(&self) -> u64 {
        self.log.number()
    }

    /// The exchanges of meters that were declared so far.
    pub(super) fn exchanges(&self) -> Exchanges {
        self.meters.exchanges(self.decision())
    }

    /// The algorithm of the interval with this start.
    pub(super) fn at(&self, start: Boundary) -> Result<&Selection, NotReady> {
        let Some(activation) = self.log.at(start) else { return Ok(&self.configured) };
        let is_ready = |selection: &&Selection| selection.activation.as_ref() == Some(activation);
        self.activated.iter().find(is_ready).ok_or_else(|| NotReady {
            number: activation.number,
            algorithm: activation.algorithm.clone(),
            start,
        })
    }
}
