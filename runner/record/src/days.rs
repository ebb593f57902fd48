//! What a community's parties traded on one day, packed: how many trades, and the sums of a statement.

use std::collections::BTreeMap;

use books::statement::{Account, Flow, Statement};
use domain::names::{SortedNames, change_in_order};
use domain::{Amount, MemberId, NamedParty};

use super::InvalidRecord;
use super::names::{NameTable, Names};
use super::pack::{Packer, Unpacker};
use books::StoredTrade;

/// The version of the layout.
const VERSION: u8 = 1;

/// What one party traded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Number of its sales.
    pub sold: u64,
    /// Number of its purchases.
    pub bought: u64,
    /// Number of its purchases from members or the operator of which nothing has become yet.
    pub fresh: u64,
    /// Its sums; those of the grid and the operator are 0.
    pub account: Account,
}

/// What the parties of a community traded in intervals that follow each other, by their stored names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// Every party that had a position or a trade.
    pub parties: BTreeMap<String, Entry>,
    /// Whether the accounts are the sums of the day. Not if one does not fit 128 bits, which no real one does.
    pub is_summed: bool,
}

impl Default for Day {
    fn default() -> Day {
        Day { parties: BTreeMap::new(), is_summed: true }
    }
}

impl Day {
    /// Adds an interval: its trades, and what its statement says.
    pub fn add(&mut self, trades: &[StoredTrade], statement: Option<Statement>) {
        let parties = trades.iter().flat_map(|trade| [trade.seller.as_str(), trade.buyer.as_str()]);
        let names = SortedNames::of(parties);
        let mut counts = vec![Counts::default(); names.as_slice().len()];
        let mut count = |party: &NamedParty, add: fn(&mut Counts)| {
            names.place(party.as_str()).and_then(|place| counts.get_mut(place)).into_iter().for_each(add);
        };
        for trade in trades {
            count(&trade.seller, |seller| seller.sold += 1);
            count(&trade.buyer, |buyer| buyer.bought += 1);
            if trade.state.is_some() {
                count(&trade.buyer, |buyer| buyer.fresh += 1);
            }
        }
        let counts = names.as_slice().iter().copied().zip(counts);
        change_in_order(&mut self.parties, counts, |entry, Counts { sold, bought, fresh }| {
            entry.sold += sold;
            entry.bought += bought;
            entry.fresh += fresh;
        });
        let Some(statement) = statement else {
            self.is_summed = false;
            return;
        };
        let accounts = statement.members.iter().map(|(member, account)| (member.as_str(), account));
        change_in_order(&mut self.parties, accounts, |entry, account| match entry.account.checked_add(account) {
            Some(sum) => entry.account = sum,
            None => self.is_summed = false,
        });
    }

    /// The account of each member; `None` if they are not the sums.
    ///
    /// # Errors
    /// If a party's name is none.
    pub fn accounts(&self) -> Result<Option<BTreeMap<MemberId, Account>>, InvalidRecord> {
        if !self.is_summed {
            return Ok(None);
        }
        let members = self.parties.iter().filter(|(name, _)| !matches!(name.as_str(), "grid" | "operator"));
        let read = |name: &str| MemberId::from_stored(name).map_err(InvalidRecord::new);
        let accounts = members.map(|(name, entry)| Ok((read(name)?, entry.account)));
        accounts.collect::<Result<_, InvalidRecord>>().map(Some)
    }

    /// Packs the day.
    pub fn encode(&self) -> Vec<u8> {
        let names = NameTable::of(self.parties.keys().map(String::as_str));
        let mut packer = Packer::new(VERSION, 16 + 48 * names.len());
        names.write(&mut packer);
        let entries = || self.parties.values();
        entries().for_each(|entry| packer.u64(entry.sold));
        entries().for_each(|entry| packer.u64(entry.bought));
        entries().for_each(|entry| packer.u64(entry.fresh));
        packer.u64(self.is_summed.into());
        for Entry { account, .. } in entries() {
            for flow in [account.sold_local, account.bought_local, account.sold_grid, account.bought_grid] {
                packer.u128(flow.wh);
                packer.i128(flow.amount.nano_eur());
            }
            packer.i128(account.grid_alone.nano_eur());
        }
        packer.finish()
    }

    /// Unpacks a day.
    ///
    /// # Errors
    /// If the bytes are not a valid day.
    pub fn decode(bytes: &[u8]) -> Result<Day, InvalidRecord> {
        let mut unpacker = Unpacker::new(bytes, VERSION)?;
        let names = Names::read(&mut unpacker)?;
        let sold = unpacker.column(names.len(), Unpacker::u64)?;
        let bought = unpacker.column(names.len(), Unpacker::u64)?;
        let fresh = unpacker.column(names.len(), Unpacker::u64)?;
        let is_summed = unpacker.u64()? != 0;
        let accounts = unpacker.column(names.len(), read_account)?;
        unpacker.finish()?;
        let counts = sold.into_iter().zip(bought).zip(fresh);
        let entry = |(((sold, bought), fresh), account)| Entry { sold, bought, fresh, account };
        let entries = counts.zip(accounts).map(entry);
        Ok(Day { parties: names.iter().map(str::to_owned).zip(entries).collect(), is_summed })
    }
}

fn read_account(unpacker: &mut Unpacker<'_>) -> Result<Account, InvalidRecord> {
    let flow = |unpacker: &mut Unpacker<'_>| {
        Ok(Flow { wh: unpacker.u128()?, amount: Amount::from_nano_eur(unpacker.i128()?) })
    };
    Ok(Account {
        sold_local: flow(unpacker)?,
        bought_local: flow(unpacker)?,
        sold_grid: flow(unpacker)?,
        bought_grid: flow(unpacker)?,
        grid_alone: Amount::from_nano_eur(unpacker.i128()?),
    })
}

/// How often a party sold or bought on a day, and how many of its purchases nothing has become of yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Number of its sales.
    pub sold: u64,
    /// Number of its purchases.
    pub bought: u64,
    /// Number of purchases of which nothing has become yet.
    pub fresh: u64,
}

/// Unpacks what a day says of one party by its stored name, and nothing else.
///
/// # Errors
/// If the bytes are not a valid day, as far as they are read.
pub fn decode_counts(bytes: &[u8], name: &str) -> Result<Counts, InvalidRecord> {
    let mut unpacker = Unpacker::new(bytes, VERSION)?;
    let names = Names::read(&mut unpacker)?;
    let Some(place) = names.place(name) else { return Ok(Counts::default()) };
    let mut count = || {
        let mut found = 0;
        for index in 0..names.len() {
            let number = unpacker.u64()?;
            found = if index == place { number } else { found };
        }
        Ok::<u64, InvalidRecord>(found)
    };
    Ok(Counts { sold: count()?, bought: count()?, fresh: count()? })
}
