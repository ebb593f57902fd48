//! Known answers, and sums that equal those of a statement, also where days are not those of the time zone.

use std::sync::Arc;

use books::statement::Statement;
use books::{GapTrade, StoredInterval, trades_of};
use domain::netting::Basis;
use domain::round::{PriceLimits, Terms};
use domain::{
    Boundary, Energy, Interval, IntervalLength, NamedParty, Party, Position, Price, Round, Settlement, Tariff, Trade,
};

use super::*;

const PRICE: i64 = 96_200;

/// A quarter-hour from this instant on, in which `seller` has `wh` Wh and sells to all `buyers`, who each need `need` Wh, as far
/// as it goes; a meter of the first buyer may come back after a gap.
fn interval(start: u64, seller: &str, wh: u64, buyers: &[&str], need: u64, gap: bool) -> StoredInterval {
    let start = Boundary::from_seconds(start).unwrap();
    let interval = Interval::starting(start, IntervalLength::QUARTER_HOUR).unwrap();
    let tariff = Tariff::PLATFORM;
    let terms = Terms {
        community: "aveiro".to_owned(),
        interval,
        tariff,
        limits: PriceLimits::default(),
        seed: 0,
        settings: Vec::new(),
    };
    let position = |member: &str, surplus: u64, deficit: u64| Position {
        member: member.parse().unwrap(),
        surplus: Energy::from_wh(surplus),
        deficit: Energy::from_wh(deficit),
        offer: tariff.feed_in,
        bid: tariff.retail,
        tariff,
        share: 0,
        rank: 0,
    };
    let mut positions = vec![position(seller, wh, 0)];
    positions.extend(buyers.iter().map(|buyer| position(buyer, 0, need)));
    let round = Arc::new(Round::new(terms, positions).unwrap());
    let place = |name: &str| {
        let place = round.positions().iter().position(|position| position.member.as_str() == name).unwrap();
        Party::Member(u32::try_from(place).unwrap())
    };
    let trade = |seller, buyer, wh, price| Trade {
        seller,
        buyer,
        energy: Energy::from_wh(wh),
        price: Price::from_micro_eur(price),
    };
    let (mut left, mut trades) = (wh, Vec::new());
    for (number, buyer) in (0_i64..).zip(buyers) {
        let here = need.min(left);
        left -= here;
        trades.push(trade(place(seller), place(buyer), here, PRICE + 100 * number));
        trades.push(trade(Party::Grid, place(buyer), need - here, tariff.retail.micro_eur()));
    }
    trades.push(trade(place(seller), Party::Grid, left, tariff.feed_in.micro_eur()));
    trades.retain(|trade| trade.energy > Energy::ZERO);
    let settlement = Settlement::check(Arc::clone(&round), trades, 999).unwrap();
    let gap = gap.then(|| GapTrade {
        member: buyers[0].parse().unwrap(),
        since: start,
        surplus: Energy::from_wh(1),
        deficit: Energy::from_wh(7777),
        tariff,
    });
    let gaps: Vec<GapTrade> = gap.into_iter().collect();
    StoredInterval {
        round: Some(Round::clone(&round)),
        trades: trades_of("aveiro", interval, Some((&settlement, None)), &gaps),
        gaps,
        ..StoredInterval::empty(interval, Basis::Net)
    }
}

fn statement(intervals: &[StoredInterval]) -> Statement {
    let mut statement = Statement::default();
    intervals.iter().for_each(|interval| statement.add(interval));
    statement
}

fn second(at: &str) -> u64 {
    at.parse::<jiff::Timestamp>().unwrap().as_second().unsigned_abs()
}

/// The overview of a period from books whose days are those of UTC.
fn overview(all: &[StoredInterval], period: &str, zone: &str) -> Overview {
    let zone = TimeZone::get(zone).unwrap();
    let period = Period::parse(period, &zone).unwrap();
    let span = span_of(&period);
    let end = all[all.len() - 1].interval.end();
    let steps = Steps::of(&period, end, IntervalLength::QUARTER_HOUR, &zone);
    let mut making = Making::new(span, steps, zone);
    for day in all.chunk_by(|a, b| a.interval.start().seconds() / 86_400 == b.interval.start().seconds() / 86_400) {
        let sums = statement(day);
        let within: Vec<StoredInterval> =
            day.iter().filter(|it| is_within(span, it.interval.start().seconds())).cloned().collect();
        if within.is_empty() {
            continue;
        }
        let (first, last) = (day[0].interval, day[day.len() - 1].interval);
        let trades = day.iter().map(|interval| interval.trades.len() as u64).sum();
        let (first, last, until) = (first.start(), last.start(), last.end());
        let members = Some(sums.members.clone());
        let whole = DaySums { first, last, until, intervals: day.len() as u64, trades, members };
        match making.has_whole(&whole) {
            true => making.add_accounts(&sums.members, whole.intervals).unwrap(),
            false => making.add_accounts(&statement(&within).members, within.len() as u64).unwrap(),
        }
        making.add_details(&DayDetails::of(&within).unwrap()).unwrap();
    }
    making.finish().unwrap()
}

