//! The expected outcome of each hostile guest, and the check for it.
//!
//! Every guest has a line in the table of one of the modules below; without one, this does not compile.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test language fails by panicking")]

/// A table of guests with their expected outcomes: a function for each.
macro_rules! expected {
    ($($guest:ident = $expected:expr;)*) => {
        $(pub fn $guest() -> Expected {
            $expected
        })*
    };
}

mod interface;
mod market;
mod outside;
mod refused;
mod resources;

use std::sync::Arc;
use std::time::Duration;

use domain::round::{PriceLimits, Terms};
use domain::settlement::trades_max_default;
use domain::{Price, Round, Settlement, Trade};
use sandbox::{Algorithm, Budget, Failure, FailureKind, LoadError, Run, Sandbox};

use crate::settled::{self, position};

/// A guest and its expected outcome.
pub struct Guest {
    /// The name of its file, without `.wat`, or of its function in `build/generated.rs`.
    pub name: &'static str,
    /// The component.
    pub bytes: &'static [u8],
    expected: Expected,
}

/// The expected outcome of a guest.
struct Expected {
    load: Result<(), Refused>,
    describe: Result<(), Fails>,
    clear: Outcome,
    budget: Budget,
    /// The beginning of the log.
    log: &'static str,
}

/// A variant of [`LoadError`] and part of its message.
type Refused = (&'static str, &'static str);
/// A kind of failure and part of its message.
type Fails = (FailureKind, &'static str);

enum Outcome {
    Balances,
    /// With the codes of all violations, in order.
    Rejected(&'static [&'static str]),
    Fails(Fails),
}

/// Little fuel, so that endless loops end soon, and so much time that no deadline expires on a busy machine.
pub const BUDGET: Budget =
    Budget { fuel: 20_000_000, memory_bytes: 32 << 20, time: Duration::from_secs(600), output_bytes: 1 << 20 };

fn balances() -> Expected {
    Expected { load: Ok(()), describe: Ok(()), clear: Outcome::Balances, budget: BUDGET, log: "" }
}

fn rejected(codes: &'static [&'static str]) -> Expected {
    Expected { clear: Outcome::Rejected(codes), ..balances() }
}

fn fails(kind: FailureKind, message: &'static str) -> Expected {
    Expected { clear: Outcome::Fails((kind, message)), ..balances() }
}

/// Fails before any function is called, so that `describe` fails too.
fn never_starts(kind: FailureKind, message: &'static str) -> Expected {
    Expected { describe: Err((kind, message)), ..fails(kind, message) }
}

fn never_describes(kind: FailureKind, message: &'static str) -> Expected {
    Expected { describe: Err((kind, message)), ..balances() }
}

fn refused(variant: &'static str, message: &'static str) -> Expected {
    Expected { load: Err((variant, message)), ..balances() }
}

impl Expected {
    fn within(self, budget: Budget) -> Expected {
        Expected { budget, ..self }
    }

    fn logging(self, log: &'static str) -> Expected {
        Expected { log, ..self }
    }
}

macro_rules! corpus {
    ($($name:ident $bytes:ident)*) => {
        /// Every guest.
        pub fn corpus() -> Vec<Guest> {
            // One of these modules has the guest.
            use self::{interface::*, market::*, outside::*, refused::*, resources::*};
            vec![$(Guest { name: stringify!($name), bytes: crate::guests::$bytes, expected: $name() }),*]
        }
    };
}
for_each_guest!(corpus);

/// Returns the guest with this name.
///
/// # Panics
/// If there is none.
pub fn guest(name: &str) -> Guest {
    let guest = corpus().into_iter().find(|guest| guest.name == name);
    guest.unwrap_or_else(|| panic!("no guest is named {name}"))
}

/// Makes the round for which guests are written: anna has 1200 Wh, bert needs 900 Wh, and cleo needs 500 Wh.
pub fn round() -> Round {
    let [floor, ceiling] = [50_000, 150_000].map(|price| Some(Price::from_micro_eur(price)));
    let terms = Terms {
        limits: PriceLimits::new(floor, ceiling).unwrap(),
        seed: 7,
        settings: vec![("key".to_owned(), "value".to_owned())],
        ..settled::terms(settled::COMMUNITY, 0)
    };
    let positions = [("anna", 1200, 0), ("bert", 0, 900), ("cleo", 0, 500)];
    Round::new(terms, positions.map(|(member, surplus, deficit)| position(member, surplus, deficit)).into()).unwrap()
}

impl Guest {
    /// Loads and runs the guest, and compares the outcome with the expected one.
    ///
    /// # Panics
    /// If the outcome differs, or the guest exceeds its budget.
    pub fn check(&self, sandbox: &Sandbox) {
        if let Some(algorithm) = self.load(sandbox) {
            self.check_runs(&algorithm);
        }
    }

