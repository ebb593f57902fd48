//! Bytes → gate. For every upload the gate produces a report, the same one every time; and whatever passes is an
//! algorithm that describes itself and clears the empty round.
//!
//! An input is a component, or, since random bytes are hardly ever one, a base algorithm that is truncated and has some
//! bytes changed.

#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base::{BASE, is_name, is_version};
use libfuzzer_sys::fuzz_target;
use rec_market::algorithms::gate::{Gate, Report};
use sandbox::{Codegen, Limits, Options, Sandbox};

/// Compiles in this process: a child for each input would take most of the time, and its limits are tested separately.
static SANDBOXES: LazyLock<[Sandbox; 2]> = LazyLock::new(|| {
    [Codegen::Usual, Codegen::Checking].map(|codegen| {
        let options = Options { runs_max: 1, codegen, ..Options::default() };
        Sandbox::new(options).expect("the machine runs sandboxes")
    })
});

/// Low limits, except on time: no outcome may depend on a deadline.
const LIMITS: Limits = Limits {
    fuel: Some(1_000_000),
    memory_bytes: Some(16 << 20),
    time: Some(Duration::from_secs(60)),
    output_bytes: Some(1 << 20),
};

/// Decodes an input. The first byte is 0 for a component that follows as it is; otherwise it selects the base algorithm
/// to change, and groups of four bytes follow: how much to cut off, then positions with their new bytes.
fn component(input: &[u8]) -> Vec<u8> {
    let Some((&kind, rest)) = input.split_first() else { return Vec::new() };
    let Some(base) = BASE.get(usize::from(kind).wrapping_sub(1) % (BASE.len() + 1)).filter(|_| kind > 0) else {
        return rest.to_vec();
    };
    let mut component = base.bytes.to_vec();
    let mut numbers = rest.chunks_exact(4);
    if let Some([low, high, ..]) = numbers.next() {
        let cut = usize::from(u16::from_le_bytes([*low, *high]));
        component.truncate(component.len().saturating_sub(cut));
    }
    for change in numbers {
        let [low, middle, high, byte] = change else { continue };
        let at = u32::from_le_bytes([*low, *middle, *high, 0]) as usize % component.len().max(1);
        if let Some(place) = component.get_mut(at) {
            *place = *byte;
        }
    }
    component
}

fn examine(component: &[u8]) -> Report {
    let [usual, checking] = &*SANDBOXES;
    let gate = Gate { usual, checking, limits: LIMITS, seed: 7, terms: None, others: Vec::new() };
    gate.examine(component, false).expect("no component is the machine's fault")
}

/// Returns the part of a report that must be deterministic: names and verdicts, but no texts, which may contain times.
fn verdicts(report: &Report) -> Vec<(String, &'static str)> {
    report.checks.iter().map(|check| (check.name.to_string(), check.verdict.code())).collect()
}

fuzz_target!(|input: &[u8]| {
    let component = component(input);
    let report = examine(&component);
    assert!(!report.checks.is_empty(), "the report is empty");
    assert_eq!(verdicts(&report), verdicts(&examine(&component)), "two examinations differ");
    if !report.passed() {
        assert!(!report.reason().is_empty(), "the refusal has no reason");
        return;
    }
    let description = report.description.expect("a component that passed describes itself");
    assert!(is_name(&description.name) && is_version(&description.version), "{description:?}");
    let algorithm = SANDBOXES[0].load(&component).expect("a component that passed loads");
    let described = algorithm.describe(LIMITS.budget(0)).expect("the machine works");
    let described = described.expect("it describes itself again");
    assert_eq!(described, description);
    let empty = rec_market::cli::round_file::parse(r#"{"community": "a", "start": "2023-09-01T12:00:00Z", "positions": []}"#);
    let empty = Arc::new(empty.expect("an empty round is valid"));
    let run = algorithm.clear(&empty, LIMITS.budget(0)).expect("the machine works");
    let trades = run.result.expect("an algorithm that passed clears the empty round");
    assert!(domain::Settlement::check(empty, trades, 0).is_ok(), "an empty round has trades");
});
