//! The page as it is written: figures with their formulas, every plot with its table, nothing where there is no data, and no
//! name that is taken for markup.

use books::statement::{Account, Flow, Statement};
use books::{Calendar, DayDetails, DaySums, IntervalSums, Pair, Sales, Told};
use domain::{Amount, Interval, IntervalLength, MemberId, Price};
use figures::community::{Making, Steps, span_of};

use super::*;
use crate::look::Assets;

const START: u64 = 1_729_980_000; // 2024-10-26T22:00:00Z: midnight in Brussels, on the day on which the clock is put back.

fn look(language: Language) -> Look {
    Look {
        language,
        place: None,
        query: String::new(),
        keeps_language: true,
        viewer: None,
        may_sign_out: false,
        opens_home: true,
        opens: Vec::new(),
        assets: Assets { style: "/style.css", script: "/script.js", icon: "/icon.svg" },
    }
}

fn zone() -> TimeZone {
    TimeZone::get("Europe/Brussels").unwrap()
}

fn interval(number: u64) -> Interval {
    Interval::starting(Boundary::from_seconds(START + 900 * number).unwrap(), IntervalLength::QUARTER_HOUR).unwrap()
}

fn flow(wh: u128, price: i64) -> Flow {
    Flow { wh, amount: Amount::from_nano_eur(i128::try_from(wh).unwrap() * i128::from(price)) }
}

/// A day of 25 hours in which the first member sells to each other one, in the first intervals of it.
fn overview(names: &[&str], intervals: u64) -> Overview {
    let members: Vec<MemberId> = names.iter().map(|name| MemberId::from_stored(name).unwrap()).collect();
    let sold = 1000 * (members.len() as u128 - 1);
    let account = |place: usize| match place {
        0 => Account { sold_local: flow(sold, 96_200), ..Account::default() },
        // The last one pays more than with the grid alone.
        _ if place + 1 == members.len() => {
            Account { bought_local: flow(1000, 96_200), grid_alone: Amount::from_nano_eur(7), ..Account::default() }
        }
        _ => Account {
            bought_local: flow(1000, 96_200),
            bought_grid: flow(500, 162_400),
            grid_alone: flow(1500, 162_400).amount,
            ..Account::default()
        },
    };
    let statement = Statement { members: members.iter().cloned().zip((0..members.len()).map(account)).collect() };
    let cleared = |number: u64| books::Cleared {
        fed_in_wh: 30,
        needed_wh: 40,
        shared: flow(20, 96_200),
        prices: (number % 2 == 0).then(|| (Price::from_micro_eur(90_000), Price::from_micro_eur(100_000))),
    };
    let sums = |number| IntervalSums { interval: interval(number), cleared: Some(cleared(number)), gaps: 1 };
    let pair = |buyer: usize| (Pair { seller: 0, buyer: u32::try_from(buyer).unwrap() }, flow(1000, 96_200));
    let mut parties: Vec<_> = members.iter().cloned().map(domain::NamedParty::Member).collect();
    parties.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    let sales = Sales { parties, flows: (1..members.len()).map(pair).collect() };
    let told = Told { intervals: (0..intervals).map(sums).collect(), sales: Some(sales) };
    let (first, last) = (interval(0), interval(intervals - 1));
    let (first, last, until) = (first.start(), last.start(), last.end());
    let day = DaySums { first, last, until, intervals, trades: 9, members: Some(statement.members.clone()) };
    let details = DayDetails { first, last, until, intervals, trades: 9, told: Some(told) };
    let period = Period::parse("2024-10-27", &zone()).unwrap();
    let steps = Steps::of(&period, interval(99).end(), IntervalLength::QUARTER_HOUR, &zone());
    let mut making = Making::new(span_of(&period), steps, zone());
    assert!(making.has_whole(&day) && details.is_of(&day));
    making.add_accounts(&statement.members, intervals).unwrap();
    making.add_details(&details).unwrap();
    making.finish().unwrap()
}

fn shown(language: Language, overview: &Overview, order: Order) -> String {
    let (period, zone) = (Period::parse("2024-10-27", &zone()).unwrap(), zone());
    let before = period.previous(&zone).unwrap();
    let model = Model {
        community: "so <b>sunny</b>\u{202e}",
        period: &period,
        zone: &zone,
        books: Some((interval(0).start(), interval(99).end())),
        overview,
        step: Step::Interval,
        before: Some((&before, &overview.figures)),
        expected: 100,
        order,
        part: 0,
        opens_members: true,
        opens_steps: true,
    };
    page(&look(language), model).into_string()
}

