//! The ledger of our own Transactions service: each trade once, by its id, whatever comes twice.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use domain::{Amount, TradeId};

use super::trade::{Payable, Unpayable};
use wire::State;

/// Who decides that a trade is paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paying {
    /// It is paid as soon as it is known.
    #[default]
    AtOnce,
    /// As above, but the first attempt to pay a trade fails.
    AtSecondAttempt,
    /// It is paid when its device hands in a receipt.
    ByReceipt,
}

/// Trades and what became of them, in the order in which they came.
#[derive(Debug, Default)]
pub struct Ledger {
    paying: Paying,
    entries: BTreeMap<TradeId, Entry>,
    order: Vec<TradeId>,
    /// What the market does not know yet.
    unreported: BTreeSet<TradeId>,
    duplicates: u64,
}

/// A trade and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The trade.
    pub trade: Payable,
    /// How often it was tried to pay it.
    pub attempts: u32,
    /// `Sent` as long as its payment is open, then `Paid` or `NotPaid`.
    pub state: State,
    /// The payment's id.
    pub transaction_id: Option<String>,
}

/// A receipt that does not fit the ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReceipt {
    /// It is of no trade here.
    #[error("there is no payment {0}")]
    Unknown(TradeId),
    /// The trade has another one.
    #[error("payment {id} has the transaction {earlier:?} already")]
    Paid {
        /// The trade.
        id: TradeId,
        /// The transaction it was paid with.
        earlier: String,
    },
}

