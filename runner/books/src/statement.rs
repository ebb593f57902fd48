//! Statements: what every member sold, bought, paid and saved, from stored intervals.
//!
//! All sums are exact. Rounding is left to the code that prints them.

use std::collections::BTreeMap;

use domain::names::{SortedNames, change_in_order};
use domain::{Amount, Boundary, MemberId, NamedParty, Round, Tariff, TradeKind};

use crate::interval::StoredInterval;
use crate::trade::{GapTrade, StoredTrade};

/// The energy that a member traded in one direction, and the money for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// The energy, in Wh.
    pub wh: u128,
    /// The money that changed hands for it, in nEUR.
    pub amount: Amount,
}

impl Flow {
    fn of(trade: &StoredTrade) -> Flow {
        Flow { wh: trade.energy.wh().into(), amount: Amount::of(trade.energy, trade.price) }
    }

    /// Adds two flows; `None` if a sum does not fit 128 bits.
    pub fn checked_add(self, other: Flow) -> Option<Flow> {
        Some(Flow { wh: self.wh.checked_add(other.wh)?, amount: self.amount.checked_add(other.amount)? })
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
    ///
    /// # Panics
    /// If a sum does not fit 128 bits: any other answer would be wrong money.
    #[allow(clippy::expect_used, reason = "a total that does not fit must not be taken for another")]
    pub fn add(&mut self, other: &Account) {
        *self = self.checked_add(other).expect(TOO_LARGE);
    }

    /// Adds two accounts; `None` if a sum does not fit 128 bits.
    pub fn checked_add(&self, other: &Account) -> Option<Account> {
        Some(Account {
            sold_local: self.sold_local.checked_add(other.sold_local)?,
            bought_local: self.bought_local.checked_add(other.bought_local)?,
            sold_grid: self.sold_grid.checked_add(other.sold_grid)?,
            bought_grid: self.bought_grid.checked_add(other.bought_grid)?,
            grid_alone: self.grid_alone.checked_add(other.grid_alone)?,
        })
    }
}

const TOO_LARGE: &str = "a sum of a statement that fits 128 bits";

/// The accounts of a community's members.
#[derive(Clone, Debug, Default)]
pub struct Statement {
    /// The account of each member that was in any interval.
    pub members: BTreeMap<MemberId, Account>,
}

impl Statement {
    /// Sums up one interval; `None` if a sum does not fit 128 bits.
    pub fn of(round: Option<&Round>, gaps: &[GapTrade], trades: &[StoredTrade]) -> Option<Statement> {
        let mut statement = Statement::default();
        statement.add_trades(round, gaps, trades)?;
        Some(statement)
    }

    /// Sums up what one member traded in one interval; `None` if a sum does not fit 128 bits.
    pub fn of_member(
        member: &MemberId,
        round: Option<&Round>,
        gaps: &[GapTrade],
        trades: &[StoredTrade],
    ) -> Option<Account> {
        let has = |party: &NamedParty| party.member() == Some(member);
        let own = trades.iter().filter(|trade| has(&trade.seller) || has(&trade.buyer)).cloned();
        let own: Vec<StoredTrade> = own.collect();
        Statement::of(round, gaps, &own).map(|mut all| all.members.remove(member).unwrap_or_default())
    }

    /// Adds the trades of one interval.
    ///
    /// # Panics
    /// As [`Account::add`].
    #[allow(clippy::expect_used, reason = "a total that does not fit must not be taken for another")]
    pub fn add(&mut self, interval: &StoredInterval) {
        self.add_trades(interval.round.as_ref(), &interval.gaps, &interval.trades).expect(TOO_LARGE);
    }

    /// Adds two statements; `None` if a sum does not fit 128 bits.
    pub fn checked_add(mut self, other: &Statement) -> Option<Statement> {
        for (member, account) in &other.members {
            let sum = self.members.entry(member.clone()).or_default();
            *sum = sum.checked_add(account)?;
        }
        Some(self)
    }

