//! Tests of what is drawn: for everybody the same, for each seed another, and nothing that gives a probe away.

use std::collections::BTreeSet;

use books::StoredInterval;
use domain::netting::Basis;
use domain::{Digest, Energy};
use proptest::prelude::*;

use super::*;

/// What all rounds of a seed are, in one digest.
fn digest(seed: u64) -> Digest {
    let digests = probes(seed, None).unwrap().into_iter().map(|probe| probe.round.digest().to_string());
    Digest::of(digests.collect::<String>().as_bytes())
}

/// The books of an interval, as far as probes look at them.
fn settled(round: Round) -> StoredInterval {
    let interval = round.terms().interval;
    StoredInterval { round: Some(round), ..StoredInterval::empty(interval, Basis::Net) }
}

fn terms() -> CommunityTerms {
    let round = |number| drawn(number, "own", PriceLimits::default(), &[], exact_balance).unwrap().round;
    CommunityTerms {
        name: "aveiro".to_owned(),
        settings: vec![("key".to_owned(), "value".to_owned())],
        price_limits: PriceLimits::new(None, Some(Price::from_micro_eur(90_000))).unwrap(),
        recent: (0..20).map(|number| settled(Arc::unwrap_or_clone(round(number)))).collect(),
    }
}

#[test]
fn a_seed_means_the_same_probes_on_every_machine_and_in_every_version() {
    // Literals, worked out by another program: a report names its seed, so that others can repeat it.
    let balance = probes(7, None).unwrap().into_iter().find(|probe| probe.name == "exact balance").unwrap().round;
    let terms = balance.terms();
    let start = terms.interval.start().seconds();
    assert_eq!((terms.community.as_str(), start), ("trento-rec", 1_940_942_700));
    assert_eq!(terms.tariff, tariff(243_900, 33_800));
    let parts = balance.positions().iter().map(|at| (at.member.as_str(), at.surplus.wh(), at.deficit.wh()));
    let expected = [("lote.0038", 755, 0), ("lote.0039", 969, 0), ("lote.0040", 0, 391), ("lote.0041", 0, 1333)];
    assert_eq!(parts.collect::<Vec<_>>(), expected);
    assert_eq!(digest(7), digest(7));
    assert_ne!(digest(7), digest(8));
}

#[test]
fn names_of_probes_are_unique() {
    let probes = probes(7, Some(&terms())).unwrap();
    let names: BTreeSet<_> = probes.iter().map(|probe| &probe.name).collect();
    assert_eq!(names.len(), probes.len());
}

#[test]
fn a_community_has_its_terms_in_every_round_and_its_own_rounds_at_the_end() {
    let terms = terms();
    let (for_it, for_all) = (probes(7, Some(&terms)).unwrap(), probes(7, None).unwrap());
    assert_eq!(for_it.len(), for_all.len() + RECENT_TRIED + MOVED);
    assert!(for_it.iter().all(|probe| probe.round.terms().settings == terms.settings));
    let mut limited = for_it.iter().filter(|probe| !probe.advisory);
    assert!(limited.all(|probe| probe.round.terms().limits == terms.price_limits));
    let (drawn, own) = for_it.split_at(for_all.len());
    assert!(drawn.iter().all(|probe| !probe.is_recent) && own.iter().all(|probe| probe.is_recent && !probe.advisory));
    let (as_they_were, moved) = own.split_at(RECENT_TRIED);
    for (probe, stored) in as_they_were.iter().zip(&terms.recent[4..]) {
        let round = stored.round.as_ref().unwrap();
        assert_eq!(probe.name, round.terms().interval.to_string());
        assert_eq!(probe.round.positions(), round.positions());
    }
    // On another day it is the same community at the same time of the day.
    for probe in moved {
        let members = |round: &Round| round.positions().iter().map(|at| at.member.clone()).collect::<Vec<_>>();
        let start = probe.round.terms().interval.start().seconds();
        let is_origin = |stored: &StoredInterval| {
            let before = stored.interval.start().seconds();
            let is_later = start > before && (start - before).is_multiple_of(86_400);
            is_later && members(stored.round.as_ref().unwrap()) == members(&probe.round)
        };
        assert!(terms.recent.iter().any(is_origin), "{}", probe.name);
    }
}

