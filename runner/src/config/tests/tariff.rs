//! The forms of a tariff, what each means when, and what contradicts.

use domain::{Boundary, PartialTariff};
use jiff::Timestamp;

use super::*;

pub(super) fn boundary(text: &str) -> Boundary {
    let at: Timestamp = text.parse().unwrap();
    Boundary::from_seconds(at.as_second().try_into().unwrap()).unwrap()
}

/// (retail, feed-in) of the community at a time.
fn at(community: &CommunityConfig, time: &str) -> (i64, i64) {
    let start = boundary(time);
    let tariff = community.terms_at(start).tariff(start, &CurrentSeries::new());
    (tariff.retail.micro_eur(), tariff.feed_in.micro_eur())
}

/// (retail, feed-in) of a member at a time, as far as it says.
fn members(community: &CommunityConfig, member: &str, time: &str) -> (Option<i64>, Option<i64>) {
    let start = boundary(time);
    let terms = community.members[&member.parse().unwrap()].terms.at(start.timestamp());
    let PartialTariff { retail, feed_in } = terms.tariff(start, &CurrentSeries::new());
    (retail.map(Price::micro_eur), feed_in.map(Price::micro_eur))
}

const TIME_OF_USE: &str = "[community.tariff]
zone = \"Europe/Lisbon\"
retail = 100000
periods = [
    { days = \"mon-fri\", from = \"08:00\", to = \"22:00\", retail = 200000, feed_in = 40000 },
    { days = [\"sat\", \"sun\"], from = \"22:00\", to = \"06:00\", feed_in = 20000 },
    { retail = 150000 },
]
";

#[test]
fn what_a_constant_tariff_leaves_out_is_the_platforms_or_for_a_member_the_communitys() {
    let keys = "tariff = { retail = 9 }\n[community.members.a]\ntariff = { feed_in = 7 }\n[community.members.b]";
    let community = community(keys);
    let time = "2024-01-01T00:00:00Z";
    assert_eq!(at(&community, time), (9, 30_000));
    assert_eq!(members(&community, "a", time), (None, Some(7)));
    assert_eq!(members(&community, "b", time), (None, None));
    assert_eq!(at(&super::community("tariff = {}"), time), (162_400, 30_000));
}

#[test]
fn periods_hold_in_their_zone_and_say_what_they_change() {
    let community = community(TIME_OF_USE);
    // Monday, in summer time: 08:00 in Lisbon is 07:00Z. What a period leaves out is as outside, or the platform's.
    assert_eq!(at(&community, "2024-07-01T06:45:00Z"), (150_000, 30_000));
    assert_eq!(at(&community, "2024-07-01T07:00:00Z"), (200_000, 40_000));
    assert_eq!(at(&community, "2024-07-01T21:00:00Z"), (150_000, 30_000));
    // The night of Saturday lasts until Sunday's morning, in winter time.
    assert_eq!(at(&community, "2024-01-06T22:00:00Z"), (100_000, 20_000));
    assert_eq!(at(&community, "2024-01-07T05:45:00Z"), (100_000, 20_000));
    assert_eq!(at(&community, "2024-01-07T06:00:00Z"), (150_000, 30_000));
}

#[test]
fn a_member_may_have_periods_of_its_own() {
    let keys = "[community.members.a.tariff]\nzone = \"Asia/Kolkata\"\nfeed_in = 5\n
[[community.members.a.tariff.periods]]\nto = \"00:30\"\nretail = 6\n";
    let community = community(keys);
    assert_eq!(members(&community, "a", "2024-07-01T18:30:00Z"), (Some(6), Some(5)));
    assert_eq!(members(&community, "a", "2024-07-01T19:00:00Z"), (None, Some(5)));
}

#[test]
fn a_series_is_read_from_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("t.csv");
    std::fs::write(&file, "start,retail,feed_in\n2024-01-01T00:00:00Z,5,6\n2024-01-01T01:00:00Z,7,8\n").unwrap();
    let text = "[[community]]\nname = \"a\"\ntariff = { series = \"t.csv\", retail = 1 }
[community.members.a]\ntariff = { series = \"t.csv\", feed_in = 2 }\n";
    let community = parse(text, directory.path(), &[]).unwrap().communities.remove(0);
    let files: Vec<_> = community.tariffs().map(|tariff| tariff.file.clone()).collect();
    assert_eq!(files, [Some(file.clone()), Some(file.clone())]);
    let times = ["2023-12-31T23:45:00Z", "2024-01-01T00:45:00Z", "2024-01-01T01:00:00Z"];
    assert_eq!(times.map(|time| at(&community, time)), [(1, 30_000), (5, 6), (7, 8)]);
    let expected = [(None, Some(2)), (Some(5), Some(6)), (Some(7), Some(8))];
    assert_eq!(times.map(|time| members(&community, "a", time)), expected);
    // Every wrong row, at the line that names the file.
    std::fs::write(&file, "start,retail,feed_in\nsoon,5,6\n2024-01-01T00:00:00Z,x,8\n").unwrap();
    let found = parse(text, directory.path(), &[]).unwrap_err();
    assert_eq!(found.iter().map(|problem| problem.line.unwrap()).collect::<Vec<_>>(), [3, 3, 5, 5], "{found:#?}");
    let shown = format!("community.tariff.series: {}:2: start is \"soon\"", file.display());
    assert!(found[0].message.starts_with(&shown), "{found:#?}");
}

#[test]
fn contradictions_are_told_with_their_lines() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("t.csv"), "start,retail,feed_in\n2024-01-01T00:00:00Z,5,6\n").unwrap();
    let period = "periods = [{ retail = 1 }]";
    for (keys, says) in [
        (
            format!("series = \"t.csv\"\nzone = \"UTC\"\n{period}"),
            "line 5: community.tariff has periods in a time zone and",
        ),
        (format!("series = \"t.csv\"\n{period}"), "line 5: community.tariff has periods in a time zone and a series"),
        ("zone = \"UTC\"\nseries = \"t.csv\"".to_owned(), "line 4: community.tariff has periods in a time zone and"),
        (format!("\n{period}"), "line 5: community.tariff.periods has no time zone"),
        ("zone = \"UTC\"".to_owned(), "line 4: community.tariff.zone is set, but there are no periods"),
        ("zone = \"UTC\"\nperiods = []".to_owned(), "line 5: community.tariff.periods is empty"),
        (
            format!("zone = \"Europe/Lissabon\"\n{period}"),
            "line 4: community.tariff.zone is \"Europe/Lissabon\", but a time zone",
        ),
        (format!("zone = \"Etc/Unknown\"\n{period}"), "line 4: community.tariff.zone is \"Etc/Unknown\""),
        ("zone = \"UTC\"\nperiods = 5".to_owned(), "line 5: community.tariff.periods is 5, but a list ("),
    ] {
        let text = format!("[[community]]\nname = \"a\"\n[community.tariff]\n{keys}\n");
        let found = parse(&text, directory.path(), &[]).unwrap_err();
        assert_eq!(found.len(), 1, "{keys}: {found:#?}");
        assert!(found[0].to_string().starts_with(says), "{keys}: {found:#?}");
    }
}

#[test]
fn every_mistake_in_a_period_is_told() {
    for (period, says) in [
        ("from = \"08:00\", to = \"08:00\", retail = 1", "community.tariff.periods: from and to are both 08:00"),
        ("from = \"24:00\", to = \"08:00\", retail = 1", "community.tariff.periods: from is 24:00"),
        ("from = \"8:00\", retail = 1", "community.tariff.periods.from is \"8:00\", but a time of the day"),
        ("from = [\"08:00\"], retail = 1", "community.tariff.periods.from is a list, but a time of the day"),
        ("to = 8, retail = 1", "community.tariff.periods.to is 8, but a time of the day"),
        ("days = \"mo-fr\", retail = 1", "community.tariff.periods.days is \"mo-fr\", but days"),
        ("days = [\"mon\", 5], retail = 1", "community.tariff.periods.days is a list, but days"),
        ("days = [], retail = 1", "community.tariff.periods.days is a list, but days"),
        ("days = \"mon\"", "community.tariff.periods: a period has no price"),
        ("retail = 0.2", "community.tariff.periods.retail is 0.2, but a whole number of µEUR/kWh"),
        (
            "retail = 1, form = \"08:00\"",
            "community.tariff.periods.form is not a known key (known here: days, feed_in, from, months, retail, to)",
        ),
    ] {
        let keys = format!("[community.tariff]\nzone = \"UTC\"\nperiods = [\n{{ retail = 1 }},\n{{ {period} }},\n]");
        one_problem(&keys, &["line 7: ", says]);
    }
    for tariff in ["\"t.csv\"", "5", "[{ retail = 1 }]"] {
        one_problem(&format!("tariff = {tariff}"), &["line 3: community.tariff is ", "a table such as { retail"]);
    }
}

#[test]
fn months_and_holidays_make_seasons() {
    let keys = "zone = \"Europe/Brussels\"
holidays = [\"2024-05-09\", 2024-12-25]
[community.tariff]
retail = 100000
periods = [
    { days = \"sun,holiday\", retail = 50000 },
    { days = \"mon-fri\", months = \"nov-feb\", from = \"08:00\", to = \"20:00\", retail = 200000 },
    { months = [\"jun\", \"jul-aug\"], feed_in = 10000 },
]";
    let community = community(keys);
    for (time, expected) in [
        // A Thursday that is a holiday, from midnight to midnight in Brussels; then an ordinary Friday in May.
        ("2024-05-08T21:45:00Z", (100_000, 30_000)),
        ("2024-05-08T22:00:00Z", (50_000, 30_000)),
        ("2024-05-09T21:45:00Z", (50_000, 30_000)),
        ("2024-05-10T10:00:00Z", (100_000, 30_000)),
        // Winter: on a working day, on a holiday, on a Saturday.
        ("2024-12-24T10:00:00Z", (200_000, 30_000)),
        ("2024-12-25T10:00:00Z", (50_000, 30_000)),
        ("2024-12-28T10:00:00Z", (100_000, 30_000)),
        ("2024-07-01T10:00:00Z", (100_000, 10_000)),
    ] {
        assert_eq!(at(&community, time), expected, "{time}");
    }
    one_problem(
        "[community.tariff]\nzone = \"UTC\"\nperiods = [{ days = \"holiday\", retail = 1 }]",
        &["line 5: community.tariff.periods: a period names holidays, but there are none"],
    );
    for holidays in ["[\"25.12.2024\"]", "[\"2024-12-25T00:00\"]", "5", "\"\"", "[5]", "[2024-12-25T00:00:00Z]"] {
        one_problem(&format!("holidays = {holidays}"), &["line 3: community.holidays is ", "a list of dates"]);
    }
}

#[test]
fn holidays_may_stand_in_a_file_with_comments() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("holidays.txt");
    let text = "[[community]]\nname = \"a\"\nholidays = \"holidays.txt\"\n";
    let read = || parse(text, directory.path(), &[]);
    std::fs::write(&file, "\u{feff}# Belgium\r\n2024-05-09 # Ascension Day\r\n\r\n  2024-12-25\n").unwrap();
    let holidays = read().unwrap().communities[0].holidays.clone().unwrap();
    let days: Vec<String> = holidays.dates.iter().map(ToString::to_string).collect();
    assert_eq!(days, ["2024-05-09", "2024-12-25"]);
    std::fs::write(&file, "2024-05-09\nChristmas\n2024-02-30 # no such day\n").unwrap();
    let found: Vec<String> = read().unwrap_err().iter().map(Problem::to_string).collect();
    for (found, says) in found.iter().zip([":2 is \"Christmas\", but a date", ":3 is \"2024-02-30\", but a date"]) {
        assert!(found.starts_with("line 3: community.holidays: ") && found.contains(says), "{found}");
    }
    assert_eq!(found.len(), 2);
    std::fs::remove_file(&file).unwrap();
    assert!(read().unwrap_err()[0].message.contains("holidays.txt cannot be read: No such file"));
}

#[test]
fn a_tariff_without_a_zone_has_the_communitys() {
    let keys = "zone = \"Asia/Kolkata\"\n[community.tariff]\nperiods = [{ to = \"00:30\", retail = 6 }]";
    let community = community(keys);
    assert_eq!(at(&community, "2024-07-01T18:30:00Z").0, 6);
    assert_eq!(at(&community, "2024-07-01T19:00:00Z").0, 162_400);
}
