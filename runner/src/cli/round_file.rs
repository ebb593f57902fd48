//! The round file: one round as JSON, for authors who try an algorithm in isolation.

#[cfg(test)]
mod tests;
mod wave;

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use domain::round::{InvalidRound, PriceLimits, Terms};
use domain::text::printable;
use domain::{Boundary, Energy, Interval, IntervalLength, MemberId, Position, Price, Round, Tariff};
use jiff::Timestamp;
use serde::de::{Deserializer, Error as _, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, de};

pub use wave::to_wave;

const DURATION: u32 = 900;

/// A text that is not a round.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRoundFile {
    #[error("it is empty (a round is expected; `rec-market algorithm run --help` shows one)")]
    Empty,
    /// Some editors write it, but JSON does not allow it.
    #[error("it begins with a byte order mark (save it as UTF-8 without one)")]
    ByteOrderMark,
    #[error("it begins with {0:?}, but a round is a JSON object {{…}} (`rec-market algorithm run --help` shows one)")]
    NotAnObject(String),
    #[error("{error}, after `{before}`")]
    Json {
        error: serde_json::Error,
        /// The last characters before the mistake.
        before: String,
    },
    #[error(
        "start {0:?} is not the start of an interval (RFC 3339 with whole seconds, from 1970 to 9999, such as 2023-09-01T12:00:00Z)"
    )]
    Start(String),
    #[error("duration {0}: {1}")]
    Duration(u32, domain::interval::InvalidLength),
    #[error("position {0}: {1}")]
    Member(usize, domain::member::InvalidName),
    #[error(transparent)]
    Round(#[from] InvalidRound),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a round, an object {…}")]
struct RoundJson {
    community: String,
    start: String,
    duration: Option<Whole<u32>>,
    retail: Option<Whole<i64>>,
    feed_in: Option<Whole<i64>>,
    seed: Option<Whole<u64>>,
    #[serde(default)]
    settings: Settings,
    price_floor: Option<Whole<i64>>,
    price_ceiling: Option<Whole<i64>>,
    positions: Vec<PositionJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a position, an object {…}")]
struct PositionJson {
    member: String,
    #[serde(default)]
    surplus: Whole<u64>,
    #[serde(default)]
    deficit: Whole<u64>,
    offer: Option<Whole<i64>>,
    bid: Option<Whole<i64>>,
    retail: Option<Whole<i64>>,
    feed_in: Option<Whole<i64>>,
    share: Option<Whole<u32>>,
    rank: Option<Whole<u32>>,
}

/// A whole number, with better messages than serde's.
#[derive(Default)]
struct Whole<T>(T);

trait Integer: TryFrom<i128> + fmt::Display {
    const MIN: Self;
    const MAX: Self;
}

macro_rules! integers {
    ($($integer:ty)*) => { $(impl Integer for $integer {
        const MIN: Self = Self::MIN;
        const MAX: Self = Self::MAX;
    })* };
}
integers!(u32 u64 i64);

impl<'de, T: Integer> Deserialize<'de> for Whole<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Whole<T>, D::Error> {
        struct Integers<T>(PhantomData<T>);
        impl<T: Integer> Visitor<'_> for Integers<T> {
            type Value = Whole<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from {} to {}", <T as Integer>::MIN, <T as Integer>::MAX)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Whole<T>, E> {
                let whole = T::try_from(i128::from(number)).map(Whole);
                whole.map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Whole<T>, E> {
                let whole = T::try_from(i128::from(number)).map(Whole);
                whole.map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
            }
        }
        deserializer.deserialize_i64(Integers(PhantomData))
    }
}

