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

impl Book<'_> {
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
