//! A member's account in one period, for programs: energy in Wh, money in nEUR.

use books::statement::Account;
use serde::Serialize;

use crate::spreadsheet::Cell;

/// One line of `--json` and `--csv`.
#[derive(Serialize)]
pub struct Row<'a> {
    community: &'a str,
    period: &'a str,
    member: &'a str,
    sold_local_wh: u128,
    sold_local_neur: i128,
    bought_local_wh: u128,
    bought_local_neur: i128,
    sold_grid_wh: u128,
    sold_grid_neur: i128,
    bought_grid_wh: u128,
    bought_grid_neur: i128,
    paid_neur: i128,
    grid_alone_neur: i128,
    saved_neur: i128,
    zone: &'a str,
}

/// The header of `--csv`: the names of the row's fields, which are printed even if there are no rows.
pub const COLUMNS: [&str; 15] = [
    "community",
    "period",
    "member",
    "sold_local_wh",
    "sold_local_neur",
    "bought_local_wh",
    "bought_local_neur",
    "sold_grid_wh",
    "sold_grid_neur",
    "bought_grid_wh",
    "bought_grid_neur",
    "paid_neur",
    "grid_alone_neur",
    "saved_neur",
    "zone",
];

impl<'a> Row<'a> {
    pub fn new(community: &'a str, zone: &'a str, period: &'a str, member: &'a str, account: &Account) -> Row<'a> {
        Row {
            community,
            period,
            member,
            sold_local_wh: account.sold_local.wh,
            sold_local_neur: account.sold_local.amount.nano_eur(),
            bought_local_wh: account.bought_local.wh,
            bought_local_neur: account.bought_local.amount.nano_eur(),
            sold_grid_wh: account.sold_grid.wh,
            sold_grid_neur: account.sold_grid.amount.nano_eur(),
            bought_grid_wh: account.bought_grid.wh,
            bought_grid_neur: account.bought_grid.amount.nano_eur(),
            paid_neur: account.paid().nano_eur(),
            grid_alone_neur: account.grid_alone.nano_eur(),
            saved_neur: account.saved().nano_eur(),
            zone,
        }
    }

    pub fn cells(self) -> Vec<Cell<'a>> {
        let texts = [self.community, self.period, self.member].map(Cell::from);
        let flows = [
            (self.sold_local_wh, self.sold_local_neur),
            (self.bought_local_wh, self.bought_local_neur),
            (self.sold_grid_wh, self.sold_grid_neur),
            (self.bought_grid_wh, self.bought_grid_neur),
        ];
        let flows = flows.into_iter().flat_map(|(wh, neur)| [Cell::from(wh), Cell::from(neur)]);
        let sums = [self.paid_neur, self.grid_alone_neur, self.saved_neur].map(Cell::from);
        texts.into_iter().chain(flows).chain(sums).chain([Cell::from(self.zone)]).collect()
    }
}
