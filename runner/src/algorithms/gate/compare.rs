//! Whether two runs on one round came to the same.

use domain::Trade;
use sandbox::{FailureKind, Run};

/// Everything in which another run differs from the first, in words: nothing, if all is well.
pub(super) fn differences(first: &Run, other: &Run) -> Vec<String> {
    let mut found = Vec::new();
    match (&first.result, &other.result) {
        (Ok(trades), Ok(others)) => {
            found.extend(different_trades(trades, others));
            // How far a failed run gets before the engine notices is no answer.
            if first.usage.fuel != other.usage.fuel {
                found.push(format!("fuel {} and fuel {}", first.usage.fuel, other.usage.fuel));
            }
        }
        (Ok(trades), Err(failure)) => {
            found.push(format!("{} trades and a failure ({}: {failure})", trades.len(), failure.kind));
        }
        (Err(failure), Ok(trades)) => {
            found.push(format!("a failure ({}: {failure}) and {} trades", failure.kind, trades.len()));
        }
        (Err(failure), Err(other)) => {
            let answered = failure.kind == FailureKind::Algorithm;
            if failure.kind != other.kind || (answered && failure.message != other.message) {
                found.push(format!("{}: {failure} and {}: {other}", failure.kind, other.kind));
            }
        }
    }
    found
}

fn different_trades(trades: &[Trade], others: &[Trade]) -> Option<String> {
    if trades.len() != others.len() {
        return Some(format!("{} trades and {} trades", trades.len(), others.len()));
    }
    let (number, (trade, other)) = trades.iter().zip(others).enumerate().find(|(_, (trade, other))| trade != other)?;
    Some(format!("trade {number} is {} and {}", shown(trade), shown(other)))
}

fn shown(trade: &Trade) -> String {
    let (energy, price) = (trade.energy.wh(), trade.price.micro_eur());
    format!("{} to {} {energy} Wh at {price} µEUR/kWh", trade.seller, trade.buyer)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::{Energy, Party, Price};
    use sandbox::{Failure, Limits, Usage};

    use super::*;

    fn run(result: Result<Vec<Trade>, Failure>, fuel: u64) -> Run {
        let usage = Usage {
            fuel,
            budget: Limits::default().budget(0),
            peak_memory_bytes: 65_536,
            duration: Duration::from_micros(fuel),
            input_bytes: 0,
            output_bytes: 0,
        };
        Run { result, usage, log: String::new() }
    }

    fn trade(energy: u64, price: i64) -> Trade {
        Trade {
            seller: Party::Member(0),
            buyer: Party::Grid,
            energy: Energy::from_wh(energy),
            price: Price::from_micro_eur(price),
        }
    }

    fn failure(kind: FailureKind, message: &str) -> Failure {
        Failure { kind, message: message.to_owned() }
    }

    #[test]
    fn what_is_the_same_does_not_differ() {
        let mut other = run(Ok(vec![trade(1, 2)]), 9);
        other.usage.duration = Duration::from_secs(7);
        assert_eq!(differences(&run(Ok(vec![trade(1, 2)]), 9), &other), [""; 0]);
        let stopped = |fuel, message| run(Err(failure(FailureKind::Trap, message)), fuel);
        assert_eq!(differences(&stopped(1, "trapped: here"), &stopped(2, "trapped: there")), [""; 0]);
    }

    #[test]
    fn trades_and_fuel_are_both_told() {
        let (first, other) = (run(Ok(vec![trade(1, 2), trade(3, 4)]), 9), run(Ok(vec![trade(1, 2), trade(3, 5)]), 8));
        assert_eq!(
            differences(&first, &other),
            [
                "trade 1 is position 0 to grid 3 Wh at 4 µEUR/kWh and position 0 to grid 3 Wh at 5 µEUR/kWh",
                "fuel 9 and fuel 8"
            ]
        );
        assert_eq!(differences(&run(Ok(vec![trade(1, 2)]), 9), &run(Ok(Vec::new()), 9)), ["1 trades and 0 trades"]);
        assert_eq!(differences(&run(Ok(Vec::new()), 9), &run(Ok(Vec::new()), 10)), ["fuel 9 and fuel 10"]);
    }

    #[test]
    fn an_answer_and_a_failure_differ_and_so_do_two_reasons() {
        let answer = run(Ok(Vec::new()), 1);
        let says = |message| run(Err(failure(FailureKind::Algorithm, message)), 1);
        let trap = run(Err(failure(FailureKind::Trap, "trapped")), 1);
        assert_eq!(differences(&answer, &trap), ["0 trades and a failure (trap: trapped)"]);
        assert_eq!(differences(&trap, &answer), ["a failure (trap: trapped) and 0 trades"]);
        assert_eq!(differences(&says("no"), &says("never")), ["algorithm: no and algorithm: never"]);
        assert_eq!(differences(&says("no"), &trap), ["algorithm: no and trap: trapped"]);
        assert_eq!(differences(&says("no"), &says("no")), [""; 0]);
    }
}
