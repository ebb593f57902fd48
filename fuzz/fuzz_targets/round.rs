//! Round file → sandbox → check. Every text is a valid round or is refused with a reason. Every base algorithm clears
//! every round with a balanced result or returns an error, and does the same when run again.

#![no_main]

use std::sync::{Arc, LazyLock};

use base::BASE;
use domain::settlement::trades_max_default;
use domain::{Round, Settlement};
use libfuzzer_sys::fuzz_target;
use rec_market::cli::round_file;
use sandbox::{Algorithm, FailureKind, Limits, Options, Sandbox};

static ALGORITHMS: LazyLock<Vec<(&str, Algorithm)>> = LazyLock::new(|| {
    let sandbox = Sandbox::new(Options { runs_max: 1, ..Options::default() }).expect("the machine runs sandboxes");
    BASE.iter().map(|base| (base.name, sandbox.load_own(base.bytes).expect("a base algorithm loads"))).collect()
});

/// Runs an algorithm twice and checks its result.
fn clear(name: &str, algorithm: &Algorithm, round: &Arc<Round>) {
    let positions = round.positions().len();
    let budget = Limits::default().budget(positions);
    let run = algorithm.clear(round, budget).expect("no round is the machine's fault");
    let again = algorithm.clear(round, budget).expect("no round is the machine's fault");
    assert_eq!((&run.result, run.usage.fuel), (&again.result, again.usage.fuel), "{name}: two runs differ");
    match run.result {
        Ok(trades) => {
            let checked = Settlement::check(Arc::clone(round), trades, trades_max_default(positions));
            assert!(checked.is_ok(), "{name}: {:?}", checked.err());
        }
        // The settings are invalid for it.
        Err(failure) => assert_eq!(failure.kind, FailureKind::Algorithm, "{name}: {failure}"),
    }
}

fuzz_target!(|input: &[u8]| {
    let Ok(text) = str::from_utf8(input) else { return };
    match round_file::parse(text) {
        Err(error) => assert!(!error.to_string().is_empty(), "the refusal has no reason"),
        Ok(round) => {
            let round = Arc::new(round);
            ALGORITHMS.iter().for_each(|(name, algorithm)| clear(name, algorithm, &round));
        }
    }
});