    /// Loads the guest; `None` if it is refused as expected.
    ///
    /// # Panics
    /// If it is refused unexpectedly, or loads although it should be refused.
    pub fn load(&self, sandbox: &Sandbox) -> Option<Algorithm> {
        match (sandbox.load(self.bytes), self.expected.load) {
            (Ok(algorithm), Ok(())) => Some(algorithm),
            (Err(error), Err(refused)) => {
                self.check_refused(&error, refused);
                None
            }
            (Ok(_), Err((variant, _))) => panic!("{} loads, but LoadError::{variant} is expected", self.name),
            (Err(error), Ok(())) => panic!("{} does not load: {error}", self.name),
        }
    }

    /// Calls `describe`, and `clear` twice.
    ///
    /// # Panics
    /// If an outcome differs from the expected one, the two runs differ, or the guest exceeds its budget.
    pub fn check_runs(&self, algorithm: &Algorithm) {
        self.check_describe(algorithm);
        let (first, second) = (self.run(algorithm), self.run(algorithm));
        assert_eq!(first.result, second.result, "{}: the results of two runs differ", self.name);
        assert_eq!(first.log, second.log, "{}: the logs of two runs differ", self.name);
        // How far a guest gets until a deadline is not deterministic.
        if !first.result.as_ref().is_err_and(|failure| failure.kind == FailureKind::Deadline) {
            assert_eq!(first.usage.fuel, second.usage.fuel, "{}: the fuel of two runs differs", self.name);
        }
    }

    fn check_refused(&self, error: &LoadError, (variant, part): Refused) {
        let (debug, message) = (format!("{error:?}"), error.to_string());
        assert!(debug.starts_with(variant), "{}: LoadError::{variant} is expected, not {debug}", self.name);
        assert!(message.contains(part), "{}: {message:?} does not contain {part:?}", self.name);
        assert!(message.len() < 4000, "{}: the message has {} bytes", self.name, message.len());
    }

    fn check_describe(&self, algorithm: &Algorithm) {
        match (algorithm.describe(self.expected.budget).unwrap(), self.expected.describe) {
            (Ok(_), Ok(())) => {}
            (Err(failure), Err(fails)) => self.check_failure(&failure, fails),
            (described, _) => panic!("{}: describe returns {described:?}", self.name),
        }
    }

    /// Runs the guest once, and checks that it stays within its budget and that the outcome is as expected.
    fn run(&self, algorithm: &Algorithm) -> Run {
        let run = algorithm.clear(&round(), self.expected.budget).unwrap();
        let usage = run.usage;
        assert!(usage.fuel <= usage.budget.fuel, "{}: {usage}", self.name);
        assert!(usage.peak_memory_bytes <= usage.budget.memory_bytes, "{}: {usage}", self.name);
        assert!(usage.output_bytes <= usage.budget.output_bytes, "{}: {usage}", self.name);
        // 4 KiB, of which each byte may be shown as an escape of six characters.
        assert!(run.log.len() < 25_000, "{}: the log has {} bytes", self.name, run.log.len());
        assert!(run.log.starts_with(self.expected.log), "{}: the log is {:?}", self.name, run.log);
        let printable = |c: char| !c.is_control() || c == '\n';
        assert!(run.log.chars().all(printable), "{}: the log is {:?}", self.name, run.log);
        match (&run.result, &self.expected.clear) {
            (Err(failure), Outcome::Fails(fails)) => self.check_failure(failure, *fails),
            (Ok(trades), Outcome::Balances) => assert_eq!(codes(trades), [""; 0], "{}", self.name),
            (Ok(trades), Outcome::Rejected(expected)) => assert_eq!(codes(trades), *expected, "{}", self.name),
            (result, _) => panic!("{}: clear returns {result:?}", self.name),
        }
        run
    }

    fn check_failure(&self, failure: &Failure, (kind, part): Fails) {
        assert_eq!(failure.kind, kind, "{}: {failure}", self.name);
        let message = &failure.message;
        assert!(message.contains(part), "{}: {message:?} does not contain {part:?}", self.name);
        assert!(message.len() < 5000, "{}: the message has {} bytes", self.name, message.len());
        assert!(!message.contains(char::is_control), "{}: {message:?} has control characters", self.name);
    }
}

/// Returns the codes of all violations; empty if the trades balance.
fn codes(trades: &[Trade]) -> Vec<&'static str> {
    let round = round();
    let trades_max = trades_max_default(round.positions().len());
    match Settlement::check(Arc::new(round), trades.to_vec(), trades_max) {
        Ok(_) => Vec::new(),
        Err(violations) => violations.iter().map(domain::Violation::code).collect(),
    }
}
