//! The round file: one round as JSON, for authors who try an algorithm in isolation.

use std::collections::BTreeMap;

use domain::round::{InvalidRound, PriceLimits, Terms};
use domain::{Boundary, Energy, Interval, IntervalLength, MemberId, Position, Price, Round, Tariff};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The platform's default tariff, in µEUR/kWh.
const RETAIL: i64 = 162_400;
const FEED_IN: i64 = 30_000;
const DURATION: u32 = 900;

/// A text that is no round.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRoundFile {
    /// It is no JSON of this form.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
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

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RoundJson {
    community: String,
    start: String,
    #[serde(default = "duration")]
    duration: u32,
    #[serde(default = "retail")]
    retail: i64,
    #[serde(default = "feed_in")]
    feed_in: i64,
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    settings: BTreeMap<String, String>,
    #[serde(default)]
    price_floor: Option<i64>,
    #[serde(default)]
    price_ceiling: Option<i64>,
    positions: Vec<PositionJson>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PositionJson {
    member: String,
    surplus: u64,
    deficit: u64,
    offer: Option<i64>,
    bid: Option<i64>,
    retail: Option<i64>,
    feed_in: Option<i64>,
    #[serde(default)]
    share: u32,
    #[serde(default)]
    rank: u32,
}

fn duration() -> u32 {
    DURATION
}

fn retail() -> i64 {
    RETAIL
}

fn feed_in() -> i64 {
    FEED_IN
}

/// Reads one round.
///
/// # Errors
/// If it is no JSON of this form, or its values make no round; the message names the field or the member.
pub fn parse(text: &str) -> Result<Round, InvalidRoundFile> {
    let json: RoundJson = serde_json::from_str(text)?;
    let price = Price::from_micro_eur;
    let tariff = Tariff { retail: price(json.retail), feed_in: price(json.feed_in) };
    let terms = Terms {
        interval: interval(&json.start, json.duration)?,
        community: json.community,
        tariff,
        limits: PriceLimits::new(json.price_floor.map(price), json.price_ceiling.map(price))?,
        seed: json.seed,
        settings: json.settings.into_iter().collect(),
    };
    let positions = json.positions.into_iter().enumerate().map(|(number, json)| position(number, json, tariff));
    let positions: Result<Vec<Position>, InvalidRoundFile> = positions.collect();
    Ok(Round::new(terms, positions?)?)
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
    let retail = json.retail.map_or(tariff.retail, Price::from_micro_eur);
    let feed_in = json.feed_in.map_or(tariff.feed_in, Price::from_micro_eur);
    Ok(Position {
        member,
        surplus: Energy::from_wh(json.surplus),
        deficit: Energy::from_wh(json.deficit),
        offer: json.offer.map_or(feed_in, Price::from_micro_eur),
        bid: json.bid.map_or(retail, Price::from_micro_eur),
        tariff: Tariff { retail, feed_in },
        share: json.share,
        rank: json.rank,
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
            ("", r#"{"member": "a", "surplus": -1, "deficit": 0}"#, "-1"),
            ("", r#"{"member": "a", "surplus": 18446744073709551616, "deficit": 0}"#, "u64"),
            ("", r#"{"member": "a", "surplus": 1.5, "deficit": 0}"#, "1.5"),
            ("", r#"{"member": "a", "surplus": 1, "deficit": 0, "colour": 1}"#, "colour"),
            ("", r#"{"member": "a", "surplus": 1}"#, "deficit"),
            ("", r#"{"member": "grid", "surplus": 1, "deficit": 0}"#, "grid"),
            (
                "",
                r#"{"member": "a", "surplus": 1, "deficit": 0}, {"member": "a", "surplus": 1, "deficit": 0}"#,
                "member a has two positions",
            ),
            (r#""duration": 5,"#, "", "5s"),
            (r#""price_floor": 2, "price_ceiling": 1,"#, "", "above price ceiling"),
            (r#""settings": {"price": 1},"#, "", "expected a string"),
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
    fn wave_quotes_what_a_shell_word_cannot_hold() {
        let round =
            parse(&format!(r#"{{"community": "a\"b\\c\n", "start": "{START}", "price_floor": -5, "positions": []}}"#))
                .unwrap();
        let wave = to_wave(&round);
        assert!(wave.starts_with(r#"{community: "a\"b\\c\u{a}", start: 1693569600,"#), "{wave}");
        assert!(wave.contains("price-floor: some(-5), price-ceiling: none"), "{wave}");
    }
}
