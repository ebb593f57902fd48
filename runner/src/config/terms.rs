//! The terms of a community, which may change over time: tariff, settings, limits.

use domain::round::PriceLimits;
use domain::{Boundary, Power, Tariff};
use sandbox::Limits;

use super::dated::{Dated, Given, change_day, dated};
use super::problems::Problems;
use super::read::Field;
use super::schema::{CommunityChange, Limits as LimitKeys};
use super::tariff::{self, Calendar, CurrentSeries, TariffConfig, tariff_at};

/// What a community has of its terms; none of what a change does not name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms {
    /// The reference tariff: the one in force, and what it leaves out of those before it.
    pub(super) tariff: Vec<TariffConfig>,
    pub(super) settings: Option<Vec<(String, String)>>,
    pub(super) limits: Option<LimitsConfig>,
    pub(super) power_max: Option<Power>,
}

/// Limits on prices between members and on runs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct LimitsConfig {
    pub(super) price: PriceLimits,
    pub(super) run: Limits,
}

impl Terms {
    /// The reference tariff of the interval that starts then.
    pub fn tariff(&self, start: Boundary, series: &CurrentSeries) -> Tariff {
        tariff_at(&self.tariff, start, series).complete(Tariff::PLATFORM)
    }

    /// The schedules of the reference tariff: what each leaves out is in the next.
    pub fn tariffs(&self) -> &[TariffConfig] {
        &self.tariff
    }

    /// Settings for the algorithm.
    pub fn settings(&self) -> &[(String, String)] {
        self.settings.as_deref().unwrap_or_default()
    }

    /// The most power of a meter on average: a reading that needs more is disputed.
    pub fn power_max(&self) -> Power {
        self.power_max.unwrap_or(Power::USUAL)
    }

    /// Limits on prices between members.
    pub fn price_limits(&self) -> PriceLimits {
        self.limits.unwrap_or_default().price
    }

    /// Limits on runs.
    pub fn limits(&self) -> Limits {
        self.limits.unwrap_or_default().run
    }
}

/// Checks what a community has at first, and each change of it.
pub(super) fn check(
    first: CommunityChange,
    changes: Field<Vec<Field<CommunityChange>>>,
    at: usize,
    calendar: &Calendar,
    problems: &Problems<'_>,
) -> Dated<Terms> {
    let mut first = terms(first, "community", at, calendar, problems);
    // What is left out of the first has its default.
    if first.tariff.is_empty() {
        first.tariff.push(TariffConfig::default());
    }
    let first = Terms {
        tariff: first.tariff.into_iter().map(|tariff| tariff.complete(Tariff::PLATFORM)).collect(),
        settings: Some(first.settings.unwrap_or_default()),
        limits: Some(first.limits.unwrap_or_default()),
        power_max: Some(first.power_max.unwrap_or(Power::USUAL)),
    };
    let mut given = Vec::new();
    for (mut change, at) in changes.value.unwrap_or_default().into_iter().filter_map(Field::placed) {
        let day = change_day(std::mem::take(&mut change.from), change.is_empty(), at, "community", calendar, problems);
        let named = terms(change, "community.change", at, calendar, problems);
        given.extend(day.map(|(day, from, at)| Given { day, from, named, at }));
    }
    dated(first, given, "community", problems, |named, before, at| over(named, before, at, problems))
}

fn terms(mut table: CommunityChange, name: &str, at: usize, calendar: &Calendar, problems: &Problems<'_>) -> Terms {
    let tariff = tariff::check(std::mem::take(&mut table.tariff), &format!("{name}.tariff"), calendar, problems);
    let settings = table.settings.value.map(|settings| {
        let settings = settings.into_iter();
        settings.filter_map(|(key, setting)| Some((key, setting.get()?))).collect()
    });
    let limits_at = table.limits.at.unwrap_or(at);
    Terms {
        tariff: tariff.into_iter().collect(),
        settings,
        limits: table.limits.value.map(|keys| limits(keys, &format!("{name}.limits"), limits_at, problems)),
        power_max: table.power_max.get(),
    }
}

fn limits(table: LimitKeys, name: &str, at: usize, problems: &Problems<'_>) -> LimitsConfig {
    let price = PriceLimits::new(table.price_floor.get(), table.price_ceiling.get());
    let price = price.map_err(|error| problems.at(at, format!("{name}: {error} (no price could satisfy both)")));
    let run = Limits {
        fuel: table.fuel.get(),
        memory_bytes: table.memory.get(),
        time: table.time.get(),
        output_bytes: table.output.get(),
    };
    LimitsConfig { price: price.unwrap_or_default(), run }
}

/// What holds where some terms are named over others: in a table only what is named changes, and an empty one takes all back.
fn over(named: &Terms, before: &Terms, at: usize, problems: &Problems<'_>) -> Terms {
    Terms {
        tariff: tariff::over(&named.tariff, &before.tariff),
        settings: match &named.settings {
            Some(named) if !named.is_empty() => Some(settings_over(named, before.settings())),
            named => named.clone().or_else(|| before.settings.clone()),
        },
        limits: match named.limits {
            Some(named) if named != LimitsConfig::default() => {
                Some(limits_over(named, before.limits.unwrap_or_default(), at, problems))
            }
            named => named.or(before.limits),
        },
        power_max: named.power_max.or(before.power_max),
    }
}

fn settings_over(named: &[(String, String)], before: &[(String, String)]) -> Vec<(String, String)> {
    let kept = before.iter().filter(|(key, _)| named.iter().all(|(other, _)| other != key));
    let mut settings: Vec<_> = kept.chain(named).cloned().collect();
    settings.sort();
    settings
}

fn limits_over(named: LimitsConfig, before: LimitsConfig, at: usize, problems: &Problems<'_>) -> LimitsConfig {
    let floor = named.price.floor().or(before.price.floor());
    let ceiling = named.price.ceiling().or(before.price.ceiling());
    let price = PriceLimits::new(floor, ceiling).map_err(|error| {
        let why = "what a change does not name stays as it was";
        problems.at(at, format!("community.change.limits: {error} (no price could satisfy both; {why})"));
    });
    let run = Limits {
        fuel: named.run.fuel.or(before.run.fuel),
        memory_bytes: named.run.memory_bytes.or(before.run.memory_bytes),
        time: named.run.time.or(before.run.time),
        output_bytes: named.run.output_bytes.or(before.run.output_bytes),
    };
    LimitsConfig { price: price.unwrap_or_default(), run }
}
