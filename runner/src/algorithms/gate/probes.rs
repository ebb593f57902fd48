//! The rounds that an algorithm must clear: edge cases, and those that its community settled last.

use std::borrow::Cow;
use std::sync::Arc;

use domain::round::{InvalidRound, PriceLimits, Terms};
use domain::{Boundary, Energy, Interval, IntervalLength, Position, Price, Round, Tariff};

use super::CommunityTerms;

pub(super) struct Probe {
    pub(super) name: Cow<'static, str>,
    pub(super) round: Arc<Round>,
    /// Whether a failure is only noted, because the round matters only for unusual communities.
    pub(super) advisory: bool,
    /// Whether it is a round that the community has settled.
    pub(super) is_recent: bool,
}

/// 2023-09-01T12:00:00Z, the example of the documentation.
const START: u64 = 1_693_569_600;
const RETAIL: i64 = 162_400;
const FEED_IN: i64 = 30_000;

/// A position of a probe: surplus, deficit, offer, bid.
type Part = (u64, u64, i64, i64);

/// All probes: edge cases with the settings and price limits of a community, if any, and then its own rounds.
pub(super) fn probes(terms: Option<&CommunityTerms>) -> Result<Vec<Probe>, InvalidRound> {
    let settings = terms.map_or(&[][..], |terms| &terms.settings);
    let limits = terms.map_or_else(PriceLimits::default, |terms| terms.price_limits);
    let made = |(name, parts)| Ok(probe(name, round(limits, settings, parts)?, false));
    let mut probes = cases().into_iter().map(made).collect::<Result<Vec<_>, InvalidRound>>()?;
    let narrow = PriceLimits::new(Some(Price::from_micro_eur(100_000)), Some(Price::from_micro_eur(110_000)))?;
    let parts = [(900, 0), (0, 700), (0, 700)].map(|(surplus, deficit)| (surplus, deficit, FEED_IN, RETAIL));
    probes.push(probe("price limits", round(narrow, settings, parts.to_vec())?, true));
    for recent in terms.map_or(&[][..], |terms| &terms.recent) {
        let terms = Terms { limits, settings: settings.to_vec(), ..recent.terms().clone() };
        let again = Round::new(terms, recent.positions().to_vec())?;
        probes.push(Probe { is_recent: true, ..probe(recent.terms().interval.to_string(), again, false) });
    }
    Ok(probes)
}

fn probe(name: impl Into<Cow<'static, str>>, round: Round, advisory: bool) -> Probe {
    Probe { name: name.into(), round: Arc::new(round), advisory, is_recent: false }
}

fn cases() -> Vec<(&'static str, Vec<Part>)> {
    let at_tariff = |surplus, deficit| (surplus, deficit, FEED_IN, RETAIL);
    let most = u64::MAX;
    vec![
        ("empty", vec![]),
        ("one member", vec![at_tariff(1500, 0)]),
        ("all surplus", (1..6).map(|n| at_tariff(100 * n + 33, 0)).collect()),
        ("all deficit", (1..6).map(|n| at_tariff(0, 100 * n + 33)).collect()),
        ("exact balance", vec![at_tariff(700, 0), at_tariff(300, 0), at_tariff(0, 400), at_tariff(0, 600)]),
        ("ties", (0..12).map(|n| if n % 3 == 0 { (7, 0, 50_000, 50_000) } else { (0, 5, 50_000, 50_000) }).collect()),
        ("zeros", (0..4).map(|_| at_tariff(0, 0)).collect()),
        ("no prices cross", vec![(1000, 0, 200_000, 210_000), (0, 1000, 10_000, 20_000)]),
        ("both at once", vec![at_tariff(500, 300), at_tariff(0, 400), at_tariff(200, 200)]),
        ("negative prices", vec![(900, 0, -50_000, -10_000), (0, 800, -60_000, -20_000), (0, 1, 0, 0)]),
        (
            "extreme values",
            vec![
                (most, 0, i64::MIN, i64::MAX),
                (most, 0, i64::MAX, i64::MIN),
                (0, most, i64::MIN, i64::MAX),
                (0, 1, i64::MAX, i64::MAX),
            ],
        ),
        ("many members", (0..1000).map(drawn).collect()),
    ]
}

/// A pseudo-random position of a large community, the same on every run.
fn drawn(number: u64) -> (u64, u64, i64, i64) {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    let energy = mixed % 4000;
    let price = i64::try_from(mixed % 130_000).unwrap_or(0) + FEED_IN;
    if mixed & (1 << 40) == 0 { (energy, 0, price, RETAIL) } else { (0, energy, FEED_IN, price) }
}

fn round(limits: PriceLimits, settings: &[(String, String)], parts: Vec<Part>) -> Result<Round, InvalidRound> {
    let tariff = Tariff { retail: Price::from_micro_eur(RETAIL), feed_in: Price::from_micro_eur(FEED_IN) };
    let start = Boundary::from_seconds(START);
    let interval = start.and_then(|start| Interval::starting(start, IntervalLength::QUARTER_HOUR));
    let positions = parts.into_iter().enumerate().map(|(number, (surplus, deficit, offer, bid))| Position {
        #[allow(clippy::expect_used, reason = "OK because the name is a letter and digits")]
        member: format!("m{number:04}").parse().expect("a plain name is a member's"),
        surplus: Energy::from_wh(surplus),
        deficit: Energy::from_wh(deficit),
        offer: Price::from_micro_eur(offer),
        bid: Price::from_micro_eur(bid),
        tariff,
        share: 0,
        rank: 0,
    });
    let terms = Terms {
        community: "probe".to_owned(),
        #[allow(clippy::expect_used, reason = "OK because START is a constant within range")]
        interval: interval.expect("a constant start is an interval's"),
        tariff,
        limits,
        seed: 7,
        settings: settings.to_vec(),
    };
    Round::new(terms, positions.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> CommunityTerms {
        CommunityTerms {
            settings: vec![("key".to_owned(), "value".to_owned())],
            price_limits: PriceLimits::new(None, Some(Price::from_micro_eur(90_000))).unwrap(),
            recent: vec![round(PriceLimits::default(), &[], vec![(5, 0, 1, 2)]).unwrap()],
        }
    }

    #[test]
    fn names_of_probes_are_unique() {
        let probes = probes(Some(&terms())).unwrap();
        let mut names: Vec<_> = probes.iter().map(|probe| &probe.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), probes.len());
    }

    #[test]
    fn a_community_has_its_terms_in_every_round_and_its_own_rounds_at_the_end() {
        let terms = terms();
        let (for_it, for_all) = (probes(Some(&terms)).unwrap(), probes(None).unwrap());
        assert_eq!(for_it.len(), for_all.len() + 1);
        assert!(for_it.iter().all(|probe| probe.round.terms().settings == terms.settings));
        let limited = for_it.iter().filter(|probe| !probe.advisory);
        assert!(limited.clone().all(|probe| probe.round.terms().limits == terms.price_limits));
        let last = for_it.last().unwrap();
        assert_eq!((last.name.as_ref(), last.advisory), ("2023-09-01T12:00:00Z/900s", false));
        assert_eq!(last.round.positions(), terms.recent[0].positions());
    }
}
