//! The rounds that an algorithm must clear: edge cases and ordinary ones, drawn anew for each examination, and those that
//! a community settled last.

mod scene;

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::Arc;

use domain::round::{InvalidRound, PriceLimits, Terms};
use domain::{Price, Round};

use super::CommunityTerms;
use super::draw::Draw;
use scene::{Part, Scene, moved, tariff};

pub(super) struct Probe {
    pub(super) name: Cow<'static, str>,
    pub(super) round: Arc<Round>,
    /// Whether a failure is only noted, because the round matters only for unusual communities.
    pub(super) advisory: bool,
    /// Whether it is a round that the community has settled, as it was or moved to another day.
    pub(super) is_recent: bool,
}

/// Number of the community's own rounds that are tried: four hours of quarter-hours.
const RECENT_TRIED: usize = 16;
/// How many of its own rounds are tried once more, on another day: a component may wait for a date.
const MOVED: usize = 4;
/// Ordinary rounds of 5 to 40 members: how many, and the quarters of the day in which they start. There is something to
/// trade by day.
const ORDINARY: [RangeInclusive<u64>; 6] = [DAY, DAY, DAY, DAY, 0..=95, 0..=20];
const DAY: RangeInclusive<u64> = 38..=62;

/// All probes with this seed: those of everybody with the settings and price limits of a community, if any, and then its
/// own rounds.
pub(super) fn probes(seed: u64, terms: Option<&CommunityTerms>) -> Result<Vec<Probe>, InvalidRound> {
    let settings = terms.map_or(&[][..], |terms| &terms.settings);
    let limits = terms.map_or_else(PriceLimits::default, |terms| terms.price_limits);
    let mut probes = Vec::new();
    for (name, parts) in CASES {
        probes.push(drawn(seed, name, limits, settings, parts)?);
    }
    probes.push(narrow(seed, settings)?);
    for (number, quarters) in (1..).zip(ORDINARY) {
        let parts = |draw: &mut Draw, scene: &mut Scene| ordinary(draw, scene, &quarters);
        probes.push(drawn(seed, format!("ordinary {number}"), limits, settings, parts)?);
    }
    if let Some(terms) = terms {
        probes.extend(own(seed, terms)?);
    }
    Ok(probes)
}

fn probe(name: impl Into<Cow<'static, str>>, round: Round) -> Probe {
    Probe { name: name.into(), round: Arc::new(round), advisory: false, is_recent: false }
}

fn drawn(
    seed: u64,
    name: impl Into<Cow<'static, str>>,
    limits: PriceLimits,
    settings: &[(String, String)],
    parts: impl Fn(&mut Draw, &mut Scene) -> Vec<Part>,
) -> Result<Probe, InvalidRound> {
    let name = name.into();
    let mut draw = Draw::new(seed, &name);
    let mut scene = Scene::draw(&mut draw);
    let parts = parts(&mut draw, &mut scene);
    Ok(probe(name, scene.round(&mut draw, limits, settings, &parts)?))
}

/// A round with narrow limits, which most communities do not have.
fn narrow(seed: u64, settings: &[(String, String)]) -> Result<Probe, InvalidRound> {
    let name = "price limits";
    let mut draw = Draw::new(seed, name);
    let scene = Scene::draw(&mut draw);
    let (feed_in, retail) = prices(&scene);
    let part = |percent| Price::from_micro_eur(feed_in + (retail - feed_in) / 100 * percent);
    let limits = PriceLimits::new(Some(part(55)), Some(part(60)))?;
    let sizes = [(900, 0), (0, 700), (0, 700)];
    let parts = sizes.map(|(most, least)| at_tariff(&scene, wh(&mut draw, most), wh(&mut draw, least)));
    Ok(Probe { advisory: true, ..probe(name, scene.round(&mut draw, limits, settings, &parts)?) })
}

