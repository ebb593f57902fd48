//! Bytes → gate. Whatever somebody uploads, the gate comes to a report, the same one every time; and what passes it is an
//! algorithm that says what it is and clears the empty round.
//!
//! An input is a component as it is, or, since random bytes hardly ever are one, a base algorithm with some bytes changed and
//! its end cut off.

#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use base::{BASE, is_label};
use rec_market::algorithms::gate::{Gate, Report};
use sandbox::{Codegen, Limits, Options, Sandbox};

/// Compiles in this process: a child for each input would take most of the time, and its limits have tests of their own.
static SANDBOXES: LazyLock<[Sandbox; 2]> = LazyLock::new(|| {
    [Codegen::Usual, Codegen::Checking].map(|codegen| {
        let options = Options { runs_max: 1, codegen, ..Options::default() };
        Sandbox::new(options).expect("the machine runs sandboxes")
    })
});

/// Little of everything but time, which must decide nothing here.
const LIMITS: Limits = Limits {
    fuel: Some(1_000_000),
    memory_bytes: Some(16 << 20),
    time: Some(Duration::from_secs(60)),
    output_bytes: Some(1 << 20),
};

/// The first byte: 0 for a component as it is, or else which base algorithm is changed. Then the length that is left, and
/// places with their new bytes.
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
    let gate = Gate { usual, checking, limits: LIMITS, standing: None };
    gate.examine(component, false).expect("no component is the machine's fault")
}

/// What every examination must come to again: names and verdicts, and words where no time is told.
fn told(report: &Report) -> Vec<(String, &'static str)> {
    report.checks.iter().map(|check| (check.name.to_string(), check.verdict.code())).collect()
}

fuzz_target!(|input: &[u8]| {
    let component = component(input);
    let report = examine(&component);
    assert!(!report.checks.is_empty(), "a report says something");
    assert_eq!(told(&report), told(&examine(&component)), "two examinations differ");
    if !report.passed() {
        assert!(!report.reason().is_empty(), "a refusal says why");
        return;
    }
    let description = report.description.expect("what passed says what it is");
    assert!(is_label(&description.name) && is_label(&description.version), "{description:?}");
    let algorithm = SANDBOXES[0].load(&component).expect("what passed loads");
    let described = algorithm.describe(LIMITS.budget(0)).expect("a machine").expect("what passed describes itself");
    assert_eq!(described, description);
    let empty = rec_market::cli::round_file::parse(r#"{"community": "a", "start": "2023-09-01T12:00:00Z", "positions": []}"#);
    let empty = Arc::new(empty.expect("an empty round is a round"));
    let trades = algorithm.clear(&empty, LIMITS.budget(0)).expect("a machine").result.expect("what passed clears it");
    assert!(domain::Settlement::check(empty, trades, 0).is_ok(), "there is nothing to trade");
});
