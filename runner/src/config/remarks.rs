//! What a configuration may say, but probably does not mean: prices in other units, retail and feed-in swapped, tables that
//! ended long ago.

use std::collections::BTreeSet;

use domain::ownership::Unlisted;
use domain::tariff::{TariffSchedule, TimeOfUse};
use domain::{Boundary, PartialTariff, Price, Tariff};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::tariff::{CurrentSeries, tariff_at};
use super::{CommunityConfig, Config, TariffConfig};

/// The grid charges from a cent to two euro for a kilowatt-hour, at some time at least.
const RETAIL: (i64, i64) = (10_000, 2_000_000);
/// It pays a tenth of a cent to two euro, or nothing.
const FEED_IN: (i64, i64) = (1_000, 2_000_000);
/// Rows of a series that are looked at, the newest.
const ROWS_MAX: usize = 20_000;

impl Config {
    /// What a person should look at again, although nothing is wrong with it, each in one sentence.
    pub fn remarks(&self, now: Timestamp) -> Vec<String> {
        let of = |community: &CommunityConfig| {
            let name = &community.name;
            remarks(community, now)
                .into_iter()
                .map(move |remark| format!("community {name}: {remark}"))
                .collect::<Vec<_>>()
        };
        self.communities.iter().flat_map(of).chain(super::viewers::remarks(self)).collect()
    }
}

fn remarks(community: &CommunityConfig, now: Timestamp) -> Vec<String> {
    let mut remarks = Vec::new();
    if community.unlisted == Unlisted::Ignore && community.members.is_empty() {
        remarks.push("it takes no meter at all (unlisted is \"ignore\", and no member lists any)".to_owned());
    }
    for (from, until, terms) in community.terms.spans() {
        let name = named("tariff", from, &community.zone);
        let prices = Prices::of(terms.tariffs(), (from, until), now, |_| Tariff::PLATFORM);
        remarks.extend(prices.remarks(&name));
        for (key, price) in
            [("price_floor", terms.price_limits().floor()), ("price_ceiling", terms.price_limits().ceiling())]
        {
            remarks.extend(
                price.and_then(|price| units(&named(&format!("limits.{key}"), from, &community.zone), price, FEED_IN)),
            );
        }
    }
    let reference = |start: Boundary| community.terms_at(start).tariff(start, &CurrentSeries::new());
    for (member, config) in &community.members {
        for (from, until, terms) in config.terms.spans() {
            let own = |key: &str| format!("member {member}: {}", named(key, from, &community.zone));
            for (key, price) in [("offer", terms.offer), ("bid", terms.bid)] {
                remarks.extend(price.and_then(|price| units(&own(key), price, FEED_IN)));
            }
            if !terms.tariffs().is_empty() {
                let span = (from.max(config.span.0), until.min(config.span.1));
                let prices = Prices::of(terms.tariffs(), span, now, reference);
                remarks.extend(prices.remarks(&own("tariff")));
            }
        }
    }
    remarks.extend(ended(community, now));
    remarks.extend(community.wallet_remarks());
    // A change that names no tariff has the one before it, with its remarks.
    let mut told = BTreeSet::new();
    remarks.retain(|remark| told.insert(remark.clone()));
    remarks
}

/// A key, and the date from which it has that value, if it is a change.
fn named(key: &str, from: Timestamp, zone: &TimeZone) -> String {
    let day: Date = zone.to_datetime(from).date();
    if from == Timestamp::MIN { key.to_owned() } else { format!("{key} from {day}") }
}

/// Series and holidays that ended.
fn ended(community: &CommunityConfig, now: Timestamp) -> Vec<String> {
    let mut remarks = Vec::new();
    for tariff in community.tariffs() {
        match (&tariff.schedule, &tariff.file) {
            (TariffSchedule::Series(series), Some(file)) => remarks.extend(series.ended(now).map(|last| {
                let file = file.display();
                format!("{file} ends with the row of {last}, which is older than its rows are apart: is one missing?")
            })),
            (TariffSchedule::TimeOfUse(periods), _) if periods.names_holidays() => {
                let newest = periods.holidays.last();
                let a_year_ago = now.checked_sub(SignedDuration::from_hours(366 * 24)).unwrap_or(Timestamp::MIN);
                let a_year_ago = periods.zone.to_datetime(a_year_ago).date();
                remarks.extend(newest.filter(|day| **day < a_year_ago).map(|day| {
                    format!("holidays end with {day}: all days since then are ordinary ones (add those of this year)")
                }));
            }
            _ => {}
        }
    }
    remarks
}

/// The prices that a tariff has at some time.
#[derive(Default)]
struct Prices {
    retail: Option<(Price, Price)>,
    feed_in: Option<(Price, Price)>,
    looked_at: usize,
    /// How often the grid charges less than it pays, and the first time.
    upside_down: usize,
    first: Option<(Boundary, Tariff)>,
}