/// Quarter-hours from an instant on, with a day of sun and an evening of need.
fn quarters(from: &str, count: u64) -> Vec<StoredInterval> {
    let from = second(from);
    (0..count)
        .map(|number| {
            let sun = 300 * (number % 96 / 8);
            let seller = if number % 3 == 0 { "ann" } else { "ben" };
            interval(from + 900 * number, seller, sun, &["carl", "dora"], 100 + number % 7 * 90, number % 97 == 5)
        })
        .collect()
}

/// The steps with data.
fn flowed(overview: &Overview) -> impl Iterator<Item = (&Slot, Flowed)> {
    overview.slots.iter().filter_map(|slot| Some((slot, slot.flowed?)))
}

#[test]
fn a_day_has_known_figures() {
    let start = second("2024-05-03T10:00:00Z");
    let all = [
        interval(start, "ann", 1000, &["carl", "dora"], 600, false),
        // After a quarter-hour without data.
        interval(start + 1800, "ben", 200, &["carl"], 500, true),
    ];
    let overview = overview(&all, "2024-05-03", "Europe/Brussels");
    let figures = &overview.figures;
    assert_eq!((figures.shared_wh(), figures.potential_wh), (1200, Some(1200)));
    // With what came after the gap.
    assert_eq!((figures.fed_in_wh(), figures.needed_wh()), (1201, 1200 + 500 + 7777));
    assert_eq!(figures.cover_ppm(), Some(1200 * 1_000_000 / 9477));
    assert_eq!(figures.use_ppm(), Some(1200 * 1_000_000 / 1201));
    assert_eq!(figures.potential_ppm(), Some(1_000_000));
    assert_eq!((figures.intervals, figures.cleared, figures.gaps), (2, Some(2), Some(1)));
    assert_eq!((figures.operator(), figures.worse_off.members), (Amount::ZERO, 0));
    let saved = 600 * (162_400 - 96_200) + 400 * (162_400 - 96_300) + 200 * (162_400 - 96_200);
    let earned = 600 * (96_200 - 30_000) + 400 * (96_300 - 30_000) + 200 * (96_200 - 30_000);
    assert_eq!(figures.total.saved().nano_eur(), saved + earned);
    let names: Vec<&str> = overview.members.iter().map(|(member, _)| member.as_str()).collect();
    assert_eq!(names, ["ann", "ben", "carl", "dora"]);
    // Over time: without the gap, and open where there is no data.
    let slots: Vec<(u64, Flowed)> =
        flowed(&overview).map(|(slot, flowed)| (slot.from.seconds() - start, flowed)).collect();
    let [(0, first), (1800, second)] = slots[..] else { panic!("{slots:?}") };
    // From midnight to the end of the books.
    assert_eq!(overview.slots.len(), 12 * 4 + 3);
    let flows = |given: [u128; 2], taken: [u128; 2]| Flows {
        to_neighbours: given[0],
        to_grid: given[1],
        from_neighbours: taken[0],
        from_grid: taken[1],
    };
    assert_eq!((first.flows, second.flows), (flows([1000, 0], [1000, 200]), flows([200, 0], [200, 300])));
    let price = Price::from_micro_eur;
    assert_eq!(
        (first.prices, second.prices),
        (Some((price(96_200), price(96_300))), Some((price(96_200), price(96_200))))
    );
    assert_eq!(price_of(first.shared), Some((600 * 96_200 + 400 * 96_300) / 1000));
    let hours: Vec<(String, HourFlows)> =
        overview.hours.iter().map(|(hour, flows)| (hour.to_string(), *flows)).collect();
    assert_eq!(hours, [("2024-05-03 12:00+02".to_owned(), HourFlows { shared: 1200, to_grid: 0, from_grid: 500 })]);
    let sales = overview.sales.unwrap();
    let named = sales.named(9);
    let sold: Vec<String> = sales
        .among(&named)
        .unwrap()
        .iter()
        .map(|sale| {
            let name = |party: &Option<NamedParty>| party.as_ref().map_or("others".to_owned(), ToString::to_string);
            format!("{} > {} {}", name(&sale.seller), name(&sale.buyer), sale.flow.wh)
        })
        .collect();
    assert_eq!(sold, ["ann > carl 600", "ann > dora 400", "ben > carl 200"]);
    // Where there is no room, the others are put together.
    let two = sales.named(2);
    assert_eq!(two.iter().map(NamedParty::as_str).collect::<Vec<_>>(), ["ann", "carl"]);
    let sold: Vec<u128> = sales.among(&two).unwrap().iter().map(|sale| sale.flow.wh).collect();
    assert_eq!(sold, [600, 400, 200]);
}

