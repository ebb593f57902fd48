//! Details of a day: what pages show beside its sums. What was settled in each interval, of all members together, and who sold how
//! much to whom.
//!
//! A store keeps them only of days that are over, since they are made later than the intervals are settled and by somebody
//! else. They are derived: `audit` compares all that are kept with their intervals, and whatever is missing is made again.

use std::collections::HashMap;

use async_trait::async_trait;
use domain::{Amount, Boundary, Digest, Interval, NamedParty, Price};

use crate::error::StoreError;
use crate::interval::{Span, StoredInterval};
use crate::statement::{DaySums, Flow};
use crate::trade::StoredTrade;

/// Most pairs of a seller and a buyer of one day that are told apart. Where there are more, who sold to whom is not kept.
pub const PAIRS_MAX: usize = 32_768;

/// The details of intervals that follow each other: the same ones as of the [`DaySums`] with the same numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayDetails {
    /// The start of the first interval.
    pub first: Boundary,
    /// The start of the last interval.
    pub last: Boundary,
    /// The end of the last interval.
    pub until: Boundary,
    /// Number of intervals.
    pub intervals: u64,
    /// Number of trades.
    pub trades: u64,
    /// What there is to tell of them; `None` if a sum does not fit 128 bits, so that there is nothing.
    pub told: Option<Told>,
}

/// What there is to tell of a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Of each interval, in order of time.
    pub intervals: Vec<IntervalSums>,
    /// Who sold to whom; `None` if there are more than [`PAIRS_MAX`] pairs.
    pub sales: Option<Sales>,
}

/// What was settled in one interval, of all members together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntervalSums {
    /// The interval.
    pub interval: Interval,
    /// What its round came to; `None` without a round: no member was read at both ends.
    pub cleared: Option<Cleared>,
    /// How many times a meter was read again after a gap. That energy is settled with the grid, and in none of the sums here,
    /// since it is of other hours.
    pub gaps: u64,
}

/// What a round came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// Σe: energy that members had to sell, in Wh.
    pub fed_in_wh: u128,
    /// Σw: energy that members had to buy, in Wh.
    pub needed_wh: u128,
    /// What members bought within the community, and what they paid for it. What passes through the operator counts once.
    pub shared: Flow,
    /// The lowest and the highest price of a trade within the community; `None` without one.
    pub prices: Option<(Price, Price)>,
}

impl Cleared {
    /// Returns what any rule could share at most, in Wh: the lower of what there was to sell and to buy.
    pub fn potential_wh(&self) -> u128 {
        self.fed_in_wh.min(self.needed_wh)
    }
}

/// Who sold how much to whom, within the community.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sales {
    /// Members, and the operator if anything passed through it, sorted by name.
    pub parties: Vec<NamedParty>,
    /// What flowed from a seller to a buyer, by their places among the parties, sorted.
    pub flows: Vec<(Pair, Flow)>,
}

/// A seller and a buyer, by their places among the parties of [`Sales`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair {
    /// The place of the seller.
    pub seller: u32,
    /// The place of the buyer.
    pub buyer: u32,
}

impl DayDetails {
    /// Makes the details of intervals in order of time; `None` of none.
    pub fn of<'i>(intervals: impl IntoIterator<Item = &'i StoredInterval>) -> Option<DayDetails> {
        let mut making = Making::default();
        intervals.into_iter().for_each(|interval| making.add(interval));
        making.finish()
    }

    /// Whether they are of the same intervals as these sums. If not, they count as missing.
    pub fn is_of(&self, sums: &DaySums) -> bool {
        (self.first, self.last, self.until, self.intervals, self.trades)
            == (sums.first, sums.last, sums.until, sums.intervals, sums.trades)
    }

    /// Returns the digest of everything in it.
    pub fn digest(&self) -> Digest {
        let mut bytes = Vec::new();
        let mut number = |number: u128| bytes.extend_from_slice(&number.to_be_bytes());
        let signed = |amount: i128| u128::from_be_bytes(amount.to_be_bytes());
        for boundary in [self.first, self.last, self.until] {
            number(boundary.seconds().into());
        }
        number(self.intervals.into());
        number(self.trades.into());
        let Some(told) = &self.told else { return Digest::of(&bytes) };
        for sums in &told.intervals {
            number(sums.interval.start().seconds().into());
            number(sums.interval.length().seconds().into());
            number(sums.gaps.into());
            let Some(cleared) = sums.cleared else {
                number(0);
                continue;
            };
            number(1);
            number(cleared.fed_in_wh);
            number(cleared.needed_wh);
            number(cleared.shared.wh);
            number(signed(cleared.shared.amount.nano_eur()));
            let price = |price: Price| signed(price.micro_eur().into());
            let [is_there, lowest, highest] =
                cleared.prices.map_or([0; 3], |(lowest, highest)| [1, price(lowest), price(highest)]);
            [is_there, lowest, highest].into_iter().for_each(&mut number);
        }
        let Some(sales) = &told.sales else { return Digest::of(&bytes) };
        for (pair, flow) in &sales.flows {
            number(pair.seller.into());
            number(pair.buyer.into());
            number(flow.wh);
            number(signed(flow.amount.nano_eur()));
        }
        for party in &sales.parties {
            // No name has a zero byte.
            bytes.extend_from_slice(party.as_str().as_bytes());
            bytes.push(0);
        }
        Digest::of(&bytes)
    }
}