/// The community's own rounds: the last ones as they were, and some of them on another day.
fn own(seed: u64, terms: &CommunityTerms) -> Result<Vec<Probe>, InvalidRound> {
    let rounds: Vec<Round> = terms.last_rounds(RECENT_TRIED).collect::<Result<_, _>>()?;
    let mut probes = Vec::new();
    for number in 0..MOVED.min(rounds.len()) {
        let name = format!("own round on another day {}", number + 1);
        let mut draw = Draw::new(seed, &name);
        let index = usize::try_from(draw.between(0, rounds.len() as u64 - 1)).unwrap_or(0);
        if let Some(round) = rounds.get(index) {
            probes.push(Probe { is_recent: true, ..probe(name, moved(&mut draw, round)?) });
        }
    }
    let as_they_were = rounds.into_iter().map(|round| {
        let name = round.terms().interval.to_string();
        Probe { is_recent: true, ..probe(name, round) }
    });
    Ok(as_they_were.chain(probes).collect())
}

impl CommunityTerms {
    /// The last rounds that the community settled, with its settings and limits of today, the oldest first.
    fn last_rounds(&self, most: usize) -> impl Iterator<Item = Result<Round, InvalidRound>> {
        let skipped = self.recent.len().saturating_sub(most);
        let rounds = self.recent.iter().skip(skipped).filter_map(|stored| stored.round.as_ref());
        rounds.map(|round| self.today(round, &self.settings))
    }

    /// A settled round with these settings and the limits of today.
    pub(super) fn today(&self, round: &Round, settings: &[(String, String)]) -> Result<Round, InvalidRound> {
        let terms = Terms { limits: self.price_limits, settings: settings.to_vec(), ..round.terms().clone() };
        Round::new(terms, round.positions().to_vec())
    }
}

