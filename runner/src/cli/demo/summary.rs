//! What the stored books say, summed up for the report of the demo.

use std::collections::BTreeMap;

use books::statement::Statement;
use books::{Span, Store, StoredInterval};
use domain::trade::State;
use domain::{MeterId, NamedParty};

use super::COMMUNITY;
use crate::cli::stored;

pub(super) struct BookSummary {
    pub(super) statement: Statement,
    /// Energy traded between members in Wh, by hour of the day (UTC).
    pub(super) local_by_hour: [u64; 24],
    /// How far the registers of each meter moved in Wh: export and import.
    pub(super) metered: BTreeMap<MeterId, (u64, u64)>,
    /// How many trades between members are in each state.
    pub(super) states: BTreeMap<String, u64>,
}

impl BookSummary {
    pub(super) async fn read(store: &dyn Store) -> anyhow::Result<BookSummary> {
        let mut books = BookSummary {
            statement: Statement::default(),
            local_by_hour: [0; 24],
            metered: BTreeMap::new(),
            states: BTreeMap::new(),
        };
        let mut first = BTreeMap::new();
        stored::each_interval(store, COMMUNITY, Span::default(), |interval| {
            books.statement.add(interval);
            books.add_hour(interval);
            for state in interval.trades.iter().filter_map(|trade| trade.state) {
                *books.states.entry(state.to_string()).or_default() += 1;
            }
            for reading in &interval.readings {
                let first = *first.entry(reading.meter.clone()).or_insert(reading.registers);
                let export = reading.registers.export_wh.saturating_sub(first.export_wh);
                let import = reading.registers.import_wh.saturating_sub(first.import_wh);
                books.metered.insert(reading.meter.clone(), (export, import));
            }
            Ok::<(), anyhow::Error>(())
        })
        .await?;
        Ok(books)
    }

    fn add_hour(&mut self, interval: &StoredInterval) {
        let hour = usize::try_from(interval.interval.start().seconds() / 3600 % 24).unwrap_or(0);
        for trade in &interval.trades {
            if trade.seller != NamedParty::Grid && trade.buyer != NamedParty::Grid {
                self.local_by_hour[hour] = self.local_by_hour[hour].saturating_add(trade.energy.wh());
            }
        }
    }

    /// The number of trades between members.
    pub(super) fn local_trades(&self) -> u64 {
        self.states.values().sum()
    }

    pub(super) fn paid(&self) -> u64 {
        self.states.get(&State::Paid.to_string()).copied().unwrap_or(0)
    }
}
