//! Prices that members set themselves: which of them applies when, and how far it counts.
//!
//! A price is set for a meter, effective from an instant until that meter's next price, and applies to the meter's
//! member. If several meters of a member have prices, the one with the latest effective instant applies; among equals,
//! that of the meter whose name sorts first. From the instant at which a price is withdrawn, the member has none.
//!
//! A price ends with the membership in which it was set: the next member that has the meter does not inherit it, nor what
//! the one before it planned for later.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::member::MeterId;
use crate::money::{Price, Tariff};

/// The prices that a member has set for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnPrices {
    /// The highest price at which the member buys, in µEUR/kWh.
    pub bid: Price,
    /// The lowest price at which the member sells, in µEUR/kWh.
    pub offer: Price,
}

/// How far the prices that members set count in a community.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PriceRule {
    /// Each within what the grid pays and charges its own member, so that nobody can set a price by which a member is worse
    /// off than with the grid alone.
    #[default]
    Bounded,
    /// As they are.
    Free,
}

impl PriceRule {
    /// Returns the prices that count for a member with this tariff.
    pub fn apply(self, own: OwnPrices, tariff: Tariff) -> OwnPrices {
        match self {
            PriceRule::Free => own,
            PriceRule::Bounded => {
                // The grid may pay more than it charges.
                let lowest = tariff.feed_in.min(tariff.retail);
                let highest = tariff.feed_in.max(tariff.retail);
                let OwnPrices { bid, offer } = own;
                OwnPrices { bid: bid.clamp(lowest, highest), offer: offer.clamp(lowest, highest) }
            }
        }
    }
}

/// The prices of one meter, effective from an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterPrice {
    /// The meter for which the prices were set.
    pub meter: MeterId,
    /// When they take effect.
    pub from: Timestamp,
    /// The prices; `None` if they are withdrawn from then on.
    pub own: Option<OwnPrices>,
}

/// The prices of one meter as they were set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetPrice {
    /// What was set.
    pub price: MeterPrice,
    /// When somebody did.
    pub at: Timestamp,
}

/// The prices of any number of meters over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceBook(BTreeMap<MeterId, BTreeMap<Timestamp, Entry>>);

/// What was set for an instant, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    own: Option<OwnPrices>,
    set_at: Timestamp,
}

impl PriceBook {
    /// Returns whether there are no prices.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Finds the prices that apply at an instant to the member that has these meters, each since an instant of its own;
    /// `None` if none are in effect.
    pub fn at<'m>(
        &self,
        meters: impl IntoIterator<Item = (&'m MeterId, Timestamp)>,
        at: Timestamp,
    ) -> Option<OwnPrices> {
        let mut newest: Option<(Timestamp, &MeterId, Option<OwnPrices>)> = None;
        for (meter, since) in meters {
            let set = self.0.get(meter).and_then(|prices| prices.range(..=at).next_back());
            let Some((&from, &Entry { own, set_at })) = set else { continue };
            if from < since || set_at < since {
                continue;
            }
            if newest.is_none_or(|(best_from, best_meter, _)| (best_from, meter) < (from, best_meter)) {
                newest = Some((from, meter, own));
            }
        }
        newest.and_then(|(_, _, own)| own)
    }
}

