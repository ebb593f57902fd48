//! What is tried instead: an algorithm with settings, and what is otherwise in the rounds.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::round::{InvalidRound, PriceLimits, Terms};
use domain::{Digest, MemberId, Position, Price, Round, Tariff};

use crate::algorithms::cache::{ReadyAlgorithm, UnknownSetting, check_settings};
use crate::algorithms::limits::limited;

/// Keys of `--with` that are no settings of the algorithm.
pub const RESERVED: [&str; 5] = [RETAIL, FEED_IN, SHARES, FLOOR, CEILING];
/// The key of another retail tariff, for all members.
pub const RETAIL: &str = "tariff.retail";
/// The key of another feed-in tariff, for all members.
pub const FEED_IN: &str = "tariff.feed_in";
/// The key of a file with other sharing coefficients.
pub const SHARES: &str = "shares";
/// The key of another floor of prices between members.
pub const FLOOR: &str = "limits.price_floor";
/// The key of another ceiling of prices between members.
pub const CEILING: &str = "limits.price_ceiling";

/// Why text does not name a variant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidVariant {
    #[error("--with {0:?} names no algorithm (begin with a base algorithm, an uploaded one, or a .wasm file)")]
    Nameless(String),
    #[error("--with {text:?}: {piece:?} is no KEY=VALUE (such as position=250000, {RETAIL}=171000 or {SHARES}=FILE)")]
    Piece { text: String, piece: String },
    #[error("--with {text:?}: {key} is given twice (each key may be given once)")]
    Twice { text: String, key: String },
    #[error(
        "--with {text:?}: {key} is {value:?}, but a whole number of µEUR/kWh is expected (0.1624 EUR/kWh is 162400)"
    )]
    Price { text: String, key: String, value: String },
    #[error(
        "--with {text:?}: {key} is a setting of {algorithm} as well as a word of this command (rename the setting)"
    )]
    Taken { text: String, key: String, algorithm: String },
    #[error(transparent)]
    Setting(#[from] UnknownSetting),
    #[error("--with {text:?}: {reason}")]
    Limits { text: String, reason: InvalidRound },
}

/// A variant as it is named: `ALGORITHM[,KEY=VALUE…]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The whole text.
    pub text: String,
    /// What names the algorithm.
    pub algorithm: String,
    /// Settings for it, sorted by key.
    pub settings: Vec<(String, String)>,
    /// What is otherwise in the rounds.
    pub otherwise: Otherwise,
    /// The file of sharing coefficients, if there is one.
    pub shares_file: Option<String>,
}

/// What is otherwise in the rounds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Otherwise {
    pub retail: Option<Price>,
    pub feed_in: Option<Price>,
    pub floor: Option<Price>,
    pub ceiling: Option<Price>,
    /// Sharing coefficients in parts per million. Who is not in it has none.
    pub shares: Option<BTreeMap<MemberId, u32>>,
}

impl Named {
    /// Parses `ALGORITHM[,KEY=VALUE…]`. A piece without `=` belongs to the value before it, so that values may have commas.
    ///
    /// # Errors
    /// If there is no algorithm, or a piece is no value of its key.
    pub fn parse(text: &str) -> Result<Named, InvalidVariant> {
        let mut pieces = text.split(',');
        let algorithm = pieces.next().unwrap_or_default().trim().to_owned();
        if algorithm.is_empty() {
            return Err(InvalidVariant::Nameless(text.to_owned()));
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for piece in pieces {
            match (piece.split_once('='), pairs.last_mut()) {
                (Some((key, value)), _) if !key.trim().is_empty() => {
                    pairs.push((key.trim().to_owned(), value.trim().to_owned()));
                }
                (None, Some((_, value))) => *value = format!("{value},{piece}"),
                _ => return Err(InvalidVariant::Piece { text: text.to_owned(), piece: piece.to_owned() }),
            }
        }
        pairs.sort();
        if let Some(pair) = pairs.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(InvalidVariant::Twice { text: text.to_owned(), key: pair[0].0.clone() });
        }
        let mut named = Named { text: text.to_owned(), algorithm, ..Named::default() };
        for (key, value) in pairs {
            named.take(key, value)?;
        }
        let Otherwise { floor, ceiling, .. } = named.otherwise;
        let limits = PriceLimits::new(floor, ceiling);
        limits.map_err(|reason| InvalidVariant::Limits { text: text.to_owned(), reason })?;
        Ok(named)
    }

    /// Everything that was given for it, sorted by key: settings, and what is otherwise in the rounds.
    pub fn all(&self) -> Vec<(String, String)> {
        let Otherwise { retail, feed_in, floor, ceiling, .. } = self.otherwise;
        let prices = [(RETAIL, retail), (FEED_IN, feed_in), (FLOOR, floor), (CEILING, ceiling)];
        let prices = prices.into_iter().filter_map(|(key, price)| Some((key, price?.micro_eur().to_string())));
        let shares = self.shares_file.iter().map(|file| (SHARES, file.clone()));
        let otherwise = prices.chain(shares).map(|(key, value)| (key.to_owned(), value));
        let mut all: Vec<_> = self.settings.iter().cloned().chain(otherwise).collect();
        all.sort();
        all
    }

