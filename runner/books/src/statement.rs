//! What every member sold, bought, paid and saved, from stored intervals. Exact: rounding is for whoever prints it.

use std::collections::BTreeMap;

use domain::{Amount, MemberId, NamedParty, Tariff, TradeKind};

use crate::interval::StoredInterval;
use crate::trade::StoredTrade;

/// One direction of one member's trade with one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Energy, in Wh.
    pub wh: u128,
    /// Money that changed hands for it.
    pub amount: Amount,
}

impl Flow {
    fn add(&mut self, trade: &StoredTrade) {
        self.wh += u128::from(trade.energy.wh());
        self.amount = self.amount + Amount::of(trade.energy, trade.price);
    }
}

/// What one member did in one period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Sold to members and the operator.
    pub sold_local: Flow,
    /// Bought from members and the operator.
    pub bought_local: Flow,
    /// Sold to the grid.
    pub sold_grid: Flow,
    /// Bought from the grid.
    pub bought_grid: Flow,
    /// What the same energy would have cost with the grid alone, at the member's own tariff.
    pub grid_alone: Amount,
}

impl Account {
    /// What the member paid in all; negative if it was paid.
    pub fn paid(&self) -> Amount {
        self.bought_local.amount + self.bought_grid.amount - self.sold_local.amount - self.sold_grid.amount
    }

    /// What the community saved it against the grid alone.
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

/// Accounts by member.
#[derive(Clone, Debug, Default)]
pub struct Statement {
    /// One for each member that was in any interval.
    pub members: BTreeMap<MemberId, Account>,
}

impl Statement {
    /// Adds one interval.
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

    /// The whole community.
    pub fn total(&self) -> Account {
        let mut total = Account::default();
        self.members.values().for_each(|account| total.add(account));
        total
    }
}
