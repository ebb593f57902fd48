//! What each hostile guest must come to, and the check that it does.
//!
//! Every guest has a function of its name in one of the modules below; one without does not compile.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test language fails by panicking")]

mod interface;
mod market;
mod outside;
mod refused;
mod resources;

use std::sync::Arc;
use std::time::Duration;

use domain::round::{PriceLimits, Terms};
use domain::settlement::trades_max_default;
use domain::{Boundary, Energy, Interval, IntervalLength, Position, Price, Round, Settlement, Tariff, Trade};
use sandbox::{Algorithm, Budget, Failure, FailureKind, LoadError, Run, Sandbox};

/// A guest and what it must come to.
pub struct Guest {
    /// Its name.
    pub name: &'static str,
    /// The component.
    pub bytes: &'static [u8],
    expected: Expected,
}

/// What a guest must come to.
struct Expected {
    load: Result<(), Refused>,
    describe: Result<(), Fails>,
    clear: Outcome,
    budget: Budget,
    /// How the log begins.
    log: &'static str,
}

/// Variant of the load error and a part of its message.
type Refused = (&'static str, &'static str);
/// Kind of failure and a part of its message.
type Fails = (FailureKind, &'static str);

enum Outcome {
    Balances,
    /// The codes of all violations, in order.
    Rejected(&'static [&'static str]),
    Fails(Fails),
}

/// Little fuel, so that endless loops end soon; and time enough that no busy machine ends them instead.
pub const BUDGET: Budget =
    Budget { fuel: 20_000_000, memory_bytes: 32 << 20, time: Duration::from_secs(600), output_bytes: 1 << 20 };

impl Expected {
    fn balances() -> Expected {
        Expected { load: Ok(()), describe: Ok(()), clear: Outcome::Balances, budget: BUDGET, log: "" }
    }

    fn rejected(codes: &'static [&'static str]) -> Expected {
        Expected { clear: Outcome::Rejected(codes), ..Expected::balances() }
    }

    fn fails(kind: FailureKind, message: &'static str) -> Expected {
        Expected { clear: Outcome::Fails((kind, message)), ..Expected::balances() }
    }

    /// Fails before any function is called, so `describe` fails too.
    fn never_starts(kind: FailureKind, message: &'static str) -> Expected {
        Expected { describe: Err((kind, message)), ..Expected::fails(kind, message) }
    }

    fn never_describes(kind: FailureKind, message: &'static str) -> Expected {
        Expected { describe: Err((kind, message)), ..Expected::balances() }
    }

    fn refused(variant: &'static str, message: &'static str) -> Expected {
        Expected { load: Err((variant, message)), ..Expected::balances() }
    }

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
            // One of these modules has a function of that name.
            use self::{interface::*, market::*, outside::*, refused::*, resources::*};
            vec![$(Guest { name: stringify!($name), bytes: crate::guests::$bytes, expected: $name() }),*]
        }
    };
}
for_each_guest!(corpus);

/// The guest of that name.
///
/// # Panics
/// If there is none.
pub fn guest(name: &str) -> Guest {
    let guest = corpus().into_iter().find(|guest| guest.name == name);
    guest.unwrap_or_else(|| panic!("no guest is named {name}"))
}

/// The round that guests are written for: anna has 1200 Wh, bert needs 900 Wh, cleo 500 Wh.
pub fn round() -> Round {
    let [retail, feed_in, floor, ceiling] = [162_400, 30_000, 50_000, 150_000].map(Price::from_micro_eur);
    let tariff = Tariff { retail, feed_in };
    let position = |member: &str, surplus, deficit| Position {
        member: member.parse().unwrap(),
        surplus: Energy::from_wh(surplus),
        deficit: Energy::from_wh(deficit),
        offer: feed_in,
        bid: retail,
        tariff,
        share: 0,
        rank: 0,
    };
    let start = Boundary::from_seconds(1_693_569_600).unwrap();
    let terms = Terms {
        community: "aveiro".to_owned(),
        interval: Interval::starting(start, IntervalLength::QUARTER_HOUR).unwrap(),
        tariff,
        limits: PriceLimits::new(Some(floor), Some(ceiling)).unwrap(),
        seed: 7,
        settings: vec![("key".to_owned(), "value".to_owned())],
    };
    Round::new(terms, vec![position("anna", 1200, 0), position("bert", 0, 900), position("cleo", 0, 500)]).unwrap()
}

