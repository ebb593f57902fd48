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

/// The community's limits on the prices of trades between its members. The default has none.
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
