//! The result as comma-separated values: a row for each rule and member, with every digit.

use std::io::Write;

use domain::Amount;
use figures::Backtest;

use crate::spreadsheet::{Cell, Csv};

const COLUMNS: [&str; 14] = [
    "community",
    "rule",
    "name",
    "version",
    "digest",
    "member",
    "sold_here_wh",
    "bought_here_wh",
    "to_grid_wh",
    "from_grid_wh",
    "paid_neur",
    "grid_alone_neur",
    "saved_neur",
    "beside_baseline_neur",
];

pub(super) fn print(backtest: &Backtest, out: &mut impl Write) -> anyhow::Result<()> {
    let mut csv = Csv::new(&COLUMNS, out)?;
    for variant in &backtest.variants {
        let named = &variant.named;
        for (number, (member, account)) in backtest.members.iter().zip(variant.accounts()).enumerate() {
            let beside = backtest.base().map_or(Amount::ZERO, |base| variant.beside(base, number));
            let texts = [&backtest.community, &named.label, &named.name].map(|text| Cell::from(text.as_str()));
            let which = [Cell::from(named.version.clone()), named.digest.map(|digest| digest.to_string()).into()];
            let flows = [account.sold_local, account.bought_local, account.sold_grid, account.bought_grid];
            let sums = [account.paid(), account.grid_alone, account.saved(), beside];
            let cells = texts.into_iter().chain(which).chain([Cell::from(member.as_str())]);
            let cells = cells.chain(flows.map(|flow| flow.wh.into()));
            csv.row(cells.chain(sums.map(|amount| amount.nano_eur().into())))?;
        }
    }
    csv.finish()?;
    Ok(())
}
