//! Prices that members set: what a list of them means for each meter, and how many are kept.
//!
//! Anybody who may set prices can name any meter and any time. So the number of prices of a meter is bounded, and the number
//! of meters that nobody knows: those wait until they are configured or read, and the oldest give way to newer ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::{MeterId, MeterPrice, OwnPrices};
use jiff::{SignedDuration, Timestamp};

/// How far ahead of ours a member's clock may be: a price that takes effect so soon is one for now.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(2);

/// How many prices are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceBounds {
    /// Prices of each meter that is configured or has been read.
    pub per_meter: usize,
    /// Other meters, whose prices wait.
    pub waiting_meters: usize,
    /// Prices of each of those.
    pub per_waiting_meter: usize,
}

/// A month of quarter-hours for each meter, and two days for each of a thousand that may turn up yet.
impl Default for PriceBounds {
    fn default() -> PriceBounds {
        PriceBounds { per_meter: 3000, waiting_meters: 1000, per_waiting_meter: 200 }
    }
}

/// A list of prices to set, all or none.
#[derive(Clone, Debug)]
pub struct NewPrices {
    /// The prices; of several for the same meter and instant the last counts.
    pub prices: Vec<MeterPrice>,
    /// Meters that are in the configuration. Others are known once they have been read.
    pub configured: Arc<BTreeSet<MeterId>>,
    /// How many prices are kept.
    pub bounds: PriceBounds,
    /// When they are set.
    pub now: Timestamp,
}

/// What was kept of a list of prices, as far as it is not simply there now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PricesKept {
    /// Meters whose prices wait, because they are neither configured nor read.
    pub waiting_meters: u64,
    /// Waiting meters whose prices were dropped for newer ones.
    pub dropped_meters: u64,
}

/// What a list says of one meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterPrices {
    /// The meter.
    pub meter: MeterId,
    /// Its prices by the instant at which they take effect; `None` if they are withdrawn.
    pub prices: BTreeMap<Timestamp, Option<OwnPrices>>,
    /// What earlier lists have set for later than this is void: whoever says what holds now ends what was planned before.
    /// `None` if the list only plans.
    pub voids_after: Option<Timestamp>,
}

impl NewPrices {
    /// Whether a meter is in the configuration.
    pub fn is_configured(&self, meter: &str) -> bool {
        meter.parse().is_ok_and(|meter: MeterId| self.configured.contains(&meter))
    }

    /// What the list says of each meter, in the order of the last entry of each.
    pub fn by_meter(&self) -> Vec<MeterPrices> {
        let mut last: BTreeMap<&MeterId, usize> = BTreeMap::new();
        let mut prices: BTreeMap<&MeterId, BTreeMap<Timestamp, Option<OwnPrices>>> = BTreeMap::new();
        for (place, MeterPrice { meter, from, own }) in self.prices.iter().enumerate() {
            last.insert(meter, place);
            prices.entry(meter).or_default().insert(*from, *own);
        }
        let mut meters: Vec<_> = prices.into_iter().collect();
        meters.sort_by_key(|(meter, _)| last.get(meter).copied());
        let meters = meters.into_iter();
        meters.map(|(meter, prices)| self.meter_prices(meter.clone(), prices)).collect()
    }

    fn meter_prices(&self, meter: MeterId, prices: BTreeMap<Timestamp, Option<OwnPrices>>) -> MeterPrices {
        let soon = self.now.checked_add(CLOCK_SKEW).unwrap_or(self.now);
        let newest = prices.range(..=soon).next_back();
        let voids_after = newest.map(|(from, _)| (*from).max(self.now));
        MeterPrices { meter, prices, voids_after }
    }
}

impl MeterPrices {
    /// Keeps the newest of them only.
    pub fn keep_newest(&mut self, most: usize) {
        while self.prices.len() > most {
            self.prices.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_693_569_600 + second).unwrap()
    }

    fn list(prices: &[(&str, i64)]) -> NewPrices {
        let price =
            |(meter, from): &(&str, i64)| MeterPrice { meter: meter.parse().unwrap(), from: at(*from), own: None };
        let prices = prices.iter().map(price).collect();
        NewPrices { prices, configured: Arc::default(), bounds: PriceBounds::default(), now: at(0) }
    }

    #[test]
    fn meters_come_in_the_order_of_their_last_entries() {
        let meters = list(&[("b", 1), ("a", 1), ("c", 1), ("b", 1), ("b", 2)]).by_meter();
        let meters: Vec<_> = meters.iter().map(|meter| (meter.meter.as_str(), meter.prices.len())).collect();
        assert_eq!(meters, [("a", 1), ("c", 1), ("b", 2)]);
    }

    #[test]
    fn a_price_for_now_voids_what_lies_ahead_and_a_plan_does_not() {
        for (from, voids_after) in [
            (&[900, 1800][..], None),
            (&[121], None),
            // By a clock that is fast.
            (&[120, 900], Some(120)),
            (&[0], Some(0)),
            (&[-900, 900], Some(0)),
            (&[-900, -1800], Some(0)),
        ] {
            let prices: Vec<_> = from.iter().map(|from| ("a", *from)).collect();
            assert_eq!(list(&prices).by_meter()[0].voids_after, voids_after.map(at), "{from:?}");
        }
    }

    #[test]
    fn the_newest_prices_are_kept() {
        let mut prices = list(&[("a", 3), ("a", 1), ("a", 2)]).by_meter().remove(0);
        prices.keep_newest(2);
        assert_eq!(prices.prices.into_keys().collect::<Vec<_>>(), [at(2), at(3)]);
    }
}
