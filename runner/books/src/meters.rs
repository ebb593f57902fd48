//! What people have decided about meters: each decision with its number, and the exchanges that follow from them.

use domain::MeterId;
use domain::disputes::{Exchange, Exchanges, MeterDecision};

use crate::decision::{Action, KeptChange};

/// A community's decisions about meters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeterLog(Vec<NumberedDecision>);

/// A decision about a meter, with who made it and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberedDecision {
    /// Its number in the community's log.
    pub number: u64,
    /// The meter.
    pub meter: MeterId,
    /// What was decided.
    pub decision: MeterDecision,
    /// Who decided it.
    pub by: String,
    /// Why, for people; `None` if nobody said.
    pub reason: Option<String>,
}

impl MeterLog {
    /// Makes the log from a community's changes, in the order of their numbers.
    pub fn of(changes: &[KeptChange]) -> MeterLog {
        let decision = |kept: &KeptChange| match (&kept.change.action, kept.number) {
            (Action::Meter { meter, decision, reason }, Some(number)) => Some(NumberedDecision {
                number,
                meter: meter.clone(),
                decision: *decision,
                by: kept.change.by.clone(),
                reason: reason.clone(),
            }),
            _ => None,
        };
        MeterLog(changes.iter().filter_map(decision).collect())
    }

    /// Returns the decision with this number.
    pub fn get(&self, number: u64) -> Option<&NumberedDecision> {
        self.0.iter().find(|decision| decision.number == number)
    }

    /// Lists the decisions after this number, in order.
    pub fn after(&self, number: u64) -> impl Iterator<Item = &NumberedDecision> {
        self.0.iter().filter(move |decision| decision.number > number)
    }

    /// Returns all exchanges that were declared up to this number, each meter's in order of time.
    pub fn exchanges(&self, up_to: u64) -> Exchanges {
        let mut exchanges = Exchanges::new();
        for NumberedDecision { meter, decision, .. } in self.0.iter().filter(|decision| decision.number <= up_to) {
            if let MeterDecision::Exchange { exchange, .. } = decision {
                exchanges.entry(meter.clone()).or_default().push(*exchange);
            }
        }
        for of_meter in exchanges.values_mut() {
            of_meter.sort_by_key(|exchange: &Exchange| exchange.at);
        }
        exchanges
    }
}
