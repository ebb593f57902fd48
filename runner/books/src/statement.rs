//! Statements: what every member sold, bought, paid and saved, from stored intervals.
//!
//! All sums are exact. Rounding is left to the code that prints them.

use std::collections::BTreeMap;

use domain::{Amount, MemberId, NamedParty, Tariff, TradeKind};

use crate::interval::StoredInterval;
use crate::trade::StoredTrade;

/// The energy that a member traded in one direction, and the money for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// The energy, in Wh.
    pub wh: u128,
    /// The money that changed hands for it, in nEUR.
    pub amount: Amount,
}

impl Flow {
    fn add(&mut self, trade: &StoredTrade) {
        self.wh += u128::from(trade.energy.wh());
        self.amount = self.amount + Amount::of(trade.energy, trade.price);
    }
}

/// One member's trades in one period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Sales to other members and to the operator.
    pub sold_local: Flow,
    /// Purchases from other members and from the operator.
    pub bought_local: Flow,
    /// Sales to the grid.
    pub sold_grid: Flow,
    /// Purchases from the grid.
    pub bought_grid: Flow,
    /// What the member would have paid for the same energy with the grid alone, at its own tariff: energy bought ×
    /// retail − energy sold × feed-in.
    pub grid_alone: Amount,
}

impl Account {
    /// Returns what the member paid, minus what it received; negative if it received more.
    pub fn paid(&self) -> Amount {
        self.bought_local.amount + self.bought_grid.amount - self.sold_local.amount - self.sold_grid.amount
    }

    /// Returns what the member saved by trading in the community: [`grid_alone`](Self::grid_alone) −
    /// [`paid`](Self::paid).
    pub fn saved(&self) -> Amount {
        self.grid_alone - self.paid()
    }

    /// Adds another account to this one.
    pub fn add(&mut self, other: &Account) {
        let pairs = [
            (&mut self.sold_local, other.sold_local),
            (&mut self.bought_local, other.bought_local),
            (&mut self.sold_grid, other.sold_grid),
            (&mut self.bought_grid, other.bought_grid),
        ];
        for (sum, flow) in pairs {
            sum.wh += flow.wh;
            sum.amount = sum.amount + flow.amount;
        }
        self.grid_alone = self.grid_alone + other.grid_alone;
    }
}

/// The accounts of a community's members.
#[derive(Clone, Debug, Default)]
pub struct Statement {
    /// The account of each member that was in any interval.
    pub members: BTreeMap<MemberId, Account>,
}

impl Statement {
    /// Adds the trades of one interval.
    pub fn add(&mut self, interval: &StoredInterval) {
        let mut tariffs: BTreeMap<&MemberId, Tariff> = BTreeMap::new();
        tariffs.extend(interval.gaps.iter().map(|gap| (&gap.member, gap.tariff)));
        for position in interval.round.iter().flat_map(|round| round.positions()) {
            tariffs.insert(&position.member, position.tariff);
            self.members.entry(position.member.clone()).or_default();
        }
        for trade in &interval.trades {
            self.add_trade(trade, &tariffs);
        }
    }

    fn add_trade(&mut self, trade: &StoredTrade, tariffs: &BTreeMap<&MemberId, Tariff>) {
        if let NamedParty::Member(seller) = &trade.seller {
            let account = self.members.entry(seller.clone()).or_default();
            let flow = if trade.kind() == TradeKind::ToGrid { &mut account.sold_grid } else { &mut account.sold_local };
            flow.add(trade);
            if let Some(tariff) = tariffs.get(seller) {
                account.grid_alone = account.grid_alone - Amount::of(trade.energy, tariff.feed_in);
            }
        }
        if let NamedParty::Member(buyer) = &trade.buyer {
            let account = self.members.entry(buyer.clone()).or_default();
            let flow =
                if trade.kind() == TradeKind::FromGrid { &mut account.bought_grid } else { &mut account.bought_local };
            flow.add(trade);
            if let Some(tariff) = tariffs.get(buyer) {
                account.grid_alone = account.grid_alone + Amount::of(trade.energy, tariff.retail);
            }
        }
    }

    /// Returns the sum of all members' accounts.
    pub fn total(&self) -> Account {
        let mut total = Account::default();
        self.members.values().for_each(|account| total.add(account));
        total
    }
}
