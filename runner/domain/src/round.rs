//! A round: the complete and checked input of one clearing.

use crate::digest::{Digest, Hasher};
use crate::energy::Energy;
use crate::interval::Interval;
use crate::member::MemberId;
use crate::money::{Price, Tariff};
use crate::trade::{NamedParty, Party};

/// What one member has and wants in one interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The member's name, unique within the round.
    pub member: MemberId,
    /// Energy the member must sell, in Wh. On a net basis, `surplus` or `deficit` is 0.
    pub surplus: Energy,
    /// Energy the member must buy, in Wh.
    pub deficit: Energy,
    /// The lowest price at which the member sells, in µEUR/kWh. A wish that the balance check does not enforce.
    pub offer: Price,
    /// The highest price at which the member buys, in µEUR/kWh. A wish that the balance check does not enforce.
    pub bid: Price,
    /// The member's own tariff for trades with the grid, which the balance check does enforce.
    pub tariff: Tariff,
    /// The member's sharing coefficient, in parts per million.
    pub share: u32,
    /// The member's priority; 0 comes first.
    pub rank: u32,
}

/// Limits on the prices of trades between members, and on what members pay the operator and get from it. The default has
/// none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PriceLimits {
    floor: Option<Price>,
    ceiling: Option<Price>,
}

impl PriceLimits {
    /// Makes limits from an inclusive floor and an inclusive ceiling; `None` means no limit.
    ///
    /// # Errors
    /// If the floor is above the ceiling, so that no price satisfies both.
    pub fn new(floor: Option<Price>, ceiling: Option<Price>) -> Result<PriceLimits, InvalidRound> {
        match (floor, ceiling) {
            (Some(floor), Some(ceiling)) if floor > ceiling => Err(InvalidRound::Limits(floor, ceiling)),
            _ => Ok(PriceLimits { floor, ceiling }),
        }
    }

    /// Returns the lowest allowed price, if there is one.
    pub fn floor(self) -> Option<Price> {
        self.floor
    }

    /// Returns the highest allowed price, if there is one.
    pub fn ceiling(self) -> Option<Price> {
        self.ceiling
    }

    /// Returns the limits for an algorithm that is not part of the program. Each limit that is missing gets its default:
    /// the floor 0 or the lowest feed-in tariff of the positions, whichever is lower, and the ceiling their highest retail
    /// tariff. Without positions, the community's tariff counts.
    ///
    /// A limit that is set stands above the default of the other, and the ceiling's default above the floor's, so that
    /// there always is an allowed price.
    #[must_use]
    pub fn or_default(self, community: Tariff, positions: &[Position]) -> PriceLimits {
        let tariffs = || positions.iter().map(|position| position.tariff);
        let retail = tariffs().map(|tariff| tariff.retail).max().unwrap_or(community.retail);
        let feed_in = tariffs().map(|tariff| tariff.feed_in).min().unwrap_or(community.feed_in);
        let ceiling = match (self.ceiling, self.floor) {
            (Some(ceiling), _) => ceiling,
            (None, Some(floor)) => retail.max(floor),
            (None, None) => retail,
        };
        let floor = self.floor.unwrap_or(feed_in.min(Price::default()).min(ceiling));
        PriceLimits { floor: Some(floor), ceiling: Some(ceiling) }
    }
}

/// The part of a round that concerns the community as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The community's name.
    pub community: String,
    /// The interval being cleared.
    pub interval: Interval,
    /// The community's reference tariff. Trades with the grid use each member's own, [`Position::tariff`].
    pub tariff: Tariff,
    /// Limits on prices between members.
    pub limits: PriceLimits,
    /// The seed for algorithms that use random numbers; see [`seed`].
    pub seed: u64,
    /// Settings for the algorithm, as (key, value); [`Round::new`] sorts them by key.
    pub settings: Vec<(String, String)>,
}

