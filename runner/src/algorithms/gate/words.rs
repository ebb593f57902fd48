//! What is wrong with a run or its result, and what an author can do about it.

use domain::Violation;
use sandbox::{BadResult, FailureKind};

/// Maximum number of violations of one probe that are listed.
const VIOLATIONS_LISTED: usize = 3;

/// What is wrong with a result, and how to fix it.
pub(super) fn explained(bad: &BadResult) -> String {
    match bad {
        BadResult::Failed(failure) => format!("{}: {failure}{}", failure.kind, way_out(failure.kind)),
        BadResult::Rejected(violations) => rejected(violations),
    }
}

fn rejected(violations: &[Violation]) -> String {
    let listed = violations.iter().take(VIOLATIONS_LISTED);
    let listed: Vec<String> = listed.map(|violation| format!("{}: {violation}", violation.code())).collect();
    let more = violations.len().saturating_sub(listed.len());
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    let mut rules: Vec<&str> = violations.iter().map(|violation| rule(violation.code())).collect();
    rules.sort_unstable();
    rules.dedup();
    format!("{}{rest} ({})", listed.join("; "), rules.join("; "))
}

/// The rule behind the code of a violation.
fn rule(code: &str) -> &'static str {
    match code {
        "oversold" | "undersold" | "overbought" | "underbought" => {
            "each member's trades add up to its surplus and its deficit, and what no member takes or gives the grid does"
        }
        "grid-price" => "with the grid a member sells at its own feed-in and buys at its own retail price",
        "price-floor" | "price-ceiling" => "prices between members stay within the round's limits, where it has any",
        "operator-energy" | "operator-loss" | "grid-operator" => {
            "the operator sells what it buys, from and to members, and pays out no more than it takes in"
        }
        "too-many-trades" => "join trades of the same two parties",
        _ => "leave out trades of no energy, with oneself, or with who is not there",
    }
}

/// What an author can do about a failure.
pub(super) fn way_out(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Algorithm => " (clear every round: what cannot be traded here the grid takes and gives)",
        FailureKind::Trap => " (look for overflows, indices and unwraps that this round reaches)",
        // The message says it.
        FailureKind::Fuel => "",
        FailureKind::Deadline => " (try again on a machine with less to do, or raise the limit on time)",
        FailureKind::Memory => " (keep less, or raise the limit on memory)",
        FailureKind::Output => " (answer with less, or raise the limit on the output)",
        FailureKind::Invalid => " (build it with bindings that are made from wit/market.wit)",
    }
}
