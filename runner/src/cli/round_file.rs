//! The round file: one round as JSON, for authors who try an algorithm in isolation.

use std::fmt;
use std::marker::PhantomData;

use domain::round::{InvalidRound, PriceLimits, Terms};
use domain::{Boundary, Energy, Interval, IntervalLength, MemberId, Position, Price, Round, Tariff};
use jiff::Timestamp;
use serde::de::{Deserializer, Error as _, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, de};

const DURATION: u32 = 900;

/// A text that is no round.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRoundFile {
    /// Nothing but white space.
    #[error("there is nothing in it (a round is expected; `rec-market algorithm run --help` shows one)")]
    Empty,
    /// Bytes that some editors write and JSON does not allow.
    #[error("it begins with a byte order mark (save it as UTF-8 without one)")]
    ByteOrderMark,
    /// Something that does not begin like a round.
    #[error("it begins with {0:?}, but a round is a JSON object {{…}} (`rec-market algorithm run --help` shows one)")]
    NoObject(String),
    /// It is no JSON of this form.
    #[error("{error}, after `{before}`")]
    Json {
        /// What is wrong, and where.
        error: serde_json::Error,
        /// The text up to there: its end.
        before: String,
    },
    /// A time that names no interval.
    #[error(
        "start {0:?} is no start of an interval (RFC 3339 with whole seconds, from 1970 to 9999, such as 2023-09-01T12:00:00Z)"
    )]
    Start(String),
    /// A length that no interval has.
    #[error("duration {0}: {1}")]
    Duration(u32, domain::interval::InvalidLength),
    /// A name that no member has.
    #[error("position {0}: {1}")]
    Member(usize, domain::member::InvalidName),
    /// Values that make no round.
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
    surplus: Whole<u64>,
    deficit: Whole<u64>,
    offer: Option<Whole<i64>>,
    bid: Option<Whole<i64>>,
    retail: Option<Whole<i64>>,
    feed_in: Option<Whole<i64>>,
    share: Option<Whole<u32>>,
    rank: Option<Whole<u32>>,
}

/// A number whose mistakes are told in words.
struct Whole<T>(T);

/// The integers that a round has.
trait Integer: TryFrom<i128> + fmt::Display {
    const LEAST: Self;
    const MOST: Self;
}

macro_rules! integers {
    ($($integer:ty)*) => { $(impl Integer for $integer {
        const LEAST: Self = Self::MIN;
        const MOST: Self = Self::MAX;
    })* };
}
integers!(u32 u64 i64);

