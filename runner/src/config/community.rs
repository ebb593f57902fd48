//! One community's part of the configuration.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::netting::Basis;
use domain::round::PriceLimits;
use domain::{IntervalLength, MemberId, MeterId, PartialTariff, Price, Tariff, TariffSchedule};
use jiff::Timestamp;
use sandbox::Limits;
use toml::de::DeValue;

use super::overrides::Set;
use super::reader::{Found, Problems, Table, parse_bytes, setting};
use super::tariff::{self, price};
use base::Reference;

/// The platform's Meters service in the stack.
const METERS: &str = "http://meters:5049";
/// How long one request for readings may take: a page of a large community is megabytes.
const METERS_TIMEOUT: Duration = Duration::from_secs(30);
/// How long after an interval's end it is settled: meters report within minutes.
const GRACE: Duration = Duration::from_secs(5 * 60);
/// How far from a boundary a reading may be: meters' clocks and collectors drift by seconds. Of intervals below eight
/// minutes it is a quarter.
const TOLERANCE: Duration = Duration::from_secs(2 * 60);
/// After how many failures an activated algorithm is rolled back: once may be the machine's fault, three times is not.
const ROLLBACK_AFTER: u32 = 3;
/// The whole of a community, in parts per million.
const SHARE_MAX: u32 = 1_000_000;

/// One community.
#[derive(Clone, Debug, PartialEq)]
pub struct CommunityConfig {
    /// Its name, unique within the file.
    pub name: String,
    /// Address of its Meters service.
    pub meters: String,
    /// A PEM file with the authorities of its certificate; none for the machine's own.
    pub meters_ca: Option<PathBuf>,
    /// How long one request to it may take.
    pub meters_timeout: Duration,
    /// Settle nothing that starts before; none for the oldest reading.
    pub from: Option<Timestamp>,
    /// Length of its intervals.
    pub interval: IntervalLength,
    /// How long after an interval's end it is settled.
    pub grace: Duration,
    /// How far from a boundary a reading may be.
    pub tolerance: Duration,
    /// How import and export become surplus and deficit.
    pub basis: Basis,
    /// Its algorithm.
    pub algorithm: Reference,
    /// Whether a failure settles with public-grid instead of holding the community up.
    pub fallback: bool,
    /// After how many failures within a day an activated algorithm is rolled back; 0 for never.
    pub rollback_after: u32,
    /// Its reference tariff.
    pub tariff: TariffSchedule,
    /// The file that is its series, if it is one.
    pub tariff_file: Option<PathBuf>,
    /// Settings for the algorithm.
    pub settings: Vec<(String, String)>,
    /// Limits on prices between members.
    pub price_limits: PriceLimits,
    /// Limits on runs.
    pub limits: Limits,
    /// Members that have several meters or terms of their own.
    pub members: BTreeMap<MemberId, MemberConfig>,
}

/// What is special about a member.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberConfig {
    /// Its meters.
    pub meters: Vec<MeterId>,
    /// Its sharing coefficient, in parts per million.
    pub share: u32,
    /// Its priority, 0 first.
    pub rank: u32,
    /// The least price it sells at; none for its feed-in tariff.
    pub offer: Option<Price>,
    /// The highest price it buys at; none for its retail tariff.
    pub bid: Option<Price>,
    /// Its own supplier's tariff; none, or where it leaves a half open, for the community's.
    pub tariff: Option<TariffSchedule<PartialTariff>>,
    /// The file that is its series, if it is one.
    pub tariff_file: Option<PathBuf>,
}

