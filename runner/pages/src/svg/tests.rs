//! The structure of plots: one path per class, right places, nothing drawn where there is no data.

use std::collections::BTreeMap;

use domain::Amount;
use figures::{Calendar, Hour};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use words::Language;

use super::*;

const ABOUT: About<'static> = About { title: "A <title>", description: "What & why" };

/// The rectangles of the path with a class: x, y, width, height.
fn rectangles(svg: &str, class: &str) -> Vec<[f64; 4]> {
    let Some(path) = svg.split(&format!("<path class=\"{class}\" d=\"")).nth(1) else { return Vec::new() };
    let path = path.split('"').next().unwrap_or_default();
    let numbers = |part: &str| -> Option<[f64; 4]> {
        let part = part.replace(['h', 'v', ' '], ",");
        let mut numbers = part.trim_end_matches('z').split(',').map(|number| number.parse::<f64>().ok());
        Some([numbers.next()??, numbers.next()??, numbers.next()??, numbers.next()??])
    };
    path.split('M').skip(1).filter_map(numbers).collect()
}

fn count(svg: &str, part: &str) -> usize {
    svg.matches(part).count()
}

#[test]
fn a_picture_says_what_it_shows_and_escapes_it() {
    let svg = bars(ABOUT, ["a", "b"], &[], ("kWh", 3, Language::En)).into_string();
    assert!(svg.contains("role=\"img\"><title>A &lt;title&gt;</title><desc>What &amp; why</desc>"), "{svg}");
    assert!(svg.starts_with("<svg class=\"plot\" viewBox=\"0 0 400 "), "{svg}");
}

#[test]
fn a_day_without_data_has_no_bar_and_one_of_zero_neither_but_a_place() {
    let bar = |parts| Bar { label: None, parts };
    let all = [bar(Some([1000, 3000])), bar(None), bar(Some([0, 0])), bar(Some([2000, 0]))];
    let svg = bars(ABOUT, ["a", "b"], &all, ("kWh", 3, Language::En)).into_string();
    let (first, second) = (rectangles(&svg, "first"), rectangles(&svg, "hatched"));
    assert_eq!((first.len(), second.len()), (2, 1));
    // The second part stands on the first, and is three times as high.
    assert_eq!(first[0][0], second[0][0]);
    assert!((second[0][1] + second[0][3] - first[0][1]).abs() < 0.02);
    assert!((second[0][3] - 3.0 * first[0][3]).abs() < 0.05);
    assert!(first[1][0] > first[0][0] + 2.0 * first[0][2]);
    assert_eq!(count(&svg, "<path class=\"first\""), 1);
    assert!(svg.contains(">4</text>") && svg.contains(">kWh</text>"), "{svg}");
}

#[test]
fn offers_rise_bids_fall_and_prices_go_across() {
    let orders = [
        Order { name: "offers", steps: vec![(900, 50_000), (600, 70_000)] },
        Order { name: "bids", steps: vec![(700, 120_000), (400, 90_000), (300, 60_000)] },
    ];
    let price = [Across { name: "price <now>", micro_eur: 70_000 }];
    let svg =
        merit(ABOUT, &orders, &price, |wh| Language::En.few_parts(wh, 3), |price| Language::En.few_parts(price, 4))
            .into_string();
    // One path for each, and one for each in the legend.
    for class in ["step s0", "step s1", "step s2"] {
        assert_eq!(count(&svg, &format!("<path class=\"{class}\"")), 2, "{class}: {svg}");
    }
    let path = |class: &str| {
        svg.rsplit(&format!("<path class=\"step {class}\" d=\"")).next().unwrap().split('"').next().unwrap()
    };
    // Both begin at the axis; offers end at 1.5 kWh, where the scale does, bids at 1.4.
    assert!(path("s1").starts_with("M44 ") && path("s1").matches('H').count() == 2, "{}", path("s1"));
    assert!(path("s2").starts_with("M44 ") && path("s2").matches('H').count() == 3, "{}", path("s2"));
    let height = |path: &str| path.split(' ').nth(1).unwrap().split('H').next().unwrap().parse::<f64>().unwrap();
    assert!(height(path("s2")) < height(path("s0")) && height(path("s0")) < height(path("s1")), "{svg}");
    assert!(
        svg.contains("price &lt;now&gt;</text>") && svg.contains(">ct/kWh</text>") && svg.contains(" kWh</text>"),
        "{svg}"
    );
    let none = [
        Order { name: "offers", steps: vec![] },
        Order { name: "bids", steps: vec![(5, i64::MIN), (u128::MAX, i64::MAX)] },
    ];
    let svg = merit(ABOUT, &none, &[], |wh| Language::En.few_parts(wh, 3), |price| Language::En.few_parts(price, 4))
        .into_string();
    assert_eq!((count(&svg, "step s1"), count(&svg, "step s2")), (0, 2), "{svg}");
}

