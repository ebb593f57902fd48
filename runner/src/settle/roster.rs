//! With what each interval is settled: what the community's course says, made ready.

use domain::{Boundary, Interval};

use super::{PassError, Settler, told};
use crate::clearing::{Chosen, ClearingError};
use crate::config::ITSELF;
use crate::course::{Activation, Course};
use crate::stock::StockError;
use crate::store::{Action, Change, Commit, Label, Place};

/// A community's course from somewhere on, with everything in it made ready.
pub(super) struct Roster {
    course: Course,
    configured: Chosen,
    activated: Vec<Chosen>,
}

impl Roster {
    /// The number of the last decision that is in it.
    pub(super) fn course(&self) -> u64 {
        self.course.number()
    }

    /// With what the interval with this start is settled.
    pub(super) fn at(&self, start: Boundary) -> &Chosen {
        let Some(activation) = self.course.at(start) else { return &self.configured };
        let ready = |chosen: &&Chosen| chosen.activation.as_ref() == Some(activation);
        self.activated.iter().find(ready).unwrap_or(&self.configured)
    }
}

/// An activated algorithm whose result could not be used.
pub(super) struct Failure {
    pub(super) activation: Activation,
    pub(super) interval: Interval,
    reason: String,
    /// From where on something else can settle.
    next: Boundary,
}

impl Failure {
    /// What an attempt to clear an interval says of an activated algorithm.
    pub(super) fn of(chosen: &Chosen, interval: Interval, cleared: Result<&Commit, &ClearingError>) -> Option<Failure> {
        let activation = chosen.activation.clone()?;
        let (reason, next) = match cleared {
            Ok(commit) => {
                let reason = commit.cleared.as_ref()?.provenance.fallback_reason.clone()?;
                (reason, interval.end())
            }
            Err(ClearingError::Held { reason, .. }) => (reason.to_string(), interval.start()),
            Err(_) => return None,
        };
        Some(Failure { activation, interval, reason, next })
    }
}

impl Settler {
    /// What settles from the mark on.
    pub(super) async fn roster(&self, mark: Option<Boundary>) -> Result<Roster, PassError> {
        let course = Course::of(&self.store.course(&self.community().name).await?);
        let mut activated = Vec::new();
        for activation in course.from(mark) {
            let ready = match self.stock.get(&activation.algorithm.digest).await {
                Ok(ready) => Ok(ready),
                // Its own fault counts as a failure of each interval, and comes to a roll-back.
                Err(StockError::Unusable(error)) => Err(error.to_string()),
                Err(StockError::Store(error)) => return Err(error.into()),
                Err(StockError::Sandbox(error)) => return Err(error.into()),
            };
            activated.push(Chosen { activation: Some(activation.clone()), ready });
        }
        Ok(Roster { course, configured: self.clearing.configured(), activated })
    }

    /// Notes that an activated algorithm failed, and rolls it back if that was once too often; answers whether something
    /// else settles from here on.
    pub(super) async fn failed(&self, failure: Failure) -> Result<bool, PassError> {
        let Failure { activation, interval, reason, next } = failure;
        let (name, limit) = (&self.community().name, self.community().rollback_after);
        let (algorithm, start) = (activation.algorithm.clone(), interval.start());
        let change =
            |action| Change { at: self.clock.now(), by: ITSELF.to_owned(), community: Some(name.clone()), action };
        let note =
            Action::Fail { algorithm: algorithm.clone(), activation: activation.number, start, reason: reason.clone() };
        self.store.note(&change(note)).await?;
        let course = Course::of(&self.store.course(name).await?);
        if course.at(next) != Some(&activation) {
            // Somebody decided otherwise meanwhile.
            return Ok(true);
        }
        let failures = course.failures(&activation, start);
        told::failed(name, interval, &algorithm, failures, limit);
        if limit == 0 || failures < usize::try_from(limit).unwrap_or(usize::MAX) {
            return Ok(false);
        }
        let to = course.without(&activation, next).map_or_else(|| self.configured(), |back| back.algorithm.clone());
        let reason = format!("it failed {failures} times within a day, at last on {interval}: {reason}");
        told::rolled_back(name, next, &algorithm, &to, &reason);
        let (before, reason) = (algorithm, Some(reason));
        let back = Action::RollBack { before, activation: activation.number, to, start: next, reason };
        self.store.decide(name, &change(back), Place { open: Some(next), course: course.number() }).await?;
        // Whether this did it or somebody else decided something: look again.
        Ok(true)
    }

    /// The algorithm of the configuration.
    pub fn configured(&self) -> Label {
        self.clearing.algorithm().label()
    }
}
