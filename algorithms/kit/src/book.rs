use alloc::vec::Vec;

use crate::{Party, Position, Round, Trade, queue::Queue, split};

/// The unmatched energy of each position while a round is being cleared, and the trades made so far.
///
/// A book never sells or buys more than a member has, never records a trade of 0 Wh, and never lets a party trade with
/// itself. Finish with [`rest`](Book::rest), which trades all remaining energy with the grid: the result then satisfies
/// the host's balance check, except possibly for prices between members and trades of the operator.
///
/// Members are identified by their index in the round's positions. A member with both a surplus and a deficit (on a
/// gross basis) is a seller and a buyer at once; if its only counterpart would be itself, both sides go to the grid.
///
/// ```
/// use market_kit::{Book, testing};
///
/// let round = testing::round([("anna", 1500, 0), ("ben", 0, 700), ("carla", 0, 1000)]);
/// let mut book = Book::new(&round);
/// let (sellers, buyers) = (book.sellers(), book.buyers());
/// book.greedy(&sellers, &buyers, 96_200);
/// assert_eq!(
///     testing::lines(&round, &book.rest()),
///     ["anna > ben 700 Wh at 96200", "anna > carla 800 Wh at 96200", "grid > carla 200 Wh at 162400"],
/// );
/// ```
#[derive(Debug, Clone)]
pub struct Book<'r> {
    positions: &'r [Position],
    pub(crate) surplus: Vec<u64>,
    pub(crate) deficit: Vec<u64>,
    trades: Vec<Trade>,
}

impl<'r> Book<'r> {
    /// Opens a book in which nothing is traded yet.
    #[must_use]
    pub fn new(round: &'r Round) -> Self {
        let surplus: Vec<u64> = round.positions.iter().map(|position| position.surplus).collect();
        let deficit: Vec<u64> = round.positions.iter().map(|position| position.deficit).collect();
        let sellers = surplus.iter().filter(|&&energy| energy > 0).count();
        let buyers = deficit.iter().filter(|&&energy| energy > 0).count();
        // Every trade uses up a seller or a buyer, except those of rationing, which adds one per member on its side.
        let trades = Vec::with_capacity(sellers + buyers + sellers.max(buyers));
        Self { positions: &round.positions, surplus, deficit, trades }
    }

    /// Returns the unsold surplus of `member`, in Wh.
    ///
    /// # Panics
    ///
    /// If the round has no position with this index. This applies to every method of a book that takes an index.
    #[must_use]
    pub fn surplus(&self, member: u32) -> u64 {
        self.surplus[member as usize]
    }

    /// Returns the uncovered deficit of `member`, in Wh.
    #[must_use]
    pub fn deficit(&self, member: u32) -> u64 {
        self.deficit[member as usize]
    }

