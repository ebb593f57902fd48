//! Which member lists which meter when: never two at once, in one community or in several.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use domain::MeterId;
use domain::ownership::Unlisted;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::community::{CommunityConfig, Placed};
use super::member::Listing;
use super::problems::Problems;

/// A listing, the community that it is in, and the Meters service of that.
#[derive(Clone, Copy)]
struct In<'c> {
    community: &'c CommunityConfig,
    listing: &'c Listing,
    service: &'c str,
}

/// Checks that no meter is in two places at once, and tells every community what is listed on its Meters service.
pub(super) fn settle(placed: Vec<Placed>, problems: &Problems<'_>) -> Vec<CommunityConfig> {
    let services: Vec<String> = placed.iter().map(|one| one.community.meters_service()).collect();
    let mut by_meter: BTreeMap<&MeterId, Vec<In<'_>>> = BTreeMap::new();
    for (Placed { community, listings, .. }, service) in placed.iter().zip(&services) {
        for listing in listings {
            by_meter.entry(&listing.meter).or_default().push(In { community, listing, service });
        }
    }
    for listed in by_meter.values().filter(|listed| listed.len() > 1) {
        let mut told = BTreeSet::new();
        for (place, later) in listed.iter().enumerate() {
            for earlier in listed.iter().take(place).filter(|earlier| collide(**earlier, *later)) {
                // However often their times overlap.
                if told.insert([earlier, later].map(|it| (&it.community.name, &it.listing.member))) {
                    tell(*earlier, *later, problems);
                }
            }
        }
    }
    tell_takers(&placed, &services, problems);
    let shared = listed_on_shared(&placed, &services);
    let settled = placed.into_iter().zip(&services);
    settled
        .map(|(Placed { community, .. }, service)| CommunityConfig {
            elsewhere: shared.get(service.as_str()).cloned().unwrap_or_default(),
            ..community
        })
        .collect()
}

/// Whether two listings of one meter cannot both be. On two Meters services a meter that has the name of a member may be
/// another one; what two lists name is one meter, because prices and payments know it by its name alone.
fn collide(one: In<'_>, other: In<'_>) -> bool {
    let overlap = one.listing.from < other.listing.until && other.listing.from < one.listing.until;
    let is_one_meter = one.service == other.service || (one.listing.in_list && other.listing.in_list);
    let is_one_member = one.community.name == other.community.name && one.listing.member == other.listing.member;
    overlap && is_one_meter && !is_one_member
}

fn tell(earlier: In<'_>, later: In<'_>, problems: &Problems<'_>) {
    let (one, other) = (earlier.listing, later.listing);
    let meter = &other.meter;
    let when = when(one.from.max(other.from), one.until.min(other.until), &later.community.zone);
    if earlier.community.name != later.community.name {
        let of = |it: In<'_>| format!("member {} of community {}", it.listing.member, it.community.name);
        let rule = "a meter is in one community at a time: end one membership before the other begins";
        problems
            .at(other.at, format!("meter {meter} belongs to both {} and {}{when} ({rule})", of(earlier), of(later)));
    } else if let (true, false) | (false, true) = (one.in_list, other.in_list) {
        let (listed, named) = if one.in_list { (one, other) } else { (other, one) };
        let message = format!("has no meter{when}: meter {meter} belongs to {}", listed.member);
        problems.at(named.at, format!("community.members.{} {message} (add meters = [\"…\"])", named.member));
    } else {
        let rule = "a meter has one member at a time: end one membership before the other begins";
        problems
            .at(other.at, format!("meter {meter} belongs to both {} and {}{when} ({rule})", one.member, other.member));
    }
}

/// The time in which two members have a meter, in words; nothing if that is always.
fn when(from: Timestamp, until: Timestamp, zone: &TimeZone) -> String {
    let day = |at: Timestamp| zone.to_datetime(at).date();
    let from = if from == Timestamp::MIN { String::new() } else { format!(" from {}", day(from)) };
    let until = if until == Timestamp::MAX { String::new() } else { format!(" until {}", day(until)) };
    from + &until
}

/// Tells two communities that both take unlisted meters of one Meters service.
fn tell_takers(placed: &[Placed], services: &[String], problems: &Problems<'_>) {
    let mut first: HashMap<&str, &Placed> = HashMap::new();
    let takers = placed.iter().zip(services).filter(|(one, _)| one.community.unlisted == Unlisted::Join);
    for (later, service) in takers {
        let earlier = *first.entry(service).or_insert(later);
        if earlier.community.name != later.community.name {
            let (one, other, meters) = (&earlier.community.name, &later.community.name, &later.community.meters);
            let way_out =
                "each would settle them: set unlisted = \"ignore\" in all but one, and list the meters of the others";
            problems.at(
                later.at,
                format!("communities {one} and {other} both take unlisted meters of {meters} ({way_out})"),
            );
        }
    }
}

/// The meters that are listed at any time on each Meters service that several communities have: one set for all of these, or ten
/// thousand communities would have ten thousand sets of a million meters.
fn listed_on_shared<'s>(placed: &[Placed], services: &'s [String]) -> HashMap<&'s str, Arc<HashSet<MeterId>>> {
    let mut by_service: HashMap<&str, Vec<&Placed>> = HashMap::new();
    for (one, service) in placed.iter().zip(services) {
        by_service.entry(service).or_default().push(one);
    }
    let shared = by_service.into_iter().filter(|(_, communities)| communities.len() > 1);
    let listed = |communities: Vec<&Placed>| {
        communities.into_iter().flat_map(|one| &one.listings).map(|listing| listing.meter.clone()).collect()
    };
    shared.map(|(service, communities)| (service, Arc::new(listed(communities)))).collect()
}
