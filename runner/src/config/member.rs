//! Members: their meters and terms, from when until when, and what changes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::{once, repeat};

use domain::ownership::Tenure;
use domain::{Boundary, MemberId, MeterId, PartialTariff, Power, Price};
use jiff::Timestamp;
use jiff::civil::Date;

use super::dated::{Dated, Given, change_day, dated, placed_day};
use super::problems::Problems;
use super::read::Field;
use super::schema::{Member, MemberChange};
use super::tariff::{self, Calendar, CurrentSeries, TariffConfig, tariff_at};
use super::wallet;

/// What is special about a member.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberConfig {
    /// The first day of its membership; none if it always was a member.
    pub from: Option<Date>,
    /// The first day after it; none if it has no end.
    pub until: Option<Date>,
    /// The meter under which its trades are shown on the platform's wire; none for its own name.
    pub wallet: Option<MeterId>,
    /// The first and the last of these as instants, half-open.
    pub span: (Timestamp, Timestamp),
    /// Its meters and terms, over time.
    pub terms: Dated<MemberTerms>,
}

/// The meters and terms of a member; none of what a change does not name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemberTerms {
    /// Its meters; none for the one of its own name.
    pub meters: Option<Vec<MeterId>>,
    /// Its sharing coefficient, in parts per million.
    pub share: Option<u32>,
    /// Its priority, 0 first.
    pub rank: Option<u32>,
    /// The least price it sells at; none for its feed-in tariff.
    pub offer: Option<Price>,
    /// The highest price it buys at; none for its retail tariff.
    pub bid: Option<Price>,
    /// Its own supplier's tariff, and what it leaves out of those before it. None, or what they leave open, is the
    /// community's.
    pub(super) tariff: Vec<TariffConfig>,
    /// The most power of each of its meters; none for the community's.
    pub power_max: Option<Power>,
}

/// A member's meter for some time, half-open, as the file says it.
pub(super) struct Listing {
    pub(super) member: String,
    pub(super) meter: MeterId,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    /// Whether it stands in a list. Otherwise it is the meter of the member's own name.
    pub(super) in_list: bool,
    /// The table that says so.
    pub(super) at: usize,
}

impl MemberTerms {
    /// Its own tariff of the interval that starts then, as far as it has one.
    pub fn tariff(&self, start: Boundary, series: &CurrentSeries) -> PartialTariff {
        tariff_at(&self.tariff, start, series)
    }

    /// The schedules of its tariff: what each leaves out is in the next.
    pub fn tariffs(&self) -> &[TariffConfig] {
        &self.tariff
    }

    /// What holds where these are named over others.
    fn over(&self, before: &MemberTerms) -> MemberTerms {
        MemberTerms {
            meters: self.meters.clone().or_else(|| before.meters.clone()),
            share: self.share.or(before.share),
            rank: self.rank.or(before.rank),
            offer: self.offer.or(before.offer),
            bid: self.bid.or(before.bid),
            tariff: tariff::over(&self.tariff, &before.tariff),
            power_max: self.power_max.or(before.power_max),
        }
    }
}

impl MemberConfig {
    /// The meters of this member, which has that name, and the times when it has them.
    pub fn tenures(&self, member: &MemberId) -> impl Iterator<Item = (MeterId, Tenure)> {
        self.listings(member, 0, &[]).into_iter().map(|Listing { meter, from, until, .. }| {
            let tenure = Tenure { member: member.clone(), from, until };
            (meter, tenure)
        })
    }

    /// Every meter that is ever listed for it; none for the one of its own name.
    pub fn listed_meters(&self) -> Vec<MeterId> {
        let listed: BTreeSet<&MeterId> = self.terms.spans().flat_map(|(_, _, terms)| &terms.meters).flatten().collect();
        listed.into_iter().cloned().collect()
    }

    /// The meters of this member with a power of their own at an instant.
    pub(super) fn powers(&self, member: &MemberId, at: Timestamp) -> Vec<(MeterId, Power)> {
        let (begins, ends) = self.span;
        let terms = self.terms.at(at);
        let Some(power) = terms.power_max.filter(|_| begins <= at && at < ends) else { return Vec::new() };
        let own: Vec<MeterId> = member.as_str().parse().into_iter().collect();
        terms.meters.as_ref().unwrap_or(&own).iter().map(|meter| (meter.clone(), power)).collect()
    }

    /// What this member lists, with the places in the file of its table and of its changes.
    fn listings(&self, member: &MemberId, at: usize, change_places: &[usize]) -> Vec<Listing> {
        let (begins, ends) = self.span;
        let places = once(at).chain(change_places.iter().copied()).chain(repeat(at));
        let mut listings = Vec::new();
        for ((from, until, terms), at) in self.terms.spans().zip(places) {
            let (from, until) = (from.max(begins), until.min(ends));
            let own: Vec<MeterId> = member.as_str().parse().into_iter().collect();
            let meters = terms.meters.as_ref().unwrap_or(&own).iter().filter(|_| from < until);
            listings.extend(meters.map(|meter| Listing {
                member: member.to_string(),
                meter: meter.clone(),
                from,
                until,
                in_list: terms.meters.is_some(),
                at,
            }));
        }
        listings
    }
}

