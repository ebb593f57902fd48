//! One community's part of the configuration.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::Duration;

use domain::netting::Basis;
use domain::round::PriceLimits;
use domain::{IntervalLength, MemberId, MeterId, PartialTariff, Price, PriceRule, Tariff, TariffSchedule};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sandbox::Limits;

use super::problems::Problems;
use super::read::Field;
use super::schema::{Community, Delay, Interval, Is, Limits as LimitKeys, Member, OnFailure};
use super::{tariff, wallet};
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

/// One community.
#[derive(Clone, Debug, PartialEq)]
pub struct CommunityConfig {
    /// Its name, unique within the file.
    pub name: String,
    /// Whose days, months and dates count.
    pub zone: TimeZone,
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
    /// How far the prices that members set count.
    pub prices: PriceRule,
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
    /// The meter under which its trades are shown on the platform's wire; none for its own name.
    pub wallet: Option<MeterId>,
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

impl CommunityConfig {
    /// The meters that members list.
    pub fn listed_meters(&self) -> impl Iterator<Item = &MeterId> {
        self.members.values().flat_map(|member| &member.meters)
    }

    /// Every meter that the configuration knows: a member without a list has the meter of its own name.
    pub fn configured_meters(&self) -> impl Iterator<Item = MeterId> {
        let alone = self.members.iter().filter(|(_, member)| member.meters.is_empty());
        let alone = alone.filter_map(|(name, _)| name.as_str().parse().ok());
        self.listed_meters().cloned().chain(alone)
    }
}

/// Checks a `[[community]]`; `None` if it has no usable name, length, limits or algorithm, and reports that.
pub(super) fn check(table: Community, at: usize, problems: &Problems<'_>) -> Option<CommunityConfig> {
    if table.name.at.is_none() {
        problems.at(at, "a community has no name (add name = \"…\")");
    }
    let meters_is_wrong = table.meters.is_wrong();
    let meters = table.meters.get().unwrap_or_else(|| METERS.to_owned());
    let meters_ca = table.meters_ca.placed().map(|(file, at)| {
        if !meters_is_wrong && !meters.starts_with("https:") {
            let message = format!("meters is {meters:?}, which shows no certificate (use https://)");
            problems.at(at, format!("community.meters_ca is set, but {message}"));
        }
        let way_out = "a PEM file with the authorities of the Meters service's certificate";
        problems.file("community.meters_ca", &file, at, way_out)
    });
    let (interval, tolerance) = timing(table.interval, table.tolerance, problems);
    let algorithm = algorithm(table.algorithm, problems);
    let tariff = tariff::check(table.tariff, "community.tariff", problems);
    let (tariff, tariff_file) = tariff.unwrap_or((TariffSchedule::Constant(PartialTariff::default()), None));
    let settings = table.settings.value.unwrap_or_default().into_iter();
    let settings = settings.filter_map(|(key, setting)| Some((key, setting.get()?))).collect();
    let limits_at = table.limits.at.unwrap_or(at);
    let (price_limits, limits) = limits(table.limits.value.unwrap_or_default(), limits_at, problems);
    let members = members(table.members.value.unwrap_or_default(), problems);
    Some(CommunityConfig {
        name: table.name.get()?,
        zone: table.zone.get().unwrap_or(TimeZone::UTC),
        meters,
        meters_ca,
        meters_timeout: table.meters_timeout.get().unwrap_or(METERS_TIMEOUT),
        from: table.from.get(),
        interval,
        grace: table.grace.get().unwrap_or(GRACE),
        tolerance,
        basis: table.basis.get().unwrap_or_default(),
        algorithm: algorithm?,
        fallback: table.on_failure.get() == Some(OnFailure::Fallback),
        rollback_after: table.rollback_after.get().unwrap_or(ROLLBACK_AFTER),
        tariff: tariff.map(|given| given.complete(Tariff::PLATFORM)),
        tariff_file,
        settings,
        prices: table.prices.get().unwrap_or_default(),
        price_limits: price_limits?,
        limits,
        members,
    })
}

/// The length of intervals, and how far from their boundaries readings may be.
fn timing(
    interval: Field<Is<Interval>>,
    tolerance: Field<Is<Delay>>,
    problems: &Problems<'_>,
) -> (IntervalLength, Duration) {
    let is_wrong = interval.is_wrong();
    let interval = interval.get().unwrap_or(IntervalLength::QUARTER_HOUR);
    let length = Duration::from_secs(interval.seconds().into());
    // As far as intervals are long enough for it.
    let usual = TOLERANCE.min(length / 4);
    let Some((Is(tolerance), at)) = tolerance.placed() else { return (interval, usual) };
    if !is_wrong && tolerance * 2 >= length {
        let rule = format!("less than half the interval of {} s", interval.seconds());
        let why = "or readings could belong to two boundaries";
        problems.at(at, format!("community.tolerance is {tolerance:?}, but {rule} is expected ({why})"));
    }
    (interval, tolerance)
}

fn algorithm(algorithm: Field<String>, problems: &Problems<'_>) -> Option<Reference> {
    let Field { value, at: Some(at) } = algorithm else { return Some(Reference::Base(base::default_base())) };
    let tell = |reason| problems.at(at, format!("community.algorithm: {reason}"));
    let reference =
        Reference::parse_stored(&value?, problems.directory()).map_err(|error| tell(error.to_string())).ok()?;
    if let Reference::File(path) = &reference
        && !path.is_file()
    {
        tell(format!("there is no file {}", path.display()));
    }
    Some(reference)
}

fn limits(table: LimitKeys, at: usize, problems: &Problems<'_>) -> (Option<PriceLimits>, Limits) {
    let price_limits = PriceLimits::new(table.price_floor.get(), table.price_ceiling.get())
        .map_err(|error| problems.at(at, format!("community.limits: {error} (no price could satisfy both)")));
    let limits = Limits {
        fuel: table.fuel.get(),
        memory_bytes: table.memory.get(),
        time: table.time.get(),
        output_bytes: table.output.get(),
    };
    (price_limits.ok(), limits)
}

fn members(tables: BTreeMap<String, Field<Member>>, problems: &Problems<'_>) -> BTreeMap<MemberId, MemberConfig> {
    let mut members = BTreeMap::new();
    let mut owners: HashMap<MeterId, String> = HashMap::new();
    // Without a list a member's meter is the one of its own name.
    let mut without_meters = Vec::new();
    for (name, table) in tables {
        let path = format!("community.members.{name}");
        let Some((table, at)) = table.placed() else { continue };
        if table.meters.at.is_none() {
            without_meters.push((name.clone(), at));
        }
        let member = member(table, &name, &path, problems);
        for meter in &member.meters {
            match owners.insert(meter.clone(), name.clone()) {
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
            Ok(id) => drop(members.insert(id, member)),
            Err(error) => problems.at(at, format!("{path}: {error}")),
        }
    }
    for (name, at) in without_meters {
        let owner = name.parse::<MeterId>().ok().and_then(|meter| owners.get(&meter));
        if let Some(owner) = owner {
            let message = format!("has no meter: meter {name} belongs to {owner} (add meters = [\"…\"])");
            problems.at(at, format!("community.members.{name} {message}"));
        }
    }
    members
}

fn member(table: Member, name: &str, path: &str, problems: &Problems<'_>) -> MemberConfig {
    let mut meters = Vec::new();
    if let Some((list, at)) = table.meters.placed() {
        if list.is_empty() {
            let way_out = "name one, or leave meters out for the meter of the member's own name";
            problems.at(at, format!("{path}.meters has no meter ({way_out})"));
        }
        for (meter, at) in list.into_iter().filter_map(Field::placed) {
            match meter.parse() {
                Ok(meter) => meters.push(meter),
                Err(error) => problems.at(at, format!("{path}.meters: {error}")),
            }
        }
    }
    let (tariff, tariff_file) = tariff::check(table.tariff, &format!("{path}.tariff"), problems).unzip();
    MemberConfig {
        wallet: wallet::check(table.wallet, path, name, &meters, problems),
        meters,
        share: table.share.get().unwrap_or(0),
        rank: table.rank.get().unwrap_or(0),
        offer: table.offer.get(),
        bid: table.bid.get(),
        tariff,
        tariff_file: tariff_file.flatten(),
    }
}
