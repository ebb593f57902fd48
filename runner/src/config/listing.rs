//! Which member lists which meter when: never two at once, in one community or in several.

use std::collections::{BTreeMap, BTreeSet};

use domain::MeterId;
use domain::ownership::Unlisted;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tonic::transport::Uri;

use super::community::{CommunityConfig, Placed};
use super::member::Listing;
use super::meters::MetersSource;
use super::problems::Problems;

/// A listing, and the community that it is in.
#[derive(Clone, Copy)]
struct In<'c> {
    community: &'c CommunityConfig,
    listing: &'c Listing,
}

/// Checks that no meter is in two places at once, and tells every community what others on its Meters service list.
pub(super) fn settle(placed: Vec<Placed>, problems: &Problems<'_>) -> Vec<CommunityConfig> {
    let mut by_meter: BTreeMap<&MeterId, Vec<In<'_>>> = BTreeMap::new();
    for Placed { community, listings, .. } in &placed {
        for listing in listings {
            by_meter.entry(&listing.meter).or_default().push(In { community, listing });
        }
    }
    for listed in by_meter.values() {
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
    tell_takers(&placed, problems);
    let elsewhere: Vec<_> = placed.iter().map(|one| elsewhere(one, &placed)).collect();
    let settled = placed.into_iter().zip(elsewhere);
    settled.map(|(Placed { community, .. }, elsewhere)| CommunityConfig { elsewhere, ..community }).collect()
}

/// Whether two listings of one meter cannot both be. On two Meters services a meter that has the name of a member may be
/// another one; what two lists name is one meter, because prices and payments know it by its name alone.
fn collide(one: In<'_>, other: In<'_>) -> bool {
    let overlap = one.listing.from < other.listing.until && other.listing.from < one.listing.until;
    let is_one_meter =
        service(one.community) == service(other.community) || (one.listing.in_list && other.listing.in_list);
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
fn tell_takers(placed: &[Placed], problems: &Problems<'_>) {
    let takers: Vec<&Placed> = placed.iter().filter(|one| one.community.unlisted == Unlisted::Join).collect();
    for (place, later) in takers.iter().enumerate() {
        let same = |earlier: &&&Placed| service(&earlier.community) == service(&later.community);
        if let Some(earlier) = takers.iter().take(place).find(same) {
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

/// The meters that other communities on a community's Meters service list at any time.
fn elsewhere(one: &Placed, placed: &[Placed]) -> BTreeSet<MeterId> {
    let others = placed.iter().filter(|other| {
        other.community.name != one.community.name && service(&other.community) == service(&one.community)
    });
    others.flat_map(|other| other.listings.iter().map(|listing| listing.meter.clone())).collect()
}

/// What tells one Meters service from another: scheme, host and port of its address, however it is written.
fn service(community: &CommunityConfig) -> String {
    let MetersSource::Service(address) = &community.meters else { return community.meters.to_string() };
    let parts = address.parse::<Uri>().ok().and_then(|uri| {
        let scheme = uri.scheme_str()?.to_lowercase();
        let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
        Some(format!("{scheme}://{}:{port}", uri.host()?.to_lowercase()))
    });
    parts.unwrap_or_else(|| address.clone())
}