#[test]
fn member_sums_equal_a_statement_over_a_change_of_clocks_whatever_the_days_of_the_books() {
    for (from, period, zone, slots, hours) in [
        // The day on which the clock is put back, and its month and week.
        ("2024-10-25T00:00:00Z", "2024-10-27", "Europe/Brussels", 100, 25),
        ("2024-10-19T12:00:00Z", "2024-W43", "Europe/Brussels", 7 * 96 + 4, 7 * 24 + 1),
        ("2024-09-29T00:00:00Z", "2024-10", "Europe/Brussels", 31 * 24 + 1, 31 * 24 + 1),
        ("2024-03-30T00:00:00Z", "2024-03-31", "Europe/Brussels", 92, 23),
        ("2024-04-05T00:00:00Z", "2024-04-07", "Australia/Lord_Howe", 98, 25),
        ("2024-02-27T00:00:00Z", "2024-02-29", "Asia/Kolkata", 96, 24),
        ("2024-02-27T00:00:00Z", "2024-02-29", "UTC", 96, 24),
    ] {
        let all = quarters(from, 34 * 96);
        let overview = overview(&all, period, zone);
        let zone = TimeZone::get(zone).unwrap();
        let span = span_of(&Period::parse(period, &zone).unwrap());
        let within: Vec<StoredInterval> =
            all.into_iter().filter(|it| is_within(span, it.interval.start().seconds())).collect();
        let expected = statement(&within);
        let found: BTreeMap<MemberId, Account> = overview.members.iter().cloned().collect();
        assert_eq!(found, expected.members, "{period}");
        assert_eq!(overview.figures.total, expected.total(), "{period}");
        assert_eq!(overview.figures.intervals, within.len() as u64, "{period}");
        assert_eq!((flowed(&overview).count(), overview.slots.len()), (slots, slots), "{period}");
        assert_eq!(overview.hours.len(), hours, "{period}");
        // What flowed over time and what is in the accounts differ by the energy of gaps.
        let from_grid: u128 = flowed(&overview).map(|(_, flowed)| flowed.flows.from_grid).sum();
        let gaps: u128 = within.iter().flat_map(|it| &it.gaps).map(|gap| u128::from(gap.deficit.wh())).sum();
        assert!(gaps > 0 || period.len() > 7, "{period}");
        assert_eq!(from_grid + gaps, overview.figures.total.bought_grid.wh, "{period}");
        let by_hour: u128 = overview.hours.values().map(|flows| flows.shared).sum();
        let sold: u128 = overview.sales.unwrap().among(&[]).unwrap().iter().map(|sale| sale.flow.wh).sum();
        assert_eq!((by_hour, sold), (overview.figures.shared_wh(), overview.figures.shared_wh()), "{period}");
    }
}

#[test]
fn a_year_has_a_step_for_each_day() {
    let mut all = quarters("2023-12-30T00:00:00Z", 4 * 96);
    all.extend(quarters("2024-07-01T00:00:00Z", 2 * 96));
    let overview = overview(&all, "2024", "Europe/Lisbon");
    let lisbon = TimeZone::get("Europe/Lisbon").unwrap();
    let day = |slot: &Slot| lisbon.to_datetime(slot.from.timestamp()).date().to_string();
    let days: Vec<String> = flowed(&overview).map(|(slot, _)| day(slot)).collect();
    // A day of summer begins an hour before that of UTC.
    assert_eq!(days, ["2024-01-01", "2024-01-02", "2024-07-01", "2024-07-02", "2024-07-03"]);
    assert_eq!((overview.slots.len(), day(&overview.slots[0])), (31 + 29 + 31 + 30 + 31 + 30 + 3, days[0].clone()));
}

/// An overview of everything, with no steps.
fn nothing() -> Making {
    let period = Period::parse("2024-05", &TimeZone::UTC).unwrap();
    let steps = Steps::of(&period, Boundary::EPOCH, IntervalLength::QUARTER_HOUR, &TimeZone::UTC);
    Making::new(Span::default(), steps, TimeZone::UTC)
}

#[test]
fn without_details_there_are_accounts_and_nothing_else() {
    let all = quarters("2024-05-03T00:00:00Z", 96);
    let mut making = nothing();
    making.add_accounts(&statement(&all).members, 96).unwrap();
    making.lacks_details();
    let overview = making.finish().unwrap();
    assert_eq!((overview.figures.potential_wh, overview.figures.gaps, overview.days_without_details), (None, None, 1));
    assert!(overview.sales.is_none() && overview.slots.is_empty() && overview.figures.shared_wh() > 0);
    // The interval up to the first readings is nothing to compare with, whether its details are known or not.
    let mut first = nothing();
    first.add_accounts(&BTreeMap::new(), 1).unwrap();
    first.lacks_details();
    assert!(!overview.figures.is_empty() && first.finish().unwrap().figures.is_empty());
    let none = nothing().finish().unwrap();
    assert!(none.figures.is_empty() && none.figures.cover_ppm().is_none() && none.members.is_empty());
}