    /// Adds accounts of members.
    ///
    /// # Panics
    /// As [`Account::add`].
    pub fn add_accounts(&mut self, accounts: &BTreeMap<MemberId, Account>) {
        for (member, account) in accounts {
            self.members.entry(member.clone()).or_default().add(account);
        }
    }

    fn add_trades(&mut self, round: Option<&Round>, gaps: &[GapTrade], trades: &[StoredTrade]) -> Option<()> {
        let positions = || round.into_iter().flat_map(Round::positions);
        let traders = trades.iter().flat_map(|trade| [&trade.seller, &trade.buyer]).filter_map(NamedParty::member);
        let members = || positions().map(|position| &position.member).chain(gaps.iter().map(|gap| &gap.member));
        let names = SortedNames::of(members().chain(traders).map(MemberId::as_str));
        let mut accounts = vec![Entry::default(); names.as_slice().len()];
        let place = |member: &MemberId| names.place(member.as_str());
        for gap in gaps {
            of(&mut accounts, place(&gap.member), &gap.member)?.tariff = Some(gap.tariff);
        }
        for position in positions() {
            of(&mut accounts, place(&position.member), &position.member)?.tariff = Some(position.tariff);
        }
        for trade in trades {
            let (kind, flow) = (trade.kind(), Flow::of(trade));
            if let NamedParty::Member(seller) = &trade.seller {
                let Entry { tariff, account, .. } = of(&mut accounts, place(seller), seller)?;
                let sum = if kind == TradeKind::ToGrid { &mut account.sold_grid } else { &mut account.sold_local };
                *sum = sum.checked_add(flow)?;
                if let Some(tariff) = tariff {
                    account.grid_alone = account.grid_alone.checked_sub(Amount::of(trade.energy, tariff.feed_in))?;
                }
            }
            if let NamedParty::Member(buyer) = &trade.buyer {
                let Entry { tariff, account, .. } = of(&mut accounts, place(buyer), buyer)?;
                let sum =
                    if kind == TradeKind::FromGrid { &mut account.bought_grid } else { &mut account.bought_local };
                *sum = sum.checked_add(flow)?;
                if let Some(tariff) = tariff {
                    account.grid_alone = account.grid_alone.checked_add(Amount::of(trade.energy, tariff.retail))?;
                }
            }
        }
        let mut fits = true;
        let accounts = accounts.iter().filter_map(|entry| Some((entry.member?, &entry.account)));
        change_in_order(&mut self.members, accounts, |sum, account| match sum.checked_add(account) {
            Some(both) => *sum = both,
            None => fits = false,
        });
        fits.then_some(())
    }

    /// Returns the sum of all members' accounts.
    pub fn total(&self) -> Account {
        let mut total = Account::default();
        self.members.values().for_each(|account| total.add(account));
        total
    }
}

/// A member while an interval is summed up.
#[derive(Clone, Default)]
struct Entry<'m> {
    member: Option<&'m MemberId>,
    /// Its tariff with the grid, if it is known.
    tariff: Option<Tariff>,
    account: Account,
}

/// The entry of a member, by its place.
fn of<'e, 'm>(entries: &'e mut [Entry<'m>], place: Option<usize>, member: &'m MemberId) -> Option<&'e mut Entry<'m>> {
    let entry = entries.get_mut(place?)?;
    entry.member = Some(member);
    Some(entry)
}

/// What a store has summed up: intervals of a community that follow each other, within one day of its time zone as it was
/// when they were settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaySums {
    /// The start of the first interval.
    pub first: Boundary,
    /// The start of the last interval.
    pub last: Boundary,
    /// The end of the last interval.
    pub until: Boundary,
    /// Number of intervals.
    pub intervals: u64,
    /// Number of trades.
    pub trades: u64,
    /// The account of each member that was in any of the intervals; `None` if a sum does not fit 128 bits, so that there
    /// are none.
    pub members: Option<BTreeMap<MemberId, Account>>,
}