/// Settings in the order of the file. A duplicate key is a mistake, which a map would hide.
#[derive(Default)]
struct Settings(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Settings, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Settings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("settings, an object {\"key\": \"text\"}")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Settings, M::Error> {
                let mut pairs: Vec<(String, String)> = Vec::new();
                while let Some((key, value)) = map.next_entry()? {
                    if pairs.iter().any(|(other, _)| *other == key) {
                        return Err(M::Error::custom(format!("setting {key:?} is given twice")));
                    }
                    pairs.push((key, value));
                }
                Ok(Settings(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

fn or<T>(number: Option<Whole<T>>, default: T) -> T {
    number.map_or(default, |Whole(number)| number)
}

fn price(number: Whole<i64>) -> Price {
    Price::from_micro_eur(number.0)
}

fn price_or(number: Option<Whole<i64>>, default: Price) -> Price {
    number.map_or(default, price)
}

/// Reads one round.
///
/// # Errors
/// If the text is not JSON of this form, or the values make no round; the message names the field or the member.
pub fn parse(text: &str) -> Result<Round, InvalidRoundFile> {
    let json = read(text)?;
    let usual = Tariff::PLATFORM;
    let tariff = Tariff { retail: price_or(json.retail, usual.retail), feed_in: price_or(json.feed_in, usual.feed_in) };
    let terms = Terms {
        interval: interval(&json.start, or(json.duration, DURATION))?,
        community: json.community,
        tariff,
        limits: PriceLimits::new(json.price_floor.map(price), json.price_ceiling.map(price))?,
        seed: or(json.seed, 0),
        settings: json.settings.0,
    };
    let positions = json.positions.into_iter().enumerate().map(|(number, json)| position(number, json, tariff));
    let positions: Result<Vec<Position>, InvalidRoundFile> = positions.collect();
    Ok(Round::new(terms, positions?)?)
}

/// The same form with nothing left out, for [`parse`] to read.
pub fn to_json(round: &Round) -> serde_json::Value {
    let terms = round.terms();
    let position = |position: &Position| {
        serde_json::json!({
            "member": position.member.as_str(),
            "surplus": position.surplus.wh(), "deficit": position.deficit.wh(),
            "offer": position.offer.micro_eur(), "bid": position.bid.micro_eur(),
            "retail": position.tariff.retail.micro_eur(), "feed_in": position.tariff.feed_in.micro_eur(),
            "share": position.share, "rank": position.rank,
        })
    };
    serde_json::json!({
        "community": terms.community,
        "start": terms.interval.start().to_string(), "duration": terms.interval.length().seconds(),
        "retail": terms.tariff.retail.micro_eur(), "feed_in": terms.tariff.feed_in.micro_eur(),
        "seed": terms.seed,
        "settings": terms.settings.iter().cloned().collect::<BTreeMap<_, _>>(),
        "price_floor": terms.limits.floor().map(Price::micro_eur),
        "price_ceiling": terms.limits.ceiling().map(Price::micro_eur),
        "positions": round.positions().iter().map(position).collect::<Vec<_>>(),
    })
}

fn read(text: &str) -> Result<RoundJson, InvalidRoundFile> {
    /// How much of the text an error repeats, in characters.
    const SHOWN: usize = 20;
    match text.trim_start().chars().next() {
        None => return Err(InvalidRoundFile::Empty),
        Some('\u{feff}') => return Err(InvalidRoundFile::ByteOrderMark),
        Some('{') => {}
        Some(_) => return Err(InvalidRoundFile::NotAnObject(text.trim_start().chars().take(SHOWN).collect())),
    }
    serde_json::from_str(text).map_err(|error| {
        let before = before(text, error.line(), error.column());
        InvalidRoundFile::Json { error, before }
    })
}

/// The last characters before a line and column, both counted from 1, the column in bytes. They show which field is wrong,
/// which a column does not.
fn before(text: &str, line: usize, column: usize) -> String {
    /// Enough for a member's name and the field.
    const SHOWN: usize = 60;
    let line = text.split('\n').nth(line.saturating_sub(1)).unwrap_or_default();
    // The column may be in the middle of a character.
    let until = (0..=column.min(line.len())).rev().find(|&until| line.is_char_boundary(until)).unwrap_or_default();
    let start = line[..until].char_indices().rev().nth(SHOWN).map_or(0, |(start, c)| start + c.len_utf8());
    // On one line, because it goes to a terminal.
    printable(&line[start..until]).into_owned()
}

fn interval(start: &str, duration: u32) -> Result<Interval, InvalidRoundFile> {
    let length = IntervalLength::from_seconds(duration).map_err(|error| InvalidRoundFile::Duration(duration, error))?;
    let invalid = || InvalidRoundFile::Start(start.to_owned());
    let at: Timestamp = start.parse().map_err(|_| invalid())?;
    if at.subsec_nanosecond() != 0 {
        return Err(invalid());
    }
    let seconds = u64::try_from(at.as_second()).map_err(|_| invalid())?;
    let start = Boundary::from_seconds(seconds).ok_or_else(invalid)?;
    Interval::starting(start, length).ok_or_else(invalid)
}

fn position(number: usize, json: PositionJson, tariff: Tariff) -> Result<Position, InvalidRoundFile> {
    let member: MemberId = json.member.parse().map_err(|error| InvalidRoundFile::Member(number, error))?;
    let retail = price_or(json.retail, tariff.retail);
    let feed_in = price_or(json.feed_in, tariff.feed_in);
    Ok(Position {
        member,
        surplus: Energy::from_wh(json.surplus.0),
        deficit: Energy::from_wh(json.deficit.0),
        offer: price_or(json.offer, feed_in),
        bid: price_or(json.bid, retail),
        tariff: Tariff { retail, feed_in },
        share: or(json.share, 0),
        rank: or(json.rank, 0),
    })
}