/// Reads a `[[community]]`; `None` if it has no usable name, length, limits or algorithm, which is then told.
pub(super) fn read(mut table: Table<'_, '_>, directory: &Path, problems: &mut Problems<'_>) -> Option<CommunityConfig> {
    let at = table.at();
    let name = table.parsed("name", "a name of 1 to 64 characters without control characters", problems, |text| {
        let usable = !text.is_empty() && text.chars().count() <= 64 && !text.chars().any(char::is_control);
        usable.then(|| text.to_owned())
    });
    if name.is_none() && table.place("name").is_none() {
        problems.at(at, "a community has no name (add name = \"…\")".to_owned());
    }
    let (meters, meters_ca) = meters(&mut table, directory, problems);
    let meters_timeout = table.duration("meters_timeout", problems).map_or(METERS_TIMEOUT, |found| found.value);
    let from = table.value("from", "a time (RFC 3339, such as 2023-09-01T00:00:00Z)", problems, |value| match value {
        DeValue::String(text) => text.parse().ok(),
        DeValue::Datetime(time) => time.to_string().parse().ok(),
        _ => None,
    });
    let (interval, grace, tolerance) = timing(&mut table, problems);
    let basis = table.parsed("basis", "\"net\" or \"gross\"", problems, |text| match text {
        "net" => Some(Basis::Net),
        "gross" => Some(Basis::Gross),
        _ => None,
    });
    let fallback = table.parsed("on_failure", "\"hold\" or \"fallback\"", problems, |text| match text {
        "hold" => Some(false),
        "fallback" => Some(true),
        _ => None,
    });
    let algorithm = algorithm(&mut table, directory, problems);
    let rollback_after = table.integer("rollback_after", "a number of failures, 0 for never", problems);
    let tariff = tariff::read(&mut table, directory, problems);
    let (tariff, tariff_file) = tariff.unwrap_or((TariffSchedule::Constant(PartialTariff::default()), None));
    let settings = settings(&mut table, problems);
    let (price_limits, limits) = limits(&mut table, problems);
    let members = members(&mut table, directory, problems);
    table.finish(problems);
    Some(CommunityConfig {
        name: name?.value,
        meters,
        meters_ca,
        meters_timeout,
        from: from.map(|found| found.value),
        interval: interval?,
        grace,
        tolerance,
        basis: basis.map_or_else(Basis::default, |found| found.value),
        algorithm: algorithm?,
        fallback: fallback.is_some_and(|found| found.value),
        rollback_after: rollback_after.map_or(ROLLBACK_AFTER, |found| found.value),
        tariff: tariff.map(|given| given.complete(Tariff::PLATFORM)),
        tariff_file,
        settings,
        price_limits: price_limits?,
        limits,
        members,
    })
}

/// The Meters service, and whom to believe that it is it.
fn meters(table: &mut Table<'_, '_>, directory: &Path, problems: &mut Problems<'_>) -> (String, Option<PathBuf>) {
    let told = problems.found.len();
    let address = table.parsed("meters", "an http:// or https:// address", problems, |text| {
        super::is_http_address(text).then(|| text.to_owned())
    });
    let right = problems.found.len() == told;
    let address = address.map_or_else(|| METERS.to_owned(), |found| found.value);
    let name = table.path("meters_ca");
    let ca = table.string("meters_ca", problems).map(|Found { value, at }| Set { value, name, at: Some(at) });
    if let Some(ca) = ca.as_ref().filter(|_| right && !address.starts_with("https:")) {
        let message =
            format!("{} is set, but meters is {address:?}, which shows no certificate (use https://)", ca.name);
        problems.somewhere(ca.at, message);
    }
    let way_out = "a PEM file with the authorities of the Meters service's certificate";
    (address, ca.map(|ca| ca.file(way_out, directory, problems)))
}

fn timing(table: &mut Table<'_, '_>, problems: &mut Problems<'_>) -> (Option<IntervalLength>, Duration, Duration) {
    let expected = "whole seconds from \"1m\" to \"1d\"";
    let interval = table.parsed("interval", expected, problems, |text| {
        let length = super::parse_duration(&text.replace("1d", "24h"))?;
        let seconds = u32::try_from(length.as_secs()).ok().filter(|_| length.subsec_nanos() == 0)?;
        IntervalLength::from_seconds(seconds).ok()
    });
    let given = table.place("interval").is_some();
    let interval = interval.map(|found| found.value).or((!given).then_some(IntervalLength::QUARTER_HOUR));
    let grace = table.delay("grace", problems).map_or(GRACE, |found| found.value);
    let tolerance = table.delay("tolerance", problems);
    if let (Some(length), Some(Found { value, at })) = (interval, &tolerance)
        && *value * 2 >= Duration::from_secs(u64::from(length.seconds()))
    {
        let rule = format!("less than half the interval of {} s", length.seconds());
        problems.at(
            *at,
            format!(
                "community.tolerance is {value:?}, but {rule} is expected (or readings could belong to two boundaries)"
            ),
        );
    }
    // As far as intervals are long enough for it.
    let usual = interval.map_or(TOLERANCE, |length| TOLERANCE.min(Duration::from_secs(length.seconds().into()) / 4));
    (interval, grace, tolerance.map_or(usual, |found| found.value))
}

fn algorithm(table: &mut Table<'_, '_>, directory: &Path, problems: &mut Problems<'_>) -> Option<Reference> {
    let Some(found) = table.string("algorithm", problems) else {
        let given = table.place("algorithm").is_some();
        return (!given).then_some(Reference::Base(base::default_base()));
    };
    match Reference::parse_stored(found.value, directory) {
        Ok(reference) => {
            if let Reference::File(path) = &reference
                && !path.is_file()
            {
                problems.at(found.at, format!("community.algorithm: there is no file {}", path.display()));
            }
            Some(reference)
        }
        Err(error) => {
            problems.at(found.at, format!("community.algorithm: {error}"));
            None
        }
    }
}