/// The input of one clearing: terms, and at most one position per member, sorted by member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    terms: Terms,
    positions: Vec<Position>,
}

/// The error for values that do not form a round.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRound {
    /// A member has two positions.
    #[error("member {0} has two positions (each member may have one)")]
    DuplicateMember(MemberId),
    /// A setting is given twice.
    #[error("setting {0:?} is given twice (each key may be given once)")]
    DuplicateSetting(String),
    /// There are more positions than a trade can index.
    #[error("a round of {0} positions is too large (at most 2^32-1)")]
    TooManyPositions(usize),
    /// The floor (first) is above the ceiling (second).
    #[error("price floor {0} is above price ceiling {1} (lower the floor or raise the ceiling)")]
    Limits(Price, Price),
}

impl Round {
    /// Makes a round; sorts positions by member and settings by key.
    ///
    /// # Errors
    /// If a member or a setting occurs twice, or there are more positions than a `u32` index can count.
    pub fn new(mut terms: Terms, mut positions: Vec<Position>) -> Result<Round, InvalidRound> {
        if u32::try_from(positions.len()).is_err() {
            return Err(InvalidRound::TooManyPositions(positions.len()));
        }
        if !positions.is_sorted_by(|a, b| a.member < b.member) {
            positions.sort_by(|a, b| a.member.cmp(&b.member));
        }
        if let Some(pair) = positions.windows(2).find(|pair| pair[0].member == pair[1].member) {
            return Err(InvalidRound::DuplicateMember(pair[0].member.clone()));
        }
        terms.settings.sort();
        if let Some(pair) = terms.settings.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(InvalidRound::DuplicateSetting(pair[0].0.clone()));
        }
        Ok(Round { terms, positions })
    }

    /// Returns the same round with other limits on prices.
    #[must_use]
    pub fn with_limits(mut self, limits: PriceLimits) -> Round {
        self.terms.limits = limits;
        self
    }

    /// Returns the part that concerns the community as a whole.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Returns the positions, sorted by member.
    pub fn positions(&self) -> &[Position] {
        &self.positions
    }

    /// Returns the position that [`Party::Member`] refers to with this index; `None` if there is none.
    pub fn position(&self, index: u32) -> Option<&Position> {
        self.positions.get(index as usize)
    }

    /// Names a party; `None` for an index outside the round.
    pub fn name(&self, party: Party) -> Option<NamedParty> {
        match party {
            Party::Grid => Some(NamedParty::Grid),
            Party::Operator => Some(NamedParty::Operator),
            Party::Member(index) => self.position(index).map(|position| NamedParty::Member(position.member.clone())),
        }
    }

    /// Names a party for people: the member's name, `grid` or `operator`; `position 7` for an index outside the round.
    pub fn party_name(&self, party: Party) -> String {
        self.name(party).map_or_else(|| party.to_string(), |name| name.to_string())
    }

    /// Computes the digest of everything that the algorithm sees.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new("rec-market round 1");
        let terms = &self.terms;
        hasher.text(&terms.community);
        hasher.u64(terms.interval.start().seconds());
        hasher.u64(u64::from(terms.interval.length().seconds()));
        hasher.i64(terms.tariff.retail.micro_eur());
        hasher.i64(terms.tariff.feed_in.micro_eur());
        hasher.option(terms.limits.floor.map(Price::micro_eur));
        hasher.option(terms.limits.ceiling.map(Price::micro_eur));
        hasher.u64(terms.seed);
        hasher.u64(terms.settings.len() as u64);
        for (key, value) in &terms.settings {
            hasher.text(key);
            hasher.text(value);
        }
        for position in &self.positions {
            hasher.text(position.member.as_str());
            hasher.u64(position.surplus.wh());
            hasher.u64(position.deficit.wh());
            hasher.i64(position.offer.micro_eur());
            hasher.i64(position.bid.micro_eur());
            hasher.i64(position.tariff.retail.micro_eur());
            hasher.i64(position.tariff.feed_in.micro_eur());
            hasher.u64(u64::from(position.share));
            hasher.u64(u64::from(position.rank));
        }
        hasher.finish()
    }
}