impl<'de, T: Integer> Deserialize<'de> for Whole<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Whole<T>, D::Error> {
        struct Integers<T>(PhantomData<T>);
        impl<T: Integer> Visitor<'_> for Integers<T> {
            type Value = Whole<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from {} to {}", T::LEAST, T::MOST)
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

/// Settings as they stand there: one that is given twice is a mistake, which a map would hide.
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

/// The number, or the default where there is none.
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
/// If it is no JSON of this form, or its values make no round; the message names the field or the member.
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

fn read(text: &str) -> Result<RoundJson, InvalidRoundFile> {
    /// How much of a text that is no round is shown, in characters.
    const SHOWN: usize = 20;
    match text.trim_start().chars().next() {
        None => return Err(InvalidRoundFile::Empty),
        Some('\u{feff}') => return Err(InvalidRoundFile::ByteOrderMark),
        Some('{') => {}
        Some(_) => return Err(InvalidRoundFile::NoObject(text.trim_start().chars().take(SHOWN).collect())),
    }
    serde_json::from_str(text).map_err(|error| {
        let before = before(text, error.line(), error.column());
        InvalidRoundFile::Json { error, before }
    })
}

/// The end of a text up to a place, which is counted in lines from 1 and bytes: it names the field, which a column does
/// not.
fn before(text: &str, line: usize, column: usize) -> String {
    /// Enough for a member's name and the field.
    const SHOWN: usize = 60;
    let line = text.split('\n').nth(line.saturating_sub(1)).unwrap_or_default();
    // The place may be in the middle of a character.
    let until = (0..=column.min(line.len())).rev().find(|&until| line.is_char_boundary(until)).unwrap_or_default();
    let start = line[..until].char_indices().rev().nth(SHOWN).map_or(0, |(start, c)| start + c.len_utf8());
    // One line of foreign text for a terminal.
    line[start..until].replace(char::is_control, " ")
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

/// The round as an argument of `wasmtime run --invoke`: the same values in WAVE, the text form of WIT values.
pub fn to_wave(round: &Round) -> String {
    let terms = round.terms();
    let option = |price: Option<Price>| price.map_or("none".to_owned(), |price| format!("some({})", price.micro_eur()));
    let settings: Vec<String> =
        terms.settings.iter().map(|(key, value)| format!("({}, {})", quote(key), quote(value))).collect();
    let positions: Vec<String> = round.positions().iter().map(position_to_wave).collect();
    format!(
        "{{community: {}, start: {}, duration: {}, retail: {}, feed-in: {}, price-floor: {}, price-ceiling: {}, seed: {}, settings: [{}], positions: [{}]}}",
        quote(&terms.community),
        terms.interval.start().seconds(),
        terms.interval.length().seconds(),
        terms.tariff.retail.micro_eur(),
        terms.tariff.feed_in.micro_eur(),
        option(terms.limits.floor()),
        option(terms.limits.ceiling()),
        terms.seed,
        settings.join(", "),
        positions.join(", "),
    )
}

fn position_to_wave(position: &Position) -> String {
    format!(
        "{{member: {}, surplus: {}, deficit: {}, offer: {}, bid: {}, retail: {}, feed-in: {}, share: {}, rank: {}}}",
        quote(position.member.as_str()),
        position.surplus.wh(),
        position.deficit.wh(),
        position.offer.micro_eur(),
        position.bid.micro_eur(),
        position.tariff.retail.micro_eur(),
        position.tariff.feed_in.micro_eur(),
        position.share,
        position.rank,
    )
}

fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "2023-09-01T12:00:00Z";

    fn with(fields: &str, positions: &str) -> Result<Round, String> {
        let text = format!(r#"{{"community": "c", "start": "{START}", {fields} "positions": [{positions}]}}"#);
        parse(&text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_has_the_documented_default() {
        let round = with("", r#"{"member": "b", "surplus": 1, "deficit": 0, "retail": 5}, {"member": "a", "surplus": 0, "deficit": 18446744073709551615}"#).unwrap();
        assert_eq!(round.terms().tariff.retail.micro_eur(), 162_400);
        let [a, b] = round.positions() else { panic!("two positions") };
        assert_eq!((a.member.as_str(), a.deficit.wh(), a.bid.micro_eur()), ("a", u64::MAX, 162_400));
        assert_eq!((b.member.as_str(), b.bid.micro_eur(), b.offer.micro_eur()), ("b", 5, 30_000));
    }

    #[test]
    fn every_mistake_names_what_is_wrong() {
        let cases = [
            (
                "",
                r#"{"member": "a", "surplus": -1, "deficit": 0}"#,
                r#"`-1`, expected a whole number from 0 to 18446744073709551615"#,
            ),
            ("", r#"{"member": "a", "surplus": -1, "deficit": 0}"#, r#"[{"member": "a", "surplus": -1`"#),
            ("", r#"{"member": "a", "surplus": 18446744073709551616, "deficit": 0}"#, "to 18446744073709551615"),
            ("", r#"{"member": "a", "surplus": 1.5, "deficit": 0}"#, "`1.5`, expected a whole number"),
            ("", r#"{"member": "a", "surplus": 1e3, "deficit": 0}"#, "expected a whole number"),
            ("", r#"{"member": "a", "surplus": 1, "deficit": "0"}"#, "expected a whole number"),
            ("", r#"{"member": "a", "surplus": 1, "deficit": 0, "share": -1}"#, "from 0 to 4294967295"),
            (
                "",
                r#"{"member": "a", "surplus": 1, "deficit": 0, "bid": 9223372036854775808}"#,
                "to 9223372036854775807",
            ),
            ("", r#"{"member": "a", "surplus": 1, "deficit": 0, "colour": 1}"#, "colour"),
            ("", r#"{"member": "a", "surplus": 1}"#, "deficit"),
            ("", "null", "expected a position"),
            ("", r#"{"member": "grid", "surplus": 1, "deficit": 0}"#, "grid"),
            (
                "",
                r#"{"member": "a", "surplus": 1, "deficit": 0}, {"member": "a", "surplus": 1, "deficit": 0}"#,
                "member a has two positions",
            ),
            (r#""duration": 5,"#, "", "5s"),
            (r#""price_floor": 2, "price_ceiling": 1,"#, "", "above price ceiling"),
            (r#""settings": {"price": 1},"#, "", "expected a string"),
            (r#""settings": {"price": "1", "price": "2"},"#, "", "setting \"price\" is given twice"),
            (r#""settings": ["price"],"#, "", "expected settings"),
            (r#""seed": 1, "seed": 1,"#, "", "duplicate field"),
        ];
        for (fields, positions, expected) in cases {
            let error = with(fields, positions).unwrap_err();
            assert!(error.contains(expected), "{fields} {positions}: {error}");
        }
        for start in ["", "noon", "1969-12-31T23:59:59Z", "2023-09-01T12:00:00.5Z", "9999-12-30T22:00:00Z"] {
            let text = format!(r#"{{"community": "c", "start": "{start}", "positions": []}}"#);
            assert!(matches!(parse(&text), Err(InvalidRoundFile::Start(_))), "{start}");
        }
    }

    #[test]
    fn what_does_not_begin_like_a_round_is_told_so() {
        for (text, expected) in [
            ("", "nothing in it"),
            (" \n", "nothing in it"),
            ("\u{feff}{}", "byte order mark"),
            ("[]", "begins with \"[]\""),
            ("community: aveiro and so on", "begins with \"community: aveiro an\""),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_mistake_is_shown_with_the_text_before_it() {
        let name = "é".repeat(60);
        let error = with("", &format!(r#"{{"member": "{name}", "surplus": -1, "deficit": 0}}"#)).unwrap_err();
        // 60 characters, whatever their size.
        let shown = format!(r#"after `{}", "surplus": -1`"#, "é".repeat(60 - r#"", "surplus": -1"#.len()));
        assert!(error.ends_with(&shown), "{error}");
        assert_eq!(before("é", 1, 1), "");
        assert_eq!(before("one\ntwo", 2, 2), "tw");
        assert_eq!(before("one", 7, 7), "");
        assert_eq!(before("o\u{1b}e", 1, 3), "o e");
    }

    #[test]
    fn wave_quotes_what_a_shell_word_cannot_hold() {
        let round =
            parse(&format!(r#"{{"community": "a\"b\\c\n", "start": "{START}", "price_floor": -5, "positions": []}}"#))
                .unwrap();
        let wave = to_wave(&round);
        assert!(wave.starts_with(r#"{community: "a\"b\\c\u{a}", start: 1693569600,"#), "{wave}");
        assert!(wave.contains("price-floor: some(-5), price-ceiling: none"), "{wave}");
    }
}
