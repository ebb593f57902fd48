//! Which rule is told how.

use market_kit::{Outcome, Pair, mid};
use words::Language;

use super::auction::{double_auction, k_double_auction, single_sided};
use super::fluvius::{Key, fluvius};
use super::market::PriceOf;
use super::shares::{
    cascading_shares, equal_shares, fixed_shares, priority_shares, proportional_shares, supply_demand_ratio,
};
use super::story::Story;
use super::tariff::{bill_sharing, mid_market_rate, public_grid, static_price};
use super::truthful::{muda, trade_reduction};

/// Returns what a rule of the program does in one sentence; `None` if there is no such rule.
pub fn summary(rule: &str, language: Language) -> Option<&'static str> {
    let rules = &language.texts().rules;
    Some(match rule {
        "public-grid" => rules.public_grid,
        "static" => rules.static_price,
        "mid-market-rate" => rules.mid_market_rate,
        "bill-sharing" => rules.bill_sharing,
        "single-sided" => rules.single_sided,
        "uniform" => rules.uniform,
        "average-market" => rules.average_market,
        "buyers-price" => rules.buyers_price,
        "sellers-price" => rules.sellers_price,
        "proportional-shares" => rules.proportional_shares,
        "fixed-shares" => rules.fixed_shares,
        "equal-shares" => rules.equal_shares,
        "cascading-shares" => rules.cascading_shares,
        "priority-shares" => rules.priority_shares,
        "fluvius-fixed" => rules.fluvius_fixed,
        "fluvius-relative" => rules.fluvius_relative,
        "fluvius-optimal" => rules.fluvius_optimal,
        "supply-demand-ratio" => rules.supply_demand_ratio,
        "k-double-auction" => rules.k_double_auction,
        "trade-reduction" => rules.trade_reduction,
        "muda" => rules.muda,
        _ => return None,
    })
}

/// Follows a rule of the program, tells its steps, and returns the trades to which they lead; `None` if there is no such
/// rule.
pub(super) fn follow(rule: &str, story: &mut Story<'_>) -> Option<Outcome> {
    let texts = story.voice.texts;
    Some(match rule {
        "public-grid" => public_grid(story),
        "static" => static_price(story),
        "mid-market-rate" => mid_market_rate(story),
        "bill-sharing" => bill_sharing(story),
        "single-sided" => single_sided(story),
        "uniform" => double_auction(story, PriceOf::All, texts.pairs_clearing, |pair| pair.clearing_price),
        "average-market" => {
            let halves = |pair: Pair<'_>| mid(pair.seller.offer, pair.buyer.bid);
            double_auction(story, PriceOf::Decides, texts.pairs_half_way, halves)
        }
        "buyers-price" => double_auction(story, PriceOf::Decides, texts.pairs_bid, |pair| pair.buyer.bid),
        "sellers-price" => double_auction(story, PriceOf::Decides, texts.pairs_offer, |pair| pair.seller.offer),
        "proportional-shares" => proportional_shares(story),
        "fixed-shares" => fixed_shares(story),
        "equal-shares" => equal_shares(story),
        "cascading-shares" => cascading_shares(story),
        "priority-shares" => priority_shares(story),
        "fluvius-fixed" => fluvius(story, Key::Fixed),
        "fluvius-relative" => fluvius(story, Key::Relative),
        "fluvius-optimal" => fluvius(story, Key::Optimal),
        "supply-demand-ratio" => supply_demand_ratio(story),
        "k-double-auction" => k_double_auction(story),
        "trade-reduction" => trade_reduction(story),
        "muda" => muda(story),
        _ => return None,
    })
}
