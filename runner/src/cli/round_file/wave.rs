//! Rounds in WAVE, the text form of WIT values.

use domain::{Position, Price, Round};

/// A round as the argument of `wasmtime run --invoke`.
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
