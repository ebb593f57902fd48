//! The columns of a table of members, and in which order its rows are.

use std::cmp::Reverse;

use books::statement::Account;
use domain::MemberId;

use crate::rate;
use crate::statement::{bought_at, cover_ppm, sold_at, use_ppm};

/// A column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Column {
    /// The member's name.
    #[default]
    Member,
    /// Energy bought from neighbours.
    BoughtHere,
    /// Energy bought from the grid.
    FromGrid,
    /// Bought here of all that was bought.
    Cover,
    /// The effective price of all that was bought.
    BoughtAt,
    /// Energy sold to neighbours.
    SoldHere,
    /// Energy sold to the grid.
    ToGrid,
    /// Sold here of all that was sold.
    Use,
    /// The effective price of all that was sold.
    SoldAt,
    /// What was paid, less what was received.
    Paid,
    /// What would have been paid with the grid alone.
    GridAlone,
    /// What was saved.
    Saved,
    /// What was saved of what would have been paid with the grid alone.
    SavedPart,
}

impl Column {
    /// Every column, from the left to the right.
    pub const ALL: [Column; 13] = [
        Column::Member,
        Column::BoughtHere,
        Column::FromGrid,
        Column::Cover,
        Column::BoughtAt,
        Column::SoldHere,
        Column::ToGrid,
        Column::Use,
        Column::SoldAt,
        Column::Paid,
        Column::GridAlone,
        Column::Saved,
        Column::SavedPart,
    ];

    /// Returns its name in an address.
    pub fn name(self) -> &'static str {
        match self {
            Column::Member => "member",
            Column::BoughtHere => "bought_here",
            Column::FromGrid => "from_grid",
            Column::Cover => "cover",
            Column::BoughtAt => "bought_at",
            Column::SoldHere => "sold_here",
            Column::ToGrid => "to_grid",
            Column::Use => "use",
            Column::SoldAt => "sold_at",
            Column::Paid => "paid",
            Column::GridAlone => "grid_alone",
            Column::Saved => "saved",
            Column::SavedPart => "saved_part",
        }
    }

    /// Returns what an account has in it: Wh, nEUR, parts per million, µEUR/kWh; `None` for a name, and where it is not defined.
    pub fn of(self, account: &Account) -> Option<i128> {
        let whole = |number: u128| i128::try_from(number).unwrap_or(i128::MAX);
        match self {
            Column::Member => None,
            Column::BoughtHere => Some(whole(account.bought_local.wh)),
            Column::FromGrid => Some(whole(account.bought_grid.wh)),
            Column::Cover => cover_ppm(account).map(whole),
            Column::BoughtAt => bought_at(account),
            Column::SoldHere => Some(whole(account.sold_local.wh)),
            Column::ToGrid => Some(whole(account.sold_grid.wh)),
            Column::Use => use_ppm(account).map(whole),
            Column::SoldAt => sold_at(account),
            Column::Paid => Some(account.paid().nano_eur()),
            Column::GridAlone => Some(account.grid_alone.nano_eur()),
            Column::Saved => Some(account.saved().nano_eur()),
            Column::SavedPart => rate::saved_ppm(account.saved().nano_eur(), account.grid_alone.nano_eur()),
        }
    }
}

/// In which order rows are: names from A on and numbers from the highest on, or the other way round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// By which column.
    pub column: Column,
    /// Whether it is the other way round.
    pub is_reversed: bool,
}

impl Order {
    /// Reads an order from an address: the name of a column, with a `-` for the other way round; `None` if it is none.
    pub fn parse(text: &str) -> Option<Order> {
        let (name, is_reversed) = match text.strip_prefix('-') {
            Some(name) => (name, true),
            None => (text, false),
        };
        let column = Column::ALL.into_iter().find(|column| column.name() == name)?;
        Some(Order { column, is_reversed })
    }

    /// Sorts members, who come sorted by name. Those without a number come last either way.
    pub fn sort(self, members: &mut [&(MemberId, Account)]) {
        let Order { column, is_reversed } = self;
        match (column, is_reversed) {
            (Column::Member, false) => {}
            (Column::Member, true) => members.reverse(),
            (_, false) => {
                members.sort_by_key(|(_, account)| (column.of(account).is_none(), Reverse(column.of(account))))
            }
            (_, true) => members.sort_by_key(|(_, account)| (column.of(account).is_none(), column.of(account))),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::Amount;

    use super::*;

    #[test]
    fn members_are_sorted_by_every_column_and_those_without_a_number_come_last() {
        let member = |name: &str, here: u128, grid: u128, alone: i128| {
            let mut account = Account { grid_alone: Amount::from_nano_eur(alone), ..Account::default() };
            (account.bought_local.wh, account.bought_grid.wh) = (here, grid);
            (name.parse::<MemberId>().unwrap(), account)
        };
        let all = [member("a", 1, 9, 5), member("b", 5, 5, 9), member("c", 0, 0, -3), member("d", 5, 0, 5)];
        let sorted = |order: &str| -> String {
            let mut members: Vec<_> = all.iter().collect();
            Order::parse(order).unwrap().sort(&mut members);
            members.iter().map(|(member, _)| member.as_str()).collect()
        };
        for (order, expected) in [
            ("member", "abcd"),
            ("-member", "dcba"),
            ("bought_here", "bdac"),
            ("-bought_here", "cabd"),
            ("cover", "dbac"),
            ("-cover", "abdc"),
            ("grid_alone", "badc"),
        ] {
            assert_eq!(sorted(order), expected, "{order}");
        }
        for column in Column::ALL {
            assert_eq!(Order::parse(column.name()), Some(Order { column, is_reversed: false }));
        }
        assert_eq!([Order::parse("--use"), Order::parse("x"), Order::parse("")], [None; 3]);
    }
}