/// Derives the seed of a community's interval: the first 64 bits of a SHA-256 digest of both, so that anyone can
/// reproduce a random draw.
pub fn seed(community: &str, interval: Interval) -> u64 {
    let mut hasher = Hasher::new("rec-market seed 1");
    hasher.text(community);
    hasher.u64(interval.start().seconds());
    let digest = hasher.finish();
    let mut first = [0; 8];
    first.copy_from_slice(&digest.as_bytes()[..8]);
    u64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tariff(retail: i64, feed_in: i64) -> Tariff {
        Tariff { retail: Price::from_micro_eur(retail), feed_in: Price::from_micro_eur(feed_in) }
    }

    fn positions(tariffs: &[(i64, i64)]) -> Vec<Position> {
        let position = |(number, (retail, feed_in)): (usize, &(i64, i64))| Position {
            member: format!("m{number}").parse().unwrap(),
            surplus: Energy::ZERO,
            deficit: Energy::ZERO,
            offer: Price::default(),
            bid: Price::default(),
            tariff: tariff(*retail, *feed_in),
            share: 0,
            rank: 0,
        };
        tariffs.iter().enumerate().map(position).collect()
    }

    fn limits(floor: Option<i64>, ceiling: Option<i64>) -> PriceLimits {
        PriceLimits::new(floor.map(Price::from_micro_eur), ceiling.map(Price::from_micro_eur)).unwrap()
    }

    #[test]
    fn each_missing_limit_has_its_own_default() {
        let two = [(162_400, 30_000), (171_000, 42_000)];
        let negative = [(50_000, -20_000), (60_000, 10_000)];
        let upside_down = [(-50_000, 30_000)];
        let cases: [(&[(i64, i64)], _, _, _, _); 10] = [
            (&two, None, None, 0, 171_000),
            (&two, Some(90_000), None, 90_000, 171_000),
            (&two, None, Some(90_000), 0, 90_000),
            (&two, Some(-9), Some(900_000), -9, 900_000),
            (&negative, None, None, -20_000, 60_000),
            // Some price is always allowed: what is set stands above what is not.
            (&two, Some(200_000), None, 200_000, 200_000),
            (&two, None, Some(-7), -7, -7),
            (&upside_down, None, None, -50_000, -50_000),
            (&upside_down, Some(0), None, 0, 0),
            (&[], None, None, 0, 99_000),
        ];
        for (tariffs, floor, ceiling, lowest, highest) in cases {
            let completed = limits(floor, ceiling).or_default(tariff(99_000, 11_000), &positions(tariffs));
            assert_eq!(completed, limits(Some(lowest), Some(highest)), "{tariffs:?} {floor:?} {ceiling:?}");
        }
    }

    proptest! {
        #[test]
        fn the_defaults_complete_each_other_whatever_the_tariffs(
            tariffs in prop::collection::vec((any::<i64>(), any::<i64>()), 0..4),
            floor: Option<i64>,
            ceiling: Option<i64>,
        ) {
            prop_assume!(floor.zip(ceiling).is_none_or(|(floor, ceiling)| floor <= ceiling));
            let completed = limits(floor, ceiling).or_default(tariff(5, -5), &positions(&tariffs));
            prop_assert_eq!(PriceLimits::new(completed.floor(), completed.ceiling()), Ok(completed));
            prop_assert!(completed.floor().is_some() && completed.ceiling().is_some());
            prop_assert!(floor.is_none_or(|floor| completed.floor() == Some(Price::from_micro_eur(floor))));
            prop_assert!(ceiling.is_none_or(|ceiling| completed.ceiling() == Some(Price::from_micro_eur(ceiling))));
            prop_assert_eq!(completed.or_default(tariff(7, 7), &[]), completed);
        }
    }
}
