//! Rounds for native code, to compare an algorithm's native form with its component.

use domain::{Position, Price, Round};

/// Converts a round to the kit's type, for calling an algorithm natively.
pub fn round(round: &Round) -> market_kit::Round {
    let terms = round.terms();
    let position = |position: &Position| market_kit::Position {
        member: position.member.to_string(),
        surplus: position.surplus.wh(),
        deficit: position.deficit.wh(),
        offer: position.offer.micro_eur(),
        bid: position.bid.micro_eur(),
        retail: position.tariff.retail.micro_eur(),
        feed_in: position.tariff.feed_in.micro_eur(),
        share: position.share,
        rank: position.rank,
    };
    market_kit::Round {
        community: terms.community.clone(),
        start: terms.interval.start().seconds(),
        duration: terms.interval.length().seconds(),
        retail: terms.tariff.retail.micro_eur(),
        feed_in: terms.tariff.feed_in.micro_eur(),
        price_floor: terms.limits.floor().map(Price::micro_eur),
        price_ceiling: terms.limits.ceiling().map(Price::micro_eur),
        seed: terms.seed,
        settings: terms.settings.clone(),
        positions: round.positions().iter().map(position).collect(),
    }
}
