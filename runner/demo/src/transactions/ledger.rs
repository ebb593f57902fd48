//! The ledger of the development Transactions service. It has each trade once, by its id, however often it is received.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use domain::{Amount, TradeId};

use super::trade::{Payable, Unpayable};
use wire::State;

/// How trades are paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paying {
    /// A trade is paid as soon as it is received.
    #[default]
    AtOnce,
    /// As [`AtOnce`](Self::AtOnce), but the first attempt to pay each trade fails.
    AtSecondAttempt,
    /// A trade is paid when its device hands in a receipt.
    ByReceipt,
}

/// Trades and their payments, in the order in which they were received.
#[derive(Debug, Default)]
pub struct Ledger {
    paying: Paying,
    entries: BTreeMap<TradeId, Entry>,
    order: Vec<TradeId>,
    /// Trades whose state has not been reported to the market.
    unreported: BTreeSet<TradeId>,
    duplicates: u64,
}

/// A trade and its payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The trade to pay.
    pub trade: Payable,
    /// Number of attempts to pay it.
    pub attempts: u32,
    /// `Sent` while the payment is open, then `Paid` or `NotPaid`.
    pub state: State,
    /// The payment's id; `None` until the trade is paid.
    pub transaction_id: Option<String>,
}

/// Why a receipt is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReceipt {
    /// No trade has this id.
    #[error("there is no payment {0}")]
    Unknown(TradeId),
    /// The trade was paid with another transaction.
    #[error("payment {id} already has the transaction {earlier:?}")]
    Paid {
        /// The trade's id.
        id: TradeId,
        /// The id of the transaction with which it was paid.
        earlier: String,
    },
}

/// The totals of a ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Number of trades received.
    pub trades: u64,
    /// Number of trades paid.
    pub paid: u64,
    /// The sum of all payments, in nEUR.
    pub amount: Amount,
    /// How often a known trade was received again.
    pub duplicates: u64,
}

impl Ledger {
    /// Makes an empty ledger.
    pub fn new(paying: Paying) -> Ledger {
        Ledger { paying, ..Ledger::default() }
    }

    /// Records a trade, and pays it if this ledger pays at once. A known trade is one on which the market has no
    /// report: it is reported again, and its payment is retried if it failed.
    ///
    /// # Errors
    /// If a trade with the same id and other contents was recorded before.
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

    /// Records receipts, all or none. Recording the same receipts again changes nothing.
    ///
    /// # Errors
    /// If a receipt is for an unknown trade, or for one that was paid with another transaction.
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

    /// Lists up to `limit` trades whose state has not been reported, by id, after `after` if given.
    pub fn unreported(&self, after: Option<TradeId>, limit: usize) -> Vec<Entry> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let ids = self.unreported.range((from, Bound::Unbounded));
        ids.take(limit).filter_map(|id| self.entries.get(id)).cloned().collect()
    }

    /// Marks trades as reported, unless they have changed since.
    pub fn reported(&mut self, reported: &[Entry]) {
        for then in reported {
            if self.entries.get(&then.trade.id) == Some(then) {
                self.unreported.remove(&then.trade.id);
            }
        }
    }

    /// Lists every trade in the order in which they were received.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.order.iter().filter_map(|id| self.entries.get(id))
    }

    /// Computes the totals.
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
    fn a_trade_received_twice_is_paid_once_and_reported_again() {
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
    fn an_id_identifies_one_trade() {
        let mut ledger = Ledger::new(Paying::AtOnce);
        ledger.take(trade(1)).unwrap();
        let other = Payable { buyer: "c".to_owned(), ..trade(1) };
        assert_eq!(ledger.take(other), Err(Unpayable::Changed(trade(1).id)));
        assert_eq!(ledger.totals().amount, Amount::from_nano_eur(10));
    }

    #[test]
    fn a_trade_that_changed_since_its_report_is_reported_again() {
        let mut ledger = Ledger::new(Paying::AtSecondAttempt);
        ledger.take(trade(1)).unwrap();
        let not_paid = ledger.unreported(None, 9);
        assert_eq!(not_paid[0].state, State::NotPaid);
        ledger.take(trade(1)).unwrap();
        ledger.reported(&not_paid);
        assert_eq!(ledger.unreported(None, 9)[0].state, State::Paid);
    }

    #[test]
    fn receipts_pay_open_trades_all_or_none() {
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
