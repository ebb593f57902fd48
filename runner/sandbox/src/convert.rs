//! Conversions between the domain and the WIT interface: rounds on their way in, claimed trades on their way out.

use domain::{Energy, Party, Price, Round, Trade};

use crate::world::types as wit;

/// Converts the positions, borrowing the names.
pub(crate) fn positions(round: &Round) -> Vec<wit::Position<'_>> {
    round
        .positions()
        .iter()
        .map(|position| wit::Position {
            member: position.member.as_str(),
            surplus: position.surplus.wh(),
            deficit: position.deficit.wh(),
            offer: position.offer.micro_eur(),
            bid: position.bid.micro_eur(),
            retail: position.tariff.retail.micro_eur(),
            feed_in: position.tariff.feed_in.micro_eur(),
            share: position.share,
            rank: position.rank,
        })
        .collect()
}

/// Converts the settings, borrowing keys and values.
pub(crate) fn settings(round: &Round) -> Vec<(&str, &str)> {
    round.terms().settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

/// Converts the round, borrowing converted positions and settings.
pub(crate) fn round<'a>(
    round: &'a Round,
    positions: &'a [wit::Position<'a>],
    settings: &'a [(&'a str, &'a str)],
) -> wit::Round<'a> {
    let terms = round.terms();
    wit::Round {
        community: &terms.community,
        start: terms.interval.start().seconds(),
        duration: terms.interval.length().seconds(),
        retail: terms.tariff.retail.micro_eur(),
        feed_in: terms.tariff.feed_in.micro_eur(),
        price_floor: terms.limits.floor().map(Price::micro_eur),
        price_ceiling: terms.limits.ceiling().map(Price::micro_eur),
        seed: terms.seed,
        settings,
        positions,
    }
}

/// Returns the size of a round in the canonical ABI's memory layout, in bytes, without padding between strings.
pub(crate) fn round_bytes(round: &Round) -> u64 {
    /// Canonical ABI sizes of `round`, of a pair of strings and of `position`.
    const ROUND_BYTES: usize = 96;
    const SETTING_BYTES: usize = 16;
    const POSITION_BYTES: usize = 64;
    let terms = round.terms();
    let settings = terms.settings.iter().map(|(key, value)| SETTING_BYTES + key.len() + value.len());
    let positions = round.positions().iter().map(|position| POSITION_BYTES + position.member.as_str().len());
    (ROUND_BYTES + terms.community.len() + settings.sum::<usize>() + positions.sum::<usize>()) as u64
}

/// Returns the size of a list of trades in the canonical ABI's memory layout, in bytes.
pub(crate) fn trades_bytes(trades: usize) -> u64 {
    /// Canonical ABI size of `trade`.
    const TRADE_BYTES: u64 = 32;
    trades as u64 * TRADE_BYTES
}

impl From<wit::Trade> for Trade {
    fn from(trade: wit::Trade) -> Trade {
        Trade {
            seller: trade.seller.into(),
            buyer: trade.buyer.into(),
            energy: Energy::from_wh(trade.energy),
            price: Price::from_micro_eur(trade.price),
        }
    }
}

impl From<wit::Party> for Party {
    fn from(party: wit::Party) -> Party {
        match party {
            wit::Party::Grid => Party::Grid,
            wit::Party::Operator => Party::Operator,
            wit::Party::Member(index) => Party::Member(index),
        }
    }
}
