//! Round file → sandbox → check. Any text is a round or is refused in words; and whatever round it is, each base algorithm
//! clears it so that it balances, or says in words why not, the same every time.

#![no_main]

use std::sync::{Arc, LazyLock};

use domain::settlement::trades_max_default;
use domain::{Round, Settlement};
use libfuzzer_sys::fuzz_target;
use base::BASE;
use rec_market::cli::round_file;
use sandbox::{Algorithm, FailureKind, Limits, Options, Sandbox};

static ALGORITHMS: LazyLock<Vec<(&str, Algorithm)>> = LazyLock::new(|| {
    let sandbox = Sandbox::new(Options { runs_max: 1, ..Options::default() }).expect("the machine runs sandboxes");
    BASE.iter().map(|base| (base.name, sandbox.load_own(base.bytes).expect("it is an algorithm"))).collect()
});

/// Runs an algorithm and checks what it claims.
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
        // Settings that make no sense to it.
        Err(failure) => assert_eq!(failure.kind, FailureKind::Algorithm, "{name}: {failure}"),
    }
}

fuzz_target!(|input: &[u8]| {
    let Ok(text) = str::from_utf8(input) else { return };
    match round_file::parse(text) {
        Err(error) => assert!(!error.to_string().is_empty(), "a refusal says why"),
        Ok(round) => {
            let round = Arc::new(round);
            ALGORITHMS.iter().for_each(|(name, algorithm)| clear(name, algorithm, &round));
        }
    }
});
