//! Tariffs: always the same, by weekday and hour, or a series in a file.

use std::path::{Path, PathBuf};

use domain::Price;
use domain::tariff::{Days, Hours, PartialTariff, Period, Series, TariffSchedule, TimeOfUse, WallTime};
use jiff::tz::TimeZone;
use toml::de::DeValue;

use super::reader::{Problems, Table};
use super::series;

/// A tariff as it was given, and the file of its series if it has one.
pub(super) type Given = (TariffSchedule<PartialTariff>, Option<PathBuf>);

/// Reads the key `tariff` of a community or a member.
pub(super) fn read(parent: &mut Table<'_, '_>, directory: &Path, problems: &mut Problems<'_>) -> Option<Given> {
    const EXPECTED: &str = "a table such as { retail = 162400, feed_in = 30000 }";
    parent.value("tariff", EXPECTED, problems, |value| value.as_table().map(|_| ()))?;
    let mut table = parent.table("tariff", problems);
    let otherwise = prices(&mut table, problems);
    let zone = table.parsed("zone", "a time zone (such as \"Europe/Lisbon\")", problems, zone);
    let told = problems.found.len();
    let periods = table.tables("periods", problems);
    let none = periods.is_empty() && problems.found.len() == told;
    let file = table.string("series", problems);
    contradictions(&table, none, problems);
    let periods: Vec<Period<PartialTariff>> =
        periods.into_iter().filter_map(|table| period(table, otherwise, problems)).collect();
    let series = file.map(|found| {
        let path = directory.join(found.value);
        let key = table.path("series");
        let rows = series::read(&path).unwrap_or_else(|mistakes| {
            mistakes.into_iter().for_each(|mistake| problems.at(found.at, format!("{key}: {mistake}")));
            Vec::new()
        });
        let series = Series::new(otherwise, rows).map_err(|error| problems.at(found.at, format!("{key}: {error}")));
        (series, path)
    });
    table.finish(problems);
    Some(match (series, zone) {
        (Some((Ok(series), path)), _) => (TariffSchedule::Series(series), Some(path)),
        (None, Some(zone)) => (TariffSchedule::TimeOfUse(TimeOfUse { zone: zone.value, periods, otherwise }), None),
        _ => (TariffSchedule::Constant(otherwise), None),
    })
}

/// Tells keys of two kinds of tariff, and those of one that lack others.
fn contradictions(table: &Table<'_, '_>, no_periods: bool, problems: &mut Problems<'_>) {
    let [zone, periods, series] = ["zone", "periods", "series"].map(|key| table.place(key));
    let name = |key: &str| table.path(key);
    match (zone, periods, series) {
        (Some(at), _, Some(_)) | (_, Some(at), Some(_)) => {
            let message = "has periods in a time zone and a series as well (a tariff is one or the other)";
            problems.at(at, format!("{} {message}", table.name()));
        }
        (None, Some(at), None) => {
            let message = "has no time zone (add zone = \"Europe/Lisbon\" or another one beside it)";
            problems.at(at, format!("{} {message}", name("periods")));
        }
        (Some(at), None, None) => {
            let message = "is set, but there are no periods in it (add periods = [{ from = \"08:00\", to = \"22:00\", retail = 200000 }])";
            problems.at(at, format!("{} {message}", name("zone")));
        }
        (Some(_), Some(at), None) if no_periods => {
            problems.at(at, format!("{} is empty (name a period, or leave zone and periods out)", name("periods")));
        }
        _ => {}
    }
}

fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok().filter(|zone| !zone.is_unknown() && zone.iana_name().is_some())
}

/// Reads a period; what it leaves out of a price is as outside of periods.
fn period(
    mut table: Table<'_, '_>,
    otherwise: PartialTariff,
    problems: &mut Problems<'_>,
) -> Option<Period<PartialTariff>> {
    let expected = "days (such as \"mon-fri\", \"sat,sun\" or [\"mon\", \"wed-fri\"])";
    let days = table.value("days", expected, problems, |value| match value {
        DeValue::Array(list) => {
            let names: Option<Vec<&str>> = list.iter().map(|item| item.get_ref().as_str()).collect();
            names?.join(",").parse::<Days>().ok()
        }
        value => value.as_str()?.parse().ok(),
    });
    let expected = "a time of the day (such as \"08:00\", from \"00:00\" to \"24:00\")";
    let mut time = |key| table.parsed(key, expected, problems, |text| text.parse::<WallTime>().ok());
    let from = time("from").map_or(WallTime::START, |found| found.value);
    let to = time("to").map_or(WallTime::END, |found| found.value);
    let own = prices(&mut table, problems);
    if table.place("retail").is_none() && table.place("feed_in").is_none() {
        problems.at(table.at(), format!("{}: a period has no price (add retail, feed_in or both)", table.name()));
    }
    let hours = Hours::new(from, to).map_err(|error| problems.at(table.at(), format!("{}: {error}", table.name())));
    table.finish(problems);
    Some(Period { days: days.map_or(Days::ALL, |found| found.value), hours: hours.ok()?, tariff: own.or(otherwise) })
}

fn prices(table: &mut Table<'_, '_>, problems: &mut Problems<'_>) -> PartialTariff {
    PartialTariff { retail: price(table, "retail", problems), feed_in: price(table, "feed_in", problems) }
}

/// Reads a price.
pub(super) fn price(table: &mut Table<'_, '_>, key: &'static str, problems: &mut Problems<'_>) -> Option<Price> {
    let expected = "a whole number of µEUR/kWh (0.1624 EUR/kWh is 162400)";
    table.integer::<i64>(key, expected, problems).map(|found| Price::from_micro_eur(found.value))
}
