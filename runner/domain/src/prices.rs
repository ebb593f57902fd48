//! The prices that members set themselves, and which of them holds when.
//!
//! A price is set for a meter from an instant on and holds until the next one. It holds for the meter's member; of the
//! prices of several meters of one member the one set from the latest instant counts, of equal ones that of the meter
//! whose name comes first.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::member::MeterId;
use crate::money::Price;

/// The prices of one meter from an instant on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterPrice {
    /// The meter.
    pub meter: MeterId,
    /// From when on they hold.
    pub from: Timestamp,
    /// The highest price at which it buys.
    pub bid: Price,
    /// The least price at which it sells.
    pub offer: Price,
}

/// The prices of many meters over a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceBook(BTreeMap<MeterId, BTreeMap<Timestamp, (Price, Price)>>);

impl PriceBook {
    /// Whether nobody ever set a price.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The price that holds at an instant for the member with these meters.
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

/// Of two prices of one meter from one instant on the later in order wins.
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
    fn a_price_holds_from_its_instant_until_the_next() {
        let book: PriceBook = [price("a", 100, 1), price("a", 200, 2), price("a", 200, 3)].into_iter().collect();
        let bid = |at: i64| {
            let meters = ["a".parse().unwrap()];
            book.at(&meters, Timestamp::from_second(at).unwrap()).map(|price| price.bid.micro_eur())
        };
        assert_eq!([99, 100, 199, 200, i64::from(u32::MAX)].map(bid), [None, Some(1), Some(1), Some(3), Some(3)]);
    }

    #[test]
    fn of_several_meters_the_latest_counts_and_then_the_first_by_name() {
        let book: PriceBook = [price("b", 100, 1), price("c", 200, 2), price("a", 200, 3)].into_iter().collect();
        let at = Timestamp::from_second(300).unwrap();
        let meters: [MeterId; 3] = ["c", "b", "a"].map(|meter| meter.parse().unwrap());
        assert_eq!(book.at(&meters, at).unwrap().meter, meters[2]);
        assert_eq!(book.at(&meters[1..2], at).unwrap().bid.micro_eur(), 1);
        assert_eq!(book.at(&[], at), None);
    }
}
