//! One community's part of the configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use domain::disputes::MeterLimits;
use domain::netting::Basis;
use domain::ownership::{Ownership, Tenure, Unlisted};
use domain::{Boundary, IntervalLength, MemberId, MeterId, PriceRule};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::dated::Dated;
use super::holidays::{self, HolidaysConfig};
use super::member::{self, Listing, MemberConfig};
use super::meters::MetersSource;
use super::problems::Problems;
use super::read::Field;
use super::schema::{Community, Delay, Interval, Is, OnFailure};
use super::shares;
use super::tariff::{Calendar, TariffConfig};
use super::terms::{self, Terms};
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
    /// Its Meters service.
    pub meters: MetersSource,
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
    /// Its tariff, the settings for its algorithm, and limits, over time.
    pub terms: Dated<Terms>,
    /// How far the prices that members set count.
    pub prices: PriceRule,
    /// What becomes of meters that no member lists.
    pub unlisted: Unlisted,
    /// Its holidays; none if it names none.
    pub holidays: Option<HolidaysConfig>,
    /// Members that have several meters or terms of their own.
    pub members: BTreeMap<MemberId, MemberConfig>,
    /// Meters that other communities on the same Meters service list: they never join this one.
    pub elsewhere: BTreeSet<MeterId>,
}

/// A community, where its table stands, and what its members list.
pub(super) struct Placed {
    pub(super) community: CommunityConfig,
    pub(super) at: usize,
    pub(super) listings: Vec<Listing>,
}

impl CommunityConfig {
    /// The terms of the interval that starts then.
    pub fn terms_at(&self, start: Boundary) -> &Terms {
        self.terms.at(start.timestamp())
    }

    /// The keys of all settings that its algorithm ever has.
    pub fn settings_keys(&self) -> impl Iterator<Item = &str> {
        self.terms.spans().flat_map(|(_, _, terms)| terms.settings()).map(|(key, _)| key.as_str())
    }

    /// Every meter that any member has at any time. A member without a list has the meter of its own name.
    pub fn configured_meters(&self) -> BTreeSet<MeterId> {
        self.tenures().map(|(meter, _)| meter).collect()
    }

    /// Whose each meter is, and when.
    pub fn ownership(&self) -> Ownership {
        Ownership::over_time(self.tenures(), self.unlisted, self.elsewhere.iter().cloned().collect())
    }

    fn tenures(&self) -> impl Iterator<Item = (MeterId, Tenure)> {
        self.members.iter().flat_map(|(member, config)| config.tenures(member))
    }

    /// Every tariff that ever holds here, with its name in messages: the community's own and those of members.
    pub fn tariffs(&self) -> impl Iterator<Item = &TariffConfig> {
        let own = self.terms.spans().flat_map(|(_, _, terms)| terms.tariffs());
        let members = self.members.values().flat_map(|member| member.terms.spans());
        own.chain(members.flat_map(|(_, _, terms)| terms.tariffs()))
    }

    /// The most power of each meter, that of its member or the community's, from each instant on at which it changes.
    pub fn meter_limits(&self) -> Vec<(Timestamp, MeterLimits)> {
        let own = self.terms.spans().map(|(from, ..)| from);
        let members = self.members.values();
        let members = members.flat_map(|member| {
            let (begins, ends) = member.span;
            member.terms.spans().map(|(from, ..)| from).chain([begins, ends])
        });
        let instants: BTreeSet<Timestamp> = own.chain(members).collect();
        let mut limits: Vec<_> = instants.into_iter().map(|at| (at, self.meter_limits_at(at))).collect();
        limits.dedup_by(|next, before| next.1 == before.1);
        limits
    }

    /// The most power of each meter at an instant.
    pub fn meter_limits_at(&self, at: Timestamp) -> MeterLimits {
        let own = self.members.iter().flat_map(|(member, config)| config.powers(member, at));
        MeterLimits { usual: self.terms.at(at).power_max(), own: own.collect() }
    }
}

/// Checks a `[[community]]`; `None` if it has no usable name or algorithm, and reports that.
pub(super) fn check(mut table: Community, at: usize, problems: &Problems<'_>) -> Option<Placed> {
    if table.name.at.is_none() {
        problems.at(at, "a community has no name (add name = \"…\")");
    }
    let first = table.take_terms();
    let meters_is_wrong = table.meters.is_wrong();
    let meters = table.meters.get().unwrap_or_else(|| MetersSource::Service(METERS.to_owned()));
    let meters_ca = table.meters_ca.placed().map(|(file, at)| {
        let is_shown = matches!(&meters, MetersSource::Service(address) if address.starts_with("https:"));
        if !meters_is_wrong && !is_shown {
            let message = format!("meters is \"{meters}\", which shows no certificate (use https://)");
            problems.at(at, format!("community.meters_ca is set, but {message}"));
        }
        let way_out = "a PEM file with the authorities of the Meters service's certificate";
        problems.file("community.meters_ca", &file, at, way_out)
    });
    // One that is wrong takes nothing, so that nobody is told of what may not be meant.
    let unlisted = if table.unlisted.is_wrong() { Unlisted::Ignore } else { table.unlisted.get().unwrap_or_default() };
    let (interval, tolerance) = timing(table.interval, table.tolerance, problems);
    let algorithm = algorithm(table.algorithm, problems);
    let (zone, holidays) = (table.zone.get(), holidays::check(table.holidays, problems));
    let calendar = Calendar {
        has_zone: zone.is_some(),
        zone: zone.unwrap_or(TimeZone::UTC),
        holidays: holidays.as_ref().map(|holidays| holidays.dates.clone()),
    };
    let mut members = table.members.value.unwrap_or_default();
    shares::give(table.shares, &mut members, problems);
    let (members, listings) = member::check(members, &calendar, problems);
    let terms = terms::check(first, table.change, at, &calendar, problems);
    let community = CommunityConfig {
        name: table.name.get()?,
        zone: calendar.zone,
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
        terms,
        prices: table.prices.get().unwrap_or_default(),
        unlisted,
        holidays,
        members,
        elsewhere: BTreeSet::new(),
    };
    Some(Placed { community, at, listings })
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
