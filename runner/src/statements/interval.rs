//! What a member traded in one interval, for programs: energy in Wh, prices in µEUR/kWh, money in nEUR.

use books::statement::Flow;
use domain::Boundary;
use figures::own::Step;
use figures::rate;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::spreadsheet::Cell;

/// One row of a member's file.
#[derive(Serialize)]
pub struct Row {
    start: String,
    until: String,
    /// The start on the community's clock.
    local_start: String,
    /// Whether it is what meters counted in a gap, which is settled with the grid.
    gap: bool,
    from_neighbours_wh: u128,
    from_neighbours_price: Option<i128>,
    from_neighbours_neur: i128,
    from_grid_wh: u128,
    from_grid_price: Option<i128>,
    from_grid_neur: i128,
    to_neighbours_wh: u128,
    to_neighbours_price: Option<i128>,
    to_neighbours_neur: i128,
    to_grid_wh: u128,
    to_grid_price: Option<i128>,
    to_grid_neur: i128,
    paid_neur: i128,
    grid_alone_neur: i128,
    saved_neur: i128,
}

/// The names of the row's fields.
pub const COLUMNS: [&str; 19] = [
    "start",
    "until",
    "local_start",
    "gap",
    "from_neighbours_wh",
    "from_neighbours_price",
    "from_neighbours_neur",
    "from_grid_wh",
    "from_grid_price",
    "from_grid_neur",
    "to_neighbours_wh",
    "to_neighbours_price",
    "to_neighbours_neur",
    "to_grid_wh",
    "to_grid_price",
    "to_grid_neur",
    "paid_neur",
    "grid_alone_neur",
    "saved_neur",
];

impl Row {
    pub fn new(step: &Step, zone: &TimeZone) -> Row {
        let account = &step.account;
        let price = |flow: Flow| rate::price(flow.amount.nano_eur(), flow.wh);
        Row {
            start: step.from.to_string(),
            until: step.until.to_string(),
            local_start: local(step.from, zone),
            gap: step.is_gap,
            from_neighbours_wh: account.bought_local.wh,
            from_neighbours_price: price(account.bought_local),
            from_neighbours_neur: account.bought_local.amount.nano_eur(),
            from_grid_wh: account.bought_grid.wh,
            from_grid_price: price(account.bought_grid),
            from_grid_neur: account.bought_grid.amount.nano_eur(),
            to_neighbours_wh: account.sold_local.wh,
            to_neighbours_price: price(account.sold_local),
            to_neighbours_neur: account.sold_local.amount.nano_eur(),
            to_grid_wh: account.sold_grid.wh,
            to_grid_price: price(account.sold_grid),
            to_grid_neur: account.sold_grid.amount.nano_eur(),
            paid_neur: account.paid().nano_eur(),
            grid_alone_neur: account.grid_alone.nano_eur(),
            saved_neur: account.saved().nano_eur(),
        }
    }

    pub fn cells(self) -> Vec<Cell<'static>> {
        let texts = [self.start, self.until, self.local_start].map(Cell::from);
        let flows = [
            (self.from_neighbours_wh, self.from_neighbours_price, self.from_neighbours_neur),
            (self.from_grid_wh, self.from_grid_price, self.from_grid_neur),
            (self.to_neighbours_wh, self.to_neighbours_price, self.to_neighbours_neur),
            (self.to_grid_wh, self.to_grid_price, self.to_grid_neur),
        ];
        let flows =
            flows.into_iter().flat_map(|(wh, price, neur)| [Cell::from(wh), Cell::from(price), Cell::from(neur)]);
        let sums = [self.paid_neur, self.grid_alone_neur, self.saved_neur].map(Cell::from);
        let gap = Cell::from(if self.gap { "gap" } else { "" });
        texts.into_iter().chain([gap]).chain(flows).chain(sums).collect()
    }
}

/// An instant on a clock, with its offset from UTC, which tells the hours of a day of 25 apart.
fn local(at: Boundary, zone: &TimeZone) -> String {
    at.timestamp().to_zoned_datetime(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}