    /// Returns the round's position of `member`; trades do not change it.
    #[must_use]
    pub fn position(&self, member: u32) -> &'r Position {
        &self.positions[member as usize]
    }

    /// Returns the members with unsold surplus, in the round's order.
    #[must_use]
    pub fn sellers(&self) -> Vec<u32> {
        with_energy(&self.surplus).collect()
    }

    /// Returns the members with an uncovered deficit, in the round's order.
    #[must_use]
    pub fn buyers(&self) -> Vec<u32> {
        with_energy(&self.deficit).collect()
    }

    /// Returns the members with unsold surplus by ascending key, ties in the round's order.
    ///
    /// ```
    /// # let round = market_kit::testing::round([("a", 10, 0)]);
    /// # let book = market_kit::Book::new(&round);
    /// let cheapest_first = book.sellers_by(|position| position.offer);
    /// ```
    #[must_use]
    pub fn sellers_by<K: Ord>(&self, key: impl Fn(&Position) -> K) -> Vec<u32> {
        self.merit_order(with_energy(&self.surplus), key)
    }

    /// Returns the members with an uncovered deficit by ascending key, ties in the round's order.
    ///
    /// ```
    /// # let round = market_kit::testing::round([("a", 0, 10)]);
    /// # let book = market_kit::Book::new(&round);
    /// let dearest_first = book.buyers_by(|position| std::cmp::Reverse(position.bid));
    /// let by_priority = book.buyers_by(|position| position.rank);
    /// ```
    #[must_use]
    pub fn buyers_by<K: Ord>(&self, key: impl Fn(&Position) -> K) -> Vec<u32> {
        self.merit_order(with_energy(&self.deficit), key)
    }

    fn merit_order<K: Ord>(&self, members: impl Iterator<Item = u32>, key: impl Fn(&Position) -> K) -> Vec<u32> {
        // Keys are stored next to the indexes, so that sorting a million members does not miss the cache at every
        // comparison. With the index as second key, the unstable sort, which needs no extra memory, is stable.
        let mut order: Vec<(K, u32)> = members.map(|member| (key(self.position(member)), member)).collect();
        order.sort_unstable();
        order.into_iter().map(|(_, member)| member).collect()
    }

    /// Returns the total unsold surplus of `sellers`, in Wh.
    #[must_use]
    pub fn supply(&self, sellers: &[u32]) -> u128 {
        sellers.iter().map(|&seller| u128::from(self.surplus(seller))).sum()
    }

    /// Returns the total uncovered deficit of `buyers`, in Wh.
    #[must_use]
    pub fn demand(&self, buyers: &[u32]) -> u128 {
        buyers.iter().map(|&buyer| u128::from(self.deficit(buyer))).sum()
    }

    /// Makes supply and demand equal by rationing the larger of the two pro rata.
    ///
    /// The smaller total is [`split`](crate::split()) among the members of the larger side in proportion to their
    /// energy; each trades the excess over its part with the grid immediately. Does nothing without sellers or without
    /// buyers.
    ///
    /// ```
    /// use market_kit::{Book, testing};
    ///
    /// let round = testing::round([("anna", 300, 0), ("ben", 100, 0), ("carla", 0, 200)]);
    /// let mut book = Book::new(&round);
    /// book.pro_rata(&book.sellers(), &book.buyers());
    /// assert_eq!((book.surplus(0), book.surplus(1)), (150, 50));
    /// ```
    pub fn pro_rata(&mut self, sellers: &[u32], buyers: &[u32]) {
        if sellers.is_empty() || buyers.is_empty() {
            return;
        }
        let (supply, demand) = (self.supply(sellers), self.demand(buyers));
        if supply > demand {
            self.ration_sellers(sellers, demand);
        } else {
            self.ration_buyers(buyers, supply);
        }
    }

    /// Reduces the total surplus of `sellers` to `demand` (Wh), in proportion to the surplus of each, and sells the
    /// excess to the grid. Does nothing if the total does not exceed `demand`.
    pub fn ration_sellers(&mut self, sellers: &[u32], demand: u128) {
        let surplus: Vec<u64> = sellers.iter().map(|&seller| self.surplus(seller)).collect();
        let total = split::sum(&surplus);
        if demand < total {
            for (&seller, part) in sellers.iter().zip(split::parts(0, demand, &surplus, total)) {
                self.sell_to_grid(seller, self.surplus(seller) - part);
            }
        }
    }

    /// Reduces the total deficit of `buyers` to `supply` (Wh), in proportion to the deficit of each, and buys the
    /// excess from the grid. Does nothing if the total does not exceed `supply`.
    pub fn ration_buyers(&mut self, buyers: &[u32], supply: u128) {
        let deficit: Vec<u64> = buyers.iter().map(|&buyer| self.deficit(buyer)).collect();
        let total = split::sum(&deficit);
        if supply < total {
            for (&buyer, part) in buyers.iter().zip(split::parts(0, supply, &deficit, total)) {
                self.buy_from_grid(buyer, self.deficit(buyer) - part);
            }
        }
    }

    /// Serves the buyers in order, each from the sellers in order, until its deficit is covered or no surplus is left.
    /// All trades are at `price` (µEUR/kWh).
    ///
    /// A buyer that meets itself among the sellers skips itself; the next buyer starts with the skipped seller.
    pub fn greedy(&mut self, sellers: &[u32], buyers: &[u32], price: i64) {
        self.greedy_by(sellers, buyers, |_, _| price);
    }

    /// Like [`greedy`](Book::greedy), but with a price for each pair of seller and buyer.
    pub fn greedy_by(&mut self, sellers: &[u32], buyers: &[u32], price: impl Fn(&Position, &Position) -> i64) {
        let mut queue = Queue::new(sellers);
        for &buyer in buyers {
            while self.deficit(buyer) > 0 {
                let Some(seller) = queue.first_for(buyer) else { break };
                let price = price(self.position(seller), self.position(buyer));
                self.trade(Party::Member(seller), Party::Member(buyer), u64::MAX, price);
                if self.surplus(seller) == 0 {
                    queue.remove(seller);
                }
            }
        }
    }

    /// Records a trade at `price` (µEUR/kWh) and returns its energy: the least of `energy`, the seller's surplus and
    /// the buyer's deficit (Wh). The grid and the operator have no limits.
    ///
    /// Records nothing and returns 0 if that energy is 0, or if a party would trade with itself.
    ///
    /// ```
    /// use market_kit::{Book, Party, testing};
    ///
    /// let round = testing::round([("anna", 300, 0), ("ben", 0, 200)]);
    /// let mut book = Book::new(&round);
    /// assert_eq!(book.trade(Party::Member(0), Party::Operator, 250, 90_000), 250);
    /// assert_eq!(book.trade(Party::Operator, Party::Member(1), 250, 95_000), 200);
    /// assert_eq!((book.surplus(0), book.deficit(1)), (50, 0));
    /// ```
    #[inline]
    pub fn trade(&mut self, seller: Party, buyer: Party, energy: u64, price: i64) -> u64 {
        let has = if let Party::Member(member) = seller { self.surplus(member) } else { u64::MAX };
        let needs = if let Party::Member(member) = buyer { self.deficit(member) } else { u64::MAX };
        let energy = energy.min(has).min(needs);
        if energy == 0 || seller == buyer {
            return 0;
        }
        if let Party::Member(member) = seller {
            self.surplus[member as usize] -= energy;
        }
        if let Party::Member(member) = buyer {
            self.deficit[member as usize] -= energy;
        }
        self.trades.push(Trade { seller, buyer, energy, price });
        energy
    }

    /// Sells up to `energy` (Wh) of the seller's remaining surplus to the grid, at the member's feed-in price.
    pub fn sell_to_grid(&mut self, seller: u32, energy: u64) {
        self.trade(Party::Member(seller), Party::Grid, energy, self.position(seller).feed_in);
    }

    /// Buys up to `energy` (Wh) of the buyer's remaining deficit from the grid, at the member's retail price.
    pub fn buy_from_grid(&mut self, buyer: u32, energy: u64) {
        self.trade(Party::Grid, Party::Member(buyer), energy, self.position(buyer).retail);
    }

    /// Trades all remaining energy with the grid and returns all trades.
    #[must_use]
    pub fn rest(mut self) -> Vec<Trade> {
        for (member, _) in (0..).zip(self.positions) {
            self.sell_to_grid(member, u64::MAX);
            self.buy_from_grid(member, u64::MAX);
        }
        self.trades
    }
}

/// Returns the indexes with energy left.
fn with_energy(energies: &[u64]) -> impl Iterator<Item = u32> {
    // OK to count in 32 bits because the interface indexes parties with 32 bits.
    (0..).zip(energies).filter(|&(_, &energy)| energy > 0).map(|(member, _)| member)
}
