//! The numbers of the page for programs: the keys of `statement --json`, and the rest of what the page shows. Energy is in Wh,
//! prices are in µEUR/kWh, money is in nEUR.

use std::collections::BTreeMap;

use books::Period;
use books::statement::Account;
use figures::statement::{Flows, bought_at, cover_ppm, sold_at, use_ppm};
use figures::together::{Seen, Together, Withheld};
use pages::member::{Step, When};
use serde::Serialize;
use serde_json::Value;

use super::Told;
use crate::adapter::web::ask::Refusal;
use crate::config::CommunityConfig;
use crate::statements::row::Row;

#[derive(Serialize)]
struct Page<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    from: String,
    until: Option<String>,
    cover_ppm: Option<u128>,
    use_ppm: Option<u128>,
    bought_at: Option<i128>,
    sold_at: Option<i128>,
    neighbours: Neighbours,
    /// What was read of the intervals; null where only sums were.
    data: Option<Data>,
    community_total: Option<Total>,
    /// Why there is no total.
    withheld: Option<&'static str>,
    steps: Vec<StepRow>,
}

#[derive(Serialize)]
struct Neighbours {
    count: usize,
    cover_ppm: Option<u128>,
    use_ppm: Option<u128>,
    bought_at: Option<i128>,
    sold_at: Option<i128>,
}

#[derive(Serialize)]
struct Data {
    intervals: u64,
    settled: u64,
    gaps: u64,
    gap_wh: u128,
    digest: String,
    days: BTreeMap<String, Parts>,
    /// Mean power in W at each hour of the clock.
    clock: Vec<Option<Parts>>,
}

#[derive(Serialize)]
struct Parts {
    from_neighbours: u64,
    from_grid: u64,
    to_neighbours: u64,
    to_grid: u64,
}

#[derive(Serialize)]
struct Total {
    shared_wh: u128,
    bought_wh: u128,
    sold_wh: u128,
    cover_ppm: Option<u128>,
    use_ppm: Option<u128>,
}

#[derive(Serialize)]
struct StepRow {
    start: String,
    gap: bool,
    /// Null where nothing was settled.
    from_neighbours_wh: Option<u128>,
    from_grid_wh: Option<u128>,
    to_neighbours_wh: Option<u128>,
    to_grid_wh: Option<u128>,
    bought_at: Option<i128>,
    sold_at: Option<i128>,
    paid_neur: Option<i128>,
}

/// The numbers of a page.
///
/// # Errors
/// If one has more than 64 bits, which no real one has.
pub(super) fn of(
    community: &CommunityConfig,
    period: &Period,
    told: &Told,
    seen: Option<&Seen>,
) -> Result<Value, Refusal> {
    let statement = &told.statement;
    let account = &statement.account;
    let name = period.to_string();
    let zone = community.zone.iana_name().unwrap_or_default();
    let medians = statement.neighbours;
    let page = Page {
        row: Row::new(&community.name, zone, &name, statement.member.as_str(), account),
        from: period.from().to_string(),
        until: period.until().map(|until| until.to_string()),
        cover_ppm: cover_ppm(account),
        use_ppm: use_ppm(account),
        bought_at: bought_at(account),
        sold_at: sold_at(account),
        neighbours: Neighbours {
            count: statement.neighbour_count,
            cover_ppm: medians.and_then(|it| it.cover_ppm),
            use_ppm: medians.and_then(|it| it.use_ppm),
            bought_at: medians.and_then(|it| it.bought_at),
            sold_at: medians.and_then(|it| it.sold_at),
        },
        data: data(told),
        community_total: seen.and_then(|seen| seen.as_ref().ok()).map(total),
        withheld: seen.and_then(|seen| seen.as_ref().err()).map(reason),
        steps: told.steps.iter().map(step).collect(),
    };
    serde_json::to_value(page).map_err(|_| super::too_large(figures::TooLarge))
}

fn data(told: &Told) -> Option<Data> {
    let detail = told.statement.detail.as_ref()?;
    let parts = |flows: &Flows| Parts {
        from_neighbours: flows.from_neighbours,
        from_grid: flows.from_grid,
        to_neighbours: flows.to_neighbours,
        to_grid: flows.to_grid,
    };
    Some(Data {
        intervals: told.common.intervals,
        settled: detail.intervals,
        gaps: detail.gaps,
        gap_wh: detail.gap_wh,
        digest: told.common.digest.to_string(),
        days: detail.days.iter().map(|(day, flows)| (day.to_string(), parts(flows))).collect(),
        clock: detail.clock.iter().map(|flows| flows.as_ref().map(parts)).collect(),
    })
}

fn total(total: &Together) -> Total {
    Total {
        shared_wh: total.shared_wh,
        bought_wh: total.bought_wh,
        sold_wh: total.sold_wh,
        cover_ppm: total.cover_ppm(),
        use_ppm: total.use_ppm(),
    }
}

fn reason(why: &Withheld) -> &'static str {
    match why {
        Withheld::Few(_) => "few",
        Withheld::Dominated => "dominated",
        Withheld::GivesAway => "gives-away",
    }
}

fn step(step: &Step) -> StepRow {
    let wh = |flow: fn(&Account) -> u128| step.account.as_ref().map(flow);
    StepRow {
        start: match &step.when {
            When::Interval(start) | When::Gap(start) => start.to_string(),
            When::Period(period) => period.to_string(),
        },
        gap: matches!(step.when, When::Gap(_)),
        from_neighbours_wh: wh(|account| account.bought_local.wh),
        from_grid_wh: wh(|account| account.bought_grid.wh),
        to_neighbours_wh: wh(|account| account.sold_local.wh),
        to_grid_wh: wh(|account| account.sold_grid.wh),
        bought_at: step.account.as_ref().and_then(bought_at),
        sold_at: step.account.as_ref().and_then(sold_at),
        paid_neur: step.account.as_ref().map(|account| account.paid().nano_eur()),
    }
}
