//! The result of a pass.

use std::collections::BTreeMap;

use books::{ClearedInterval, StoredEvent, StoredTrade};
use domain::{Boundary, Energy, TradeKind};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PassSummary {
    /// Number of settled intervals with a round.
    pub intervals: u64,
    /// Start of the first settled interval: the first boundary of all only opens the books.
    pub first: Option<Boundary>,
    /// End of the last interval in the books.
    pub last: Option<Boundary>,
    pub trades: u64,
    /// Energy traded within the community.
    pub local: Energy,
    /// Energy bought from the grid.
    pub from_grid: Energy,
    /// Energy sold to the grid.
    pub to_grid: Energy,
    /// Number of events by code.
    pub events: BTreeMap<String, u64>,
    /// What people should know of a pass that could settle nothing, although there are readings.
    pub remark: Option<String>,
}

impl PassSummary {
    pub(super) fn add(&mut self, cleared: &ClearedInterval) {
        let ClearedInterval { interval, round, trades, .. } = cleared;
        if round.is_some() || !trades.is_empty() {
            self.first.get_or_insert(interval.start());
        }
        self.last = Some(interval.end());
        self.intervals += u64::from(cleared.round.is_some());
        self.add_trades(&cleared.trades, &cleared.events);
    }

    /// Adds what decisions about meters came to.
    pub(super) fn add_trades(&mut self, trades: &[StoredTrade], events: &[StoredEvent]) {
        for trade in trades {
            self.trades += 1;
            let sum = match trade.kind() {
                TradeKind::FromGrid => &mut self.from_grid,
                TradeKind::ToGrid => &mut self.to_grid,
                TradeKind::Local => &mut self.local,
                // The operator sells what it buys, so its purchases are counted as sales already.
                TradeKind::Operator => continue,
            };
            *sum = Energy::from_wh(sum.wh().saturating_add(trade.energy.wh()));
        }
        events.iter().for_each(|event| self.add_event(&event.code));
    }

    pub(super) fn add_event(&mut self, code: &str) {
        *self.events.entry(code.to_owned()).or_default() += 1;
    }
}
