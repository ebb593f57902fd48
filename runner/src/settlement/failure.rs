//! Failures of activated algorithms: recorded, counted, and rolled back if there are too many.

use books::SERVICE_ITSELF;
use books::{Action, Activation, ActivationLog, Change, ClearedInterval, Decisions, ExpectedState, Label, StoreError};
use domain::{Boundary, Interval};
use jiff::Timestamp;

use super::active::Selection;
use super::clearing::ClearingError;
use super::log as messages;
use crate::config::CommunityConfig;

/// A failure of an activated algorithm.
pub(super) struct Failure {
    activation: Activation,
    interval: Interval,
    reason: String,
    /// The first interval that another algorithm can settle.
    next: Boundary,
}

impl Failure {
    /// The failure of an activated algorithm in clearing an interval, if it failed.
    pub(super) fn of(
        selection: &Selection,
        interval: Interval,
        cleared: Result<&ClearedInterval, &ClearingError>,
    ) -> Option<Failure> {
        let activation = selection.activation.clone()?;
        let (reason, next) = match cleared {
            Ok(cleared) => {
                let reason = cleared.round.as_ref()?.provenance.fallback_reason.clone()?;
                (reason, interval.end())
            }
            Err(ClearingError::Held { reason, .. }) => (reason.to_string(), interval.start()),
            Err(_) => return None,
        };
        Some(Failure { activation, interval, reason, next })
    }

    /// Records the failure, and rolls the activation back after too many; returns whether another algorithm may settle
    /// from here on.
    pub(super) async fn record(
        self,
        store: &(impl Decisions + ?Sized),
        community: &CommunityConfig,
        configured: Label,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let Failure { activation, interval, reason, next } = self;
        let (name, limit) = (&community.name, community.rollback_after);
        let (algorithm, start, number) = (activation.algorithm.clone(), interval.start(), activation.number);
        let change = |action| Change { at: now, by: SERVICE_ITSELF.to_owned(), community: Some(name.clone()), action };
        let fail = Action::Fail { algorithm: algorithm.clone(), activation: number, start, reason: reason.clone() };
        store.note(&change(fail)).await?;
        let log = ActivationLog::of(&store.decisions(name).await?);
        if log.at(next) != Some(&activation) {
            // An administrator has decided otherwise meanwhile.
            return Ok(true);
        }
        let failures = log.failures(&activation, start);
        messages::activation_failed(name, interval, &algorithm, failures, limit);
        if limit == 0 || failures < usize::try_from(limit).unwrap_or(usize::MAX) {
            return Ok(false);
        }
        let to = log.without(&activation, next).map_or(configured, |back| back.algorithm.clone());
        let reason = format!("it failed {failures} times within a day, at last on {interval}: {reason}");
        messages::rolled_back(name, next, &algorithm, &to, &reason);
        let back = Action::RollBack { before: algorithm, activation: number, to, start: next, reason: Some(reason) };
        store.decide(name, &change(back), ExpectedState { open: Some(next), decision: log.number() }).await?;
        // Whether this rollback or another decision took effect: load the log again.
        Ok(true)
    }
}
