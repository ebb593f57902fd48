//! A candidate algorithm beside what settled, and beside the grid alone: what each member pays and gets.
//!
//! It is what people should see before they decide. Deliberately absent: running the candidate.

use std::collections::BTreeMap;

use domain::{Amount, Boundary, MemberId, NamedParty, Price, Settlement, TradeKind};

use crate::interval::StoredInterval;
use crate::trade::GapTrade;

/// A candidate's results on settled intervals beside what is in the books.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Number of intervals compared.
    pub intervals: u64,
    /// The start of the first interval and the end of the last; `None` without intervals.
    pub span: Option<(Boundary, Boundary)>,
    /// The lowest and the highest price at which the candidate trades within the community; `None` if it never does.
    pub prices: Option<(Price, Price)>,
    /// The same prices as settled.
    pub settled_prices: Option<(Price, Price)>,
    /// The money of the operator, the community's own account.
    pub operator: Beside,
    /// The money of each member.
    pub members: BTreeMap<MemberId, Beside>,
}

/// The money of one party: with the candidate, as settled, and with the grid alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// With the candidate.
    pub candidate: Flow,
    /// As settled.
    pub settled: Flow,
    /// If it traded with nobody but the grid.
    pub grid_alone: Flow,
}

/// What a party pays and gets, in nEUR. Neither is negative. Sums saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// What it pays.
    pub paid: i128,
    /// What it gets.
    pub received: i128,
}

impl Flow {
    /// Books that the party gets an amount; a negative one is paid.
    fn receive(&mut self, amount: Amount) {
        let nano_eur = amount.nano_eur();
        let side = if nano_eur < 0 { &mut self.paid } else { &mut self.received };
        *side = side.saturating_add(nano_eur.saturating_abs());
    }

    fn pay(&mut self, amount: Amount) {
        // OK because the amount of a trade is above -2¹²⁷.
        self.receive(-amount);
    }

    /// Returns what the party gets less what it pays, in nEUR.
    pub fn balance(self) -> i128 {
        self.received.saturating_sub(self.paid)
    }
}

impl Beside {
    /// Returns whether the candidate leaves this party worse off than the grid alone.
    pub fn is_worse_than_grid(&self) -> bool {
        self.candidate.balance() < self.grid_alone.balance()
    }
}

impl Comparison {
    /// Adds the candidate's checked result on a settled interval.
    pub fn add(&mut self, stored: &StoredInterval, candidate: &Settlement) {
        let interval = stored.interval;
        self.intervals += 1;
        let from = self.span.map_or(interval.start(), |(from, _)| from.min(interval.start()));
        let until = self.span.map_or(interval.end(), |(_, until)| until.max(interval.end()));
        self.span = Some((from, until));
        for position in candidate.round().positions() {
            let alone = &mut self.members.entry(position.member.clone()).or_default().grid_alone;
            alone.receive(Amount::of(position.surplus, position.tariff.feed_in));
            alone.pay(Amount::of(position.deficit, position.tariff.retail));
        }
        // Trades of gaps come last. No algorithm makes them, so they are not compared.
        let gaps = stored.gaps.iter().flat_map(GapTrade::trades).count();
        for trade in stored.trades.iter().take(stored.trades.len().saturating_sub(gaps)) {
            widen(&mut self.settled_prices, (&trade.seller, &trade.buyer), trade.price);
            let amount = Amount::of(trade.energy, trade.price);
            self.book((&trade.seller, &trade.buyer), amount, |beside| &mut beside.settled);
        }
        for trade in candidate.named_trades() {
            widen(&mut self.prices, (&trade.seller, &trade.buyer), trade.price);
            let amount = Amount::of(trade.energy, trade.price);
            self.book((&trade.seller, &trade.buyer), amount, |beside| &mut beside.candidate);
        }
    }

    /// Books the amount of one trade on one side of the comparison.
    fn book(
        &mut self,
        (seller, buyer): (&NamedParty, &NamedParty),
        amount: Amount,
        side: impl Fn(&mut Beside) -> &mut Flow,
    ) {
        if let Some(seller) = self.party(seller) {
            side(seller).receive(amount);
        }
        if let Some(buyer) = self.party(buyer) {
            side(buyer).pay(amount);
        }
    }

    fn party(&mut self, party: &NamedParty) -> Option<&mut Beside> {
        match party {
            NamedParty::Grid => None,
            NamedParty::Operator => Some(&mut self.operator),
            NamedParty::Member(member) => Some(self.members.entry(member.clone()).or_default()),
        }
    }

    /// Returns the members whom the candidate leaves worse off than the grid alone, the one that loses most first.
    pub fn worse_than_grid(&self) -> Vec<&MemberId> {
        let mut worse: Vec<_> = self.members.iter().filter(|(_, beside)| beside.is_worse_than_grid()).collect();
        worse.sort_by_key(|(_, beside)| beside.candidate.balance().saturating_sub(beside.grid_alone.balance()));
        worse.into_iter().map(|(member, _)| member).collect()
    }
}

/// Widens a range of prices to include that of a trade, unless the grid is a party to it.
fn widen(range: &mut Option<(Price, Price)>, (seller, buyer): (&NamedParty, &NamedParty), price: Price) {
    if !TradeKind::between(seller, buyer).is_with_grid() {
        let (lowest, highest) = range.unwrap_or((price, price));
        *range = Some((lowest.min(price), highest.max(price)));
    }
}

#[cfg(test)]
mod tests;
