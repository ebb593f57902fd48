//! One run: a fresh store, one call, then everything is dropped.

use std::fmt;
use std::time::Duration;

use domain::{Round, Trade};
use wasmtime::{Store, UpdateDeadline};

use crate::convert;
use crate::error::{Failure, FailureKind, SandboxError, quoted};
use crate::failure::Failed;
use crate::limits::{Budget, Meter};
use crate::load::Algorithm;
use crate::machine;
use crate::state::{Log, State};
use crate::stopwatch::{Pace, Stopwatch};

/// Maximum size of a description, in bytes: a few sentences.
const DESCRIPTION_BYTES_MAX: u64 = 64 << 10;

/// The resources that one run used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Units of fuel used.
    pub fuel: u64,
    /// The limits of the run.
    pub budget: Budget,
    /// Peak size of all memories, tables and instances together, in bytes.
    pub peak_memory_bytes: u64,
    /// Wall-clock time from the creation of the store to the converted result, without waiting for a slot.
    pub duration: Duration,
    /// Size of the round, in bytes, in the canonical ABI's layout.
    pub input_bytes: u64,
    /// Size of the result, in bytes, in the canonical ABI's layout; 0 if the run failed without one.
    pub output_bytes: u64,
}

/// One run and its result.
#[derive(Clone, Debug)]
pub struct Run {
    /// The trades that the algorithm claims, unchecked; or how it failed.
    pub result: Result<Vec<Trade>, Failure>,
    /// The resources that it used.
    pub usage: Usage,
    /// The beginning of what it wrote to stdout and stderr, made safe to print.
    pub log: String,
}

/// An algorithm's description of itself. Texts are cut to 1000 characters and made safe to print.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Short name, such as `mid-market-rate`.
    pub name: String,
    /// Version, such as `1.0.0`.
    pub version: String,
    /// One sentence on the matching rule.
    pub summary: String,
    /// Every setting that it reads.
    pub settings: Vec<Setting>,
}

/// A setting that an algorithm reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// The key in a community's `settings`.
    pub key: String,
    /// One sentence on its effect, with its unit.
    pub summary: String,
    /// The value that applies if the community sets none, as text.
    pub default: String,
}

/// A description, or how the algorithm failed to provide one.
pub type Described = Result<Description, Failure>;

impl Algorithm {
    /// Clears one round within a budget.
    ///
    /// Blocks the thread, also while it waits for other runs if the sandbox's maximum is reached. A run that the machine kept
    /// waiting is repeated once.
    ///
    /// # Errors
    /// Only if the machine fails; the algorithm's own failures are in [`Run::result`].
    pub fn clear(&self, round: &Round, budget: Budget) -> Result<Run, SandboxError> {
        again_if_busy(|| self.clear_once(round, budget))
    }

    fn clear_once(&self, round: &Round, budget: Budget) -> Result<Run, SandboxError> {
        let (positions, settings) = (convert::positions(round), convert::settings(round));
        let round_in = convert::round(round, &positions, &settings);
        let mut output_bytes = 0;
        let (result, usage, log) = self.enter(budget, round.positions().len(), |store| {
            Ok(match self.world.clear(store, round_in)? {
                Ok(trades) => {
                    output_bytes = convert::trades_bytes(trades.len());
                    Ok(trades.into_iter().map(Trade::from).collect())
                }
                Err(message) => {
                    output_bytes = message.len() as u64;
                    let reason =
                        if message.is_empty() { "gave up without a reason".to_owned() } else { quoted(&message) };
                    Err(Failure::new(FailureKind::Algorithm, reason))
                }
            })
        })?;
        let usage = Usage { input_bytes: convert::round_bytes(round), output_bytes, ..usage };
        Ok(Run { result: result.and_then(|answer| answer), usage, log })
    }