/// Details while they are made, interval by interval.
#[derive(Debug, Default)]
pub struct Making {
    span: Option<(Boundary, Boundary, Boundary)>,
    count: u64,
    trades: u64,
    intervals: Vec<IntervalSums>,
    sales: Tally,
    /// Whether some sum does not fit.
    is_too_large: bool,
}

/// Who sold to whom, while it is added up.
#[derive(Debug, Default)]
struct Tally {
    places: HashMap<NamedParty, u32>,
    flows: HashMap<Pair, Flow>,
}

impl Making {
    /// Adds the next interval.
    pub fn add(&mut self, stored: &StoredInterval) {
        let interval = stored.interval;
        let first = self.span.map_or(interval.start(), |(first, ..)| first);
        self.span = Some((first, interval.start(), interval.end()));
        self.count += 1;
        self.trades += stored.trades.len() as u64;
        let Some(shared) = self.add_trades(&stored.trades) else {
            self.is_too_large = true;
            return;
        };
        let cleared = stored.round.as_ref().map(|round| {
            let mut cleared = Cleared { shared, prices: prices(&stored.trades), ..Cleared::default() };
            for position in round.positions() {
                cleared.fed_in_wh += u128::from(position.surplus.wh());
                cleared.needed_wh += u128::from(position.deficit.wh());
            }
            cleared
        });
        self.intervals.push(IntervalSums { interval, cleared, gaps: stored.gaps.len() as u64 });
    }

    /// Adds the trades within the community; returns what members bought. `None` if a sum does not fit.
    fn add_trades(&mut self, trades: &[StoredTrade]) -> Option<Flow> {
        let mut shared = Flow::default();
        for trade in trades.iter().filter(|trade| !trade.kind().is_with_grid()) {
            let flow = Flow { wh: trade.energy.wh().into(), amount: Amount::of(trade.energy, trade.price) };
            if trade.buyer.member().is_some() {
                shared = shared.checked_add(flow)?;
            }
            self.sales.add(trade, flow)?;
        }
        Some(shared)
    }

    /// Returns the details; `None` if there was no interval.
    pub fn finish(self) -> Option<DayDetails> {
        let (first, last, until) = self.span?;
        let told = (!self.is_too_large).then(|| Told { intervals: self.intervals, sales: self.sales.finish() });
        Some(DayDetails { first, last, until, intervals: self.count, trades: self.trades, told })
    }
}

/// The lowest and the highest price within the community.
fn prices(trades: &[StoredTrade]) -> Option<(Price, Price)> {
    let local = || trades.iter().filter(|trade| !trade.kind().is_with_grid()).map(|trade| trade.price);
    Some((local().min()?, local().max()?))
}

impl Tally {
    fn add(&mut self, trade: &StoredTrade, flow: Flow) -> Option<()> {
        // More than can be kept: there is no need to know how many.
        if self.flows.len() > PAIRS_MAX {
            return Some(());
        }
        let pair = Pair { seller: self.place(&trade.seller), buyer: self.place(&trade.buyer) };
        let sum = self.flows.entry(pair).or_default();
        *sum = sum.checked_add(flow)?;
        Some(())
    }

    fn place(&mut self, party: &NamedParty) -> u32 {
        if let Some(place) = self.places.get(party) {
            return *place;
        }
        // OK because there are at most two for each pair.
        let place = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.insert(party.clone(), place);
        place
    }

    fn finish(self) -> Option<Sales> {
        if self.flows.len() > PAIRS_MAX {
            return None;
        }
        let mut parties: Vec<(NamedParty, u32)> = self.places.into_iter().collect();
        parties.sort_unstable_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
        let sorted: HashMap<u32, u32> = parties.iter().map(|(_, place)| *place).zip(0..).collect();
        let place = |place: u32| sorted.get(&place).copied().unwrap_or(u32::MAX);
        let moved = |(pair, flow): (Pair, Flow)| (Pair { seller: place(pair.seller), buyer: place(pair.buyer) }, flow);
        let mut flows: Vec<(Pair, Flow)> = self.flows.into_iter().map(moved).collect();
        flows.sort_unstable_by_key(|(pair, _)| *pair);
        Some(Sales { parties: parties.into_iter().map(|(party, _)| party).collect(), flows })
    }
}