/// What a ledger has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many trades it knows.
    pub trades: u64,
    /// How many of them are paid.
    pub paid: u64,
    /// What was paid for them in all.
    pub amount: Amount,
    /// How often a trade came that was known.
    pub duplicates: u64,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(paying: Paying) -> Ledger {
        Ledger { paying, ..Ledger::default() }
    }

    /// Takes a trade in, and pays it if that is how this ledger pays. A trade that comes again is one that the market
    /// has no word of: it is reported again, and its payment tried again if that failed.
    ///
    /// # Errors
    /// If its id was taken with other contents.
    pub fn take(&mut self, trade: Payable) -> Result<(), Unpayable> {
        let id = trade.id;
        match self.entries.get(&id) {
            Some(known) if known.trade != trade => return Err(Unpayable::Changed(id)),
            Some(_) => self.duplicates += 1,
            None => {
                self.order.push(id);
                self.entries.insert(id, Entry { trade, attempts: 0, state: State::Sent, transaction_id: None });
            }
        }
        self.pay(id);
        Ok(())
    }

    fn pay(&mut self, id: TradeId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if self.paying != Paying::ByReceipt && entry.state != State::Paid {
            entry.attempts += 1;
            if self.paying == Paying::AtSecondAttempt && entry.attempts == 1 {
                entry.state = State::NotPaid;
            } else {
                entry.state = State::Paid;
                entry.transaction_id = Some(format!("tx-{id}"));
            }
        }
        if entry.state != State::Sent {
            self.unreported.insert(id);
        }
    }

    /// Takes receipts in, all or none; the same again changes nothing.
    ///
    /// # Errors
    /// If one is of no trade here, or of one that was paid otherwise.
    pub fn receive(&mut self, receipts: &[(TradeId, String)]) -> Result<(), InvalidReceipt> {
        for (id, transaction_id) in receipts {
            let entry = self.entries.get(id).ok_or(InvalidReceipt::Unknown(*id))?;
            if let Some(earlier) = entry.transaction_id.as_ref().filter(|earlier| *earlier != transaction_id) {
                return Err(InvalidReceipt::Paid { id: *id, earlier: earlier.clone() });
            }
        }
        for (id, transaction_id) in receipts {
            let open = self.entries.get_mut(id).filter(|entry| entry.state != State::Paid);
            if let Some(entry) = open {
                entry.state = State::Paid;
                entry.transaction_id = Some(transaction_id.clone());
                self.unreported.insert(*id);
            }
        }
        Ok(())
    }

    /// Up to `limit` trades whose state the market does not know yet, by id, after `after` if given.
    pub fn unreported(&self, after: Option<TradeId>, limit: usize) -> Vec<Entry> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let ids = self.unreported.range((from, Bound::Unbounded));
        ids.take(limit).filter_map(|id| self.entries.get(id)).cloned().collect()
    }

    /// Takes note that the market knows of these, as they were then.
    pub fn reported(&mut self, reported: &[Entry]) {
        for then in reported {
            if self.entries.get(&then.trade.id) == Some(then) {
                self.unreported.remove(&then.trade.id);
            }
        }
    }

    /// Every trade in the order in which they came.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.order.iter().filter_map(|id| self.entries.get(id))
    }

    /// What it has come to.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals { duplicates: self.duplicates, ..Totals::default() };
        for entry in self.entries.values() {
            totals.trades += 1;
            if entry.state == State::Paid {
                totals.paid += 1;
                totals.amount = totals.amount + entry.trade.amount();
            }
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Energy, Price};

    fn trade(number: u8) -> Payable {
        Payable {
            id: TradeId::from_bytes([number; 12]),
            end: "2023-09-01T12:15:00Z".parse().unwrap(),
            seller: "a".to_owned(),
            buyer: "b".to_owned(),
            energy: Energy::from_wh(u64::from(number)),
            price: Price::from_micro_eur(10),
        }
    }

    #[test]
    fn a_trade_that_comes_twice_is_paid_once_and_reported_again() {
        let mut ledger = Ledger::new(Paying::AtOnce);
        ledger.take(trade(2)).unwrap();
        ledger.take(trade(1)).unwrap();
        let unreported = ledger.unreported(None, 9);
        assert_eq!(unreported.len(), 2);
        ledger.reported(&unreported);
        assert_eq!(ledger.unreported(None, 9), []);
        ledger.take(trade(2)).unwrap();
        assert_eq!(ledger.unreported(None, 9), unreported[1..]);
        let totals = Totals { trades: 2, paid: 2, amount: Amount::from_nano_eur(30), duplicates: 1 };
        assert_eq!(ledger.totals(), totals);
        let order: Vec<_> = ledger.entries().map(|entry| entry.trade.id).collect();
        assert_eq!(order, [trade(2).id, trade(1).id]);
    }

    #[test]
    fn an_id_stands_for_one_trade() {
        let mut ledger = Ledger::new(Paying::AtOnce);
        ledger.take(trade(1)).unwrap();
        let other = Payable { buyer: "c".to_owned(), ..trade(1) };
        assert_eq!(ledger.take(other), Err(Unpayable::Changed(trade(1).id)));
        assert_eq!(ledger.totals().amount, Amount::from_nano_eur(10));
    }

    #[test]
    fn a_report_of_what_has_changed_since_is_not_the_last() {
        let mut ledger = Ledger::new(Paying::AtSecondAttempt);
        ledger.take(trade(1)).unwrap();
        let not_paid = ledger.unreported(None, 9);
        assert_eq!(not_paid[0].state, State::NotPaid);
        ledger.take(trade(1)).unwrap();
        ledger.reported(&not_paid);
        assert_eq!(ledger.unreported(None, 9)[0].state, State::Paid);
    }

    #[test]
    fn receipts_pay_what_is_open_all_or_none() {
        let mut ledger = Ledger::new(Paying::ByReceipt);
        ledger.take(trade(1)).unwrap();
        assert_eq!((ledger.totals().paid, ledger.unreported(None, 9).len()), (0, 0));
        let receipt = |number: u8, text: &str| (trade(number).id, text.to_owned());
        let unknown = Err(InvalidReceipt::Unknown(trade(2).id));
        assert_eq!(ledger.receive(&[receipt(1, "x"), receipt(2, "y")]), unknown);
        assert_eq!(ledger.totals().paid, 0);
        ledger.receive(&[receipt(1, "x")]).unwrap();
        ledger.receive(&[receipt(1, "x")]).unwrap();
        assert_eq!((ledger.totals().paid, ledger.unreported(None, 9).len()), (1, 1));
        assert!(matches!(ledger.receive(&[receipt(1, "z")]), Err(InvalidReceipt::Paid { .. })));
    }
}
