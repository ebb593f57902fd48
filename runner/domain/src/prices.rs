//! Prices that members set themselves, and which of them applies when.
//!
//! A price is set for a meter, effective from an instant until that meter's next price, and applies to the meter's
//! member. If several meters of a member have prices, the one with the latest effective instant applies; among equals,
//! that of the meter whose name sorts first.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::member::MeterId;
use crate::money::Price;

/// The prices of one meter, effective from an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterPrice {
    /// The meter for which the prices were set.
    pub meter: MeterId,
    /// When they take effect.
    pub from: Timestamp,
    /// The highest price at which the member buys, in µEUR/kWh.
    pub bid: Price,
    /// The lowest price at which the member sells, in µEUR/kWh.
    pub offer: Price,
}

/// The prices of any number of meters over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceBook(BTreeMap<MeterId, BTreeMap<Timestamp, (Price, Price)>>);

impl PriceBook {
    /// Returns whether there are no prices.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Finds the price that applies at an instant to the member with these meters; `None` if none is in effect.
    pub fn at<'m>(&self, meters: impl IntoIterator<Item = &'m MeterId>, at: Timestamp) -> Option<MeterPrice> {
        let mut newest: Option<MeterPrice> = None;
        for meter in meters {
            let set = self.0.get(meter).and_then(|prices| prices.range(..=at).next_back());
            let Some((&from, &(bid, offer))) = set else { continue };
            let earlier = |best: &MeterPrice| (best.from, meter) < (from, &best.meter);
            if newest.as_ref().is_none_or(earlier) {
                newest = Some(MeterPrice { meter: meter.clone(), from, bid, offer });
            }
        }
        newest
    }
}

/// Of two prices of one meter with the same effective instant, the later in order replaces the earlier.
impl FromIterator<MeterPrice> for PriceBook {
    fn from_iter<I: IntoIterator<Item = MeterPrice>>(prices: I) -> PriceBook {
        let mut book = PriceBook::default();
        for MeterPrice { meter, from, bid, offer } in prices {
            book.0.entry(meter).or_default().insert(from, (bid, offer));
        }
        book
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(meter: &str, from: i64, bid: i64) -> MeterPrice {
        MeterPrice {
            meter: meter.parse().unwrap(),
            from: Timestamp::from_second(from).unwrap(),
            bid: Price::from_micro_eur(bid),
            offer: Price::from_micro_eur(bid / 2),
        }
    }

    #[test]
    fn a_price_applies_from_its_instant_until_the_next() {
        let book: PriceBook = [price("a", 100, 1), price("a", 200, 2), price("a", 200, 3)].into_iter().collect();
        let bid = |at: i64| {
            let meters = ["a".parse().unwrap()];
            book.at(&meters, Timestamp::from_second(at).unwrap()).map(|price| price.bid.micro_eur())
        };
        assert_eq!([99, 100, 199, 200, i64::from(u32::MAX)].map(bid), [None, Some(1), Some(1), Some(3), Some(3)]);
    }

    #[test]
    fn of_several_meters_the_latest_price_applies_and_then_the_first_by_name() {
        let book: PriceBook = [price("b", 100, 1), price("c", 200, 2), price("a", 200, 3)].into_iter().collect();
        let at = Timestamp::from_second(300).unwrap();
        let meters: [MeterId; 3] = ["c", "b", "a"].map(|meter| meter.parse().unwrap());
        assert_eq!(book.at(&meters, at).unwrap().meter, meters[2]);
        assert_eq!(book.at(&meters[1..2], at).unwrap().bid.micro_eur(), 1);
        assert_eq!(book.at(&[], at), None);
    }
}