impl Prices {
    /// Looks at a tariff at times when it may change, within a span; `reference` completes it.
    fn of(
        tariffs: &[TariffConfig],
        (from, until): (Timestamp, Timestamp),
        now: Timestamp,
        reference: impl Fn(Boundary) -> Tariff,
    ) -> Prices {
        let mut prices = Prices::default();
        let times: BTreeSet<Timestamp> = tariffs.iter().flat_map(|tariff| times(tariff, now)).collect();
        let within = times.into_iter().filter(|at| (from..until).contains(at));
        // One at least: when it begins, or now.
        let starts: Vec<Timestamp> = within.chain(Some(if from == Timestamp::MIN { now } else { from })).collect();
        for start in starts.iter().filter_map(|at| Boundary::from_seconds(at.as_second().try_into().ok()?)) {
            let given = tariff_at(tariffs, start, &CurrentSeries::new());
            prices.add(start, given, given.complete(reference(start)));
        }
        prices
    }

    fn add(&mut self, start: Boundary, given: PartialTariff, complete: Tariff) {
        for (range, price) in [(&mut self.retail, given.retail), (&mut self.feed_in, given.feed_in)] {
            let Some(price) = price else { continue };
            let (low, high) = range.unwrap_or((price, price));
            *range = Some((low.min(price), high.max(price)));
        }
        self.looked_at += 1;
        if complete.retail < complete.feed_in {
            self.upside_down += 1;
            self.first.get_or_insert((start, complete));
        }
    }

    fn remarks(&self, name: &str) -> Vec<String> {
        let mut remarks = Vec::new();
        for (key, range, (least, most)) in [("retail", self.retail, RETAIL), ("feed_in", self.feed_in, FEED_IN)] {
            let Some((low, high)) = range else { continue };
            let price = if low.micro_eur() > most { low } else { high };
            remarks.extend(units(&format!("{name}: {key}"), price, (least, most)));
        }
        let Some((start, Tariff { retail, feed_in })) = self.first else { return remarks };
        let (retail, feed_in) = (retail.micro_eur(), feed_in.micro_eur());
        remarks.push(if self.upside_down == self.looked_at {
            format!("{name}: retail {retail} is below feed_in {feed_in}: are they swapped?")
        } else {
            format!(
                "{name}: retail is below feed_in at times ({retail} and {feed_in} at {start}): are they swapped there?"
            )
        });
        remarks
    }
}

/// A remark on a price that would be small or large beyond all experience.
fn units(name: &str, price: Price, (least, most): (i64, i64)) -> Option<String> {
    let micro_eur = price.micro_eur();
    let is_odd = micro_eur != 0 && micro_eur.unsigned_abs() < least.unsigned_abs() || micro_eur > most;
    let eur = eur(micro_eur);
    is_odd.then(|| {
        format!(
            "{name} is {micro_eur} µEUR/kWh, which is {eur} EUR/kWh: is it in another unit? (25 ct/kWh is 250000, 25 EUR/MWh \
             is 25000)"
        )
    })
}

/// An amount in EUR, with as many digits as it has.
fn eur(micro_eur: i64) -> String {
    let (sign, micro) = (if micro_eur < 0 { "-" } else { "" }, micro_eur.unsigned_abs());
    let text = format!("{sign}{}.{:06}", micro / 1_000_000, micro % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Times at which a tariff may have another price than before.
fn times(tariff: &TariffConfig, now: Timestamp) -> Vec<Timestamp> {
    match &tariff.schedule {
        TariffSchedule::Constant(_) => Vec::new(),
        TariffSchedule::Series(series) => {
            let rows = series.rows();
            rows[rows.len().saturating_sub(ROWS_MAX)..].iter().map(|(start, _)| *start).collect()
        }
        TariffSchedule::TimeOfUse(periods) => hours(periods, now),
    }
}

/// Every hour of a week of every month from now on, and of the newest holiday.
fn hours(TimeOfUse { zone, holidays, .. }: &TimeOfUse<PartialTariff>, now: Timestamp) -> Vec<Timestamp> {
    let first = zone.to_datetime(now).date().first_of_month();
    let months = first.series(jiff::Span::new().months(1)).take(12);
    let days = months.flat_map(|month| month.series(jiff::Span::new().days(1)).take(7)).chain(holidays.last().copied());
    let midnights = days.filter_map(|day| super::dated::start_of(day, zone));
    midnights
        .flat_map(|midnight| {
            (0..24).filter_map(move |hour| midnight.checked_add(SignedDuration::from_hours(hour)).ok())
        })
        .collect()
}