fn settings(table: &mut Table<'_, '_>, problems: &mut Problems<'_>) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    for (key, at, value) in table.table("settings", problems).entries() {
        match setting(value) {
            Some(value) => settings.push((key.to_owned(), value)),
            None => problems.at(at, format!("community.settings.{key} must be a text or a number")),
        }
    }
    settings
}

fn limits(table: &mut Table<'_, '_>, problems: &mut Problems<'_>) -> (Option<PriceLimits>, Limits) {
    let mut table = table.table("limits", problems);
    let floor = price(&mut table, "price_floor", problems);
    let ceiling = price(&mut table, "price_ceiling", problems);
    let price_limits = PriceLimits::new(floor, ceiling);
    if let Err(error) = &price_limits {
        problems.at(table.at(), format!("community.limits: {error} (no price could satisfy both)"));
    }
    let bytes = |value: &DeValue<'_>| match value {
        DeValue::String(text) => parse_bytes(text),
        DeValue::Integer(number) => parse_bytes(number.as_str()),
        _ => None,
    };
    let size = "a size above 0 (such as \"256MiB\")";
    let limits = Limits {
        fuel: table
            .value("fuel", "a whole number above 0", problems, |value| {
                value.as_integer()?.as_str().parse().ok().filter(|fuel| *fuel > 0)
            })
            .map(|found| found.value),
        memory_bytes: table.value("memory", size, problems, bytes).map(|found| found.value),
        time: table.duration("time", problems).map(|found| found.value),
        output_bytes: table.value("output", size, problems, bytes).map(|found| found.value),
    };
    table.finish(problems);
    (price_limits.ok(), limits)
}

fn members(
    table: &mut Table<'_, '_>,
    directory: &Path,
    problems: &mut Problems<'_>,
) -> BTreeMap<MemberId, MemberConfig> {
    let mut members = BTreeMap::new();
    let mut owners: HashMap<MeterId, String> = HashMap::new();
    let tables = table.table("members", problems);
    for (name, at, value) in tables.entries() {
        let path = tables.path(name);
        let entries = value.as_table();
        if entries.is_none() {
            problems.at(at, format!("{path} must be a table"));
        }
        let mut table = Table::new(&path, entries, at);
        let member = member(&mut table, directory, problems);
        table.finish(problems);
        for meter in &member.meters {
            match owners.insert(meter.clone(), name.to_owned()) {
                Some(other) if other == name => {
                    problems.at(at, format!("meter {meter} is listed twice in {path}.meters (once is enough)"));
                }
                Some(other) => {
                    problems
                        .at(at, format!("meter {meter} belongs to both {other} and {name} (a meter has one member)"));
                }
                None => {}
            }
        }
        match name.parse::<MemberId>() {
            Ok(id) => {
                members.insert(id, member);
            }
            Err(error) => problems.at(at, format!("{path}: {error}")),
        }
    }
    for (name, at, value) in tables.entries() {
        let lists = value.as_table().is_some_and(|table| table.contains_key("meters"));
        let owner = name.parse::<MeterId>().ok().and_then(|meter| owners.get(&meter));
        // Without a list its meter is the one of its own name.
        if let Some(owner) = owner.filter(|owner| *owner != name && !lists) {
            problems.at(
                at,
                format!("{} has no meter: meter {name} belongs to {owner} (add meters = [\"…\"])", tables.path(name)),
            );
        }
    }
    members
}

fn member(table: &mut Table<'_, '_>, directory: &Path, problems: &mut Problems<'_>) -> MemberConfig {
    let told = problems.found.len();
    let mut meters = Vec::new();
    for found in table.strings("meters", problems) {
        match found.value.parse() {
            Ok(meter) => meters.push(meter),
            Err(error) => problems.at(found.at, format!("{}: {error}", table.path("meters"))),
        }
    }
    if let Some(at) = table.place("meters").filter(|_| meters.is_empty() && problems.found.len() == told) {
        let way_out = "name one, or leave meters out for the meter of the member's own name";
        problems.at(at, format!("{} has no meter ({way_out})", table.path("meters")));
    }
    let share = table.value("share", "parts per million, from 0 to 1000000", problems, |value| {
        value.as_integer()?.as_str().parse().ok().filter(|share| *share <= SHARE_MAX)
    });
    let (tariff, tariff_file) = tariff::read(table, directory, problems).unzip();
    MemberConfig {
        meters,
        share: share.map_or(0, |found| found.value),
        rank: table.integer("rank", "a whole number, 0 first", problems).map_or(0, |found| found.value),
        offer: price(table, "offer", problems),
        bid: price(table, "bid", problems),
        tariff,
        tariff_file: tariff_file.flatten(),
    }
}
