//! One run: a fresh store, one call, then everything is dropped.

use std::fmt;
use std::time::{Duration, Instant};

use domain::{Round, Trade};
use wasmtime::{Store, Trap, UpdateDeadline};

use crate::convert;
use crate::error::{Failure, FailureKind, SandboxError, quoted};
use crate::limits::{Budget, MemoryExceeded, Meter};
use crate::load::Algorithm;
use crate::machine;
use crate::state::{Log, State};

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
    /// Blocks the thread, also while it waits for other runs if the sandbox's maximum is reached.
    ///
    /// # Errors
    /// Only if the machine fails; the algorithm's own failures are in [`Run::result`].
    pub fn clear(&self, round: &Round, budget: Budget) -> Result<Run, SandboxError> {
        let (positions, settings) = (convert::positions(round), convert::settings(round));
        let round_in = convert::round(round, &positions, &settings);
        let mut output_bytes = 0;
        let (result, usage, log) = self.enter(budget, |store| {
            let instance = self.instance.instantiate(&mut *store)?;
            let answer = instance.call_clear(&mut *store, round_in)?;
            Ok(match answer {
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
        let (result, _, _) = self.enter(budget, |store| {
            let instance = self.instance.instantiate(&mut *store)?;
            instance.call_describe(&mut *store)
        })?;
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
        call: impl FnOnce(&mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<(Result<T, Failure>, Usage, String), SandboxError> {
        let _slot = self.sandbox.slots.take();
        self.sandbox.stop.check()?;
        let _ticking = self.sandbox.ticker.run();
        let started = Instant::now();
        let mut store = self.store(budget, started)?;
        let starts = self.declared.check_start(budget.memory_bytes).map_err(wasmtime::Error::from);
        let result = starts.and_then(|()| call(&mut store));
        let fuel_left = store.get_fuel().map_err(machine::or_engine)?;
        let fuel = budget.fuel.saturating_sub(fuel_left);
        let State { meter, log } = store.into_data();
        let usage = Usage {
            fuel,
            budget,
            peak_memory_bytes: meter.peak_bytes(),
            duration: started.elapsed(),
            input_bytes: 0,
            output_bytes: 0,
        };
        let log = log.text();
        match result {
            Ok(value) => Ok((Ok(value), usage, log)),
            Err(error) => Ok((Err(failure(error, &usage, &log)?), usage, log)),
        }
    }

    fn store(&self, budget: Budget, started: Instant) -> Result<Store<State>, SandboxError> {
        let meter = Meter::new(budget.memory_bytes, self.declared.instance_bytes);
        let mut store = Store::new(&self.sandbox.engine, State { meter, log: Log::default() });
        store.limiter(|state| &mut state.meter);
        store.set_fuel(budget.fuel).map_err(machine::or_engine)?;
        store.set_hostcall_fuel(usize::try_from(budget.output_bytes).unwrap_or(usize::MAX));
        // Asked at every tick.
        let stop = self.sandbox.stop.clone();
        store.epoch_deadline_callback(move |_| {
            stop.check()?;
            Ok(if started.elapsed() > budget.time { UpdateDeadline::Interrupt } else { UpdateDeadline::Continue(1) })
        });
        store.set_epoch_deadline(1);
        Ok(store)
    }
}

/// Classifies the error of a run: `Ok` is the algorithm's failure, `Err` the machine's.
fn failure(error: wasmtime::Error, usage: &Usage, log: &str) -> Result<Failure, SandboxError> {
    let budget = usage.budget;
    if let Some(exceeded) = error.downcast_ref::<MemoryExceeded>() {
        return Ok(Failure::new(FailureKind::Memory, exceeded.to_string()));
    }
    if let Some(SandboxError::Stopped) = error.downcast_ref() {
        return Err(SandboxError::Stopped);
    }
    let error = match machine::failure(error) {
        Ok(machine) => return Err(machine),
        Err(error) => error,
    };
    let cause = quoted(&error.root_cause().to_string());
    Ok(match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => {
            Failure::new(FailureKind::Fuel, format!("used all its fuel of {} (does it loop?)", budget.fuel))
        }
        Some(Trap::Interrupt) => {
            Failure::new(FailureKind::Deadline, format!("did not finish within {:?} on this machine", budget.time))
        }
        Some(trap) => Failure::new(FailureKind::Trap, with_log(format!("trapped: {trap}"), log)),
        None if cause.contains(HOSTCALL_FUEL) => {
            Failure::new(FailureKind::Output, format!("answered with more than {} bytes", budget.output_bytes))
        }
        // A host function refused, such as `exit`, or a handle was invalid.
        None if error.is::<wasmtime::WasmBacktrace>() => {
            Failure::new(FailureKind::Trap, with_log(format!("trapped: {cause}"), log))
        }
        None => Failure::new(FailureKind::Invalid, format!("broke the interface: {cause}")),
    })
}

/// Part of the engine's message for a result that is too large, for which it has no type. A guest in tests/guests
/// detects if the message changes.
const HOSTCALL_FUEL: &str = "fuel allocated for hostcalls has been exhausted";

fn with_log(message: String, log: &str) -> String {
    if log.is_empty() { message } else { format!("{message}; it wrote: {}", quoted(&log.replace('\n', " "))) }
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
