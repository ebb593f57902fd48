use core::cmp::Reverse;

use crate::{Book, Outcome, Position, PriceLimits, Round, mid};

/// A seller and a buyer that trade in a [`double_auction`].
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The seller; its `offer` is the lowest price that it accepts, in µEUR/kWh.
    pub seller: &'a Position,
    /// The buyer; its `bid` is the highest price that it accepts, in µEUR/kWh.
    pub buyer: &'a Position,
    /// The auction's clearing price, in µEUR/kWh: never below the seller's offer, never above the buyer's bid.
    pub clearing_price: i64,
}

/// Clears a round by a double auction in which `price` determines the price of each pair, in µEUR/kWh.
///
/// Sellers are sorted by ascending offer, buyers by descending bid. Sellers whose offer is at most the
/// [clearing price](Book::clearing_price) and buyers whose bid is at least the clearing price trade greedily in that
/// order; all other energy goes to the grid. The clearing price is first clamped to the round's price limits, and so is
/// each pair's price.
///
/// # Errors
///
/// If the round's price floor is above its price ceiling.
///
/// ```
/// use market_kit::{double_auction, testing};
///
/// let mut round = testing::round([("anna", 1000, 0), ("ben", 0, 1000)]);
/// round.positions[0].offer = 50_000;
/// round.positions[1].bid = 120_000;
/// let trades = double_auction(&round, |pair| pair.clearing_price).unwrap();
/// assert_eq!(testing::lines(&round, &trades), ["anna > ben 1000 Wh at 85000"]);
/// ```
pub fn double_auction(round: &Round, price: impl Fn(Pair<'_>) -> i64) -> Outcome {
    let limits = PriceLimits::of(round)?;
    let mut book = Book::new(round);
    let mut sellers = book.sellers_by(|position| position.offer);
    let mut buyers = book.buyers_by(|position| Reverse(position.bid));
    if let Some(clearing_price) = book.clearing_price(&sellers, &buyers) {
        let clearing_price = limits.clamp(clearing_price);
        sellers.truncate(sellers.partition_point(|&seller| book.position(seller).offer <= clearing_price));
        buyers.truncate(buyers.partition_point(|&buyer| book.position(buyer).bid >= clearing_price));
        book.greedy_by(&sellers, &buyers, |seller, buyer| limits.clamp(price(Pair { seller, buyer, clearing_price })));
    }
    Ok(book.rest())
}

/// The last seller and buyer that meet when two merit orders are walked together, as indexes of positions and as places
/// in the merit orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastPair {
    /// The seller's index in the round's positions.
    pub seller: u32,
    /// The buyer's index in the round's positions.
    pub buyer: u32,
    /// The seller's place in its merit order: so many sellers come before it.
    pub seller_place: usize,
    /// The buyer's place in its merit order.
    pub buyer_place: usize,
}

impl Book<'_> {
    /// Walks the merit orders of `sellers` and `buyers` together, block against block, while the offer is at most the bid;
    /// returns the last pair that trades, `None` if nothing crosses.
    ///
    /// `offer` and `bid` give the prices in µEUR/kWh by which the orders are sorted. A member on both sides counts on both.
    ///
    /// ```
    /// use market_kit::{Book, testing};
    ///
    /// let round = testing::round([("anna", 100, 0), ("ben", 100, 0), ("carla", 0, 150)]);
    /// let book = Book::new(&round);
    /// let last = book.last_pair(&[0, 1], &[2], |position| position.offer, |position| position.bid).unwrap();
    /// assert_eq!((last.seller, last.buyer, last.seller_place), (1, 2, 1));
    /// ```
    #[must_use]
    pub fn last_pair(
        &self,
        sellers: &[u32],
        buyers: &[u32],
        offer: impl Fn(&Position) -> i64,
        bid: impl Fn(&Position) -> i64,
    ) -> Option<LastPair> {
        let (mut seller_place, mut buyer_place) = (0, 0);
        let mut last = None;
        let (mut supply, mut demand) = (self.surplus(*sellers.first()?), self.deficit(*buyers.first()?));
        while let (Some(&seller), Some(&buyer)) = (sellers.get(seller_place), buyers.get(buyer_place)) {
            if offer(self.position(seller)) > bid(self.position(buyer)) {
                break;
            }
            last = Some(LastPair { seller, buyer, seller_place, buyer_place });
            let traded = supply.min(demand);
            (supply, demand) = (supply - traded, demand - traded);
            if supply == 0 {
                seller_place += 1;
                supply = sellers.get(seller_place).map_or(0, |&seller| self.surplus(seller));
            }
            if demand == 0 {
                buyer_place += 1;
                demand = buyers.get(buyer_place).map_or(0, |&buyer| self.deficit(buyer));
            }
        }
        last
    }

    /// Finds the price in µEUR/kWh at which the merit orders of `sellers` (by offer) and `buyers` (by bid) cross;
    /// `None` if they do not.
    ///
    /// Walks both orders together, block against block, while the offer is at most the bid. If the last pair's blocks
    /// are used up together, or the side of the block that is used up has no further one, the price is the midpoint of
    /// that pair's offer and bid; otherwise it is the price of the block with energy left. Price limits are ignored. A
    /// member on both sides counts on both.
    #[must_use]
    pub fn clearing_price(&self, sellers: &[u32], buyers: &[u32]) -> Option<i64> {
        let offers = sellers.iter().map(|&member| (self.position(member).offer, self.surplus(member)));
        let bids = buyers.iter().map(|&member| (self.position(member).bid, self.deficit(member)));
        let (mut offers, mut bids) = (offers.filter(|block| block.1 > 0), bids.filter(|block| block.1 > 0));
        let ((mut offer, mut supply), (mut bid, mut demand)) = (offers.next()?, bids.next()?);
        let mut price = None;
        while offer <= bid {
            let traded = supply.min(demand);
            (supply, demand) = (supply - traded, demand - traded);
            price = Some(match (supply, demand) {
                (0, 0) => mid(offer, bid),
                (0, _) => bid,
                (_, _) => offer,
            });
            let half_way = mid(offer, bid);
            if supply == 0 {
                let Some(block) = offers.next() else { return Some(half_way) };
                (offer, supply) = block;
            }
            if demand == 0 {
                let Some(block) = bids.next() else { return Some(half_way) };
                (bid, demand) = block;
            }
        }
        price
    }
}
