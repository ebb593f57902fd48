//! Tariffs: always the same, by month, day and hour, or a series in a file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use domain::tariff::{Holidays, Hours, PartialTariff, Period, Series, TariffSchedule, TimeOfUse, WallTime};
use domain::{Boundary, Tariff as CompleteTariff};
use jiff::tz::TimeZone;

use super::problems::Problems;
use super::read::Field;
use super::schema::{self, Is, MicroEur, Tariff};
use super::series;

/// One tariff as it was given: either price may be left to another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TariffConfig {
    /// Which prices apply when.
    pub schedule: TariffSchedule<PartialTariff>,
    /// The file that is its series, if it is one.
    pub file: Option<PathBuf>,
}

/// The series that are in files now, by the files' paths; those that are not here are as they were when the configuration was
/// read.
pub type CurrentSeries = BTreeMap<PathBuf, Arc<Series<PartialTariff>>>;

/// Whose dates and days count in a community.
pub(super) struct Calendar {
    /// Its time zone.
    pub(super) zone: TimeZone,
    /// Whether the file names it.
    pub(super) has_zone: bool,
    /// Its holidays; none if the file does not name any.
    pub(super) holidays: Option<Holidays>,
}

impl Default for TariffConfig {
    fn default() -> TariffConfig {
        TariffConfig { schedule: TariffSchedule::Constant(PartialTariff::default()), file: None }
    }
}

impl TariffConfig {
    /// The prices of the interval that starts then, as far as they are given.
    pub fn at(&self, start: Boundary, series: &CurrentSeries) -> PartialTariff {
        let current = self.file.as_ref().and_then(|file| series.get(file));
        match (&self.schedule, current) {
            (TariffSchedule::Series(old), Some(current)) => old.with_rows_of(current).at(start.timestamp()),
            (schedule, _) => schedule.at(start),
        }
    }

    /// The same with the prices of another tariff where it has none at any time.
    pub(super) fn complete(self, default: CompleteTariff) -> TariffConfig {
        TariffConfig { schedule: self.schedule.map(|given| given.or(default.into())), ..self }
    }
}

/// The prices of the interval that starts then: of the first of these tariffs, and what it leaves out of the next ones.
pub(super) fn tariff_at(tariffs: &[TariffConfig], start: Boundary, series: &CurrentSeries) -> PartialTariff {
    tariffs.iter().fold(PartialTariff::default(), |found, tariff| match found {
        PartialTariff { retail: Some(_), feed_in: Some(_) } => found,
        _ => found.or(tariff.at(start, series)),
    })
}

/// What holds where a tariff is named over others: it comes first, and an empty one takes all others back.
pub(super) fn over(named: &[TariffConfig], before: &[TariffConfig]) -> Vec<TariffConfig> {
    match named {
        [named] if *named == TariffConfig::default() => vec![named.clone()],
        named => [named, before].concat(),
    }
}

/// The key `tariff` of a community or a member, which has this name in messages.
pub(super) fn check(
    tariff: Field<Tariff>,
    name: &str,
    calendar: &Calendar,
    problems: &Problems<'_>,
) -> Option<TariffConfig> {
    let tariff = tariff.value?;
    contradictions(&tariff, name, calendar, problems);
    let otherwise = prices(tariff.retail, tariff.feed_in);
    let has_periods = tariff.periods.value.is_some();
    let zone = tariff.zone.get().or_else(|| calendar.has_zone.then(|| calendar.zone.clone()));
    let periods = tariff.periods.value.unwrap_or_default();
    let periods: Vec<Period<PartialTariff>> = periods
        .into_iter()
        .filter_map(Field::placed)
        .filter_map(|(table, at)| period(table, at, otherwise, name, calendar, problems))
        .collect();
    if let Some((file, at)) = tariff.series.placed() {
        let path = problems.path(&file);
        let tell = |mistake| problems.at(at, format!("{name}.series: {mistake}"));
        let series = series::read(&path).map_err(|mistakes| mistakes.into_iter().for_each(tell)).ok()?;
        // The same rows with what is given beside them.
        let before = Series::new(otherwise, Vec::new()).ok()?;
        return Some(TariffConfig { schedule: TariffSchedule::Series(before.with_rows_of(&series)), file: Some(path) });
    }
    let schedule = match zone {
        Some(zone) if has_periods => {
            let holidays = calendar.holidays.clone().unwrap_or_default();
            TariffSchedule::TimeOfUse(TimeOfUse { zone, holidays, periods, otherwise })
        }
        _ => TariffSchedule::Constant(otherwise),
    };
    Some(TariffConfig { schedule, file: None })
}

/// Tells keys of two kinds of tariff, and those of one that lack others.
fn contradictions(tariff: &Tariff, name: &str, calendar: &Calendar, problems: &Problems<'_>) {
    let no_periods = tariff.periods.value.as_ref().is_some_and(Vec::is_empty);
    match (tariff.zone.at, tariff.periods.at, tariff.series.at) {
        (Some(at), _, Some(_)) | (_, Some(at), Some(_)) => {
            let message = "has periods in a time zone and a series as well (a tariff is one or the other)";
            problems.at(at, format!("{name} {message}"));
        }
        (None, Some(at), None) if !calendar.has_zone => {
            let message = "has no time zone (add zone = \"Europe/Lisbon\" or another one to it, or to the community)";
            problems.at(at, format!("{name}.periods {message}"));
        }
        (Some(at), None, None) => {
            let way_out = "add periods = [{ from = \"08:00\", to = \"22:00\", retail = 200000 }]";
            problems.at(at, format!("{name}.zone is set, but there are no periods in it ({way_out})"));
        }
        (_, Some(at), None) if no_periods => {
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
    calendar: &Calendar,
    problems: &Problems<'_>,
) -> Option<Period<PartialTariff>> {
    if table.retail.at.is_none() && table.feed_in.at.is_none() {
        problems.at(at, format!("{name}.periods: a period has no price (add retail, feed_in or both)"));
    }
    let tariff = prices(table.retail, table.feed_in).or(otherwise);
    let (from, to) = (table.from.get().unwrap_or(WallTime::START), table.to.get().unwrap_or(WallTime::END));
    let days = table.days.get();
    if days.is_some_and(domain::tariff::Days::has_holidays) && calendar.holidays.is_none() {
        let way_out = "add holidays = [\"2026-12-25\"] or a file with a date a line to the community";
        problems.at(at, format!("{name}.periods: a period names holidays, but there are none ({way_out})"));
    }
    let hours = Hours::new(from, to).map_err(|error| problems.at(at, format!("{name}.periods: {error}"))).ok()?;
    Some(Period { days, months: table.months.get(), hours, tariff })
}

fn prices(retail: Field<Is<MicroEur>>, feed_in: Field<Is<MicroEur>>) -> PartialTariff {
    PartialTariff { retail: retail.get(), feed_in: feed_in.get() }
}
