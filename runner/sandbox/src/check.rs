//! Runs an algorithm and checks what it claims: the way from a round to a settlement that everybody takes.

use std::sync::Arc;

use domain::settlement::trades_max_default;
use domain::{Round, Settlement, Violation};

use crate::error::{Failure, SandboxError};
use crate::limits::Budget;
use crate::load::Algorithm;
use crate::run::{Run, Usage};

/// One run with the verdict on its result.
#[derive(Clone, Debug)]
pub struct CheckedRun {
    /// The settlement, or why there is none.
    pub result: Result<Settlement, BadResult>,
    /// What the run used.
    pub usage: Usage,
    /// The beginning of what the algorithm wrote to stdout and stderr.
    pub log: String,
}

/// Why an algorithm's result is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadResult {
    /// The run failed, so there is no result.
    #[error(transparent)]
    Failed(Failure),
    /// The result breaks rules.
    #[error("{}", first_of(.0))]
    Rejected(Vec<Violation>),
}

/// The first violation, and how many more there are.
fn first_of(violations: &[Violation]) -> String {
    match violations {
        [] => "rejected".to_owned(),
        [only] => only.to_string(),
        [first, others @ ..] => format!("{first} (and {} more violations)", others.len()),
    }
}

impl BadResult {
    /// The machine's failure behind a bad result, if it is one; see [`Failure::of_machine`].
    pub fn of_machine(&self) -> Option<SandboxError> {
        match self {
            BadResult::Failed(failure) => failure.of_machine(),
            BadResult::Rejected(_) => None,
        }
    }

    /// The reason with the code that programs know: of a failure its kind, of a rejection the first rule that was broken.
    pub fn coded(&self) -> String {
        match self {
            BadResult::Failed(failure) => format!("{}: {failure}", failure.kind),
            BadResult::Rejected(violations) => match violations.first() {
                Some(first) => format!("{}: {self}", first.code()),
                None => self.to_string(),
            },
        }
    }
}

impl Run {
    /// Checks the claimed trades against their round, with the usual limit on their number.
    pub fn check(self, round: &Arc<Round>) -> CheckedRun {
        let Run { result, usage, log } = self;
        let trades_max = trades_max_default(round.positions().len());
        let result = match result {
            Ok(trades) => Settlement::check(Arc::clone(round), trades, trades_max).map_err(BadResult::Rejected),
            Err(failure) => Err(BadResult::Failed(failure)),
        };
        CheckedRun { result, usage, log }
    }
}

impl Algorithm {
    /// Clears one round within a budget and checks the result.
    ///
    /// Blocks, as [`Algorithm::clear`] does.
    ///
    /// # Errors
    /// Only if the machine fails; what the algorithm does wrong is in the result.
    pub fn run_and_check(&self, round: &Arc<Round>, budget: Budget) -> Result<CheckedRun, SandboxError> {
        Ok(self.clear(round, budget)?.check(round))
    }
}