#[test]
fn areas_are_open_where_there_is_no_data() {
    let mut steps = vec![Some([100, 50]); 24];
    steps[3] = None;
    let svg = areas(ABOUT, ["a", "b"], &steps, ("kW", 3, Language::En)).into_string();
    let path = svg.split("<path class=\"first\" d=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!((path.matches('M').count(), path.matches('z').count()), (2, 2));
    let none = areas(ABOUT, ["a", "b"], &[None; 24], ("kW", 3, Language::En)).into_string();
    assert_eq!(count(&none, "<path class=\"first\""), 0);
}

#[test]
fn losses_are_left_of_the_line_and_gains_right_of_it() {
    let difference = |name: &str, cents: i128| Difference {
        name: name.to_owned(),
        amount: Amount::from_nano_eur(cents * 10_000_000),
    };
    let all = [difference("ann", 500), difference("a very long name indeed", 0), difference("ben", -200)];
    let svg = differences(Language::En, ABOUT, &all).into_string();
    let (gains, losses) = (rectangles(&svg, "gain"), rectangles(&svg, "lost"));
    assert_eq!((gains.len(), losses.len()), (1, 1));
    assert!((losses[0][0] + losses[0][2] - gains[0][0]).abs() < 0.02);
    assert!((gains[0][2] - 2.5 * losses[0][2]).abs() < 0.1);
    for text in [">ann</text>", ">a very long na…</text>", ">+5.00</text>", ">−2.00</text>", ">0.00</text>"] {
        assert!(svg.contains(text), "{text}: {svg}");
    }
    let nothing = differences(Language::En, ABOUT, &[difference("ann", 0)]).into_string();
    assert!(rectangles(&nothing, "gain").is_empty() && nothing.contains(">0.01</text>"), "{nothing}");
}

/// So much energy in each hour from an instant on.
fn hours(from: &str, hours: u64, wh: impl Fn(u64) -> u128) -> BTreeMap<Hour, u128> {
    let mut calendar = Calendar::new(TimeZone::get("Europe/Brussels").unwrap());
    let from = from.parse::<Timestamp>().unwrap().as_second().unsigned_abs();
    let start = |hour: u64| domain::Boundary::from_seconds(from + hour * 3600).unwrap();
    (0..hours).map(|hour| (calendar.place(start(hour)).hour, wh(hour))).collect()
}

#[test]
fn an_hour_that_comes_twice_is_in_two_and_one_left_out_is_none() {
    // Level 5, but for the hour that comes the second time.
    let back = hours("2024-10-26T22:00:00Z", 25, |hour| if hour == 3 { 0 } else { 100 });
    let svg = heat(ABOUT, &Heat { hours: &back, language: Language::En }).into_string();
    let (full, zero) = (rectangles(&svg, "h5"), rectangles(&svg, "h0"));
    assert_eq!((full.len(), zero.len()), (24, 1));
    let half = full.iter().find(|cell| cell[3] < full[0][3]).unwrap();
    assert!((half[3] * 2.0 - full[0][3]).abs() < 0.02);
    assert!((zero[0][1] - half[1] - half[3]).abs() < 0.02, "the second time is below the first");
    let forward = hours("2024-03-30T23:00:00Z", 23, |_| 100);
    let svg = heat(ABOUT, &Heat { hours: &forward, language: Language::En }).into_string();
    assert_eq!(rectangles(&svg, "h5").len(), 23);
}

#[test]
fn a_year_of_hours_is_small_and_days_without_data_stay_empty() {
    let year = hours("2023-12-31T23:00:00Z", 366 * 24, |hour| u128::from(hour % 24 * (hour / 24 % 7)));
    let svg = heat(ABOUT, &Heat { hours: &year, language: Language::En }).into_string();
    assert!(svg.len() < 150_000 && count(&svg, "<path") <= 6, "{}", svg.len());
    let mut two = hours("2024-05-01T10:00:00Z", 1, |_| 5);
    two.extend(hours("2024-05-03T10:00:00Z", 1, |_| 5));
    let svg = heat(ABOUT, &Heat { hours: &two, language: Language::En }).into_string();
    let cells = rectangles(&svg, "h5");
    assert_eq!(cells.len(), 2);
    assert!((cells[1][0] - cells[0][0] - 2.0 * cells[0][2]).abs() < 0.02);
    assert!(svg.contains(">1 May</text>") && svg.contains(">3 May</text>"), "{svg}");
}

#[test]
fn each_line_has_its_own_dashes_and_its_name() {
    let line = |name: &str, parts: &[i128]| Line { name: name.to_owned(), parts: parts.to_vec() };
    let lines = [line("one", &[30_000, 20_000, 20_000]), line("two", &[10_000; 3])];
    let svg = steps(ABOUT, &lines, ("ct/kWh", 4, Language::En)).into_string();
    assert_eq!((count(&svg, "class=\"step s0\""), count(&svg, "class=\"step s1\"")), (2, 2));
    assert!(svg.contains(">one</text>") && svg.contains(">two</text>"));
    // Level runs are one step.
    let path = svg.split("<path class=\"step s0\" d=\"").nth(2).unwrap().split('"').next().unwrap();
    assert_eq!(path.matches('H').count(), 2, "{path}");
}

#[test]
fn a_range_is_open_where_there_is_no_data_and_holds_its_mean() {
    let range = |lowest, mean, highest| Some(Range { lowest, mean, highest });
    let steps = [range(90_000, 96_200, 100_000), range(90_000, 91_000, 95_000), None, range(80_000, 80_000, 80_000)];
    let labels = [Label { place: 0.0, text: "a&b".to_owned() }, Label { place: 1.0, text: "end".to_owned() }];
    let svg = band(ABOUT, ["range", "mean"], &steps, ("ct/kWh", 4, Language::En), &labels).into_string();
    let path = |class: &str| {
        let after = svg.rsplit(&format!("class=\"{class}\" d=\"")).next().unwrap();
        after.split('"').next().unwrap().to_owned()
    };
    assert_eq!((path("band").matches('M').count(), path("band").matches('z').count()), (2, 2));
    assert_eq!(path("step s0").matches('M').count(), 2);
    assert!(svg.contains("data-steps=\"4\"") && svg.contains(">a&amp;b</text>"), "{svg}");
    assert!(svg.contains("class=\"tick begin\"") && svg.contains("class=\"tick end\""), "{svg}");
    let none = band(ABOUT, ["range", "mean"], &[None, None], ("ct/kWh", 4, Language::En), &[]).into_string();
    assert_eq!(count(&none, "<path class=\"band\""), 0);
}

#[test]
fn ribbons_are_as_wide_as_what_flows_and_few_paths() {
    let names: Vec<String> = (0..12).map(|number| format!("m<{number}>")).collect();
    let ribbon = |from, to, wide| Ribbon { from, to, wide };
    let mut all: Vec<Ribbon> = (0..8).flat_map(|from| (8..12).map(move |to| ribbon(from, to, 100))).collect();
    all.push(ribbon(11, 0, 3));
    let svg = ribbons(ABOUT, ["Seller", "Buyer"], &names, &all).into_string();
    let drawn: usize = svg
        .split("class=\"ribbon")
        .skip(1)
        .map(|part| part.split("\"></path>").next().unwrap().matches('z').count())
        .sum();
    assert_eq!((drawn, count(&svg, "<path")), (33, 7));
    // On the left those that sell, on the right those that buy.
    assert_eq!(
        (count(&svg, ">m&lt;0&gt;</text>"), count(&svg, ">m&lt;11&gt;</text>"), count(&svg, ">m&lt;9&gt;</text>")),
        (2, 2, 1)
    );
    // Blocks do not overlap, and none is beyond the picture.
    let blocks = rectangles(&svg, "block");
    let height: f64 = svg.split("viewBox=\"0 0 400 ").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
    for side in blocks.chunk_by(|a, b| a[0] == b[0]) {
        assert!(side.windows(2).all(|pair| pair[0][1] + pair[0][3] < pair[1][1]), "{side:?}");
        assert!(side.last().is_some_and(|last| last[1] + last[3] <= height), "{side:?} {height}");
    }
    let nothing = ribbons(ABOUT, ["Seller", "Buyer"], &[], &[]).into_string();
    assert_eq!(count(&nothing, "ribbon"), 0);
}