impl Guest {
    /// Loads and runs it, and compares with what is expected.
    ///
    /// # Panics
    /// If it comes to anything else, or uses more than it may.
    pub fn check(&self, sandbox: &Sandbox) {
        if let Some(algorithm) = self.load(sandbox) {
            self.check_runs(&algorithm);
        }
    }

    /// Loads it, unless it is to be refused.
    ///
    /// # Panics
    /// If it is refused and should not be, or the other way round.
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

    /// Asks what it is and runs it twice.
    ///
    /// # Panics
    /// If it comes to anything but what is expected, or uses more than it may.
    pub fn check_runs(&self, algorithm: &Algorithm) {
        self.check_describe(algorithm);
        let (first, second) = (self.run(algorithm), self.run(algorithm));
        assert_eq!(first.result, second.result, "{} answers twice the same", self.name);
        assert_eq!(first.log, second.log, "{} writes twice the same", self.name);
        // How far it gets in a given time is not for a guest to repeat.
        if !first.result.as_ref().is_err_and(|failure| failure.kind == FailureKind::Deadline) {
            assert_eq!(first.usage.fuel, second.usage.fuel, "{} uses twice the same fuel", self.name);
        }
    }

    fn check_refused(&self, error: &LoadError, (variant, part): Refused) {
        let (debug, message) = (format!("{error:?}"), error.to_string());
        assert!(debug.starts_with(variant), "{}: LoadError::{variant} is expected, not {debug}", self.name);
        assert!(message.contains(part), "{}: {message:?} says {part:?}", self.name);
        assert!(message.len() < 4000, "{}: a message of {} bytes", self.name, message.len());
    }

    fn check_describe(&self, algorithm: &Algorithm) {
        match (algorithm.describe(self.expected.budget).unwrap(), self.expected.describe) {
            (Ok(_), Ok(())) => {}
            (Err(failure), Err(fails)) => self.check_failure(&failure, fails),
            (described, _) => panic!("{}: describe comes to {described:?}", self.name),
        }
    }

    /// Runs it once, within its limits.
    fn run(&self, algorithm: &Algorithm) -> Run {
        let run = algorithm.clear(&round(), self.expected.budget).unwrap();
        let usage = run.usage;
        assert!(usage.fuel <= usage.budget.fuel, "{}: {usage}", self.name);
        assert!(usage.peak_memory_bytes <= usage.budget.memory_bytes, "{}: {usage}", self.name);
        assert!(usage.output_bytes <= usage.budget.output_bytes, "{}: {usage}", self.name);
        assert!(run.log.len() < 5000, "{}: a log of {} bytes", self.name, run.log.len());
        assert!(run.log.starts_with(self.expected.log), "{}: a log of {:?}", self.name, run.log);
        let shown = |c: char| !c.is_control() || c == '\n';
        assert!(run.log.chars().all(shown), "{}: a log of {:?}", self.name, run.log);
        match (&run.result, &self.expected.clear) {
            (Err(failure), Outcome::Fails(fails)) => self.check_failure(failure, *fails),
            (Ok(trades), Outcome::Balances) => assert_eq!(codes(trades), [""; 0], "{}", self.name),
            (Ok(trades), Outcome::Rejected(expected)) => assert_eq!(codes(trades), *expected, "{}", self.name),
            (result, _) => panic!("{} comes to {result:?}", self.name),
        }
        run
    }

    fn check_failure(&self, failure: &Failure, (kind, part): Fails) {
        assert_eq!(failure.kind, kind, "{}: {failure}", self.name);
        assert!(failure.message.contains(part), "{}: {:?} says {part:?}", self.name, failure.message);
        assert!(failure.message.len() < 5000, "{}: a message of {} bytes", self.name, failure.message.len());
        assert!(!failure.message.contains(char::is_control), "{}: {:?} is on one line", self.name, failure.message);
    }
}

/// The codes of the violations, none if the trades balance.
fn codes(trades: &[Trade]) -> Vec<&'static str> {
    let round = round();
    let trades_max = trades_max_default(round.positions().len());
    match Settlement::check(Arc::new(round), trades.to_vec(), trades_max) {
        Ok(_) => Vec::new(),
        Err(violations) => violations.iter().map(domain::Violation::code).collect(),
    }
}