fn count(page: &str, part: &str) -> usize {
    page.matches(part).count()
}

#[test]
fn every_plot_has_its_numbers_and_no_name_is_markup() {
    let overview = overview(&["a<script>", "b\u{202e}x", "c", "d"], 10);
    for language in Language::ALL {
        let page = shown(language, &overview, Order::default());
        assert!(!page.contains("<script>") && !page.contains("<b>sunny") && !page.contains('\u{202e}'));
        // Every place of a text is filled.
        let places = page.split('{').skip(1).filter(|place| !place.starts_with("202e}")).count();
        assert!(!page.contains("style=") && places == 0, "{}", language.code());
        // Given, taken, prices, three maps, who sold to whom.
        assert_eq!((count(&page, "role=\"img\""), count(&page, "<figure>")), (7, 7));
        assert_eq!(count(&page, "<title>"), count(&page, "<desc>"));
        // Eight tiles, each with a formula.
        assert_eq!((count(&page, "class=\"tile\""), count(&page, language.texts().frame.formula)), (8, 8));
        assert_eq!(count(&page, "type=\"radio\""), 3);
        assert!(
            page.contains(&crate::statement::period_name(language, &Period::parse("2024-10-26", &zone()).unwrap()))
        );
    }
    let page = shown(Language::En, &overview, Order::default());
    // A table row for each step: those without data have none of their own numbers.
    let rows = page.split("data-steps=\"100\"").count() - 1;
    assert_eq!(rows, 3);
    assert!(
        page.contains("10 of 100 steps have data.")
            && page.contains("10 of 100 intervals are settled, 90 are missing.")
    );
    assert!(page.contains("After 10 gaps"));
    assert!(page.contains("href=\"/c/so%20%3Cb%3Esunny%3C%2Fb%3E%E2%80%AE/i/2024-10-26T22:00:00Z?lang=en\""));
    // The hour that the clock shows twice is told apart.
    assert!(page.contains("+02") && page.contains("+01"));
}

#[test]
fn the_table_is_sorted_by_links_and_has_sums_at_its_foot() {
    let overview = overview(&["ann", "ben", "carl"], 4);
    let order = Order::parse("saved").unwrap();
    let page = shown(Language::En, &overview, order);
    let table = page.split("<table class=\"heat\">").nth(1).unwrap().split("</table>").next().unwrap();
    let places: Vec<usize> = ["ann", "ben", "carl"].map(|name| table.find(&format!(">{name}</a>")).unwrap()).into();
    assert!(places[0] < places[1] && places[1] < places[2], "{table}");
    assert!(table.contains("aria-sort=\"descending\"") && table.contains("sort=-saved"), "{table}");
    assert!(table.contains("class=\"bad\""), "{table}");
    let foot = table.split("<tfoot>").nth(1).unwrap();
    assert!(foot.contains("<td>2.000</td>") && foot.contains("<td>0.500</td>"), "{foot}");
    let reversed = shown(Language::En, &overview, Order { is_reversed: true, ..order });
    assert!(reversed.find(">carl</a>").unwrap() < reversed.find(">ann</a>").unwrap());
}

#[test]
fn between_more_than_twelve_there_is_a_matrix() {
    let names: Vec<String> = (0..50).map(|number| format!("m{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let page = shown(Language::En, &overview(&names, 4), Order::default());
    assert_eq!(count(&page, "role=\"img\""), 6);
    assert!(page.contains("The 40 that traded most are named; the other 10 are put together."), "{page}");
    let matrix = page.split("<table class=\"heat matrix\">").nth(1).unwrap();
    assert!(matrix.contains(">10 others</th>") && matrix.contains(">49.000</td>"), "{matrix}");
}

#[test]
fn a_period_without_data_says_so_and_has_no_zeros() {
    let none = Overview::default();
    let page = shown(Language::En, &none, Order::default());
    assert!(
        page.contains("There is no data for this period.") && !page.contains("0.000") && !page.contains("<svg"),
        "{page}"
    );
    assert_eq!(none.figures.cover_ppm(), None);
    assert_eq!(Calendar::ALL.len(), 4);
}