/// Storage of details of days that are over.
#[async_trait]
pub trait Details: Send + Sync {
    /// Lists the kept details of up to `limit` days with intervals that start within the span, in order of time. `after` is
    /// [`DayDetails::until`] of the last one of the previous page. Those that are of other intervals than the store's are
    /// not there.
    async fn details(
        &self,
        community: &str,
        span: Span,
        after: Option<Boundary>,
        limit: usize,
    ) -> Result<Vec<DayDetails>, StoreError>;

    /// Keeps details of days, in place of what is kept of the same intervals. Those of a day that is not over, or that is not
    /// as the store has it, are left out.
    async fn keep_details(&self, community: &str, details: &[DayDetails]) -> Result<(), StoreError>;

    /// Lists the intervals of up to `limit` days that are over and of which no details are kept, oldest first: each as a span
    /// from the start of its first to the end of its last.
    async fn details_due(&self, community: &str, limit: usize) -> Result<Vec<Span>, StoreError>;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::netting::Basis;
    use domain::round::{PriceLimits, Terms};
    use domain::{Energy, IntervalLength, MemberId, Party, Position, Round, Settlement, Tariff, Trade};

    use super::*;
    use crate::trade::{GapTrade, trades_of};

    /// A quarter-hour in which `a` has 1000 Wh, and `b` and `c` need 600 and 700 Wh; with these trades, and gaps.
    fn stored(number: u64, trades: &[(Party, Party, u64, i64)], gaps: usize) -> StoredInterval {
        let start = Boundary::from_seconds(1_693_569_600 + 900 * number).unwrap();
        let interval = Interval::starting(start, IntervalLength::QUARTER_HOUR).unwrap();
        let terms = Terms {
            community: "aveiro".to_owned(),
            interval,
            tariff: Tariff::PLATFORM,
            limits: PriceLimits::default(),
            seed: 7,
            settings: Vec::new(),
        };
        let position = |(member, surplus, deficit): (&str, u64, u64)| Position {
            member: member.parse().unwrap(),
            surplus: Energy::from_wh(surplus),
            deficit: Energy::from_wh(deficit),
            offer: Tariff::PLATFORM.feed_in,
            bid: Tariff::PLATFORM.retail,
            tariff: Tariff::PLATFORM,
            share: 0,
            rank: 0,
        };
        let positions = [("a", 1000, 0), ("b", 0, 600), ("c", 0, 700)].map(position).to_vec();
        let round = Arc::new(Round::new(terms, positions).unwrap());
        let trade = |&(seller, buyer, wh, price): &(Party, Party, u64, i64)| Trade {
            seller,
            buyer,
            energy: Energy::from_wh(wh),
            price: Price::from_micro_eur(price),
        };
        let settlement = Settlement::check(Arc::clone(&round), trades.iter().map(trade).collect(), 99).unwrap();
        let gap = GapTrade {
            member: "b".parse().unwrap(),
            since: start,
            surplus: Energy::from_wh(5),
            deficit: Energy::from_wh(7),
            tariff: Tariff::PLATFORM,
        };
        let gaps = vec![gap; gaps];
        StoredInterval {
            round: Some(Round::clone(&round)),
            trades: trades_of("aveiro", interval, Some((&settlement, None)), &gaps),
            gaps,
            ..StoredInterval::empty(interval, Basis::Net)
        }
    }

    const A: Party = Party::Member(0);
    const B: Party = Party::Member(1);
    const C: Party = Party::Member(2);

    fn member(name: &str) -> NamedParty {
        NamedParty::Member(name.parse::<MemberId>().unwrap())
    }

    fn flow(wh: u128, nano_eur: i128) -> Flow {
        Flow { wh, amount: Amount::from_nano_eur(nano_eur) }
    }