    /// Calls the algorithm's `describe` within a budget, with at most 64 KiB of output. Blocks like
    /// [`Algorithm::clear`].
    ///
    /// # Errors
    /// Only if the machine fails; the algorithm's own failures are in [`Described`].
    pub fn describe(&self, budget: Budget) -> Result<Described, SandboxError> {
        let budget = Budget { output_bytes: budget.output_bytes.min(DESCRIPTION_BYTES_MAX), ..budget };
        let (result, _, _) = again_if_busy(|| self.enter(budget, 0, |store| self.world.describe(store)))?;
        Ok(result.map(|description| Description {
            name: quoted(&description.name),
            version: quoted(&description.version),
            summary: quoted(&description.summary),
            settings: description
                .settings
                .iter()
                .map(|setting| Setting {
                    key: quoted(&setting.key),
                    summary: quoted(&setting.summary),
                    default: quoted(&setting.default),
                })
                .collect(),
        }))
    }

    /// Makes a call in a fresh store, and separates the algorithm's failures from the machine's.
    fn enter<T>(
        &self,
        budget: Budget,
        positions: usize,
        call: impl FnOnce(&mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<(Result<T, Failure>, Usage, String), SandboxError> {
        let _slot = self.sandbox.slots.take();
        self.sandbox.stop.check()?;
        let _ticking = self.sandbox.ticker.run();
        let watch = Stopwatch::start();
        let mut store = self.store(budget, watch)?;
        let starts = self.declared.check_start(budget.memory_bytes).map_err(wasmtime::Error::from);
        let result = starts.and_then(|()| call(&mut store));
        let fuel_left = store.get_fuel().map_err(machine::or_engine)?;
        let fuel = budget.fuel.saturating_sub(fuel_left);
        let State { meter, log } = store.into_data();
        let usage = Usage {
            fuel,
            budget,
            peak_memory_bytes: meter.peak_bytes(),
            duration: watch.elapsed(),
            input_bytes: 0,
            output_bytes: 0,
        };
        let log = log.text();
        match result {
            Ok(value) => Ok((Ok(value), usage, log)),
            Err(error) => Ok((Err(Failed { budget, positions, log: &log }.by(error)?), usage, log)),
        }
    }

    fn store(&self, budget: Budget, watch: Stopwatch) -> Result<Store<State>, SandboxError> {
        let meter = Meter::new(budget.memory_bytes, self.declared.instance_bytes);
        let mut store = Store::new(&self.sandbox.engine, State { meter, log: Log::default() });
        store.limiter(|state| &mut state.meter);
        store.set_fuel(budget.fuel).map_err(machine::or_engine)?;
        store.set_hostcall_fuel(usize::try_from(budget.output_bytes).unwrap_or(usize::MAX));
        // Asked at every tick.
        let stop = self.sandbox.stop.clone();
        store.epoch_deadline_callback(move |_| {
            stop.check()?;
            match watch.pace(budget.time) {
                Pace::InTime => Ok(UpdateDeadline::Continue(1)),
                Pace::Over => Ok(UpdateDeadline::Interrupt),
                Pace::Starved => Err(SandboxError::starved(watch.elapsed(), budget.time).into()),
            }
        });
        store.set_epoch_deadline(1);
        Ok(store)
    }
}

/// Runs once more what the machine kept waiting: by now it may have less to do.
fn again_if_busy<T>(run: impl Fn() -> Result<T, SandboxError>) -> Result<T, SandboxError> {
    match run() {
        Err(SandboxError::Busy(_)) => run(),
        ended => ended,
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Usage { fuel, budget, peak_memory_bytes, duration, .. } = self;
        write!(
            f,
            "fuel {fuel} of {}, memory {peak_memory_bytes} of {} bytes, {duration:?}",
            budget.fuel, budget.memory_bytes
        )
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn what_the_machine_kept_waiting_runs_once_more() {
        let runs = |outcomes: &[Option<SandboxError>]| {
            let count = Cell::new(0);
            let _ = again_if_busy(|| {
                count.set(count.get() + 1);
                match &outcomes[count.get() - 1] {
                    None => Ok(()),
                    Some(SandboxError::Busy(waited)) => Err(SandboxError::Busy(waited.clone())),
                    Some(_) => Err(SandboxError::Stopped),
                }
            });
            count.get()
        };
        let busy = || Some(SandboxError::starved(Duration::from_secs(100), Duration::from_secs(10)));
        assert_eq!(runs(&[None]), 1);
        assert_eq!(runs(&[busy(), None]), 2);
        assert_eq!(runs(&[busy(), busy()]), 2);
        assert_eq!(runs(&[Some(SandboxError::Stopped)]), 1);
    }
}