/// Of two prices of one meter with the same effective instant, the later in order replaces the earlier.
impl FromIterator<SetPrice> for PriceBook {
    fn from_iter<I: IntoIterator<Item = SetPrice>>(prices: I) -> PriceBook {
        let mut book = PriceBook::default();
        for SetPrice { price: MeterPrice { meter, from, own }, at } in prices {
            book.0.entry(meter).or_default().insert(from, Entry { own, set_at: at });
        }
        book
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(bid: i64, offer: i64) -> OwnPrices {
        OwnPrices { bid: Price::from_micro_eur(bid), offer: Price::from_micro_eur(offer) }
    }

    /// A price that was set when it took effect.
    fn price(meter: &str, from: i64, bid: i64) -> SetPrice {
        set(meter, from, from, Some(own(bid, bid / 2)))
    }

    fn withdrawn(meter: &str, from: i64) -> SetPrice {
        set(meter, from, from, None)
    }

    fn set(meter: &str, from: i64, at: i64, own: Option<OwnPrices>) -> SetPrice {
        let second = |second| Timestamp::from_second(second).unwrap();
        SetPrice { price: MeterPrice { meter: meter.parse().unwrap(), from: second(from), own }, at: second(at) }
    }

    /// The bid at a second of the member with these meters.
    fn bid(book: &PriceBook, meters: &[&str], at: i64) -> Option<i64> {
        let meters: Vec<MeterId> = meters.iter().map(|meter| meter.parse().unwrap()).collect();
        let meters = meters.iter().map(|meter| (meter, Timestamp::MIN));
        book.at(meters, Timestamp::from_second(at).unwrap()).map(|own| own.bid.micro_eur())
    }

    #[test]
    fn a_price_applies_from_its_instant_until_the_next() {
        let book: PriceBook = [price("a", 100, 1), price("a", 200, 2), price("a", 200, 3)].into_iter().collect();
        let bid = |at| bid(&book, &["a"], at);
        assert_eq!([99, 100, 199, 200, i64::from(u32::MAX)].map(bid), [None, Some(1), Some(1), Some(3), Some(3)]);
    }

    #[test]
    fn of_several_meters_the_latest_price_applies_and_then_the_first_by_name() {
        let book: PriceBook = [price("b", 100, 1), price("c", 200, 2), price("a", 200, 3)].into_iter().collect();
        assert_eq!(bid(&book, &["c", "b", "a"], 300), Some(3));
        assert_eq!(bid(&book, &["c", "b"], 300), Some(2));
        assert_eq!(bid(&book, &["b"], 300), Some(1));
        assert_eq!(bid(&book, &[], 300), None);
    }

    #[test]
    fn a_member_has_no_price_from_a_withdrawal_until_its_next_price() {
        let prices = [price("a", 100, 1), price("b", 150, 2), withdrawn("a", 200), price("b", 300, 3)];
        let book: PriceBook = prices.into_iter().collect();
        let bid = |at| bid(&book, &["a", "b"], at);
        assert_eq!([149, 150, 199, 200, 299, 300].map(bid), [Some(1), Some(2), Some(2), None, None, Some(3)]);
    }

    #[test]
    fn nobody_inherits_a_price_or_a_plan_of_the_member_before() {
        let at = |second| Timestamp::from_second(second).unwrap();
        // In effect from 100; planned at 100 for 300; set long after for 400.
        let plan = set("a", 300, 100, Some(own(2, 1)));
        let late = set("a", 400, 9_999, Some(own(3, 1)));
        let book: PriceBook = [price("a", 100, 1), plan, late].into_iter().collect();
        let meter: MeterId = "a".parse().unwrap();
        let bid = |since, second| book.at([(&meter, at(since))], at(second)).map(|own| own.bid.micro_eur());
        assert_eq!([150, 350, 450].map(|second| bid(100, second)), [Some(1), Some(2), Some(3)]);
        assert_eq!([250, 350, 450].map(|second| bid(200, second)), [None, None, Some(3)]);
        assert_eq!(bid(401, 450), None);
    }

    #[test]
    fn bounded_prices_stay_within_their_members_own_tariff() {
        let tariff =
            |retail, feed_in| Tariff { retail: Price::from_micro_eur(retail), feed_in: Price::from_micro_eur(feed_in) };
        for (retail, feed_in, set, counts) in [
            (162_400, 30_000, own(100_000, 90_000), own(100_000, 90_000)),
            (162_400, 30_000, own(i64::MAX, i64::MAX), own(162_400, 162_400)),
            (162_400, 30_000, own(0, 0), own(30_000, 30_000)),
            (162_400, 30_000, own(29_999, 162_401), own(30_000, 162_400)),
            // The grid pays more than it charges, or charges nothing.
            (10_000, 30_000, own(5, 40_000), own(10_000, 30_000)),
            (-7, -9, own(0, 0), own(-7, -7)),
        ] {
            assert_eq!(
                PriceRule::Bounded.apply(set, tariff(retail, feed_in)),
                counts,
                "{set:?} at {retail}, {feed_in}"
            );
            assert_eq!(PriceRule::Free.apply(set, tariff(retail, feed_in)), set);
        }
    }
}