    fn take(&mut self, key: String, value: String) -> Result<(), InvalidVariant> {
        let price = || match value.parse::<i64>() {
            Ok(micro_eur) => Ok(Some(Price::from_micro_eur(micro_eur))),
            Err(_) => Err(InvalidVariant::Price { text: self.text.clone(), key: key.clone(), value: value.clone() }),
        };
        match key.as_str() {
            RETAIL => self.otherwise.retail = price()?,
            FEED_IN => self.otherwise.feed_in = price()?,
            FLOOR => self.otherwise.floor = price()?,
            CEILING => self.otherwise.ceiling = price()?,
            SHARES => self.shares_file = Some(value),
            _ => self.settings.push((key, value)),
        }
        Ok(())
    }
}

/// A variant that is ready to run.
#[derive(Clone, Debug)]
pub struct Variant {
    /// How it was named.
    pub named: Named,
    /// Its algorithm.
    pub ready: ReadyAlgorithm,
}

impl Variant {
    /// Makes a variant of an algorithm that is ready.
    ///
    /// # Errors
    /// If the algorithm does not know a setting, or has one whose key means something else here.
    pub fn new(named: Named, ready: ReadyAlgorithm) -> Result<Variant, InvalidVariant> {
        check_settings(named.settings.iter().map(|(key, _)| key.as_str()), &ready.description, &named.algorithm)?;
        let settings = &ready.description.settings;
        match settings.iter().find(|setting| RESERVED.contains(&setting.key.as_str())) {
            None => Ok(Variant { named, ready }),
            Some(setting) => Err(InvalidVariant::Taken {
                text: named.text,
                key: setting.key.clone(),
                algorithm: ready.description.name,
            }),
        }
    }

    /// The digest of its algorithm.
    pub fn digest(&self) -> Digest {
        self.ready.algorithm.digest()
    }

    /// The round as this variant has it, with the limits on prices that its algorithm has. `limits` are the community's.
    ///
    /// # Errors
    /// If its limits contradict the community's.
    pub fn round(&self, round: &Arc<Round>, limits: PriceLimits) -> Result<Arc<Round>, InvalidRound> {
        let Otherwise { retail, feed_in, floor, ceiling, .. } = self.named.otherwise;
        let before = round.terms();
        if self.named.otherwise == Otherwise::default()
            && before.settings == self.named.settings
            && before.limits == limits
        {
            return Ok(limited(Arc::clone(round), &self.digest()));
        }
        let terms = Terms {
            tariff: other_tariff(before.tariff, retail, feed_in),
            limits: PriceLimits::new(floor.or(limits.floor()), ceiling.or(limits.ceiling()))?,
            settings: self.named.settings.clone(),
            ..before.clone()
        };
        let positions = round.positions().iter().map(|position| self.position(position)).collect();
        Ok(limited(Arc::new(Round::new(terms, positions)?), &self.digest()))
    }

    fn position(&self, position: &Position) -> Position {
        let Otherwise { retail, feed_in, shares, .. } = &self.named.otherwise;
        let (old, tariff) = (position.tariff, other_tariff(position.tariff, *retail, *feed_in));
        // Who set no price of its own goes with its tariff.
        let follow = |wish: Price, old: Price, new: Price| if wish == old { new } else { wish };
        Position {
            offer: follow(position.offer, old.feed_in, tariff.feed_in),
            bid: follow(position.bid, old.retail, tariff.retail),
            tariff,
            share: match shares {
                Some(shares) => shares.get(&position.member).copied().unwrap_or(0),
                None => position.share,
            },
            ..position.clone()
        }
    }
}

fn other_tariff(tariff: Tariff, retail: Option<Price>, feed_in: Option<Price>) -> Tariff {
    Tariff { retail: retail.unwrap_or(tariff.retail), feed_in: feed_in.unwrap_or(tariff.feed_in) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Vec<(String, String)> {
        Named::parse(text).unwrap().settings
    }

    #[test]
    fn a_variant_is_an_algorithm_and_what_is_otherwise() {
        let named = Named::parse("k-double-auction,k=250000,tariff.retail=171000,shares=a,b.csv").unwrap();
        assert_eq!((named.algorithm.as_str(), named.shares_file.as_deref()), ("k-double-auction", Some("a,b.csv")));
        assert_eq!(named.settings, [("k".to_owned(), "250000".to_owned())]);
        assert_eq!(named.otherwise.retail, Some(Price::from_micro_eur(171_000)));
        assert_eq!(
            settings("x@1.0.0, b = 2 ,a=1=1"),
            [("a".to_owned(), "1=1".to_owned()), ("b".to_owned(), "2".to_owned())]
        );
        assert_eq!(settings("./own.wasm"), []);
    }

    #[test]
    fn what_is_no_variant_says_why() {
        for (text, says) in [
            ("", "names no algorithm"),
            (",a=1", "names no algorithm"),
            ("uniform,a", "\"a\" is no KEY=VALUE"),
            ("uniform,=a", "\"=a\" is no KEY=VALUE"),
            ("uniform,a=1,a=2", "a is given twice"),
            ("uniform,tariff.retail=0.17", "tariff.retail is \"0.17\", but a whole number of µEUR/kWh"),
            ("uniform,limits.price_floor=2,limits.price_ceiling=1", "price floor 2 µEUR/kWh is above"),
        ] {
            let error = Named::parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