/// A case: its name, and what its members bring.
type Case = (&'static str, fn(&mut Draw, &mut Scene) -> Vec<Part>);

/// Each tries what algorithms get wrong. All but one may happen in any community.
const CASES: [Case; 12] = [
    ("empty", |_, _| Vec::new()),
    ("one member", |draw, scene| {
        let energy = wh(draw, 3000);
        vec![if draw.once_in(2) { at_tariff(scene, energy, 0) } else { at_tariff(scene, 0, energy) }]
    }),
    ("all surplus", |draw, scene| (0..draw.between(3, 9)).map(|_| at_tariff(scene, wh(draw, 3000), 0)).collect()),
    ("all deficit", |draw, scene| (0..draw.between(3, 9)).map(|_| at_tariff(scene, 0, wh(draw, 3000))).collect()),
    ("exact balance", exact_balance),
    ("ties", |draw, scene| {
        scene.own_tariffs = false;
        let (feed_in, retail) = prices(scene);
        let (price, energy) = (draw.price(feed_in, retail), wh(draw, 900));
        let seller = Part { surplus: energy + draw.between(1, 300), deficit: 0, offer: price, bid: price };
        let buyer = Part { surplus: 0, deficit: energy, offer: price, bid: price };
        (0..12).map(|number| if number % 3 == 0 { seller } else { buyer }).collect()
    }),
    ("zeros", |draw, scene| (0..draw.between(2, 6)).map(|_| at_tariff(scene, 0, 0)).collect()),
    ("no prices cross", |draw, scene| {
        let (feed_in, retail) = prices(scene);
        let middle = feed_in + (retail - feed_in) / 2;
        let count = draw.between(2, 8);
        let part = |number| {
            let (high, low, energy) = (draw.price(middle + 1, retail), draw.price(feed_in, middle), wh(draw, 2000));
            let (surplus, deficit) = if number % 2 == 0 { (energy, 0) } else { (0, energy) };
            Part { surplus, deficit, offer: high, bid: low }
        };
        (0..count).map(part).collect()
    }),
    ("both at once", |draw, scene| {
        (0..draw.between(3, 9)).map(|_| at_tariff(scene, wh(draw, 700), wh(draw, 700))).collect()
    }),
    ("negative prices", |draw, scene| {
        let feed_in = 100 * draw.price(-900, -10);
        let retail = feed_in + 100 * draw.price(10, 600);
        scene.tariff = tariff(retail, feed_in);
        mixed(draw, scene, 3..=9)
    }),
    ("extreme values", |_, _| {
        let most = u64::MAX;
        let part = |(surplus, deficit, offer, bid)| Part { surplus, deficit, offer, bid };
        let parts = [
            (most, 0, i64::MIN, i64::MAX),
            (most, 0, i64::MAX, i64::MIN),
            (0, most, i64::MIN, i64::MAX),
            (0, 1, i64::MAX, i64::MAX),
        ];
        parts.map(part).into()
    }),
    ("many members", |draw, scene| mixed(draw, scene, 1000..=1000)),
];

/// Two sellers and two buyers of as much, of whom no two meet evenly.
fn exact_balance(draw: &mut Draw, scene: &mut Scene) -> Vec<Part> {
    let less = draw.between(400, 2000);
    let more = less + draw.between(1, 500);
    let first = draw.between(1, less - 1);
    let second = less + more - first;
    let sizes = [(less, 0), (more, 0), (0, first), (0, second)];
    sizes.map(|(surplus, deficit)| at_tariff(scene, surplus, deficit)).into()
}

/// A quarter of an hour of an ordinary community: houses that use, some of which produce while the sun shines.
fn ordinary(draw: &mut Draw, scene: &mut Scene, quarters: &RangeInclusive<u64>) -> Vec<Part> {
    let quarter = draw.between(*quarters.start(), *quarters.end());
    scene.start_in(quarter);
    // In parts of a thousand: 0 before six and after eight in the evening, the most at one.
    let sun = quarter.saturating_sub(24) * 80_u64.saturating_sub(quarter) * 1000 / 784;
    let clear = draw.between(200, 1000);
    let (is_net, are_priced) = (!draw.once_in(4), draw.once_in(2));
    let (feed_in, retail) = prices(scene);
    let count = draw.between(5, 40);
    // By day one produces for sure, and its neighbour does not.
    let producer = draw.between(0, count - 1);
    let part = |number| {
        let mut used = if draw.once_in(6) { draw.between(500, 3500) } else { draw.between(15, 600) };
        let mut peak = if draw.once_in(2) { draw.between(300, 2500) } else { 0 };
        if number == producer {
            (used, peak) = (used / 50, peak + 500);
        } else if number == (producer + 1) % count {
            peak = 0;
        }
        let made = peak * sun * clear / 1_000_000;
        let (surplus, deficit) = match is_net {
            true => (made.saturating_sub(used), used.saturating_sub(made)),
            false => (made, used),
        };
        let (offer, bid) = match are_priced {
            true => (draw.price(feed_in, retail), draw.price(feed_in, retail)),
            false => (feed_in, retail),
        };
        Part { surplus, deficit, offer, bid }
    };
    (0..count).map(part).collect()
}

/// Sellers and buyers, about as many of each, at all prices within the tariff.
fn mixed(draw: &mut Draw, scene: &mut Scene, count: RangeInclusive<u64>) -> Vec<Part> {
    let (feed_in, retail) = prices(scene);
    let count = draw.between(*count.start(), *count.end());
    let part = |_| {
        let (energy, price) = (draw.between(0, 4000), draw.price(feed_in, retail));
        match draw.once_in(2) {
            true => Part { surplus: energy, deficit: 0, offer: price, bid: retail },
            false => Part { surplus: 0, deficit: energy, offer: feed_in, bid: price },
        }
    };
    (0..count).map(part).collect()
}

/// A member that set no prices.
fn at_tariff(scene: &Scene, surplus: u64, deficit: u64) -> Part {
    let (offer, bid) = prices(scene);
    Part { surplus, deficit, offer, bid }
}

/// Feed-in and retail price of the community, in µEUR/kWh.
fn prices(scene: &Scene) -> (i64, i64) {
    (scene.tariff.feed_in.micro_eur(), scene.tariff.retail.micro_eur())
}

/// Energy of at least 1 Wh; 0 if there is to be none.
fn wh(draw: &mut Draw, most: u64) -> u64 {
    if most == 0 { 0 } else { draw.between(1, most) }
}

#[cfg(test)]
mod tests;