/// The tables of members, by their names.
pub(super) fn check(
    tables: BTreeMap<String, Field<Member>>,
    calendar: &Calendar,
    problems: &Problems<'_>,
) -> (BTreeMap<MemberId, MemberConfig>, Vec<Listing>) {
    let (mut members, mut listings) = (BTreeMap::new(), Vec::new());
    for (name, table) in tables {
        let path = format!("community.members.{name}");
        let Some((table, at)) = table.placed() else { continue };
        let (member, change_places) = member(table, &name, calendar, problems);
        match name.parse::<MemberId>() {
            Ok(id) => {
                listings.extend(member.listings(&id, at, &change_places));
                members.insert(id, member);
            }
            Err(error) => problems.at(at, format!("{path}: {error}")),
        }
    }
    (members, listings)
}

/// A member, and where its changes stand.
fn member(mut table: Member, name: &str, calendar: &Calendar, problems: &Problems<'_>) -> (MemberConfig, Vec<usize>) {
    let path = &format!("community.members.{name}");
    let first = terms(table.take_terms(), path, calendar, problems);
    // What is left out of the first has its default.
    let first = MemberTerms { share: Some(first.share.unwrap_or(0)), rank: Some(first.rank.unwrap_or(0)), ..first };
    let from = placed_day(table.from, &calendar.zone, &format!("{path}.from"), problems);
    let until = placed_day(table.until, &calendar.zone, &format!("{path}.until"), problems);
    if let (Some((from, ..)), Some((until, _, at))) = (from, until)
        && until <= from
    {
        let way_out = "until is the first day on which it is no member";
        problems.at(at, format!("{path}.until is {until}, but it is from {from} on a member ({way_out})"));
    }
    let mut given = Vec::new();
    for (mut change, at) in table.change.value.unwrap_or_default().into_iter().filter_map(Field::placed) {
        let day = change_day(std::mem::take(&mut change.from), change.is_empty(), at, path, calendar, problems);
        let named = terms(change, &format!("{path}.change"), calendar, problems);
        let Some((day, from_instant, at)) = day else { continue };
        if let Some((from, ..)) = from.filter(|(from, ..)| day <= *from) {
            let way_out = "what holds from the first day on stands in the member's own table";
            problems.at(
                at,
                format!("{path}.change: a change is from {day}, but the membership begins on {from} ({way_out})"),
            );
        }
        if let Some((until, ..)) = until.filter(|(until, ..)| day >= *until) {
            problems.at(
                at,
                format!("{path}.change: a change is from {day}, but the membership ends on {until} (leave it out)"),
            );
        }
        given.push(Given { day, from: from_instant, named, at });
    }
    let change_places = given.iter().map(|given| given.at).collect();
    let mut config = MemberConfig {
        from: from.map(|(day, ..)| day),
        until: until.map(|(day, ..)| day),
        wallet: None,
        span: (from.map_or(Timestamp::MIN, |it| it.1), until.map_or(Timestamp::MAX, |it| it.1)),
        terms: dated(first, given, path, problems, |named, before, _| named.over(before)),
    };
    config.wallet = wallet::check(table.wallet, path, name, &config.listed_meters(), problems);
    (config, change_places)
}

fn terms(table: MemberChange, path: &str, calendar: &Calendar, problems: &Problems<'_>) -> MemberTerms {
    let tariff = tariff::check(table.tariff, &format!("{path}.tariff"), calendar, problems);
    MemberTerms {
        meters: meters(table.meters, path, problems),
        share: table.share.get(),
        rank: table.rank.get(),
        offer: table.offer.get(),
        bid: table.bid.get(),
        tariff: tariff.into_iter().collect(),
        power_max: table.power_max.get(),
    }
}

fn meters(list: Field<Vec<Field<String>>>, path: &str, problems: &Problems<'_>) -> Option<Vec<MeterId>> {
    let (list, at) = list.placed()?;
    if list.is_empty() {
        let way_out = "name one, or leave meters out for the meter of the member's own name";
        problems.at(at, format!("{path}.meters has no meter ({way_out})"));
    }
    let mut meters = Vec::new();
    for (meter, at) in list.into_iter().filter_map(Field::placed) {
        match meter.parse() {
            Ok(meter) if meters.contains(&meter) => {
                problems.at(at, format!("meter {meter} is listed twice in {path}.meters (once is enough)"));
            }
            Ok(meter) => meters.push(meter),
            Err(error) => problems.at(at, format!("{path}.meters: {error}")),
        }
    }
    Some(meters)
}
