//! Rounds and trades in the kit's types and back.

use domain::{Energy, Party, Position, Price, Round, Trade};

/// Converts a round to the kit's type, for calling the kit's building blocks, or a whole algorithm, natively.
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

/// Converts trades from the kit's type.
pub fn trades(trades: &[market_kit::Trade]) -> Vec<Trade> {
    let party = |party| match party {
        market_kit::Party::Grid => Party::Grid,
        market_kit::Party::Operator => Party::Operator,
        market_kit::Party::Member(index) => Party::Member(index),
    };
    let trade = |trade: &market_kit::Trade| Trade {
        seller: party(trade.seller),
        buyer: party(trade.buyer),
        energy: Energy::from_wh(trade.energy),
        price: Price::from_micro_eur(trade.price),
    };
    trades.iter().map(trade).collect()
}
