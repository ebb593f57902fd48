//! Tariffs: always the same, by weekday and hour, or a series in a file.

use std::path::PathBuf;

use domain::tariff::{Days, Hours, PartialTariff, Period, Series, TariffSchedule, TimeOfUse, WallTime};

use super::problems::Problems;
use super::read::Field;
use super::schema::{self, Is, MicroEur, Tariff};
use super::series;

/// A tariff as it was given, and the file of its series if it has one.
type Given = (TariffSchedule<PartialTariff>, Option<PathBuf>);

/// The key `tariff` of a community or a member, which has this name in messages.
pub(super) fn check(tariff: Field<Tariff>, name: &str, problems: &Problems<'_>) -> Option<Given> {
    let tariff = tariff.value?;
    contradictions(&tariff, name, problems);
    let otherwise = prices(tariff.retail, tariff.feed_in);
    let periods = tariff.periods.value.unwrap_or_default();
    let periods: Vec<Period<PartialTariff>> = periods
        .into_iter()
        .filter_map(Field::placed)
        .filter_map(|(table, at)| period(table, at, otherwise, name, problems))
        .collect();
    if let Some((file, at)) = tariff.series.placed() {
        let path = problems.path(&file);
        let tell = |mistake| problems.at(at, format!("{name}.series: {mistake}"));
        let rows = series::read(&path).map_err(|mistakes| mistakes.into_iter().for_each(tell)).ok()?;
        let series = Series::new(otherwise, rows).map_err(|error| tell(error.to_string())).ok()?;
        return Some((TariffSchedule::Series(series), Some(path)));
    }
    let schedule = match tariff.zone.get() {
        Some(zone) => TariffSchedule::TimeOfUse(TimeOfUse { zone, periods, otherwise }),
        None => TariffSchedule::Constant(otherwise),
    };
    Some((schedule, None))
}

/// Tells keys of two kinds of tariff, and those of one that lack others.
fn contradictions(tariff: &Tariff, name: &str, problems: &Problems<'_>) {
    let no_periods = tariff.periods.value.as_ref().is_some_and(Vec::is_empty);
    match (tariff.zone.at, tariff.periods.at, tariff.series.at) {
        (Some(at), _, Some(_)) | (_, Some(at), Some(_)) => {
            let message = "has periods in a time zone and a series as well (a tariff is one or the other)";
            problems.at(at, format!("{name} {message}"));
        }
        (None, Some(at), None) => {
            let message = "has no time zone (add zone = \"Europe/Lisbon\" or another one beside it)";
            problems.at(at, format!("{name}.periods {message}"));
        }
        (Some(at), None, None) => {
            let way_out = "add periods = [{ from = \"08:00\", to = \"22:00\", retail = 200000 }]";
            problems.at(at, format!("{name}.zone is set, but there are no periods in it ({way_out})"));
        }
        (Some(_), Some(at), None) if no_periods => {
            problems.at(at, format!("{name}.periods is empty (name a period, or leave zone and periods out)"));
        }
        _ => {}
    }
}

/// A period; what it leaves out of a price is as outside of periods.
fn period(
    table: schema::Period,
    at: usize,
    otherwise: PartialTariff,
    name: &str,
    problems: &Problems<'_>,
) -> Option<Period<PartialTariff>> {
    if table.retail.at.is_none() && table.feed_in.at.is_none() {
        problems.at(at, format!("{name}.periods: a period has no price (add retail, feed_in or both)"));
    }
    let tariff = prices(table.retail, table.feed_in).or(otherwise);
    let (from, to) = (table.from.get().unwrap_or(WallTime::START), table.to.get().unwrap_or(WallTime::END));
    let hours = Hours::new(from, to).map_err(|error| problems.at(at, format!("{name}.periods: {error}"))).ok()?;
    Some(Period { days: table.days.get().unwrap_or(Days::ALL), hours, tariff })
}

fn prices(retail: Field<Is<MicroEur>>, feed_in: Field<Is<MicroEur>>) -> PartialTariff {
    PartialTariff { retail: retail.get(), feed_in: feed_in.get() }
}
