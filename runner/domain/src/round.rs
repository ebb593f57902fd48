//! A round: everything that one clearing needs, complete and checked.

use crate::digest::{Digest, Hasher};
use crate::energy::Energy;
use crate::interval::Interval;
use crate::member::MemberId;
use crate::money::{Price, Tariff};
use crate::trade::{NamedParty, Party};

/// What one member has and wants in one interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The member.
    pub member: MemberId,
    /// Energy it has to sell.
    pub surplus: Energy,
    /// Energy it needs to buy.
    pub deficit: Energy,
    /// The least price it sells at.
    pub offer: Price,
    /// The highest price it buys at.
    pub bid: Price,
    /// What the grid charges and pays this member.
    pub tariff: Tariff,
    /// Its sharing coefficient, in parts per million.
    pub share: u32,
    /// Its priority; 0 comes first.
    pub rank: u32,
}

/// The limits that a community sets on the prices of trades between its members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PriceLimits {
    floor: Option<Price>,
    ceiling: Option<Price>,
}

impl PriceLimits {
    /// Limits; either may be missing.
    ///
    /// # Errors
    /// If the floor is above the ceiling: no price could satisfy both.
    pub fn new(floor: Option<Price>, ceiling: Option<Price>) -> Result<PriceLimits, InvalidRound> {
        match (floor, ceiling) {
            (Some(floor), Some(ceiling)) if floor > ceiling => Err(InvalidRound::Limits(floor, ceiling)),
            _ => Ok(PriceLimits { floor, ceiling }),
        }
    }

    /// The least price, if there is one.
    pub fn floor(self) -> Option<Price> {
        self.floor
    }

    /// The highest price, if there is one.
    pub fn ceiling(self) -> Option<Price> {
        self.ceiling
    }
}

/// What holds for a round as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The community's name.
    pub community: String,
    /// The interval being cleared.
    pub interval: Interval,
    /// The community's reference tariff.
    pub tariff: Tariff,
    /// Limits on prices between members.
    pub limits: PriceLimits,
    /// For methods that draw lots; see [`seed`].
    pub seed: u64,
    /// Settings for the algorithm, as (key, value), sorted by key.
    pub settings: Vec<(String, String)>,
}

/// Everything that one clearing needs: terms, and positions sorted by member without duplicates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    terms: Terms,
    positions: Vec<Position>,
}

/// Values that make no round.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRound {
    /// Two positions of one member.
    #[error("member {0} has two positions (each member may have one)")]
    DuplicateMember(MemberId),
    /// A setting that is given twice.
    #[error("setting {0:?} is given twice")]
    DuplicateSetting(String),
    /// More positions than a trade can name.
    #[error("a round of {0} positions is too large (at most 2^32)")]
    TooManyPositions(usize),
    /// No price satisfies both limits.
    #[error("price floor {0} is above price ceiling {1}")]
    Limits(Price, Price),
}

impl Round {
    /// Makes a round; sorts positions by member and settings by key.
    ///
    /// # Errors
    /// If a member or setting is there twice, or there are more positions than an index can name.
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

    /// What holds for the round as a whole.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The positions, sorted by member.
    pub fn positions(&self) -> &[Position] {
        &self.positions
    }

    /// The position with that index, as trades name it.
    pub fn position(&self, index: u32) -> Option<&Position> {
        self.positions.get(index as usize)
    }

    /// A party of this round by name; `None` for an index outside of its positions.
    pub fn name(&self, party: Party) -> Option<NamedParty> {
        match party {
            Party::Grid => Some(NamedParty::Grid),
            Party::Operator => Some(NamedParty::Operator),
            Party::Member(index) => self.position(index).map(|position| NamedParty::Member(position.member.clone())),
        }
    }

    /// A digest of everything an algorithm can see.
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

/// The seed of a community's interval: the first 64 bits of a SHA-256 over both, so that anybody can recompute a draw.
pub fn seed(community: &str, interval: Interval) -> u64 {
    let mut hasher = Hasher::new("rec-market seed 1");
    hasher.text(community);
    hasher.u64(interval.start().seconds());
    let digest = hasher.finish();
    let mut first = [0; 8];
    first.copy_from_slice(&digest.as_bytes()[..8]);
    u64::from_be_bytes(first)
}
