//! Whose fault a refusal is: that of the trade, or of a Transactions service that refuses everything.
//!
//! A trade is at fault if Transactions accepts others beside it: in the same request, or before it and after it. Three that are
//! refused one after the other, or a request of which every trade is refused, speak against Transactions. Until it accepts a
//! trade again, no refusal counts, and no trade becomes `Error`.

use std::collections::{BTreeMap, BTreeSet};

use books::Match;
use domain::TradeId;

/// How many single trades may be refused in a row.
const ROW_MAX: usize = 3;
/// Maximum number of trades that are remembered as refused while everything is.
const SUSPECTS_MAX: usize = 10_000;

/// Trades that were refused, with Transactions' reasons.
pub(super) type Refused = Vec<(TradeId, String)>;

/// What is known of refusals so far.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// Refused since the last trade that was accepted. Whose fault that is will show.
    suspects: BTreeMap<TradeId, String>,
    /// Refused shortly before another trade was accepted alone: if they are refused again, it is their own fault.
    at_fault: BTreeSet<TradeId>,
    /// Whether this pass has seen a trade accepted.
    accepts: bool,
    everything: bool,
    /// Why the last trade was refused.
    reason: String,
}

impl Refusals {
    /// Starts another pass over the outbox.
    pub(super) fn begin_pass(&mut self) {
        self.accepts = false;
        self.at_fault.clear();
        if !self.everything {
            self.suspects.clear();
        }
    }

    /// Whether Transactions refuses everything.
    pub(super) fn are_of_everything(&self) -> bool {
        self.everything
    }

    /// How many trades are refused for no fault of theirs, as far as is known, and the last reason.
    pub(super) fn open(&self) -> (usize, &str) {
        (self.suspects.len(), &self.reason)
    }

    /// A request was acknowledged, with some of its trades refused. Returns those that are at fault, of earlier requests too.
    pub(super) fn acknowledged(&mut self, refused: Refused, accepted: usize) -> Refused {
        if accepted == 0 {
            return self.refused(refused);
        }
        let mut at_fault = refused;
        let suspects = std::mem::take(&mut self.suspects);
        if self.accepts {
            at_fault.extend(suspects);
        } else {
            // They come once more: Transactions may have begun to accept trades only now.
            self.at_fault.extend(suspects.into_keys());
        }
        for (id, _) in &at_fault {
            self.at_fault.remove(id);
        }
        self.accepts = true;
        at_fault
    }

    /// All trades of a request were refused. Returns those that are at fault.
    pub(super) fn refused(&mut self, refused: Refused) -> Refused {
        let (at_fault, open): (Refused, Refused) = refused.into_iter().partition(|(id, _)| self.at_fault.remove(id));
        let whole = open.len() > 1;
        for (id, reason) in open {
            self.reason.clone_from(&reason);
            self.suspects.insert(id, reason);
        }
        self.everything |= whole || self.suspects.len() >= ROW_MAX;
        at_fault
    }

    /// Nothing else waits. Returns the trades that were refused last, if they are at fault because others were accepted.
    pub(super) fn end_row(&mut self) -> Refused {
        if self.accepts && !self.everything {
            return std::mem::take(&mut self.suspects).into_iter().collect();
        }
        self.everything |= !self.suspects.is_empty();
        Refused::new()
    }

    /// How many trades have to be known to find one for [`Refusals::probe`].
    pub(super) fn probe_reach(&self) -> usize {
        self.suspects.len() + 100
    }

    /// The trade that shows whether Transactions accepts any: one that it has not refused yet, far from those that it has, or
    /// else the oldest.
    pub(super) fn probe<'m>(&self, waiting: &'m [Match]) -> Option<&'m Match> {
        let fresh = waiting.iter().rev().find(|waiting| !self.suspects.contains_key(&waiting.id));
        fresh.or(waiting.first())
    }

    /// A trade was accepted alone.
    pub(super) fn probe_accepted(&mut self, id: TradeId) {
        let suspects = std::mem::take(&mut self.suspects);
        // If it was refused before, then Transactions has changed its mind, and the others deserve another chance, too.
        if !suspects.contains_key(&id) {
            self.at_fault.extend(suspects.into_keys());
        }
        (self.accepts, self.everything) = (true, false);
    }

    /// A trade was refused alone, while everything is.
    pub(super) fn probe_refused(&mut self, id: TradeId, reason: String) {
        self.reason.clone_from(&reason);
        if self.suspects.len() < SUSPECTS_MAX {
            self.suspects.insert(id, reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> TradeId {
        format!("{number:024}").parse().unwrap()
    }

    fn refused(numbers: impl IntoIterator<Item = u64>) -> Refused {
        numbers.into_iter().map(|number| (id(number), format!("no {number}"))).collect()
    }

    #[test]
    fn what_is_refused_beside_others_is_at_fault() {
        let mut refusals = Refusals::default();
        assert_eq!(refusals.acknowledged(refused([1, 2, 3, 4]), 1), refused([1, 2, 3, 4]));
        // Alone, between two that are accepted.
        assert_eq!(refusals.refused(refused([5])), []);
        assert_eq!(refusals.refused(refused([6])), []);
        assert_eq!(refusals.acknowledged(refused([7]), 1), refused([7, 5, 6]));
        // And as the last.
        assert_eq!(refusals.refused(refused([8])), []);
        assert_eq!(refusals.end_row(), refused([8]));
        assert!(!refusals.are_of_everything());
    }

    #[test]
    fn what_is_refused_before_any_is_accepted_comes_again() {
        let mut refusals = Refusals::default();
        assert_eq!(refusals.refused(refused([1])), []);
        assert_eq!(refusals.acknowledged(Vec::new(), 1), []);
        assert_eq!(refusals.refused(refused([1])), refused([1]));
        assert!(!refusals.are_of_everything());
    }

    #[test]
    fn three_in_a_row_or_a_whole_request_or_all_there_are_speak_against_transactions() {
        let mut three = Refusals::default();
        assert_eq!(three.acknowledged(Vec::new(), 5), []);
        for (number, everything) in [(1, false), (2, false), (3, true)] {
            assert_eq!(three.refused(refused([number])), []);
            assert_eq!(three.are_of_everything(), everything);
        }
        assert_eq!(three.open(), (3, "no 3"));
        assert_eq!(three.end_row(), []);
        let mut whole = Refusals::default();
        assert_eq!(whole.acknowledged(refused([1, 2]), 0), []);
        assert!(whole.are_of_everything());
        let mut only = Refusals::default();
        assert_eq!((only.refused(refused([1])), only.end_row()), (Vec::new(), Vec::new()));
        assert!(only.are_of_everything());
    }

    #[test]
    fn what_is_refused_again_after_another_was_accepted_alone_is_at_fault() {
        let mut refusals = Refusals::default();
        refusals.refused(refused([1, 2, 3]));
        refusals.probe_refused(id(9), "no".to_owned());
        refusals.begin_pass();
        assert!(refusals.are_of_everything());
        refusals.probe_accepted(id(8));
        assert!(!refusals.are_of_everything());
        assert_eq!(refusals.refused(refused([1, 2, 3])), refused([1, 2, 3]));
        assert!(!refusals.are_of_everything());
        // One that was refused before is accepted now: so may be the others.
        refusals.refused(refused([4, 5]));
        refusals.probe_accepted(id(4));
        assert_eq!(refusals.refused(refused([5])), []);
    }
}