    #[test]
    fn a_day_has_each_interval_and_who_sold_to_whom() {
        let through = [
            (A, B, 600, 90_000),
            (A, Party::Operator, 400, 80_000),
            (Party::Operator, C, 400, 100_000),
            (Party::Grid, C, 300, 162_400),
        ];
        let grid = [(A, Party::Grid, 1000, 30_000), (Party::Grid, B, 600, 162_400), (Party::Grid, C, 700, 162_400)];
        let days = [stored(0, &through, 0), stored(1, &grid, 2), stored(2, &through, 0)];
        let day = DayDetails::of(&days).unwrap();
        assert_eq!((day.intervals, day.trades), (3, 4 + 3 + 4 + 4));
        assert_eq!((day.first, day.until), (days[0].interval.start(), days[2].interval.end()));
        let told = day.told.as_ref().unwrap();
        let cleared = told.intervals[0].cleared.unwrap();
        assert_eq!((cleared.fed_in_wh, cleared.needed_wh, cleared.potential_wh()), (1000, 1300, 1000));
        assert_eq!(cleared.shared, flow(1000, 600 * 90_000 + 400 * 100_000));
        assert_eq!(cleared.prices, Some((Price::from_micro_eur(80_000), Price::from_micro_eur(100_000))));
        let without = told.intervals[1];
        assert_eq!(
            (without.gaps, without.cleared.unwrap().shared, without.cleared.unwrap().prices),
            (2, flow(0, 0), None)
        );
        let sales = told.sales.as_ref().unwrap();
        assert_eq!(sales.parties, [member("a"), member("b"), member("c"), NamedParty::Operator]);
        let pair = |seller, buyer| Pair { seller, buyer };
        assert_eq!(
            sales.flows,
            [
                (pair(0, 1), flow(1200, 1200 * 90_000)),
                (pair(0, 3), flow(800, 800 * 80_000)),
                (pair(3, 2), flow(800, 800 * 100_000)),
            ]
        );
    }

    #[test]
    fn every_number_is_in_the_digest() {
        let trades = [(A, B, 600, 90_000), (A, C, 400, 80_000), (Party::Grid, C, 300, 162_400)];
        let day = DayDetails::of(&[stored(0, &trades, 1), stored(1, &trades, 0)]).unwrap();
        let changed = |change: &dyn Fn(&mut DayDetails)| {
            let mut other = day.clone();
            change(&mut other);
            other.digest()
        };
        let told = |change: fn(&mut Told)| changed(&|day: &mut DayDetails| change(day.told.as_mut().unwrap()));
        let cleared = |change: fn(&mut Cleared)| {
            changed(&|day: &mut DayDetails| {
                change(day.told.as_mut().unwrap().intervals[1].cleared.as_mut().unwrap());
            })
        };
        let sales = |change: fn(&mut Sales)| {
            changed(&|day: &mut DayDetails| {
                change(day.told.as_mut().unwrap().sales.as_mut().unwrap());
            })
        };
        let mut digests = vec![
            day.digest(),
            changed(&|day| day.intervals += 1),
            changed(&|day| day.trades += 1),
            changed(&|day| day.last = day.first),
            changed(&|day| day.told = None),
            told(|told| told.sales = None),
            told(|told| told.intervals[0].gaps = 0),
            told(|told| told.intervals[1].cleared = None),
            told(|told| told.intervals.truncate(1)),
            cleared(|cleared| cleared.fed_in_wh += 1),
            cleared(|cleared| cleared.needed_wh += 1),
            cleared(|cleared| cleared.shared.wh += 1),
            cleared(|cleared| cleared.shared.amount = Amount::ZERO),
            cleared(|cleared| cleared.prices = None),
            sales(|sales| sales.flows[1].0.buyer = 0),
            sales(|sales| sales.flows[1].1.wh += 1),
            sales(|sales| sales.flows[1].1.amount = Amount::ZERO),
            sales(|sales| sales.parties[1] = NamedParty::Operator),
        ];
        let count = digests.len();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), count);
    }

    #[test]
    fn what_does_not_fit_is_nothing_and_no_interval_has_none() {
        let trades = [(A, B, 600, 90_000), (Party::Grid, C, 700, 162_400), (A, Party::Grid, 400, 30_000)];
        let mut huge = stored(0, &trades, 0);
        huge.trades[0].energy = Energy::from_wh(u64::MAX);
        huge.trades[0].price = Price::from_micro_eur(i64::MAX);
        let day = DayDetails::of(&[huge.clone(), huge, stored(1, &trades, 0)]).unwrap();
        assert_eq!((day.told, day.intervals, day.trades), (None, 3, 9));
        assert_eq!(DayDetails::of(&[]), None);
    }

    #[test]
    fn more_pairs_than_are_kept_are_not_told_apart() {
        let trades = [(A, B, 600, 90_000), (Party::Grid, C, 700, 162_400), (A, Party::Grid, 400, 30_000)];
        let mut stored = stored(0, &trades, 0);
        let trade = stored.trades[0].clone();
        let named = |number: usize| StoredTrade { buyer: member(&format!("m{number}")), ..trade.clone() };
        stored.trades = (0..PAIRS_MAX).map(named).collect();
        let sales = DayDetails::of(&[stored.clone()]).unwrap().told.unwrap().sales.unwrap();
        assert_eq!((sales.flows.len(), sales.parties.len()), (PAIRS_MAX, PAIRS_MAX + 1));
        stored.trades.push(named(PAIRS_MAX));
        let told = DayDetails::of(&[stored]).unwrap().told.unwrap();
        assert_eq!((told.sales, told.intervals.len()), (None, 1));
    }
}