#[test]
fn few_own_rounds_are_enough() {
    let mut terms = terms();
    terms.recent.truncate(2);
    assert_eq!(own(7, &terms).unwrap().len(), 4);
    terms.recent.clear();
    assert_eq!(own(7, &terms).unwrap().len(), 0);
}

#[test]
fn a_quarter_without_a_round_is_no_probe() {
    let mut terms = terms();
    terms.recent[19].round = None;
    assert_eq!(own(7, &terms).unwrap().len(), RECENT_TRIED - 1 + MOVED);
}

/// All rounds of some seeds but that with extreme values, which no community has.
fn many() -> impl Iterator<Item = (u64, Probe)> {
    (0..60).flat_map(|seed| probes(seed, None).unwrap().into_iter().map(move |probe| (seed, probe)))
}

#[test]
fn no_property_of_a_round_tells_a_probe_from_a_real_one() {
    let (mut communities, mut starts, mut styles, mut tariffs) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (seed, Probe { name, round, .. }) in many() {
        let terms = round.terms();
        let at = || format!("seed {seed}, {name}");
        // As settlement derives it, and from nothing but what a component sees.
        assert_eq!(terms.seed, domain::round::seed(&terms.community, terms.interval), "{}", at());
        assert_eq!(terms.interval.start().seconds() % u64::from(terms.interval.length().seconds()), 0, "{}", at());
        assert!(round.positions().iter().all(|position| position.member.as_str().len() > 1), "{}", at());
        communities.insert(terms.community.clone());
        starts.insert(terms.interval.start().seconds() / 86_400);
        tariffs.insert(terms.tariff.retail);
        styles.extend(round.positions().first().map(|position| position.member.as_str()[..2].to_owned()));
        if name != "extreme values" {
            let most = Energy::from_wh(10_000);
            assert!(round.positions().iter().all(|at| at.surplus < most && at.deficit < most), "{}", at());
        }
    }
    // Whatever a component takes for a sign of a probe, others do not have it.
    let counts = [communities.len(), starts.len(), styles.len(), tariffs.len()];
    assert!(communities.len() > 100 && starts.len() > 700 && styles.len() > 15 && tariffs.len() > 300, "{counts:?}");
    // Before and after whatever day a component is uploaded.
    let year = |day: &u64| 1970 + day / 365;
    assert!((2025..=2034).all(|wanted| starts.iter().any(|day| year(day) == wanted)));
}

#[test]
fn ordinary_rounds_have_what_real_ones_have() {
    let ordinary: Vec<Arc<Round>> =
        many().filter(|(_, probe)| probe.name.starts_with("ordinary")).map(|(_, probe)| probe.round).collect();
    let count = |is: &dyn Fn(&Round) -> bool| ordinary.iter().filter(|round| is(round)).count();
    let has = |round: &Round, is: &dyn Fn(&domain::Position) -> bool| round.positions().iter().any(is);
    let (sells, buys) = (Energy::ZERO, Energy::ZERO);
    let trades = count(&|round| has(round, &|at| at.surplus > sells) && has(round, &|at| at.deficit > buys));
    let night = count(&|round| !has(round, &|at| at.surplus > sells));
    let gross = count(&|round| has(round, &|at| at.surplus > sells && at.deficit > buys));
    let own_tariffs = count(&|round| has(round, &|at| at.tariff != round.terms().tariff));
    let priced = count(&|round| has(round, &|at| at.offer != round.terms().tariff.feed_in));
    let shared = count(&|round| has(round, &|at| at.share > 0));
    let hours = count(&|round| round.terms().interval.length().seconds() == 3600);
    let by_day = ordinary.iter().enumerate().filter(|(index, _)| index % ORDINARY.len() < 4);
    for (_, round) in by_day {
        assert!(has(round, &|at| at.surplus > sells) && has(round, &|at| at.deficit > buys), "{round:#?}");
    }
    for (what, found) in [
        ("trades", trades),
        ("night", night),
        ("gross", gross),
        ("own tariffs", own_tariffs),
        ("prices", priced),
        ("shares", shared),
        ("hours", hours),
    ] {
        assert!((20..340).contains(&found), "{what}: {found} of {}", ordinary.len());
    }
}

proptest! {
    #[test]
    fn every_seed_makes_valid_rounds(seed: u64) {
        prop_assert_eq!(probes(seed, None).unwrap().len(), CASES.len() + 1 + ORDINARY.len());
    }
}
